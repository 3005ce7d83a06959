package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// appended takes the answer of a call of AppendTogether.
type appended struct{ answers chan factstr.AppendAnswer }

func (a appended) GroupTaken() {}

func (a appended) TakeAnswers(answers []factstr.AppendAnswer) {
	for _, answer := range answers {
		a.answers <- answer
	}
}

// atOnce appends as a thread of C does. now reports whether the answer was there when the call had
// returned: always if the call itself gave it, and with luck if another goroutine did.
func atOnce(t *testing.T, store *factstr.Store, query *factstr.EventQuery, expected *uint64,
	events ...factstr.NewEvent) (answers <-chan factstr.AppendAnswer, now bool) {
	t.Helper()
	taker := appended{make(chan factstr.AppendAnswer, 1)}
	prepared, err := store.PrepareAppend(events, nil, taker)
	if query != nil {
		prepared, err = store.PrepareAppendIf(events, *query, expected, nil, taker)
	}
	if err != nil {
		t.Fatal(err)
	}
	if store.AppendTogether([]*factstr.PreparedAppend{prepared}); prepared.Err != nil {
		t.Fatal(prepared.Err)
	}
	return taker.answers, len(taker.answers) == 1
}

func wantAppended(t *testing.T, answers <-chan factstr.AppendAnswer, number uint64) {
	t.Helper()
	if answer := <-answers; answer.Err != nil || answer.Result.FirstSequenceNumber != number {
		t.Errorf("%+v, want fact %d", answer, number)
	}
}

// G5 G10: a thread whose signals are blocked waits for the disk, and for nothing else. Whatever it
// would have to wait for is waited for on another goroutine, and the answers are the same.
func TestALoneAppendIsCommittedAtOnceOrByAnotherGoroutine(t *testing.T) {
	path := newPath(t)
	store := openStoreWith(t, path, Options{BusyTimeout: time.Minute})
	other, raw := openStore(t, path), openRaw(t, path)
	all := factstr.AllEvents()
	number := uint64(0)
	next := func() uint64 { number++; return number }

	for range 3 {
		answers, now := atOnce(t, store, nil, nil, facttest.Fact("a", `{}`))
		if !now {
			t.Error("nothing is in the way, but the call returned before its answer")
		}
		wantAppended(t, answers, next())
	}
	answers, now := atOnce(t, store, &all, factstr.Version(2), facttest.Fact("a", `{}`))
	if answer := <-answers; !now || !errors.Is(answer.Err, factstr.CodeConditionalAppendConflict) {
		t.Errorf("a conflict: %+v, at once: %v", answer, now)
	}

	// Another program has SQLite's lock.
	raw.exec("BEGIN IMMEDIATE")
	answers, now = atOnce(t, store, nil, nil, facttest.Fact("a", `{}`))
	raw.exec("ROLLBACK")
	if now {
		t.Error("answered beside a lock")
	}
	wantAppended(t, answers, next())

	// Another store has appended, which is read before a condition is decided.
	facttest.Append(t, other, facttest.Fact("a", `{}`))
	expected := number
	next()
	answers, _ = atOnce(t, store, &all, &expected, facttest.Fact("a", `{}`))
	if answer := <-answers; !errors.Is(answer.Err, factstr.CodeConditionalAppendConflict) {
		t.Errorf("after another store: %+v", answer)
	}
	expected = number
	answers, _ = atOnce(t, store, &all, &expected, facttest.Fact("a", `{}`))
	wantAppended(t, answers, next())
	facttest.WantGapless(t, other, int(number))
}

