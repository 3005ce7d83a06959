package objects

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
)

func TestCompletionCallbacksComeOneAtATime(t *testing.T) {
	_, store := open(t, `{}`)
	var running, calls atomic.Int32
	var done sync.WaitGroup
	for range 500 {
		done.Add(1)
		_, err := store.SubmitAppend(PlainAppend([]byte(oneEvent)), Target{Callback: func(uint64, *Answer) {
			defer done.Done()
			if running.Add(1) != 1 {
				t.Error("two callbacks run at a time")
			}
			calls.Add(1)
			running.Add(-1)
		}})
		if err != nil {
			t.Fatal(err)
		}
	}
	done.Wait()
	closeNow(t, store)
	if calls.Load() != 500 {
		t.Errorf("%d calls", calls.Load())
	}
}

// A caller who will ask by the handle pays no goroutine for a query that memory answers. One that
// costs much runs on a goroutine, since the submitting thread must not wait.
func TestAQueryThatMemoryAnswersIsAnsweredWhenItIsSubmitted(t *testing.T) { // G8 G18
	process, store := open(t, `{}`)
	appendOne(t, store)
	submit := func(query string) *Request {
		handle, err := store.SubmitQuery([]byte(query), Target{WantHandle: true})
		if err != nil {
			t.Fatal(err)
		}
		request, err := process.Request(handle)
		if err != nil {
			t.Fatal(err)
		}
		return request
	}
	for range 100 {
		answer, err := submit(`{"filters":[{"event_types":["a"]}]}`).Wait(0)
		if err != nil || answer.Err != nil {
			t.Fatalf("%v, %+v", err, answer)
		}
		answer.Drop()
	}
	// Each number of the predicate is looked for in a payload that lacks it.
	large := strings.Repeat(`[1,2,3],`, 100_000) + "[]"
	if answer := store.Append(PlainAppend([]byte(`[{"event_type":"large","payload":[` + large + `]}]`))); answer.Err != nil {
		t.Fatal(answer.Err)
	}
	heavy := submit(`{"filters":[{"payload_predicates":[[` + large + `,[4]]]}]}`)
	if _, err := heavy.Wait(0); !errors.Is(err, ErrNotYet) {
		t.Errorf("a heavy query was answered while it was submitted: %v", err)
	}
	if answer, err := heavy.Wait(-1); err != nil || answer.Err != nil {
		t.Errorf("%v, %+v", err, answer)
	} else {
		answer.Drop()
	}
	closeNow(t, store)
}

func TestARequestIsAnsweredToOneOfItsWaiters(t *testing.T) {
	process, store := open(t, `{}`)
	for range 100 {
		handle, err := store.SubmitAppend(PlainAppend([]byte(oneEvent)), Target{WantHandle: true})
		if err != nil {
			t.Fatal(err)
		}
		request, err := process.Request(handle)
		if err != nil {
			t.Fatal(err)
		}
		var answered atomic.Int32
		var wait sync.WaitGroup
		for range 4 {
			wait.Go(func() {
				switch answer, err := request.Wait(-1); {
				case err == nil && answer.Err == nil:
					answered.Add(1)
				case factstr.CodeOf(err) != factstr.CodeInvalidHandle:
					t.Errorf("got %v", err)
				}
			})
		}
		wait.Wait()
		if answered.Load() != 1 {
			t.Fatalf("%d waiters got the answer", answered.Load())
		}
	}
	closeNow(t, store)
}

