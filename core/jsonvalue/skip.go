package jsonvalue

import "math/bits"

// The functions below move over checked text. On other text their results mean nothing, but they
// are always in [i, len(text)], so a loop over them ends and never leaves the text.

const (
	lowBits  = 0x0101010101010101
	highBits = 0x8080808080808080
)

// loadWord reads the eight bytes from i on. Written like this it compiles to one load;
// encoding/binary would need a slice, and making that costs more.
func loadWord(text []byte, i int) uint64 {
	_ = text[i+7]
	return uint64(text[i]) | uint64(text[i+1])<<8 | uint64(text[i+2])<<16 | uint64(text[i+3])<<24 |
		uint64(text[i+4])<<32 | uint64(text[i+5])<<40 | uint64(text[i+6])<<48 | uint64(text[i+7])<<56
}

// stringStops sets the high bit of each byte that ends a run of plain characters: a quote, a
// backslash, a control character, or a byte that is not ASCII (whose high bit survives in quote or
// in backslash). Since borrows move upwards, only the lowest mark is reliable.
func stringStops(w uint64) uint64 {
	quote := (w ^ '"'*lowBits) - lowBits
	backslash := (w ^ '\\'*lowBits) - lowBits
	control := w - ' '*lowBits
	return (quote | backslash | control) & highBits
}

// quoteStops marks quotes and backslashes only. Again only the lowest mark is reliable.
func quoteStops(w uint64) uint64 {
	quote := (w ^ '"'*lowBits) - lowBits
	backslash := (w ^ '\\'*lowBits) - lowBits
	return (quote | backslash) &^ w & highBits
}

// SkipSpace returns the first index from i on that is not JSON white space.
func SkipSpace(text []byte, i int) int {
	for i < len(text) && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
		i++
	}
	return i
}

// SkipString takes the index behind an opening quote. It returns the index of the closing quote, or
// len(text) without one, and whether the text between them holds an escape.
func SkipString(text []byte, i int) (end int, escaped bool) {
	for {
		for i+8 <= len(text) {
			if stops := quoteStops(loadWord(text, i)); stops != 0 {
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

// structural marks the bytes that matter for skipping a container.
var structural = [256]int8{'"': 2, '[': 1, '{': 1, ']': -1, '}': -1}

// SkipValue takes the index at which a value starts and returns the index behind it.
func SkipValue(text []byte, i int) int {
	if i >= len(text) {
		return len(text)
	}
	if structural[text[i]] <= 0 {
		return skipScalar(text, i)
	}
	depth := 0
	for i < len(text) {
		switch structural[text[i]] {
		case 0:
			i++
			continue
		case 1:
			depth++
			i++
			continue
		case -1:
			depth--
		default:
			// This repeats the loop of SkipString: most of a text is strings, and a call for each
			// would cost a third more.
			i++
			for i+8 <= len(text) {
				if stops := quoteStops(loadWord(text, i)); stops != 0 {
					i += bits.TrailingZeros64(stops) >> 3
					break
				}
				i += 8
			}
			if i >= len(text) || text[i] != '"' {
				i, _ = SkipString(text, i)
			}
		}
		if i++; depth <= 0 {
			break
		}
	}
	return min(i, len(text))
}

// skipScalar moves over a number or literal, and at least one byte, so that callers always advance.
func skipScalar(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case ',', ']', '}', ':', ' ', '\n', '\r', '\t', '"', '[', '{':
			return i
		}
	}
	return i
}

// FirstItem takes the index of a container's opening bracket. It returns the index of its first
// member or element, or of its closing bracket.
func FirstItem(text []byte, i int) int {
	if i++; i < len(text) && text[i] <= ' ' {
		i = SkipSpace(text, i)
	}
	return min(i, len(text))
}

// SkipKey takes the index of a key's opening quote. It returns the key without quotes, whether it
// holds an escape, and the index at which the value starts.
func SkipKey(text []byte, i int) (key []byte, escaped bool, value int) {
	start := min(i+1, len(text))
	end := start
	for end+8 <= len(text) {
		if stops := quoteStops(loadWord(text, end)); stops != 0 {
			end += bits.TrailingZeros64(stops) >> 3
			break
		}
		end += 8
	}
	if end >= len(text) || text[end] != '"' {
		end, escaped = SkipString(text, end)
	}
	value = end + 1
	if value < len(text) && text[value] != ':' {
		value = SkipSpace(text, value)
	}
	if value++; value < len(text) && text[value] <= ' ' {
		value = SkipSpace(text, value)
	}
	return text[start:end], escaped, min(value, len(text))
}

// NextItem takes the index at which a member's value or an element starts. It returns the index of
// the next member or element, or of the closing bracket.
func NextItem(text []byte, i int) int { return AfterItem(text, SkipValue(text, i)) }

// AfterItem is NextItem for a caller that already knows the index behind the value.
func AfterItem(text []byte, i int) int {
	if i < len(text) && text[i] <= ' ' {
		i = SkipSpace(text, i)
	}
	if i < len(text) && text[i] == ',' {
		if i++; i < len(text) && text[i] <= ' ' {
			i = SkipSpace(text, i)
		}
	}
	return i
}
