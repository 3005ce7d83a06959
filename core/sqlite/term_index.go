package sqlite

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// The index of terms
//
// A query that asks for a payload needs an index, or it reads every fact of its types. SQLite has
// none that fits: the paths are not declared, and rows for each scalar of each fact would double
// the cost of an append. So the store keeps one beside the database, in the folder PATH-index, and
// builds it in the background from the log (index_builder.go). Whoever appends does nothing for it.
//
// The index is never needed. It may be deleted, damaged, older than the log, or impossible, as in a
// folder that cannot be written: then queries read the log, as they do for the facts that it does
// not cover yet. So no answer depends on when the builder gets to run.
//
// # Why an answer is right
//
// A view covers the facts up to its number upTo, all of them. A scan asks it for the candidates in
// its range up to there, looks them up in the database, and reads the rest of the range from the
// database as if there were no index. Candidates are matched like every other row. What remains is
// that the view must be of the log that is read. Two things could be wrong with it: a backup was
// restored under it, or, at opening, under the folder. The view therefore carries an anchor: the
// last fact that it covers, with time, type and payload as a hash. Each page of a scan looks the
// anchor up in its own read transaction (readIndexed). A log that holds the anchor holds the same
// facts below it, since facts never change, and numbers and times only grow. A log that does not is
// read without the index, and the builder begins again.
//
// Rows that no query should be able to skip silently, because they are damaged, are proposed to
// every query (terms.Always), so that whoever asks for their type still gets CodeCorrupt.
//
// # Which scans use it
//
// Those for types, for payloads, or for both. Only a scan for a few types and any payload reads
// SQLite's own index on types, which has the rows in order, if there is one: the Rust store makes
// it (schema.go). A predicate without a scalar, such as {} or {"tags":[]}, gives no terms, and is
// read by its types, or else from the log.
//
// # Who owns what
//
// view is published by the builder's goroutine and read by every page. A page holds the view until
// it ends; the files of a view are closed when it is not the newest any more and its last page has
// ended. mu guards view and uses, for moments.
type termIndex struct {
	mu   sync.Mutex
	view *indexView // nil while there is nothing to ask

	covered   atomic.Uint64 // up to where the newest view reaches
	committed atomic.Uint64 // what this store has appended last

	damaged atomic.Uint64 // the first number of a segment that turned out to be damaged, or 0

	wake  chan struct{} // there may be facts to index
	asked atomic.Bool   // a query would have used more of the index than there is
	hurry chan struct{} // asked was set
	sizes indexSizes
}

// indexView is an immutable state of the index.
type indexView struct {
	source  termindex.Source
	seed    terms.Seed
	anchor  termindex.Fact // of the last fact that it covers
	release func()         // closes what it holds
	uses    int
	old     bool // not the newest any more
}

func (x *termIndex) acquire() *indexView {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.view != nil {
		x.view.uses++
	}
	return x.view
}

func (x *termIndex) giveBack(v *indexView) {
	x.mu.Lock()
	defer x.mu.Unlock()
	v.uses--
	v.releaseIfUnused()
}

// publish replaces the view; nil takes it away.
func (x *termIndex) publish(v *indexView) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if former := x.view; former != nil {
		former.old = true
		former.releaseIfUnused()
	}
	x.view = v
	covered := uint64(0)
	if v != nil {
		covered = v.anchor.Sequence
	}
	x.covered.Store(covered)
}

func (v *indexView) releaseIfUnused() {
	if v.old && v.uses == 0 && v.release != nil {
		v.release()
		v.release = nil
	}
}

// watermark returns the number up to which queries ask the index, nil if they do not.
func (x *termIndex) watermark() *uint64 {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.view == nil {
		return nil
	}
	return factstr.Version(x.view.anchor.Sequence)
}

// reached notes what this store has appended, and wakes the builder if the log has grown enough.
func (x *termIndex) reached(sequence uint64) {
	x.committed.Store(sequence)
	if sequence > x.covered.Load()+x.sizes.lag {
		x.ask()
	}
}

// wanted is reached for a query, which the builder does not make wait.
func (x *termIndex) wanted(sequence uint64) {
	if sequence <= x.covered.Load()+x.sizes.lag {
		return
	}
	if x.asked.CompareAndSwap(false, true) {
		select {
		case x.hurry <- struct{}{}:
		default:
		}
	}
	x.ask()
}

// ask wakes the builder.
func (x *termIndex) ask() {
	select {
	case x.wake <- struct{}{}:
	default:
	}
}

// CountTerms implements factstr.TermCounter.
func (b *backend) CountTerms(of func(terms.Seed) []terms.Term) (facts []uint64, through uint64, err error) {
	view := b.index.acquire()
	if view == nil {
		return nil, 0, nil
	}
	defer b.index.giveBack(view)
	facts, err = termindex.Count(view.source, of(view.seed), view.anchor.Sequence)
	return facts, view.anchor.Sequence, err
}

