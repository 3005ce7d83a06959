package commit

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
)

func TestSubmittedRequestsAreAnsweredOnceAlsoWhenTheyAreCancelled(t *testing.T) {
	g := newGate(t)
	q := New(Bounds{CountMax: 2, SizeMax: 100, GroupCountMax: 10, GroupSizeMax: 100}, g.run, nil)
	answers := make(chan string, 10)
	submit := func(request int) (cancel func(), outcome Outcome) {
		return q.Submit(request, 1, func(ticket *Ticket[int], outcome Outcome) {
			answers <- fmt.Sprint(ticket.Request, " ", outcome)
		})
	}
	cancelFirst, _ := submit(0)
	g.expect(0)
	cancelSecond, _ := submit(1)
	_, _ = submit(2)
	if _, outcome := submit(3); outcome != NoRoom {
		t.Fatal(outcome)
	}
	cancelFirst() // taken: no effect
	cancelSecond()
	if answer := receive(t, answers); answer != fmt.Sprint("1 ", Removed) {
		t.Fatal(answer)
	}
	cancelSecond()
	g.end()
	g.expect(2)
	if answer := receive(t, answers); answer != fmt.Sprint("0 ", Answered) {
		t.Fatal(answer)
	}
	g.end()
	if answer := receive(t, answers); answer != fmt.Sprint("2 ", Answered) {
		t.Fatal(answer)
	}
	cancelFirst()
	receive(t, q.Close())
	if len(answers) > 0 {
		t.Fatalf("a second answer: %s", <-answers)
	}
}

func TestADoneFunctionNeverRunsOnTheGoroutineOfAnotherCaller(t *testing.T) {
	g := newGate(t)
	q := New(roomy, g.run, nil)
	ctx := context.Background()
	first := goDo(q, ctx, 0, 1)
	g.expect(0)
	leader := goDo(q, ctx, 1, 1)
	answered := make(chan int, 2)
	for request := 2; request <= 3; request++ {
		_, outcome := q.Submit(request, 1, func(ticket *Ticket[int], _ Outcome) {
			answered <- ticket.Request
			runtime.Goexit()
		})
		if outcome != Answered {
			t.Fatal(outcome)
		}
	}
	g.end()
	g.expect(1, 2, 3)
	g.end()
	expectOutcome(t, first, Answered)
	expectOutcome(t, leader, Answered) // which a done function would have ended
	for request := 2; request <= 3; request++ {
		if got := receive(t, answered); got != request {
			t.Errorf("%d was answered, want %d", got, request)
		}
	}
}

// together is an answer function that a test waits on.
type together chan []int

func (c together) answer(tickets []*Ticket[int], outcome Outcome) {
	requests := []int{int(outcome)}
	for _, ticket := range tickets {
		requests = append(requests, ticket.Request)
	}
	c <- requests
}

func (c together) expect(t *testing.T, outcome Outcome, requests ...int) {
	t.Helper()
	if got := receive(t, c); !slices.Equal(got, append([]int{int(outcome)}, requests...)) {
		t.Fatalf("answered %v, want outcome %d of %v", got, outcome, requests)
	}
}

func one(int) int { return 1 }

func TestRequestsSubmittedTogetherAreAnsweredTogetherBeforeTheNextGroup(t *testing.T) {
	g, answers := newGate(t), make(together)
	q := New(roomy, g.run, answers.answer)
	if queued, outcome := q.SubmitTogether([]int{1, 2, 3}, one); queued != 3 || outcome != Answered {
		t.Fatal(queued, outcome)
	}
	g.expect(1, 2, 3)
	fourth := goDo(q, t.Context(), 4, 1)
	g.end()
	select {
	case group := <-g.started:
		t.Fatalf("group %v starts before the one before it is answered", group)
	case <-time.After(20 * time.Millisecond): // too short to fail wrongly, and long enough to see it
	}
	answers.expect(t, Answered, 1, 2, 3)
	g.expect(4)
	q.SubmitTogether([]int{5, 6}, one)
	g.end()
	if outcome := receive(t, fourth); outcome != Answered {
		t.Error(outcome)
	}
	g.expect(5, 6)
	g.end()
	answers.expect(t, Answered, 5, 6)
}

