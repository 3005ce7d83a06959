package postgres

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

func init() {
	roles["name holder"] = holdANameAndSayWhatIsDelivered
}

// generationOf returns the generation of the only durable name.
func generationOf(t testing.TB, raw faulttest.SQL) string {
	t.Helper()
	return raw.One("SELECT generation FROM factstr_durable_streams")
}

// namesBackend waits for the connection that holds leases, and returns its process number.
func namesBackend(t testing.TB, raw faulttest.SQL) (pid string) {
	t.Helper()
	faulttest.Eventually(t, "the connection that holds names", func() bool {
		found := raw.Rows("SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())")
		if len(found) == 1 {
			pid = found[0]
		}
		return len(found) == 1
	})
	return pid
}

// G21 G22: nobody took the name meanwhile, so the stream goes on with its generation.
func TestADurableStreamWhoseLockConnectionIsCutGoesOn(t *testing.T) {
	t.Parallel()
	url := faulttest.ServerOfItsOwn(t)
	store, other := openStore(t, url), openStore(t, url)
	durable, stream := faulttest.FollowDurably(t, store, "cut", 0)
	raw := faulttest.OpenSQL(t, url)
	generation := generationOf(t, raw)
	for n := range uint64(3) {
		before := namesBackend(t, raw)
		raw.Run("SELECT pg_terminate_backend(" + before + ", 10000)")
		facttest.Append(t, other, facttest.Batch(1, "cut")...)
		durable.Reach(t, n+1)
		faulttest.Eventually(t, "another connection that holds the name", func() bool { return namesBackend(t, raw) != before })
		faulttest.Eventually(t, "the cursor", func() bool {
			return raw.One("SELECT last_processed_sequence_number FROM durable_stream_cursors") == fmt.Sprint(n+1)
		})
	}
	if now := generationOf(t, raw); now != generation {
		t.Errorf("the generation went from %s to %s", generation, now)
	}
	_, err := other.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "cut"}, faulttest.NewFollower(0))
	faulttest.WantFailure(t, err, factstr.CodeDurableStreamActive, "")
	faulttest.WantRunning(t, stream)
	faulttest.End(t, stream)
}

// G22: a store that was cut off finds its name taken over. Nothing more is delivered to it, and it
// writes no cursor.
func TestADurableStreamThatWasTakenOverEnds(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	proxy := pgtest.NewProxy(t, server.Address())
	store, b := openBackendStore(t, faulttest.Through(proxy, faulttest.Secretly(server.URL())), impatient())
	other := openStore(t, faulttest.Secretly(server.URL()))
	facttest.Append(t, other, facttest.Batch(3, "before")...)
	entered, release := make(chan struct{}, 10), make(chan struct{})
	var deliveries atomic.Int64
	stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "taken"}, factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error {
		deliveries.Add(1)
		entered <- struct{}{}
		<-release
		return nil
	}))
	faulttest.Must(t, err)
	faulttest.Within(t, "the first delivery", entered)
	b.leases.mu.Lock()
	generation := uint64(b.leases.held["taken"].generation)
	b.leases.mu.Unlock()
	proxy.Refuse()
	raw := faulttest.OpenSQL(t, server.URL())
	f := faulttest.NewFollower(0)
	var second *factstr.EventStream
	faulttest.Eventually(t, "taking over", func() bool {
		second, err = other.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "taken"}, f)
		if err != nil {
			faulttest.WantFailure(t, err, factstr.CodeDurableStreamActive, "")
		}
		return err == nil
	})
	f.Reach(t, 3)
	facttest.Append(t, other, facttest.Batch(2, "after")...)
	f.Reach(t, 5)
	// Until then a delivery may still start.
	faulttest.Eventually(t, "the end of the last proof", func() bool {
		b.leases.mu.Lock()
		defer b.leases.mu.Unlock()
		h := b.leases.held["taken"]
		return h == nil || time.Since(h.proven) >= provenFor
	})
	proxy.Heal()
	close(release)
	faulttest.WantFailure(t, facttest.WaitEnd(t, stream), factstr.CodeDurableStreamLost, "")
	if n := deliveries.Load(); n != 1 {
		t.Errorf("%d deliveries, want none after the one that was in flight", n)
	}
	// A cursor write that was on its way for a long time.
	faulttest.Must(t, b.WriteCursors(t.Context(), []factstr.CursorWrite{{Name: "taken", Generation: generation, SequenceNumber: 1000}}))
	faulttest.Eventually(t, "the cursor", func() bool {
		return raw.One("SELECT last_processed_sequence_number FROM durable_stream_cursors") == "5"
	})
	faulttest.WantRunning(t, second)
	faulttest.End(t, second)
}