// query returns what to ask the view for a plan; ok is false if reading the log is better. merges
// reports whether that many types are read through SQLite's index.
func (v *indexView) query(plan *factstr.Plan, merges func(types int) bool) (query terms.Query, ok bool) {
	if query, ok = plan.SelectiveTerms(v.seed, merges); !ok {
		return query, false
	}
	query.OrAlways()
	return query, true
}

// page visits candidates as pageOf does, from the index where it can be asked.
func (r *reader) page(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) (last uint64, done bool, err error) {
	r.conn.names.begin(scan.Borrow)
	defer r.conn.names.begin(false)
	view := r.viewFor(scan)
	if view == nil {
		return r.pageOf(ctx, scan, visit, func() (source, error) { return r.openRange(scan) })
	}
	defer r.index.giveBack(view)
	query, ok := view.query(scan.Plan, r.merges)
	if !ok {
		return r.pageOf(ctx, scan, visit, func() (source, error) { return r.openRange(scan) })
	}
	read := func() error {
		last, done, err = r.pageOf(ctx, scan, visit, func() (source, error) { return r.openIndexed(scan, view, query) })
		return err
	}
	if r.inTransaction {
		return last, done, read()
	}
	err = r.conn.snapshot(read)
	return last, done, err
}

// viewFor returns the view for a scan, which the caller gives back, or nil.
func (r *reader) viewFor(scan factstr.Scan) *indexView {
	if r.index == nil || scan.Plan.Everything() || scan.UpTo-scan.After < r.index.sizes.rangeMin {
		return nil
	}
	view := r.index.acquire()
	r.index.wanted(min(scan.UpTo, factstr.SequenceMax))
	if view != nil && view.anchor.Sequence < scan.After+r.index.sizes.rangeMin {
		r.index.giveBack(view)
		return nil
	}
	return view
}

// openIndexed returns the candidates of a range: from the view as far as it reaches, and the rows
// above it. The caller is in a read transaction.
func (r *reader) openIndexed(scan factstr.Scan, view *indexView, query terms.Query) (source, error) {
	same, err := r.holds(view.anchor)
	if err != nil {
		return nil, err
	}
	if !same {
		r.index.refuse(view)
		return r.openRange(scan)
	}
	r.anchor = view.anchor
	return r.openHeld(scan, view, query), nil
}

// openHeld is openIndexed if the log is known to hold the view's anchor.
func (r *reader) openHeld(scan factstr.Scan, view *indexView, query terms.Query) source {
	through := min(scan.UpTo, view.anchor.Sequence)
	indexed := &indexedSource{
		conn: r.conn, statements: r.statements(), index: view.source, query: query, after: scan.After, upTo: through,
		descending: scan.Descending, wanted: proposedMin, trace: scan.Plan.Trace(),
		unread: func(why error, after, upTo uint64) (source, error) {
			if damage := (*termindex.Damage)(nil); errors.As(why, &damage) {
				r.index.damaged.Store(damage.First)
			}
			r.index.refuse(view)
			if r.few {
				return nil, factstr.ErrWouldWait
			}
			rest := scan
			rest.After, rest.UpTo = after, upTo
			return r.openRange(rest)
		},
	}
	if r.few {
		indexed.few, indexed.wanted = true, fewRows+1
	}
	if scan.Wanted > 0 {
		indexed.wanted = min(scan.Wanted, proposedMin)
	}
	if types, constrained := scan.Plan.Types(); constrained {
		indexed.types = admittedTypesOf(types)
	}
	above := scan
	above.After = through
	if above.After >= above.UpTo {
		return indexed
	}
	openAbove := func() (source, error) {
		if r.few && above.UpTo-above.After > fewRows {
			return nil, factstr.ErrWouldWait
		}
		return r.openRange(above)
	}
	if scan.Descending {
		return &joinedSource{open: []func() (source, error){openAbove, func() (source, error) { return indexed, nil }}}
	}
	return &joinedSource{source: indexed, open: []func() (source, error){openAbove}}
}

// refuse takes a view away that is not of this log, or damaged. The builder finds out how much of
// it can be kept.
func (x *termIndex) refuse(v *indexView) {
	x.mu.Lock()
	if x.view == v {
		v.old = true
		x.view = nil
	}
	x.mu.Unlock()
	x.ask()
}

// holds reports whether the log holds an anchor.
func (r *reader) holds(anchor termindex.Fact) (bool, error) {
	if anchor.Sequence == 0 {
		return true, nil
	}
	fact, found, err := r.factAt(anchor.Sequence)
	return found && factOf(&fact) == anchor, err
}
