package match

import (
	"bytes"
	"fmt"
	"hash/maphash"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// Any is a compiled list of predicates: a payload matches it if it matches at least one of them. It
// is immutable and safe for concurrent use.
type Any struct {
	one      predicate // if there is only one
	patterns []pattern // without duplicates
	index    *index    // nil if there are fewer than two
}

// CompileAny compiles predicates from checked JSON texts. An empty list matches nothing.
func CompileAny(predicates [][]byte) (*Any, error) {
	a := new(Any)
	if len(predicates) == 1 {
		if err := a.one.root.compile(predicates[0]); err != nil {
			return nil, fmt.Errorf("predicate 0: %w", err)
		}
		a.patterns = []pattern{a.one.root}
		a.one.prepareSearch()
		return a, nil
	}
	a.patterns = make([]pattern, 0, len(predicates))
	known := make(map[uint64]int, len(predicates)) // the index of a predicate by its hash
	for i, text := range predicates {
		hash := maphash.Bytes(seed, text)
		if at, found := known[hash]; found && bytes.Equal(predicates[at], text) {
			continue
		}
		known[hash] = i
		var p pattern
		if err := p.compile(text); err != nil {
			return nil, fmt.Errorf("predicate %d: %w", i, err)
		}
		a.patterns = append(a.patterns, p)
	}
	if len(a.patterns) > 0 {
		a.index = newIndex(a.patterns)
		if m := a.index.root.members; m != nil {
			m.keys.prepareSearch()
		}
	}
	return a, nil
}

// MatchWithin reports whether the stored text satisfies at least one of the predicates. It recurses
// only as deep as the predicates are nested. The result means nothing if the text is not JSON, or
// if it is false and the work has ended.
func (a *Any) MatchWithin(payload []byte, work *Work) bool {
	if a.index == nil {
		return len(a.patterns) == 1 && a.one.matchWithin(payload, work)
	}
	if !work.Spend(len(payload) / 8) {
		return false
	}
	root := &a.index.root
	if root.holds == 0 && root.elements == nil && root.members.keys.absentFrom(payload) {
		return false
	}
	return a.index.matchesAny(a.patterns, payload, jsonvalue.SkipSpace(payload, 0), work)
}
