package termindex

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// docSet is a set of docs of one container: either the low 16 bits in ascending order, or a bitmap.
type docSet struct {
	dense bool
	lows  []uint16
	bits  [bitmapWords]uint64
}

func (d *docSet) empty() bool {
	if !d.dense {
		return len(d.lows) == 0
	}
	for _, word := range d.bits {
		if word != 0 {
			return false
		}
	}
	return true
}

func (d *docSet) has(low uint16) bool { return d.bits[low/64]>>(low%64)&1 == 1 }

// setContainer decodes a container of count docs and reports whether it makes sense.
func (d *docSet) setContainer(data []byte, count int) bool {
	d.dense = count >= bitmapFrom
	if d.dense {
		if len(data) != bitmapWords*8 {
			return false
		}
		sum := 0
		for i := range d.bits {
			d.bits[i] = binary.LittleEndian.Uint64(data[i*8:])
			sum += bits.OnesCount64(d.bits[i])
		}
		return sum == count
	}
	if d.lows = d.lows[:0]; len(data) != count*2 {
		return false
	}
	for i := range count {
		low := littleUint16(data[i*2:])
		if i > 0 && low <= d.lows[i-1] {
			return false
		}
		d.lows = append(d.lows, low)
	}
	return true
}

// intersect keeps what other has, too. It may change other.
func (d *docSet) intersect(other *docSet) {
	switch {
	case d.dense && other.dense:
		for i := range d.bits {
			d.bits[i] &= other.bits[i]
		}
	case d.dense:
		kept := d.lows[:0]
		for _, low := range other.lows {
			if d.has(low) {
				kept = append(kept, low)
			}
		}
		d.dense, d.lows = false, kept
	case other.dense:
		kept := d.lows[:0]
		for _, low := range d.lows {
			if other.has(low) {
				kept = append(kept, low)
			}
		}
		d.lows = kept
	default:
		kept, rest := d.lows[:0], other.lows
		for _, low := range d.lows {
			at, found := 0, false
			if len(rest) > 16*len(d.lows) {
				at, found = slices.BinarySearch(rest, low)
			} else {
				for at < len(rest) && rest[at] < low {
					at++
				}
				found = at < len(rest) && rest[at] == low
			}
			if rest = rest[at:]; found {
				kept = append(kept, low)
			}
		}
		d.lows = kept
	}
}

// clear makes an empty bitmap.
func (d *docSet) clear() {
	d.dense = true
	d.bits = [bitmapWords]uint64{}
}

// add adds the other's docs to a bitmap.
func (d *docSet) add(other *docSet) {
	if other.dense {
		for i := range d.bits {
			d.bits[i] |= other.bits[i]
		}
		return
	}
	for _, low := range other.lows {
		d.bits[low/64] |= 1 << (low % 64)
	}
}

// visit visits docs in [from, to] until visit returns false, and reports whether it did not.
func (d *docSet) visit(from, to int, descending bool, visit func(low int) bool) (more bool) {
	if !d.dense {
		lows := d.lows
		if descending {
			for i := len(lows) - 1; i >= 0 && int(lows[i]) >= from; i-- {
				if int(lows[i]) <= to && !visit(int(lows[i])) {
					return false
				}
			}
			return true
		}
		for _, low := range lows {
			if int(low) > to {
				break
			}
			if int(low) >= from && !visit(int(low)) {
				return false
			}
		}
		return true
	}
	if descending {
		for i := to / 64; i >= from/64; i-- {
			for word := d.word(i, from, to); word != 0; {
				bit := 63 - bits.LeadingZeros64(word)
				if word &^= 1 << bit; !visit(i*64 + bit) {
					return false
				}
			}
		}
		return true
	}
	for i := from / 64; i <= to/64; i++ {
		for word := d.word(i, from, to); word != 0; word &= word - 1 {
			if !visit(i*64 + bits.TrailingZeros64(word)) {
				return false
			}
		}
	}
	return true
}

// word returns a word of the bitmap without the docs outside of [from, to].
func (d *docSet) word(i, from, to int) uint64 {
	word := d.bits[i]
	if i == from/64 {
		word &= ^uint64(0) << (from % 64)
	}
	if i == to/64 {
		word &= ^uint64(0) >> (63 - to%64)
	}
	return word
}

// highSet is a set of containers, by the high 8 bits of a doc.
type highSet [4]uint64

func (h *highSet) add(high uint32)      { h[high/64] |= 1 << (high % 64) }
func (h *highSet) has(high uint32) bool { return h[high/64]>>(high%64)&1 == 1 }
func (h *highSet) empty() bool          { return h[0]|h[1]|h[2]|h[3] == 0 }

func (h highSet) and(other highSet) highSet {
	return highSet{h[0] & other[0], h[1] & other[1], h[2] & other[2], h[3] & other[3]}
}

func (h highSet) or(other highSet) highSet {
	return highSet{h[0] | other[0], h[1] | other[1], h[2] | other[2], h[3] | other[3]}
}
