package factstr

import (
	"context"
	"math"

	"github.com/factstr/factstr-go/core/internal/match"
)

// Query reads the facts that match, and the version of the whole context, from one snapshot of the log.
func (s *Store) Query(ctx context.Context, query EventQuery) (*QueryResult, error) {
	plan, err := validateQuery("query", query, s.options.Limits)
	if err != nil {
		return nil, err
	}
	done, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer done()
	if ctx.Err() != nil {
		return nil, interrupted(ctx, "the query")
	}
	ctx, stop := s.bound(ctx)
	defer stop()
	for range replacedMax {
		result, same, err := s.read(ctx, plan, query)
		if err != nil {
			if ctx.Err() != nil {
				return nil, s.interruptedRead(ctx)
			}
			return nil, err
		}
		if same {
			return result, nil
		}
	}
	return nil, NewError(CodeLogTruncated, "the log was replaced while the query read it, and then again; check that all reads lead to one server")
}

// replacedMax is how often a query begins with another log.
const replacedMax = 3

// read is to be done again if it was not all the same log.
func (s *Store) read(ctx context.Context, plan *Plan, query EventQuery) (_ *QueryResult, same bool, err error) {
	rows := &rows{bytesMax: s.options.Limits.ResultBytesMax, limit: math.MaxUint64, work: workUntil(ctx)}
	scan := Scan{Plan: plan}
	if query.MinSequenceNumber != nil {
		scan.After = *query.MinSequenceNumber
	}
	if query.Limit != nil {
		rows.limit = *query.Limit
		scan.Wanted = int(min(rows.limit, math.MaxInt32))
	}
	rows.complete = rows.limit > 0
	after := scan.After
	known, err := s.refreshAndScan(ctx, &scan, rows)
	if err != nil {
		return nil, false, err
	}
	log := oneLog{store: s, known: &known, same: true}
	if rows.more() {
		scan.UpTo = known.head.SequenceNumber
		if err := scanFrom(ctx, &known, &log, scan, &rows.work, rows.take); err != nil {
			return nil, false, err
		}
	}
	if rows.tooLarge {
		return nil, false, NewError(CodeInvalidArgument, "the query's result exceeds %d bytes; read it in parts with limit and min_sequence_number", rows.bytesMax)
	}
	result := &QueryResult{EventRecords: rows.records}
	var last uint64
	if n := len(result.EventRecords); n > 0 {
		last = result.EventRecords[n-1].SequenceNumber
		result.LastReturnedSequenceNumber = &last
	}
	// The newest match is the last row, unless rows were cut off at the end; or it is below the read cursor.
	version := last
	if !rows.complete {
		if version, err = latestMatch(ctx, &known, &log, plan, last, known.head.SequenceNumber, &rows.work); err == nil && version == 0 {
			version = last
		}
	} else if version == 0 && after > 0 {
		version, err = latestMatch(ctx, &known, &log, plan, 0, min(after, known.head.SequenceNumber), &rows.work)
	}
	if err != nil {
		return nil, false, err
	}
	if version > 0 {
		result.CurrentContextVersion = &version
	}
	return result, log.same, nil
}

// rows are what a query returns.
type rows struct {
	records  []EventRecord
	bytes    int
	bytesMax int
	tooLarge bool
	limit    uint64
	complete bool // no row was left out because of the limit, as far as is known
	work     match.Work
}

func (r *rows) more() bool { return r.complete && !r.tooLarge }

func (r *rows) take(record EventRecord) (more bool) {
	r.records = append(r.records, record)
	r.bytes += recordBytes(&record)
	r.tooLarge = r.bytes > r.bytesMax
	r.complete = uint64(len(r.records)) < r.limit
	return r.more()
}

