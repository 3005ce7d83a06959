package factstr

import (
	"math"
	"slices"

	"github.com/factstr/factstr-go/core/internal/match"
)

// RowTaker takes the facts of a query one after the other, instead of a result that holds them all:
// see Store.QueryInto.
type RowTaker interface {
	// Begin comes before the first row, and again if the rows taken so far do not count, because
	// the log was replaced meanwhile.
	Begin()
	// Take takes the next row, in the order of the query. The bytes of its payload may change when
	// Take has returned. An error ends the query with it. It is called in the middle of a read, so
	// it must not call the store: that call may wait for this read to end.
	Take(record *EventRecord) error
}

// recordList takes the rows of Query. Many of them are gathered in blocks and put together once: a
// slice of a million rows that grows has been copied five times over.
type recordList struct {
	full  [][]EventRecord
	block []EventRecord
}

const recordBlockMax = 4096

func (l *recordList) Begin() { *l = recordList{} }

func (l *recordList) Take(record *EventRecord) error {
	if len(l.block) == recordBlockMax {
		l.full = append(l.full, l.block)
		l.block = make([]EventRecord, 0, recordBlockMax)
	}
	l.block = append(l.block, *record)
	return nil
}

// all returns the rows that were taken, nil if there are none.
func (l *recordList) all() []EventRecord {
	if l.full == nil {
		return l.block
	}
	return slices.Concat(append(l.full, l.block)...)
}

// rowCount counts rows.
type rowCount uint64

func (c *rowCount) Begin() { *c = 0 }

func (c *rowCount) Take(*EventRecord) error {
	*c++
	return nil
}

// rows counts the facts that a query returns, and passes them on.
type rows struct {
	taker    RowTaker
	err      error       // the taker's
	row      EventRecord // the last one, here so that it needs no allocation for each
	highest  uint64      // the newest one's number, 0 if there is none
	count    uint64
	bytes    int
	bytesMax int
	tooLarge bool
	limit    uint64
	complete bool // the limit has cut off no row so far
	work     match.Work
}

// rowsOf returns the scan that a query asks for and the empty rows to collect it in.
func (s *Store) rowsOf(plan *Plan, query EventQuery, taker RowTaker, work match.Work) (Scan, *rows) {
	rows := &rows{taker: taker, bytesMax: s.options.Limits.ResultBytesMax, limit: math.MaxUint64, work: work}
	scan := Scan{Plan: plan, Descending: query.Backwards}
	if _, keeps := taker.(*recordList); !keeps {
		scan.Borrow = true
	}
	if query.MinSequenceNumber != nil {
		scan.After = *query.MinSequenceNumber
	}
	if query.Limit != nil {
		rows.limit = *query.Limit
		scan.Wanted = int(min(rows.limit, math.MaxInt32))
	}
	rows.complete = rows.limit > 0
	taker.Begin()
	return scan, rows
}

func (r *rows) more() bool { return r.complete && !r.tooLarge && r.err == nil }

func (r *rows) take(record EventRecord) (more bool) {
	r.bytes += recordBytes(&record)
	if r.tooLarge = r.bytes > r.bytesMax; r.tooLarge {
		return false
	}
	r.count++
	r.row = record
	r.highest = max(r.highest, record.SequenceNumber)
	r.err = r.taker.Take(&r.row)
	r.complete = r.count < r.limit
	return r.more()
}

// dropBack forgets the rows since earlier, which is a copy from before the first one.
func (r *rows) dropBack(earlier rows) {
	*r = earlier
	r.taker.Begin()
}
