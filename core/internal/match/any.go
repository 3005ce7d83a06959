package match

import (
	"fmt"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// Any matches what at least one of many predicates matches. It is immutable and safe for concurrent use.
//
// Each predicate is filed under one scalar that it requires at one path. A payload is walked once along the paths that occur,
// its scalars there are looked up, and only the predicates filed under them are matched in full. So a hundred times
// {"hash":"..."} cost little more than one.
type Any struct {
	predicates []Predicate
	root       *branch
	// next leads from a predicate to another one that is filed under the same scalar, or to none.
	next []int32
	// unfiled are the predicates that require no scalar, such as {} and {"a":[]}.
	unfiled []int32
}

// CompileAny prepares predicates from checked JSON texts. An empty list matches nothing.
func CompileAny(predicates [][]byte) (*Any, error) {
	a := &Any{predicates: make([]Predicate, len(predicates))}
	for i, text := range predicates {
		if err := a.predicates[i].compile(text); err != nil {
			return nil, fmt.Errorf("predicate %d: %w", i, err)
		}
	}
	if len(predicates) == 1 {
		a.predicates[0].prepareSearch()
		return a, nil
	}
	a.file()
	return a, nil
}

// Match reports whether the stored text satisfies at least one of the predicates.
func (a *Any) Match(payload []byte) bool {
	if len(a.predicates) == 1 {
		return a.predicates[0].Match(payload)
	}
	start := jsonvalue.SkipSpace(payload, 0)
	for _, at := range a.unfiled {
		if a.predicates[at].root.matches(payload, start) {
			return true
		}
	}
	if a.root == nil {
		return false
	}
	if !a.root.holdsScalars && a.root.elements == nil && a.root.keys.absentFrom(payload) {
		return false
	}
	s := search{any: a, text: payload, start: start}
	return s.walk(a.root, start)
}

// search is one payload's way through the branches.
type search struct {
	any   *Any
	text  []byte
	start int
	// seen remembers the predicates that were tried: a payload may hold the same scalar a million times.
	seen seenSet
}

func (s *search) walk(b *branch, i int) bool {
	if i >= len(s.text) {
		return false
	}
	switch s.text[i] {
	case '{':
		return b.fields != nil && s.walkObject(b, i)
	case '[':
		return b.elements != nil && s.walkArray(b.elements, i)
	}
	return b.holdsScalars && s.try(b.lookUp(s.text, i))
}

// walkObject follows every member. A member that a later one replaces may lead to a predicate in vain, never past one.
func (s *search) walkObject(b *branch, i int) bool {
	tries := searchTries
	i = jsonvalue.FirstItem(s.text, i)
	for i < len(s.text) && s.text[i] == '"' {
		key, escaped, value := jsonvalue.SkipKey(s.text, i)
		if at := b.keys.find(key, escaped); at >= 0 {
			if s.walk(b.fields[at], value) {
				return true
			}
			if tries > 0 && b.keys.absentFrom(s.text[value:]) {
				return false
			}
			tries--
		}
		i = jsonvalue.NextItem(s.text, value)
	}
	return false
}

func (s *search) walkArray(b *branch, i int) bool {
	i = jsonvalue.FirstItem(s.text, i)
	for i < len(s.text) && s.text[i] != ']' {
		if s.walk(b, i) {
			return true
		}
		i = jsonvalue.NextItem(s.text, i)
	}
	return false
}

// try matches in full the predicates of a list.
func (s *search) try(at int32) bool {
	for ; at != none; at = s.any.next[at] {
		if s.seen.add(at, len(s.any.predicates)) && s.any.predicates[at].root.matches(s.text, s.start) {
			return true
		}
	}
	return false
}

// seenSet is a set of predicates that needs no allocation while it is small.
type seenSet struct {
	few    [8]int32
	fewLen int
	bits   []uint64
}

// add reports whether at was new.
func (s *seenSet) add(at int32, size int) bool {
	if s.bits == nil {
		for _, earlier := range s.few[:s.fewLen] {
			if earlier == at {
				return false
			}
		}
		if s.fewLen < len(s.few) {
			s.few[s.fewLen] = at
			s.fewLen++
			return true
		}
		s.bits = make([]uint64, (size+63)/64)
		for _, earlier := range s.few {
			s.bits[earlier>>6] |= 1 << (earlier & 63)
		}
	}
	if s.bits[at>>6]&(1<<(at&63)) != 0 {
		return false
	}
	s.bits[at>>6] |= 1 << (at & 63)
	return true
}
