package factstr

import (
	"context"
	"fmt"
	"math"
	"sync"
)

// StreamAll registers a live stream of all batches that are committed after the call. A nil handler
// makes it a pull stream, see [EventStream.Next] and [EventStream.Batches].
//
// As in every registration, ctx is that of the call alone: the stream goes on when it ends, until
// [EventStream.Unsubscribe], [EventStream.Close] or the Close of the store.
func (s *Store) StreamAll(ctx context.Context, handler HandleStream, options ...StreamOption) (*EventStream, error) {
	return s.StreamTo(ctx, AllEvents(), handler, options...)
}

// StreamTo registers a live stream of the batches that hold a fact that matches the query, whose
// MinSequenceNumber, Limit and Backwards are ignored. A delivery holds the matching facts of one
// batch.
func (s *Store) StreamTo(ctx context.Context, query EventQuery, handler HandleStream, options ...StreamOption) (*EventStream, error) {
	return s.register(ctx, origin{}, query, handler, options)
}

// StreamAllDurable registers a durable stream of all batches, see [Store.StreamToDurable].
func (s *Store) StreamAllDurable(ctx context.Context, stream DurableStream, handler HandleStream, options ...StreamOption) (*EventStream, error) {
	return s.StreamToDurable(ctx, stream, AllEvents(), handler, options...)
}

// StreamToDurable registers a durable stream: it replays what was committed after its stored cursor
// and goes on live. It returns as soon as this store holds the name; [EventStream.WaitReady] waits
// for the replay. If the stream fails later, WaitReady and [EventStream.Err] return the reason. ctx
// is that of the call, not of the stream.
func (s *Store) StreamToDurable(ctx context.Context, stream DurableStream, query EventQuery, handler HandleStream, options ...StreamOption) (*EventStream, error) {
	if err := validateDurableName(stream.Name); err != nil {
		return nil, err
	}
	return s.register(ctx, origin{durable: &stream}, query, handler, options)
}

// StreamFrom registers a stream of the matching batches above a number, which the caller keeps: it
// replays those that were committed, and goes on live. No cursor is stored, and any number of
// streams may begin anywhere. As with a durable stream, [EventStream.WaitReady] waits for the
// replay, and a failed delivery ends the stream unless [WithRetry] has it delivered again. after
// may be 0, for all; CodeLogTruncated means that the log does not reach it. [DeliveryPosition] and
// [Delivery] have the numbers to keep.
//
// A number alone cannot show that the log was replaced by one that reaches it as well. A running
// stream notices that, and ends.
func (s *Store) StreamFrom(ctx context.Context, after uint64, query EventQuery, handler HandleStream,
	options ...StreamOption) (*EventStream, error) {
	if after > math.MaxInt64 {
		return nil, NewError(CodeInvalidArgument, "after must be at most %d", int64(math.MaxInt64))
	}
	return s.register(ctx, origin{after: &after}, query, handler, options)
}

// origin is where a stream begins: at a durable cursor, at a number that the caller keeps, or, if
// both are nil, at the head of the log.
type origin struct {
	durable *DurableStream
	after   *uint64
}

func (s *Store) register(ctx context.Context, origin origin, query EventQuery, handler HandleStream,
	options []StreamOption) (*EventStream, error) {
	plan, err := validateQuery("query", query, s.options.Limits)
	if err != nil {
		return nil, err
	}
	leave, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer leave()
	if ctx.Err() != nil {
		return nil, interrupted(ctx, "the registration")
	}
	bounded, unbind := s.bound(ctx)
	defer unbind()

	stream := &EventStream{store: s, number: s.streams.numbers.Add(1), plan: plan, handler: handler,
		complete: origin.durable != nil || origin.after != nil,
		ready:    make(chan struct{}), done: make(chan struct{}), drainBegun: make(chan struct{}), wake: make(chan struct{}, 1)}
	stream.failure.outage = &s.streams.unreadable
	stream.context, stream.stop = context.WithCancel(context.WithValue(context.Background(), handlerKey{}, stream))
	for _, option := range options {
		option(&stream.options)
	}
	stream.options.withDefaults()
	switch giveUp := stream.options.retry.GiveUp; {
	case giveUp != "" && giveUp != GiveUpEnd && giveUp != GiveUpPark:
		return nil, NewError(CodeInvalidArgument, "retry.give_up must be %q or %q, not %q", GiveUpEnd,
			GiveUpPark, giveUp)
	case giveUp == GiveUpPark && origin.durable == nil:
		return nil, NewError(CodeInvalidArgument, "retry.give_up %q is for durable streams: another one has no place to keep a batch", GiveUpPark)
	}
	if handler == nil {
		stream.pull = newPull(stream.drainBegun)
		stream.handler = HandleFunc(stream.pull.offer)
	}
	if err := stream.open(bounded, origin, query); err != nil {
		stream.stop()
		if bounded.Err() != nil {
			return nil, s.interruptedRead(bounded)
		}
		return nil, err
	}
	return stream, nil
}

