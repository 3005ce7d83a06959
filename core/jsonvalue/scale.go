package jsonvalue

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
)

// shortScaleLimit separates the two representations of a scale, so that each value has exactly one.
const shortScaleLimit = 1_000_000_000_000_000_000

// scale is the power of ten of a number's first significant digit. Exponents of any length are
// legal JSON, so beyond 10^18 it is kept as decimal digits.
type scale struct {
	short    int64
	negative bool   // of long
	long     []byte // nil below the limit
}

func (m *mantissa) scale() scale {
	// How many places the first significant digit stands before (or behind, if negative) the digit
	// at 10^0.
	shift := int64(len(m.whole) - 1 - m.first)
	if exponent, ok := m.smallExponent(); ok {
		sum := exponent + shift
		if sum < shortScaleLimit && sum > -shortScaleLimit {
			return scale{short: sum}
		}
		negative := sum < 0
		if negative {
			sum = -sum
		}
		return scale{negative: negative, long: strconv.AppendInt(nil, sum, 10)}
	}
	// The exponent has at least 19 digits, so adding the shift cannot change its sign.
	if m.exponentNegative {
		shift = -shift
	}
	long := addToDecimal(m.exponent, shift)
	if len(long) > 18 {
		return scale{negative: m.exponentNegative, long: long}
	}
	short, _ := (&mantissa{exponent: long, exponentNegative: m.exponentNegative}).smallExponent()
	return scale{short: short}
}

// addToDecimal adds a small number to a larger decimal number. The result has no leading zeros.
func addToDecimal(digits []byte, delta int64) []byte {
	sum := make([]byte, len(digits)+1)
	sum[0] = '0'
	copy(sum[1:], digits)
	carry := delta
	for i := len(sum) - 1; i >= 0 && carry != 0; i-- {
		carry += int64(sum[i] - '0')
		digit := carry % 10
		carry /= 10
		if digit < 0 {
			digit += 10
			carry--
		}
		sum[i] = byte(digit) + '0'
	}
	return bytes.TrimLeft(sum, "0")
}

func compareScales(x, y scale) int {
	switch {
	case x.long == nil && y.long == nil:
		return cmp.Compare(x.short, y.short)
	case x.long == nil:
		return -y.sign()
	case y.long == nil:
		return x.sign()
	case x.negative != y.negative:
		return x.sign()
	}
	order := cmp.Compare(len(x.long), len(y.long))
	if order == 0 {
		order = slices.Compare(x.long, y.long)
	}
	return order * x.sign()
}

// sign returns the sign of a long scale.
func (s scale) sign() int {
	if s.negative {
		return -1
	}
	return 1
}
