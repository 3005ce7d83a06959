package memory

import (
	"context"

	factstr "github.com/factstr/factstr-go/core"
)

// cursor is the state of a durable name. Its lease is a flag: no other process can see the log.
type cursor struct {
	query      factstr.DurableQuery
	position   uint64
	generation uint64
	active     bool
	parked     map[uint64]factstr.ParkedBatch // by position
}

func (b *backend) ClaimStream(_ context.Context, name string, query factstr.DurableQuery) (factstr.StreamClaim, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.cursors[name]
	if state == nil {
		state = &cursor{query: query}
		b.cursors[name] = state
	}
	if !query.Same(state.query.Text, state.query.Exact) {
		return factstr.StreamClaim{}, factstr.ErrQueryMismatch(name)
	}
	if state.active {
		return factstr.StreamClaim{}, factstr.ErrStreamActive(name)
	}
	state.active = true
	state.generation = b.nextGeneration()
	return factstr.StreamClaim{Generation: state.generation, Cursor: state.position,
		Release: func() { b.release(state) }}, nil
}

func (b *backend) ReadCursor(_ context.Context, name string) (cursor uint64, found bool, err error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	state := b.cursors[name]
	if state == nil {
		return 0, false, nil
	}
	return state.position, true, nil
}

func (b *backend) release(state *cursor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	state.active = false
}

func (b *backend) WriteCursors(_ context.Context, writes []factstr.CursorWrite) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, write := range writes {
		state := b.cursors[write.Name]
		if state != nil && state.generation == write.Generation && state.position < write.SequenceNumber {
			state.position = write.SequenceNumber
		}
	}
	return nil
}
