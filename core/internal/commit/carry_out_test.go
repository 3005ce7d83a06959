package commit

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// idleQueue is a queue whose submissions start no goroutine: the test calls begin when it likes.
func idleQueue(t *testing.T) (q *Queue[int], g *gate, carried *[]int, submit func(request int) (cancel func()),
	answered chan int) {
	g, carried, answered = newGate(t), new([]int), make(chan int, 10)
	q = New(roomy, g.run, nil)
	q.AtOnce = func(ticket *Ticket[int]) (done bool) {
		*carried = append(*carried, ticket.Request) // no lock: a race if it were another goroutine
		return ticket.Request < 100
	}
	return q, g, carried, func(request int) (cancel func()) {
		cancel, _, outcome := q.submit(request, 1, func(ticket *Ticket[int], outcome Outcome) {
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
	for request := range 3 { // whose goroutines have not begun
		submit(request)
		if !q.CarryOut() || len(answered) != 1 || <-answered != request {
			t.Fatalf("%d was not answered when the call returned", request)
		}
		if q.CarryOut() {
			t.Fatal("carried out again")
		}
	}
	submit(3)
	go q.begin() // an earlier one's: it comes late, and leads for this one
	g.expect(3)
	if q.begin(); q.CarryOut() {
		t.Fatal("carried out beside a group that runs")
	}
	submit(4)
	if q.begin(); q.CarryOut() {
		t.Fatal("carried out beside a group that runs")
	}
	g.end()
	if got := receive(t, answered); got != 3 {
		t.Fatalf("%d is answered, want 3", got)
	}
	g.expect(4)
	g.end()
	if got := receive(t, answered); got != 4 {
		t.Fatalf("%d is answered, want 4", got)
	}
	if !slices.Equal(*carried, []int{0, 1, 2}) {
		t.Errorf("carried out %v", *carried)
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
	go q.begin()
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
	q.begin() // too late
	submit(6)
	if q.CarryOut() {
		t.Fatal("carried out beside a group that runs")
	}
	g.end()
	receive(t, answered)
	g.expect(6)
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
	go q.begin()
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
