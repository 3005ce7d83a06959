package factstr

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// lookedAtLog is a log in which something happens right after a look at its head.
type lookedAtLog struct {
	*sharedLog
	looked func() // once
}

func (l *lookedAtLog) Head(ctx context.Context) (Head, error) {
	head, err := l.sharedLog.Head(ctx)
	if looked := l.looked; looked != nil {
		l.looked = nil
		looked()
	}
	return head, err
}

// G17: a stream that is asked to drain again while it looks for its end delivers what was committed
// before the second call, too.
func TestAStreamThatIsAskedToDrainTwiceDeliversWhatBothCallsMean(t *testing.T) {
	log := &lookedAtLog{sharedLog: &sharedLog{}}
	store, err := OpenStore(t.Context(), log, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close(context.Background()) })
	var delivered []uint64
	stream, err := store.StreamAll(t.Context(), HandleFunc(func(_ context.Context, batch []EventRecord) error {
		for i := range batch {
			delivered = append(delivered, batch[i].SequenceNumber)
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	commit := func() {
		log.mu.Lock()
		defer log.mu.Unlock()
		log.push(NewEvent{EventType: "of another process", Payload: json.RawMessage("1")})
	}
	commit()
	log.looked = func() {
		commit()
		stream.Drain()
	}
	stream.Drain()
	select {
	case <-stream.Done():
	case <-time.After(time.Minute):
		t.Fatal("the stream does not end")
	}
	if got := fmt.Sprint(delivered); got != "[1 2]" || stream.Err() != nil {
		t.Errorf("delivered %s, ended with %v", got, stream.Err())
	}
}

// G17: a store that closes may know an end that is older than a call of Drain before it.
func TestAnEndThatIsKnownDoesNotReplaceOneThatIsStillLookedFor(t *testing.T) {
	older := draining{through: 3, known: true}
	for name, c := range map[string]struct {
		calls []draining
		known bool
	}{
		"the store's":           {[]draining{older}, true},
		"a call, then store's":  {[]draining{{}, older}, false},
		"the store's, a call":   {[]draining{older, {}}, false},
		"the store's, twice":    {[]draining{older, {through: 4, known: true}}, true},
		"a call, store's, call": {[]draining{{}, older, {}}, false},
	} {
		st := &EventStream{drainBegun: make(chan struct{})}
		for _, call := range c.calls {
			st.drain(call)
		}
		if st.draining.known != c.known || !closed(st.drainBegun) {
			t.Errorf("%s: %+v", name, *st.draining)
		}
	}
}
