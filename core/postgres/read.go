package postgres

import (
	"context"
	"errors"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// reader reads by whatever lends it sessions.
type reader struct {
	sessions   sessions
	statements *statements
	silence    time.Duration // that the server may keep
}

// A page is how much is read by one statement. The first is small, as most reads want little; then
// they grow up to a size in bytes.
const (
	pageRows      = 1_000
	pageRowsMax   = 10_000
	pageBytes     = 4 << 20
	pageRowsMin   = 16
	drainBytesMax = 1 << 20 // what is read for nothing rather than to give the connection up
)

func (r reader) Head(ctx context.Context) (head factstr.Head, err error) {
	err = r.twice(ctx, func(ctx context.Context, s *session) error {
		head = factstr.Head{}
		return s.rows(ctx, r.statements.head, func(row [][]byte) bool {
			head = headOf(row[0], row[1])
			return false
		})
	})
	return head, failure("reading the head", err)
}

// twice tries again what found its connection dead, as those are that were idle while the server
// restarted.
func (r reader) twice(ctx context.Context, use func(context.Context, *session) error) error {
	once := func() error {
		return r.sessions.with(ctx, func(s *session) error {
			return r.heard(ctx, func(ctx context.Context, _ func()) error { return use(ctx, s) })
		})
	}
	err := once()
	if lost(err) && ctx.Err() == nil && !isOverdue(err) {
		err = once()
	}
	return err
}

// errSilent is a server that does not answer, though the connection to it seems to be there.
var errSilent = errors.New("the server did not answer in time")

// heard gives a read up when nothing was heard of the server for too long.
func (r reader) heard(ctx context.Context, read func(ctx context.Context, heard func()) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(r.silence, func() { cancel(errSilent) })
	defer timer.Stop()
	err := read(ctx, func() { timer.Reset(r.silence) })
	if err != nil && context.Cause(ctx) == errSilent {
		return &overdue{r.silence}
	}
	return err
}

// HeadAndScan sends the question for the head along with that for each page, so that the head is of
// the server that the last page came from.
func (r reader) HeadAndScan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) (head factstr.Head, err error) {
	err = r.scan(ctx, scan, &head, visit)
	return head, err
}

// Scan reads the range in pages.
func (r reader) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	return r.scan(ctx, scan, nil, visit)
}

func (r reader) scan(ctx context.Context, scan factstr.Scan, head *factstr.Head, visit func(factstr.EventRecord) bool) error {
	scan.UpTo = min(scan.UpTo, factstr.SequenceMax)
	query := r.statements.page(scan)
	rows := pageRows
	if scan.Wanted > 0 {
		rows = min(max(scan.Wanted, pageRowsMin), pageRowsMax)
	}
	for cuts := 0; scan.After < scan.UpTo; {
		page := page{rows: rows, head: head, visit: visit}
		err := r.read(ctx, query, scan, &page)
		// Facts do not change, so a page that was cut off is gone on with behind its last row.
		cut := lost(err) && ctx.Err() == nil && !isOverdue(err) && cuts < 2
		if cut {
			cuts++
		} else if err != nil {
			return failure("reading", err)
		}
		if page.enough || page.count < rows && !cut {
			return nil
		}
		if page.count == 0 {
			continue
		}
		if scan.Descending {
			scan.UpTo = page.last - 1
		} else {
			scan.After = page.last
		}
		rows = min(10*rows, max(pageRowsMin, pageBytes/max(1, page.bytes/page.count)), query.rowsMax)
	}
	return nil
}

// page is what one statement reads.
type page struct {
	rows   int
	head   *factstr.Head // is asked for as well; nil if it is not
	visit  func(factstr.EventRecord) bool
	count  int
	bytes  int
	last   uint64
	enough bool
}

func (r reader) read(ctx context.Context, q pageQuery, scan factstr.Scan, page *page) error {
	return r.sessions.with(ctx, func(s *session) error {
		err := r.heard(ctx, func(ctx context.Context, heard func()) error { return r.fill(ctx, s, page, q, scan, heard) })
		if page.enough {
			return nil
		}
		return err
	})
}

// heardEvery is after how many rows the server counts as heard again.
const heardEvery = 256

func (r reader) fill(ctx context.Context, s *session, page *page, q pageQuery, scan factstr.Scan, heard func()) error {
	values := append([]any{int64(scan.After), int64(scan.UpTo), int64(page.rows)}, q.values...)
	take := func(row [][]byte) bool { return page.take(s, recordOf(row[0], row[1], row[2], row[3]), heard) }
	if page.head == nil {
		return s.rows(ctx, q.text, take, values...)
	}
	*page.head = factstr.Head{}
	return s.rowsAfter(ctx, r.statements.head, func(row [][]byte) { *page.head = headOf(row[0], row[1]) }, q.text, take, values...)
}

// take counts a row in, and gives the connection up rather than read too many that nobody wants.
func (page *page) take(s *session, record factstr.EventRecord, heard func()) (more bool) {
	page.count++
	page.bytes += len(record.Payload) + len(record.EventType) + 64
	page.last = record.SequenceNumber
	if page.count%heardEvery == 0 {
		heard()
	}
	page.enough = !page.visit(record)
	if page.enough && (page.rows-page.count)*(page.bytes/page.count) > drainBytesMax {
		s.drop()
	}
	return !page.enough
}

// Pace finds the end of the range that a selective scan looks at: each looks for all candidates of
// its range at once.
func (r reader) Pace(ctx context.Context, after, upTo uint64, facts int) (number uint64, err error) {
	number = upTo
	err = r.twice(ctx, func(ctx context.Context, s *session) error {
		return s.rows(ctx, r.statements.pace, func(row [][]byte) bool {
			number = uint64(int64Of(row[0]))
			return false
		}, int64(after), int64(min(upTo, factstr.SequenceMax)), int64(facts-1))
	})
	return number, failure("reading", err)
}

func (r reader) Boundaries(ctx context.Context, after, upTo uint64, visit func(factstr.Boundary)) error {
	var found []factstr.Boundary
	err := r.twice(ctx, func(ctx context.Context, s *session) error {
		found = found[:0]
		return s.rows(ctx, r.statements.boundaries, func(row [][]byte) bool {
			if first, last := int64Of(row[0]), int64Of(row[1]); first > 0 && last >= first && uint64(last) > after {
				found = append(found, factstr.Boundary{First: uint64(first), Last: uint64(last)})
			}
			return true
		}, int64(after), int64(min(upTo, factstr.SequenceMax)))
	})
	if err != nil {
		return failure("reading the batches", err)
	}
	for _, boundary := range found {
		visit(boundary)
	}
	return nil
}
