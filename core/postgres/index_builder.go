package postgres

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// How the index of terms is built
//
// One goroutine follows the log. Selective queries wake it: the first time when the reading pays,
// later when the log reaches sizes.lag facts beyond the view, or a query needs facts beyond it. The
// newest facts are in core's tail, which no query asks the server for, so that lag costs nothing.
// The goroutine reads the log in pages, on connections of the pool, and publishes a view after
// each. Between two pages it pauses as long as a page took: the server has other work, and the
// store's own queries want the connections.
//
// Facts enter a chunk. A full chunk becomes a segment, which takes a fifth of the memory, and when
// enough segments are there, another goroutine merges them. Everything but the merge itself is the
// builder's own, so nothing here needs a lock.
//
// A failure shows in the store's log (index_unusable) and is tried again after indexAgain.
//
// Rejected:
//
//   - Being fed by this store's own commits and what it learns of others'. It would save reading
//     each new fact once, but facts come twice, with gaps and from logs that are replaced, all of
//     which the log's own order settles.
//   - One index for all, as rows of blocks in the database, and a folder on disk. See core/DESIGN.md,
//     "an index of terms in each process, on PostgreSQL".
type indexBuilder struct {
	backend *backend
	index   *termIndex

	ctx     context.Context
	stop    context.CancelFunc
	stopped sync.WaitGroup
	trouble factstr.Trouble

	// The builder's own.
	last     anchor
	segments []*termindex.Segment
	chunk    *termindex.Chunk // the newest facts, nil if there are none
	capacity int              // of the chunk, unless a fact needs more
	freezer  termindex.Builder
	terms    []terms.Term
	pageRows int
	changes  changes
	begun    time.Time     // when the first fact was indexed
	spent    time.Duration // reading facts since

	merging bool
	merged  chan mergedSegments
}

// mergedSegments are adjacent segments, and one with the same facts; nil if they were not merged.
type mergedSegments struct {
	old []*termindex.Segment
	by  *termindex.Segment
}

const indexAgain = 10 * time.Second // between tries after a failure

func (x *indexBuilder) init(b *backend) {
	x.backend, x.index = b, &termIndex{
		sizes: usualIndexSizes, seed: terms.Seed(rand.Uint64()), wake: make(chan struct{}, 1),
	}
	x.index.start = x.start
	x.merged = make(chan mergedSegments, 1)
	x.pageRows = 4 * pageRowsMin // until it is known how large facts are
	x.ctx, x.stop = context.WithCancel(context.Background())
	x.index.off.Store(b.options.IndexBytesMax < 0)
}

// start runs the goroutine. It is called once, while the store is open.
func (x *indexBuilder) start() {
	x.stopped.Go(func() { x.backend.observer.Keep(x.ctx, factstr.TaskIndex, x.run) })
}

func (x *indexBuilder) close() {
	if x.stop != nil {
		x.stop()
		x.stopped.Wait()
		x.index.view.Store(nil)
	}
}

func (x *indexBuilder) run() {
	ended := false
	defer func() {
		if !ended { // a panic: begin anew
			x.forget()
		}
	}()
	for again := (<-chan time.Time)(nil); ; {
		wake := x.index.wake
		if again != nil {
			wake = nil // queries do not make it try more often
		}
		select {
		case <-x.ctx.Done():
			ended = true
			return
		case merged := <-x.merged:
			x.take(merged)
			continue
		case <-wake:
		case <-again:
		}
		again = nil
		if err := x.follow(); err != nil && x.ctx.Err() == nil {
			x.trouble.Shows(x.backend.observer, factstr.LogIndexUnusable,
				fmt.Sprintf("the index of terms is not brought up to date, and the server finds candidates: %v", err), "error", err.Error())
			again = time.After(indexAgain)
		} else if err == nil {
			x.trouble.Over(x.backend.observer, factstr.LogIndexUsable, "the index of terms is brought up to date again")
		}
	}
}

// follow brings the index up to the head of the log.
func (x *indexBuilder) follow() error {
	if err := x.lookForChanges(); err != nil {
		return err
	}
	for x.ctx.Err() == nil {
		begun := time.Now()
		more, err := x.page()
		x.spent += time.Since(begun)
		if err != nil {
			return failure("indexing", err)
		}
		select {
		case merged := <-x.merged:
			x.take(merged)
		default:
		}
		x.publish()
		if bytes := x.bytes(); bytes > int64(x.backend.options.IndexBytesMax) {
			x.giveUp(bytes)
			return nil
		}
		if !more {
			return nil
		}
		select {
		case <-time.After(time.Since(begun)):
		case <-x.ctx.Done():
		}
	}
	return nil
}