// Many leases on a slow line are reclaimed together, not one after the other.
func TestManyDurableNamesAreTakenAgainTogether(t *testing.T) {
	t.Parallel()
	const many = 200
	url := faulttest.ServerOfItsOwn(t)
	proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
	store := openStore(t, faulttest.Through(proxy, url))
	followers, streams := make([]*faulttest.Follower, many), make([]*factstr.EventStream, many)
	for i := range many {
		followers[i], streams[i] = faulttest.FollowDurably(t, store, fmt.Sprint("name ", i), 0)
	}
	proxy.Delay(pgtest.FromClient, 15*time.Millisecond)
	proxy.Delay(pgtest.FromServer, 15*time.Millisecond)
	proxy.Cut()
	raw := faulttest.OpenSQL(t, url)
	faulttest.Eventually(t, "all names on another connection", func() bool {
		return raw.One("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") == fmt.Sprint(many)
	})
	facttest.Append(t, store, facttest.Batch(1, "after")...)
	for i := range many {
		followers[i].Reach(t, 1)
		faulttest.WantRunning(t, streams[i])
	}
	proxy.Delay(pgtest.FromClient, 0)
	proxy.Delay(pgtest.FromServer, 0)
}

// G24: a failover that lost commits has lost the registration along with the facts, and the lease
// may be the first to notice.
func TestAStreamWhoseFactsWentWithItsRegistrationIsToldThatFactsAreGone(t *testing.T) {
	t.Parallel()
	url := faulttest.ServerOfItsOwn(t)
	store := openStoreWith(t, url, Options{PollInterval: time.Hour})
	raw := faulttest.OpenSQL(t, url)
	for _, each := range []struct {
		name, lost string
		code       factstr.Code
	}{
		{"registration", "DELETE FROM factstr_durable_streams", factstr.CodeDurableStreamLost},
		{"both", "DELETE FROM factstr_durable_streams; DELETE FROM append_batches WHERE first_sequence_number > 1; DELETE FROM events WHERE sequence_number > 1", factstr.CodeLogTruncated},
	} {
		durable, stream := faulttest.FollowDurably(t, store, each.name, 0)
		facttest.Append(t, store, facttest.Batch(2, "handled")...)
		head := faulttest.HeadOfLog(t, store)
		durable.Reach(t, head)
		faulttest.Eventually(t, "the cursor", func() bool { return stream.Progress().StoredCursor == head })
		holder := namesBackend(t, raw)
		raw.Run("BEGIN; " + each.lost + "; COMMIT; SELECT pg_terminate_backend(" + holder + ", 10000)")
		faulttest.Eventually(t, "the end", func() bool { return stream.Progress().Ended })
		if code := factstr.CodeOf(stream.Err()); code != each.code {
			t.Errorf("without its %s the stream ended with %v, want %s", each.name, stream.Err(), each.code)
		}
	}
}

