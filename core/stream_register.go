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
	s, durable := st.store, origin.durable
	var cursor uint64
	var claimed Head
	opened := false
	defer func() {
		if !opened && st.durable != nil { // also after a panic
			st.durable.release()
		}
	}()
	if durable != nil {
		s.cursors.flushName(ctx, durable.Name)
		claim, err := s.backend.ClaimStream(ctx, durable.Name, durableQuery(query))
		if err != nil {
			return err
		}
		s.tells.Tell(LogLeaseTaken, fmt.Sprintf("durable stream %q is active here", durable.Name),
			"durable_name", durable.Name, "generation", claim.Generation)
		st.durable = &durableClaim{name: durable.Name, generation: claim.Generation,
			release: sync.OnceFunc(claim.Release), confirm: claim.Confirm, lost: claim.Lost}
		cursor, claimed = claim.Cursor, claim.Head
	} else if origin.after != nil {
		cursor = *origin.after
	}
	known, err := s.log.refresh(ctx, s.backend)
	if err == nil && claimed != (Head{}) && claimed != known.head {
		// The log may have been replaced between the claim and the refresh. Then the cursor is one
		// of the former log, which the epoch cannot show, as the refresh belongs to the new log
		// already.
		var same bool
		if _, same, err = readSince(ctx, s.backend, claimed, claimed.SequenceNumber, 0,
			nil); CodeOf(err) == CodeCorrupt {
			same, err = true, nil // a damaged head is in the log all the same
		}
		if err == nil && !same {
			err = NewError(CodeLogTruncated, "the log was replaced while durable stream %q was being registered: event %s is not in it any more; register it again after checking the log", durable.Name, claimed)
		}
	}
	if err == nil && cursor > known.head.SequenceNumber {
		if durable != nil {
			err = NewError(CodeLogTruncated, "the cursor of durable stream %q is at %d, but the log ends at %d: facts that it handled are gone; restore the log, or use a new name",
				durable.Name, cursor, known.head.SequenceNumber)
		} else {
			err = NewError(CodeLogTruncated, "after is %d, but the log ends at %d: facts that were handled are gone; restore the log, or begin again from 0",
				cursor, known.head.SequenceNumber)
		}
	}
	if err == nil && durable != nil {
		err = st.beginParking(ctx)
	}
	if err == nil {
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
	}
	opened = err == nil
	return err
}
