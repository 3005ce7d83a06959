package sqlite

import (
	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/merge"
)

// mergeMax is how many types are read through the index; see reader.go.
const mergeMax = 8

// source reads one statement for each type, merged, or one statement for all.
type source struct {
	results []*resultSet
	merged  *merge.Sequences
	types   map[string]struct{} // nil: any that is proposed
	known   *texts
}

func (r *reader) open(scan factstr.Scan) (*source, error) {
	statements := &scanUTF8
	if r.conn.utf16 {
		statements = &scanUTF16
	}
	types, constrained := scan.Plan.Types()
	s := &source{known: &r.conn.names}
	s.merged = merge.New(scan.Descending, s.advance)
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
	s.merged.Add()
	return nil
}

// advance steps one statement to its next row.
func (s *source) advance(i int) (number uint64, err error) {
	if err := s.results[i].next(); err != nil {
		return 0, err
	}
	return uint64(s.results[i].number(0)), nil
}

// next returns the next record in order.
func (s *source) next() (row, error) {
	i, _, err := s.merged.Next()
	if err != nil {
		return row{}, err
	}
	return s.results[i].fact(s.known), nil
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
