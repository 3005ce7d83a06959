package commit

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// idleQueue is a queue on a single processor, so that the goroutine of a submission begins when the
// test waits, and not before.
func idleQueue(t *testing.T) (q *Queue[int], g *gate, carried *[]int, submit func(request int) (cancel func()),
	answered chan int) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
	g, carried, answered = newGate(t), new([]int), make(chan int, 10)
	q = New(roomy, g.run, nil)
	q.AtOnce = func(ticket *Ticket[int]) (done bool) {
		*carried = append(*carried, ticket.Request) // no lock: a race if it were another goroutine
		return ticket.Request < 100
	}
	return q, g, carried, func(request int) (cancel func()) {
		cancel, outcome := q.Submit(request, 1, func(ticket *Ticket[int], outcome Outcome) {
			if outcome == Answered {
				answered <- ticket.Request
			}
		})
		if outcome != Answered {
			t.Fatal(outcome)
		}
		return cancel
	}, answered
}

// G18: who waits for a lone submission carries it out, and nobody does a second time.
func TestWhoWaitsForALoneSubmissionMayCarryItOut(t *testing.T) {
	q, g, carried, submit, answered := idleQueue(t)
	if q.CarryOut() {
		t.Fatal("nothing was submitted")
	}
	var wanted []int
	next := 0
	for ; len(wanted) < 3; next++ {
		submit(next)
		if !q.CarryOut() { // the test was interrupted here, and the goroutine began
			if next > 20 {
				t.Fatal("nothing is ever carried out")
			}
			g.expect(next)
			g.end()
			receive(t, answered)
			continue
		}
		if len(answered) != 1 || <-answered != next {
			t.Fatalf("%d was not answered when the call returned", next)
		}
		if q.CarryOut() {
			t.Fatal("carried out again")
		}
		wanted = append(wanted, next)
	}
	submit(next)
	g.expect(next) // by one of the goroutines
	if q.CarryOut() {
		t.Fatal("carried out beside a group that runs")
	}
	submit(next + 1)
	if q.CarryOut() {
		t.Fatal("carried out beside a group that runs")
	}
	g.end()
	g.expect(next + 1)
	g.end()
	for _, want := range []int{next, next + 1} {
		if got := receive(t, answered); got != want {
			t.Fatalf("%d is answered, want %d", got, want)
		}
	}
	if !slices.Equal(*carried, wanted) {
		t.Errorf("carried out %v, not %v", *carried, wanted)
	}
	receive(t, q.Close())
}

func TestWhatIsNotAloneOrWouldWaitIsLeftToTheGoroutineOfTheSubmission(t *testing.T) {
	q, g, carried, submit, answered := idleQueue(t)
	submit(1)
	submit(2)
	if q.CarryOut() {
		t.Fatal("two are one group")
	}
	g.expect(1, 2)
	g.end()
	receive(t, answered)
	receive(t, answered)
	awaitIdle(q)
	submit(100) // would wait
	if q.CarryOut() {
		t.Fatal("carried out what would wait")
	}
	g.expect(100)
	g.end()
	receive(t, answered)
	awaitIdle(q)
	submit(3)() // cancelled
	if q.CarryOut() {
		t.Fatal("carried out what was cancelled")
	}
	submit(4)
	if !q.CarryOut() || receive(t, answered) != 4 {
		t.Fatal("the next one is alone again")
	}
	submit(5)
	closed := q.Close()
	if q.CarryOut() {
		t.Fatal("carried out in a closed queue")
	}
	receive(t, closed)
	if !slices.Equal(*carried, []int{100, 4}) {
		t.Errorf("tried %v", *carried)
	}
}

// G5 G11: a few callers submit and carry out what is there, while the goroutines of their
// submissions begin when they like.
func TestSubmissionsAreRunOnceWhoeverCarriesThemOut(t *testing.T) {
	const callers, each = 3, 3000
	var running, carried atomic.Int32
	runs := make([]int, callers*each) // no lock: a race if two groups ran at once
	run := func(tickets ...*Ticket[int]) {
		if running.Add(1) != 1 {
			t.Error("two groups at once")
		}
		for _, ticket := range tickets {
			runs[ticket.Request]++
		}
		running.Add(-1)
	}
	q := New(roomy, func(group []*Ticket[int]) { run(group...) }, nil)
	q.AtOnce = func(ticket *Ticket[int]) (done bool) {
		if ticket.Request%5 == 0 {
			return false
		}
		run(ticket)
		return true
	}
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			answered := make(chan Outcome, 1)
			for i := range each {
				_, outcome := q.Submit(caller*each+i, 1, func(_ *Ticket[int], outcome Outcome) { answered <- outcome })
				if outcome != Answered {
					t.Error(outcome)
					return
				}
				if q.CarryOut() {
					carried.Add(1)
				}
				if outcome := receive(t, answered); outcome != Answered {
					t.Errorf("%d was answered %v", i, outcome)
				}
			}
		})
	}
	all.Wait()
	receive(t, q.Close())
	for request, n := range runs {
		if n != 1 {
			t.Fatalf("%d ran %d times", request, n)
		}
	}
	if carried.Load() == 0 {
		t.Error("nobody carried out a submission")
	}
	t.Logf("%d of %d were carried out by who submitted them", carried.Load(), callers*each)
}