func TestOfRequestsSubmittedTogetherThoseWithRoomAreQueued(t *testing.T) {
	g, answers := newGate(t), make(together, 2)
	q := New(Bounds{CountMax: 2, SizeMax: 100, GroupCountMax: 10, GroupSizeMax: 100}, g.run, answers.answer)
	q.SubmitTogether([]int{1}, one)
	g.expect(1)
	if queued, outcome := q.SubmitTogether([]int{2, 3, 4, 5}, one); queued != 2 || outcome != NoRoom {
		t.Errorf("%d are queued, then %v", queued, outcome)
	}
	idle := q.Close()
	answers.expect(t, QueueClosed, 2, 3)
	if queued, outcome := q.SubmitTogether([]int{6}, one); queued != 0 || outcome != QueueClosed {
		t.Errorf("%d are queued, then %v", queued, outcome)
	}
	g.end()
	answers.expect(t, Answered, 1)
	receive(t, idle)
}

// G18: the thread that brings a lone request carries it out, unless that would wait. Nothing else
// is carried out there, and no group beside it.
func TestALoneRequestIsCarriedOutByTheThreadThatBringsIt(t *testing.T) {
	g, answers := newGate(t), make(chan int, 10)
	q := New(roomy, g.run, func(together []*Ticket[int], _ Outcome) {
		for _, ticket := range together {
			answers <- ticket.Request
		}
	})
	one := func(int) int { return 1 }
	var tried []int
	waits, inside := false, func() {}
	q.AtOnce = func(ticket *Ticket[int]) (done bool) {
		tried = append(tried, ticket.Request) // no lock: a race if it were another goroutine
		inside()
		return !waits
	}
	q.SubmitTogether([]int{1}, one)
	if len(answers) != 1 || <-answers != 1 {
		t.Fatal("a lone request was not answered when the call returned")
	}
	q.SubmitTogether([]int{2, 3}, one)
	g.expect(2, 3)
	q.SubmitTogether([]int{4}, one) // a group runs
	g.end()
	g.expect(4)
	g.end()
	for _, want := range []int{2, 3, 4} {
		if got := receive(t, answers); got != want {
			t.Fatalf("%d is answered, want %d", got, want)
		}
	}
	awaitIdle(q)
	waits = true
	q.SubmitTogether([]int{5}, one)
	g.expect(5)
	g.end()
	if got := receive(t, answers); got != 5 {
		t.Fatal(got)
	}
	awaitIdle(q)
	waits, inside = false, func() { q.SubmitTogether([]int{7}, one) } // while 6 is carried out
	q.SubmitTogether([]int{6}, one)
	g.expect(7)
	g.end()
	for _, want := range []int{6, 7} {
		if got := receive(t, answers); got != want {
			t.Fatalf("%d is answered, want %d", got, want)
		}
	}
	if !slices.Equal(tried, []int{1, 5, 6}) {
		t.Errorf("tried at once: %v", tried)
	}
	receive(t, q.Close())
}

// G18: a caller that must come back soon does not wait: either it is done, or nothing was done.
func TestARequestThatWouldWaitIsNotCarriedOutAtOnce(t *testing.T) {
	g := newGate(t)
	q := New(roomy, g.run, func([]*Ticket[int], Outcome) {})
	if q.TryAtOnce(1) {
		t.Error("carried out without a function for it")
	}
	var carried []int
	waits := false
	q.AtOnce = func(ticket *Ticket[int]) (done bool) {
		if !waits {
			carried = append(carried, ticket.Request)
		}
		return !waits
	}
	if !q.TryAtOnce(2) {
		t.Error("nothing is in the way")
	}
	waits = true
	if q.TryAtOnce(3) {
		t.Error("done, though it would wait")
	}
	waits = false
	answered := make(chan struct{})
	q.Submit(4, 1, func(*Ticket[int], Outcome) { close(answered) })
	g.expect(4)
	if q.TryAtOnce(5) {
		t.Error("done beside a group")
	}
	g.end()
	receive(t, answered)
	awaitIdle(q)
	if !q.TryAtOnce(6) || !slices.Equal(carried, []int{2, 6}) {
		t.Errorf("carried out at once: %v", carried)
	}
	receive(t, q.Close())
	if q.TryAtOnce(7) {
		t.Error("done though the queue is closed")
	}
}

// awaitIdle waits until leadership was given up, which comes after the answers.
func awaitIdle(q *Queue[int]) {
	for idle := false; !idle; runtime.Gosched() {
		q.mu.Lock()
		idle = !q.running
		q.mu.Unlock()
	}
}
