package memory

import (
	"context"
	"maps"
	"slices"

	factstr "github.com/factstr/factstr-go/core"
)

func (b *backend) ListCursors(context.Context) ([]factstr.CursorState, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var cursors []factstr.CursorState
	for _, name := range slices.Sorted(maps.Keys(b.cursors)) {
		state := b.cursors[name]
		one := factstr.CursorState{Name: name, Query: state.query.Exact, Cursor: state.position,
			Generation: state.generation, Parked: len(state.parked)}
		if state.active {
			one.HeldBy = factstr.HeldHere
		}
		cursors = append(cursors, one)
	}
	return cursors, nil
}

func (b *backend) ResetCursor(_ context.Context, name string, to uint64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	state, err := b.free("name", name)
	if err != nil {
		return err
	}
	if head := b.head.SequenceNumber; to > head {
		return factstr.ErrCursorBeyond(to, head)
	}
	state.generation = b.nextGeneration()
	state.position = to
	maps.DeleteFunc(state.parked, func(_ uint64, batch factstr.ParkedBatch) bool { return batch.First > to })
	return nil
}

func (b *backend) CopyCursor(_ context.Context, from, to string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	original, err := b.free("from", from)
	if err != nil {
		return err
	}
	if state := b.cursors[to]; state != nil && state.active {
		return factstr.ErrStreamActive(to)
	} else if state != nil {
		return factstr.ErrCursorKnown(to)
	}
	b.cursors[to] = &cursor{query: original.query, position: original.position, generation: b.nextGeneration(),
		parked: maps.Clone(original.parked)}
	return nil
}

func (b *backend) DeleteCursor(_ context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if state, err := b.free("name", name); err != nil {
		return err
	} else if len(state.parked) > 0 {
		return factstr.ErrStillParked(name)
	}
	delete(b.cursors, name)
	return nil
}

// free returns the state of a known name, which is in that field, unless it is active. The caller
// holds mu.
func (b *backend) free(field, name string) (*cursor, error) {
	state := b.cursors[name]
	switch {
	case state == nil:
		return nil, factstr.ErrCursorUnknown(field, name)
	case state.active:
		return nil, factstr.ErrStreamActive(name)
	}
	return state, nil
}

// nextGeneration returns a generation that no name ever had, so that a name that was deleted and
// registered anew has none of its former ones. The caller holds mu.
func (b *backend) nextGeneration() uint64 {
	b.generation++
	return b.generation
}
