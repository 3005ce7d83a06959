package jsonvalue

import (
	"encoding/binary"
	"hash/maphash"
)

// smallDecimal is a number that fits in registers: coefficient times ten to the power of exponent.
// The coefficient is not a multiple of ten, and zero has the exponent 0, so equal numbers are equal
// structs.
type smallDecimal struct {
	coefficient int64
	exponent    int
}

var powersOfTen = [...]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16,
	1e17, 1e18}

// splitSmall reads the text of a number that has at most 18 significant digits and an exponent of
// at most four digits, which nearly all numbers have. For others it returns false.
func splitSmall(text []byte) (smallDecimal, bool) {
	var d smallDecimal
	// Zeros count only once another digit follows them.
	zeros, digits := 0, 0
	i, negative := 0, false
	if len(text) > 0 && text[0] == '-' {
		i, negative = 1, true
	}
	point, start := -1, i
	for ; i < len(text); i++ {
		c := text[i]
		if c == '0' {
			zeros++
			continue
		}
		if !isDigit(c) {
			if c != '.' || point >= 0 {
				break
			}
			point = i
			continue
		}
		if d.coefficient == 0 {
			zeros = 0
		}
		if digits += zeros + 1; digits > 18 {
			return d, false
		}
		d.coefficient = d.coefficient*powersOfTen[zeros+1] + int64(c-'0')
		zeros = 0
	}
	if i == start {
		return d, false
	}
	d.exponent = zeros
	if point >= 0 {
		d.exponent -= i - point - 1
	}
	if i < len(text) {
		exponent, ok := splitSmallExponent(text[i:])
		if !ok {
			return d, false
		}
		d.exponent += exponent
	}
	if d.coefficient == 0 {
		d.exponent = 0
	} else if negative {
		d.coefficient = -d.coefficient
	}
	return d, true
}

func splitSmallExponent(text []byte) (int, bool) {
	if len(text) < 2 || len(text) > 6 || text[0]|0x20 != 'e' {
		return 0, false
	}
	negative := text[1] == '-'
	if text = text[1:]; text[0] == '-' || text[0] == '+' {
		text = text[1:]
	}
	exponent := 0
	for _, c := range text {
		if !isDigit(c) {
			return 0, false
		}
		exponent = exponent*10 + int(c-'0')
	}
	if negative {
		exponent = -exponent
	}
	return exponent, true
}

// formExponentMax bounds the exponents up to which AppendNumberForm writes a small decimal. All
// spellings of such a number split into the same small decimal; beyond it some do not split.
const formExponentMax = 5000

// AppendNumberForm appends bytes that two number texts share if and only if they are equal, like
// AppendNumberKey, but shorter and several times faster: eleven bytes for nearly all numbers. They
// are for hashing, and may be stored: the form of a number never changes.
func AppendNumberForm(dst, text []byte) []byte {
	if d, ok := splitSmall(text); ok && d.hasForm() {
		return d.appendForm(dst)
	}
	start := len(dst)
	dst = AppendNumberKey(dst, text)
	if d, ok := splitSmall(dst[start:]); ok {
		// The exponent of a key is the exponent of its first digit.
		for rest := d.coefficient / 10; rest != 0; rest /= 10 {
			d.exponent--
		}
		if d.hasForm() {
			return d.appendForm(dst[:start])
		}
	}
	return dst
}

func (d smallDecimal) hasForm() bool {
	return d.exponent <= formExponentMax && d.exponent >= -formExponentMax
}

// appendForm starts with a byte that no key starts with.
func (d smallDecimal) appendForm(dst []byte) []byte {
	dst = append(dst, 0)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(d.coefficient))
	return binary.LittleEndian.AppendUint16(dst, uint16(d.exponent))
}

// NumberHash returns a hash that all spellings of a number share.
func NumberHash(seed maphash.Seed, text []byte) uint64 {
	var room [64]byte
	return maphash.Bytes(seed, AppendNumberForm(room[:0], text))
}
