package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// How the index is built
//
// One goroutine of each store follows the log: it reads the facts above its anchor in short read
// transactions, adds their terms to chunks in memory, and publishes a view after each page. Once
// segmentFacts facts are in chunks, they become a segment on disk; a store that closes makes one of
// fewer (index_rest.go). So after a crash at most segmentFacts facts are indexed again.
//
// Of all processes that have the database open, one at a time writes segments: whoever has enough
// facts in chunks takes the lock on builderOffset, and frees it after the merges that follow. The
// others find its segments in the manifest, and drop their chunks. Who cannot write, since another
// one merges for long or the folder cannot be written, keeps at most 8 times as many facts; what is
// above is read without the index. If a process dies, the kernel frees its lock.
//
// The goroutine starts to work when a query finds that the log reaches 250 facts beyond the
// view, or when this store has committed that much. In the second case it pauses between pages,
// until a query asks for more: a load of many facts keeps most of the processor. A small log is
// never indexed, since reading it is as cheap.
//
// The anchor is looked up in the transaction of each page, before anything is read above it. If it
// is not there, the log is another one: the newest segments whose last fact the log lacks are
// dropped, and the goroutine goes on from there, or from the beginning. What is in memory belongs
// to the folder's last fact, not only to its number: a copy of the database may have an index with
// the same seed and as many facts. A segment that a query finds damaged is dropped, too.
//
// A failure, be it of the folder (no rights, a full disk, a link in its place) or of a segment,
// shows in the store's log (index_unusable) and in the statistics, and is tried again after a while
// (indexSizes.again). Meanwhile queries read the log. Nothing else depends on it.
//
// Rejected: building inside the commit (it would cost every append), an index inside the database
// (tables that the Rust store does not know, and its rows would take the write lock for 270 to 670
// ms a chunk), and a builder process of its own.

// indexSizes decide when the index is used and written. Tests choose small ones.
type indexSizes struct {
	lag          uint64 // facts above the view that are read without asking for more
	rangeMin     uint64 // a shorter range is read without the index
	segmentFacts int
	restFacts    int           // from so many on, a store that closes writes a segment; 0 writes none
	restTime     time.Duration // for which it reads facts at most
	again        time.Duration // between tries after a failure
	far          uint64        // with so many facts to index, progress is told; 0 tells none
}

var sizesOfIndex = indexSizes{
	lag: 250, rangeMin: 64, segmentFacts: 32_768, restFacts: 2_000, restTime: 25 * time.Millisecond,
	again: 10 * time.Second, far: 100_000,
}

const (
	// pauseOfPage is how many times as long as a page the builder pauses while facts come in and no
	// query has asked for more.
	pauseOfPage = 3
	indexPause  = 20 * time.Millisecond
)

// indexBuilder follows the log and publishes views. Its goroutine owns everything but stop.
type indexBuilder struct {
	backend *backend
	index   *termIndex
	conn    *keptConn

	stop    context.CancelFunc
	ctx     context.Context
	stopped sync.WaitGroup
	trouble factstr.Trouble

	progress indexProgress

	folder   indexFolder
	begun    time.Time // when the store was opened
	merging  atomic.Bool
	unmerged time.Time // when a merge failed last; of the merge while merging is set
	closing  bool      // the store is closing: see index_rest.go

	seed terms.Seed
	base termindex.Fact // up to here the folder has the facts; chunks have those above
	last termindex.Fact // the newest fact that is indexed
	newest

	terms []terms.Term
}

func (x *indexBuilder) init(b *backend) {
	x.backend, x.index, x.begun = b, &b.index, time.Now()
	x.folder.backend = b
	x.index.sizes = sizesOfIndex
	x.index.wake = make(chan struct{}, 1)
	x.index.hurry = make(chan struct{}, 1)
	x.ctx, x.stop = context.WithCancel(context.Background())
	x.conn = b.keep(b.busyTimeout, "query_only = ON")
	// What was indexed before is asked from the first query on. A folder that cannot be read is
	// told when the builder comes to it.
	b.observer.Once(factstr.TaskIndex, func() {
		if x.folder.look() == nil {
			x.forget()
			x.publish()
		}
	})
	x.stopped.Go(func() { b.observer.Keep(x.ctx, factstr.TaskIndex, x.run) })
}

