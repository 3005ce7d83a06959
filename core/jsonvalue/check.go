// Package jsonvalue reads and writes JSON text without decoding it.
//
// Payloads stay bytes from the request to the database and back, so this package works on the text
// itself: it checks text, compares two texts, and writes the canonical spelling. Scanning never
// recurses with the depth of the text, since Go cannot recover from a stack overflow and stored
// text may be nested arbitrarily deep.
package jsonvalue

import (
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// Error is why a text was refused, and where.
type Error struct {
	// Offset is the index of the byte at which the problem was found, len(text) if the text ended
	// too early.
	Offset int
	// Problem is a short description without the position, for instance "lone surrogate".
	Problem string
}

func (e *Error) Error() string { return fmt.Sprintf("%s at byte %d", e.Problem, e.Offset) }

// Check reports whether text is one JSON value that may be stored, white space around it allowed.
// Beyond JSON's grammar and valid UTF-8 it refuses lone surrogate escapes, U+0000 in any spelling,
// nesting deeper than maxDepth (a scalar has depth 0, [] depth 1), numbers that a float64 cannot
// hold (those that round to infinity, and nonzero ones that round to zero), numbers with an
// exponent beyond ±9999, and numbers of more than 1000 significant digits. The error is an *Error.
func Check(text []byte, maxDepth int) error {
	if offset, problem := scan(text, maxDepth, true); problem != "" {
		return &Error{Offset: offset, Problem: problem}
	}
	return nil
}

// Valid reports whether stored text is JSON by grammar and valid UTF-8. Unlike Check it accepts any
// depth and any number, lone surrogate escapes and \u0000, since other programs may have stored the
// text.
func Valid(text []byte) bool {
	_, problem := scan(text, int(^uint(0)>>1), false)
	return problem == ""
}

// scan walks one value. For each open container it keeps one bit: whether it is an object.
func scan(text []byte, maxDepth int, strict bool) (offset int, problem string) {
	var shallow [4]uint64
	stack := shallow[:]
	depth := 0
	inObject := false

	i := SkipSpace(text, 0)
	if i == len(text) {
		return i, "empty text"
	}
	for {
		// A value starts at i.
		if i >= len(text) {
			return i, "unexpected end of text"
		}
		switch c := text[i]; c {
		case '"':
			if i, problem = scanString(text, i+1, strict); problem != "" {
				return i, problem
			}
		case '{', '[':
			if depth >= maxDepth {
				return i, fmt.Sprintf("nesting deeper than %d levels", maxDepth)
			}
			if depth>>6 == len(stack) {
				stack = append(stack, 0)
			}
			if c == '{' {
				stack[depth>>6] |= 1 << (depth & 63)
			} else {
				stack[depth>>6] &^= 1 << (depth & 63)
			}
			inObject = c == '{'
			depth++
			if i++; i < len(text) && text[i] <= ' ' {
				i = SkipSpace(text, i)
			}
			if i < len(text) && text[i] == c+2 {
				break // an empty container: its end is read below
			}
			if inObject {
				if i, problem = scanKey(text, i, strict); problem != "" {
					return i, problem
				}
			}
			continue
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			if i, problem = scanNumber(text, i, strict); problem != "" {
				return i, problem
			}
		default:
			end := scanLiteral(text, i)
			if end < 0 {
				return i, unexpectedByte(text, i)
			}
			i = end
		}

		// A value ended at i, or an empty container is about to end.
		for {
			if i < len(text) && text[i] <= ' ' {
				i = SkipSpace(text, i)
			}
			if depth == 0 {
				if i < len(text) {
					return i, "text after the value"
				}
				return i, ""
			}
			if i >= len(text) {
				return i, "unexpected end of text"
			}
			c := text[i]
			if c == ',' {
				if i++; i < len(text) && text[i] <= ' ' {
					i = SkipSpace(text, i)
				}
				if inObject {
					if i, problem = scanKey(text, i, strict); problem != "" {
						return i, problem
					}
				}
				break
			}
			if (inObject && c != '}') || (!inObject && c != ']') {
				return i, unexpectedByte(text, i)
			}
			i++
			depth--
			if depth > 0 {
				inObject = stack[(depth-1)>>6]>>((depth-1)&63)&1 == 1
			}
		}
	}
}

// scanKey reads a key and its colon, and returns the index at which the value starts.
func scanKey(text []byte, i int, strict bool) (int, string) {
	if i >= len(text) {
		return i, "unexpected end of text"
	}
	if text[i] != '"' {
		return i, unexpectedByte(text, i)
	}
	i, problem := scanString(text, i+1, strict)
	if problem != "" {
		return i, problem
	}
	if i < len(text) && text[i] <= ' ' {
		i = SkipSpace(text, i)
	}
	if i >= len(text) {
		return i, "unexpected end of text"
	}
	if text[i] != ':' {
		return i, unexpectedByte(text, i)
	}
	if i++; i < len(text) && text[i] <= ' ' {
		i = SkipSpace(text, i)
	}
	return i, ""
}

// scanString reads from behind the opening quote to behind the closing one.
func scanString(text []byte, i int, strict bool) (int, string) {
	for {
		for i+8 <= len(text) {
			stops := stringStops(loadWord(text, i))
			if stops != 0 {
				i += bits.TrailingZeros64(stops) >> 3
				break
			}
			i += 8
		}
		for i < len(text) && text[i] >= ' ' && text[i] < utf8.RuneSelf && text[i] != '"' && text[i] != '\\' {
			i++
		}
		if i >= len(text) {
			return i, "unterminated string"
		}
		switch c := text[i]; {
		case c == '"':
			return i + 1, ""
		case c == '\\':
			size, problem := scanEscape(text, i, strict)
			if problem != "" {
				return i, problem
			}
			i += size
		case c >= utf8.RuneSelf:
			r, size := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && size == 1 {
				return i, "invalid UTF-8"
			}
			i += size
		case c == 0:
			return i, "U+0000"
		default:
			return i, "raw control character in a string"
		}
	}
}

// scanEscape returns the length of the escape at i. A surrogate pair is one escape.
func scanEscape(text []byte, i int, strict bool) (int, string) {
	if i+1 >= len(text) {
		return 0, "unterminated string"
	}
	switch text[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2, ""
	case 'u':
	default:
		return 0, "invalid escape"
	}
	unit := hexUnit(text, i+2)
	if unit < 0 {
		return 0, "invalid escape"
	}
	if !strict {
		return 6, ""
	}
	switch {
	case unit == 0:
		return 0, "U+0000"
	case !isSurrogate(unit):
		return 6, ""
	case isHighSurrogate(unit) && isLowSurrogate(escapedUnit(text, i+6)):
		return 12, ""
	}
	return 0, "lone surrogate"
}

// scanLiteral returns the index behind true, false or null, or -1.
func scanLiteral(text []byte, i int) int {
	rest := text[i:]
	switch {
	case len(rest) >= 4 && string(rest[:4]) == "true", len(rest) >= 4 && string(rest[:4]) == "null":
		return i + 4
	case len(rest) >= 5 && string(rest[:5]) == "false":
		return i + 5
	}
	return -1
}

func unexpectedByte(text []byte, i int) string {
	switch c := text[i]; {
	case i == 0 && len(text) >= 3 && string(text[:3]) == "\ufeff":
		return "byte order mark"
	case c > ' ' && c < 0x7f:
		return fmt.Sprintf("unexpected '%c'", c)
	default:
		return fmt.Sprintf("unexpected byte 0x%02x", c)
	}
}
