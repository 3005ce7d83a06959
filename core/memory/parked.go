package memory

import (
	"context"
	"maps"
	"slices"

	factstr "github.com/factstr/factstr-go/core"
)

func (b *backend) ParkBatch(_ context.Context, move factstr.CursorWrite, batch factstr.ParkedBatch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.cursors[move.Name]
	switch {
	case state == nil || state.generation != move.Generation:
		return factstr.ErrStreamLost(move.Name)
	case len(state.parked) >= factstr.ParkedMax:
		return factstr.ErrParkedFull(move.Name)
	}
	if state.parked == nil {
		state.parked = map[uint64]factstr.ParkedBatch{}
	}
	if former, parked := state.parked[batch.Position]; parked {
		batch.First = min(batch.First, former.First)
	}
	state.parked[batch.Position] = batch
	state.position = max(state.position, move.SequenceNumber)
	return nil
}

func (b *backend) ListParked(_ context.Context, name string) ([]factstr.ParkedBatch, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var parked []factstr.ParkedBatch
	if state := b.cursors[name]; state != nil {
		for _, position := range slices.Sorted(maps.Keys(state.parked)) {
			parked = append(parked, state.parked[position])
		}
	}
	return parked, nil
}

func (b *backend) MarkParked(_ context.Context, name string, positions []uint64, discard bool) (found int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.cursors[name]
	if state == nil {
		return 0, factstr.ErrCursorUnknown("name", name)
	}
	if len(positions) == 0 {
		positions = slices.Collect(maps.Keys(state.parked))
	}
	for _, position := range slices.Compact(slices.Sorted(slices.Values(positions))) {
		batch, parked := state.parked[position]
		if !parked {
			continue
		}
		found++
		batch.Redelivering = true
		state.parked[position] = batch
		if discard {
			delete(state.parked, position)
		}
	}
	return found, nil
}

func (b *backend) SettleParked(_ context.Context, name string, generation, position uint64,
	failed *factstr.ParkedBatch) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	state := b.cursors[name]
	if state == nil || state.generation != generation {
		return factstr.ErrStreamLost(name)
	}
	if _, parked := state.parked[position]; !parked {
		return nil // it was discarded meanwhile
	}
	if failed == nil {
		delete(state.parked, position)
	} else {
		state.parked[position] = *failed
	}
	return nil
}