// page indexes the next facts. more reports whether there may be others.
func (x *indexBuilder) page() (more bool, err error) {
	var rows, bytes int
	same := false
	err = x.backend.withRetry(x.ctx, func(ctx context.Context, s *session) error {
		rows, bytes, same = 0, 0, x.last.number == 0
		return s.rows(ctx, x.backend.statements.toIndex, func(row [][]byte) bool {
			rows++
			bytes += len(row[3])
			at := anchorOf(row[0], row[1], row[4])
			if at == x.last {
				same = true
				return true
			}
			if same {
				x.add(at, textFrom(row[2]), jsonText(row[3]))
			}
			return same
		}, int64(max(x.last.number, 1)), int64(x.pageRows))
	})
	if err != nil {
		return false, err
	}
	if !same {
		x.forget()
		return false, nil
	}
	more = rows == x.pageRows
	if rows > 0 {
		x.pageRows = min(max(pageRowsMin, pageBytes/max(1, bytes/rows)), pageRowsMax)
	}
	return more, nil
}

// add indexes one fact. Readers do not ask for it before the next view.
func (x *indexBuilder) add(fact anchor, eventType string, payload []byte) {
	x.terms = x.index.seed.Append(x.terms[:0], eventType, payload)
	if len(x.terms) > terms.FactMax {
		x.terms = append(x.terms[:0], terms.Always)
	}
	if x.last.number == 0 {
		x.begun, x.spent = time.Now(), 0
	}
	if x.chunk == nil || !x.chunk.Add(fact.number, x.terms) {
		x.freeze()
		x.capacity = min(max(2*x.capacity, x.index.sizes.chunkMin), x.index.sizes.chunkMax)
		x.chunk = termindex.NewChunk(fact.number, max(x.capacity, 2*len(x.terms)))
		x.chunk.Add(fact.number, x.terms)
	}
	x.last = fact
}

// freeze makes a segment of the chunk.
func (x *indexBuilder) freeze() {
	if x.chunk == nil {
		return
	}
	segment, err := termindex.Freeze(&x.freezer, x.chunk, x.index.seed)
	if err != nil {
		panic(err) // nothing but a defect makes it fail
	}
	x.segments = append(x.segments, segment)
	x.chunk = nil
	x.merge()
}

// merge begins to merge segments if some are due.
func (x *indexBuilder) merge() {
	if x.merging {
		return
	}
	infos := make([]termindex.Info, len(x.segments))
	for i, segment := range x.segments {
		infos[i] = segment.Info()
	}
	from, to := termindex.MergeDue(infos)
	if from == to {
		return
	}
	x.merging = true
	result := mergedSegments{old: slices.Clone(x.segments[from:to])}
	x.stopped.Go(func() {
		defer func() { x.merged <- result }()
		x.backend.observer.Once(factstr.TaskIndex, func() {
			by, err := termindex.MergeInMemory(x.ctx, result.old)
			if err != nil && x.ctx.Err() == nil {
				panic(err) // as above
			}
			result.by = by
		})
	})
}

// take puts a merged segment into the place of its parts, unless they were forgotten meanwhile.
func (x *indexBuilder) take(merged mergedSegments) {
	x.merging = false
	at := slices.Index(x.segments, merged.old[0])
	if merged.by == nil || at < 0 {
		return
	}
	x.segments = slices.Replace(x.segments, at, at+len(merged.old), merged.by)
	if x.index.view.Load() != nil {
		x.publish()
	}
	x.merge()
}

// publish makes a view of what is indexed.
func (x *indexBuilder) publish() {
	if x.last.number == 0 {
		return
	}
	view := &indexView{anchor: x.last, parts: make(termindex.Set, 0, len(x.segments)+1)}
	for _, segment := range x.segments {
		view.parts = append(view.parts, segment)
	}
	if x.chunk != nil {
		view.parts = append(view.parts, x.chunk)
	}
	x.index.view.Store(view)
}

// bytes is how much memory the index takes.
func (x *indexBuilder) bytes() (bytes int64) {
	for _, segment := range x.segments {
		bytes += segment.Info().Bytes
	}
	if x.chunk != nil {
		bytes += int64(x.chunk.Bytes())
	}
	return bytes
}

// forget drops everything. The log is indexed again when that pays.
func (x *indexBuilder) forget() {
	x.index.view.Store(nil)
	x.index.queries.Store(0)
	x.last, x.segments, x.chunk, x.capacity = anchor{}, nil, nil, 0
}

// giveUp drops an index that has become too large, for as long as the store is open.
func (x *indexBuilder) giveUp(bytes int64) {
	x.index.off.Store(true)
	x.forget()
	x.backend.observer.Tell(factstr.LogIndexUnusable,
		fmt.Sprintf("the index of terms takes %d bytes, more than index_bytes_max allows; the server finds candidates", bytes), "bytes", bytes)
}

// anchorOf reads the number, time and xmin of a row.
func anchorOf(number, at, xmin []byte) (a anchor) {
	a = anchor{number: uint64(int64Of(number)), at: timeOf(at)}
	if len(xmin) == 4 {
		a.xmin = binary.BigEndian.Uint32(xmin)
	}
	return a
}
