package terms

import "github.com/factstr/factstr-go/core/jsonvalue"

// nestingMax is how many levels of containers are looked into. A predicate that is checked has no
// more; what lies deeper, in a payload of another program, gives no terms on either side.
const nestingMax = 127

// level is an open container. path is its own if it is an object, else that of its elements.
type level struct {
	path   uint64
	object bool
}

// Append appends the terms of a fact: one for its type, and one for each scalar of its payload. Of
// equal keys all give terms, though only the last matches. A term may occur more than once, but
// equal neighbours in an array are one.
//
// A payload that is JSON has at most one term for each two of its bytes. Append takes time in
// proportion to the text, does not recurse, and allocates nothing for itself unless a payload is
// nested deeper than 16 levels or escapes something in a string of more than 256 bytes. The terms
// of a text that is not JSON mean nothing.
func (s Seed) Append(dst []Term, eventType string, payload []byte) []Term {
	dst = append(dst, s.ofType(eventType))
	var room [16]level
	open := room[:0]
	path := uint64(s)
	for i := jsonvalue.SkipSpace(payload, 0); i < len(payload); {
		// A value starts at i, and path leads to it.
		end := i
		switch c := payload[i]; {
		case c == '"':
			quote, escaped := jsonvalue.SkipString(payload, i+1)
			dst = add(dst, stringTerm(path, payload[i+1:quote], escaped))
			end = quote + 1
		case c == '{' || c == '[':
			if len(open) == nestingMax {
				end = jsonvalue.SkipValue(payload, i)
				break
			}
			if c == '[' {
				path = elementPath(path)
			}
			open = append(open, level{path, c == '{'})
		default:
			end = jsonvalue.SkipValue(payload, i)
			dst = add(dst, scalarTerm(path, payload[i:end]))
		}
		if end > i {
			i = jsonvalue.AfterItem(payload, end)
		} else {
			i = jsonvalue.FirstItem(payload, i)
		}
		for i < len(payload) && (payload[i] == '}' || payload[i] == ']') && len(open) > 0 {
			open = open[:len(open)-1]
			i = jsonvalue.AfterItem(payload, i+1)
		}
		if len(open) == 0 || i >= len(payload) {
			break
		}
		last := open[len(open)-1]
		path = last.path
		if last.object {
			if payload[i] != '"' {
				break
			}
			key, escaped, value := jsonvalue.SkipKey(payload, i)
			path, i = keyPath(path, key, escaped), value
		}
	}
	return dst
}

// add appends a term unless it was just appended. The terms are never empty.
func add(dst []Term, term Term) []Term {
	if dst[len(dst)-1] == term {
		return dst
	}
	return append(dst, term)
}
