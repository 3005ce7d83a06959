// Package termindex finds the facts that may match a query, in a time that does not depend on the
// size of the log. It maps terms (package terms) to sequence numbers.
//
// The index of a log is a Set: segments, which are immutable and cover the older facts, then
// chunks, which grow in memory with the newest ones. Facts enter a chunk; full chunks are written
// as a segment, and adjacent segments are merged. Each part covers a range of sequence numbers of
// its own, and the ranges ascend.
//
// An index proposes; the matcher of core decides. A part may propose a fact that does not match:
// its terms are hashes, a segment keeps 40 bits of them, and terms cannot express all that a
// predicate asks for. It must never leave out one that matches.
package termindex

import "github.com/factstr/factstr-go/core/internal/terms"

// Source proposes facts of a range of sequence numbers. Sources are safe for concurrent use.
type Source interface {
	// Candidates visits the sequence numbers in (after, upTo] that may match q, each once, in
	// ascending or descending order, until visit returns false. It is lazy: what is not visited
	// costs little. The caller reads the fact and matches it.
	//
	// A query of Everything visits all numbers of the source's range, though a log may have holes
	// in it; the caller does better to read the log without an index.
	//
	// After an error, what was visited may match but is not all. A *Damage names the segment that
	// must not be asked again.
	Candidates(q terms.Query, after, upTo uint64, descending bool, visit func(sequence uint64) (more bool)) error
}

// Set asks several sources, whose ranges are disjoint and ascend, as if they were one. The slice
// belongs to the caller and is not changed while it is asked.
type Set []Source

var _ Source = Set(nil)

// Candidates implements Source.
func (s Set) Candidates(q terms.Query, after, upTo uint64, descending bool, visit func(sequence uint64) (more bool)) error {
	ended := after >= upTo || !q.Everything && len(q.Any) == 0
	take := func(sequence uint64) bool {
		ended = !visit(sequence)
		return !ended
	}
	for i := range s {
		if ended {
			break
		}
		source := s[i]
		if descending {
			source = s[len(s)-1-i]
		}
		if err := source.Candidates(q, after, upTo, descending, take); err != nil {
			return err
		}
	}
	return nil
}
