package objects

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

func TestAStoreClosedWhileAStreamOpensLeavesNoHandle(t *testing.T) {
	process, store := open(t, `{"close_timeout_ms":0}`)
	ended := make(chan error, 1)
	stream, err := store.OpenStream([]byte(`{}`), Callbacks{
		Batches: func(*Stream, uint64, []factstr.Delivery) Outcome { return Handled },
		End:     func(_ *Stream, err error) { ended <- err },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Close(false); factstr.CodeOf(err) != factstr.CodeTimeout {
		t.Errorf("the close returns %v, want Timeout: the stream's end waits for its opening", err)
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
		t.Errorf("the stream of a closed store returns %v", err)
	}
	receive(t, ended)
	<-store.closed
}

func TestACallbackMayCloseItsStoreAndTheRestFollows(t *testing.T) { // G17
	_, store := open(t, `{}`)
	closed, ended := make(chan error, 1), make(chan error, 1)
	openStream(t, store, `{}`, Callbacks{
		Batches: func(*Stream, uint64, []factstr.Delivery) Outcome {
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
		t.Errorf("the close returns %v", err)
	}
	receive(t, ended)
	<-store.closed
}

func TestAPanickingCallbackPoisonsItsStoreOnly(t *testing.T) {
	_, store := open(t, `{}`)
	_, other := open(t, `{}`)
	called := make(chan struct{})
	if _, err := store.SubmitAppend(PlainAppend([]byte(oneEvent)), Target{Callback: func(uint64, *Answer) {
		defer close(called)
		panic("on purpose")
	}}); err != nil {
		t.Fatal(err)
	}
	receive(t, called)
	closeNow(t, store)
	if err := store.Err(); factstr.CodeOf(err) != factstr.CodeInternal || !strings.Contains(err.Error(), "on purpose") {
		t.Errorf("the store returns %v", err)
	}
	if err := other.Err(); err != nil {
		t.Errorf("the other store returns %v", err)
	}
	closeNow(t, other)
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

func TestClosingWaitsForCompletionCallbacks(t *testing.T) {
	_, store := open(t, `{}`)
	began := make(chan struct{})
	if _, err := store.SubmitAppend(PlainAppend([]byte(oneEvent)), Target{Callback: func(uint64, *Answer) {
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
