package termindex

import (
	"bufio"
	"context"
	"errors"
	"io"
)

// Merge writes adjacent segments, oldest first, as one. It streams: its memory is a few blocks a
// segment, whatever their size. It does not sync, and ends early when the context does.
func Merge(ctx context.Context, out io.Writer, segments []*Segment) error {
	info, err := mergedInfo(segments)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(out, writeBuffer)
	w := newSegmentWriter(buffered)
	entries := make([]*entriesOf, len(segments))
	for i, s := range segments {
		entries[i] = &entriesOf{segment: s, shift: uint32(s.info.First.Sequence - info.First.Sequence)}
		if err := entries[i].next(); err != nil {
			return err
		}
	}
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		key, any := uint64(0), false
		for _, e := range entries {
			if !e.ended && (!any || e.entry.key < key) {
				key, any = e.entry.key, true
			}
		}
		if !any {
			break
		}
		w.start(key)
		for _, e := range entries {
			if e.ended || e.entry.key != key {
				continue
			}
			if err := e.copyTo(w); err != nil {
				return err
			}
			if err := e.next(); err != nil {
				return err
			}
		}
		w.finish()
		if w.err != nil {
			return w.err
		}
	}
	if err := w.close(info); err != nil {
		return err
	}
	return buffered.Flush()
}

// mergedInfo is what the merged segment says of itself.
func mergedInfo(segments []*Segment) (Info, error) {
	if len(segments) == 0 {
		return Info{}, errors.New("no index segments to merge")
	}
	info := segments[0].info
	for _, s := range segments[1:] {
		if s.info.Seed != info.Seed || s.info.First.Sequence <= info.Last.Sequence {
			return Info{}, errors.New("index segments of other seeds or of overlapping ranges cannot be merged")
		}
		info.Last = s.info.Last
		info.Facts += s.info.Facts
		info.Level = max(info.Level, s.info.Level)
	}
	info.Level = min(info.Level+1, levelMax)
	return info, info.check()
}

// entriesOf reads the entries of a segment in the order of their keys.
type entriesOf struct {
	segment *Segment
	shift   uint32 // of its docs in the merged segment
	entry   entry
	ended   bool

	block      int // the one after the current one
	rest       bounded
	buffer     [blockMax]byte
	docs       []uint32
	containers []container
	raw        [containerMax]byte
	set        docSet
}

// next moves to the next entry.
func (e *entriesOf) next() error {
	if len(e.rest.rest) == 0 {
		if e.block == len(e.segment.blocks) {
			e.ended = true
			return nil
		}
		block := e.segment.blocks[e.block]
		data, err := e.segment.readBlock(block.offset, int(block.length), e.buffer[:])
		if err != nil {
			return err
		}
		if e.block > 0 && block.key <= e.entry.key {
			return e.segment.damage("order of the directory", nil)
		}
		e.rest, e.entry, _ = entriesFrom(data, block.key, 0)
		e.block++
		if !e.entry.next(&e.rest) || e.entry.key != block.key {
			return e.segment.damage("an entry of the directory", nil)
		}
		return nil
	}
	before := e.entry.key
	if !e.entry.next(&e.rest) || e.entry.key <= before || e.entry.key >= 1<<40 {
		return e.segment.damage("an entry of the directory", nil)
	}
	return nil
}

// copyTo writes the docs of the current entry.
func (e *entriesOf) copyTo(w *segmentWriter) (err error) {
	ok := false
	if e.entry.single || !e.entry.table {
		docMax := uint32(e.segment.info.Last.Sequence - e.segment.info.First.Sequence)
		if e.docs, ok = e.entry.docs(e.docs[:0], docMax); !ok {
			return e.segment.damage("a list", nil)
		}
		for _, doc := range e.docs {
			w.doc(e.shift + doc)
		}
		return nil
	}
	if e.containers, ok = e.entry.containers(e.containers[:0], e.segment); !ok {
		return e.segment.damage("a list", nil)
	}
	for _, c := range e.containers {
		data, err := e.segment.readBlock(c.offset, c.length, e.raw[:])
		if err != nil {
			return err
		}
		if !e.set.setContainer(data, c.count) {
			return e.segment.damage("a container", nil)
		}
		e.set.visit(0, containerDocs-1, false, func(low int) bool {
			w.doc(e.shift + c.high*containerDocs + uint32(low))
			return true
		})
	}
	return nil
}