// refreshAndScan refreshes the log and, where that takes no round trip of its own, already takes the rows below the tail. scan is what is left to be read.
func (s *Store) refreshAndScan(ctx context.Context, scan *Scan, rows *rows) (tail, error) {
	backend, together := s.backend.(HeadScanner)
	known := s.log.current()
	if !together || !rows.more() || scan.Plan.Nothing() || scan.After >= known.floor() {
		return s.log.refresh(ctx, s.backend)
	}
	none, below := *rows, *scan
	below.UpTo = known.floor()
	since := s.log.advances.Load()
	head, err := backend.HeadAndScan(ctx, below, matching(scan.Plan, &rows.work, rows.take))
	if err == nil {
		err = givenUp(ctx, &rows.work)
	}
	if err != nil || head == known.head {
		scan.After = below.UpTo
		return known, err
	}
	now, err := s.log.reach(ctx, since, head, s.backend)
	if now.epoch != known.epoch {
		*rows = none // they may be of another log
	} else {
		scan.After = below.UpTo
	}
	return now, err
}

// matching visits the candidates that match, for as long as the work may go on.
func matching(plan *Plan, work *match.Work, visit func(EventRecord) (more bool)) func(EventRecord) bool {
	return func(record EventRecord) bool {
		if plan.matches(&record, work) {
			return visit(record)
		}
		return !work.Ended()
	}
}

type scanner interface {
	Scan(ctx context.Context, scan Scan, visit func(EventRecord) (more bool)) error
}

// oneLog reads the backend and finds out whether the log is still the one that was known, where that takes no round trip of its own.
type oneLog struct {
	store *Store
	known *tail
	same  bool
}

func (l *oneLog) Scan(ctx context.Context, scan Scan, visit func(EventRecord) (more bool)) error {
	backend, together := l.store.backend.(HeadScanner)
	if !together {
		return l.store.backend.Scan(ctx, scan, visit)
	}
	head, err := backend.HeadAndScan(ctx, scan, visit)
	if err != nil || head == l.known.head {
		return err
	}
	if now := l.store.log.current(); now.head == head && now.epoch == l.known.epoch {
		return nil // this store has appended
	}
	_, same, err := readSince(ctx, l.store.backend, l.known.head, l.known.head.SequenceNumber, 0)
	if err != nil && CodeOf(err) != CodeCorrupt {
		return err
	}
	l.same = l.same && (same || err != nil) // a head that is damaged is there
	return nil
}

// scanFrom visits the facts of a range that match, oldest first: below the tail from the reader, the rest from the tail.
func scanFrom(ctx context.Context, known *tail, reader scanner, scan Scan, work *match.Work, visit func(EventRecord) (more bool)) error {
	if scan.Plan.Nothing() || scan.After >= scan.UpTo {
		return nil
	}
	more := true
	take := matching(scan.Plan, work, func(record EventRecord) bool {
		more = visit(record)
		return more
	})
	if floor := known.floor(); scan.After < floor {
		below := scan
		below.UpTo = min(scan.UpTo, floor)
		if err := reader.Scan(ctx, below, take); err != nil {
			return err
		}
	}
	for _, record := range known.after(scan.After) {
		if !more || record.SequenceNumber > scan.UpTo || work.Ended() {
			break
		}
		take(record)
	}
	return givenUp(ctx, work)
}

// latestMatch returns the newest fact in (floor, upTo] that matches, 0 if there is none: from the tail, else from the reader.
func latestMatch(ctx context.Context, known *tail, reader scanner, plan *Plan, floor, upTo uint64, work *match.Work) (version uint64, err error) {
	if plan.Nothing() || floor >= upTo {
		return 0, nil
	}
	if plan.Everything() && upTo == known.head.SequenceNumber {
		return upTo, nil
	}
	if version = known.latestMatch(plan, floor, upTo, work); version > 0 {
		return version, nil
	}
	if below := min(known.floor(), upTo); below > floor && !work.Ended() {
		err = reader.Scan(ctx, Scan{Plan: plan, After: floor, UpTo: below, Descending: true, Wanted: 1}, func(record EventRecord) bool {
			work.Spend(rowWork + len(record.Payload))
			if plan.matches(&record, work) {
				version = record.SequenceNumber
			}
			return version == 0 && !work.Ended()
		})
	}
	if version == 0 && err == nil {
		err = givenUp(ctx, work)
	}
	return version, err
}
