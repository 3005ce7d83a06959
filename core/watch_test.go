package factstr

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// watchedLog has watches that end only when they may.
type watchedLog struct {
	sharedLog
	begun, running, most atomic.Int64
	mayEnd               chan struct{}
}

func (l *watchedLog) Watch(ctx context.Context, _ func()) {
	l.begun.Add(1)
	l.most.Store(max(l.most.Load(), l.running.Add(1)))
	defer l.running.Add(-1)
	<-ctx.Done()
	<-l.mayEnd
}

// G18: streams that are opened and closed faster than a watch ends do not pile watches up, each of
// which has a connection; the stream that stays is watched for.
func TestStreamsThatComeAndGoHaveOneWatchAtATime(t *testing.T) {
	log := &watchedLog{mayEnd: make(chan struct{})}
	store, err := OpenStore(t.Context(), log, Options{})
	if err != nil {
		t.Fatal(err)
	}
	letEnd := sync.OnceFunc(func() { close(log.mayEnd) })
	defer func() {
		letEnd()
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	open := func() *EventStream {
		stream, err := store.StreamAll(t.Context(), HandleFunc(func(context.Context,
			[]EventRecord) error {
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	reach := func(begun int64) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); log.begun.Load() < begun; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d watches have begun, not %d", log.begun.Load(), begun)
			}
		}
	}
	first := open()
	reach(1)
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if err := open().Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	open()
	letEnd()
	reach(2)
	if most, begun := log.most.Load(), log.begun.Load(); most != 1 || begun != 2 {
		t.Errorf("%d watches at once, %d in all", most, begun)
	}
}