func TestSubmissionsAndClosesRace(t *testing.T) {
	for range 50 {
		_, store := open(t, `{}`)
		var answers, submitted atomic.Int32
		var wait sync.WaitGroup
		for i := range 4 {
			wait.Go(func() {
				for n := range 50 {
					target := Target{Tag: uint64(n), Callback: func(uint64, *Answer) { answers.Add(1) }}
					var err error
					if i%2 == 0 {
						_, err = store.SubmitAppend(PlainAppend([]byte(oneEvent)), target)
					} else {
						_, err = store.SubmitQuery(nil, target)
					}
					store.Cancel(uint64(n))
					switch factstr.CodeOf(err) {
					case "":
						submitted.Add(1)
					case factstr.CodeStoreClosed:
						return
					default:
						t.Error(err)
					}
				}
			})
		}
		for submitted.Load() < 20 {
			runtime.Gosched()
		}
		closeNow(t, store)
		wait.Wait()
		if answers.Load() != submitted.Load() {
			t.Fatalf("%d answers of %d submitted requests", answers.Load(), submitted.Load())
		}
		if n := store.submissions.outstanding; n != 0 {
			t.Fatalf("%d requests are outstanding after the close", n)
		}
		if n := len(store.submissions.byTag); n != 0 {
			t.Fatalf("%d tags are kept after the close", n)
		}
	}
}

func TestAQueryThatWaitsForItsTurnIsCancelledAtOnce(t *testing.T) {
	_, store := open(t, `{}`)
	store.queries.readers = queriesAtOnce // as if all were reading
	answers := make(chan error, 2)
	target := Target{Tag: 7, Callback: func(_ uint64, answer *Answer) { answers <- answer.Err }}
	for range 2 {
		if _, err := store.SubmitQuery(nil, target); err != nil {
			t.Fatal(err)
		}
	}
	store.Cancel(8)
	store.Cancel(7)
	for range 2 {
		if err := receive(t, answers); factstr.CodeOf(err) != factstr.CodeCancelled {
			t.Errorf("got %v", err)
		}
	}
	if _, err := store.SubmitQuery(nil, target); err != nil {
		t.Fatal(err)
	}
	closeNow(t, store)
	if err := receive(t, answers); factstr.CodeOf(err) != factstr.CodeStoreClosed {
		t.Errorf("a query that waited at the close got %v", err)
	}
}

func TestHandlesAreNamedInErrors(t *testing.T) {
	process, store := open(t, `{}`)
	for _, find := range []func() error{
		func() error { _, err := process.Store(99); return err },
		func() error { _, err := process.Stream(99); return err },
		func() error { _, err := process.Request(99); return err },
	} {
		if err := find(); factstr.CodeOf(err) != factstr.CodeInvalidHandle || !strings.Contains(err.Error(), "99") {
			t.Errorf("got %v", err)
		}
	}
	closeNow(t, store)
}

func TestEveryKindOfAnswerFitsItsSize(t *testing.T) {
	_, store := open(t, `{"sequence_numbers":"string"}`)
	appended := store.Append(PlainAppend([]byte(oneEvent)))
	queried := store.Query(nil)
	failed := store.Query([]byte(`{`))
	for _, answer := range []Answer{appended, queried, failed} {
		if text := answer.AppendText(nil); len(text) > answer.Size() {
			t.Errorf("%s is longer than %d", text, answer.Size())
		}
	}
	closeNow(t, store)
	if text := string(appended.AppendText(nil)); !strings.Contains(text, `"first_sequence_number":"1"`) {
		t.Errorf("got %s", text)
	}
}

func TestAReadingIsReadByOneCallAtATime(t *testing.T) {
	process, store := open(t, `{}`)
	appendOne(t, store)
	number, err := store.OpenReading(nil)
	if err != nil {
		t.Fatal(err)
	}
	reading, err := process.Reading(number)
	if err != nil {
		t.Fatal(err)
	}
	reading.busy.Store(true)
	if answer := reading.Next(); factstr.CodeOf(answer.Err) != factstr.CodeInvalidState {
		t.Errorf("%v", answer.Err)
	}
	reading.busy.Store(false)
	answer := reading.Next()
	if answer.Err != nil || !strings.HasSuffix(string(answer.Text.Bytes()), `],"more":false}`) {
		t.Errorf("%v", answer.Err)
	}
	answer.Drop()
	closeNow(t, store)
	if _, err := process.Reading(number); factstr.CodeOf(err) != factstr.CodeInvalidHandle {
		t.Errorf("after the close of its store: %v", err)
	}
}
