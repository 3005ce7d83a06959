package sqlite

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"io"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

const (
	// mergeMax is how many types are read through the index on types; a scan for more goes through
	// the whole range.
	mergeMax = 8
	// pageTime bounds a read transaction, since the log file of write-ahead logging cannot be
	// reused past one. A scan goes on in the next; as facts never change, that makes no difference
	// to what it sees.
	pageTime  = 40 * time.Millisecond
	pageCheck = 256 // rows between looks at the clock
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

// scanTexts are the statements that read facts.
type scanTexts struct{ all, allDown, ofType, ofTypeDown string }

const recordColumns = "sequence_number, occurred_at, event_type, payload"

var (
	scanUTF8 = scanTextsOf(recordColumns)
	// A surrogate without its other half becomes another character on the way, so what is stored is
	// looked at too.
	scanUTF16 = scanTextsOf(recordColumns + ", CAST(event_type AS BLOB)")
)

func scanTextsOf(columns string) scanTexts {
	const inRange = "sequence_number > ?1 AND sequence_number <= ?2 ORDER BY sequence_number"
	all := "SELECT " + columns + " FROM events WHERE " + inRange
	ofType := "SELECT " + columns + " FROM events INDEXED BY idx_events_type WHERE event_type = ?3 AND " + inRange
	return scanTexts{all, all + " DESC", ofType, ofType + " DESC"}
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

// row is a fact as it is stored.
type row struct {
	factstr.EventRecord
	typeless bool   // the type is nothing that a query could ask for
	problem  string // why it is no fact, if that cannot be told by its text
}

// rowOf takes text that another program stored as a BLOB for that text.
func rowOf(values []driver.Value) (r row) {
	number, _ := values[0].(int64)
	r.EventRecord = factstr.EventRecord{SequenceNumber: uint64(number), OccurredAt: textOf(values[1]), EventType: textOf(values[2]), Payload: bytesFrom(textOf(values[3]))}
	switch {
	case values[2] == nil:
		r.typeless, r.problem = true, "event_type is NULL"
	case len(values) > 4 && !storedAsUTF16(r.EventType, values[2], values[4]):
		r.typeless, r.problem = true, "event_type is not valid UTF-16"
	case values[1] == nil:
		r.problem = "occurred_at is NULL"
	case values[3] == nil:
		r.problem = "payload is NULL"
	}
	return r
}

// storedAsUTF16 reports whether text that was read is what is stored, in either order of bytes.
func storedAsUTF16(text string, value, stored driver.Value) bool {
	bytes, _ := stored.([]byte)
	if _, isText := value.(string); !isText {
		return true
	}
	little, big := make([]byte, 0, len(bytes)), make([]byte, 0, len(bytes))
	for _, unit := range utf16.Encode([]rune(text)) {
		little, big = binary.LittleEndian.AppendUint16(little, unit), binary.BigEndian.AppendUint16(big, unit)
	}
	return string(little) == string(bytes) || string(big) == string(bytes)
}

// damage tells why a row cannot be handed out. Only other programs store such rows.
func damage(r *row) string {
	switch {
	case r.problem != "":
		return r.problem
	case !jsonvalue.Valid(r.Payload):
		return "payload is not JSON"
	case !utf8.ValidString(r.EventType):
		return "event_type is not valid UTF-8"
	case !utf8.ValidString(r.OccurredAt):
		return "occurred_at is not valid UTF-8"
	}
	return ""
}

// source merges one statement a type, or reads one statement for all.
type source struct {
	cursors    []*cursor
	states     []rowState
	descending bool
	types      map[string]struct{} // nil: any that is proposed
}

// rowState tells of a cursor's row.
type rowState int

const (
	taken rowState = iota // the next one must be read
	ready
	finished
)

func (r *reader) open(scan factstr.Scan) (*source, error) {
	texts := &scanUTF8
	if r.conn.utf16 {
		texts = &scanUTF16
	}
	types, constrained := scan.Plan.Types()
	s := &source{descending: scan.Descending}
	if !constrained || len(types) > mergeMax {
		if constrained {
			s.types = make(map[string]struct{}, len(types))
			for _, eventType := range types {
				s.types[eventType] = struct{}{}
			}
		}
		text := texts.all
		if scan.Descending {
			text = texts.allDown
		}
		return s, s.add(r.conn, text, 0, int64(scan.After), int64(scan.UpTo))
	}
	text := texts.ofType
	if scan.Descending {
		text = texts.ofTypeDown
	}
	asBytes, err := r.conn.one(typesAsBytes)
	for slot, eventType := range types {
		if err == nil {
			err = s.add(r.conn, text, slot, int64(scan.After), int64(scan.UpTo), eventType)
		}
		if err == nil && asBytes != nil {
			err = s.add(r.conn, text, mergeMax+slot, int64(scan.After), int64(scan.UpTo), []byte(eventType))
		}
	}
	if err != nil {
		s.close()
	}
	return s, err
}

func (s *source) add(c *conn, text string, slot int, args ...any) error {
	opened, err := c.rows(text, slot, args...)
	if err != nil {
		return err
	}
	s.cursors = append(s.cursors, opened)
	s.states = append(s.states, taken)
	return nil
}

// next returns the next record in order.
func (s *source) next() (row, error) {
	best := -1
	for i, opened := range s.cursors {
		if s.states[i] == taken {
			switch err := opened.next(); {
			case err == io.EOF:
				s.states[i] = finished
			case err != nil:
				return row{}, err
			default:
				s.states[i] = ready
			}
		}
		if s.states[i] == ready && (best < 0 || s.before(i, best)) {
			best = i
		}
	}
	if best < 0 {
		return row{}, io.EOF
	}
	s.states[best] = taken
	return rowOf(s.cursors[best].row), nil
}

func (s *source) before(i, j int) bool {
	a, _ := s.cursors[i].row[0].(int64)
	b, _ := s.cursors[j].row[0].(int64)
	return a < b != s.descending
}

func (s *source) admits(r *row) bool {
	if s.types == nil {
		return true
	}
	_, ok := s.types[r.EventType]
	return ok && !r.typeless
}

func (s *source) close() {
	for _, opened := range s.cursors {
		opened.close()
	}
}

// textOf reads text that another program may have stored as a BLOB.
func textOf(value driver.Value) string {
	switch value := value.(type) {
	case string:
		return value
	case []byte:
		return string(value)
	}
	return ""
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
