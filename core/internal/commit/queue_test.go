package commit

import (
	"context"
	"slices"
	"testing"
	"time"
)

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

// G5 G11: the queue may be closed between the moment that a caller becomes the leader and the one
// that it takes its group. Its request is run, since the caller takes it for answered.
func TestACallerThatLeadsAtOnceIsRunAlsoIfTheQueueIsClosedBeforeThat(t *testing.T) {
	g := newGate(t)
	q := New(roomy, g.run, nil)
	ticket := &Ticket[int]{Request: 1, size: 1}
	if lead, outcome := q.enter(context.Background(), ticket, 0); !lead || outcome != Answered {
		t.Fatal(lead, outcome)
	}
	closed := make(chan (<-chan struct{}), 1)
	go func() { closed <- q.Close() }()
	idle := receive(t, closed)
	go q.leadAsCaller()
	g.expect(1)
	g.end()
	receive(t, idle)
}