// A lease that can't be reclaimed yet does not hold up the others.
func TestADurableNameThatIsStuckLeavesTheOthersAlone(t *testing.T) {
	t.Parallel()
	url := faulttest.ServerOfItsOwn(t)
	store := openStore(t, url)
	stuck, stuckStream := faulttest.FollowDurably(t, store, "stuck", 0)
	free, freeStream := faulttest.FollowDurably(t, store, "free", 0)
	raw := faulttest.OpenSQL(t, url)
	holder := namesBackend(t, raw)
	// Somebody waits for the lock, and gets it the moment the store loses it.
	waiting := faulttest.OpenSQL(t, url)
	got := make(chan error, 1)
	go func() {
		got <- waiting.Try(fmt.Sprintf("SELECT pg_advisory_lock(%d)", lockKey("name", "public", "stuck")))
	}()
	faulttest.Eventually(t, "the wait for the name", func() bool {
		return raw.One("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == "1"
	})
	raw.Run("SELECT pg_terminate_backend(" + holder + ", 10000)")
	faulttest.Must(t, faulttest.Within(t, "the lock", got))
	facttest.Append(t, store, facttest.Batch(1, "free")...)
	free.Reach(t, 1)
	// For longer than a proof lasts, the other lease is proven again and again.
	faulttest.Eventually(t, "other proofs", func() bool {
		return len(raw.Rows("SELECT 1 FROM pg_locks JOIN pg_stat_activity a USING (pid) WHERE locktype = 'advisory' AND granted AND pid <> $1 AND now() - backend_start > interval '4 s'", waiting.PID())) == 1
	})
	facttest.Append(t, store, facttest.Batch(1, "free")...)
	free.Reach(t, 2)
	_, third := faulttest.FollowDurably(t, store, "third", 0)
	faulttest.End(t, third)
	waiting.Run(fmt.Sprintf("SELECT pg_advisory_unlock(%d)", lockKey("name", "public", "stuck")))
	stuck.Reach(t, 2)
	faulttest.End(t, stuckStream)
	faulttest.End(t, freeStream)
}

// holdANameAndSayWhatIsDelivered registers a durable stream, and reports each delivery and the end.
func holdANameAndSayWhatIsDelivered(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: arguments[1]}, factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		side.Say("delivered %d", batch[0].SequenceNumber)
		return nil
	}), factstr.WithOnEnd(func(reason error) { ended <- reason }))
	if err != nil {
		return err
	}
	if err := stream.WaitReady(ctx); err != nil {
		return err
	}
	side.Say("ready")
	side.Say("ended %s", factstr.CodeOf(<-ended))
	return store.Close(ctx)
}

// G22: a server whose clock is set forward shows everybody silent for long, and one whose clock is
// set back shows nothing for a moment.
func TestAHolderThatProvesItselfKeepsItsNameWhenTheClockOfTheServerIsSet(t *testing.T) {
	t.Parallel()
	url := faulttest.ServerOfItsOwn(t)
	durable, stream := faulttest.FollowDurably(t, openStore(t, url), "kept", 0)
	store, b := openBackendStore(t, url, Options{})
	for _, set := range []string{"1 hour", "-1 hour"} {
		b.leases.clockSet = set
		_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "kept"}, faulttest.NewFollower(0))
		faulttest.WantFailure(t, err, factstr.CodeDurableStreamActive, "")
	}
	facttest.Append(t, store, facttest.Batch(1, "delivered")...)
	durable.Reach(t, 1)
	faulttest.WantRunning(t, stream)
	faulttest.End(t, stream)
}

// G22: a holder that stopped loses its name to another store, and finds out when it goes on.
func TestAHolderThatStoppedIsTakenOverAndEndsWhenItGoesOn(t *testing.T) {
	t.Parallel()
	takeOverFromOneThatStopped(t, "0 s")
}

// G22: so does one that stopped before the clock of the server was set back.
func TestAHolderThatStoppedIsTakenOverThoughTheClockOfTheServerIsSetBack(t *testing.T) {
	t.Parallel()
	takeOverFromOneThatStopped(t, "-1 hour")
}

func takeOverFromOneThatStopped(t *testing.T, clockSet string) {
	url := faulttest.ServerOfItsOwn(t)
	store, b := openBackendStore(t, url, Options{})
	b.leases.clockSet = clockSet
	facttest.Append(t, store, facttest.Batch(1, "before")...)
	child := proctest.Start(t, "name holder", url, "frozen")
	child.Expect("delivered 1")
	child.Expect("ready")
	child.Signal(syscall.SIGSTOP)
	stopped := time.Now()
	facttest.Append(t, store, facttest.Batch(1, "missed")...)
	f := faulttest.NewFollower(1)
	var stream *factstr.EventStream
	faulttest.Eventually(t, "taking over", func() bool {
		var err error
		if stream, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "frozen"}, f); err != nil {
			faulttest.WantFailure(t, err, factstr.CodeDurableStreamActive, "")
		}
		return err == nil
	})
	if took := time.Since(stopped); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
	f.Reach(t, 2)
	facttest.Append(t, store, facttest.Batch(1, "after")...)
	f.Reach(t, 3)
	child.Signal(syscall.SIGCONT)
	child.Expect("ended DurableStreamLost")
	child.Finish()
	faulttest.WantRunning(t, stream)
	faulttest.End(t, stream)
	raw := faulttest.OpenSQL(t, url)
	if cursor := raw.One("SELECT last_processed_sequence_number FROM durable_stream_cursors"); cursor != "3" {
		t.Errorf("the cursor is at %s, want 3", cursor)
	}
}
