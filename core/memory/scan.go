package memory

import (
	"context"
	"sort"

	factstr "github.com/factstr/factstr-go/core"
)

const (
	// ctxEvery is the number of visits between two looks at the context.
	ctxEvery = 1024
	// askedFrom is the number of indexed facts of a range from which on the index is asked: fewer
	// are matched sooner than looked up.
	askedFrom = 64
)

type visitor = func(factstr.EventRecord) (more bool)

// Scan asks the index for the facts that it knows and visits all newer ones.
func (b *backend) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	scan.UpTo = min(scan.UpTo, b.lastNumber())
	indexed := min(b.index.known.Load(), scan.UpTo)
	if scan.Plan.Everything() {
		_, err := b.scanRange(ctx, scan, visit)
		return err
	}
	if indexed < scan.After+askedFrom {
		_, err := b.scanNewer(ctx, scan, visit)
		return err
	}
	newer, older := scan, scan
	newer.After, older.UpTo = indexed, indexed
	first, second, parts := b.scanIndexed, b.scanNewer, [2]factstr.Scan{older, newer}
	if scan.Descending {
		first, second, parts = b.scanNewer, b.scanIndexed, [2]factstr.Scan{newer, older}
	}
	more, err := first(ctx, parts[0], visit)
	if more && err == nil {
		_, err = second(ctx, parts[1], visit)
	}
	return err
}

// scanIndexed visits the candidates that the index proposes, or all facts if it narrows nothing.
// more is false if the visit ended.
func (b *backend) scanIndexed(ctx context.Context, scan factstr.Scan, visit visitor) (more bool, err error) {
	query := scan.Plan.TermQuery(b.index.seed)
	if query.Everything {
		return b.scanRange(ctx, scan, visit)
	}
	more = true
	rest, visits := scan, 0
	trace := scan.Plan.Trace()
	trace.From(factstr.AccessTerms, scan.After, scan.UpTo)
	take := func(number uint64) bool {
		trace.Read(1)
		if visits++; visits%ctxEvery == 0 && ctx.Err() != nil {
			more = false
			return false
		}
		if scan.Descending {
			rest.UpTo = number - 1
		} else {
			rest.After = number
		}
		more = visit(b.record(number))
		return more
	}
	err = b.index.parts.Load().Candidates(query, scan.After, scan.UpTo, scan.Descending, take)
	if !more {
		return false, ctx.Err()
	}
	if err != nil {
		b.index.log.Recovered(factstr.TaskIndex, err)
		return b.scanRange(ctx, rest, visit)
	}
	return true, nil
}

// scanNewer visits facts that the index does not know, and asks it to catch up if they are many.
func (b *backend) scanNewer(ctx context.Context, scan factstr.Scan, visit visitor) (more bool, err error) {
	visits := 0
	return b.scanRange(ctx, scan, func(record factstr.EventRecord) bool {
		if visits++; visits == askFrom {
			b.index.ask()
		}
		return visit(record)
	})
}

// scanRange visits every fact of the range. It takes the lock once a chunk: once a fact was half of
// a walk over facts of other types.
func (b *backend) scanRange(ctx context.Context, scan factstr.Scan, visit visitor) (more bool, err error) {
	trace := scan.Plan.Trace()
	trace.From(factstr.AccessWalk, scan.After, scan.UpTo)
	for scan.After < scan.UpTo {
		facts := b.factsIn(&scan)
		for i := range facts {
			trace.Read(1)
			at := i
			if scan.Descending {
				at = len(facts) - 1 - i
			}
			if !visit(facts[at]) {
				return false, nil
			}
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
	}
	return true, nil
}

// factsIn returns the next facts of a range, those of one chunk, and moves the range behind them.
// They never change, and a chunk never moves.
func (b *backend) factsIn(scan *factstr.Scan) []factstr.EventRecord {
	from, to := scan.After, scan.UpTo
	if scan.Descending {
		from = max(from, (to-1)/chunkSize*chunkSize)
		scan.UpTo = from
	} else {
		to = min(to, (from/chunkSize+1)*chunkSize)
		scan.After = to
	}
	chunk := from / chunkSize * chunkSize
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.chunks[from/chunkSize][from-chunk : to-chunk]
}

func (b *backend) Boundaries(_ context.Context, after, upTo uint64, visit func(factstr.Boundary)) error {
	b.mu.RLock()
	boundaries := b.boundaries
	b.mu.RUnlock()
	from := sort.Search(len(boundaries), func(i int) bool { return boundaries[i].Last > after })
	for _, boundary := range boundaries[from:] {
		if boundary.First > upTo {
			break
		}
		visit(boundary)
	}
	return nil
}
