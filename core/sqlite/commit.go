package sqlite

import (
	"context"
	"database/sql/driver"
	"strconv"
	"strings"

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

// rowsPerInsert holds the sizes of multi-row inserts, largest first.
var rowsPerInsert = []int{64, 32, 16, 8, 4, 2, 1}

var insertTexts = func() map[int]string {
	texts := map[int]string{}
	for _, rows := range rowsPerInsert {
		var text strings.Builder
		text.WriteString("INSERT INTO events (sequence_number, occurred_at, event_type, payload) VALUES ")
		for row := range rows {
			if row > 0 {
				text.WriteByte(',')
			}
			text.WriteByte('(')
			for column := 1; column <= 4; column++ {
				if column > 1 {
					text.WriteByte(',')
				}
				text.WriteString("?" + strconv.Itoa(4*row+column))
			}
			text.WriteByte(')')
		}
		texts[rows] = text.String()
	}
	return texts
}()

func (b *backend) insertRecords(c *conn, records []factstr.EventRecord) error {
	for _, rows := range rowsPerInsert {
		if len(records) < rows {
			continue
		}
		statement, err := c.prepare(insertTexts[rows], 0)
		if err != nil {
			return err
		}
		for len(records) >= rows {
			args := b.insertArgs[:0]
			for _, record := range records[:rows] {
				args = append(args,
					driver.NamedValue{Ordinal: len(args) + 1, Value: int64(record.SequenceNumber)},
					driver.NamedValue{Ordinal: len(args) + 2, Value: record.OccurredAt},
					driver.NamedValue{Ordinal: len(args) + 3, Value: record.EventType},
					driver.NamedValue{Ordinal: len(args) + 4, Value: textFrom(record.Payload)})
			}
			b.insertArgs = args
			result, err := statement.exec.ExecContext(context.Background(), args)
			if err := changed("events", rows, result, err); err != nil {
				return err
			}
			records = records[rows:]
		}
	}
	clear(b.insertArgs[:cap(b.insertArgs)])
	return nil
}
