package jsonvalue

import (
	"encoding/binary"
	"math/bits"
)

// The functions below move over text that was checked before. On other text they answer nonsense, but always an index in
// [i, len(text)], so a loop over them ends and never leaves the text.

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

func loadWord(text []byte, i int) uint64 { return binary.LittleEndian.Uint64(text[i:]) }

// stringStops marks, in the high bit of each byte, what ends a run of plain characters: quote, backslash, control character,
// anything that is not ASCII. Marks above the lowest one may be wrong (borrows move upwards), so only the lowest counts.
func stringStops(w uint64) uint64 {
	quote := (w ^ '"'*lowBits) - lowBits
	backslash := (w ^ '\\'*lowBits) - lowBits
	control := w - ' '*lowBits
	return (quote | backslash | control | w) & highBits
}

// quoteStops marks quotes and backslashes only; the lowest mark counts.
func quoteStops(w uint64) uint64 {
	quote := w ^ '"'*lowBits
	backslash := w ^ '\\'*lowBits
	return ((quote-lowBits)&^quote | (backslash-lowBits)&^backslash) & highBits
}

// SkipSpace answers the first index from i on that holds no JSON white space.
func SkipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
		i++
	}
	return i
}

// SkipString takes the index behind an opening quote and answers the index of the closing one (len(text) if there is none),
// and whether the text between them holds an escape.
func SkipString(text []byte, i int) (end int, escaped bool) {
	for {
		for i+8 <= len(text) {
			stops := quoteStops(loadWord(text, i))
			if stops != 0 {
				i += bits.TrailingZeros64(stops) >> 3
				break
			}
			i += 8
		}
		for i < len(text) && text[i] != '"' && text[i] != '\\' {
			i++
		}
		if i >= len(text) {
			return len(text), escaped
		}
		if text[i] == '"' {
			return i, escaped
		}
		escaped = true
		if i += 2; i >= len(text) {
			return len(text), escaped
		}
	}
}

// SkipValue takes the index at which a value starts and answers the index behind it.
func SkipValue(text []byte, i int) int {
	if i >= len(text) {
		return len(text)
	}
	switch text[i] {
	case '"':
		end, _ := SkipString(text, i+1)
		return min(end+1, len(text))
	case '{', '[':
		return skipContainer(text, i)
	}
	return skipScalar(text, i)
}

// skipScalar moves over a number or literal, at least one byte so that callers always advance.
func skipScalar(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case ',', ']', '}', ':', ' ', '\n', '\r', '\t', '"', '[', '{':
			return i
		}
	}
	return i
}

// structural maps the bytes that matter when a container is passed over.
var structural = [256]int8{'"': 2, '[': 1, '{': 1, ']': -1, '}': -1}

func skipContainer(text []byte, i int) int {
	depth := 0
	for i < len(text) {
		switch structural[text[i]] {
		case 0:
			i++
		case 1:
			depth++
			i++
		case -1:
			depth--
			i++
			if depth <= 0 {
				return i
			}
		default:
			end, _ := SkipString(text, i+1)
			i = end + 1
		}
	}
	return len(text)
}
