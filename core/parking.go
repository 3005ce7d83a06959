package factstr

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/factstr/factstr-go/core/internal/timestamp"
)

// How a batch is put aside
//
// A durable stream whose handler fails again and again stands still: that keeps the order, and one
// poisonous fact keeps everything behind it waiting. With GiveUpPark the stream parks the batch
// after its last attempt: it stores where the batch is and why, and moves the cursor behind it, in
// one transaction (ParkBatch). A crash before that delivers the batch again, and one after it finds
// it parked; it is neither lost nor handled twice by that. If the transaction cannot be made, the
// stream waits and tries again, as for a log that cannot be read: it never goes on without it.
//
// Parked batches are delivered again when somebody asks (RedeliverParked), in whatever process.
// That marks them in the database. The stream that holds the name looks for marks: when it begins,
// when it is told (poke), and each second while it has parked batches at all, which it knows, since
// nobody else parks batches of its name. It delivers marked ones between two batches, in the order
// of the log among themselves, once each: a batch that fails again stays parked, without its mark,
// whatever the policy says. A redelivery ends in the database after the handler has returned, so a
// crash in between repeats it (G23).
//
// What is given up is order: a parked batch comes after batches that were committed later, if at
// all. Its position is below the cursor, so a program that compares positions with one that it
// keeps must not park; StreamFrom, which is for those, cannot.
//
// Rejected: copies of the facts (the log has them, for ever); one row for each attempt; a call that
// takes a handler (each language has handlers already, and the name's holder is the one that can
// run them); parking in memory until the next cursor write (a crash would deliver the batch again
// with its attempts forgotten, and block the stream again).

// parkLook is how often a stream with parked batches looks for marks that other processes made, and
// unlistedLook how often one that could not find out what it has.
const (
	parkLook     = time.Second
	unlistedLook = time.Minute
)

const parkedErrorBytes = 4000

// parking is what a durable stream knows of its parked batches. Its goroutine alone changes count.
type parking struct {
	count    atomic.Int64
	marked   atomic.Bool // some may be marked
	looked   time.Time   // the goroutine's own, as the next one
	unlisted bool        // what is parked could not be found out
}

// beginParking finds what is parked of a stream that was just registered. A stream that does not
// park goes on if that cannot be found out, since a right or the place to park may be missing for
// ever, and looks again now and then, since the failure may also pass.
func (st *EventStream) beginParking(ctx context.Context) error {
	parked, err := st.store.backend.ListParked(ctx, st.durable.name)
	if err != nil {
		if st.options.retry.GiveUp != GiveUpPark && CodeOf(err) == CodeBackendFailure {
			st.parking.unlisted, st.parking.looked = true, time.Now()
			return nil
		}
		return err
	}
	st.parking.count.Store(int64(len(parked)))
	st.parking.marked.Store(len(parked) > 0)
	return nil
}

// park puts a batch aside whose handler failed for the last time. It returns when that is stored,
// or when the stream cannot go on.
func (st *EventStream) park(delivery Delivery, cause error, attempts int) error {
	batch := ParkedBatch{First: delivery.Records[0].SequenceNumber, Position: delivery.Position,
		Error: shortened(cause.Error()), Attempts: attempts, ParkedAt: timestamp.Format(time.Now().UTC())}
	for pause := readPause; ; pause = min(2*pause, readPauseMax) {
		err := st.store.cursors.park(st.context, st, batch)
		switch {
		case err == nil:
			st.parking.count.Add(1)
			st.failure.set(nil)
			attributes := append(st.attributes(), "error", cause.Error(),
				"first", batch.First, "last", batch.Position, "attempt", attempts)
			if untold := st.failed.rest(); untold > 0 { // told here, not long after at the stream's end
				attributes = append(attributes, "untold", untold)
			}
			st.store.tells.Tell(LogBatchParked, fmt.Sprintf("%s: the batch of %d to %d was parked: %v", st,
				batch.First, batch.Position, cause), attributes...)
			return nil
		case st.context.Err() != nil:
			return st.context.Err()
		case CodeOf(err) == CodeHandlerFailed: // there is no room
			return &Error{Code: CodeHandlerFailed, Cause: cause,
				Message: fmt.Sprintf("%v, at the batch of %d to %d: %v",
					cause, batch.First, batch.Position, err)}
		case !passing(err):
			return err
		}
		st.failure.set(err)
		if !st.sleep(pause) {
			return st.context.Err()
		}
	}
}

