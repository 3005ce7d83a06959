package factstr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// How durable cursors are looked after
//
// A cursor belongs to a name and outlives the streams that move it, so something besides a stream
// must be able to show it, set it back, copy it and remove it. Everything that changes one takes
// the name first, as a registration does (CursorKeeper): while a stream is active its position is
// the truth and the stored cursor follows it, so a change below it would be undone by the next
// cursor write, or would make the stream skip.
//
// # What lag means
//
// LagEvents is the number of facts above the cursor, matching or not: it costs nothing, and is what
// a resumed stream must at most look at. LagSeconds is the age of the oldest fact above the cursor
// that matches the query, which is the oldest one that the stream's handler has not handled: 0 if
// there is none, however far below the head the cursor is. Rejected: the age of the first fact
// above the cursor, matching or not (a stream of rare facts that waits would look hours late); the
// difference between the times of the head and the cursor (a quiet log would hide a stream that is
// stuck at the last fact); the number of matching facts (it takes a read of all of them).
//
// Finding the oldest match is a selective read from the cursor on. It is quick where the index
// knows the query's terms, or where a match is near; a query without terms that matches nothing
// above the cursor walks the facts up to the head. A stream that runs passes those itself, so that
// walk is long for stopped streams only.
//
// The age is the caller's clock minus the fact's occurred_at, which is the clock of the process
// that appended it. Where clocks disagree, so does the age; it is never below a microsecond, so
// that 0 always means that nothing waits.

// DurableCursor is the state of a durable name.
type DurableCursor struct {
	Name string
	// Query is what the name was registered with; nil if the stored text is not a query, as
	// another program may have left it.
	Query *EventQuery
	// QueryText is the query as JSON.
	QueryText string
	// Cursor is the stored cursor: everything up to it was handled or does not match.
	Cursor uint64
	// LagEvents is the number of facts above the cursor, matching or not.
	LagEvents uint64
	// LagSeconds is the age of the oldest fact above the cursor that matches, by this machine's
	// clock: 0 only if none does; nil if Query is.
	LagSeconds *float64
	// HeldBy says for people who has the name, as far as is known: HeldHere for this store. ""
	// means that nobody has it, so that it can be changed.
	HeldBy string
	// Parked is the number of batches that were put aside, see Store.Parked.
	Parked int
}

