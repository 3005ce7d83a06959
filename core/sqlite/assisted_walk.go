package sqlite

import (
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/termindex"
)

// How two connections walk through one range
//
// To read a row takes the processor longer than what is done with it. So a scan that walks through
// many rows has an assistant, another connection of the pool in a goroutine of its own. They take
// turns by blocks of numbers: while the scan reads a block and visits its rows, the assistant reads
// the block behind it into memory. Who visits, and in which order, stays as it is.
//
// What the assistant reads belongs to the same answer. The scan is in a transaction, which holds
// one state for all of its blocks. The assistant's transaction sees a later state, so it first
// looks the scan's newest fact up there: a log that holds it holds the same facts below it
// (term_index.go has the same reason), and the assistant reads no number above it. The scan waits
// for the assistant before its page ends, and the files are looked at after the page, so nothing
// counts that was read while files were exchanged (readerPool.lend).
//
// In a damaged file the way to a row may lead elsewhere than the walk that comes to it, and rows
// between two blocks would be lost without an error. So each block is read to the first row behind
// it, and the next block must begin with that row: then the blocks are one walk. Where they do not
// meet, the scan's own statement, which stands before the assistant's block, goes on alone.
//
// The assistant is never needed. A block that it could not read, or not to its end, is read by the
// scan: also a damaged row, which the scan reports. It waits for nobody's lock or permit, and
// leaves a permit to short reads. A scan for a page of rows (Wanted) has none: where the page is
// full, much of what an assistant read would be thrown away. Numbers may have large holes, which a
// statement passes over at once and blocks of numbers would not: where few rows are, the scan goes
// on alone.
//
// The scan's goroutine owns an assistedWalk. From begin until its channel done is closed a block is
// the assistant's.

// walkSizes say when a scan has an assistant. Tests choose small ones.
type walkSizes struct {
	alone uint64 // rows that a page reads before it asks for an assistant
	block uint64 // numbers of a block
	bytes int    // of payloads, about, that an assistant reads of one
}

// sizesOfWalk is copied when a store opens.
var sizesOfWalk = walkSizes{alone: 512, block: 2048, bytes: 1 << 20}

// assistedWalk is a source of all rows of a range in ascending order.
type assistedWalk struct {
	*rangeSource // what the scan itself reads: the rest of the range, in which it stops at ownUpTo
	reader       *reader
	scan         factstr.Scan
	sizes        walkSizes
	slot         int            // of its statement
	ahead        *aheadRow      // which it has read already, if any
	passed       uint64         // rows that were read alone
	last         uint64         // the number of the last one
	ownUpTo      uint64         // the end of the own block, if one is coming
	newest       termindex.Fact // of the scan's state, if it was divided
	upTo         uint64         // the end of all blocks
	served       *walkBlock     // whose rows come before those of the own block
	coming       *walkBlock     // behind the own block; nil for the last one
	spare        *walkBlock
}

// aheadRow is what a source returned for its next row.
type aheadRow struct {
	row
	err error
}

// number is that of the row, 0 at the end, and none if there is an error.
func (a *aheadRow) number() (number uint64, ok bool) {
	return a.SequenceNumber, a.err == nil || a.err == io.EOF
}

// walkBlock is what an assistant reads.
type walkBlock struct {
	after, upTo uint64
	end         uint64         // of all blocks
	newest      termindex.Fact // which the log must hold
	types       admittedTypes
	borrow      bool
	bytesMax    int
	stop        atomic.Bool
	done        chan struct{} // closed when the fields below are set

	through  uint64 // every row up to there was read
	whole    bool   // beyond is known
	beyond   uint64 // the number of the row behind the last one; 0 if there is none
	rows     []row
	next     int    // of rows
	payloads []byte // those of all rows, if the scan borrows them
}

// walkBlocks keeps the memory of blocks, which is large beside what else a page needs.
var walkBlocks = sync.Pool{New: func() any { return &walkBlock{} }}

// mayAssist reports whether an assistant could be worth it for an ascending scan.
func (r *reader) mayAssist(scan factstr.Scan) bool {
	if r.backend == nil || !r.inTransaction || runtime.GOMAXPROCS(0) == 1 {
		return false
	}
	sizes := &r.backend.readers.walk
	const blocks = 8 // that are worth it, if few facts are wanted
	many := scan.Wanted == 0 || uint64(scan.Wanted) > blocks*sizes.block
	return many && scan.UpTo-scan.After > sizes.alone+2*sizes.block
}

func (w *assistedWalk) next(into *row) error {
	if block := w.served; block != nil {
		if block.next < len(block.rows) {
			*into = block.rows[block.next]
			block.next++
			return nil
		}
		w.served, w.spare = nil, block
	}
	if w.passed == w.sizes.alone {
		if err := w.divide(); err != nil {
			return err
		}
	}
	err := w.readOwn(into)
	if w.coming != nil && (err == io.EOF || err == nil && into.SequenceNumber > w.ownUpTo) {
		beyond := uint64(0)
		if err == nil {
			beyond = into.SequenceNumber
		}
		if w.goOn(beyond) {
			return w.next(into)
		}
	}
	if err == nil {
		w.passed++
		w.last = into.SequenceNumber
	}
	return err
}

