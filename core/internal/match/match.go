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