// G5 G10: an append that may not wait is answered, or nothing of it happened.
func TestAnAppendAtOnceIsAnsweredOrNotBegun(t *testing.T) {
	path := newPath(t)
	store := openStoreWith(t, path, Options{BusyTimeout: time.Minute})
	other, raw := openStore(t, path), openRaw(t, path)
	all := factstr.AllEvents()
	atOnce := func(expected *uint64) (factstr.AppendResult, bool, error) {
		t.Helper()
		prepared, err := store.PrepareAppendIf([]factstr.NewEvent{facttest.Fact("a", `{}`)}, all, expected, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		result, _, done, err := store.AppendAtOnce(prepared)
		return result, done, err
	}
	if result, done, err := atOnce(nil); !done || err != nil || result.FirstSequenceNumber != 1 {
		t.Errorf("nothing is in the way: %+v, %v, %v", result, done, err)
	}
	if _, done, err := atOnce(nil); !done || !errors.Is(err, factstr.CodeConditionalAppendConflict) {
		t.Errorf("a conflict: %v, %v", done, err)
	}
	raw.exec("BEGIN IMMEDIATE")
	result, done, err := atOnce(factstr.Version(1))
	raw.exec("ROLLBACK")
	if done {
		t.Errorf("beside a lock: %+v, %v", result, err)
	}
	facttest.Append(t, other, facttest.Fact("a", `{}`))
	if result, done, err := atOnce(factstr.Version(2)); done {
		t.Errorf("after another store, which must be read first: %+v, %v", result, err)
	}
	facttest.WantGapless(t, store, 2)
	facttest.Close(t, store)
	if _, done, err := atOnce(nil); !done || !errors.Is(err, factstr.CodeStoreClosed) {
		t.Errorf("closed: %v, %v", done, err)
	}
}

// G5: the same while this store itself writes, or another process has the turn to.
func TestALoneAppendDoesNotWaitForAnotherWriteOnTheThreadThatBroughtIt(t *testing.T) {
	path := newPath(t)
	b, err := openBackend(t.Context(), path, Options{BusyTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	store, err := factstr.OpenStore(t.Context(), b, factstr.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { facttest.Close(t, store) })
	other := openTestBackend(t, path)
	facttest.Append(t, store, facttest.Fact("a", `{}`))
	for name, block := range map[string]func() (unblock func()){
		"the store writes": func() func() {
			b.writing.Lock()
			return b.writing.Unlock
		},
		"it is another's turn": func() func() {
			if err := other.turnstile.TryEnter(); err != nil {
				t.Fatal(err)
			}
			return func() { _ = other.turnstile.Leave() }
		},
	} {
		unblock := block()
		answers, now := atOnce(t, store, nil, nil, facttest.Fact("a", `{}`))
		unblock()
		if answer := <-answers; now || answer.Err != nil {
			t.Errorf("%s: %+v, at once: %v", name, answer, now)
		}
	}
	facttest.WantGapless(t, store, 3)
}

// scanPanics is a backend that panics when facts are looked up at once.
type scanPanics struct{ *backend }

func (scanPanics) ScanAtOnce(
	context.Context, factstr.Scan, func(factstr.EventRecord) (more bool),
) (factstr.Head, error) {
	panic("on purpose")
}

// G5: a panic there does not end the program, whose thread it would be. The append is looked ahead
// for elsewhere.
func TestAPanicWhileALoneAppendLooksAheadIsKeptInside(t *testing.T) {
	b, err := openBackend(t.Context(), newPath(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := factstr.OpenStore(t.Context(), scanPanics{b}, factstr.Options{TailEvents: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { facttest.Close(t, store) })
	for _, eventType := range []string{"old", "a", "b"} {
		facttest.Append(t, store, facttest.Fact(eventType, `{}`))
	}
	old, next := factstr.OfTypes("old"), []factstr.NewEvent{facttest.Fact("c", `{}`)}
	prepared, err := store.PrepareAppendIf(next, old, factstr.Version(1), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if result, _, done, err := store.AppendAtOnce(prepared); done {
		t.Errorf("%+v, %v, though it could not be looked ahead for at once", result, err)
	}
	answers, _ := atOnce(t, store, &old, factstr.Version(1), next...)
	wantAppended(t, answers, 4)
}

// G10 G11: callers of two stores, some of whom are carried out at once, race for each context.
func TestOfAppendsAtOnceOnOneContextExactlyOneWins(t *testing.T) {
	const racers, rounds = 6, 25
	path := newPath(t)
	stores := []*factstr.Store{openStore(t, path), openStore(t, path)}
	for round := range rounds {
		query := factstr.OfTypes(fmt.Sprintf("round-%d", round))
		won := make(chan uint64, racers)
		var wait sync.WaitGroup
		for racer := range racers {
			wait.Go(func() {
				answers, _ := atOnce(t, stores[racer%2], &query, nil, facttest.Fact(fmt.Sprintf("round-%d", round), `{}`))
				answer := <-answers
				if answer.Err == nil {
					won <- answer.Result.FirstSequenceNumber
				} else if !errors.Is(answer.Err, factstr.CodeConditionalAppendConflict) {
					t.Error(answer.Err)
				}
			})
		}
		wait.Wait()
		if len(won) != 1 || <-won != uint64(round+1) {
			t.Fatalf("round %d: %d winners", round, len(won))
		}
	}
	facttest.WantGapless(t, stores[0], rounds)
}

// G15 G18: the thread of a lone append learns how many streams it has woken, so that it can yield
// to them. A stream that its facts do not concern is not woken, and one that has not come back
// from its handler is not waited for.
func TestALoneAppendSaysHowManyStreamsItHasWoken(t *testing.T) {
	store := openStore(t, newPath(t))
	appendOne := func(eventType string) (woken int) {
		t.Helper()
		taker := appended{make(chan factstr.AppendAnswer, 1)}
		prepared, err := store.PrepareAppend([]factstr.NewEvent{facttest.Fact(eventType, `{}`)}, nil, taker)
		if err != nil {
			t.Fatal(err)
		}
		if woken = store.AppendTogether([]*factstr.PreparedAppend{prepared}); prepared.Err != nil {
			t.Fatal(prepared.Err)
		}
		if answer := <-taker.answers; answer.Err != nil {
			t.Fatal(answer.Err)
		}
		return woken
	}
	if woken := appendOne("a"); woken != 0 {
		t.Errorf("%d streams woken where there is none", woken)
	}
	handled, held := make(chan string), make(chan struct{})
	handler := factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		handled <- batch[0].EventType
		if batch[0].EventType == "held" {
			<-held
		}
		return nil
	})
	if _, err := store.StreamTo(t.Context(), factstr.OfTypes("a", "held"), handler); err != nil {
		t.Fatal(err)
	}
	// The stream parks some time after its handler has returned, or has not begun to yet.
	for deadline := time.Now().Add(30 * time.Second); ; {
		woken := appendOne("a")
		<-handled
		if woken == 1 {
			break
		}
		if woken != 0 || time.Now().After(deadline) {
			t.Fatalf("%d streams woken, one waits", woken)
		}
	}
	for range 100 {
		if woken := appendOne("other"); woken != 0 {
			t.Fatalf("%d streams woken by a fact that concerns none", woken)
		}
	}
	for appendOne("held") != 1 {
		<-handled
		held <- struct{}{}
	}
	<-handled
	if woken := appendOne("a"); woken != 0 {
		t.Errorf("%d streams woken, though the only one is in its handler", woken)
	}
	close(held)
	<-handled
}

// G5 G10 G18: who submits one batch and then waits for its answer appends it on its own goroutine,
// unless the wait may be too short for a commit.
func TestALoneSubmissionIsAppendedByWhoWaitsForIt(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the submission's goroutine begins when this one waits
	store := openStore(t, newPath(t))
	type answer struct {
		result factstr.AppendResult
		err    error
	}
	answers := make(chan answer, 1)
	submit := func(expected *uint64) {
		t.Helper()
		err := store.AppendIfAsync(t.Context(), facttest.Batch(2, "submitted"), factstr.AllEvents(), expected,
			func(result factstr.AppendResult, err error) { answers <- answer{result, err} })
		if err != nil {
			t.Fatal(err)
		}
	}
	submit(nil)
	if _, done := store.CommitSubmitted(time.Hour); done {
		t.Error("how long a commit takes was not known")
	}
	if got := <-answers; got.err != nil || got.result.LastSequenceNumber != 2 {
		t.Fatalf("%+v", got)
	}
	for n := range uint64(5) {
		last := 2 + 2*n
		submit(&last)
		if _, done := store.CommitSubmitted([]time.Duration{-1, time.Hour}[n%2]); !done || len(answers) == 0 {
			t.Fatalf("batch %d was not answered when the call returned", n)
		}
		if got := <-answers; got.err != nil || got.result.LastSequenceNumber != last+2 {
			t.Fatalf("%+v", got)
		}
	}
	submit(nil)
	if _, done := store.CommitSubmitted(-1); !done || factstr.CodeOf((<-answers).err) != factstr.CodeConditionalAppendConflict {
		t.Error("a conflict is an answer, too")
	}
	submit(nil)
	if _, done := store.CommitSubmitted(time.Nanosecond); done {
		t.Error("appended within a nanosecond")
	}
	<-answers
	if _, done := store.CommitSubmitted(-1); done {
		t.Error("nothing was submitted")
	}
}
