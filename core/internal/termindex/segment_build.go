package termindex

import (
	"bufio"
	"io"
	"slices"

	"github.com/factstr/factstr-go/core/internal/terms"
)

const writeBuffer = 256 << 10

// Builder collects terms of facts and writes them as a segment. Its memory is 16 bytes a term, so
// the caller writes a segment when Terms is large enough, and merges make large ones. A Builder is
// reused after Reset and belongs to one goroutine.
type Builder struct {
	first   uint64
	ordered bool     // facts were added in ascending order
	pairs   []uint64 // key, then doc
	spare   []uint64 // for sorting
}

// Reset forgets everything and starts a segment whose first fact is first.
func (b *Builder) Reset(first uint64) {
	b.first, b.ordered, b.pairs = first, true, b.pairs[:0]
}

// Terms is how many terms are held, duplicates of a fact counted.
func (b *Builder) Terms() int { return len(b.pairs) }

// Add adds terms of a fact; a fact may come in parts and in any order. It reports whether the fact
// lies in the range of RangeMax numbers from the first.
func (b *Builder) Add(sequence uint64, facts ...terms.Term) (ok bool) {
	if sequence < b.first || sequence-b.first >= RangeMax {
		return false
	}
	doc := sequence - b.first
	if n := len(b.pairs); n > 0 && doc < b.pairs[n-1]%RangeMax {
		b.ordered = false
	}
	for _, term := range facts {
		b.pairs = append(b.pairs, keyOf(term)<<docBits|doc)
	}
	return true
}

// AddChunk adds the terms of a chunk, to which nobody adds any more. It reports whether all its
// facts are in range.
func (b *Builder) AddChunk(chunk *Chunk) (ok bool) {
	ok = true
	chunk.Terms(func(term terms.Term, sequence uint64) { ok = b.Add(sequence, term) && ok })
	return ok
}

// Write writes the segment. info.First must be the fact that Reset got; info.Bytes is not used. It
// writes through a buffer, does not sync, and leaves the Builder to be Reset.
func (b *Builder) Write(out io.Writer, info Info) error {
	b.sort()
	buffered := bufio.NewWriterSize(out, writeBuffer)
	w := newSegmentWriter(buffered)
	for i := 0; i < len(b.pairs); {
		key, before := b.pairs[i]>>docBits, b.pairs[i]
		w.start(key)
		w.doc(uint32(before % RangeMax))
		for i++; i < len(b.pairs) && b.pairs[i]>>docBits == key; i++ {
			if b.pairs[i] != before { // a fact has a term once
				before = b.pairs[i]
				w.doc(uint32(before % RangeMax))
			}
		}
		w.finish()
	}
	if err := w.close(info); err != nil {
		return err
	}
	return buffered.Flush()
}

// sort sorts by radix, which takes a fifth of the time of comparing: terms are hashes. Docs that
// came in ascending order stay so and need no pass of their own.
func (b *Builder) sort() {
	b.spare = slices.Grow(b.spare[:0], len(b.pairs))[:len(b.pairs)]
	shift := 0
	if b.ordered {
		shift = docBits
	}
	for ; shift < 64; shift += 8 {
		var starts [256]int
		for _, pair := range b.pairs {
			starts[pair>>shift&255]++
		}
		if len(b.pairs) > 0 && starts[b.pairs[0]>>shift&255] == len(b.pairs) {
			continue // all have the same digit
		}
		at := 0
		for digit, count := range starts {
			starts[digit] = at
			at += count
		}
		for _, pair := range b.pairs {
			digit := pair >> shift & 255
			b.spare[starts[digit]] = pair
			starts[digit]++
		}
		b.pairs, b.spare = b.spare, b.pairs
	}
}
