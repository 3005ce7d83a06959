package postgres

import (
	"context"

	factstr "github.com/factstr/factstr-go/core"
)

var (
	_ factstr.Verifier    = (*backend)(nil)
	_ factstr.TermIndexed = (*backend)(nil)
)

// The server makes sure of what a fact is made of, so facts are verified by a scan. Damage of its
// files it reports as an error of the statement that meets it.

// StoredBatches implements factstr.Verifier.
func (b *backend) StoredBatches(
	ctx context.Context, from, to int64, limit int,
) (stored []factstr.StoredBatch, err error) {
	err = b.withRetry(ctx, func(ctx context.Context, s *session) error {
		stored = stored[:0]
		return s.rows(ctx, b.statements.storedBatches, all(func(row [][]byte) {
			stored = append(stored, factstr.StoredBatch{First: int64Of(row[0]), Last: int64Of(row[1])})
		}), from, to, int64(limit))
	})
	return stored, failure("verifying batches", err)
}

// StoredCursors implements factstr.Verifier.
func (b *backend) StoredCursors(
	ctx context.Context, above string, limit int,
) (stored []factstr.StoredCursor, err error) {
	err = b.withRetry(ctx, func(ctx context.Context, s *session) error {
		stored = stored[:0]
		return s.rows(ctx, b.statements.storedCursors, all(func(row [][]byte) {
			cursor := factstr.StoredCursor{Name: string(row[0])}
			if position := int64Of(row[1]); position < 0 {
				cursor.Problem = "is below 0; set it to 0 in durable_stream_cursors"
			} else {
				cursor.SequenceNumber = uint64(position)
			}
			stored = append(stored, cursor)
		}), above, int64(limit))
	})
	return stored, failure("verifying cursors", err)
}

// OpenTermIndex implements factstr.TermIndexed. An index whose last fact is another one on the
// server by now is of no use, which the next query notices, too.
func (b *backend) OpenTermIndex(ctx context.Context) (index factstr.TermIndex, used bool, err error) {
	view := b.index.view.Load()
	if view == nil {
		return index, false, nil
	}
	same := false
	err = b.withRetry(ctx, func(ctx context.Context, s *session) error {
		return s.rows(ctx, b.statements.toIndex, func(row [][]byte) bool {
			same = anchorOf(row[0], row[1], row[4]) == view.anchor
			return false
		}, int64(view.anchor.number), int64(1))
	})
	if err != nil || !same {
		return index, false, failure("verifying the index", err)
	}
	return factstr.TermIndex{Source: view.parts, Seed: b.index.seed, Through: view.anchor.number,
		Remedy: "close this store and open it again, which builds the index anew", Release: func() {}}, true, nil
}

// Backup implements factstr.Backuper.
func (b *backend) Backup(context.Context, string, func(copied, of int64)) (factstr.Backup, error) {
	return factstr.Backup{}, factstr.NotImplemented("postgres", "backup", "the server makes them while it runs: pg_dump with the schema "+b.schema+", or pg_basebackup")
}
