package factstr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// cursorWriter lets the stored cursors of a store's durable streams follow their positions. One
// call of the backend writes the cursors of all streams that moved.
//
// A stream whose position moved is dirty. A timer writes what is dirty, and a stream that has
// handled CursorEvery.Batches batches is written at once. A failed write leaves its streams dirty
// and is tried again after a second; until then a crash would repeat deliveries, and nothing else
// is wrong.
//
// Each write carries a head of the log in which the positions were reached (CursorWrite.Head). It
// is taken after the positions, so it is not below any of them and vouches for all of them.
//
// A stream that waits is passed by facts that do not match it, and its position moves without its
// doing (streamWaker). Its cursor follows, too, but later (pass): no handler would be repeated, and
// a thousand streams must not cost a thousand writes for each fact that none of them wants. Nor
// does it take more than a small part of the time.
//
// Locks: writing, then mu. writing is held during a whole write, including the backend's call, so
// that an older position is never written after a newer one. mu guards dirty, timer and due, for
// moments only.
type cursorWriter struct {
	store   *Store
	writing sync.Mutex

	mu    sync.Mutex
	dirty map[*EventStream]int // batches handled since the last write
	timer *time.Timer          // runs while something is dirty
	due   time.Time            // when the timer fires

	trouble Trouble

	passing atomic.Bool // pass runs, or will
}

const (
	passEvery    = time.Second
	passEveryMax = time.Minute
	passShare    = 50  // pass takes at most one part of so many of the time
	passAtOnce   = 100 // cursors, since a write keeps others waiting
)

func (c *cursorWriter) init(s *Store) {
	c.store = s
	c.dirty = map[*EventStream]int{}
	s.log.waker.passed = func() { c.passLater(passEvery) }
}

// follow notes that a stream's position moved behind so many batches. The write begins after half
// of CursorEvery.Time: the other half is for the write itself, and for one that may be running.
func (c *cursorWriter) follow(st *EventStream, batches int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	before, every := c.dirty[st], st.options.cursorEvery.Batches
	c.dirty[st] = before + batches
	if before < every && before+batches >= every {
		go c.flushAll()
	} else {
		c.flushWithin(st.options.cursorEvery.Time / 2)
	}
}

// flushWithin sets the timer unless it fires earlier anyway. The caller holds mu.
func (c *cursorWriter) flushWithin(wait time.Duration) {
	due := time.Now().Add(wait)
	switch {
	case c.timer == nil:
		c.timer = time.AfterFunc(wait, c.flushAll)
	case due.Before(c.due):
		c.timer.Reset(wait)
	default:
		return
	}
	c.due = due
}

// flushAll writes the cursors of all dirty streams. The timer calls it.
func (c *cursorWriter) flushAll() {
	written := false
	defer func() {
		// A panic of the backend on a timer's goroutine would end the process.
		if reason := recover(); reason != nil {
			c.store.tells.Recovered(TaskCursors, reason)
		}
		if !written && c.store.context.Err() == nil {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.flushWithin(time.Second)
		}
	}()
	c.mu.Lock()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	streams := make([]*EventStream, 0, len(c.dirty))
	for st := range c.dirty {
		streams = append(streams, st)
	}
	c.mu.Unlock()
	written = len(streams) == 0 || c.write(c.store.context, streams) == nil
}

// passLater lets pass run, unless it does already.
func (c *cursorWriter) passLater(wait time.Duration) {
	if c.passing.CompareAndSwap(false, true) {
		time.AfterFunc(wait, c.pass)
	}
}

// pass writes the cursors of streams that wait and were passed by. If some are still behind after
// that, because of a failure, or since their options ask for more patience, it comes again.
func (c *cursorWriter) pass() {
	done, err := c.store.enter()
	if err != nil {
		return // closing: each stream writes its own cursor
	}
	defer done()
	begun := time.Now()
	c.store.tells.Once(TaskCursors, func() {
		due, _ := c.passedBy(begun)
		for some := range slices.Chunk(due, passAtOnce) {
			if c.write(c.store.context, some) != nil {
				break
			}
			for _, st := range some {
				st.patient = begun
			}
		}
	})
	c.passing.Store(false)
	if _, behind := c.passedBy(begun); behind {
		c.passLater(min(max(passEvery, passShare*time.Since(begun)), passEveryMax))
	}
}

