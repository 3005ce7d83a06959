package storetest

import (
	"context"
	"fmt"
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
	{"statistics tell how appends were grouped, and which groups were tried again", func(t *testing.T, log Log) { // G2 G11
		store, c := openChaos(t, log, factstr.Options{})
		wants := func(appends, commits, largest, retried uint64) {
			t.Helper()
			s := mustMeasure(t, store)
			if s.Appends != appends || s.Commits != commits || s.GroupAppendsMax != largest ||
				s.GroupsRetried != retried ||
				s.QueueAppends != 0 || s.QueueBytes != 0 {
				t.Fatalf("got %+v, want %d appends in %d groups, %d in the largest, %d tried again", s, appends, commits,
					largest, retried)
			}
		}
		wants(0, 0, 0, 0)
		free := func(eventType string) conditional {
			return conditional{facttest.BatchOf(eventType), factstr.OfTypes(eventType), nil}
		}
		heldGroup(t, store, c, free("a"), free("b"), free("a"), free("c")) // one conflicts
		wants(4, 2, 3, 0)
		heldGroupThen(t, store, c, func() {
			c.set(hooks{commit: func(context.Context, *factstr.Group, func() error) error {
				c.clear()
				return factstr.BackendFailure(factstr.ReasonIO, "on purpose")
			}})
		}, free("d"), free("e"))
		wants(7, 5, 3, 1)
		appendTypes(t, store, "a", "b") // one append of two facts
		wants(8, 6, 3, 1)
	}},
	{"statistics have what is in memory, what is stored, and how far the index is", func(t *testing.T, log Log) { // G24
		store := openWith(t, log, factstr.Options{TailEvents: 5}, nil)
		empty := mustMeasure(t, store)
		if empty.TailEvents != 0 || empty.TailBytes != 0 || empty.IndexWatermark != nil || empty.Reconnects != 0 {
			t.Fatalf("of an empty log: %+v", empty)
		}
		payload := `"` + strings.Repeat("x", 1000) + `"`
		for range 7 {
			facttest.Append(t, store, facttest.Fact("a", payload), facttest.Fact("b", payload))
		}
		s := mustMeasure(t, store)
		switch {
		case !log.Persistent: // the facts are in memory themselves, and have no files
			if s.TailEvents != 0 || s.TailBytes != 0 || s.DatabaseBytes != 0 || s.LogFileBytes != 0 {
				t.Errorf("a tail or a file of a log in memory: %+v", s)
			}
		case s.TailEvents < 5 || s.TailEvents > 14 || s.TailBytes < 1000*s.TailEvents ||
			s.TailBytes > 2000*s.TailEvents:
			t.Errorf("%d facts of %d bytes are in memory", s.TailEvents, s.TailBytes)
		case s.DatabaseBytes == 0 || (s.LogFileBytes > 0) != (s.Store == "sqlite"):
			t.Errorf("%d bytes and a log file of %d", s.DatabaseBytes, s.LogFileBytes)
		}
		if s.TailEvents > 0 && withoutTail(t, log).TailEvents != 0 {
			t.Error("a store that is to keep no tail has one")
		}
		const more = 1500
		for range more / 100 {
			var batch []factstr.NewEvent
			for range 100 {
				batch = append(batch, facttest.Fact("a", payload))
			}
			facttest.Append(t, store, batch...)
		}
		grown := mustMeasure(t, store)
		if stored := grown.DatabaseBytes + grown.LogFileBytes; log.Persistent && stored < (14+more)*1000 {
			t.Errorf("%d facts of 1,000 bytes took %d", 14+more, stored) // SQLite makes its log in advance
		}
		for limit := time.Now().Add(facttest.WaitMax); ; time.Sleep(time.Millisecond) {
			facttest.Query(t, store, matchingFilter(nil, `{"n":3}`)) // wakes the index
			if s = mustMeasure(t, store); s.IndexWatermark != nil && *s.IndexWatermark >= 200 {
				break
			}
			if time.Now().After(limit) {
				t.Fatalf("no index: %+v", s)
			}
		}
		if *s.IndexWatermark > s.Head.SequenceNumber || s.Head.SequenceNumber != 14+more || s.Head.OccurredAt == "" {
			t.Errorf("an index through %d of %+v", *s.IndexWatermark, s.Head)
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

// withoutTail measures a store that keeps no tail.
func withoutTail(t testing.TB, log Log) factstr.Statistics {
	t.Helper()
	store := openWith(t, log, noTail, nil)
	facttest.Query(t, store, factstr.AllEvents())
	return mustMeasure(t, store)
}

// at waits until a stream's position is there.
func at(t testing.TB, stream *factstr.EventStream, position uint64) {
	t.Helper()
	facttest.Eventually(t, fmt.Sprintf("the stream is at %d", position), func() bool {
		return stream.Progress().Position >= position
	})
}
