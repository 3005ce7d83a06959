package termindex

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
)

// segmentWriter writes a segment: for each key in ascending order start, doc for each doc in
// ascending order, and finish; at last close. It keeps one directory block, one container and the
// places of blocks; what it writes needs a buffer below.
type segmentWriter struct {
	out    io.Writer
	err    error // the first that out returned
	offset int64
	salt   uint32

	blocks   []directoryBlock
	block    []byte // the directory block that grows
	blockKey uint64 // its first key
	lastKey  uint64 // its last one
	entries  int    // in it
	marks    []byte

	key      uint64
	docs     []uint32 // of the key, while they may fit into the directory
	long     bool     // they did not: they go to containers
	written  int      // containers of the key
	first    int64    // offset of the first one
	table    []byte
	lastHigh uint32
	high     uint32   // of the container that grows
	lows     []uint16 // its docs

	scratch []byte
}

func newSegmentWriter(out io.Writer) *segmentWriter {
	return &segmentWriter{out: out, salt: rand.Uint32(), block: make([]byte, 0, blockMax)}
}

func (w *segmentWriter) start(key uint64) {
	w.key, w.docs, w.long = key, w.docs[:0], false
}

func (w *segmentWriter) doc(doc uint32) {
	if !w.long {
		if w.docs = append(w.docs, doc); len(w.docs) > inlineMax {
			w.spill()
		}
		return
	}
	if high := doc / containerDocs; high != w.high {
		w.endContainer()
		w.high = high
	}
	w.lows = append(w.lows, uint16(doc))
}

// spill moves the docs of the key to containers, and all that follow.
func (w *segmentWriter) spill() {
	w.long, w.written, w.first, w.table = true, 0, w.offset, w.table[:0]
	w.high, w.lastHigh, w.lows = w.docs[0]/containerDocs, 0, w.lows[:0]
	for _, doc := range w.docs {
		w.doc(doc)
	}
}

func (w *segmentWriter) endContainer() {
	w.table = binary.AppendUvarint(w.table, uint64(w.high-w.lastHigh))
	w.table = binary.AppendUvarint(w.table, uint64(len(w.lows)))
	w.lastHigh = w.high
	data := w.scratch[:0]
	if len(w.lows) >= bitmapFrom {
		data = append(data, make([]byte, bitmapWords*8)...)
		for _, low := range w.lows {
			data[low/8] |= 1 << (low % 8)
		}
	} else {
		for _, low := range w.lows {
			data = binary.LittleEndian.AppendUint16(data, low)
		}
	}
	w.scratch = w.write(data)
	w.written++
	w.lows = w.lows[:0]
}

// finish ends the key's list and enters it into the directory.
func (w *segmentWriter) finish() {
	list := w.scratch[:0]
	if !w.long && len(w.docs) > 1 {
		before := uint32(0)
		for _, doc := range w.docs {
			list = binary.AppendUvarint(list, uint64(doc-before))
			before = doc
		}
		w.scratch = list
		if len(list) > inlineMax {
			w.spill()
		}
	}
	var head uint64
	switch {
	case w.long:
		w.endContainer()
		list = binary.AppendUvarint(w.scratch[:0], uint64(w.written))
		list = binary.AppendUvarint(list, uint64(w.first))
		list = append(list, w.table...)
		w.scratch = list
		head = uint64(len(list))*4 + 2
	case len(w.docs) == 1:
		head = uint64(w.docs[0])*2 + 1
	default:
		head = uint64(len(list)) * 4
	}
	const headMax = 2*binary.MaxVarintLen64 + markLen + 1 + checksumLen
	if w.entries > 0 && len(w.block)+len(w.marks)+len(list)+headMax > blockMax {
		w.endBlock()
	}
	if w.entries == 0 {
		w.blockKey, w.lastKey = w.key, w.key
	} else if w.entries%marked == 0 {
		w.marks = binary.LittleEndian.AppendUint64(w.marks, uint64(len(w.block))|w.lastKey<<16)
		w.marks = w.marks[:len(w.marks)-1]
	}
	w.entries++
	w.block = binary.AppendUvarint(w.block, w.key-w.lastKey)
	w.block = binary.AppendUvarint(w.block, head)
	w.block = append(w.block, list...)
	w.lastKey = w.key
}

func (w *segmentWriter) endBlock() {
	w.block = append(append(w.block, w.marks...), byte(len(w.marks)/markLen))
	w.blocks = append(w.blocks, directoryBlock{key: w.blockKey, offset: w.offset, length: int32(len(w.block) + checksumLen)})
	w.block, w.marks, w.entries = w.write(w.block)[:0], w.marks[:0], 0
}

// write writes data and its checksum, and returns data with the checksum.
func (w *segmentWriter) write(data []byte) []byte {
	data = binary.LittleEndian.AppendUint32(data, blockSum(w.salt, w.offset, data))
	if w.err == nil {
		_, w.err = w.out.Write(data)
	}
	w.offset += int64(len(data))
	return data
}

// close writes the footer. It returns the first error of out.
func (w *segmentWriter) close(info Info) error {
	if err := info.check(); err != nil {
		return err
	}
	if w.entries > 0 {
		w.endBlock()
	}
	footer := appendFooter(nil, info, w.salt, w.blocks)
	if len(footer) > footerMax {
		return errors.New("index segment has too many terms")
	}
	if w.err == nil {
		_, w.err = w.out.Write(footer)
	}
	return w.err
}

// check refuses what could not be opened again.
func (i Info) check() error {
	first, last := i.First.Sequence, i.Last.Sequence
	if first == 0 || last < first || last-first >= RangeMax || i.Facts == 0 || i.Facts > last-first+1 ||
		i.Level < 0 || i.Level > levelMax {
		return fmt.Errorf("index segment of facts %d to %d, %d of them, on level %d is impossible", first, last, i.Facts, i.Level)
	}
	return nil
}