// shortened cuts a text at a character's border.
func shortened(text string) string {
	if len(text) <= parkedErrorBytes {
		return text
	}
	end := parkedErrorBytes
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// park stores a parked batch together with the cursor behind it.
func (c *cursorWriter) park(ctx context.Context, st *EventStream, batch ParkedBatch) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	known := c.store.log.current()
	if err := st.truncated(known); err != nil {
		return err
	}
	move := CursorWrite{Name: st.durable.name, Generation: st.durable.generation, SequenceNumber: batch.Position,
		Head: known.head}
	err := c.store.backend.ParkBatch(ctx, move, batch)
	if err == nil {
		st.stored.Store(batch.Position)
	}
	return err
}

// poke lets the stream look for marks.
func (st *EventStream) poke() {
	st.parking.marked.Store(true)
	select {
	case st.wake <- struct{}{}:
	default:
	}
}

// looking returns a channel that fires when the stream is to look for marks; nil if it has nothing
// parked, and knows it.
func (st *EventStream) looking() <-chan time.Time {
	switch {
	case st.parking.unlisted:
		return time.After(unlistedLook)
	case st.parking.count.Load() == 0:
		return nil
	default:
		return time.After(parkLook)
	}
}

// redeliver delivers the parked batches that are marked.
func (st *EventStream) redeliver() error {
	unlisted := st.parking.unlisted
	if st.durable == nil || st.parking.count.Load() == 0 && !unlisted {
		return nil
	}
	pause := parkLook
	if unlisted {
		pause = unlistedLook
	}
	if !st.parking.marked.Swap(false) && time.Since(st.parking.looked) < pause {
		return nil
	}
	st.parking.looked = time.Now()
	parked, err := st.store.backend.ListParked(st.context, st.durable.name)
	if err != nil && unlisted && CodeOf(err) == CodeBackendFailure {
		return nil
	}
	if err != nil {
		return err
	}
	st.parking.unlisted = false
	st.parking.count.Store(int64(len(parked)))
	for _, batch := range parked {
		if !batch.Redelivering {
			continue
		}
		if err := st.redeliverOne(batch); err != nil {
			st.parking.marked.Store(true)
			return err
		}
	}
	return nil
}

func (st *EventStream) redeliverOne(batch ParkedBatch) error {
	known, err := st.store.log.refresh(st.context, st.store.backend)
	if err != nil {
		return err
	}
	if err := st.truncated(known); err != nil {
		return err
	}
	deliveries, _, err := st.store.batchesAfter(st.context, &known, st.plan, batch.First-1)
	if err != nil {
		return err
	}
	if len(deliveries) == 0 || deliveries[0].Position != batch.Position {
		return NewError(CodeLogTruncated, "the parked batch of %d to %d of durable stream %q is not in the log; check the log, and discard it",
			batch.First, batch.Position, st.durable.name)
	}
	handled, failed := 0, error(nil)
	for handled == 0 && failed == nil { // a batch that is given back comes again
		if st.durable.confirm != nil {
			if err := st.durable.confirm(st.context); err != nil {
				return err
			}
		}
		handled, failed = st.handle(deliveries[:1])
	}
	switch {
	case handled > 0:
		failed = nil
	case errors.Is(failed, errNobodyTakes):
		st.endUntaken()
		return failed
	case st.context.Err() != nil:
		return st.context.Err()
	}
	st.store.counters.redeliveries.Add(1)
	var now *ParkedBatch
	if failed != nil {
		st.tellFailed(failed, deliveries[0].Records, batch.Attempts, "; the batch stays parked")
		batch.Error, batch.Attempts, batch.Redelivering = shortened(failed.Error()), batch.Attempts+1, false
		now = &batch
	}
	// Not by the stream's context: what was handled is to be settled though the stream was stopped.
	ctx, cancel := context.WithTimeout(st.store.context, st.store.options.CloseTimeout/2)
	defer cancel()
	if err := st.store.backend.SettleParked(ctx, st.durable.name, st.durable.generation, batch.Position,
		now); err != nil {
		return err
	}
	if failed == nil {
		st.parking.count.Add(-1)
	}
	return nil
}

