package sqlite

import (
	"context"
	"io"
	"strings"
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/termindex"
)

// How the log is read
//
// Reads run beside writers: in write-ahead logging a reader sees the state at which its transaction
// began, and never waits for a commit. Up to readersMax reads run at once, each on a connection of
// its own from the pool (reader_pool.go). The writing connection reads only for the group that is
// being decided, inside its transaction (inWrite).
//
// No read transaction lasts long, since SQLite's log cannot start again while somebody reads in it,
// and would grow. So a scan is done in pages of about pageTime, each a transaction of its own, and
// goes on behind the last fact of the page. Facts never change and numbers only grow, so the pages
// together show one snapshot, as long as it is the same log:
//
//   - A query reads the head in the transaction of each page (HeadAndScan). If core finds that the
//     head of a later page is not of the log of the first, it begins again.
//   - After each page the files are looked at (readerPool.lend). What was read while files were
//     exchanged is not returned.
//   - Before each head that is read the tables are checked if the schema has changed (sameSchema).
//     A head of a state that was seen already is not read again (known_head.go).
//
// A scan for at most mergeMax event types reads SQLite's index on types, where a Rust store has
// made one: a statement a type, merged by number (merged_rows.go). Every other scan reads what the
// term index proposes (term_index.go), and the whole range where that does not reach, which two
// connections read by turns if it is long (assisted_walk.go). Rows are checked when they are read,
// not when the store opens (rows.go): a row that cannot be returned concerns only those who read
// it.
//
// A read is Busy only because of a program that locks the database exclusively, of an opener that
// recovers the log after a crash, or of a lock that SQLite forgot to free. The connection waits for
// busyTimeout first; then the store renews its connections (connections.go).

const (
	pageTime  = 40 * time.Millisecond // of a read transaction
	pageCheck = 256                   // rows between looks at the clock
	fewRows   = 128                   // read at once
)

// fewTime is how long reading a few rows at once may take: longer if they are on the disk and not
// in the system's memory. Tests change it.
var fewTime = time.Millisecond

// reader reads on one connection.
type reader struct {
	conn          *conn
	index         *termIndex
	typeIndex     *atomic.Bool   // of the backend
	backend       *backend       // whose known state a page may rely on; nil for none
	inTransaction bool           // statements see one state without a transaction of their own
	inWrite       bool           // inside a write transaction, which ends no page early
	anchor        termindex.Fact // of the index, which the log was found to hold
	few           bool           // a page that would take many rows or much time ends with ErrWouldWait
}

// merges reports whether a scan for this many types reads SQLite's index on them.
func (r *reader) merges(types int) bool { return types <= mergeMax && r.typeIndex.Load() }

func (r *reader) Head(context.Context) (factstr.Head, error) { return readHead(r.conn) }

func readHead(c *conn) (head factstr.Head, err error) {
	err = c.each("SELECT sequence_number, occurred_at FROM events WHERE sequence_number > 0 ORDER BY sequence_number DESC LIMIT 1", func(row []any) bool {
		number, _ := row[0].(int64)
		head = factstr.Head{SequenceNumber: uint64(number), OccurredAt: textOf(row[1])}
		return false
	})
	return head, failure("reading the head", err)
}

// scanStatements are the statements that read facts.
type scanStatements struct {
	all, allDown, ofType, ofTypeDown string
	lookUp, lookUpDown               map[int]string // by the number of rows
}

const recordColumns = "sequence_number, occurred_at, event_type, payload"

var (
	scanUTF8 = scanStatementsOf(recordColumns)
	// A surrogate without its other half is replaced when it is read as UTF-8, so the stored bytes
	// are read, too.
	scanUTF16 = scanStatementsOf(recordColumns + ", CAST(event_type AS BLOB)")
)

func scanStatementsOf(columns string) scanStatements {
	const inRange = "sequence_number > ?1 AND sequence_number <= ?2 ORDER BY sequence_number"
	all := "SELECT " + columns + " FROM events WHERE " + inRange
	ofType := "SELECT " + columns + " FROM events INDEXED BY idx_events_type WHERE event_type = ?3 AND " + inRange
	lookUp := lookUpStatements(columns)
	lookUpDown := map[int]string{}
	for size, text := range lookUp {
		lookUpDown[size] = text + " DESC"
	}
	return scanStatements{all, all + " DESC", ofType, ofType + " DESC", lookUp, lookUpDown}
}

func (r *reader) statements() *scanStatements {
	if r.conn.utf16 {
		return &scanUTF16
	}
	return &scanUTF8
}

// typesAsBytes finds types that other programs stored as bytes. The index has them behind all text.
const typesAsBytes = "SELECT 1 FROM events INDEXED BY idx_events_type WHERE event_type >= x'' LIMIT 1"

// noTypeIndex reports whether a statement failed because SQLite has no index on types.
func noTypeIndex(err error) bool {
	return err != nil && strings.Contains(err.Error(), "no such index")
}

// Scan reads the range in pages, each a short read transaction.
func (r *reader) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	return inPages(scan, func(scan factstr.Scan) (uint64, bool, error) { return r.page(ctx, scan, visit) })
}

// inPages calls page with the rest of the scan until it is done.
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

// pageOf visits candidates until there are no more, or visit returns false: then done is true. If
// the page's time is over before that, last is the last fact it came to.
func (r *reader) pageOf(
	ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool, open func() (source, error),
) (last uint64, done bool, err error) {
	source, err := open()
	if err != nil {
		return 0, false, err
	}
	defer source.close()
	trace, started := scan.Plan.Trace(), time.Now()
	var record row
	for n := 1; ; n++ {
		err := source.next(&record)
		if err == io.EOF {
			return 0, true, nil
		}
		if err != nil {
			return 0, false, err
		}
		trace.Read(1)
		admitted := source.admits(&record)
		if admitted {
			if problem := damage(&record); problem != "" {
				return 0, false, factstr.NewError(factstr.CodeCorrupt, "sqlite: event %[2]d: its %[1]s; repair that row or restore a backup", problem, record.SequenceNumber)
			}
		}
		// Facts of other types are visited, too, so that a stream that reads through a long range
		// of them knows how far it has come.
		if (admitted || !record.typeless) && !visit(record.EventRecord) {
			return 0, true, nil
		}
		if r.few && (n > fewRows || time.Since(started) > fewTime) {
			return 0, false, factstr.ErrWouldWait
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

// scanBoundaries starts at the last batch that begins at or below ?1, since that one may reach into
// the range. Rows that end before they start are not batches.
const scanBoundaries = `SELECT first_sequence_number, last_sequence_number FROM append_batches
	WHERE first_sequence_number >= coalesce((SELECT first_sequence_number FROM append_batches
		WHERE first_sequence_number <= ?1 AND last_sequence_number >= first_sequence_number ORDER BY first_sequence_number DESC LIMIT 1), 0)
	AND first_sequence_number <= ?2 ORDER BY first_sequence_number`

func (r *reader) Boundaries(_ context.Context, after, upTo uint64, visit func(factstr.Boundary)) error {
	err := r.conn.each(scanBoundaries, func(row []any) bool {
		first, _ := row[0].(int64)
		last, _ := row[1].(int64)
		if first > 0 && last >= first && uint64(last) > after {
			visit(factstr.Boundary{First: uint64(first), Last: uint64(last)})
		}
		return true
	}, int64(after), int64(min(upTo, factstr.SequenceMax)))
	return failure("reading the batches", err)
}
