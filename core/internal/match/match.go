package match

import (
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// Match reports whether the stored text satisfies the predicate. It recurses only as deep as the predicate is nested. For text
// that is not JSON the answer means nothing.
func (p *Predicate) Match(payload []byte) bool {
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
	return jsonvalue.CompareNumbers(text, p.number) == 0
}

// matchesObject walks the whole object before it compares anything, since a later member may replace an earlier one.
func (p *pattern) matchesObject(text []byte, i int) bool {
	var few [manyFields]int
	starts := few[:]
	if len(p.fields) > len(few) {
		starts = make([]int, len(p.fields))
	}
	missing := len(p.fields)
	i = jsonvalue.SkipSpace(text, i+1)
	for i < len(text) && text[i] == '"' {
		keyStart := i + 1
		keyEnd, escaped := jsonvalue.SkipString(text, keyStart)
		i = valueStart(text, keyEnd)
		if at := p.field(text[keyStart:keyEnd], escaped); at >= 0 {
			if starts[at] == 0 {
				missing--
			}
			starts[at] = i
		}
		i = nextItem(text, jsonvalue.SkipValue(text, i))
	}
	if missing > 0 {
		return false
	}
	for at := range p.fields {
		if !p.fields[at].pattern.matches(text, starts[at]) {
			return false
		}
	}
	return true
}

// field answers which member of the predicate a key names, or -1.
func (p *pattern) field(key []byte, escaped bool) int {
	if escaped {
		var room [64]byte
		key = jsonvalue.AppendUnescaped(room[:0], key)
	}
	if p.byKey != nil {
		if at, found := p.byKey[string(key)]; found {
			return at
		}
		return -1
	}
	for at := range p.fields {
		if string(key) == p.fields[at].key {
			return at
		}
	}
	return -1
}

// matchesArray walks the payload's array once for each 64 elements of the predicate.
func (p *pattern) matchesArray(text []byte, i int) bool {
	first := jsonvalue.SkipSpace(text, i+1)
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
			i = nextItem(text, jsonvalue.SkipValue(text, i))
		}
	}
	return true
}

// valueStart answers where the value begins whose key ends with the quote at keyEnd.
func valueStart(text []byte, keyEnd int) int {
	i := keyEnd + 1
	if i < len(text) && text[i] != ':' {
		i = jsonvalue.SkipSpace(text, i)
	}
	i++
	if i < len(text) && text[i] <= ' ' {
		i = jsonvalue.SkipSpace(text, i)
	}
	return min(i, len(text))
}

// nextItem takes the index behind a member or element, and answers where the next one begins, or the container's end stands.
func nextItem(text []byte, i int) int {
	if i < len(text) && text[i] <= ' ' {
		i = jsonvalue.SkipSpace(text, i)
	}
	if i < len(text) && text[i] == ',' {
		if i++; i < len(text) && text[i] <= ' ' {
			i = jsonvalue.SkipSpace(text, i)
		}
	}
	return i
}
