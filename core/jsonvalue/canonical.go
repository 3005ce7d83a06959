package jsonvalue

import (
	"bytes"
	"slices"
	"strconv"
)

// recursionLimit bounds functions that recurse. Checked text is nested at most 127 levels deep.
const recursionLimit = 200

// AppendCanonical appends the text that serde_json 1.0.154 writes for a checked value: compact,
// keys sorted by their UTF-8 bytes, the last of duplicate keys, i64 and u64 integers exact, every
// other number as the shortest text of its float64.
//
// The last rule loses digits of numbers that neither an integer of 64 bits nor a float64 holds, so
// the result is a key for comparing queries as the Rust stores do, not a substitute for a payload.
// Values nested deeper than 200 levels are copied compactly instead; so are numbers beyond
// float64's range.
func AppendCanonical(dst, text []byte) []byte {
	var room [16]member
	w := canonicalWriter{text: text, out: dst, members: room[:0]}
	w.value(SkipSpace(text, 0), 0)
	return w.out
}

// canonicalWriter writes members as it meets them and sorts an object afterwards, which most
// objects do not need.
type canonicalWriter struct {
	text    []byte
	out     []byte
	members []member // of all open objects, innermost last
	scratch []byte
}

type member struct {
	key        []byte // unescaped
	start, end int    // of key and value in out
}

// value writes the value at i and returns the index behind it in the text.
func (w *canonicalWriter) value(i, depth int) int {
	switch kindAt(w.text, i) {
	case KindObject:
		if depth < recursionLimit {
			return w.object(i, depth+1)
		}
	case KindArray:
		if depth < recursionLimit {
			return w.array(i, depth+1)
		}
	case KindString:
		end, _ := SkipString(w.text, i+1)
		w.out = appendCanonicalString(w.out, w.text[i+1:end])
		return min(end+1, len(w.text))
	case KindNumber:
		end := skipScalar(w.text, i)
		w.out = appendCanonicalNumber(w.out, w.text[i:end])
		return end
	}
	end := SkipValue(w.text, i)
	w.out = AppendCompact(w.out, w.text[i:end])
	return end
}

func (w *canonicalWriter) array(i, depth int) int {
	w.out = append(w.out, '[')
	i = SkipSpace(w.text, i+1)
	for i < len(w.text) && w.text[i] != ']' {
		i = SkipSpace(w.text, w.value(i, depth))
		if i >= len(w.text) || w.text[i] != ',' {
			break
		}
		w.out = append(w.out, ',')
		i = SkipSpace(w.text, i+1)
	}
	w.out = append(w.out, ']')
	return min(i+1, len(w.text))
}

func (w *canonicalWriter) object(i, depth int) int {
	w.out = append(w.out, '{')
	start, base := len(w.out), len(w.members)
	ordered := true
	i = SkipSpace(w.text, i+1)
	for i < len(w.text) && w.text[i] == '"' {
		if len(w.members) > base {
			w.out = append(w.out, ',')
		}
		entry := member{start: len(w.out)}
		keyEnd, escaped := SkipString(w.text, i+1)
		entry.key = w.text[i+1 : keyEnd]
		w.out = appendCanonicalString(w.out, entry.key)
		w.out = append(w.out, ':')
		if escaped {
			entry.key = AppendUnescaped(nil, entry.key)
		}
		i = SkipSpace(w.text, min(keyEnd+1, len(w.text)))
		if i < len(w.text) && w.text[i] == ':' {
			i = SkipSpace(w.text, i+1)
		}
		i = SkipSpace(w.text, w.value(i, depth))
		entry.end = len(w.out)
		if ordered && len(w.members) > base {
			ordered = bytes.Compare(w.members[len(w.members)-1].key, entry.key) < 0
		}
		w.members = append(w.members, entry)
		if i >= len(w.text) || w.text[i] != ',' {
			break
		}
		i = SkipSpace(w.text, i+1)
	}
	if !ordered {
		w.reorder(start, w.members[base:])
	}
	w.members = w.members[:base]
	w.out = append(w.out, '}')
	return min(i+1, len(w.text))
}

// reorder sorts the members that were written from start on, and keeps only the last of equal keys.
func (w *canonicalWriter) reorder(start int, members []member) {
	slices.SortStableFunc(members, func(a, b member) int { return bytes.Compare(a.key, b.key) })
	w.scratch = append(w.scratch[:0], w.out[start:]...)
	w.out = w.out[:start]
	for i, m := range members {
		if i+1 < len(members) && bytes.Equal(m.key, members[i+1].key) {
			continue
		}
		if len(w.out) > start {
			w.out = append(w.out, ',')
		}
		w.out = append(w.out, w.scratch[m.start-start:m.end-start]...)
	}
}

// appendCanonicalString writes the inner text of a string in its canonical spelling. Lone
// surrogates stay escapes, since UTF-8 cannot express them.
func appendCanonicalString(dst, inner []byte) []byte {
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 {
			break
		}
		dst = append(dst, inner[:i]...)
		r, size := decodeEscape(inner, i)
		switch {
		case isSurrogate(r):
			dst = append(dst, '\\', 'u')
			dst = strconv.AppendInt(dst, int64(r), 16)
		case r < ' ' || r == '"' || r == '\\':
			dst = appendEscaped(dst, byte(r))
		default:
			dst = appendCodePoint(dst, r)
		}
		inner = inner[i+size:]
	}
	dst = append(dst, inner...)
	return append(dst, '"')
}

func appendCanonicalNumber(dst, text []byte) []byte {
	if !bytes.ContainsAny(text, ".eE") && string(text) != "-0" {
		if _, err := strconv.ParseUint(string(text), 10, 64); err == nil {
			return append(dst, text...)
		}
		if _, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			return append(dst, text...)
		}
	}
	value, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return append(dst, text...)
	}
	return appendFloat(dst, value)
}

// appendFloat writes the shortest digits that identify value: plain for 1e-5 <= |value| < 1e16,
// with an exponent otherwise.
func appendFloat(dst []byte, value float64) []byte {
	var room [32]byte
	// The form is d[.ddd]e±dd.
	text := strconv.AppendFloat(room[:0], value, 'e', -1, 64)
	if text[0] == '-' {
		dst = append(dst, '-')
		text = text[1:]
	}
	mark := bytes.IndexByte(text, 'e')
	power, _ := strconv.Atoi(string(text[mark+1:]))
	if value != 0 && (power < -5 || power >= 16) {
		dst = append(dst, text[:mark+2]...)
		return strconv.AppendInt(dst, int64(max(power, -power)), 10)
	}
	digits := text[:1]
	if mark > 2 {
		digits = append(digits, text[2:mark]...)
	}
	if power < 0 {
		dst = append(dst, "0.0000"[:1-power]...)
		return append(dst, digits...)
	}
	for i, c := range digits {
		if i == power+1 {
			dst = append(dst, '.')
		}
		dst = append(dst, c)
	}
	for i := len(digits); i <= power; i++ {
		dst = append(dst, '0')
	}
	if len(digits) <= power+1 {
		dst = append(dst, '.', '0')
	}
	return dst
}

// AppendCompact appends the text without insignificant white space.
func AppendCompact(dst, text []byte) []byte {
	start := 0
	for i := 0; i < len(text); {
		switch text[i] {
		case '"':
			end, _ := SkipString(text, i+1)
			i = end + 1
		case ' ', '\n', '\r', '\t':
			dst = append(dst, text[start:i]...)
			i = SkipSpace(text, i)
			start = i
		default:
			i++
		}
	}
	return append(dst, text[min(start, len(text)):]...)
}
