package jsonvalue

import (
	"math"
	"strconv"
)

const (
	maxSignificantDigits = 1000
	// maxExponent keeps out spellings such as 0e-20000: they are zero, but PostgreSQL's numeric
	// refuses to read them.
	maxExponent = 9999
)

// scanNumber returns the index behind the number at i.
func scanNumber(text []byte, i int, strict bool) (int, string) {
	start := i
	if text[i] == '-' {
		i++
	}
	switch {
	case i >= len(text):
		return i, "unexpected end of text"
	case text[i] == '0':
		if i++; i < len(text) && isDigit(text[i]) {
			return i, "leading zero in a number"
		}
	case isDigit(text[i]):
		i = skipDigits(text, i)
	default:
		return i, unexpectedByte(text, i)
	}
	exponent := false
	if i < len(text) && text[i] == '.' {
		fraction := i + 1
		if i = skipDigits(text, fraction); i == fraction {
			return i, "expected a digit"
		}
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		exponent = true
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		digits := i
		if i = skipDigits(text, digits); i == digits {
			return i, "expected a digit"
		}
	}
	// Without an exponent, 300 characters can neither overflow nor underflow a float64.
	if strict && (exponent || i-start > 300) {
		if problem := limitProblem(text[start:i]); problem != "" {
			return start, problem
		}
	}
	return i, ""
}

// limitProblem returns which limit of Check a number exceeds, "" if none.
func limitProblem(text []byte) string {
	const outOfRange = "number out of range"
	m := splitNumber(text)
	significant := len(m.whole) + len(m.fraction)
	if m.first >= 0 {
		significant -= m.first
	}
	if significant > maxSignificantDigits {
		return "number of more than 1000 significant digits"
	}
	exponent, ok := m.smallExponent()
	if !ok || exponent > maxExponent || exponent < -maxExponent {
		return outOfRange
	}
	if m.first < 0 || int64(len(m.whole))+exponent <= 308 && exponent-int64(len(m.fraction)) >= -307 {
		return ""
	}
	if value, err := strconv.ParseFloat(string(text), 64); err != nil || value == 0 || math.IsInf(value, 0) {
		return outOfRange
	}
	return ""
}

// mantissa is a number's text cut into parts.
type mantissa struct {
	negative         bool
	whole, fraction  []byte
	first            int // index of the first digit that is not 0, counted through whole and fraction; -1 for zero
	exponentNegative bool
	exponent         []byte // digits without leading zeros
}

func splitNumber(text []byte) mantissa {
	var m mantissa
	i := 0
	if i < len(text) && text[i] == '-' {
		m.negative = true
		i++
	}
	end := skipDigits(text, i)
	m.whole = text[i:end]
	if i = end; i < len(text) && text[i] == '.' {
		end = skipDigits(text, i+1)
		m.fraction = text[i+1 : end]
		i = end
	}
	if i < len(text) && text[i]|0x20 == 'e' {
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			m.exponentNegative = text[i] == '-'
			i++
		}
		for i < len(text) && text[i] == '0' {
			i++
		}
		m.exponent = text[i:skipDigits(text, i)]
	}
	m.first = firstNonZero(m.whole)
	if m.first < 0 {
		if m.first = firstNonZero(m.fraction); m.first >= 0 {
			m.first += len(m.whole)
		}
	}
	return m
}

// smallExponent returns the exponent as written, unless it has more than 18 digits.
func (m *mantissa) smallExponent() (int64, bool) {
	if len(m.exponent) > 18 {
		return 0, false
	}
	value := int64(0)
	for _, c := range m.exponent {
		value = value*10 + int64(c-'0')
	}
	if m.exponentNegative {
		value = -value
	}
	return value, true
}

// digit returns the i-th digit of whole and fraction taken together, 0 behind their end.
func (m *mantissa) digit(i int) byte {
	if i < len(m.whole) {
		return m.whole[i]
	}
	if i -= len(m.whole); i < len(m.fraction) {
		return m.fraction[i]
	}
	return '0'
}

// CompareNumbers compares two JSON number texts by exact decimal value: -1, 0 or 1. It never
// expands an exponent, so 1e99999999999999999999 costs no more than its text.
func CompareNumbers(a, b []byte) int {
	x, y := splitNumber(Trim(a)), splitNumber(Trim(b))
	if sx, sy := x.sign(), y.sign(); sx != sy {
		if sx < sy {
			return -1
		}
		return 1
	} else if sx == 0 {
		return 0
	}
	order := compareScales(x.scale(), y.scale())
	if order == 0 {
		order = compareDigits(&x, &y)
	}
	if x.negative {
		return -order
	}
	return order
}

// EqualNumbers reports whether two JSON number texts have the same exact decimal value.
func EqualNumbers(a, b []byte) bool {
	if string(a) == string(b) {
		return true
	}
	x, xSmall := splitSmall(a)
	y, ySmall := splitSmall(b)
	if xSmall && ySmall {
		return x == y
	}
	return CompareNumbers(a, b) == 0
}

func (m *mantissa) sign() int {
	switch {
	case m.first < 0:
		return 0
	case m.negative:
		return -1
	}
	return 1
}

func compareDigits(x, y *mantissa) int {
	n := max(len(x.whole)+len(x.fraction)-x.first, len(y.whole)+len(y.fraction)-y.first)
	for i := 0; i < n; i++ {
		if dx, dy := x.digit(x.first+i), y.digit(y.first+i); dx != dy {
			if dx < dy {
				return -1
			}
			return 1
		}
	}
	return 0
}

// AppendNumberKey appends a spelling that two number texts share if and only if they are equal: the
// digits without zeros at either end, and the power of ten of the first digit. Zero is "0". It
// serves as a key of hash tables and indexes.
func AppendNumberKey(dst, text []byte) []byte {
	m := splitNumber(Trim(text))
	if m.first < 0 {
		return append(dst, '0')
	}
	if m.negative {
		dst = append(dst, '-')
	}
	if m.first < len(m.whole) {
		dst = append(dst, m.whole[m.first:]...)
		dst = append(dst, m.fraction...)
	} else {
		dst = append(dst, m.fraction[m.first-len(m.whole):]...)
	}
	for dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
	}
	scale := m.scale()
	dst = append(dst, 'e')
	if scale.long == nil {
		return strconv.AppendInt(dst, scale.short, 10)
	}
	if scale.negative {
		dst = append(dst, '-')
	}
	return append(dst, scale.long...)
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func skipDigits(text []byte, i int) int {
	for i < len(text) && isDigit(text[i]) {
		i++
	}
	return i
}

func firstNonZero(digits []byte) int {
	for i, c := range digits {
		if c != '0' {
			return i
		}
	}
	return -1
}
