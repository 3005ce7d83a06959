package postgres

import (
	"sync"
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// The index of terms
//
// The server has an index on payloads, a GIN, and can always answer by it. But the GIN gathers new
// entries in a list of up to 4 MiB, and each query walks that list until a vacuum has moved it: in
// a log that grows a selective query takes several milliseconds. So a store that is asked much
// keeps an index of terms in its own memory. A query gets the numbers of its candidates from there,
// and the server looks rows up by their primary key, in the same round trip that reads the head.
//
// # When there is one
//
// Building it means to read the whole log once, about a second of the server's work for each
// million facts. So a store starts only when it was asked for one selective query for each
// factsPerQuery facts, which is when the reading pays. A short-lived process never does. From then
// on a goroutine (index_builder.go) follows the log, in the background and in short statements.
// Until it has caught up, whenever something is wrong, and for facts above its watermark, the
// server answers as if there were no index. So no answer depends on it.
//
// It ends at Options.IndexBytesMax: a log that needs more is left to the server.
//
// # Why an answer is right
//
// A view covers the facts up to its anchor, all of them: numbers are given under a lock, and who
// sees a fact sees those below. What remains is that the log is the one that was read. Each page
// that the builder reads begins with the row of its last fact, in one statement, so all pages are
// of logs that hold what was read before. Each statement that looks candidates up returns the row
// of the anchor first, from the same snapshot (numbersText). A log that holds the anchor holds the
// same facts below. If the row is not there, or not the same, nothing that followed it is used, the
// scan goes on without the index, and the index is built from the beginning, when it pays again.
//
// "The same" is number, time and xmin, the transaction that wrote the row. The first two are what a
// head is for core (known_log.go). xmin tells a restored log from its original where both are
// equal, which costs no more than building the index again; it stays with a row through vacuum,
// a restart and a failover to a physical standby.
//
// Facts are never changed (G1). If somebody changes or deletes some by hand, all the same, rows
// that are gone are not found, and rows that do not match any more are refused by the matcher. But
// a changed row may match what its terms do not say. So the builder looks at the server's counts of
// updates and deletions of the table, once a second while there are queries, and begins anew if
// they rose (index_changes.go). A standby has no such counts: there the index is built anew at
// times.
//
// # Which scans use it
//
// Those of the pool with a payload predicate, or more types than are read one by one, over at least
// rangeMin facts. Reads under the lock of a commit do without: what they look for is mostly in
// memory, as the condition was looked up before.
//
// # Who owns what
//
// view is replaced by the builder's goroutine, and taken away by whoever finds that it is of
// another log. It is immutable, but for the last chunk, which grows: a reader asks it for facts up
// to the anchor only. Readers count queries and note reached; the builder resets queries.
type termIndex struct {
	sizes indexSizes
	seed  terms.Seed // random, so that nobody outside chooses terms that collide

	view    atomic.Pointer[indexView] // nil while there is nothing to ask
	off     atomic.Bool               // the index would be too large
	queries atomic.Uint64             // selective scans since there was no index
	reached atomic.Uint64             // the newest head that was seen
	looked  atomic.Int64              // when the builder looked for changed rows

	begin sync.Once
	start func()        // runs the builder
	wake  chan struct{} // there may be something to do for it
}

// indexView is a state of the index.
type indexView struct {
	parts  termindex.Set
	anchor anchor
}

// anchor is the last fact that is indexed, as far as it tells one log from another.
type anchor struct {
	number uint64
	at     micros
	xmin   uint32
}

// indexSizes decide when the index is used. Tests choose small ones.
type indexSizes struct {
	factsPerQuery      uint64        // the index is started by a selective query for each so many facts
	queriesMin         uint64        // and at least so many
	rangeMin           uint64        // a shorter range is read without it
	lag                uint64        // facts below the head that are not indexed before it is followed again
	chunkMin, chunkMax int           // entries of the first chunk and of the largest
	renewMin           time.Duration // how old an index becomes at least, see changes
}

var usualIndexSizes = indexSizes{
	factsPerQuery: 1_000, queriesMin: 64, rangeMin: 64, lag: 8_192, chunkMin: 1 << 11, chunkMax: 1 << 17,
	renewMin: time.Minute,
}

// search is one scan's use of the index.
type search struct {
	index  *termIndex
	view   *indexView // nil: the server finds the candidates
	query  terms.Query
	wanted int // how many candidates are looked up next
}

const (
	// A scan looks up few candidates at first, since it may want a single fact, and then more each
	// time.
	lookUpMin = 4
	lookUp    = 64
	lookUpMax = 8192
	// fencedMax is the length of a range above the watermark up to which all its facts are looked
	// at. The index on payloads would cost more.
	fencedMax = 4096
)

// search begins a scan.
func (x *termIndex) search(scan factstr.Scan) (s search) {
	if x == nil || x.off.Load() || scan.UpTo < scan.After+x.sizes.rangeMin || scan.Plan.Everything() {
		return s
	}
	query, ok := scan.Plan.SelectiveTerms(x.seed, func(types int) bool { return types <= mergeMax })
	if !ok {
		return s
	}
	query.OrAlways()
	s = search{index: x, view: x.view.Load(), query: query, wanted: lookUp}
	if scan.Wanted > 0 {
		s.wanted = min(max(scan.Wanted, lookUpMin), lookUp)
	}
	if s.view != nil && s.view.anchor.number < scan.After+x.sizes.rangeMin {
		s.view = nil
	}
	x.asked(scan.UpTo)
	return s
}

// asked counts a selective scan, and wakes the builder if there is something to do for it.
func (x *termIndex) asked(upTo uint64) {
	queries, view := x.queries.Add(1), x.view.Load()
	if view == nil {
		if queries < max(x.sizes.queriesMin, upTo/x.sizes.factsPerQuery) {
			return
		}
		x.begin.Do(x.start)
	} else if newest := view.anchor.number; upTo <= newest && x.reached.Load() <= newest+x.sizes.lag &&
		time.Since(time.Unix(0, x.looked.Load())) < changesEvery {
		return
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

// saw notes a head.
func (x *termIndex) saw(head factstr.Head) {
	if x != nil {
		x.reached.Store(head.SequenceNumber)
	}
}

// refuse takes a view away that is not of the log that was read. The builder looks what is true.
func (x *termIndex) refuse(view *indexView) {
	x.view.CompareAndSwap(view, nil)
	x.ask()
}

// watermark returns the number up to which queries ask the index, nil if they do not.
func (x *termIndex) watermark() *uint64 {
	if view := x.view.Load(); view != nil {
		return factstr.Version(view.anchor.number)
	}
	return nil
}

// CountTerms implements factstr.TermCounter.
func (b *backend) CountTerms(of func(terms.Seed) []terms.Term) (facts []uint64, through uint64, err error) {
	view := b.index.view.Load()
	if view == nil {
		return nil, 0, nil
	}
	facts, err = termindex.Count(view.parts, of(b.index.seed), view.anchor.number)
	return facts, view.anchor.number, err
}
