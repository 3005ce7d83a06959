package commit

import (
	"context"
	"runtime"
	"slices"
	"testing"
	"time"
)

// gate is a run function that a test lets through group by group.
type gate struct {
	t       *testing.T
	started chan []int    // requests of each group when it starts
	proceed chan struct{} // one receive ends one group
}

func newGate(t *testing.T) *gate {
	return &gate{t: t, started: make(chan []int), proceed: make(chan struct{})}
}

func (g *gate) run(group []*Ticket[int]) {
	requests := make([]int, len(group))
	for i, ticket := range group {
		requests[i] = ticket.Request
	}
	g.started <- requests
	<-g.proceed
}

// expect waits for the next group to start.
func (g *gate) expect(requests ...int) {
	g.t.Helper()
	if got := receive(g.t, g.started); !slices.Equal(got, requests) {
		g.t.Fatalf("group %v, want %v", got, requests)
	}
}

func (g *gate) end() { g.proceed <- struct{}{} }

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came within 10 s")
		panic("unreachable")
	}
}

var roomy = Bounds{CountMax: 1000, SizeMax: 1 << 20, GroupCountMax: 1000, GroupSizeMax: 1 << 20}

// goDo calls Do on a goroutine and returns when the ticket is in line.
func goDo(q *Queue[int], ctx context.Context, request, size int) <-chan Outcome {
	length := func() int {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.running {
			return q.count + 1
		}
		return 0
	}
	before := length()
	outcomes := goDoSometime(q, ctx, request, size)
	for length() == before {
		runtime.Gosched()
	}
	return outcomes
}

// goDoSometime calls Do on a goroutine, which may find the queue full.
func goDoSometime(q *Queue[int], ctx context.Context, request, size int) <-chan Outcome {
	outcomes := make(chan Outcome, 1)
	go func() {
		_, outcome := q.Do(ctx, request, size, time.Minute)
		outcomes <- outcome
	}()
	return outcomes
}

func expectOutcome(t *testing.T, outcomes <-chan Outcome, want Outcome) {
	t.Helper()
	if got := receive(t, outcomes); got != want {
		t.Fatalf("outcome %v, want %v", got, want)
	}
}
