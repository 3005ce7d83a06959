package factstr

import (
	"cmp"
	"context"

	"github.com/factstr/factstr-go/core/internal/match"
)

// scanner is the part of a Reader that scans use.
type scanner interface {
	Scan(ctx context.Context, scan Scan, visit func(EventRecord) (more bool)) error
}

// scanFrom visits the matching facts of a range in the order of the scan: up to the tail's floor
// from the reader, the others from the tail.
func scanFrom(ctx context.Context, known *tail, reader scanner, scan Scan, work *match.Work, visit func(EventRecord) (more bool)) error {
	if scan.Plan.Nothing() || scan.After >= scan.UpTo {
		return nil
	}
	more := true
	take := func(record EventRecord) bool {
		more = visit(record)
		return more
	}
	fromLog := func() (err error) {
		if floor := known.floor(); more && scan.After < floor && !work.Ended() {
			below := scan
			below.UpTo = min(scan.UpTo, floor)
			scan.Plan.trace.on(SourceLog, PurposeRows)
			err = reader.Scan(ctx, below, matching(scan.Plan, work, take))
		}
		return err
	}
	fromTail := func() {
		if more {
			scan.Plan.trace.on(SourceTail, PurposeRows)
			known.matching(scan.Plan, scan.After, scan.UpTo, scan.Descending, work,
				func(record *EventRecord) bool { return take(*record) })
		}
	}
	if scan.Descending {
		fromTail()
		err := fromLog()
		return cmp.Or(err, givenUp(ctx, work))
	}
	if err := fromLog(); err != nil {
		return err
	}
	fromTail()
	return givenUp(ctx, work)
}

// latestMatch returns the number of the newest fact in (floor, upTo] that matches, 0 if there is
// none. It looks in the tail first and then asks the reader, from the newest fact downwards.
func latestMatch(ctx context.Context, known *tail, reader scanner, plan *Plan, floor, upTo uint64, work *match.Work) (version uint64, err error) {
	if plan.Nothing() || floor >= upTo {
		return 0, nil
	}
	if plan.Everything() && upTo == known.head.SequenceNumber {
		return upTo, nil
	}
	plan.trace.on(SourceTail, PurposeVersion)
	if version = known.latestMatch(plan, floor, upTo, work); version > 0 {
		return version, nil
	}
	if below := min(known.floor(), upTo); below > floor && !work.Ended() {
		plan.trace.on(SourceLog, PurposeVersion)
		err = reader.Scan(ctx, Scan{Plan: plan, After: floor, UpTo: below, Descending: true, Wanted: 1,
			Borrow: true}, func(record EventRecord) bool {
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

// matching returns a visit of candidates that visits the matching ones, until visit returns false
// or the work ends.
func matching(plan *Plan, work *match.Work, visit func(EventRecord) (more bool)) func(EventRecord) bool {
	return func(record EventRecord) bool {
		if plan.matches(&record, work) {
			return visit(record)
		}
		return !work.Ended()
	}
}

// oneLog scans the backend for one query. If the backend is a HeadScanner, same turns false when a
// scan shows that the log is not the known one any more; other backends' logs are never replaced.
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
		return nil // the log grew, and this store knows by what
	}
	_, same, err := readSince(ctx, l.store.backend, l.known.head, l.known.head.SequenceNumber, 0, nil)
	if err != nil && CodeOf(err) != CodeCorrupt {
		return err
	}
	l.same = l.same && (same || err != nil) // a damaged head is in the log all the same
	return nil
}
