package faults

import (
	"context"
	"fmt"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

var stops = []struct {
	name string
	stop func(*pgtest.Server) error
}{
	{"stopped in order", (*pgtest.Server).Stop},
	{"killed", (*pgtest.Server).Kill},
}

// G5 G15 G19: stores that were idle meanwhile notice nothing.
func TestARestartedServerIsNoFailureForIdleStores(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	for _, each := range stops {
		t.Run(each.name, func(t *testing.T) {
			url := pgtest.WithParam(faulttest.Secretly(server.URL()), "application_name", "idle")
			writer, reader, asker := openStore(t, url), openStore(t, url), openStore(t, url)
			head := faulttest.HeadOfLog(t, reader)
			live := faulttest.Follow(t, reader)
			durable, stream := faulttest.FollowDurably(t, reader, "idle", head)
			waitForConnections(t, writer, asker)
			faulttest.Must(t, each.stop(server))
			faulttest.Must(t, server.StartAgain())
			// Reads come before the writer has met the new server: each finds all its connections
			// dead.
			faulttest.Must(t, faulttest.QueryAtOnce(asker, 4))
			for n := range uint64(10) {
				result, err := writer.Append(t.Context(), facttest.Batch(2, "restarted"))
				faulttest.Must(t, err)
				if want := head + 2*n + 1; result.FirstSequenceNumber != want {
					t.Fatalf("appended at %d, want %d", result.FirstSequenceNumber, want)
				}
			}
			live.Reach(t, head+20)
			durable.Reach(t, head+20)
			faulttest.WantRunning(t, stream)
			faulttest.End(t, stream)
			// The resumed stream starts strictly after the cursor.
			durable, stream = faulttest.FollowDurably(t, writer, "idle", head+20)
			facttest.Append(t, reader, facttest.Batch(1, "restarted")...)
			durable.Reach(t, head+21)
			faulttest.End(t, stream)
		})
	}
}

// waitForConnections makes stores open all the connections that they may have, so that all of them
// are dead later.
func waitForConnections(t testing.TB, stores ...*factstr.Store) {
	t.Helper()
	for _, store := range stores {
		faulttest.Must(t, faulttest.QueryAtOnce(store, 16))
	}
}

// G2 G3 G5 G15 G19
func TestARestartDuringAppendsLosesAndDoublesNothing(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	url := faulttest.Secretly(server.URL())
	first, second, reader := openStore(t, url), openStore(t, url), openStore(t, url)
	live := faulttest.Follow(t, reader)
	durable, stream := faulttest.FollowDurably(t, reader, "restart", 0)
	l := faulttest.NewBook(t)
	stop := l.AppendUntil(4, first, second)
	defer stop()
	rounds := 4
	if faulttest.Long(t, "4 restarts") {
		rounds = 40
	}
	for round := range rounds {
		l.AwaitSuccesses(20)
		faulttest.Must(t, stops[round%2].stop(server))
		faulttest.Must(t, server.StartAgain())
	}
	l.AwaitSuccesses(1)
	stop()
	l.Settle(reader, []*faulttest.Follower{live, durable}, factstr.CodeBackendFailure, factstr.CodeCommitUnknown)
	faulttest.WantRunning(t, stream)
}

// G5: while the server is down nothing is committed, and calls fail at once.
func TestAServerThatIsDownIsToldAtOnce(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	for _, each := range stops {
		t.Run(each.name, func(t *testing.T) {
			store := openStore(t, faulttest.Secretly(server.URL()))
			facttest.Append(t, store, facttest.Batch(1, "before")...)
			stream, err := store.StreamAll(t.Context(), faulttest.NewFollower(0))
			faulttest.Must(t, err)
			faulttest.Must(t, each.stop(server))
			faulttest.Eventually(t, "the failure in the stream's progress", func() bool { return stream.Progress().Failure != nil })
			faulttest.WantFailure(t, stream.Progress().Failure, factstr.CodeBackendFailure, factstr.ReasonConnection)
			for range 2 {
				begun := time.Now()
				_, err := store.Append(t.Context(), facttest.Batch(1, "refused"))
				faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection)
				_, err = store.Query(t.Context(), factstr.AllEvents())
				faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection)
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
			}
			faulttest.Must(t, server.StartAgain())
			faulttest.WantStillWorks(t, store)
			faulttest.Eventually(t, "the end of the failure", func() bool { return stream.Progress().Failure == nil })
			faulttest.WantRunning(t, stream)
		})
	}
}

// G5: commits that are under way when a server shuts down in order, and stays down, are certainly
// not there.
func TestACommitThatAShutdownEndsIsCertainlyNotThere(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	store := openStore(t, faulttest.Secretly(server.URL()))
	l := faulttest.NewBook(t)
	faulttest.Must(t, l.Append(t.Context(), store, 1))
	// The append waits for a lock when the server is stopped.
	raw := faulttest.OpenSQL(t, server.URL())
	raw.Run("BEGIN")
	raw.Run("LOCK TABLE events IN SHARE MODE")
	answers := make(chan error, 1)
	go func() { answers <- l.Append(context.Background(), store, 2) }()
	watcher := faulttest.OpenSQL(t, server.URL())
	faulttest.Eventually(t, "the wait for the lock", func() bool {
		return watcher.One("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "1"
	})
	faulttest.Must(t, server.Stop())
	// The holder of the lock may be ended first: then the append is committed.
	if err := faulttest.Within(t, "the answer", answers); err != nil {
		faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection)
	}
	faulttest.Must(t, server.StartAgain())
	faulttest.WantStillWorks(t, store)
	l.Check(facttest.All(t, store))
}

// G19 G23: a durable stream of a store that was opened again after a restart of the server starts
// strictly after the cursor.
func TestDurableStreamsResumeBehindTheirCursorAfterARestart(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	for round, each := range stops {
		store := openStore(t, faulttest.Secretly(server.URL()))
		head := uint64(10 * round)
		durable, stream := faulttest.FollowDurably(t, store, "resumed", head)
		for n := range uint64(5) {
			facttest.Append(t, store, facttest.Batch(2, "resumed")...)
			durable.Reach(t, head+2*n+2)
		}
		faulttest.Must(t, stream.Close(t.Context()))
		faulttest.Must(t, each.stop(server))
		faulttest.Must(t, server.StartAgain())
		if cursor := faulttest.OpenSQL(t, server.URL()).One("SELECT last_processed_sequence_number FROM durable_stream_cursors"); cursor != fmt.Sprint(head+10) {
			t.Errorf("%s: the cursor is at %s, want %d", each.name, cursor, head+10)
		}
	}
}
