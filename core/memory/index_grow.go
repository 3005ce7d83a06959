package memory

import (
	"context"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// grow adds the facts of the log to the index, until the context ends.
func (x *index) grow(ctx context.Context) {
	var room []terms.Term
	for ctx.Err() == nil {
		facts := x.facts(x.known.Load())
		if len(facts) == 0 {
			select {
			case <-x.more:
			case <-x.asked:
			case <-ctx.Done():
			}
			continue
		}
		for i := range facts {
			room = x.add(ctx, &facts[i], room[:0])
		}
		x.known.Store(facts[len(facts)-1].SequenceNumber)
		x.giveWay(ctx)
	}
}

// giveWay pauses if facts were appended since the last pause, unless somebody asks.
func (x *index) giveWay(ctx context.Context) {
	if x.known.Load() < x.goal || x.head.Load() == x.seen {
		return
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-x.asked:
		x.goal = x.head.Load()
	case <-timer.C:
	case <-ctx.Done():
	}
	x.seen = x.head.Load()
}

// add makes the parts propose a fact. It returns the room that it got for its terms.
func (x *index) add(ctx context.Context, fact *factstr.EventRecord, room []terms.Term) []terms.Term {
	defer func() {
		if reason := recover(); reason != nil {
			// The open chunk may hold a part of the fact's terms, which is no harm.
			x.log.Recovered(factstr.TaskIndex, reason)
			x.handOver(ctx)
			x.replace(nil, &whole{fact.SequenceNumber})
		}
	}()
	room = x.termsOf(room, fact.EventType, fact.Payload)
	if x.open != nil && x.open.Add(fact.SequenceNumber, room) {
		return room
	}
	x.handOver(ctx)
	// A chunk may be full, by its terms, before it holds as many entries as it has room for.
	chunk := termindex.NewChunk(fact.SequenceNumber, max(x.capacity, 2*len(room)))
	x.capacity = min(2*x.capacity, x.largest)
	if !chunk.Add(fact.SequenceNumber, room) {
		x.replace(nil, &whole{fact.SequenceNumber})
		return nil
	}
	x.replace(nil, chunk)
	x.open = chunk
	return room
}

// handOver hands the open chunk over to be frozen.
func (x *index) handOver(ctx context.Context) {
	if x.open == nil {
		return
	}
	select {
	case x.full <- x.open:
	case <-ctx.Done():
	}
	x.open = nil
}