// passedBy returns the waiting streams whose cursors are to be written, and whether any is behind.
// Only pass calls it.
func (c *cursorWriter) passedBy(now time.Time) (due []*EventStream, behind bool) {
	for _, st := range c.store.streams.list() {
		if st.durable == nil || c.store.log.at(st) <= st.stored.Load() {
			continue
		}
		behind = true
		if st.patient.IsZero() {
			st.patient = now
		}
		patience := st.options.cursorEvery.Time / 2
		if patience > passEvery && now.Sub(st.patient) < patience {
			continue
		}
		due = append(due, st)
	}
	return due, behind
}

// flush writes one stream's cursor now.
func (c *cursorWriter) flush(ctx context.Context, st *EventStream) error {
	return c.write(ctx, []*EventStream{st})
}

// flushName writes the cursors of streams of a name that have not been written yet, such as those
// of a stream that just ended, so that a new registration starts behind them.
func (c *cursorWriter) flushName(ctx context.Context, name string) {
	c.mu.Lock()
	var streams []*EventStream
	for st := range c.dirty {
		if st.durable.name == name {
			streams = append(streams, st)
		}
	}
	c.mu.Unlock()
	if len(streams) > 0 {
		_ = c.write(ctx, streams) // if it fails, deliveries are repeated
	}
}

// flushHeld writes the cursors of all streams that hold a name. If it fails, they stay behind.
func (c *cursorWriter) flushHeld(ctx context.Context) {
	var held []*EventStream
	for _, st := range c.store.streams.list() {
		if st.durable != nil {
			held = append(held, st)
		}
	}
	for some := range slices.Chunk(held, passAtOnce) {
		if c.write(ctx, some) != nil {
			return
		}
	}
}

// flushLast writes the cursor of a stream that ends. It gives up after half the close timeout: a
// cursor that lags behind repeats deliveries and does no other harm.
func (c *cursorWriter) flushLast(st *EventStream) {
	ctx, cancel := context.WithTimeout(c.store.context, c.store.options.CloseTimeout/2)
	defer cancel()
	for pause := readPause; ; pause = min(2*pause, readPauseMax) {
		if err := c.flush(ctx, st); err == nil || !passing(err) {
			break
		}
		select {
		case <-time.After(pause):
			continue
		case <-ctx.Done():
		}
		break
	}
	c.mu.Lock()
	delete(c.dirty, st)
	c.mu.Unlock()
}

// write writes the cursors of those streams whose position is above the stored one.
func (c *cursorWriter) write(ctx context.Context, streams []*EventStream) (err error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	var writes []CursorWrite
	var moved []*EventStream
	counts := make([]int, len(streams))
	c.mu.Lock()
	for i, st := range streams {
		counts[i] = c.dirty[st]
	}
	c.mu.Unlock()
	positions := make([]uint64, len(streams))
	for i, st := range streams {
		positions[i] = c.store.log.at(st)
	}
	known := c.store.log.current() // after the positions, see above
	for i, st := range streams {
		// A position of an earlier epoch says nothing about the log that is there now.
		if position := positions[i]; position > st.stored.Load() && st.epoch == known.epoch {
			moved = append(moved, st)
			writes = append(writes, CursorWrite{Name: st.durable.name, Generation: st.durable.generation,
				SequenceNumber: position, Head: known.head})
		}
	}
	if len(writes) > 0 {
		if err := c.store.backend.WriteCursors(ctx, writes); err != nil {
			if CodeOf(err) == CodeLogTruncated {
				// The refresh notices that the log was replaced, and so ends its streams.
				_, _ = c.store.log.refresh(ctx, c.store.backend)
			} else if !errors.Is(err, context.Canceled) && CodeOf(err) != CodeCancelled {
				c.trouble.Shows(c.store.tells, LogCursorNotStored,
					fmt.Sprintf("cursors cannot be stored: %v; they are tried again, and a crash would repeat deliveries", err),
					"code", string(CodeOf(err)), "error", err.Error())
			}
			return err
		}
		c.trouble.Over(c.store.tells, LogCursorStored, "cursors are stored again")
	}
	for i, st := range moved {
		select {
		case <-st.durable.lost: // the write had no effect
		default:
			st.stored.Store(writes[i].SequenceNumber)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, st := range streams {
		if c.dirty[st] <= counts[i] {
			delete(c.dirty, st)
		} else if counts[i] > 0 {
			c.dirty[st] -= counts[i]
			if c.dirty[st] >= st.options.cursorEvery.Batches {
				go c.flushAll() // these batches were handled during the write
			} else {
				c.flushWithin(st.options.cursorEvery.Time / 2)
			}
		}
	}
	return nil
}
