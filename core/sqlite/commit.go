package sqlite

import (
	"context"

	factstr "github.com/factstr/factstr-go/core"
)

// Commit runs a group in one transaction; see transaction.go. The group is decided inside it,
// against the head and the facts that nobody can change before it ends.
func (b *backend) Commit(ctx context.Context, group *factstr.Group) error {
	return b.write(ctx, "append", func(c *conn) (changed bool, err error) {
		head, err := readHead(c)
		if err != nil {
			return false, err
		}
		write, err := group.Decide(ctx, head, &reader{conn: c, inWrite: true})
		if err != nil || len(write.Records) == 0 {
			return false, err
		}
		if err := b.insertRecords(c, write.Records); err != nil {
			return false, err
		}
		for _, boundary := range write.Boundaries {
			if err := c.change("append_batches", insertBoundary, int64(boundary.First), int64(boundary.Last)); err != nil {
				return false, err
			}
		}
		group.EnterCommit()
		return true, nil
	})
}

// insertBoundary replaces a row that is there already. Its facts are gone, since this batch got the
// number, so it says nothing about the batch.
const insertBoundary = `INSERT INTO append_batches (first_sequence_number, last_sequence_number) VALUES (?1, ?2)
	ON CONFLICT (first_sequence_number) DO UPDATE SET last_sequence_number = excluded.last_sequence_number`

// insertRecord stores one fact. Its parameters have no names, since the driver looks each name up
// again for every row (a sixth of a batch's time), and it stores one row, since SQLite opens a
// statement journal for a statement that may fail in the middle (another sixth).
const insertRecord = "INSERT INTO events (sequence_number, occurred_at, event_type, payload) VALUES (?, ?, ?, ?)"

func (b *backend) insertRecords(c *conn, records []factstr.EventRecord) error {
	statement, err := c.prepare(insertRecord, 0)
	if err != nil {
		return err
	}
	args := b.insertArgs[:]
	for i := range args {
		args[i].Ordinal = i + 1
	}
	defer clear(args)
	for i := range records {
		record := &records[i]
		args[0].Value = int64(record.SequenceNumber)
		args[1].Value = record.OccurredAt
		args[2].Value = record.EventType
		args[3].Value = textFrom(record.Payload)
		result, err := statement.exec.ExecContext(context.Background(), args)
		if err := changed("events", 1, result, err); err != nil {
			return err
		}
	}
	return nil
}
