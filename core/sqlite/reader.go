package sqlite

import (
	"context"
	"database/sql/driver"
	"io"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// reader reads on one connection.
type reader struct {
	conn    *conn
	inWrite bool // inside a write transaction, which ends no page early
}

func (r *reader) Head(context.Context) (factstr.Head, error) { return readHead(r.conn) }

func readHead(c *conn) (head factstr.Head, err error) {
	err = c.each("SELECT sequence_number, occurred_at FROM events WHERE sequence_number > 0 ORDER BY sequence_number DESC LIMIT 1", func(row []driver.Value) bool {
		number, _ := row[0].(int64)
		head = factstr.Head{SequenceNumber: uint64(number), OccurredAt: textOf(row[1])}
		return false
	})
	return head, failure("reading the head", err)
}

// scanStatements are the statements that read facts.
type scanStatements struct{ all, allDown, ofType, ofTypeDown string }

const recordColumns = "sequence_number, occurred_at, event_type, payload"

var (
	scanUTF8 = scanStatementsOf(recordColumns)
	// A surrogate without its other half becomes another character on the way, so what is stored is
	// looked at too.
	scanUTF16 = scanStatementsOf(recordColumns + ", CAST(event_type AS BLOB)")
)

func scanStatementsOf(columns string) scanStatements {
	const inRange = "sequence_number > ?1 AND sequence_number <= ?2 ORDER BY sequence_number"
	all := "SELECT " + columns + " FROM events WHERE " + inRange
	ofType := "SELECT " + columns + " FROM events INDEXED BY idx_events_type WHERE event_type = ?3 AND " + inRange
	return scanStatements{all, all + " DESC", ofType, ofType + " DESC"}
}

// The index holds types that other programs stored as bytes behind all that are text.
const typesAsBytes = "SELECT 1 FROM events INDEXED BY idx_events_type WHERE event_type >= x'' LIMIT 1"

// Scan reads the range in pages, each a short read transaction.
func (r *reader) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	return inPages(scan, func(scan factstr.Scan) (uint64, bool, error) { return r.page(ctx, scan, visit) })
}

// inPages calls page with what is left of the scan, until it is done.
func inPages(scan factstr.Scan, page func(factstr.Scan) (last uint64, done bool, err error)) error {
	scan.UpTo = min(scan.UpTo, factstr.SequenceMax)
	for scan.After < scan.UpTo {
		last, done, err := page(scan)
		if err != nil || done {
			return failure("reading", err)
		}
		if scan.Descending {
			scan.UpTo = last - 1
		} else {
			scan.After = last
		}
	}
	return nil
}

// page visits candidates until there are no more, visit says so, or the page's time is over; then
// last is the last one visited.
func (r *reader) page(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) (last uint64, done bool, err error) {
	source, err := r.open(scan)
	if err != nil {
		return 0, false, err
	}
	defer source.close()
	started := time.Now()
	for n := 1; ; n++ {
		record, err := source.next()
		if err == io.EOF {
			return 0, true, nil
		}
		if err != nil {
			return 0, false, err
		}
		admitted := source.admits(&record)
		if admitted {
			if problem := damage(&record); problem != "" {
				return 0, false, factstr.NewError(factstr.CodeCorrupt, "sqlite: event %[2]d: its %[1]s; repair that row or restore a backup", problem, record.SequenceNumber)
			}
		}
		// Facts of other types are visited as well, since who reads on through a long range of them
		// wants to know how far it has come.
		if (admitted || !record.typeless) && !visit(record.EventRecord) {
			return 0, true, nil
		}
		if n%pageCheck == 0 {
			if ctx.Err() != nil {
				return 0, false, factstr.NewError(factstr.CodeCancelled, "the read was cancelled")
			}
			if !r.inWrite && time.Since(started) > pageTime {
				return record.SequenceNumber, false, nil
			}
		}
	}
}

// A batch that overlaps (after, upTo] starts at the last one that starts up to after, or later.
// Rows that end before they start are no batches.
const scanBoundaries = `SELECT first_sequence_number, last_sequence_number FROM append_batches
	WHERE first_sequence_number >= coalesce((SELECT first_sequence_number FROM append_batches
		WHERE first_sequence_number <= ?1 AND last_sequence_number >= first_sequence_number ORDER BY first_sequence_number DESC LIMIT 1), 0)
	AND first_sequence_number <= ?2 ORDER BY first_sequence_number`

func (r *reader) Boundaries(_ context.Context, after, upTo uint64, visit func(factstr.Boundary)) error {
	err := r.conn.each(scanBoundaries, func(row []driver.Value) bool {
		first, _ := row[0].(int64)
		last, _ := row[1].(int64)
		if first > 0 && last >= first && uint64(last) > after {
			visit(factstr.Boundary{First: uint64(first), Last: uint64(last)})
		}
		return true
	}, int64(after), int64(min(upTo, factstr.SequenceMax)))
	return failure("reading the batches", err)
}