// Cursors returns the state of every durable name, in the order of the names. The cursors of this
// store's own streams are stored first, so they are as new as the call.
func (s *Store) Cursors(ctx context.Context) ([]DurableCursor, error) {
	ctx, leave, err := s.beginCursors(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	s.cursors.flushHeld(ctx) // where it fails, the cursors shown are those that are stored
	stored, err := s.listCursors(ctx)
	if err != nil {
		return nil, s.cursorFailure(ctx, err)
	}
	known, err := s.log.refresh(ctx, s.backend) // after the cursors, so that none is above the head
	if err != nil {
		return nil, s.cursorFailure(ctx, err)
	}
	now := time.Now()
	cursors := make([]DurableCursor, len(stored))
	for i, one := range stored {
		cursors[i] = DurableCursor{Name: one.Name, QueryText: one.Query, Cursor: one.Cursor, HeldBy: one.HeldBy,
			Parked: one.Parked}
		if head := known.head.SequenceNumber; one.Cursor < head {
			cursors[i].LagEvents = head - one.Cursor
		}
		if cursors[i].Query = storedQuery(one.Query); cursors[i].Query == nil {
			cursors[i].QueryText = ""
			continue
		}
		switch cursors[i].LagSeconds, err = s.lagOf(ctx, *cursors[i].Query, one.Cursor, now); {
		case CodeOf(err) == CodeInvalidArgument: // a stored query that is over today's limits
		case err != nil:
			return nil, s.cursorFailure(ctx, err)
		}
	}
	return cursors, nil
}

// listCursors lists cursors and their holders as both were at one moment. A backend reads the
// cursors and then who holds the names, and in between a holder may move its cursor and leave:
// the cursor of before with "held by nobody" was never so. So the cursors are read once more. Those
// of a name with the same generation belong to the holder that was found in between, or to nobody
// since it left. Names that are registered faster than that are listed as they were read last.
func (s *Store) listCursors(ctx context.Context) ([]CursorState, error) {
	const tries = 8
	before, err := s.backend.ListCursors(ctx)
	for range tries {
		if err != nil {
			return nil, err
		}
		var after []CursorState
		if after, err = s.backend.ListCursors(ctx); err == nil && sameRegistrations(before, after) {
			for i := range after {
				after[i].HeldBy = before[i].HeldBy
			}
			return after, nil
		}
		before = after
	}
	return before, err
}

func sameRegistrations(before, after []CursorState) bool {
	return slices.EqualFunc(before, after, func(a, b CursorState) bool {
		return a.Name == b.Name && a.Generation == b.Generation
	})
}

// lagMin is the least age of a fact that waits.
const lagMin = time.Microsecond

// lagOf returns the age of the oldest match above a cursor, 0 if there is none.
func (s *Store) lagOf(ctx context.Context, query EventQuery, cursor uint64, now time.Time) (*float64, error) {
	lag := new(float64)
	query.MinSequenceNumber = &cursor
	query.Limit = Version(1)
	for record, err := range s.Read(ctx, query) {
		if err != nil {
			return nil, err
		}
		*lag = lagMin.Seconds()
		if occurred, err := time.Parse(time.RFC3339Nano, record.OccurredAt); err == nil {
			*lag = max(now.Sub(occurred), lagMin).Seconds()
		}
	}
	return lag, nil
}

// storedQuery reads a text that durableQuery has spelled, nil if it is something else.
func storedQuery(text string) *EventQuery {
	var spelled struct {
		Filters []struct {
			EventTypes        []string          `json:"event_types"`
			PayloadPredicates []json.RawMessage `json:"payload_predicates"`
		} `json:"filters"`
	}
	if !jsonvalue.Valid([]byte(text)) || json.Unmarshal([]byte(text), &spelled) != nil {
		return nil
	}
	query := &EventQuery{}
	if spelled.Filters != nil {
		query.Filters = make([]EventFilter, len(spelled.Filters))
	}
	for i, filter := range spelled.Filters {
		query.Filters[i] = EventFilter{EventTypes: filter.EventTypes, PayloadPredicates: filter.PayloadPredicates}
	}
	return query
}

// CursorReset sets the cursor of a durable name that nobody holds: the next registration of it
// delivers what matches above to. 0 delivers everything again; the number of the head skips what
// is there. Within a batch, the rest of the batch is delivered. CodeDurableStreamActive means that
// somebody holds the name, CodeInvalidArgument that it is not known, or that the log does not reach
// to.
func (s *Store) CursorReset(ctx context.Context, name string, to uint64) error {
	if err := validateNameIn("name", name); err != nil {
		return err
	}
	if to > math.MaxInt64 {
		return NewError(CodeInvalidArgument, "to must be at most %d", int64(math.MaxInt64))
	}
	return s.changeCursor(ctx, fmt.Sprintf("the cursor of durable stream %q was set to %d", name, to), name,
		func(ctx context.Context) error { return s.backend.ResetCursor(ctx, name, to) },
		"operation", "reset", "durable_name", name, "to", to)
}

// CursorCopy gives a new durable name the query and the cursor of another one. Nobody may hold
// either: a copy of a cursor that moves would fit no copy of what its stream has made.
// CodeInvalidArgument means that from is not known, or that to is.
func (s *Store) CursorCopy(ctx context.Context, from, to string) error {
	if err := validateNameIn("from", from); err != nil {
		return err
	}
	if err := validateNameIn("to", to); err != nil {
		return err
	}
	if from == to {
		return ErrCursorKnown(to)
	}
	return s.changeCursor(ctx, fmt.Sprintf("durable stream %q has a copy %q", from, to), from,
		func(ctx context.Context) error { return s.backend.CopyCursor(ctx, from, to) },
		"operation", "copy", "durable_name", from, "to", to)
}

// CursorDelete forgets a durable name that nobody holds: its cursor and its query. The name may
// then be registered anew, with any query, and begins at the first fact. CodeInvalidArgument means
// that it is not known.
func (s *Store) CursorDelete(ctx context.Context, name string) error {
	if err := validateNameIn("name", name); err != nil {
		return err
	}
	return s.changeCursor(ctx, fmt.Sprintf("durable stream %q was forgotten", name), name,
		func(ctx context.Context) error { return s.backend.DeleteCursor(ctx, name) },
		"operation", "delete", "durable_name", name)
}

// changeCursor makes one change, after this store has stored what a former stream of the name has
// handled, and logs it.
func (s *Store) changeCursor(ctx context.Context, told, name string, change func(ctx context.Context) error,
	attributes ...any) error {
	ctx, leave, err := s.beginCursors(ctx)
	if err != nil {
		return err
	}
	defer leave()
	s.cursors.flushName(ctx, name)
	if err := change(ctx); err != nil {
		return s.cursorFailure(ctx, err)
	}
	s.tells.Tell(LogCursorChanged, told, attributes...)
	return nil
}

// beginCursors lets a call in, and binds its context to the store.
func (s *Store) beginCursors(ctx context.Context) (bounded context.Context, end func(), err error) {
	leave, err := s.enter()
	if err != nil {
		return nil, nil, err
	}
	if ctx.Err() != nil {
		leave()
		return nil, nil, interrupted(ctx, "the call")
	}
	bounded, unbind := s.bound(ctx)
	return bounded, func() { unbind(); leave() }, nil
}

// cursorFailure is the error of a call that failed, maybe because its context ended. A backend then
// says by another error if it may have done something all the same.
func (s *Store) cursorFailure(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
	case errors.Is(err, ctx.Err()), CodeOf(err) == CodeCancelled, CodeOf(err) == CodeTimeout:
		return s.interruptedRead(ctx)
	}
	return err
}