func (x *indexBuilder) close() {
	if x.stop == nil {
		return
	}
	x.stop()
	x.stopped.Wait()
	x.index.publish(nil)
	x.folder.close()
}

func (x *indexBuilder) run() {
	ended := false
	defer x.conn.rest()
	defer func() {
		if !ended { // a panic: begin anew
			x.index.publish(nil)
			x.newest, x.last = newest{}, termindex.Fact{}
			x.index.ask()
		}
	}()
	idle := time.NewTimer(idleMax)
	defer idle.Stop()
	for again := (<-chan time.Time)(nil); ; {
		select {
		case <-x.ctx.Done():
			ended = true
			x.keepRest()
			return
		case <-idle.C:
			x.conn.rest()
			continue
		case <-x.index.wake:
		case <-again:
		}
		idle.Reset(idleMax)
		again = nil
		err := x.follow()
		if err == nil {
			err = x.folder.failure // it is read, but was not tried again
		}
		if err != nil && x.ctx.Err() == nil {
			x.trouble.Shows(x.backend.observer, factstr.LogIndexUnusable,
				fmt.Sprintf("the index of %s cannot be used, and queries read the log: %v", x.backend.path, err), "error", err.Error())
			again = time.After(x.index.sizes.again)
		} else if err == nil {
			x.trouble.Over(x.backend.observer, factstr.LogIndexUsable, "the index can be used again")
		}
		select {
		case <-x.ctx.Done():
			ended = true
			x.keepRest()
			return
		case <-time.After(indexPause):
		}
	}
}

// follow brings the index up to the head of the log.
func (x *indexBuilder) follow() error {
	if !x.merging.Load() {
		x.folder.leaveToOthers()
	}
	if err := x.folder.look(); err != nil {
		return err
	}
	if damaged := x.index.damaged.Swap(0); damaged > 0 {
		err := x.folder.drop(damaged)
		x.forget()
		if err != nil {
			return err
		}
	}
	if x.last.Sequence == 0 {
		x.forget()
	}
	for x.ctx.Err() == nil {
		begun := time.Now()
		more, err := x.page()
		if err != nil {
			return err
		}
		if !x.index.asked.Load() {
			x.pause(pauseOfPage * time.Since(begun))
		}
		if !x.publish() {
			continue
		}
		if x.atLeast(x.index.sizes.segmentFacts) {
			if err := x.flush(); err != nil {
				return err
			}
		}
		if !more {
			x.tellBuilt(x.last.Sequence)
			x.index.asked.Store(false)
			x.mergeLeft()
			return nil
		}
	}
	return nil
}

// pause leaves the processor to appends.
func (x *indexBuilder) pause(d time.Duration) {
	select {
	case <-time.After(d):
	case <-x.index.hurry:
	case <-x.ctx.Done():
	}
}

// page indexes the next facts, in one read transaction. more reports whether there may be others.
func (x *indexBuilder) page() (more bool, err error) {
	if err := x.backend.intact(); err != nil {
		return false, err // the folder at the path may be another database's now
	}
	err = x.conn.with(func(c *conn) error {
		return c.snapshot(func() error {
			r := &reader{conn: c, inTransaction: true}
			if err := x.backend.sameSchema(c); err != nil {
				return err
			}
			same, err := r.holds(x.last)
			if err != nil {
				return err
			}
			if !same {
				more = true
				return x.retreat(r)
			}
			head, err := readHead(c)
			if err != nil {
				return err
			}
			x.tellProgress(x.last.Sequence, head.SequenceNumber)
			if x.wide || x.atLeast(8*x.index.sizes.segmentFacts) {
				return nil // another process writes and is behind, or nobody can write
			}
			more, err = x.read(r)
			return err
		})
	})
	return more, failure("indexing", err)
}

