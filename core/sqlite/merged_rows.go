package sqlite

import (
	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/merge"
)

// mergeMax is how many types are read through SQLite's index on them; see reader.go.
const mergeMax = 8

// source yields the rows of a scan's range that a page looks at.
type source interface {
	next(into *row) error // io.EOF at the end
	admits(*row) bool     // whether the scan asks for facts of the row's type
	close()
}

// rangeSource reads one statement for each type, merged, or one statement for all.
type rangeSource struct {
	results []*resultSet
	merged  *merge.Sequences
	types   admittedTypes
	known   *texts
}

// admittedTypes are the types that a scan asks for; nil admits every row.
type admittedTypes map[string]struct{}

func admittedTypesOf(types []string) admittedTypes {
	admitted := make(admittedTypes, len(types))
	for _, eventType := range types {
		admitted[eventType] = struct{}{}
	}
	return admitted
}

func (t admittedTypes) admit(r *row) bool {
	if t == nil {
		return true
	}
	_, ok := t[r.EventType]
	return ok && !r.typeless
}

// openRange opens what reads a range without the index of terms.
func (r *reader) openRange(scan factstr.Scan) (source, error) {
	types, constrained := scan.Plan.Types()
	if constrained && r.merges(len(types)) {
		s, err := r.openTypes(scan, types)
		if err == nil {
			scan.Plan.Trace().From(factstr.AccessTypes, scan.After, scan.UpTo)
		}
		if !noTypeIndex(err) {
			return s, err
		}
		r.typeIndex.Store(false) // it was dropped since the last look at the schema
	}
	scan.Plan.Trace().From(factstr.AccessWalk, scan.After, scan.UpTo)
	s := r.newRange(scan)
	if constrained {
		s.types = admittedTypesOf(types)
	}
	if scan.Descending {
		return s, s.add(r.conn, r.statements().allDown, 0, int64(scan.After), int64(scan.UpTo))
	}
	if err := s.walk(r, 0, scan.After, scan.UpTo); err != nil || !r.mayAssist(scan) {
		return s, err
	}
	return &assistedWalk{rangeSource: s, reader: r, scan: scan, sizes: r.backend.readers.walk}, nil
}

// walk begins to read every row of a range in ascending order. Two may do so with other slots.
func (s *rangeSource) walk(r *reader, slot int, after, upTo uint64) error {
	s.results, s.merged = s.results[:0], merge.New(false, s.advance)
	return s.add(r.conn, r.statements().all, slot, int64(after), int64(upTo))
}

// openTypes opens a statement for each type.
func (r *reader) openTypes(scan factstr.Scan, types []string) (*rangeSource, error) {
	s := r.newRange(scan)
	text := r.statements().ofType
	if scan.Descending {
		text = r.statements().ofTypeDown
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

func (r *reader) newRange(scan factstr.Scan) *rangeSource {
	s := &rangeSource{known: &r.conn.names}
	s.merged = merge.New(scan.Descending, s.advance)
	return s
}

func (s *rangeSource) add(c *conn, text string, slot int, args ...any) error {
	opened, err := c.rows(text, slot, args...)
	if err != nil {
		return err
	}
	s.results = append(s.results, opened)
	s.merged.Add()
	return nil
}

// advance steps one statement to its next row.
func (s *rangeSource) advance(i int) (number uint64, err error) {
	if err := s.results[i].next(); err != nil {
		return 0, err
	}
	return uint64(s.results[i].number(0)), nil
}

// next returns the next record in order.
func (s *rangeSource) next(into *row) error {
	i, _, err := s.merged.Next()
	if err == nil {
		s.results[i].factOf(s.types, s.known, into)
	}
	return err
}

func (s *rangeSource) admits(r *row) bool { return s.types.admit(r) }

func (s *rangeSource) close() {
	for _, opened := range s.results {
		opened.close()
	}
}