// open claims the durable name if there is one, finds the stream's position and starts the stream.
func (st *EventStream) open(ctx context.Context, origin origin, query EventQuery) (err error) {
	s := st.store
	opened := false
	defer func() {
		if !opened && st.durable != nil { // also after a panic
			st.durable.release()
		}
	}()
	var cursor uint64
	var claimed Head // of the log that holds the cursor, as far as is known
	if origin.durable != nil {
		if cursor, claimed, err = st.claim(ctx, origin.durable.Name, query); err != nil {
			return err
		}
	} else if origin.after != nil {
		cursor = *origin.after
	}
	known, err := s.log.refresh(ctx, s.backend)
	if err == nil {
		err = s.wantCursorOf(ctx, known, origin, cursor, claimed)
	}
	if err == nil && origin.durable != nil {
		err = st.beginParking(ctx)
	}
	if err != nil {
		return err
	}
	st.epoch, st.target = known.epoch, known.head.SequenceNumber
	if !st.complete {
		cursor = st.target
	}
	st.position.Store(cursor)
	st.stored.Store(cursor)
	s.log.file(st)
	if err = s.streams.add(s, st); err != nil {
		s.log.unfile(st)
	}
	opened = err == nil
	return err
}

// claim takes the durable name, and returns its cursor and the head of the log that it was read
// from.
func (st *EventStream) claim(ctx context.Context, name string, query EventQuery) (cursor uint64, of Head, err error) {
	s := st.store
	s.cursors.flushName(ctx, name)
	claim, err := s.backend.ClaimStream(ctx, name, durableQuery(query))
	if err != nil {
		return 0, Head{}, err
	}
	s.tells.Tell(LogLeaseTaken, fmt.Sprintf("durable stream %q is active here", name),
		"durable_name", name, "generation", claim.Generation)
	st.durable = &durableClaim{name: name, generation: claim.Generation,
		release: sync.OnceFunc(claim.Release), confirm: claim.Confirm, lost: claim.Lost}
	return claim.Cursor, claim.Head, nil
}

// wantCursorOf fails if the cursor is not one of the known log: it was replaced between the claim
// and the look at it, or it ends before the cursor (G24).
func (s *Store) wantCursorOf(ctx context.Context, known tail, origin origin, cursor uint64, claimed Head) error {
	if claimed != (Head{}) && claimed != known.head {
		// The epoch cannot show it, as the look at the log belongs to the new one already.
		_, same, err := readSince(ctx, s.backend, claimed, claimed.SequenceNumber, 0, nil)
		if CodeOf(err) == CodeCorrupt {
			same, err = true, nil // a damaged head is in the log all the same
		}
		if err != nil {
			return err
		}
		if !same {
			return NewError(CodeLogTruncated, "the log was replaced while durable stream %q was being registered: event %s is not in it any more; register it again after checking the log", origin.durable.Name, claimed)
		}
	}
	switch head := known.head.SequenceNumber; {
	case cursor <= head:
		return nil
	case origin.durable != nil:
		return NewError(CodeLogTruncated, "the cursor of durable stream %q is at %d, but the log ends at %d: facts that it handled are gone; restore the log, or use a new name",
			origin.durable.Name, cursor, head)
	default:
		return NewError(CodeLogTruncated, "after is %d, but the log ends at %d: facts that were handled are gone; restore the log, or begin again from 0",
			cursor, head)
	}
}