// read indexes facts above the last one until the page's time is over.
func (x *indexBuilder) read(r *reader) (more bool, err error) {
	rows, err := r.conn.rows(r.statements().all, 0, int64(x.last.Sequence), int64(factstr.SequenceMax))
	if err != nil {
		return false, err
	}
	defer rows.close()
	started := time.Now()
	var fact, last row
	defer func() { // also after a failure: what was added must not be added again
		if last.SequenceNumber > 0 {
			x.last = factOf(&last)
		}
	}()
	full := x.index.sizes.segmentFacts // a page ends there, as chunks become a segment then
	if x.atLeast(full) {
		full *= 8
	}
	for n := 1; x.ctx.Err() == nil; n++ {
		err := rows.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return false, err
		}
		rows.fact(&r.conn.names, &fact)
		if !x.add(&fact) {
			more = true
			break
		}
		last = fact
		if n%pageCheck == 0 && time.Since(started) > pageTime || x.atLeast(full) {
			more = true
			break
		}
	}
	return more || x.ctx.Err() != nil, nil
}

// retreat drops facts of another log: the chunks, or else the newest segments.
func (x *indexBuilder) retreat(r *reader) error {
	err := x.folder.keepHeld(r.holds)
	x.forget()
	return err
}

// publish makes a view of what is indexed. It reports false if what is in memory does not follow
// what is in the folder any more, because another process has written there, or a damaged segment
// was dropped. Then indexing begins again above the folder.
func (x *indexBuilder) publish() bool {
	snapshot := x.folder.folder.Acquire()
	if snapshot.Seed() != x.seed || snapshot.Last() != x.base {
		snapshot.Release()
		x.folder.failure = nil // nothing is left to write for now
		x.forget()
		return false
	}
	if x.last.Sequence == 0 {
		snapshot.Release()
		x.index.publish(nil)
		return true
	}
	source := snapshot.Append(make(termindex.Set, 0, len(x.chunks)+8))
	for _, chunk := range x.chunks {
		source = append(source, chunk)
	}
	x.index.publish(&indexView{source: source, seed: x.seed, anchor: x.last, release: snapshot.Release})
	return true
}

// flush makes a segment of the chunks, if this store is the one that writes.
func (x *indexBuilder) flush() error {
	err := x.folder.write(x.chunks, x.base, termindex.Info{Seed: x.seed, First: x.first, Last: x.last, Facts: uint64(x.facts)})
	switch {
	case errors.Is(err, errNotWriting):
		return nil
	case errors.Is(err, termindex.ErrGap):
		if err := x.folder.look(); err != nil {
			return err
		}
		x.forget()
		x.index.ask()
		return nil
	case err != nil:
		return err
	}
	x.newest, x.base = newest{}, x.last
	x.publish()
	x.merge()
	return nil
}

// mayMerge reports whether no merge runs, and none has failed just now.
func (x *indexBuilder) mayMerge() bool {
	return !x.closing && !x.merging.Load() && time.Since(x.unmerged) >= x.index.sizes.again
}

// merge merges segments on a goroutine of its own, so that the newest facts need not wait for it.
func (x *indexBuilder) merge() {
	if !x.mayMerge() {
		return
	}
	x.merging.Store(true)
	folder, ctx := x.folder.folder, x.ctx
	x.stopped.Go(func() {
		err := errors.New("a panic")
		defer func() {
			if err != nil {
				x.unmerged = time.Now()
			}
			x.merging.Store(false)
			x.index.ask() // to leave the folder to others
		}()
		x.backend.observer.Once(factstr.TaskIndex, func() {
			err = mergeSegments(ctx, folder, x.index.ask)
			x.merged(ctx, err)
		})
	})
}

// merged tells of a merge that failed.
func (x *indexBuilder) merged(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && !isGone(err) {
		x.backend.observer.Tell(factstr.LogTaskFailed,
			fmt.Sprintf("segments of the index could not be merged: %v", err),
			"task", string(factstr.TaskIndex), "error", err.Error())
	}
}

// forget drops what is in memory.
func (x *indexBuilder) forget() {
	x.index.publish(nil)
	x.newest, x.seed, x.last = newest{}, x.folder.seed(), x.folder.through()
	x.base = x.last
}
