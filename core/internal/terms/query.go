package terms

import (
	"slices"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// Bounds of a query, so that looking it up costs about as much as reading it. Leaving out terms is
// always safe, it only proposes more facts.
const (
	// partTermsMax is how many terms of a predicate are kept, and how many types beside them: few
	// facts that have 64 terms in common do not match.
	partTermsMax = 64
	// partsMax is the number of parts from which on predicates are left out: the query then has one
	// part with all types, or is Everything if a filter takes any type.
	partsMax = 1024
)

// Query returns what proposes the facts that match at least one of the filters. Without filters
// nothing matches, and so it is with a filter that has an empty list.
func (s Seed) Query(filters []Filter) Query {
	var q Query
	parts := 0
	for _, filter := range filters {
		switch {
		case filter.isEmpty():
		case filter.Predicates == nil:
			parts++
		default:
			parts += len(filter.Predicates)
		}
	}
	if parts > partsMax {
		return s.typesOf(filters)
	}
	q.Any = make([]Part, 0, parts)
	for _, filter := range filters {
		if filter.isEmpty() {
			continue
		}
		types := s.ofTypes(nil, filter.Types)
		if filter.Predicates == nil {
			q.Any = append(q.Any, Part{Types: types})
		}
		for _, predicate := range filter.Predicates {
			part := Part{Types: types, Terms: s.ofPredicate(predicate)}
			if len(part.Terms) > 0 && len(types) > partTermsMax {
				part.Types = nil
			}
			q.Any = append(q.Any, part)
		}
	}
	for i := range q.Any {
		if q.Any[i].Types == nil && len(q.Any[i].Terms) == 0 {
			return Query{Everything: true}
		}
	}
	return q
}

func (f *Filter) isEmpty() bool {
	return f.Types != nil && len(f.Types) == 0 || f.Predicates != nil && len(f.Predicates) == 0
}

// typesOf narrows filters by their types alone.
func (s Seed) typesOf(filters []Filter) Query {
	var types []Term
	for _, filter := range filters {
		switch {
		case filter.isEmpty():
		case filter.Types == nil:
			return Query{Everything: true}
		default:
			types = s.ofTypes(types, filter.Types)
		}
	}
	slices.Sort(types)
	return Query{Any: []Part{{Types: slices.Compact(types)}}}
}

func (s Seed) ofTypes(dst []Term, types []string) []Term {
	for _, eventType := range types {
		dst = append(dst, s.ofType(eventType))
	}
	return dst
}

// ofPredicate returns the first terms that every payload has which matches the predicate.
func (s Seed) ofPredicate(predicate []byte) []Term {
	c := collector{text: predicate}
	c.value(jsonvalue.SkipSpace(predicate, 0), uint64(s), 0)
	return c.terms
}

// collector walks a predicate once. It goes on when it has enough terms, as a later member may
// replace an earlier one, whose terms must go: only the last of equal keys counts. A collision of
// two keys makes it drop terms that it could keep.
type collector struct {
	text    []byte
	terms   []Term
	members []collected // of the objects that are open, innermost last; only those with terms
}

// collected is where the terms of an object's member are.
type collected struct {
	path     uint64
	from, to int
}

// value collects the terms of the value at text[i] and returns the index behind it.
func (c *collector) value(i int, path uint64, depth int) int {
	if i >= len(c.text) {
		return len(c.text)
	}
	switch c.text[i] {
	case '{':
		if depth < nestingMax {
			return c.object(i, path, depth+1)
		}
	case '[':
		if depth < nestingMax {
			return c.array(i, elementPath(path), depth+1)
		}
	case '"':
		quote, escaped := jsonvalue.SkipString(c.text, i+1)
		c.add(stringTerm(path, c.text[i+1:quote], escaped))
		return min(quote+1, len(c.text))
	default:
		end := jsonvalue.SkipValue(c.text, i)
		c.add(scalarTerm(path, c.text[i:end]))
		return end
	}
	return jsonvalue.SkipValue(c.text, i)
}

func (c *collector) object(i int, path uint64, depth int) int {
	base := len(c.members)
	i = jsonvalue.FirstItem(c.text, i)
	for i < len(c.text) && c.text[i] == '"' {
		key, escaped, value := jsonvalue.SkipKey(c.text, i)
		member := collected{path: keyPath(path, key, escaped)}
		c.forget(base, member.path)
		member.from = len(c.terms)
		i = jsonvalue.AfterItem(c.text, c.value(value, member.path, depth))
		if member.to = len(c.terms); member.to > member.from {
			c.members = append(c.members, member)
		}
	}
	c.members = c.members[:base]
	return min(i+1, len(c.text))
}

func (c *collector) array(i int, elements uint64, depth int) int {
	i = jsonvalue.FirstItem(c.text, i)
	for i < len(c.text) && c.text[i] != ']' {
		i = jsonvalue.AfterItem(c.text, c.value(i, elements, depth))
	}
	return min(i+1, len(c.text))
}

// forget drops the terms of an earlier member of the object whose members start at base.
func (c *collector) forget(base int, path uint64) {
	at := slices.IndexFunc(c.members[base:], func(m collected) bool { return m.path == path })
	if at < 0 {
		return
	}
	at += base
	gone := c.members[at]
	c.terms = slices.Delete(c.terms, gone.from, gone.to)
	c.members = slices.Delete(c.members, at, at+1)
	for i := at; i < len(c.members); i++ {
		c.members[i].from -= gone.to - gone.from
		c.members[i].to -= gone.to - gone.from
	}
}

// add keeps a term once. Two places of a predicate give the same term only below one array, so the
// members that it would be dropped with are the same.
func (c *collector) add(term Term) {
	if len(c.terms) < partTermsMax && !slices.Contains(c.terms, term) {
		c.terms = append(c.terms, term)
	}
}
