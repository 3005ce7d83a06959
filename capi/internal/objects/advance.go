package objects

import (
	"time"

	"github.com/factstr/factstr-go/capi/internal/guard"
)

// How the cursor follows a caller that holds several batches
//
// A crossing between two languages costs more than a quick handler, so a caller takes several
// batches at once. It still calls its handler for one after the other, and each must count as soon
// as it is handled: a later one of the same crossing may take an hour (G23). So the caller says so
// by factstr_stream_advance before it begins the next one. That call is made for each batch and
// must cost nothing: it only writes a number into memory of C (Marks), and enters Go only where
// there is no such place, or for the last batch.
//
// While a delivery of several batches is open, a timer reads that number and tells core. At the
// same time it asks core whether another batch may be begun at all. It may not once the log was
// truncated or the claim of a durable name is not confirmed (G22, G24). Then the place is closed,
// so the caller's next advance comes to Advance, which ends the delivery behind that batch, and
// tells the caller to leave the rest.
//
// Whoever needs the position exactly reads the marks first: Progress, and Unsubscribe before it
// frees the name, so that the next registration of the name begins behind what was handled.
//
// Stream.mu is held while core is told, which never waits. So nothing is told once the handler has
// returned, and never twice at the same time.

// Marks are places outside Go in which callers mark batches as handled.
type Marks interface {
	// Open gives a place to a stream for the count batches from number first on, or returns false
	// if it is in use.
	Open(stream, first uint64, count int) bool
	// Handled returns how many batches are marked.
	Handled(stream uint64) int
	// Close takes the place back and returns how many batches were marked. No mark succeeds
	// afterwards.
	Close(stream uint64) int
}

// followEvery is how often the marks of an open delivery are read. It is part of the time in which
// a cursor is stored, which is cursorEvery.
const followEvery = 20 * time.Millisecond

// beginAdvancing prepares a delivery of several batches. The caller holds mu.
func (st *Stream) beginAdvancing(d *delivery) {
	if marks := st.store.process.Marks; marks != nil {
		d.marked = marks.Open(st.handle, d.number, d.count)
	}
	d.follows = time.AfterFunc(st.followEvery, func() {
		_ = guard.Call(&st.Poison, func() error {
			st.follow(d)
			return nil
		})
	})
}

// endAdvancing ends it. The caller holds mu.
func (st *Stream) endAdvancing(d *delivery) {
	if d.follows != nil {
		d.follows.Stop()
	}
	st.closeMarks(d)
}

func (st *Stream) noteMarks(d *delivery) {
	if d.marked {
		d.handled = max(d.handled, st.store.process.Marks.Handled(st.handle))
	}
}

func (st *Stream) closeMarks(d *delivery) {
	if d.marked {
		d.handled = max(d.handled, st.store.process.Marks.Close(st.handle))
		d.marked = false
	}
}

// follow tells core what the caller has handled, and whether it may go on.
func (st *Stream) follow(d *delivery) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.open != d {
		return
	}
	st.noteMarks(d)
	if !d.advance(d.handled) {
		st.closeMarks(d)
		d.ends = true
	}
	d.follows.Reset(st.followEvery)
}

// advanceNow tells core what is handled of the open delivery.
func (st *Stream) advanceNow() {
	st.mu.Lock()
	defer st.mu.Unlock()
	if d := st.open; d != nil && d.count > 1 {
		st.noteMarks(d)
		d.advance(d.handled)
	}
}

// Advance says that an open delivery, and those before it of the same crossing, are handled, and
// that the next one is begun. For the last one it is Acknowledge.
func (st *Stream) Advance(number uint64) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	d, err := st.openDelivery(number)
	if err != nil {
		return err
	}
	handled := int(number-d.number) + 1
	switch {
	case handled <= d.handled:
		return notOpen(number)
	case handled == d.count:
		st.settle(d, answer{handled: handled})
	case d.ends:
		st.settle(d, answer{handled: handled})
		return notOpen(number + 1)
	default:
		d.handled = handled
	}
	return nil
}
