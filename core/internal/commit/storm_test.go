package commit

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// asked is a request of the storm: how often it was run, and how often its caller was answered.
type asked struct {
	runs    atomic.Int32
	answers atomic.Int32
	outcome Outcome
}

// Thousands of callers come, wait, are cancelled at random moments and submit, and finally the
// queue is closed in the middle of it. One group runs at a time, nothing runs twice, every caller
// is answered once, and the answer is true. G5 G11
func TestEveryRequestOfAStormIsAnsweredOnceAndTruly(t *testing.T) {
	const callers, each = 2000, 10
	var running atomic.Int32
	shared := 0 // written without a lock: the race detector tells if two groups run at once, or without happens-before
	q := New(Bounds{CountMax: 500, SizeMax: 5000, GroupCountMax: 64, GroupSizeMax: 200}, func(group []*Ticket[*asked]) {
		if running.Add(1) != 1 {
			t.Error("two groups at once")
		}
		for _, ticket := range group {
			shared++
			ticket.Request.runs.Add(1)
		}
		running.Add(-1)
	}, nil)
	q.AtOnce = func(ticket *Ticket[*asked]) (done bool) {
		if running.Add(1) != 1 {
			t.Error("a submission is carried out beside a group")
		}
		defer running.Add(-1)
		if ticket.size%4 == 0 {
			return false
		}
		shared++
		ticket.Request.runs.Add(1)
		return true
	}
	requests := make([]asked, callers*each)
	var callersDone sync.WaitGroup
	var submitted sync.WaitGroup
	var completed atomic.Int32
	var closed sync.WaitGroup
	closed.Add(1)
	for caller := range callers {
		callersDone.Add(1)
		go func() {
			defer callersDone.Done()
			random := rand.New(rand.NewPCG(uint64(caller), 1))
			for i := range each {
				request := &requests[caller*each+i]
				ctx, cancel := context.WithCancel(context.Background())
				switch random.IntN(4) {
				case 0, 1:
					go cancel()
				case 2:
					ctx = context.Background() // who cannot leave leads on its own goroutine
				}
				if random.IntN(3) > 0 {
					_, request.outcome = q.Do(ctx, request, 1+random.IntN(20),
						time.Duration(random.IntN(5))*time.Millisecond)
					request.answers.Add(1)
				} else {
					submitted.Add(1)
					stop, outcome := q.Submit(request, 1+random.IntN(20), func(ticket *Ticket[*asked], outcome Outcome) {
						ticket.Request.outcome = outcome
						ticket.Request.answers.Add(1)
						submitted.Done()
					})
					if outcome != Answered {
						request.outcome = outcome
						request.answers.Add(1)
						submitted.Done()
					} else if random.IntN(2) == 0 {
						go stop()
					} else {
						q.CarryOut()
					}
				}
				cancel()
				if completed.Add(1) == callers*each*3/4 {
					go func() {
						<-q.Close()
						closed.Done()
					}()
				}
			}
		}()
	}
	callersDone.Wait()
	submitted.Wait()
	closed.Wait()
	total, outcomes := 0, map[Outcome]int{}
	for i := range requests {
		request := &requests[i]
		runs := int(request.runs.Load())
		total += runs
		outcomes[request.outcome]++
		switch {
		case request.answers.Load() != 1:
			t.Fatalf("request %d was answered %d times", i, request.answers.Load())
		case request.outcome == Answered && runs != 1, request.outcome == Abandoned && runs != 1:
			t.Fatalf("request %d was answered %v and ran %d times", i, request.outcome, runs)
		case request.outcome != Answered && request.outcome != Abandoned && runs != 0:
			t.Fatalf("request %d was answered %v and ran", i, request.outcome)
		}
	}
	if total != shared {
		t.Fatalf("%d runs, counted %d", total, shared)
	}
	for _, outcome := range []Outcome{Answered, Removed, QueueClosed} {
		if outcomes[outcome] == 0 {
			t.Errorf("the storm never met outcome %v: %v", outcome, outcomes)
		}
	}
}
