package objects

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/interop"
)

const oneEvent = `[{"event_type":"a","payload":1}]`

// open opens a memory store in a process of its own, whose tables must be empty at the end.
func open(t *testing.T, options string) (*Process, *Store) {
	t.Helper()
	decoded, err := interop.DecodeMemoryOptions([]byte(options))
	if err != nil {
		t.Fatal(err)
	}
	core, err := memory.Open(memory.Options{Options: decoded.Store})
	if err != nil {
		t.Fatal(err)
	}
	process := NewProcess()
	t.Cleanup(func() {
		if open := process.OpenHandles(); open != 0 {
			t.Errorf("%d handles are open at the end", open)
		}
	})
	return process, process.Add(core, decoded)
}

func closeNow(t *testing.T, store *Store) {
	t.Helper()
	if err := store.Close(false); err != nil {
		t.Error(err)
	}
}

func appendOne(t *testing.T, store *Store) {
	t.Helper()
	if answer := store.Append([]byte(oneEvent)); answer.Err != nil {
		t.Fatal(answer.Err)
	}
}

func openStream(t *testing.T, store *Store, registration string, callbacks Callbacks) *Stream {
	t.Helper()
	stream, err := store.OpenStream([]byte(registration), callbacks)
	if err != nil {
		t.Fatal(err)
	}
	stream.Opened()
	return stream
}

func receive[T any](t *testing.T, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(10 * time.Second):
		t.Fatal("nothing came within 10 seconds")
		panic("unreachable")
	}
}

