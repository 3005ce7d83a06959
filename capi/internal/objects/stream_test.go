package objects

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

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
		Batches: func(_ *Stream, delivery uint64, _ []factstr.Delivery) Outcome {
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

func TestPulledDeliveriesSurviveEveryRace(t *testing.T) { // G19 G21
	process, store := open(t, `{}`)
	const events = 300
	next, runs := uint64(1), 0
	go func() {
		for range events {
			store.Append(PlainAppend([]byte(oneEvent)))
		}
	}()
	for next <= events {
		runs++
		stream := openStream(t, store, `{"durable":{"name":"d"}}`, Callbacks{})
		for n := range 7 {
			number, taken, err := stream.Next(10 * time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if got := taken.Records[0].SequenceNumber; got > next || number != uint64(n)+1 {
				t.Fatalf("delivery %d holds %d, want %d or one before it", number, got, next)
			}
			if n == 6 {
				break // left open
			}
			if err := stream.Acknowledge(number); err != nil {
				t.Fatal(err)
			}
			if got := taken.Records[0].SequenceNumber; got == next {
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
		t.Errorf("after the end Next returns %v", err)
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
