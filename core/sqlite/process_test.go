package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/childtest"
)

func init() {
	roles["racer"] = raceForRounds
	roles["appender"] = appendWithoutPause
	roles["opener"] = openOnce
	roles["holder"] = holdDurableName
}

func openTest(t testing.TB, path string) *factstr.Store {
	t.Helper()
	store, err := Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close(context.Background()) })
	return store
}

func event(eventType, payload string) factstr.NewEvent {
	return factstr.NewEvent{EventType: eventType, Payload: json.RawMessage(payload)}
}

func roundQuery(round string) factstr.EventQuery {
	return factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{"Won"}, PayloadPredicates: []json.RawMessage{json.RawMessage(`{"round":` + round + `}`)}}}}
}

// raceForRounds appends to the context of each round it is told, and says how it went.
func raceForRounds(side *childtest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{BusyTimeout: time.Minute})
	if err != nil {
		return err
	}
	side.Say("ready")
	for {
		round, ok := side.Await()
		if !ok {
			return store.Close(ctx)
		}
		_, err := store.AppendIf(ctx, []factstr.NewEvent{event("Won", `{"round":`+round+`,"by":`+arguments[1]+`}`)}, roundQuery(round), nil)
		switch {
		case err == nil:
			side.Say("won")
		case errors.Is(err, factstr.CodeConditionalAppendConflict):
			side.Say("lost")
		default:
			return err
		}
	}
}

// G11 G2
func TestSixteenProcessesRacingOneContextHaveOneWinnerEachRound(t *testing.T) {
	const processes, rounds = 16, 200
	path := filepath.Join(t.TempDir(), "race.db")
	racers := make([]*childtest.Child, processes)
	for i := range racers {
		racers[i] = childtest.Start(t, "racer", path, strconv.Itoa(i))
	}
	for _, racer := range racers {
		racer.Expect("ready")
	}
	for round := range rounds {
		for _, racer := range racers {
			racer.Tell(strconv.Itoa(round))
		}
		winners := 0
		for _, racer := range racers {
			if answer, _ := racer.Hear(); answer == "won" {
				winners++
			} else if answer != "lost" {
				t.Fatalf("round %d: a racer said %q", round, answer)
			}
		}
		if winners != 1 {
			t.Fatalf("round %d had %d winners", round, winners)
		}
	}
	for _, racer := range racers {
		racer.Finish()
	}
	expectGapless(t, openTest(t, path), rounds)
}