func TestNoCallbackComesBeforeTheCallerKnowsTheHandle(t *testing.T) {
	_, store := open(t, `{}`)
	appendOne(t, store)
	var known atomic.Bool
	early := func() {
		if !known.Load() {
			t.Error("a callback came before the handle was handed on")
		}
	}
	batches := make(chan uint64, 1)
	ended := make(chan error, 1)
	stream, err := store.OpenStream([]byte(`{"durable":{"name":"d"}}`), Callbacks{
		Batch: func(_ *Stream, delivery uint64, _ []factstr.EventRecord) Outcome {
			early()
			batches <- delivery
			return Handled
		},
		Ready: func(*Stream) { early() },
		End: func(_ *Stream, err error) {
			early()
			ended <- err
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	appendOne(t, store) // commits go on meanwhile
	known.Store(true)
	stream.Opened()
	if first := receive(t, batches); first != 1 {
		t.Errorf("the first delivery is %d", first)
	}
	if second := receive(t, batches); second != 2 {
		t.Errorf("the second delivery is %d", second)
	}
	closeNow(t, store)
	receive(t, ended)
}

func TestAStoreClosedWhileAStreamOpensLeavesNoHandle(t *testing.T) {
	process, store := open(t, `{"close_timeout_ms":0}`)
	ended := make(chan error, 1)
	stream, err := store.OpenStream([]byte(`{}`), Callbacks{
		Batch: func(*Stream, uint64, []factstr.EventRecord) Outcome { return Handled },
		End:   func(_ *Stream, err error) { ended <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(false); factstr.CodeOf(err) != factstr.CodeTimeout {
		t.Errorf("the close answers %v, want Timeout: the stream's end waits for its opening", err)
	}
	select {
	case <-ended:
		t.Error("the end was reported before the caller knew the handle")
	case <-store.closed:
		t.Error("the store was released before the stream's end was reported")
	case <-time.After(20 * time.Millisecond): // time for a wrong end to show; a right one cannot come
	}
	stream.Opened()
	if _, err := process.Stream(stream.Handle()); factstr.CodeOf(err) != factstr.CodeInvalidHandle {
		t.Errorf("the stream of a closed store answers %v", err)
	}
	receive(t, ended)
	<-store.closed
}

func TestAFailedRegistrationLeavesNothing(t *testing.T) {
	process, store := open(t, `{}`)
	openStream(t, store, `{"durable":{"name":"d"}}`, Callbacks{})
	called := func(*Stream, error) { t.Error("a stream that never was has ended") }
	if _, err := store.OpenStream([]byte(`{"durable":{"name":"d"}}`), Callbacks{End: called}); factstr.CodeOf(err) != factstr.CodeDurableStreamActive {
		t.Errorf("got %v", err)
	}
	if open := process.OpenHandles(); open != 2 {
		t.Errorf("%d handles are open, want those of the store and the first stream", open)
	}
	closeNow(t, store)
}

func TestCompletionCallbacksComeOneAtATime(t *testing.T) {
	_, store := open(t, `{}`)
	var running, calls atomic.Int32
	var done sync.WaitGroup
	for range 500 {
		done.Add(1)
		_, err := store.SubmitAppend([]byte(oneEvent), Target{Callback: func(uint64, *Answer) {
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

func TestACallbackMayCloseItsStoreAndTheRestFollows(t *testing.T) { // G17
	_, store := open(t, `{}`)
	closed, ended := make(chan error, 1), make(chan error, 1)
	openStream(t, store, `{}`, Callbacks{
		Batch: func(*Stream, uint64, []factstr.EventRecord) Outcome {
			closed <- store.Close(true)
			return Pending // and nobody will answer it
		},
		End: func(_ *Stream, err error) {
			select {
			case <-store.closed:
				t.Error("the store was released while the end was being reported")
			case <-time.After(20 * time.Millisecond): // time for a wrong release to show; a right one cannot come
			}
			ended <- err
		},
	})
	appendOne(t, store)
	if err := receive(t, closed); !errors.Is(err, ErrClosing) {
		t.Errorf("the close answers %v", err)
	}
	receive(t, ended)
	<-store.closed
}

func TestAPanickingCallbackPoisonsItsStoreOnly(t *testing.T) {
	_, store := open(t, `{}`)
	_, other := open(t, `{}`)
	called := make(chan struct{})
	if _, err := store.SubmitAppend([]byte(oneEvent), Target{Callback: func(uint64, *Answer) {
		defer close(called)
		panic("on purpose")
	}}); err != nil {
		t.Fatal(err)
	}
	receive(t, called)
	closeNow(t, store)
	if err := store.Err(); factstr.CodeOf(err) != factstr.CodeInternal || !strings.Contains(err.Error(), "on purpose") {
		t.Errorf("the store answers %v", err)
	}
	if err := other.Err(); err != nil {
		t.Errorf("the other store answers %v", err)
	}
	closeNow(t, other)
}

func TestARequestIsAnsweredToOneOfItsWaiters(t *testing.T) {
	process, store := open(t, `{}`)
	for range 100 {
		handle, err := store.SubmitAppend([]byte(oneEvent), Target{WantHandle: true})
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
						_, err = store.SubmitAppend([]byte(oneEvent), target)
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

func TestPulledDeliveriesSurviveEveryRace(t *testing.T) { // G19 G21
	process, store := open(t, `{}`)
	const events = 300
	next, runs := uint64(1), 0
	go func() {
		for range events {
			store.Append([]byte(oneEvent))
		}
	}()
	for next <= events {
		runs++
		stream := openStream(t, store, `{"durable":{"name":"d"}}`, Callbacks{})
		for n := range 7 {
			number, records, err := stream.Next(10 * time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if got := records[0].SequenceNumber; got > next || number != uint64(n)+1 {
				t.Fatalf("delivery %d holds %d, want %d or one before it", number, got, next)
			}
			if n == 6 {
				break // left open
			}
			if err := stream.Acknowledge(number); err != nil {
				t.Fatal(err)
			}
			if got := records[0].SequenceNumber; got == next {
				next++
			}
			if next > events {
				break
			}
		}
		if err := stream.Close(false); err != nil {
			t.Fatal(err)
		}
	}
	closeNow(t, store)
	if runs < events/7 || process.OpenHandles() != 0 {
		t.Errorf("%d runs, %d handles", runs, process.OpenHandles())
	}
}

func TestNoDeliveryIsTakenOnceTheStreamIsStopped(t *testing.T) { // G17
	_, store := open(t, `{}`)
	stream := openStream(t, store, `{}`, Callbacks{})
	stream.stop() // the first half of Unsubscribe: a batch can still be on its way
	appendOne(t, store)
	if number, _, err := stream.Next(20 * time.Millisecond); !errors.Is(err, ErrNotYet) {
		t.Errorf("delivery %d was taken from a stopped stream, %v", number, err)
	}
	stream.Unsubscribe()
	if _, _, err := stream.Next(-1); !errors.Is(err, ErrEnded) {
		t.Errorf("after the end Next answers %v", err)
	}
	closeNow(t, store)
}

func TestAStreamWithoutReplayIsReadyAtOnce(t *testing.T) { // G20
	_, store := open(t, `{}`)
	appendOne(t, store)
	for range 200 {
		stream := openStream(t, store, `{}`, Callbacks{})
		if progress := stream.Progress(); !progress.Ready || progress.Ended {
			t.Fatalf("progress %+v", progress)
		}
	}
	waiting := openStream(t, store, `{"durable":{"name":"d"}}`, Callbacks{}) // nobody takes the batch that it replays
	if progress := waiting.Progress(); progress.Ready || progress.ReplayTarget != 1 {
		t.Errorf("progress %+v", progress)
	}
	closeNow(t, store)
	if progress := waiting.Progress(); progress.Ready || !progress.Ended {
		t.Errorf("progress %+v", progress)
	}
}

func TestClosingWakesWhoWaitsForCompletions(t *testing.T) {
	_, store := open(t, `{}`)
	woken := make(chan error, 1)
	go func() {
		_, err := store.Completions(1, -1)
		woken <- err
	}()
	waits := func() bool {
		store.completions.mu.Lock()
		defer store.completions.mu.Unlock()
		return store.completions.wake != nil
	}
	for !waits() {
		runtime.Gosched()
	}
	closeNow(t, store)
	if err := receive(t, woken); factstr.CodeOf(err) != factstr.CodeStoreClosed {
		t.Errorf("the waiter got %v", err)
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

func TestClosingWaitsForCompletionCallbacks(t *testing.T) {
	_, store := open(t, `{}`)
	began := make(chan struct{})
	if _, err := store.SubmitAppend([]byte(oneEvent), Target{Callback: func(uint64, *Answer) {
		close(began)
		select {
		case <-store.closed:
			t.Error("the store was released while a callback runs")
		case <-time.After(20 * time.Millisecond): // time for a wrong release to show; a right one cannot come
		}
	}}); err != nil {
		t.Fatal(err)
	}
	receive(t, began)
	closeNow(t, store)
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
	appended := store.Append([]byte(oneEvent))
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
