package memory

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/termindex"
	"github.com/factstr/factstr-go/core/internal/terms"
)

// index finds the candidates of a scan in a time that does not depend on the length of the log.
//
// It follows the log from behind. Appends only wake it, and while they come in fast and nobody
// asks, it takes few facts at a time and pauses: indexing a fact takes longer than appending one of
// a large batch. Once a scan meets many facts that are not indexed, or appends pause, the index
// catches up at full speed, about a million facts a second. A scan asks it for the facts up to
// known and visits the others one by one. So an index that is behind makes scans slower and never
// wrong.
//
// # Who owns what
//
// Two goroutines work for the index, from the first wake-up until close. The first, grow, takes
// facts from the log, and adds them to the open chunk, the last of parts; when that is full it
// makes the next one and hands the full one over through the channel full. The second, freeze,
// makes a segment of each full chunk, which takes a fifth of the memory, puts it in the chunk's
// place, and merges segments. When it is behind, the channel is full and grow waits; nobody else
// does.
//
// parts is a snapshot: the slice it points to is never changed, mu is held to replace it, and no
// other lock is taken meanwhile. The parts cover disjoint, ascending ranges without a gap.
//
// # Readers
//
// They take no lock. They load known first and parts after it, and ask for facts up to known only.
// Since grow publishes a chunk before it raises known beyond the chunk's first fact, and later
// parts propose what the earlier ones did, the parts cover that range. Of the open chunk they see
// at least the facts up to known, in full.
//
// # When something fails
//
// A fact that cannot be indexed, because of a panic or since it has more terms than a chunk holds,
// becomes a part of its own that proposes it to every query. A chunk that cannot be frozen stays a
// chunk. A part that cannot be asked is left to a scan of its range. All are told to the observer.
type index struct {
	seed terms.Seed // random, so that nobody outside chooses terms that collide
	log  *factstr.Observer
	// facts returns some facts of the log that follow a number; none if there are no more.
	facts func(after uint64) []factstr.EventRecord
	// termsOf appends the terms of a fact. Tests make it fail.
	termsOf func(dst []terms.Term, eventType string, payload []byte) []terms.Term

	known atomic.Uint64
	parts atomic.Pointer[termindex.Set]
	mu    sync.Mutex

	open     *termindex.Chunk // grow's own; nil if there is none
	capacity int              // grow's own: of the next chunk
	largest  int              // of all chunks
	seen     uint64           // grow's own: the head at the end of the last pause
	goal     uint64           // grow's own: no pause is made before the index is there

	head    atomic.Uint64
	woken   uint64        // the committer's own: the head at the last wake-up
	more    chan struct{} // facts to index
	asked   chan struct{} // a scan would have liked more of them to be
	full    chan *termindex.Chunk
	stop    context.CancelFunc // nil before the goroutines run
	running sync.WaitGroup
}

const (
	// wakeEvery is how many facts the log grows by before the index is woken. A scan of as many
	// takes about as long as a wake-up.
	wakeEvery = 128
	// askFrom is how many facts a scan visits one by one before it asks the index to catch up.
	askFrom = 256
	// pause is made after each step while appends come in and nobody asks.
	pause = 50 * time.Millisecond
	// Entries of the first chunk, so that a small log costs little, and of the largest.
	chunkEntriesMin = 1 << 11
	chunkEntriesMax = 1 << 17
	// fullChunksMax bounds how far freeze may be behind.
	fullChunksMax = 8
)

func newIndex(log *factstr.Observer, facts func(after uint64) []factstr.EventRecord) *index {
	seed := terms.Seed(rand.Uint64())
	x := &index{seed: seed, termsOf: seed.Append, log: log, facts: facts, capacity: chunkEntriesMin,
		largest: chunkEntriesMax,
		more:    make(chan struct{}, 1), asked: make(chan struct{}, 1), full: make(chan *termindex.Chunk, fullChunksMax)}
	x.parts.Store(new(termindex.Set))
	return x
}

// grown says how far the log has grown. Only the committer calls it.
func (x *index) grown(head uint64) {
	x.head.Store(head)
	if head-x.woken < wakeEvery {
		return
	}
	x.woken = head
	if x.stop == nil {
		x.start()
	}
	signal(x.more)
}

// ask makes the index catch up.
func (x *index) ask() { signal(x.asked) }

func signal(to chan<- struct{}) {
	select {
	case to <- struct{}{}:
	default:
	}
}

func (x *index) start() {
	ctx, stop := context.WithCancel(context.Background())
	x.stop = stop
	for _, run := range []func(context.Context){x.grow, x.freeze} {
		x.running.Go(func() { x.log.Keep(ctx, factstr.TaskIndex, func() { run(ctx) }) })
	}
}

// close ends the goroutines. It must not be called at the same time as grown.
func (x *index) close() {
	if x.stop != nil {
		x.stop()
		x.running.Wait()
	}
}

// replace puts parts into the place of adjacent ones, or behind all others if there are none.
func (x *index) replace(old []termindex.Source, by ...termindex.Source) {
	x.mu.Lock()
	defer x.mu.Unlock()
	parts := *x.parts.Load()
	at := len(parts)
	if len(old) > 0 {
		at = slices.Index(parts, old[0])
	}
	next := slices.Concat(parts[:at], by, parts[at+len(old):])
	x.parts.Store(&next)
}

// CountTerms implements factstr.TermCounter.
func (b *backend) CountTerms(of func(terms.Seed) []terms.Term) (facts []uint64, through uint64, err error) {
	through = b.index.known.Load()
	if through == 0 {
		return nil, 0, nil
	}
	facts, err = termindex.Count(*b.index.parts.Load(), of(b.index.seed), through)
	return facts, through, err
}

// whole is a part that proposes one fact to every query.
type whole struct{ number uint64 }

func (w *whole) Candidates(_ terms.Query, after, upTo uint64, _ bool, visit func(sequence uint64) (more bool)) error {
	if after < w.number && w.number <= upTo {
		visit(w.number)
	}
	return nil
}
