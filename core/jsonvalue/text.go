package jsonvalue

import (
	"bytes"
	"unicode/utf8"
)

// String unescapes the checked text of a JSON string. It fails with an *Error if the text is not a
// string, or holds a lone surrogate, which UTF-8 cannot express.
func String(text []byte) (string, error) {
	text = Trim(text)
	if len(text) < 2 || text[0] != '"' {
		return "", &Error{Offset: 0, Problem: "expected a string"}
	}
	end, escaped := SkipString(text, 1)
	if end != len(text)-1 {
		return "", &Error{Offset: end, Problem: "expected one string"}
	}
	if !escaped {
		return string(text[1:end]), nil
	}
	if offset, problem := scanString(text, 1, false); problem != "" {
		return "", &Error{Offset: offset, Problem: problem}
	}
	for i := 1; i < end; {
		if text[i] != '\\' {
			i++
			continue
		}
		r, size := decodeEscape(text, i)
		if isSurrogate(r) {
			return "", &Error{Offset: i, Problem: "lone surrogate"}
		}
		i += size
	}
	return unescaped(text[1:end], true), nil
}

// AppendUnescaped appends the characters of a string's inner text (without its quotes). A lone
// surrogate, which only unchecked text can hold, becomes the three bytes that its code point would
// have, so it equals no other string.
func AppendUnescaped(dst, inner []byte) []byte {
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 {
			return append(dst, inner...)
		}
		dst = append(dst, inner[:i]...)
		r, size := decodeEscape(inner, i)
		dst = appendCodePoint(dst, r)
		inner = inner[i+size:]
	}
}

// EqualString reports whether the inner text of a JSON string (without its quotes) spells exactly
// the characters of want. It resolves escapes on the fly.
func EqualString(inner []byte, want string) bool {
	var room [utf8.UTFMax]byte
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 {
			return string(inner) == want
		}
		if len(want) < i || string(inner[:i]) != want[:i] {
			return false
		}
		r, size := decodeEscape(inner, i)
		character := appendCodePoint(room[:0], r)
		want = want[i:]
		if len(want) < len(character) || want[:len(character)] != string(character) {
			return false
		}
		want = want[len(character):]
		inner = inner[i+size:]
	}
}

func unescaped(inner []byte, escaped bool) string {
	if !escaped {
		return string(inner)
	}
	return string(AppendUnescaped(make([]byte, 0, len(inner)), inner))
}

// AppendString appends s as a JSON string, escaped as serde_json does it: quotes, backslashes, and
// characters below U+0020 (the five short forms, else \u00xx in lower case). Nothing else is
// escaped.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' {
			dst = append(dst, s[start:i]...)
			dst = appendEscaped(dst, c)
			start = i + 1
		}
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

func appendEscaped(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}

// decodeEscape reads the escape at inner[i]; a surrogate pair is one escape. It returns the code
// point, which is a surrogate if it stands alone, and the number of bytes read. A backslash that
// starts no escape stands for itself.
func decodeEscape(inner []byte, i int) (rune, int) {
	if i+1 >= len(inner) {
		return '\\', 1
	}
	switch c := inner[i+1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	}
	unit := escapedUnit(inner, i)
	if unit < 0 {
		return '\\', 1
	}
	if isHighSurrogate(unit) {
		if low := escapedUnit(inner, i+6); isLowSurrogate(low) {
			return (unit-0xd800)<<10 + (low - 0xdc00) + 0x10000, 12
		}
	}
	return unit, 6
}

// escapedUnit returns the UTF-16 unit that \uXXXX at i spells, or -1.
func escapedUnit(text []byte, i int) rune {
	if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
		return -1
	}
	return hexUnit(text, i+2)
}

func hexUnit(text []byte, i int) rune {
	if i+4 > len(text) {
		return -1
	}
	unit := rune(0)
	for _, c := range text[i : i+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		unit = unit<<4 | rune(c)
	}
	return unit
}

func isSurrogate(r rune) bool     { return r >= 0xd800 && r <= 0xdfff }
func isHighSurrogate(r rune) bool { return r >= 0xd800 && r <= 0xdbff }
func isLowSurrogate(r rune) bool  { return r >= 0xdc00 && r <= 0xdfff }

func appendCodePoint(dst []byte, r rune) []byte {
	if isSurrogate(r) {
		return append(dst, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
	}
	return utf8.AppendRune(dst, r)
}
