package sqlite

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
	lib "modernc.org/sqlite/lib"
)

// endsAfter is a context that ends after some looks at it.
type endsAfter struct {
	context.Context
	looks int
}

func (c *endsAfter) Done() <-chan struct{} { return make(chan struct{}) }

func (c *endsAfter) Err() error {
	if c.looks--; c.looks < 0 {
		return errors.New("the disk has a moment's trouble")
	}
	return nil
}

// A page that fails in its middle has indexed the facts up to there, and must know it: to add them
// again would break the order of the index, which then proposes facts twice, and beyond the range.
func TestFactsBeforeAFailedReadAreNotIndexedTwice(t *testing.T) { // G6 G8 G12
	indexAlways(t, 10_000)
	const facts = 1500
	path, plain := newPath(t), openWithoutTail(t, newPath(t))
	store := openWithoutTail(t, path)
	AppendCourses(t, store, 0, facts)
	AppendCourses(t, plain, 0, facts)
	Close(t, store)

	b, err := openBackend(t.Context(), path, Options{Options: factstr.Options{TailEvents: -1}})
	if err != nil {
		t.Fatal(err)
	}
	store, err = factstr.OpenStore(t.Context(), b, factstr.Options{TailEvents: -1})
	Opened(t, store, err)
	x := &b.builder
	x.stop()
	x.stopped.Wait()
	x.ctx, x.stop = context.WithCancel(t.Context())
	defer x.conn.close() // as the builder does that was stopped; an open file keeps its name on Windows
	if err := x.folder.look(); err != nil {
		t.Fatal(err)
	}
	x.forget()
	failures := 0
	for more := true; more; {
		if err := x.conn.with(func(*conn) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if failures < 3 {
			engine := x.conn.conn.engine
			engine.context = &endsAfter{t.Context(), 12}
			const steps = 100
			lib.Xsqlite3_progress_handler(engine.tls, engine.handle, steps, address(onProgress), engine.handle)
		}
		if more, err = x.page(); err != nil {
			failures++
			more = true
		}
	}
	if failures != 3 || !x.publish() {
		t.Fatalf("%d failures, %d facts", failures, x.last.Sequence)
	}
	if x.facts != facts {
		t.Errorf("%d facts were indexed, want %d", x.facts, facts)
	}
	WantSameAnswers(t, rand.New(rand.NewPCG(7, 8)), store, plain, facts, 200)
}
