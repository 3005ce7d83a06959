package factstr

import (
	"context"
	"iter"
	"math"
)

// How a log is read row by row
//
// A Reading returns the rows of a query in pages, each a short read of its own, so nothing is held
// between two of them: no transaction, no connection, no goroutine. A program that stops in the
// middle has nothing to free, and one that takes hours holds nobody up.
//
// The first page fixes the head. All pages lie at or below it, and facts never change, so together
// they are the snapshot of one moment (G8), just as the scans of a query are (query.go). What
// makes them one is that the log only grows; if it is replaced between two pages, they would be of
// two logs. So each page begins by a refresh of what the store knows of the log: an epoch other
// than the first page's is another log (known_log.go). The scan of a backend whose log may be
// replaced looks once more when it has its rows (oneLog). A query would begin again; a Reading has
// given rows away already, and fails with CodeLogTruncated, from then on.
//
// A page counts when it is whole: one that fails, as by a lost connection or a cancelled context,
// leaves the Reading where it was, and the next call reads it again.
//
// A backend that finds all candidates of a range before it returns the first (Pacer) would find
// those of the whole log for each page. There a page asks for spans of numbers, and the next span
// is twice as long if the page has room: holes in the numbers and facts that match rarely cost a
// few more spans, and no span is much longer than what fills a page.
//
// Rejected: one transaction for the whole reading (it holds back vacuum, and SQLite's log file); a
// channel that a goroutine fills (it would wait for a consumer that left, and must be ended).

// Bounds of a page. A row is always read whole, so a page exceeds them by at most one row.
const (
	pageRowsMax  = 1_000
	pageBytesMax = 1 << 20
	pageSpan     = 16_384
)

// Reading reads the facts of a query in pages of bounded size: see Store.OpenReading. One goroutine
// at a time may use it.
type Reading struct {
	store *Store
	plan  *Plan
	rest  Scan   // what is not read yet, if began
	limit uint64 // rows that may still come
	span  uint64 // of numbers that the next scan asks for

	began, ended bool
	epoch        uint64 // of the first page, if began
	failure      error  // CodeLogTruncated, for good
}

// OpenReading begins to read the facts of a query in pages. It reads nothing yet: the first page
// does, and the log as it is then is what all pages are of. A Reading holds nothing and needs no
// end. Most programs use Read.
func (s *Store) OpenReading(query EventQuery) (*Reading, error) {
	plan, err := validateQuery("query", query, s.options.Limits)
	if err != nil {
		return nil, err
	}
	r := &Reading{store: s, plan: plan, limit: math.MaxUint64, span: math.MaxUint64}
	r.rest = Scan{Plan: plan, Descending: query.Backwards}
	if query.MinSequenceNumber != nil {
		r.rest.After = *query.MinSequenceNumber
	}
	if query.Limit != nil {
		r.limit = *query.Limit
	}
	if _, paces := s.backend.(Pacer); paces && !plan.Everything() {
		r.span = pageSpan
	}
	return r, nil
}

// Read returns the facts of a query one after the other, in the order of the query, in bounded
// memory however many they are: up to the head that the log has when the iteration begins. Each
// iteration begins anew. After an error, which is the last value, nothing follows; leaving the loop
// frees everything. CodeLogTruncated means that the log was replaced in the middle.
func (s *Store) Read(ctx context.Context, query EventQuery) iter.Seq2[EventRecord, error] {
	return func(yield func(EventRecord, error) bool) {
		reading, err := s.OpenReading(query)
		for err == nil {
			var page recordList
			var more bool
			if more, err = reading.Next(ctx, &page); err != nil {
				break
			}
			for _, record := range page.all() {
				if !yield(record, nil) {
					return
				}
			}
			if !more {
				return
			}
		}
		yield(EventRecord{}, err)
	}
}

// Next gives the next rows to taker, which begins anew with each page. more is false if these were
// the last ones; then further calls give none. After an error what was taken does not count, and
// the next call reads the same page again, unless the error is CodeLogTruncated, which stays.
func (r *Reading) Next(ctx context.Context, taker RowTaker) (more bool, err error) {
	if r.failure != nil {
		return false, r.failure
	}
	s := r.store
	done, err := s.enter()
	if err != nil {
		return false, err
	}
	defer done()
	if ctx.Err() != nil {
		return false, interrupted(ctx, "the reading")
	}
	ctx, stop := s.bound(ctx)
	defer stop()
	taker.Begin()
	if r.ended {
		return false, nil
	}
	if err := r.page(ctx, taker); err != nil {
		if CodeOf(err) == CodeLogTruncated {
			r.failure = err
		} else if ctx.Err() != nil {
			err = s.interruptedRead(ctx)
		}
		return false, err
	}
	return !r.ended, nil
}

// page reads one page, and moves the Reading behind it if that succeeds.
func (r *Reading) page(ctx context.Context, taker RowTaker) error {
	known, err := r.store.log.refresh(ctx, r.store.backend)
	if err != nil {
		return err
	}
	rest := r.rest
	if !r.began {
		rest.UpTo = known.head.SequenceNumber
		r.epoch = known.epoch
	} else if known.epoch != r.epoch {
		return errReplaced()
	}
	if _, keeps := taker.(*recordList); !keeps {
		rest.Borrow = true
	}
	page := pageRows{taker: taker, room: min(r.limit, pageRowsMax)}
	log := oneLog{store: r.store, known: &known, same: true}
	work, span := workUntil(ctx), r.span
	for page.more() && rest.After < rest.UpTo && !r.plan.Nothing() {
		part := rest
		part.Wanted = int(page.room - page.count)
		if span < rest.UpTo-rest.After {
			if part.Descending {
				part.After = rest.UpTo - span
			} else {
				part.UpTo = rest.After + span
			}
		}
		if err := scanFrom(ctx, &known, &log, part, &work, page.take); err != nil {
			return err
		}
		if page.err != nil {
			return page.err
		}
		if !log.same {
			return errReplaced()
		}
		reached := part.UpTo // the last number that was looked at
		if part.Descending {
			reached = part.After + 1
		}
		if !page.more() {
			reached = page.row.SequenceNumber
		} else if span < math.MaxUint64/2 {
			span *= 2
		}
		if part.Descending {
			rest.UpTo = reached - 1
		} else {
			rest.After = reached
		}
	}
	if r.span < math.MaxUint64 {
		r.span = max(pageSpan, span/4) // about what the next page needs
	}
	r.began, r.rest = true, rest
	r.limit -= page.count
	r.ended = r.limit == 0 || rest.After >= rest.UpTo || r.plan.Nothing()
	return nil
}

func errReplaced() error {
	return NewError(CodeLogTruncated, "the log went backwards or was replaced while it was read; what was read is of the log that was there before")
}

// pageRows passes the rows of one page on.
type pageRows struct {
	taker RowTaker
	err   error
	row   EventRecord // the last one, here so that it needs no allocation for each
	room  uint64
	count uint64
	bytes int
}

func (p *pageRows) more() bool {
	return p.err == nil && p.count < p.room && p.bytes < pageBytesMax
}

func (p *pageRows) take(record EventRecord) (more bool) {
	p.row = record
	p.count++
	p.bytes += recordBytes(&p.row)
	p.err = p.taker.Take(&p.row)
	return p.more()
}
