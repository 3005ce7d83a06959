package postgres

import (
	"context"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

var stops = []struct {
	name string
	stop func(*pgtest.Server) error
}{
	{"stopped in order", (*pgtest.Server).Stop},
	{"killed", (*pgtest.Server).Kill},
}

// G5 G15 G19: whoever was idle meanwhile notices nothing.
func TestARestartedServerIsNoFailureForIdleStores(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	for _, each := range stops {
		t.Run(each.name, func(t *testing.T) {
			url := pgtest.WithParam(secretly(server.URL()), "application_name", "idle")
			writer, reader, asker := openStore(t, url), openStore(t, url), openStore(t, url)
			head := headOfLog(t, reader)
			live := follow(t, reader)
			durable, stream := followDurably(t, reader, "idle", head)
			waitForConnections(t, writer, asker)
			must(t, each.stop(server))
			must(t, server.StartAgain())
			// Reads before the writer has met the new server: each finds all its connections dead.
			must(t, queryAtOnce(asker, 4))
			for n := range uint64(10) {
				result, err := writer.Append(t.Context(), facttest.Batch(2, "restarted"))
				must(t, err)
				if want := head + 2*n + 1; result.FirstSequenceNumber != want {
					t.Fatalf("appended at %d, want %d", result.FirstSequenceNumber, want)
				}
			}
			live.reach(t, head+20)
			durable.reach(t, head+20)
			wantRunning(t, stream)
			end(t, stream)
			// Resumed, it starts strictly after the cursor.
			durable, stream = followDurably(t, writer, "idle", head+20)
			facttest.Append(t, reader, facttest.Batch(1, "restarted")...)
			durable.reach(t, head+21)
			end(t, stream)
		})
	}
}

// waitForConnections gives stores all the connections that they may have, so that each of them will
// be found dead.
func waitForConnections(t testing.TB, stores ...*factstr.Store) {
	t.Helper()
	for _, store := range stores {
		must(t, queryAtOnce(store, 16))
	}
}

// queryAtOnce makes queries concurrently, and returns an error if one fails.
func queryAtOnce(store *factstr.Store, queries int) error {
	answers := make(chan error)
	for range queries {
		go func() {
			_, err := store.Query(context.Background(), factstr.AllEvents())
			answers <- err
		}()
	}
	var failure error
	for range queries {
		if err := <-answers; err != nil {
			failure = err
		}
	}
	return failure
}

func end(t testing.TB, stream *factstr.EventStream) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), facttest.WaitMax)
	defer cancel()
	must(t, stream.Close(ctx))
}

// G2 G3 G5 G15 G19
func TestARestartDuringAppendsLosesAndDoublesNothing(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	url := secretly(server.URL())
	first, second, reader := openStore(t, url), openStore(t, url), openStore(t, url)
	live := follow(t, reader)
	durable, stream := followDurably(t, reader, "restart", 0)
	l := newBook(t)
	stop := l.appendUntil(4, first, second)
	defer stop()
	rounds := 4
	if long(t, "4 restarts") {
		rounds = 40
	}
	for round := range rounds {
		l.awaitSuccesses(20)
		must(t, stops[round%2].stop(server))
		must(t, server.StartAgain())
	}
	l.awaitSuccesses(1)
	stop()
	l.settle(reader, []*follower{live, durable}, factstr.CodeBackendFailure, factstr.CodeCommitUnknown)
	wantRunning(t, stream)
}

// G5: while the server is down nothing is committed, and everybody is told so at once.
func TestAServerThatIsDownIsToldAtOnce(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	for _, each := range stops {
		t.Run(each.name, func(t *testing.T) {
			store := openStore(t, secretly(server.URL()))
			facttest.Append(t, store, facttest.Batch(1, "before")...)
			stream, err := store.StreamAll(t.Context(), newFollower(0))
			must(t, err)
			must(t, each.stop(server))
			eventually(t, "the failure in the stream's progress", func() bool { return stream.Progress().Failure != nil })
			wantFailure(t, stream.Progress().Failure, factstr.CodeBackendFailure, factstr.ReasonConnection)
			for range 2 {
				begun := time.Now()
				_, err := store.Append(t.Context(), facttest.Batch(1, "refused"))
				wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection)
				_, err = store.Query(t.Context(), factstr.AllEvents())
				wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection)
				if took := time.Since(begun); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
			}
			must(t, server.StartAgain())
			wantStillWorks(t, store)
			eventually(t, "the end of the failure", func() bool { return stream.Progress().Failure == nil })
			wantRunning(t, stream)
		})
	}
}

// G5: commits that are under way when a server shuts down in order, and stays down, are not left
// unknown.
func TestACommitThatAShutdownEndsIsCertainlyNotThere(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	store := openStore(t, secretly(server.URL()))
	l := newBook(t)
	must(t, l.append(t.Context(), store, 1))
	// It waits for a lock when the server is stopped.
	raw := openRaw(t, server.URL())
	raw.exec("BEGIN")
	raw.exec("LOCK TABLE events IN SHARE MODE")
	answers := make(chan error, 1)
	go func() { answers <- l.append(context.Background(), store, 2) }()
	watcher := openRaw(t, server.URL())
	eventually(t, "the wait for the lock", func() bool {
		return watcher.one("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "1"
	})
	must(t, server.Stop())
	// The one who held the lock may be ended first: then it is committed.
	if err := within(t, "the answer", answers); err != nil {
		wantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonConnection)
	}
	must(t, server.StartAgain())
	wantStillWorks(t, store)
	l.check(facttest.All(t, store))
}