// G11
func TestSixteenGoroutinesRacingOneContextHaveOneWinnerEachRound(t *testing.T) {
	const racers, rounds = 16, 200
	store := openTest(t, filepath.Join(t.TempDir(), "race.db"))
	for round := range rounds {
		number := strconv.Itoa(round)
		var wait sync.WaitGroup
		won := make(chan uint64, racers)
		for racer := range racers {
			wait.Go(func() {
				result, err := store.AppendIf(context.Background(), []factstr.NewEvent{event("Won", fmt.Sprintf(`{"round":%d,"by":%d}`, round, racer))}, roundQuery(number), nil)
				if err == nil {
					won <- result.FirstSequenceNumber
				} else if !errors.Is(err, factstr.CodeConditionalAppendConflict) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if len(won) != 1 || <-won != uint64(round+1) {
			t.Fatalf("round %d has no winner, several, or left a gap", round)
		}
	}
}

func expectGapless(t *testing.T, store *factstr.Store, count int) {
	t.Helper()
	result, err := store.Query(context.Background(), factstr.AllEvents())
	if err != nil {
		t.Fatal(err)
	}
	if len(result.EventRecords) != count {
		t.Fatalf("%d facts, wanted %d", len(result.EventRecords), count)
	}
	for i, record := range result.EventRecords {
		if record.SequenceNumber != uint64(i+1) {
			t.Fatalf("fact %d has number %d", i+1, record.SequenceNumber)
		}
	}
}

// openOnce opens a store as soon as it is told, which creates the database if it is the first, and appends one fact.
func openOnce(side *childtest.Side, arguments []string) error {
	ctx := context.Background()
	side.Say("ready")
	side.Await()
	store, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	if _, err := store.Append(ctx, []factstr.NewEvent{event("Opened", `{}`)}); err != nil {
		return err
	}
	return store.Close(ctx)
}

// G2
func TestProcessesThatCreateOneDatabaseAtOnceAllSucceed(t *testing.T) {
	const processes, rounds = 4, 10
	for round := range rounds {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("new-%d", round), "facts.db")
		var openers []*childtest.Child
		for range processes {
			openers = append(openers, childtest.Start(t, "opener", path))
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
		expectGapless(t, openTest(t, path), processes)
	}
}

// appendWithoutPause appends batches of one, two and three facts until its input ends, and says how long a call took on average.
func appendWithoutPause(side *childtest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{BusyTimeout: time.Minute})
	if err != nil {
		return err
	}
	side.Say("ready")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		side.Await()
	}()
	calls, start := 0, time.Now()
	for {
		select {
		case <-ended:
			side.Say("%d", time.Since(start).Nanoseconds()/int64(max(calls, 1)))
			return store.Close(ctx)
		default:
		}
		batch := []factstr.NewEvent{event(arguments[1], `{"n":1}`), event(arguments[1], `{"n":2}`), event(arguments[1], `{"n":3}`)}[:calls%3+1]
		if _, err := store.Append(ctx, batch); err != nil {
			return err
		}
		calls++
	}
}

// G15 G19 G16: what other processes append comes in order, once, whole.
func TestStreamsReceiveWhatOtherProcessesAppendInOrderAndOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "streams.db")
	store := openTest(t, path)
	const wanted = 300
	var live, durable batchLog
	handlers := map[string]*batchLog{"live": &live, "durable": &durable}
	for _, log := range handlers {
		log.enough, log.wanted = make(chan struct{}), wanted
	}
	ctx := context.Background()
	if _, err := store.StreamAll(ctx, &live); err != nil {
		t.Fatal(err)
	}
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "across"}, &durable)
	if err != nil {
		t.Fatal(err)
	}
	appenders := []*childtest.Child{childtest.Start(t, "appender", path, "A"), childtest.Start(t, "appender", path, "B")}
	for _, appender := range appenders {
		appender.Expect("ready")
	}
	for name, log := range handlers {
		select {
		case <-log.enough:
		case <-time.After(time.Minute):
			t.Fatalf("the %s stream got %d batches in a minute", name, log.count())
		}
	}
	for _, appender := range appenders {
		appender.Finish()
	}
	// A last batch of this process shows that everything before it was delivered.
	last, err := store.Append(ctx, []factstr.NewEvent{event("Last", `{}`)})
	if err != nil {
		t.Fatal(err)
	}
	for name, log := range handlers {
		log.awaitNumber(t, last.LastSequenceNumber)
		next := uint64(1)
		for _, batch := range log.batches {
			if batch[0].SequenceNumber != next {
				t.Fatalf("the %s stream got %d where %d was next", name, batch[0].SequenceNumber, next)
			}
			for i := range batch {
				if want := `{"n":` + strconv.Itoa(i+1) + `}`; batch[i].EventType != "Last" && string(batch[i].Payload) != want {
					t.Fatalf("the %s stream got a batch that is not whole: %s at place %d", name, batch[i].Payload, i)
				}
				next++
			}
		}
	}
	if err := stream.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if stored := stream.Progress().StoredCursor; stored != last.LastSequenceNumber {
		t.Fatalf("the cursor is at %d, the log ends at %d", stored, last.LastSequenceNumber)
	}
}

// batchLog is a handler that keeps what it gets.
type batchLog struct {
	mu      sync.Mutex
	batches [][]factstr.EventRecord
	wanted  int
	enough  chan struct{}
	grown   sync.Cond
}

func (l *batchLog) HandleStream(_ context.Context, batch []factstr.EventRecord) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grown.L = &l.mu
	l.batches = append(l.batches, batch)
	if len(l.batches) == l.wanted {
		close(l.enough)
	}
	l.grown.Broadcast()
	return nil
}

func (l *batchLog) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.batches)
}

func (l *batchLog) awaitNumber(t *testing.T, number uint64) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.grown.L = &l.mu
	giveUp := time.AfterFunc(time.Minute, func() { l.grown.Broadcast() })
	defer giveUp.Stop()
	started := time.Now()
	for {
		if n := len(l.batches); n > 0 && l.batches[n-1][0].SequenceNumber >= number {
			return
		}
		if time.Since(started) >= time.Minute {
			t.Fatalf("fact %d was not delivered in a minute", number)
		}
		l.grown.Wait()
	}
}

