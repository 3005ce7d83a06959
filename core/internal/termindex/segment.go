package termindex

import (
	"io"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// Segment maps the terms of a range of facts to their sequence numbers. It is written once, front
// to back, by a builder or by a merge, and never changed. The same bytes are a file of the SQLite
// store, or lie in the memory of the memory store.
//
//	body      containers and directory blocks, as the writer finished them
//	footer    what the segment covers, and the first key and place of each directory block
//	trailer   24 bytes: format version, length and checksum of the footer, magic
//
// Inside a segment a fact is its doc, the sequence number less the segment's first: 24 bits, so a
// segment ends before its range exceeds that. Numbers may have holes. A term is its key, the top 40
// bits of the hash. Two terms may share a key; their facts are then proposed for both.
//
// A directory block holds entries in ascending order of their keys:
//
//	uvarint   key, less the key before; in the first entry less the block's key in the footer
//	uvarint   doc*2+1          the term has one doc, or
//	          length*4         the docs follow as ascending deltas, the first as it is, or
//	          length*4+2       a table of containers follows
//
// Half of all terms are near-unique, so most entries are the first form: 5 to 7 bytes. A list of
// more than inlineMax bytes lies in containers, one for each 64K docs that has any. The table:
//
//	uvarint   number of containers
//	uvarint   offset of the first one; the others follow it
//	each      uvarint doc>>16, less the one before; uvarint count
//
// A container of fewer than bitmapFrom docs has their low 16 bits in ascending order, two bytes
// each; a fuller one is a bitmap of 8 KB. Both are probed as they lie, without decoding them, and a
// query that stops early has read one container a term.
//
// A directory block ends in marks, so that a lookup decodes few of its entries: for every 32nd
// entry but the first its place and the key of the entry before, at last the number of marks.
//
//	each      uint16 offset in the block, 5 bytes of key
//	byte      number of marks
//
// Block and container end in a checksum that covers their bytes and place and a number that each
// segment draws anew, so that a block of another file, of an older one, or of another place is
// noticed. It is checked at each read, since the bytes may come from the disk again each time. Only
// the footer is read and kept at open, and blocks that are asked often (blockCache). After the
// checksum, lengths, offsets and counts are checked all the same: a writer with a bug must not
// become a crash of the reader. What does not fit is a *Damage.
type Segment struct {
	info   Info
	memory []byte      // the segment's bytes, or
	file   io.ReaderAt // where they are
	body   int64       // length of containers and directory
	salt   uint32
	blocks []directoryBlock

	footerSum uint32 // tells segments of the same facts apart

	number uint64      // of this opened segment, in cache
	cache  *blockCache // nil: blocks are read each time
}

// directoryBlock is where a directory block lies, with the key of its first entry.
type directoryBlock struct {
	key    uint64
	offset int64
	length int32 // with the checksum
}

const (
	// FormatVersion is the version of the bytes of segments and manifests.
	FormatVersion = 1
	// RangeMax is how many sequence numbers a segment's range spans at most.
	RangeMax = 1 << docBits

	docBits       = 24
	blockMax      = 3900
	inlineMax     = 2048
	containerMax  = bitmapWords*8 + checksumLen
	containerDocs = 1 << 16
	bitmapFrom    = 4096
	bitmapWords   = containerDocs / 64
	checksumLen   = 4
	marked        = 32
	markLen       = 7
)

func keyOf(term terms.Term) uint64 { return uint64(term) >> docBits }

// Fact names a fact of the log, to tell whether a segment belongs to this log and its state.
type Fact struct {
	Sequence   uint64
	OccurredAt string
	Hash       [32]byte // of whatever the caller chooses
}

// Info is what a segment says of itself. The segment covers the facts First.Sequence to
// Last.Sequence.
type Info struct {
	Seed        terms.Seed
	First, Last Fact
	Facts       uint64
	Level       int   // how often its facts were merged
	Bytes       int64 // its size; set when it is opened
}

// Info returns what the segment covers.
func (s *Segment) Info() Info { return s.info }

// OpenSegment reads the footer of a segment. The source must stay open and unchanged until the last
// query is over; it belongs to the caller.
func OpenSegment(source io.ReaderAt, size int64) (*Segment, error) {
	s := &Segment{file: source}
	if err := s.readFooter(size); err != nil {
		return nil, err
	}
	return s, nil
}

// OpenSegmentBytes is OpenSegment of bytes in memory, which the segment keeps.
func OpenSegmentBytes(segment []byte) (*Segment, error) {
	s := &Segment{memory: segment}
	if err := s.readFooter(int64(len(segment))); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Segment) damage(reason string, cause error) error {
	return &Damage{First: s.info.First.Sequence, Last: s.info.Last.Sequence, Reason: reason, Cause: cause}
}

// read returns bytes of the segment, in buffer if they come from a file. The caller has checked
// that they lie in it.
func (s *Segment) read(offset int64, length int, buffer []byte) ([]byte, error) {
	if s.memory != nil {
		return s.memory[offset : offset+int64(length)], nil
	}
	buffer = buffer[:length]
	if n, err := s.file.ReadAt(buffer, offset); n < length {
		return nil, s.damage("a block cannot be read", err)
	}
	return buffer, nil
}

// readBlock returns a block or container without its checksum.
func (s *Segment) readBlock(offset int64, length int, buffer []byte) ([]byte, error) {
	if offset < 0 || length <= checksumLen || length > cap(buffer) || offset > s.body-int64(length) {
		return nil, s.damage("a block lies outside of the body", nil)
	}
	data, err := s.read(offset, length, buffer)
	if err != nil {
		return nil, err
	}
	data, sum := data[:length-checksumLen], data[length-checksumLen:]
	if blockSum(s.salt, offset, data) != littleUint32(sum) {
		return nil, s.damage("checksum of a block", nil)
	}
	return data, nil
}

// askedBlock is readBlock for queries, which may ask for the same block again. Nobody may change
// the block.
func (s *Segment) askedBlock(offset int64, length int, buffer []byte) ([]byte, error) {
	if s.cache == nil {
		return s.readBlock(offset, length, buffer)
	}
	key := blockKey{s.number, offset}
	if data := s.cache.get(key); data != nil && len(data) == length-checksumLen {
		return data, nil
	}
	data, err := s.readBlock(offset, length, buffer)
	if err == nil {
		s.cache.put(key, data)
	}
	return data, err
}
