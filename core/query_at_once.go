package factstr

import (
	"context"
	"errors"

	"github.com/factstr/factstr-go/core/internal/match"
)

// How a query answers at once
//
// A thread of C that blocks for a query would rather run it itself: to hand it to a goroutine and
// to be woken takes as long as a query for ten facts. But its signals are blocked meanwhile, and an
// event loop may be behind it. So at once means: nobody is waited for, neither another call, nor a
// process, nor a server, and the work is bounded. The disk may be waited for as long as that takes
// about a millisecond; a backend that can promise that is a NearScanner.
//
// There is one head for all that the query reads: the known one. A scan that finds another head
// has read another log, or a longer one that must be read first, and the query is not answered at
// once. Whatever goes wrong is no answer either: Query meets it again, and reports it.

// QueryAtOnce is Query for a caller that must not wait for others. ok is false if the result would
// take such a wait, or more than about a millisecond of work: call Query then. ok is true if the
// head can be read without waiting and all facts that matter are in memory, or are a few that an
// index of the store finds, and also if the query is refused with an error.
func (s *Store) QueryAtOnce(query EventQuery) (result *QueryResult, ok bool, err error) {
	list := &recordList{}
	result, ok, err = s.QueryIntoAtOnce(query, list)
	if result != nil {
		result.EventRecords = list.all()
	}
	return result, ok, err
}

// QueryIntoAtOnce is QueryAtOnce with the rows given to taker. If ok is false, what was taken is no
// result.
func (s *Store) QueryIntoAtOnce(query EventQuery, taker RowTaker) (result *QueryResult, ok bool, err error) {
	backend, can := s.backend.(NearHead)
	if !can {
		return nil, false, nil
	}
	plan, err := validateQuery("query", query, s.options.Limits)
	if err != nil {
		return nil, true, err
	}
	done, err := s.enter()
	if err != nil {
		return nil, true, err
	}
	defer done()
	scan, rows := s.rowsOf(plan, query, taker, match.WorkUntil(nil, aheadWork))
	known, after := s.log.current(), scan.After
	log, far := s.scannerAtOnce(&known)
	if far && scan.After < known.floor() && rows.more() && !plan.Nothing() && !scan.Descending {
		// The first scan finds the head, too.
		below := scan
		below.UpTo = known.floor()
		if log.Scan(s.context, below, matching(plan, &rows.work, rows.take)) != nil || rows.work.Spent() {
			return nil, false, nil
		}
		scan.After = below.UpTo
	} else if head, ok := backend.HeadAtOnce(); !ok || head != known.head {
		return nil, false, nil
	}
	result, err = s.collect(s.context, &known, log, scan, after, rows)
	if isNotAtOnce(err) || rows.work.Spent() {
		return nil, false, nil
	}
	return result, true, err
}

// scannerAtOnce returns what reads the facts below the tail at once; far is whether those are not
// in memory. Its scans end with an error that isNotAtOnce reports if they cannot be read so.
func (s *Store) scannerAtOnce(known *tail) (log scanner, far bool) {
	switch backend := s.backend.(type) {
	case NearLog:
		return s.backend, false
	case NearScanner:
		return nearScans{backend, known.head}, true
	}
	return tailOnly{}, true
}

// isNotAtOnce reports whether an answer was not found at once.
func isNotAtOnce(err error) bool { return errors.Is(err, errBelowTail) || errors.Is(err, ErrWouldWait) }

// nearScans reads facts of a log whose head is known.
type nearScans struct {
	backend NearScanner
	head    Head
}

func (n nearScans) Scan(ctx context.Context, scan Scan, visit func(EventRecord) (more bool)) error {
	head, err := n.backend.ScanAtOnce(ctx, scan, visit)
	if err == nil && head != n.head {
		err = ErrWouldWait
	}
	return err
}

// tailOnly is the scanner of a query that may read nothing but the tail.
type tailOnly struct{}

func (tailOnly) Scan(context.Context, Scan, func(EventRecord) (more bool)) error { return errBelowTail }

// errBelowTail ends a query that would have to read the backend. No caller sees it.
var errBelowTail = errors.New("the facts are not in memory")
