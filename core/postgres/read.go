package postgres

import (
	"context"
	"errors"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// Reading
//
// A range of the log is read in pages: statements with a LIMIT, each of which begins behind the
// last row of the one before. Facts never change and numbers only grow (G1 G2), so pages up to one
// head are one snapshot, and no transaction spans them. A slow consumer holds neither a snapshot,
// which would hold back vacuum, nor locks. The first page is small, since most reads want little;
// the next ones grow until they hold pageBytes.
//
// The same makes reads resumable. If a connection is lost in the middle of a page, the scan goes on
// with the next number after the last row that arrived, on another connection, at most twice.
// Single statements are tried again once: the pool's idle connections are all dead after a restart
// of the server, and the pool is told to drop them when one is found dead.
//
// The other connection may lead to another server with another log, after a failover that lost
// commits. So HeadAndScan asks for the head in the round trip of each page, and core compares it
// with what it knows: rows and version are of one log, or the query begins again (G8 G24).
//
// A selective scan asks the store's index of terms for numbers, if there is one, and its pages look
// those up (term_index.go, index_search.go).
//
// A read is given up when the server is silent for ResponseTimeout, not when it takes long: each
// heardEvery rows count as a sign of life. A consumer that has enough stops reading; the rest of a
// small page is read and dropped, so that the connection can be used again, but for more than
// drainBytesMax the connection is closed, which is cheaper.
//
// Rejected: cursors (DECLARE holds a transaction open, and a pooler loses WITH HOLD ones); one
// statement for the whole range (nothing to resume behind, and a consumer that stops early leaves
// the rest on the wire); REPEATABLE READ over several pages (see above).
//
// See also core/DESIGN.md: "rows and version by a head, on PostgreSQL too", "reading on costs what
// is there".

// reader reads the log with sessions that it borrows.
type reader struct {
	sessions   sessions
	statements *statements
	silence    time.Duration // how long the server may be silent
	index      *termIndex    // nil: the server finds all candidates
}

const (
	pageRows      = 1_000
	pageRowsMax   = 10_000
	pageBytes     = 4 << 20
	pageRowsMin   = 16
	drainBytesMax = 1 << 20 // unwanted bytes that are read to keep the connection
)

func (r reader) Head(ctx context.Context) (head factstr.Head, err error) {
	err = r.withRetry(ctx, func(ctx context.Context, s *session) error {
		head = factstr.Head{}
		return s.rows(ctx, r.statements.head, func(row [][]byte) bool {
			head = headOf(row[0], row[1])
			return false
		})
	})
	return head, failure("reading the head", err)
}

// withRetry runs use, and once more if its connection was lost: one that was idle while the server
// restarted is dead.
func (r reader) withRetry(ctx context.Context, use func(context.Context, *session) error) error {
	once := func() error {
		return r.sessions.with(ctx, func(s *session) error {
			return r.unlessSilent(ctx, func(ctx context.Context, _ func()) error { return use(ctx, s) })
		})
	}
	err := once()
	if lost(err) && ctx.Err() == nil && !isOverdue(err) {
		err = once()
	}
	return err
}

// errSilent means that the server did not answer, although the connection seems to stand.
var errSilent = errors.New("the server did not answer in time")

// unlessSilent runs read, and gives it up when it has not called heard for r.silence.
func (r reader) unlessSilent(ctx context.Context, read func(ctx context.Context, heard func()) error) error {
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

// HeadAndScan reads the head in the round trip of each page, so the head is that of the server from
// which the last page came.
func (r reader) HeadAndScan(
	ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool,
) (head factstr.Head, err error) {
	err = r.scan(ctx, scan, &head, nil, visit)
	return head, err
}

// ScanWithBoundaries reads the batches in the round trip of the first page.
func (r reader) ScanWithBoundaries(
	ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool,
) ([]factstr.Boundary, error) {
	batches := &batches{after: scan.After, upTo: scan.UpTo}
	err := r.scan(ctx, scan, nil, batches, visit)
	return batches.found, err
}

// Scan reads the range in pages.
func (r reader) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	return r.scan(ctx, scan, nil, nil, visit)
}

func (r reader) scan(
	ctx context.Context, scan factstr.Scan, head *factstr.Head, batches *batches, visit func(factstr.EventRecord) bool,
) error {
	scan.UpTo = min(scan.UpTo, factstr.SequenceMax)
	search := r.index.search(scan)
	query := r.statements.page(scan)
	rows := pageRows
	if scan.Wanted > 0 {
		rows = min(max(scan.Wanted, pageRowsMin), pageRowsMax)
	}
	trace, told := scan.Plan.Trace(), factstr.Access("")
	for cuts := 0; scan.After < scan.UpTo; {
		part, err := search.next(scan, query, r.statements, rows)
		if err != nil {
			return failure("reading", err)
		}
		if trace != nil {
			if err := r.tellPart(ctx, trace, scan, part, part.access != told); err != nil {
				return err
			}
			told = part.access
		}
		page := page{part: part, head: head, batches: batches, visit: visit, trace: trace}
		err = r.read(ctx, &page)
		cut := lost(err) && ctx.Err() == nil && !isOverdue(err) && cuts < 2
		if cut {
			cuts++
		} else if err != nil {
			return failure("reading", err)
		}
		if head != nil {
			r.index.saw(*head)
		}
		if !cut {
			batches = nil // they came with the page
		}
		if page.enough {
			return nil
		}
		if page.refused && !cut {
			search.giveUp()
			continue
		}
		reached := page.last // nothing of the part is left up to here
		if page.count < part.rows && !cut {
			reached = part.end
		} else if page.count == 0 {
			continue
		}
		if scan.Descending {
			scan.UpTo = reached - 1
		} else {
			scan.After = reached
		}
		if page.count > 0 {
			rows = min(10*rows, max(pageRowsMin, pageBytes/max(1, page.bytes/page.count)), query.rowsMax)
		}
	}
	return nil
}

// page is what one statement reads, and how far it came.
type page struct {
	part
	head    *factstr.Head // is read as well, unless nil
	batches *batches      // the same
	visit   func(factstr.EventRecord) bool
	trace   *factstr.Trace
	count   int
	bytes   int
	last    uint64
	enough  bool
	refused bool // the log does not hold the anchor of the index, so nothing was visited
}

func (r reader) read(ctx context.Context, page *page) error {
	return r.sessions.with(ctx, func(s *session) error {
		err := r.unlessSilent(ctx, func(ctx context.Context, heard func()) error { return r.fill(ctx, s, page, heard) })
		if page.enough {
			return nil
		}
		return err
	})
}

// heardEvery is how many rows count as a sign of life.
const heardEvery = 256

func (r reader) fill(ctx context.Context, s *session, page *page, heard func()) error {
	take := func(row [][]byte) bool { return page.take(s, recordOf(row[0], row[1], row[2], row[3]), heard) }
	if page.view != nil {
		take = page.behindAnchor(take)
	}
	var ahead []before
	if page.head != nil {
		*page.head = factstr.Head{}
		ahead = append(ahead, before{text: r.statements.head,
			visit: func(row [][]byte) { *page.head = headOf(row[0], row[1]) }})
	}
	if page.batches != nil {
		ahead = append(ahead, page.batches.before(r.statements))
	}
	if ahead == nil {
		return s.rows(ctx, page.text, take, page.values...)
	}
	_, err := s.inOneTrip(ctx, ahead, page.text, take, page.values...)
	return err
}

// take hands a row to the consumer. It closes the connection if much is left that nobody wants.
func (page *page) take(s *session, record factstr.EventRecord, heard func()) (more bool) {
	page.count++
	page.trace.Read(1)
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

// Pace returns where the next range of a selective scan ends. Such a scan looks for all candidates
// of its range before it visits one, so core keeps its ranges short.
func (r reader) Pace(ctx context.Context, after, upTo uint64, facts int) (number uint64, err error) {
	number = upTo
	err = r.withRetry(ctx, func(ctx context.Context, s *session) error {
		return s.rows(ctx, r.statements.pace, func(row [][]byte) bool {
			number = uint64(int64Of(row[0]))
			return false
		}, int64(after), int64(min(upTo, factstr.SequenceMax)), int64(facts-1))
	})
	return number, failure("reading", err)
}

func (r reader) Boundaries(ctx context.Context, after, upTo uint64, visit func(factstr.Boundary)) error {
	batches := &batches{after: after, upTo: upTo}
	err := r.withRetry(ctx, func(ctx context.Context, s *session) error {
		read := batches.before(r.statements)
		return s.rows(ctx, read.text, all(read.visit), read.values...)
	})
	if err != nil {
		return failure("reading the batches", err)
	}
	for _, boundary := range batches.found {
		visit(boundary)
	}
	return nil
}

// batches are the ranges of batches that overlap (after, upTo].
type batches struct {
	after, upTo uint64
	found       []factstr.Boundary
}

// before returns the statement that finds them. Those that were found before are forgotten.
func (b *batches) before(t *statements) before {
	b.found = b.found[:0]
	return before{text: t.boundaries, values: []any{int64(b.after), int64(min(b.upTo, factstr.SequenceMax))},
		visit: func(row [][]byte) {
			if first, last := int64Of(row[0]), int64Of(row[1]); first > 0 && last >= first && uint64(last) > b.after {
				b.found = append(b.found, factstr.Boundary{First: uint64(first), Last: uint64(last)})
			}
		}}
}
