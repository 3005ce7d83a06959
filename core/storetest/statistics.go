package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

func mustMeasure(t testing.TB, store *factstr.Store) factstr.Statistics {
	t.Helper()
	statistics, err := store.Statistics(context.Background())
	if err != nil {
		t.Fatalf("statistics: %v", err)
	}
	return statistics
}

var statisticsTests = tests{
	{"statistics count what was committed, what waits, and how far streams are", func(t *testing.T, log Log) { // G24
		store, c := openChaos(t, log, factstr.Options{})
		appendTypes(t, store, "a", "a")
		blocked, release := make(chan struct{}), make(chan struct{})
		slow := newRecorder()
		slow.handle = func(context.Context, []factstr.EventRecord) error {
			close(blocked)
			<-release
			return nil
		}
		if _, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "slow"}, slow); err != nil {
			t.Fatal(err)
		}
		quick := newRecorder()
		stream := live(t, store, factstr.AllEvents(), quick)
		within(t, "the delivery", blocked)
		appendTypes(t, store, "b")
		quick.want(t, []uint64{3})
		at(t, stream, 3)
		g := c.holdCommits()
		answers := make(chan error, 2)
		taken := func(_ factstr.AppendResult, err error) { answers <- err }
		if err := store.AppendAsync(t.Context(), facttest.BatchOf("c"), taken); err != nil {
			t.Fatal(err)
		}
		within(t, "the first group", g.arrived)
		// The queue is bounded in bytes, and a condition may be much larger than what is appended.
		condition := facttest.PayloadQuery(`"` + strings.Repeat("x", 10_000) + `"`)
		if err := store.AppendIfAsync(t.Context(), facttest.BatchOf("c"), condition, nil, taken); err != nil {
			t.Fatal(err)
		}
		s := mustMeasure(t, store)
		if s.Store == "" || s.Head.SequenceNumber != 3 || s.Facts != 3 || s.Failure != nil || s.Appends != 2 || s.Commits != 2 || s.GroupAppendsMax != 1 || s.IndexWatermark != nil {
			t.Errorf("got %+v", s)
		}
		if s.QueueAppends != 1 || s.QueueBytes < 10_000 {
			t.Errorf("%d appends of %d bytes wait", s.QueueAppends, s.QueueBytes)
		}
		if len(s.Streams) != 2 {
			t.Fatalf("streams %+v", s.Streams)
		}
		if d := s.Streams[0]; d.DurableName != "slow" || d.Ready || d.Position != 0 || d.Lag != 3 || d.ReplayTarget != 2 || d.StoredCursor != 0 {
			t.Errorf("the durable stream %+v", d)
		}
		if l := s.Streams[1]; l.DurableName != "" || !l.Ready || l.Position != 3 || l.Lag != 0 {
			t.Errorf("the live stream %+v", l)
		}
		close(release)
		g.open()
		for range 2 {
			if err := within(t, "an answer", answers); err != nil {
				t.Fatal(err)
			}
		}
	}},
	{"statistics of a log that cannot be read say why, and the rest", func(t *testing.T, log Log) { // G24
		store, c := openChaos(t, log, factstr.Options{})
		appendTypes(t, store, "a")
		c.set(hooks{head: func(func() (factstr.Head, error)) (factstr.Head, error) {
			return factstr.Head{}, factstr.BackendFailure(factstr.ReasonConnection, "on purpose")
		}})
		s := mustMeasure(t, store)
		facttest.WantError(t, s.Failure, factstr.CodeBackendFailure)
		if s.Appends != 1 || s.Head.SequenceNumber != 1 {
			t.Errorf("got %+v", s)
		}
		c.clear()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := store.Statistics(ended); err == nil {
			t.Error("statistics for nobody")
		}
		if err := store.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err := store.Statistics(t.Context())
		facttest.WantError(t, err, factstr.CodeStoreClosed)
	}},
	{"what is tried again is counted", func(t *testing.T, log Log) { // G21
		store, c := openChaos(t, log, noTail)
		appendTypes(t, store, "a")
		c.failScans(2, factstr.BackendFailure(factstr.ReasonIO, "on purpose"))
		failures := 2
		r := newRecorder()
		r.handle = func(context.Context, []factstr.EventRecord) error {
			if failures--; failures >= 0 {
				return errOnPurpose
			}
			return nil
		}
		stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "again"}, r,
			factstr.WithRetry(factstr.RetryPolicy{MaxAttempts: 3, Delay: time.Millisecond}))
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.WaitReady(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s := mustMeasure(t, store); s.ReadRetries != 2 || s.Redeliveries != 2 {
			t.Errorf("%d reads and %d deliveries were repeated", s.ReadRetries, s.Redeliveries)
		}
		end(t, stream)
	}},
}

// at waits until a stream's position is there.
func at(t testing.TB, stream *factstr.EventStream, position uint64) {
	t.Helper()
	for limit := time.Now().Add(facttest.WaitMax); stream.Progress().Position < position; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("the stream is at %d, not %d", stream.Progress().Position, position)
		}
	}
}
