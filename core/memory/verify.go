package memory

import (
	"context"
	"maps"
	"slices"
	"sort"

	factstr "github.com/factstr/factstr-go/core"
)

var (
	_ factstr.Verifier    = (*backend)(nil)
	_ factstr.TermIndexed = (*backend)(nil)
)

// StoredBatches implements factstr.Verifier.
func (b *backend) StoredBatches(_ context.Context, from, to int64, limit int) (rows []factstr.StoredBatch, err error) {
	b.mu.RLock()
	boundaries := b.boundaries
	b.mu.RUnlock()
	at := sort.Search(len(boundaries), func(i int) bool { return int64(boundaries[i].First) >= from })
	for _, boundary := range boundaries[at:] {
		if int64(boundary.First) > to || len(rows) == limit {
			break
		}
		rows = append(rows, factstr.StoredBatch{First: int64(boundary.First), Last: int64(boundary.Last)})
	}
	return rows, nil
}

// StoredCursors implements factstr.Verifier.
func (b *backend) StoredCursors(
	_ context.Context, above string, limit int,
) (rows []factstr.StoredCursor, err error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, name := range slices.Sorted(maps.Keys(b.cursors)) {
		if name > above && len(rows) < limit {
			rows = append(rows, factstr.StoredCursor{Name: name, SequenceNumber: b.cursors[name].position})
		}
	}
	return rows, nil
}

// OpenTermIndex implements factstr.TermIndexed.
func (b *backend) OpenTermIndex(context.Context) (index factstr.TermIndex, used bool, err error) {
	through := b.index.known.Load() // before the parts, see index
	if through == 0 {
		return index, false, nil
	}
	return factstr.TermIndex{Source: *b.index.parts.Load(), Seed: b.index.seed, Through: through,
		Remedy: "this is a defect of the library", Release: func() {}}, true, nil
}

// Backup implements factstr.Backuper.
func (b *backend) Backup(context.Context, string, func(copied, of int64)) (factstr.Backup, error) {
	return factstr.Backup{}, factstr.NotImplemented("memory", "backup", "read the facts and append them to a SQLite store, if they are to outlive the process")
}
