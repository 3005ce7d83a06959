package termindex

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"testing"
)

// A segment's checksums hold, as those of a writer with a bug or of an enemy do, and its bytes are
// nonsense: it may be told as damage or answer wrongly, but neither crashes nor takes for ever.
func FuzzSegmentsSurviveBytesWhoseChecksumsHold(f *testing.F) {
	rng := rand.New(rand.NewPCG(6, 6))
	r := randomLog(rng, 1, 3_000, 0)
	good := r.bytes(f, 0, 3_000)
	later := randomLog(rng, RangeMax/2, 100, 0).segment(f, 0, 100) // to be merged with it
	f.Add(uint32(100), []byte{0xff, 0xff}, uint64(1))
	f.Add(uint32(len(good)-60), []byte{0x80, 0x80, 0x80}, uint64(2))
	f.Fuzz(func(t *testing.T, at uint32, change []byte, seed uint64) {
		bad := bytes.Clone(good)
		copy(bad[int(at)%len(bad):], change)
		sign(bad, opened(t, good))
		rng := rand.New(rand.NewPCG(seed, 1))
		segment, err := OpenSegmentBytes(bad)
		for range 4 {
			if err == nil {
				visits := 0
				after, upTo := r.randomRange(rng)
				err = segment.Candidates(r.randomQuery(rng), after, upTo, rng.IntN(2) == 0, func(sequence uint64) bool {
					if sequence <= after || sequence > upTo {
						t.Fatalf("%d is not in (%d, %d]", sequence, after, upTo)
					}
					visits++
					return true
				})
				if visits > RangeMax {
					t.Fatal("more visits than facts")
				}
			}
		}
		if err == nil {
			parts := []*Segment{segment, later}
			if _, impossible := mergedInfo(parts); impossible == nil {
				err = Merge(t.Context(), io.Discard, parts)
			}
		}
		var damage *Damage
		if err != nil && !errors.As(err, &damage) {
			t.Fatalf("%T: %v", err, err)
		}
	})
}

// sign sets the checksums of a segment anew, at the places of the whole one.
func sign(bad []byte, whole *Segment) {
	for _, block := range whole.blocks {
		end := block.offset + int64(block.length) - checksumLen
		binary.LittleEndian.PutUint32(bad[end:], blockSum(whole.salt, block.offset, bad[block.offset:end]))
	}
	trailer := bad[len(bad)-trailerLen:]
	footer := bad[whole.body : len(bad)-trailerLen]
	binary.LittleEndian.PutUint32(trailer[8:], crc32.Checksum(footer, castagnoli))
	binary.LittleEndian.PutUint32(trailer[12:], crc32.Checksum(trailer[:12], castagnoli))
}

func FuzzADamagedSegmentAnswersRightlyOrSaysSo(f *testing.F) {
	r := randomLog(rand.New(rand.NewPCG(7, 7)), 1, 6_000, 2)
	good := r.bytes(f, 0, len(r.sequences))
	f.Add(uint32(0), []byte{0}, uint32(0), uint64(1))
	f.Add(uint32(len(good)-20), []byte{1, 2, 3, 4}, uint32(0), uint64(2))
	f.Add(uint32(5000), []byte{}, uint32(4096), uint64(3))
	f.Fuzz(func(t *testing.T, at uint32, change []byte, cut uint32, seed uint64) {
		bad := bytes.Clone(good)
		copy(bad[int(at)%len(bad):], change)
		bad = bad[:len(bad)-int(cut)%len(bad)]
		r.damageNoticed(t, bad, rand.New(rand.NewPCG(seed, 1)))
	})
}