func (w *assistedWalk) readOwn(into *row) error {
	if ahead := w.ahead; ahead != nil {
		w.ahead = nil
		*into = ahead.row
		return ahead.err
	}
	return w.rangeSource.next(into)
}

// divide lets an assistant begin behind the scan's next block. It comes when the next row is asked
// for: before that the payload of the last one may be memory of its statement.
func (w *assistedWalk) divide() error {
	w.passed++ // once
	head, err := readHead(w.reader.conn)
	if err != nil {
		return err
	}
	newest, _, err := w.reader.factAt(head.SequenceNumber)
	if factstr.CodeOf(err) == factstr.CodeCorrupt {
		return nil // of that fact hears who reads it
	}
	if err != nil {
		return err
	}
	w.newest = factOf(&newest)
	w.upTo = min(w.scan.UpTo, head.SequenceNumber)
	w.begin(w.last + w.sizes.block)
	return nil
}

// goOn takes what the assistant has read, if the own block ends before it, and begins the next
// block of each. Otherwise ok is false, and the scan goes on where it stands, alone.
func (w *assistedWalk) goOn(beyond uint64) (ok bool) {
	block := w.coming
	w.coming = nil
	<-block.done
	if !block.whole || block.first() != beyond || !w.passOver(block) {
		w.spare = block
		return false
	}
	w.served = block
	const share = 4
	sparse := share*uint64(len(block.rows)) < block.through-block.after
	if sparse || !w.begin(block.upTo+w.sizes.block) {
		w.passed = 0 // and asks again
	}
	return true
}

// passOver lets the scan go on behind a block, if the next row there is the one that the assistant
// found.
func (w *assistedWalk) passOver(block *walkBlock) (ok bool) {
	behind := &rangeSource{known: w.known, types: w.types}
	ahead := &aheadRow{err: behind.walk(w.reader, 1-w.slot, block.through, w.scan.UpTo)}
	if ahead.err == nil {
		ahead.err = behind.next(&ahead.row)
	}
	if number, ok := ahead.number(); !ok || number != block.beyond {
		behind.close()
		return false
	}
	w.rangeSource.close()
	w.rangeSource, w.slot, w.ahead = behind, 1-w.slot, ahead
	return true
}

// begin lets an assistant read the block above a number. ok is false if there is none, or nothing
// to read.
func (w *assistedWalk) begin(after uint64) (ok bool) {
	pool := &w.reader.backend.readers
	if after >= w.upTo || !pool.permitAssistant() {
		return false
	}
	block := w.spare
	if w.spare = nil; block == nil {
		block = walkBlocks.Get().(*walkBlock)
	}
	*block = walkBlock{
		after: after, upTo: min(after+w.sizes.block, w.upTo), end: w.upTo, through: after,
		newest: w.newest, types: w.types, borrow: w.scan.Borrow, bytesMax: w.sizes.bytes,
		done: make(chan struct{}), rows: block.rows[:0], payloads: block.payloads[:0],
	}
	w.coming, w.ownUpTo = block, after
	go func() {
		defer close(block.done)
		defer func() {
			if recover() != nil {
				block.whole = false // the scan comes to the same row
			}
		}()
		pool.assist(func(r *reader) error { return r.conn.snapshot(func() error { return block.read(r) }) })
	}()
	return true
}

// read reads the block as far as it can: nothing of another log, and up to a damaged row, which the
// scan has to report.
func (b *walkBlock) read(r *reader) error {
	if same, err := r.holds(b.newest); err != nil || !same {
		return err
	}
	r.conn.names.begin(b.borrow)
	defer r.conn.names.begin(false)
	source := &rangeSource{known: &r.conn.names, types: b.types}
	defer source.close()
	if err := source.walk(r, 0, b.after, b.end); err != nil {
		return err
	}
	for bytes := 0; !b.stop.Load(); {
		var record row
		err := source.next(&record)
		if err != nil && err != io.EOF {
			return err
		}
		ended := err == io.EOF || record.SequenceNumber > b.upTo
		if ended {
			b.through = b.upTo
		}
		if ended || bytes > b.bytesMax || b.types.admit(&record) && damage(&record) != "" {
			b.whole, b.beyond = true, record.SequenceNumber
			return nil
		}
		if b.borrow {
			from := len(b.payloads)
			b.payloads = append(b.payloads, record.Payload...)
			record.Payload = b.payloads[from:len(b.payloads):len(b.payloads)]
		}
		record.sound = true
		bytes += len(record.Payload)
		b.rows = append(b.rows, record)
		b.through = record.SequenceNumber
	}
	return nil
}

// first returns the number of the first row behind after, 0 if there is none.
func (b *walkBlock) first() uint64 {
	if len(b.rows) > 0 {
		return b.rows[0].SequenceNumber
	}
	return b.beyond
}

func (w *assistedWalk) close() {
	w.rangeSource.close()
	if w.coming != nil {
		w.coming.stop.Store(true)
		<-w.coming.done
	}
	for _, block := range []*walkBlock{w.served, w.coming, w.spare} {
		if block != nil {
			clear(block.rows[:cap(block.rows)]) // which keep payloads and names
			walkBlocks.Put(block)
		}
	}
	w.served, w.coming, w.spare = nil, nil, nil
}
