package match

import (
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// Match reports whether the stored text satisfies the predicate. It recurses only as deep as the predicate is nested. For text
// that is not JSON the answer means nothing.
func (p *Predicate) Match(payload []byte) bool {
	if p.needle.absentFrom(payload) && !hasEscapes(payload) {
		return false
	}
	return p.root.matches(payload, jsonvalue.SkipSpace(payload, 0))
}

// matches looks at the value that starts at text[i].
func (p *pattern) matches(text []byte, i int) bool {
	if i >= len(text) {
		return false
	}
	switch p.kind {
	case jsonvalue.KindObject:
		return text[i] == '{' && p.matchesObject(text, i)
	case jsonvalue.KindArray:
		return text[i] == '[' && p.matchesArray(text, i)
	case jsonvalue.KindString:
		return text[i] == '"' && p.matchesString(text, i+1)
	case jsonvalue.KindNumber:
		return p.matchesNumber(text[i:jsonvalue.SkipValue(text, i)])
	default:
		return text[i] == p.text[0]
	}
}

func (p *pattern) matchesString(text []byte, start int) bool {
	if end := start + len(p.text); p.plain && end < len(text) && text[end] == '"' && string(text[start:end]) == p.text {
		return true
	}
	end, escaped := jsonvalue.SkipString(text, start)
	if !escaped {
		return string(text[start:end]) == p.text
	}
	return jsonvalue.EqualString(text[start:end], p.text)
}

func (p *pattern) matchesNumber(text []byte) bool {
	if string(text) == p.text {
		return true
	}
	if jsonvalue.Kind(text) != jsonvalue.KindNumber {
		return false
	}
	return jsonvalue.EqualNumbers(text, p.number)
}

// matchesObject walks the object before it compares anything, since a later member may replace an earlier one. The walk ends
// early only where no wanted key occurs again.
func (p *pattern) matchesObject(text []byte, i int) bool {
	var few [manyKeys]int
	starts := few[:]
	if len(p.fields) > len(few) {
		starts = make([]int, len(p.fields))
	}
	missing, tries := len(p.fields), searchTries
	i = jsonvalue.FirstItem(text, i)
	for i < len(text) && text[i] == '"' {
		key, escaped, value := jsonvalue.SkipKey(text, i)
		if at := p.keys.find(key, escaped); at >= 0 {
			if starts[at] == 0 {
				missing--
			}
			starts[at] = value
			if missing == 0 && tries > 0 {
				if p.keys.absentFrom(text[value:]) {
					break
				}
				tries--
			}
		}
		i = jsonvalue.NextItem(text, value)
	}
	if missing > 0 {
		return false
	}
	for at := range p.fields {
		if !p.fields[at].matches(text, starts[at]) {
			return false
		}
	}
	return true
}

// matchesArray walks the payload's array once for each 64 elements of the predicate.
func (p *pattern) matchesArray(text []byte, i int) bool {
	first := jsonvalue.FirstItem(text, i)
	for from := 0; from < len(p.elements); from += 64 {
		wanted := p.elements[from:min(from+64, len(p.elements))]
		pending := ^uint64(0) >> (64 - len(wanted))
		for i = first; pending != 0; {
			if i >= len(text) || text[i] == ']' {
				return false
			}
			for at := range wanted {
				if pending&(1<<at) != 0 && wanted[at].matches(text, i) {
					pending &^= 1 << at
				}
			}
			i = jsonvalue.NextItem(text, i)
		}
	}
	return true
}
