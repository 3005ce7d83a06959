package termindex

import "sort"

// posting is the list of docs of one term in a segment.
type posting struct {
	count      int         // how many docs
	docs       []uint32    // all of them, if the list was inline
	containers []container // where they are otherwise
	highs      highSet     // containers that have any
}

// container is where one container of a list lies.
type container struct {
	high   uint32
	count  int
	offset int64
	length int // with the checksum
}

// directory finds terms in the directory of a segment. It keeps the last block that it read.
type directory struct {
	segment *Segment
	at      int // the block, -1 if none
	block   []byte
	buffer  [blockMax]byte
}

// entry is a directory entry: a single doc, or an inline list, or a table of containers.
type entry struct {
	key    uint64
	single bool
	doc    uint32
	table  bool
	list   []byte
}

// next reads the next entry of a block, whose key is before plus a difference.
func (e *entry) next(in *bounded) (ok bool) {
	e.key += in.atMost(1<<40 - 1)
	head := in.uvarint()
	e.single, e.list = head&1 == 1, nil
	if e.single {
		e.doc = uint32(head >> 1)
		return !in.bad && head>>1 < RangeMax
	}
	e.table = head&2 != 0
	if head>>2 > blockMax {
		return false
	}
	e.list = in.bytes(int(head>>2), nil)
	return !in.bad && len(e.list) > 0
}

// find returns the entry of a key. Its list is valid until the next find.
func (d *directory) find(key uint64) (found entry, ok bool, err error) {
	blocks := d.segment.blocks
	at := sort.Search(len(blocks), func(i int) bool { return blocks[i].key > key }) - 1
	if at < 0 {
		return entry{}, false, nil
	}
	if at != d.at {
		d.at = -1
		d.block, err = d.segment.askedBlock(blocks[at].offset, int(blocks[at].length), d.buffer[:])
		if err != nil {
			return entry{}, false, err
		}
		d.at = at
	}
	in, e, ok := entriesFrom(d.block, blocks[at].key, key)
	if !ok {
		return entry{}, false, d.segment.damage("marks of the directory", nil)
	}
	for len(in.rest) > 0 {
		if !e.next(&in) {
			return entry{}, false, d.segment.damage("an entry of the directory", nil)
		}
		if e.key >= key {
			return e, e.key == key, nil
		}
	}
	return entry{}, false, nil
}

// entriesFrom returns a reader of a block's entries, with the entry before the first one it reads:
// the last mark whose entry is not behind the key. It reports whether the marks make sense.
func entriesFrom(block []byte, blockKey, key uint64) (in bounded, before entry, ok bool) {
	count := int(block[len(block)-1])
	end := len(block) - 1 - count*markLen
	if end < 0 {
		return in, before, false
	}
	marks := block[end : len(block)-1]
	mark := func(i int) (offset int, before uint64) {
		m := marks[i*markLen:]
		return int(m[0]) | int(m[1])<<8, uint64(littleUint32(m[2:])) | uint64(m[6])<<32
	}
	at := sort.Search(count, func(i int) bool { _, before := mark(i); return before >= key })
	if at == 0 {
		return bounded{rest: block[:end]}, entry{key: blockKey}, true
	}
	offset, last := mark(at - 1)
	if offset > end || last < blockKey {
		return in, before, false
	}
	return bounded{rest: block[offset:end]}, entry{key: last}, true
}

// docs appends the docs of an inline list and reports whether it makes sense.
func (e *entry) docs(dst []uint32, docMax uint32) (docs []uint32, ok bool) {
	if e.single {
		return append(dst, e.doc), e.doc <= docMax
	}
	in, doc := bounded{rest: e.list}, uint64(0)
	for i := 0; len(in.rest) > 0; i++ {
		step := in.atMost(RangeMax)
		if doc += step; in.bad || step == 0 && i > 0 || doc > uint64(docMax) {
			return dst, false
		}
		dst = append(dst, uint32(doc))
	}
	return dst, !in.bad
}

// containers appends the table of containers and reports whether it makes sense.
func (e *entry) containers(dst []container, segment *Segment) (containers []container, ok bool) {
	in := bounded{rest: e.list}
	wanted, highMax := in.atMost(256), (segment.info.Last.Sequence-segment.info.First.Sequence)/containerDocs
	offset, high := int64(in.atMost(uint64(segment.body))), uint64(0)
	for i := range wanted {
		step := in.atMost(255)
		high += step
		count := int(in.atMost(containerDocs))
		length := min(count*2, bitmapWords*8) + checksumLen
		if in.bad || step == 0 && i > 0 || high > highMax || count == 0 || offset > segment.body-int64(length) {
			return dst, false
		}
		dst = append(dst, container{high: uint32(high), count: count, offset: offset, length: length})
		offset += int64(length)
	}
	return dst, !in.bad && wanted > 0 && len(in.rest) == 0
}
