package termindex

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"github.com/factstr/factstr-go/core/internal/terms"
)

const (
	magic      = "FSTRTERM"
	trailerLen = 16 + len(magic)
	// footerMax is the footer of five million directory blocks, a body of 20 GB.
	footerMax = 64 << 20
	levelMax  = 255
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockSum is the checksum of a block at its place in its segment.
func blockSum(salt uint32, offset int64, data []byte) uint32 {
	return crc32.Update(salt^uint32(offset)^uint32(offset>>32), castagnoli, data)
}

func littleUint16(data []byte) uint16 { return binary.LittleEndian.Uint16(data) }
func littleUint32(data []byte) uint32 { return binary.LittleEndian.Uint32(data) }

// appendFooter appends footer and trailer.
func appendFooter(dst []byte, info Info, salt uint32, blocks []directoryBlock) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(info.Seed))
	dst = binary.LittleEndian.AppendUint32(dst, salt)
	dst = binary.AppendUvarint(dst, info.Facts)
	dst = binary.AppendUvarint(dst, uint64(info.Level))
	dst = appendFact(dst, info.First)
	dst = appendFact(dst, info.Last)
	dst = binary.AppendUvarint(dst, uint64(len(blocks)))
	key, end := uint64(0), int64(0)
	for _, b := range blocks {
		dst = binary.AppendUvarint(dst, b.key-key)
		dst = binary.AppendUvarint(dst, uint64(b.offset-end))
		dst = binary.AppendUvarint(dst, uint64(b.length))
		key, end = b.key, b.offset+int64(b.length)
	}
	footer := dst[start:]
	trailer := binary.LittleEndian.AppendUint32(nil, FormatVersion)
	trailer = binary.LittleEndian.AppendUint32(trailer, uint32(len(footer)))
	trailer = binary.LittleEndian.AppendUint32(trailer, crc32.Checksum(footer, castagnoli))
	trailer = binary.LittleEndian.AppendUint32(trailer, crc32.Checksum(trailer, castagnoli))
	return append(append(dst, trailer...), magic...)
}

func appendFact(dst []byte, fact Fact) []byte {
	dst = binary.AppendUvarint(dst, fact.Sequence)
	dst = append(binary.AppendUvarint(dst, uint64(len(fact.OccurredAt))), fact.OccurredAt...)
	return append(dst, fact.Hash[:]...)
}

// readFooter reads what appendFooter wrote.
func (s *Segment) readFooter(size int64) error {
	if size < int64(trailerLen) {
		return s.damage("too short", nil)
	}
	trailer, err := s.read(size-int64(trailerLen), trailerLen, make([]byte, trailerLen))
	if err != nil {
		return err
	}
	length, sum := int64(littleUint32(trailer[4:])), littleUint32(trailer[8:])
	switch version := littleUint32(trailer); {
	case string(trailer[16:]) != magic:
		return s.damage("no segment", nil)
	case crc32.Checksum(trailer[:12], castagnoli) != littleUint32(trailer[12:]):
		return s.damage("checksum of the trailer", nil)
	case version != FormatVersion:
		return s.damage(fmt.Sprintf("format version %d", version), nil)
	case length > footerMax || length > size-int64(trailerLen):
		return s.damage("length of the footer", nil)
	}
	s.body = size - int64(trailerLen) - length
	footer, err := s.read(s.body, int(length), make([]byte, length))
	if err != nil {
		return err
	}
	if crc32.Checksum(footer, castagnoli) != sum {
		return s.damage("checksum of the footer", nil)
	}
	if !s.parseFooter(footer) {
		s.info = Info{}
		return s.damage("content of the footer", nil)
	}
	s.info.Bytes, s.footerSum = size, sum
	return nil
}

// parseFooter reports whether the footer makes sense.
func (s *Segment) parseFooter(footer []byte) bool {
	in := bounded{rest: footer}
	s.info.Seed = terms.Seed(binary.LittleEndian.Uint64(in.bytes(8, zeros[:8])))
	s.salt = littleUint32(in.bytes(4, zeros[:4]))
	s.info.Facts = in.uvarint()
	s.info.Level = int(in.atMost(levelMax))
	s.info.First = in.fact()
	s.info.Last = in.fact()
	first, last := s.info.First.Sequence, s.info.Last.Sequence
	if in.bad || first == 0 || last < first || last-first >= RangeMax || s.info.Facts == 0 || s.info.Facts > last-first+1 {
		return false
	}
	count := in.atMost(uint64(len(in.rest)) / 3) // three bytes a block at least
	s.blocks = make([]directoryBlock, 0, count)
	key, end := uint64(0), int64(0)
	for i := range count {
		step := in.atMost(1<<40 - 1)
		key += step
		offset := end + int64(in.atMost(uint64(s.body-end)))
		length := int64(in.atMost(blockMax))
		end = offset + length
		if in.bad || key >= 1<<40 || i > 0 && step == 0 || length <= checksumLen || end > s.body {
			return false
		}
		s.blocks = append(s.blocks, directoryBlock{key: key, offset: offset, length: int32(length)})
	}
	return !in.bad && len(in.rest) == 0 && end == s.body
}

var zeros [32]byte

// bounded reads numbers off bytes that nobody trusts. After the first that does not fit it is bad,
// and all further ones are zero.
type bounded struct {
	rest []byte
	bad  bool
}

func (b *bounded) uvarint() uint64 {
	if len(b.rest) > 0 && b.rest[0] < 0x80 {
		value := b.rest[0]
		b.rest = b.rest[1:]
		return uint64(value)
	}
	value, n := binary.Uvarint(b.rest)
	if n <= 0 {
		b.bad, b.rest = true, nil
		return 0
	}
	b.rest = b.rest[n:]
	return value
}

// atMost reads a number that must not exceed limit.
func (b *bounded) atMost(limit uint64) uint64 {
	value := b.uvarint()
	if value > limit {
		b.bad, b.rest = true, nil
		return 0
	}
	return value
}

// bytes reads n bytes; instead of missing ones it returns the substitute.
func (b *bounded) bytes(n int, substitute []byte) []byte {
	if len(b.rest) < n {
		b.bad, b.rest = true, nil
		return substitute
	}
	value := b.rest[:n]
	b.rest = b.rest[n:]
	return value
}

func (b *bounded) fact() (fact Fact) {
	fact.Sequence = b.uvarint()
	fact.OccurredAt = string(b.bytes(int(b.atMost(uint64(len(b.rest)))), nil))
	copy(fact.Hash[:], b.bytes(len(fact.Hash), zeros[:]))
	return fact
}
