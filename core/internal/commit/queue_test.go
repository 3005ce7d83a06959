package commit

import (
	"context"
	"fmt"
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

func TestWhoFindsTheQueueIdleRunsItsGroupOnItsOwnGoroutine(t *testing.T) { // G18
	ran := 0
	q := New(roomy, func([]*Ticket[int]) { ran++ }, nil) // no lock: a race if it were another goroutine
	for range 3 {
		if _, outcome := q.Do(context.Background(), 1, 1, 0); outcome != Answered {
			t.Fatal(outcome)
		}
	}
	if ran != 3 {
		t.Fatalf("%d groups", ran)
	}
}

func TestWhatQueuesWhileAGroupRunsIsTheNextGroupInTheOrderItCame(t *testing.T) { // G2
	g := newGate(t)
	q := New(roomy, g.run, nil)
	ctx := context.Background()
	outcomes := []<-chan Outcome{goDo(q, ctx, 0, 1)}
	g.expect(0)
	for request := 1; request <= 5; request++ {
		outcomes = append(outcomes, goDo(q, ctx, request, 1))
	}
	g.end()
	g.expect(1, 2, 3, 4, 5)
	g.end()
	for _, outcome := range outcomes {
		expectOutcome(t, outcome, Answered)
	}
}

func TestAGroupEndsAtItsCapsAndALargeRequestRunsAlone(t *testing.T) {
	g := newGate(t)
	q := New(Bounds{CountMax: 100, SizeMax: 1000, GroupCountMax: 3, GroupSizeMax: 10}, g.run, nil)
	ctx := context.Background()
	outcomes := []<-chan Outcome{goDo(q, ctx, 0, 1)}
	g.expect(0)
	for request, size := range []int{1, 1, 1, 1, 9, 2, 500, 1} {
		outcomes = append(outcomes, goDo(q, ctx, request+1, size))
	}
	for _, group := range [][]int{{1, 2, 3}, {4, 5}, {6}, {7}, {8}} {
		g.end()
		g.expect(group...)
	}
	g.end()
	for _, outcome := range outcomes {
		expectOutcome(t, outcome, Answered)
	}
}

func TestARequestThatIsCancelledBeforeAGroupTakesItIsNeverRun(t *testing.T) { // G5
	g := newGate(t)
	q := New(roomy, g.run, nil)
	cancelled, cancel := context.WithCancel(context.Background())
	first := goDo(q, context.Background(), 0, 1)
	g.expect(0)
	second := goDo(q, cancelled, 1, 1)
	third := goDo(q, context.Background(), 2, 1)
	cancel()
	expectOutcome(t, second, Removed)
	g.end()
	g.expect(2)
	g.end()
	expectOutcome(t, first, Answered)
	expectOutcome(t, third, Answered)
	if _, outcome := q.Do(cancelled, 3, 1, 0); outcome != Removed {
		t.Fatalf("an ended context: %v", outcome)
	}
}

func TestACallerThatStopsWaitingAfterAGroupTookItsRequestLearnsThatItMayBeRun(t *testing.T) { // G5
	g := newGate(t)
	q := New(roomy, g.run, nil)
	cancelled, cancel := context.WithCancel(context.Background())
	first := goDo(q, context.Background(), 0, 1)
	g.expect(0)
	leader := goDo(q, context.Background(), 1, 1)
	follower := goDo(q, cancelled, 2, 1)
	g.end()
	g.expect(1, 2)
	cancel()
	expectOutcome(t, follower, Abandoned)
	g.end()
	expectOutcome(t, first, Answered)
	expectOutcome(t, leader, Answered)
}

func TestALeaderThatIsCancelledBeforeItStartsHandsTheLeadOn(t *testing.T) {
	// Which of the two the goroutine sees first, its turn or the cancellation, is chance: many
	// rounds meet both.
	for range 300 {
		g := newGate(t)
		q := New(roomy, g.run, nil)
		cancelled, cancel := context.WithCancel(context.Background())
		first := goDo(q, context.Background(), 0, 1)
		g.expect(0)
		second := goDo(q, cancelled, 1, 1)
		third := goDo(q, context.Background(), 2, 1)
		go cancel()
		g.end()
		switch group := receive(t, g.started); {
		case slices.Equal(group, []int{2}):
			expectOutcome(t, second, Removed)
		case slices.Equal(group, []int{1, 2}):
			// Its group took it: it waits for the answer or leaves without.
			defer func() {
				if outcome := receive(t, second); outcome != Answered && outcome != Abandoned {
					t.Errorf("outcome %v", outcome)
				}
			}()
		default:
			t.Fatalf("group %v", group)
		}
		g.end()
		expectOutcome(t, first, Answered)
		expectOutcome(t, third, Answered)
	}
}

func TestACallerThatLeadsMayStopWaitingToo(t *testing.T) { // G5
	g := newGate(t)
	q := New(roomy, g.run, nil)
	cancelled, cancel := context.WithCancel(context.Background())
	leader := goDo(q, cancelled, 0, 1)
	g.expect(0)
	cancel()
	expectOutcome(t, leader, Abandoned)
	next := goDo(q, context.Background(), 1, 1)
	g.end()
	g.expect(1)
	g.end()
	expectOutcome(t, next, Answered)
}

func TestAFullQueueMakesCallersWaitForRoomUntilTheirTimeLimit(t *testing.T) {
	g := newGate(t)
	q := New(Bounds{CountMax: 1, SizeMax: 10, GroupCountMax: 10, GroupSizeMax: 10}, g.run, nil)
	ctx := context.Background()
	first := goDo(q, ctx, 0, 1)
	g.expect(0)
	second := goDo(q, ctx, 1, 1)
	if _, outcome := q.Do(ctx, 2, 1, time.Millisecond); outcome != NoRoom {
		t.Fatalf("a time limit of its own: %v", outcome)
	}
	limited, release := context.WithTimeout(ctx, time.Millisecond)
	defer release()
	if _, outcome := q.Do(limited, 2, 1, time.Minute); outcome != NoRoom {
		t.Fatalf("the caller's time limit: %v", outcome)
	}
	cancelled, cancel := context.WithCancel(ctx)
	waiting := goDoSometime(q, cancelled, 3, 1)
	cancel()
	expectOutcome(t, waiting, Removed)
	third := goDoSometime(q, ctx, 4, 1)
	g.end()
	g.expect(1)
	g.end()
	g.expect(4)
	g.end()
	for _, outcome := range []<-chan Outcome{first, second, third} {
		expectOutcome(t, outcome, Answered)
	}
}

func TestARequestLargerThanTheWholeQueueIsTakenWhenNothingElseWaits(t *testing.T) {
	q := New(Bounds{CountMax: 10, SizeMax: 10, GroupCountMax: 10, GroupSizeMax: 10}, func([]*Ticket[int]) {}, nil)
	if _, outcome := q.Do(context.Background(), 0, 11, 0); outcome != Answered {
		t.Fatal(outcome)
	}
}

func TestCloseRefusesWhatWaitsAndLetsTheRunningGroupFinish(t *testing.T) {
	g := newGate(t)
	q := New(Bounds{CountMax: 2, SizeMax: 100, GroupCountMax: 10, GroupSizeMax: 100}, g.run, nil)
	ctx := context.Background()
	first := goDo(q, ctx, 0, 1)
	g.expect(0)
	second := goDo(q, ctx, 1, 1)
	submitted := make(chan Outcome, 1)
	if _, outcome := q.Submit(2, 1, func(_ *Ticket[int], outcome Outcome) { submitted <- outcome }); outcome != Answered {
		t.Fatal(outcome)
	}
	third := goDoSometime(q, ctx, 3, 1) // waits for room
	idle := q.Close()
	for _, outcome := range []<-chan Outcome{second, submitted, third} {
		expectOutcome(t, outcome, QueueClosed)
	}
	select {
	case <-idle:
		t.Fatal("idle while a group runs")
	default:
	}
	g.end()
	receive(t, idle)
	expectOutcome(t, first, Answered)
	if _, outcome := q.Do(ctx, 4, 1, 0); outcome != QueueClosed {
		t.Fatal(outcome)
	}
	if _, outcome := q.Submit(5, 1, nil); outcome != QueueClosed {
		t.Fatal(outcome)
	}
	receive(t, q.Close())
}

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
