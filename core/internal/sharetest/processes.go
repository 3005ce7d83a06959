// Package sharetest checks stores that share one log, in several processes or in one: races for a
// context, streams across processes, durable names, and opening at the same time.
package sharetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// Opener opens a store in a child. Its first argument is the place of the log.
type Opener func(ctx context.Context, arguments []string) (*factstr.Store, error)

// Roles returns the roles of the children of Race, CheckStreams and CheckDurableNames.
func Roles(open Opener) proctest.Roles {
	return proctest.Roles{"racer": open.raceForRounds, "writer": open.writeWithoutPause, "holder": open.holdDurableName}
}

// OpenAtOnce lets processes with the role "opener" open one store at the same time. Each appends
// one fact.
func OpenAtOnce(t *testing.T, processes int, arguments ...string) {
	t.Helper()
	var openers []*proctest.Child
	for range processes {
		openers = append(openers, proctest.Start(t, "opener", arguments...))
	}
	for _, opener := range openers {
		opener.Expect("ready")
	}
	for _, opener := range openers {
		opener.Tell("go")
	}
	for _, opener := range openers {
		opener.Finish()
	}
}

// OpenOnce returns a role that opens a store when it is told to, and appends one fact. The first
// process creates the store.
func OpenOnce(open Opener) func(side *proctest.Side, arguments []string) error {
	return func(side *proctest.Side, arguments []string) error {
		ctx := context.Background()
		side.Say("ready")
		side.Await()
		store, err := open(ctx, arguments)
		if err != nil {
			return err
		}
		if _, err := store.Append(ctx, []factstr.NewEvent{facttest.Fact("Opened", `{}`)}); err != nil {
			return err
		}
		return store.Close(ctx)
	}
}

// CheckDurableNames checks that processes with the role "holder" and a store take over a durable
// name from each other only when its holder is gone.
func CheckDurableNames(t *testing.T, store *factstr.Store, place string) {
	t.Helper()
	holder := proctest.Start(t, "holder", place, "projection")
	holder.Expect("held")
	if _, err := Register(store, "projection"); !errors.Is(err, factstr.CodeDurableStreamActive) {
		t.Fatalf("registering a name that another process holds: %v", err)
	}
	if other, err := Register(store, "another"); err != nil {
		t.Fatalf("another name: %v", err)
	} else {
		other.Unsubscribe()
	}
	holder.Kill()
	stream, err := Register(store, "projection")
	if err != nil {
		t.Fatalf("after the holder was killed: %v", err)
	}
	stream.Unsubscribe()
	successor := proctest.Start(t, "holder", place, "projection")
	successor.Expect("held")
	successor.Finish()
}

// holdDurableName registers a durable stream, says so, and keeps it.
func (open Opener) holdDurableName(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := open(ctx, arguments)
	if err != nil {
		return err
	}
	stream, err := Register(store, arguments[1])
	if err != nil {
		return err
	}
	if err := stream.WaitReady(ctx); err != nil {
		return err
	}
	side.Say("held")
	side.Await()
	return store.Close(ctx)
}

// Register registers a durable stream of all facts.
func Register(store *factstr.Store, name string) (*factstr.EventStream, error) {
	return store.StreamAllDurable(context.Background(), factstr.DurableStream{Name: name},
		factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error { return nil }))
}

// Written ends a child with the role "writer" and returns how many batches it appended.
func Written(t *testing.T, writer *proctest.Child) int {
	t.Helper()
	rest := writer.Finish()
	count, err := strconv.Atoi(rest[len(rest)-1])
	if err != nil {
		t.Fatalf("a writer said %q", rest)
	}
	return count
}

// writeWithoutPause appends batches of one, two and three facts from several callers until it is
// told to stop, and says how many it appended.
func (open Opener) writeWithoutPause(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := open(ctx, arguments)
	if err != nil {
		return err
	}
	callers, err := strconv.Atoi(arguments[2])
	if err != nil {
		return err
	}
	side.Say("ready")
	if _, ok := side.Await(); !ok {
		return store.Close(ctx)
	}
	var stopped atomic.Bool
	go func() {
		side.Await()
		stopped.Store(true)
	}()
	var batches atomic.Int64
	var failure error
	var mu sync.Mutex
	var writing sync.WaitGroup
	for caller := range callers {
		writing.Go(func() {
			var own *uint64
			for n := caller; !stopped.Load(); n++ {
				batch := facttest.Batch(n%3+1, arguments[1])
				var err error
				if n%2 == 0 {
					_, err = store.Append(ctx, batch)
				} else {
					// A context of the caller's own: what most commands have.
					context := fmt.Sprintf("%s %d", arguments[1], caller)
					batch[0].EventType = context
					var result factstr.AppendResult
					result, err = store.AppendIf(ctx, batch, factstr.OfTypes(context), own)
					own = &result.FirstSequenceNumber
				}
				if err != nil {
					mu.Lock()
					failure = errors.Join(failure, err)
					mu.Unlock()
					return
				}
				batches.Add(1)
			}
		})
	}
	writing.Wait()
	if failure != nil {
		return failure
	}
	side.Say("%d", batches.Load())
	return store.Close(ctx)
}
