package postgres

import (
	"context"

	factstr "github.com/factstr/factstr-go/core"
)

// parkedTable holds the batches that were put aside. It is made by the first opening that may.
const parkedTable = "factstr_parked_batches"

// ParkBatch stores the batch if the generation is still that of the lease, and moves the cursor, in
// one transaction on the session of the leases. It then looks at the log, as WriteCursors does.
func (b *backend) ParkBatch(ctx context.Context, move factstr.CursorWrite, batch factstr.ParkedBatch) error {
	const doing = "parking a batch"
	err := b.leases.withToEnd(ctx, func(ctx context.Context, s *session) error {
		return b.changeLocked(ctx, doing, s, func(ctx context.Context, s *session) error {
			count, _, err := s.one(ctx, b.statements.countParked, move.Name)
			if err != nil {
				return err
			}
			_, ours, err := s.one(ctx, b.statements.insertParked, move.Name, int64(batch.Position), int64(batch.First),
				batch.Error, int64(batch.Attempts), batch.ParkedAt, int64(move.Generation))
			if err != nil {
				return err
			}
			if !ours {
				return factstr.ErrStreamLost(move.Name)
			}
			names, generations, numbers := []string{move.Name}, []int64{int64(move.Generation)}, []int64{int64(move.SequenceNumber)}
			if err := s.run(ctx, b.statements.moveCursors, names, generations, numbers); err != nil {
				return err
			}
			now, there := cursorNow{}, false
			err = s.rows(ctx, b.statements.readMoved, func(row [][]byte) bool {
				now = cursorNow{generation: int64Of(row[1]), number: int64Of(row[2]), found: row[2] != nil}
				there = boolOf(row[3])
				return false
			}, names, generations, numbers, int64(move.Head.SequenceNumber), headTime(move.Head))
			switch {
			case err != nil:
				return err
			case !there:
				return factstr.NewError(factstr.CodeLogTruncated,
					"postgres: the log went backwards or was replaced: fact %d of %s is not in it any more, so no batch was parked", move.Head.SequenceNumber, move.Head.OccurredAt)
			case count >= factstr.ParkedMax:
				return factstr.ErrParkedFull(move.Name)
			}
			return wantMoved([]factstr.CursorWrite{move}, map[string]cursorNow{move.Name: now})
		})
	})
	return b.namingGrants(ctx, doing, err)
}

func (b *backend) ListParked(ctx context.Context, name string) (parked []factstr.ParkedBatch, err error) {
	err = b.withRetry(ctx, func(ctx context.Context, s *session) error {
		parked = nil
		return s.rows(ctx, b.statements.listParked, func(row [][]byte) bool {
			parked = append(parked, factstr.ParkedBatch{Position: uint64(int64Of(row[0])),
				First: uint64(int64Of(row[1])),
				Error: string(row[2]), Attempts: int(int64Of(row[3])), ParkedAt: string(row[4]), Redelivering: boolOf(row[5])})
			return true
		}, name)
	})
	return parked, b.namingGrants(ctx, "reading parked batches", err)
}

func (b *backend) MarkParked(ctx context.Context, name string, positions []uint64, discard bool) (found int,
	err error) {
	const doing = "changing parked batches"
	if err := b.readOnly(doing); err != nil {
		return 0, err
	}
	statement := b.statements.markParked
	if discard {
		statement = b.statements.removeParked
	}
	some := make([]int64, len(positions))
	for i, position := range positions {
		some[i] = int64(position)
	}
	err = b.leases.withToEnd(ctx, func(ctx context.Context, s *session) error {
		return b.changeLocked(ctx, doing, s, func(ctx context.Context, s *session) error {
			if _, err := b.knownCursor(ctx, s, "name", name); err != nil {
				return err
			}
			count, _, err := s.one(ctx, statement, name, len(some) == 0, some)
			found = int(count)
			return err
		})
	})
	return found, b.namingGrants(ctx, doing, err)
}

func (b *backend) SettleParked(ctx context.Context, name string, generation, position uint64,
	failed *factstr.ParkedBatch) error {
	const doing = "settling a parked batch"
	err := b.leases.withToEnd(ctx, func(ctx context.Context, s *session) error {
		return b.changeLocked(ctx, doing, s, func(ctx context.Context, s *session) error {
			now := int64(0)
			err := s.rows(ctx, b.statements.generations, func(row [][]byte) bool {
				now = int64Of(row[1])
				return false
			}, []string{name})
			switch {
			case err != nil:
				return err
			case now != int64(generation):
				return factstr.ErrStreamLost(name)
			case failed != nil:
				return s.run(ctx, b.statements.failAgain, name, int64(position), failed.Error, int64(failed.Attempts))
			}
			_, _, err = s.one(ctx, b.statements.removeParked, name, false, []int64{int64(position)})
			return err
		})
	})
	return b.namingGrants(ctx, doing, err)
}