// Fairness: the turnstile lets a polite process in beside one that never pauses. It is counted in groups of the other process that came between, since times also hold
// what the disk does; those are logged.
func TestAProcessThatNeverPausesDoesNotStarveAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fair.db")
	store := openTest(t, path)
	greedy := childtest.Start(t, "appender", path, "Greedy")
	greedy.Expect("ready")
	const appends = 300
	ctx := context.Background()
	waits, between := make([]time.Duration, appends), make([]int, appends)
	for i := range waits {
		before, err := store.Query(ctx, factstr.AllEvents().AtMost(0))
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		result, err := store.Append(ctx, []factstr.NewEvent{event("Polite", `{}`)})
		if err != nil {
			t.Fatal(err)
		}
		waits[i] = time.Since(started)
		// The first fact of each of the other's groups has n = 1.
		var head uint64
		if before.CurrentContextVersion != nil {
			head = *before.CurrentContextVersion
		}
		overtaking, err := store.Query(ctx, factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{"Greedy"}, PayloadPredicates: []json.RawMessage{json.RawMessage(`{"n":1}`)}}}}.After(head))
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range overtaking.EventRecords {
			if record.SequenceNumber < result.FirstSequenceNumber {
				between[i]++
			}
		}
	}
	rest := greedy.Finish()
	groupTime, err := strconv.ParseInt(rest[len(rest)-1], 10, 64)
	if err != nil {
		t.Fatalf("the greedy process said %v", rest)
	}
	slices.Sort(waits)
	slices.Sort(between)
	p99, group := waits[appends*99/100], time.Duration(groupTime)
	t.Logf("polite p50 %v p99 %v, the other's group %v, ratio of p99 %.1f; groups between: p50 %d, p99 %d, most %d",
		waits[appends/2], p99, group, float64(p99)/float64(group), between[appends/2], between[appends*99/100], between[appends-1])
	if between[appends*99/100] > 5 {
		t.Errorf("at p99 %d groups of the other process came between", between[appends*99/100])
	}
}

// holdDurableName registers a durable stream, says so, and keeps it.
func holdDurableName(side *childtest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: arguments[1]}, factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error { return nil }))
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

func register(store *factstr.Store, name string) (*factstr.EventStream, error) {
	return store.StreamAllDurable(context.Background(), factstr.DurableStream{Name: name}, factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error { return nil }))
}

// G22
func TestADurableNameIsActiveOnceAcrossProcessesAndFreeWhenItsHolderIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "names.db")
	store := openTest(t, path)
	holder := childtest.Start(t, "holder", path, "projection")
	holder.Expect("held")
	if _, err := register(store, "projection"); !errors.Is(err, factstr.CodeDurableStreamActive) {
		t.Fatalf("registering a name that another process holds: %v", err)
	}
	if other, err := register(store, "another"); err != nil {
		t.Fatalf("another name: %v", err)
	} else {
		other.Unsubscribe()
	}
	holder.Kill()
	stream, err := register(store, "projection")
	if err != nil {
		t.Fatalf("after the holder was killed: %v", err)
	}
	stream.Unsubscribe()
	successor := childtest.Start(t, "holder", path, "projection")
	successor.Expect("held")
	successor.Finish()
}

// G5: a lock that cannot be had in time is Busy, with nothing written, and the store works on.
func TestAStoppedProcessThatHoldsTheLockIsAnsweredBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "stopped.db")
	openTest(t, path)
	store, err := Open(context.Background(), path, Options{BusyTimeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close(context.Background()) })
	locker := childtest.Start(t, "locker", path)
	locker.Expect("locked")
	locker.Signal(syscall.SIGSTOP)
	_, err = store.Append(context.Background(), []factstr.NewEvent{event("Late", `{}`)})
	if !errors.Is(err, factstr.CodeBusy) || !strings.Contains(err.Error(), "try again") {
		t.Fatalf("append beside a stopped writer: %v", err)
	}
	locker.Signal(syscall.SIGCONT)
	locker.Finish()
	if _, err := store.Append(context.Background(), []factstr.NewEvent{event("After", `{}`)}); err != nil {
		t.Fatalf("append after the writer went on: %v", err)
	}
	expectGapless(t, store, 1)
}

func init() {
	roles["locker"] = func(side *childtest.Side, arguments []string) error {
		ctx := context.Background()
		b, err := openBackend(ctx, arguments[0], Options{BusyTimeout: time.Minute})
		if err != nil {
			return err
		}
		err = b.write(ctx, "holding the lock", func(*conn) (bool, error) {
			side.Say("locked")
			side.Await()
			return false, nil
		})
		if err != nil {
			return err
		}
		return b.Close()
	}
}
