package sqlite

import (
	"io"
	"time"

	factstr "github.com/factstr/factstr-go/core"
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

// source merges one statement a type, or reads one statement for all.
type source struct {
	results    []*resultSet
	states     []rowState
	descending bool
	types      map[string]struct{} // nil: any that is proposed
}

// rowState tells of a result set's row.
type rowState int

const (
	taken rowState = iota // the next one must be read
	ready
	finished
)

func (r *reader) open(scan factstr.Scan) (*source, error) {
	statements := &scanUTF8
	if r.conn.utf16 {
		statements = &scanUTF16
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
		text := statements.all
		if scan.Descending {
			text = statements.allDown
		}
		return s, s.add(r.conn, text, 0, int64(scan.After), int64(scan.UpTo))
	}
	text := statements.ofType
	if scan.Descending {
		text = statements.ofTypeDown
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
	s.results = append(s.results, opened)
	s.states = append(s.states, taken)
	return nil
}

// next returns the next record in order.
func (s *source) next() (row, error) {
	best := -1
	for i, opened := range s.results {
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
	return rowOf(s.results[best].row), nil
}

func (s *source) before(i, j int) bool {
	a, _ := s.results[i].row[0].(int64)
	b, _ := s.results[j].row[0].(int64)
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
	for _, opened := range s.results {
		opened.close()
	}
}
