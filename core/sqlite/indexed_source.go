package sqlite

import (
	"bytes"
	"io"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
)

const (
	// proposedMin and proposedMax bound how many numbers the index proposes at a time: first few,
	// since the reader may want a single fact, then more each time, since finding the place in the
	// index again has a cost.
	proposedMin = 64
	proposedMax = 1024
	// denseSpan is the number of rows for each proposed one up to which reading the whole span is
	// cheaper than looking its rows up.
	denseSpan = 4
)

// indexedSource reads the rows that the term index proposes in a range.
type indexedSource struct {
	conn       *conn
	statements *scanStatements
	index      termindex.Source
	query      terms.Query
	after      uint64 // what the index was not asked for yet is in (after, upTo]
	upTo       uint64
	descending bool
	few        bool     // more than fewRows rows at a time are none: see ScanAtOnce
	wanted     int      // how many numbers are proposed next
	proposed   []uint64 // and not read yet
	rows       *resultSet
	types      admittedTypes
	trace      *factstr.Trace
	// unread opens what is left of the range without the index. It is called if the index turns out
	// to be damaged; then rest reads on.
	unread func(why error, after, upTo uint64) (source, error)
	rest   source
}

// next returns the next proposed record that is there: a log may have lost a row.
func (s *indexedSource) next(into *row) error {
	for {
		if s.rest != nil {
			return s.rest.next(into)
		}
		if s.rows != nil {
			err := s.rows.next()
			if err == nil {
				s.rows.fact(&s.conn.names, into)
				return nil
			}
			s.closeRows()
			if err != io.EOF {
				return err
			}
		}
		if len(s.proposed) == 0 {
			if err := s.propose(); err != nil {
				return err
			}
			if s.rest != nil {
				continue
			}
			if len(s.proposed) == 0 {
				return io.EOF
			}
		}
		if err := s.fetch(); err != nil {
			return err
		}
	}
}

// propose asks the index for the next numbers.
func (s *indexedSource) propose() error {
	if s.after >= s.upTo {
		return nil
	}
	s.trace.From(factstr.AccessTerms, s.after, s.upTo)
	s.proposed = s.proposed[:0]
	err := s.index.Candidates(s.query, s.after, s.upTo, s.descending, func(sequence uint64) bool {
		s.proposed = append(s.proposed, sequence)
		return len(s.proposed) < s.wanted
	})
	if err != nil {
		s.proposed = s.proposed[:0]
		s.rest, err = s.unread(err, s.after, s.upTo)
		return err
	}
	if s.few && len(s.proposed) > fewRows {
		return factstr.ErrWouldWait // before any of them is read
	}
	switch n := len(s.proposed); {
	case n < s.wanted: // there are no more
		s.after = s.upTo
	case s.descending:
		s.upTo = s.proposed[n-1] - 1
	default:
		s.after = s.proposed[n-1]
	}
	s.wanted = min(2*s.wanted, proposedMax)
	return nil
}

// fetch opens a statement for the next proposed numbers: one for the span that they lie in, if they
// are most of it, else one that looks them up.
func (s *indexedSource) fetch() (err error) {
	n := len(s.proposed)
	low, high := s.proposed[0], s.proposed[n-1]
	if s.descending {
		low, high = high, low
	}
	if n >= lookedUpMin && high-low < denseSpan*uint64(n) {
		text := s.statements.all
		if s.descending {
			text = s.statements.allDown
		}
		s.rows, err = s.conn.rows(text, 0, int64(low-1), int64(high))
		s.proposed = s.proposed[:0]
		return err
	}
	size := lookedUp[0]
	for _, size = range lookedUp {
		if n >= size {
			break
		}
	}
	text := s.statements.lookUp[size]
	if s.descending {
		text = s.statements.lookUpDown[size]
	}
	s.rows, err = s.conn.rowsOf(text, s.proposed[:size])
	s.proposed = s.proposed[size:]
	return err
}

func (s *indexedSource) admits(r *row) bool { return s.types.admit(r) }

func (s *indexedSource) close() {
	s.closeRows()
	if s.rest != nil {
		s.rest.close()
	}
}

func (s *indexedSource) closeRows() {
	if s.rows != nil {
		s.rows.close()
		s.rows = nil
	}
}

// lookedUp holds how many numbers a statement looks up, largest first. lookedUpMin is the smallest
// that saves anything: SQLite makes a table of the numbers first, which costs more than a few
// statements of one.
var lookedUp = []int{64, 16, 1}

const lookedUpMin = 16

// lookUpStatements returns the statements that look rows up, by how many.
func lookUpStatements(columns string) map[int]string {
	texts := map[int]string{}
	for _, size := range lookedUp {
		where := "= ?"
		if size > 1 {
			where = "IN (?" + strings.Repeat(",?", size-1) + ")"
		}
		texts[size] = "SELECT " + columns + " FROM events WHERE sequence_number " + where + " ORDER BY sequence_number"
	}
	return texts
}

// factAt reads one row; found is false if the log has no fact with that number.
func (r *reader) factAt(sequence uint64) (fact row, found bool, err error) {
	rows, err := r.conn.rows(r.statements().lookUp[1], 0, int64(sequence))
	if err == nil {
		defer rows.close()
		if err = rows.next(); err == nil {
			rows.fact(&r.conn.names, &fact)
			fact.Payload = bytes.Clone(fact.Payload) // also in the middle of a scan that borrows
			return fact, true, nil
		}
	}
	if err == io.EOF {
		err = nil
	}
	return row{}, false, failure("reading a fact of the index", err)
}

// joinedSource reads one source after the other, each opened when the one before it has ended.
type joinedSource struct {
	source source
	open   []func() (source, error)
}

func (s *joinedSource) next(into *row) (err error) {
	for {
		if s.source != nil {
			if err = s.source.next(into); err != io.EOF || len(s.open) == 0 {
				return err
			}
			s.source.close()
			s.source = nil
		}
		if s.source, err = s.open[0](); err != nil {
			s.source = nil
			return err
		}
		s.open = s.open[1:]
	}
}

func (s *joinedSource) admits(r *row) bool { return s.source.admits(r) }

func (s *joinedSource) close() {
	if s.source != nil {
		s.source.close()
	}
}
