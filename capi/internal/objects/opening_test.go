package objects

import (
	"context"
	"errors"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/interop"
)

type reported struct {
	store *Store
	err   error
}

// begin starts an opening in a process of its own, whose tables must be empty at the end.
func begin(t *testing.T, open func(context.Context) (*factstr.Store, error)) (*Process, *Opening, <-chan reported) {
	t.Helper()
	process, reports := NewProcess(newHeapMemory), make(chan reported, 2)
	opening := process.NewOpening(open, interop.StoreOptions{}, func(store *Store, err error) { reports <- reported{store, err} })
	if found, err := process.Opening(opening.Handle()); err != nil || found != opening || process.OpenHandles() != 1 {
		t.Errorf("before it starts: %v, %v, %d handles", found, err, process.OpenHandles())
	}
	t.Cleanup(func() {
		if _, err := process.Opening(opening.Handle()); factstr.CodeOf(err) != factstr.CodeInvalidHandle {
			t.Errorf("an opening that ended is %v", err)
		}
		if open := process.OpenHandles(); open != 0 || len(reports) != 0 {
			t.Errorf("%d handles are open at the end, and %d more reports came", open, len(reports))
		}
	})
	opening.Start()
	return process, opening, reports
}

func TestAnOpeningComesToAStoreThatIsTheReceivers(t *testing.T) {
	process, opening, reports := begin(t, func(context.Context) (*factstr.Store, error) { return memory.Open(memory.Options{}) })
	got := receive(t, reports)
	if got.err != nil || process.OpenHandles() != 1 {
		t.Fatalf("%v, and %d handles", got.err, process.OpenHandles())
	}
	opening.Cancel() // too late for anything
	if found, err := process.Store(got.store.Handle()); err != nil || found != got.store {
		t.Error(err)
	}
	appendOne(t, got.store)
	closeNow(t, got.store)
}

func TestAnOpeningThatFailsTellsWhy(t *testing.T) {
	_, _, reports := begin(t, func(context.Context) (*factstr.Store, error) { return nil, factstr.CodeReadOnly })
	if got := receive(t, reports); got.store != nil || factstr.CodeOf(got.err) != factstr.CodeReadOnly {
		t.Errorf("%+v", got)
	}
}

func TestAPanicOfAnOpeningIsItsError(t *testing.T) {
	_, _, reports := begin(t, func(context.Context) (*factstr.Store, error) { panic("on purpose") })
	if got := receive(t, reports); got.store != nil || factstr.CodeOf(got.err) != factstr.CodeInternal {
		t.Errorf("%+v", got)
	}
}

func TestCancellingEndsAnOpening(t *testing.T) {
	for name, answer := range map[string]error{"as cancelled": factstr.CodeCancelled, "with another error": errors.New("the connection broke")} {
		t.Run(name, func(t *testing.T) {
			_, opening, reports := begin(t, func(ctx context.Context) (*factstr.Store, error) {
				<-ctx.Done()
				return nil, answer
			})
			opening.Cancel()
			opening.Cancel()
			if got := receive(t, reports); got.store != nil || factstr.CodeOf(got.err) != factstr.CodeCancelled {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestAStoreThatWasOpenedAllTheSameIsClosedWhenItsOpeningWasCancelled(t *testing.T) {
	var opened *factstr.Store
	begun, goOn := make(chan struct{}), make(chan struct{})
	_, opening, reports := begin(t, func(context.Context) (_ *factstr.Store, err error) {
		close(begun)
		<-goOn
		opened, err = memory.Open(memory.Options{})
		return opened, err
	})
	receive(t, begun)
	opening.Cancel()
	close(goOn)
	if got := receive(t, reports); got.store != nil || factstr.CodeOf(got.err) != factstr.CodeCancelled {
		t.Errorf("%+v", got)
	}
	select {
	case <-opened.Closed():
	default:
		t.Error("the store was open when its opening was reported as cancelled")
	}
}

// Cancelling may come before the opening has begun, or right after it has ended.
func TestCancellingAtAnyMomentHasOneOutcome(t *testing.T) {
	for range 500 {
		process, opening, reports := begin(t, func(context.Context) (*factstr.Store, error) { return memory.Open(memory.Options{}) })
		go opening.Cancel()
		got := receive(t, reports)
		if got.err == nil {
			closeNow(t, got.store)
		} else if got.store != nil || factstr.CodeOf(got.err) != factstr.CodeCancelled {
			t.Fatalf("%+v", got)
		}
		if open := process.OpenHandles(); open != 0 {
			t.Fatalf("%d handles are open", open)
		}
	}
}

func TestAPanicOfAReportStaysInside(t *testing.T) {
	process, ended := NewProcess(newHeapMemory), make(chan struct{})
	opening := process.NewOpening(func(context.Context) (*factstr.Store, error) { return nil, factstr.CodeBusy }, interop.StoreOptions{}, func(*Store, error) {
		defer close(ended)
		panic("on purpose")
	})
	opening.Start()
	receive(t, ended)
	if open := process.OpenHandles(); open != 0 {
		t.Errorf("%d handles are open", open)
	}
}
