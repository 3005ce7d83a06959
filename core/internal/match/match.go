package match

import (
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// matchWithin reports whether the stored text satisfies the predicate, as Any.MatchWithin does.
func (p *predicate) matchWithin(payload []byte, work *Work) bool {
	if !work.Spend(len(payload) / 8) {
		return false
	}
	if p.needle.absentFrom(payload) && !hasEscapes(payload) {
		return false
	}
	return p.root.matches(payload, jsonvalue.SkipSpace(payload, 0), work)
}

// matches reports whether the value that starts at text[i] matches the pattern.
func (p *pattern) matches(text []byte, i int, work *Work) bool {
	if i >= len(text) {
		return false
	}
	switch p.kind {
	case jsonvalue.KindObject:
		return text[i] == '{' && (p.inner == nil || p.inner.matchesObject(text, i, work))
	case jsonvalue.KindArray:
		return text[i] == '[' && (p.inner == nil || p.inner.matchesArray(text, i, work))
	case jsonvalue.KindString:
		return text[i] == '"' && p.matchesString(text, i+1, work)
	case jsonvalue.KindNumber:
		return p.matchesNumber(text[i:jsonvalue.SkipValue(text, i)], work)
	default:
		return text[i] == p.text[0]
	}
}

func (p *pattern) matchesString(text []byte, start int, work *Work) bool {
	if end := start + len(p.text); p.plain && end < len(text) && text[end] == '"' && string(text[start:end]) == p.text {
		return true
	}
	end, escaped := jsonvalue.SkipString(text, start)
	if !escaped {
		return string(text[start:end]) == p.text
	}
	return work.Spend(spelledWork*(end-start)) && jsonvalue.EqualString(text[start:end], p.text)
}

// spelledWork is what a byte counts for if it must be decoded: in an escaped string, or in a number
// that is not spelled like the predicate's.
const spelledWork = 4

func (p *pattern) matchesNumber(text []byte, work *Work) bool {
	if string(text) == p.text {
		return true
	}
	if jsonvalue.Kind(text) != jsonvalue.KindNumber {
		return false
	}
	return work.Spend(spelledWork*len(text)) && jsonvalue.EqualNumbers(text, p.bytes())
}

// matchesObject walks the whole object before it compares anything, since a later member may
// replace an earlier one. The walk ends early only if no wanted key occurs in the rest.
func (c *container) matchesObject(text []byte, i int, work *Work) bool {
	var few [manyKeys]int
	starts := few[:]
	if len(c.values) > len(few) {
		// Room for many keys costs more than a walk through a small object.
		if len(c.values) > countedKeys {
			if end, enough := countMembers(text, i, len(c.values)); !work.Spend(end-i) || !enough {
				return false
			}
		}
		starts = make([]int, len(c.values))
	}
	began, keys := i, c.keys
	missing, tries := len(c.values), searchTries
	i = jsonvalue.FirstItem(text, i)
	for i < len(text) && text[i] == '"' {
		key, escaped, value := jsonvalue.SkipKey(text, i)
		if at := keys.find(key, escaped); at >= 0 {
			if starts[at] == 0 {
				missing--
			}
			starts[at] = value
			if missing == 0 && tries > 0 {
				if keys.absentFrom(text[value:]) {
					break
				}
				tries--
			}
		}
		i = jsonvalue.NextItem(text, value)
	}
	if !work.Spend(i-began+16*len(c.values)) || missing > 0 {
		return false
	}
	for at := range c.values {
		if !c.values[at].matches(text, starts[at], work) {
			return false
		}
	}
	return true
}

// countedKeys is the number of wanted keys above which the payload's members are counted first.
const countedKeys = 128

// countMembers reports whether the object at text[i] has at least wanted members, and how far it
// looked.
func countMembers(text []byte, i, wanted int) (end int, enough bool) {
	for i = jsonvalue.FirstItem(text, i); i < len(text) && text[i] == '"' && wanted > 0; wanted-- {
		_, _, value := jsonvalue.SkipKey(text, i)
		i = jsonvalue.NextItem(text, value)
	}
	return i, wanted <= 0
}

// matchesArray walks the payload's array once. It compares each element with all elements of the
// predicate that have not been found yet.
func (c *container) matchesArray(text []byte, i int, work *Work) bool {
	if c.index != nil {
		return c.index.matchesAll(c.values, text, i, work)
	}
	pending := uint64(1)<<len(c.values) - 1
	for i = jsonvalue.FirstItem(text, i); pending != 0; {
		if i >= len(text) || text[i] == ']' {
			return false
		}
		for at := range c.values {
			if pending&(1<<at) != 0 && c.values[at].matches(text, i, work) {
				pending &^= 1 << at
			}
		}
		next := jsonvalue.NextItem(text, i)
		if !work.Spend(next - i + 4*len(c.values)) {
			return false
		}
		i = next
	}
	return true
}