// Parked returns the batches that the durable stream of a name has parked, in the order of the log.
func (s *Store) Parked(ctx context.Context, name string) ([]ParkedBatch, error) {
	if err := validateNameIn("name", name); err != nil {
		return nil, err
	}
	ctx, leave, err := s.beginCursors(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	parked, err := s.backend.ListParked(ctx, name)
	if err != nil {
		return nil, s.cursorFailure(ctx, err)
	}
	return parked, nil
}

// RedeliverParked lets the parked batches of a name at these positions be delivered again. Whoever
// holds the name delivers them between two other batches, within a second or so, or else its next
// registration does, before its replay. It returns how many there are, 0 without positions. A batch
// that fails again stays parked, also if it was asked for while its handler already ran.
func (s *Store) RedeliverParked(ctx context.Context, name string, positions []uint64) (int, error) {
	if len(positions) == 0 {
		return 0, validateNameIn("name", name)
	}
	return s.redeliver(ctx, name, positions)
}

// RedeliverAllParked is RedeliverParked of all that the name has.
func (s *Store) RedeliverAllParked(ctx context.Context, name string) (int, error) {
	return s.redeliver(ctx, name, nil)
}

func (s *Store) redeliver(ctx context.Context, name string, positions []uint64) (int, error) {
	found, err := s.markParked(ctx, name, positions, false)
	if err == nil {
		if stream := s.streams.named(name); stream != nil {
			stream.poke()
		}
	}
	return found, err
}

// DiscardParked removes the parked batches of a name at these positions, which nobody will handle
// then. It returns how many there were, 0 without positions. One that is being redelivered at this
// moment may be handled all the same.
func (s *Store) DiscardParked(ctx context.Context, name string, positions []uint64) (int, error) {
	if len(positions) == 0 {
		return 0, validateNameIn("name", name)
	}
	return s.discard(ctx, name, positions)
}

// DiscardAllParked is DiscardParked of all that the name has. It is a call of its own so that a
// list of positions that turns out empty never means all.
func (s *Store) DiscardAllParked(ctx context.Context, name string) (int, error) {
	return s.discard(ctx, name, nil)
}

func (s *Store) discard(ctx context.Context, name string, positions []uint64) (int, error) {
	found, err := s.markParked(ctx, name, positions, true)
	if err == nil && found > 0 {
		s.tells.Tell(LogParkedDiscarded, fmt.Sprintf("%d parked batches of durable stream %q were discarded",
			found, name),
			"durable_name", name, "batches", found)
	}
	return found, err
}

// markParked marks or discards the batches at the positions, which are nil for all.
func (s *Store) markParked(ctx context.Context, name string, positions []uint64, discard bool) (int, error) {
	if err := validateNameIn("name", name); err != nil {
		return 0, err
	}
	if len(positions) > ParkedMax {
		return 0, NewError(CodeInvalidArgument, "positions has %d numbers; a name has %d parked batches at most", len(positions), ParkedMax)
	}
	for _, position := range positions {
		if position > SequenceMax {
			return 0, NewError(CodeInvalidArgument, "positions has %d, which exceeds the highest sequence number %d", position, uint64(SequenceMax))
		}
	}
	ctx, leave, err := s.beginCursors(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	found, err := s.backend.MarkParked(ctx, name, positions, discard)
	if err != nil {
		return 0, s.cursorFailure(ctx, err)
	}
	return found, nil
}
