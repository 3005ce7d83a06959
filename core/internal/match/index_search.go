package match

import (
	"hash/maphash"
	"math"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// search is the search of one payload in an index.
type search struct {
	index    *index
	patterns []pattern
	text     []byte
	start    int // of the value that patterns are matched against
	work     *Work

	// Looking for one pattern: whether one was found. seen holds the patterns that were tried,
	// since a payload may hold the same leaf a million times.
	matched bool
	seen    seenSet
	// Looking for all patterns: how many are missing, and at which element each was tried last.
	all     bool
	missing int
	tried   places
}

// matchesAny reports whether the value at text[i] matches one of the patterns.
func (x *index) matchesAny(patterns []pattern, text []byte, i int, work *Work) bool {
	s := search{index: x, patterns: patterns, text: text, start: i, work: work}
	s.walk(&x.root, i)
	return s.matched
}

// matchesAll reports whether each of the patterns matches some element of the array at text[i].
func (x *index) matchesAll(patterns []pattern, text []byte, i int, work *Work) bool {
	s := search{index: x, patterns: patterns, text: text, work: work, all: true, missing: len(patterns)}
	for i = jsonvalue.FirstItem(text, i); i < len(text) && text[i] != ']'; {
		s.start = i
		if s.walk(&x.root, i) {
			break
		}
		next := jsonvalue.NextItem(text, i)
		if !work.Spend(next - i) {
			break
		}
		i = next
	}
	return s.missing == 0
}

// walk follows the branches into the value at text[i], and reports whether the search is over.
func (s *search) walk(b *branch, i int) (over bool) {
	if i >= len(s.text) {
		return false
	}
	switch s.text[i] {
	case '{':
		if b.holds&(1<<jsonvalue.KindObject) != 0 && s.try(leafHash(uint64(b.id), jsonvalue.KindObject, 0)) {
			return true
		}
		return b.members != nil && s.walkObject(b.members, i)
	case '[':
		if b.holds&(1<<jsonvalue.KindArray) != 0 && s.try(leafHash(uint64(b.id), jsonvalue.KindArray, 0)) {
			return true
		}
		return b.elements != nil && s.walkArray(b.elements, i)
	}
	return b.holds != 0 && s.lookUp(b, i)
}

// walkObject follows every member. A member that a later one replaces may lead to a pattern that
// does not match, but never hides one that does.
func (s *search) walkObject(m *members, i int) (over bool) {
	tries, began := searchTries, i-16
	i = jsonvalue.FirstItem(s.text, i)
	for i < len(s.text) && s.text[i] == '"' {
		key, escaped, value := jsonvalue.SkipKey(s.text, i)
		if at := m.keys.find(key, escaped); at >= 0 {
			if s.walk(m.fields[at], value) {
				return true
			}
			if tries > 0 && m.keys.absentFrom(s.text[value:]) {
				return false
			}
			tries--
		}
		i = jsonvalue.NextItem(s.text, value)
	}
	return !s.work.Spend(i - began)
}

func (s *search) walkArray(b *branch, i int) (over bool) {
	i = jsonvalue.FirstItem(s.text, i)
	for i < len(s.text) && s.text[i] != ']' {
		if s.walk(b, i) {
			return true
		}
		next := jsonvalue.NextItem(s.text, i)
		if !s.work.Spend(next - i) {
			return true
		}
		i = next
	}
	return false
}

// lookUp tries the patterns that are filed under the scalar at text[i].
func (s *search) lookUp(b *branch, i int) (over bool) {
	kind, value := jsonvalue.KindBool, uint64(s.text[i])
	switch s.text[i] {
	case '"':
		if b.holds&(1<<jsonvalue.KindString) == 0 {
			return false
		}
		var room [64]byte
		end, escaped := jsonvalue.SkipString(s.text, i+1)
		inner := s.text[i+1 : end]
		if escaped {
			if !s.work.Spend(spelledWork * len(inner)) {
				return true
			}
			inner = jsonvalue.AppendUnescaped(room[:0], inner)
		}
		kind, value = jsonvalue.KindString, maphash.Bytes(seed, inner)
	case 't', 'f':
	case 'n':
		kind, value = jsonvalue.KindNull, 0
	default:
		if b.holds&(1<<jsonvalue.KindNumber) == 0 {
			return false
		}
		number := s.text[i:jsonvalue.SkipValue(s.text, i)]
		if !s.work.Spend(32 + spelledWork*len(number)) {
			return true
		}
		kind, value = jsonvalue.KindNumber, jsonvalue.NumberHash(seed, number)
	}
	return s.try(leafHash(uint64(b.id), kind, value))
}

// try matches the patterns that are filed under a leaf in full.
func (s *search) try(hash uint64) (over bool) {
	entries := s.index.entries
	for at := s.index.heads[uint32(hash>>32)&uint32(len(s.index.heads)-1)]; at != none; at = entries[at].next {
		if entries[at].hash != uint32(hash) || !s.isNew(at) {
			continue
		}
		if !s.work.Spend(64) {
			return true
		}
		switch matches := s.patterns[at].matches(s.text, s.start, s.work); {
		case !matches:
			if s.work.Ended() {
				return true
			}
		case !s.all:
			s.matched = true
			return true
		default:
			s.tried.set(at, found, len(s.patterns))
			if s.missing--; s.missing == 0 {
				return true
			}
		}
	}
	return false
}

// isNew reports whether a pattern has not been tried yet, and notes that it is tried now.
func (s *search) isNew(at int32) bool {
	if !s.all {
		return s.seen.add(at, len(s.patterns))
	}
	if place := s.tried.get(at); place == found || place == uint32(s.start)+1 {
		s.work.Spend(16)
		return false
	}
	s.tried.set(at, uint32(s.start)+1, len(s.patterns))
	return true
}

// places has, for each pattern, the place of the element at which it was tried last, counted from
// 1, or found; 0 if it was not tried. Its size grows with the number of patterns that were tried,
// since there may be many patterns and many short arrays.
type places struct {
	some map[int32]uint32
	each []uint32 // instead, once those are many
}

const (
	// found is the place of a pattern that was found.
	found = math.MaxUint32
	// fewPlaces is the number of patterns up to which there is room for each at once.
	fewPlaces = 256
)

func (p *places) get(at int32) uint32 {
	if p.each != nil {
		return p.each[at]
	}
	return p.some[at]
}

func (p *places) set(at int32, place uint32, patterns int) {
	if p.each == nil && (patterns <= fewPlaces || len(p.some) > patterns/32) {
		p.each = make([]uint32, patterns)
		for at, place := range p.some {
			p.each[at] = place
		}
		p.some = nil
	}
	if p.each != nil {
		p.each[at] = place
		return
	}
	if p.some == nil {
		p.some = make(map[int32]uint32)
	}
	p.some[at] = place
}

// seenSet is a set of patterns that allocates nothing while it is small.
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
