// Package terms turns facts and filters into terms: hashes of an event type, and of a scalar with
// its path in the payload. A fact that matches a filter has the filter's terms, so an index from
// terms to facts proposes candidates. It may propose too much, and the matcher decides.
package terms

// Seed keys the hashes, so that nobody outside can choose terms that collide. An index on disk
// stores its seed, one in memory takes a random one.
type Seed uint64

// Term is the hash of an event type, or of a path and the scalar that it leads to.
type Term uint64

// Always is the term of facts that every query must look at: those whose own terms are unknown, or
// are more than FactMax. An owner of an index that has such facts asks for it beside the terms of a
// query (Query.OrAlways).
const Always Term = 0

// FactMax bounds the terms of one fact, and so the memory that indexing it takes.
const FactMax = 1 << 16

// Filter is what the plan compiler knows of one filter; nil leaves a side unconstrained.
type Filter struct {
	Types      []string
	Predicates [][]byte
}

// Part is one way for a fact to match: it has at least one of Types, unless that is nil, and all of
// Terms, which may be empty.
type Part struct {
	Types []Term
	Terms []Term
}

// Query proposes facts. A fact may match if Everything is set, which says that terms can narrow
// nothing, or if one of Any says so. Without either, nothing matches.
type Query struct {
	Everything bool
	Any        []Part
}

// OrAlways adds the facts that have the term Always.
func (q *Query) OrAlways() { q.Any = append(q.Any, Part{Terms: []Term{Always}}) }
