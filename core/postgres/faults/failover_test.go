package faults

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// waitForCursor waits until the only durable stream has stored its cursor.
func waitForCursor(t testing.TB, server *pgtest.Server, cursor uint64) {
	t.Helper()
	raw := faulttest.OpenSQL(t, server.URL())
	faulttest.Eventually(t, "the cursor", func() bool {
		return raw.One("SELECT last_processed_sequence_number FROM durable_stream_cursors") == fmt.Sprint(cursor)
	})
}

func bothHosts(first, second string) string { return first + "," + second }

// G5 G15: with a synchronous standby a failover loses nothing that was acknowledged, and stores
// whose URL lists both hosts go on by themselves.
func TestAFailoverToASynchronousStandbyLosesNothing(t *testing.T) {
	primary, standby := faulttest.Pair(t)
	faulttest.SetSystem(t, primary, "synchronous_standby_names", "*")
	url := pgtest.WithAddress(faulttest.Secretly(primary.URL()), bothHosts(primary.Address(), standby.Address()))
	first, second, reader := openStore(t, url), openStore(t, url), openStore(t, url)
	live := faulttest.Follow(t, reader)
	durable, stream := faulttest.FollowDurably(t, reader, "failover", 0)
	l := faulttest.NewBook(t)
	stop := l.AppendUntil(4, first, second)
	defer stop()
	l.AwaitSuccesses(30)
	faulttest.Must(t, primary.Kill())
	faulttest.SetSystem(t, standby, "synchronous_standby_names", "") // it was copied with the settings
	faulttest.Must(t, standby.Promote())
	l.AwaitSuccesses(10)
	stop()
	l.Settle(reader, []*faulttest.Follower{live, durable}, factstr.CodeBackendFailure, factstr.CodeReadOnly, factstr.CodeCommitUnknown)
	faulttest.WantRunning(t, stream)
}

// G24 G5: commits that the standby never got are lost, and streams that had delivered them end.
func TestAFailoverThatLosesCommitsIsToldToStreamsThatHadThem(t *testing.T) {
	primary, standby := faulttest.Pair(t)
	url := pgtest.WithAddress(faulttest.Secretly(primary.URL()), bothHosts(primary.Address(), standby.Address()))
	store, other := openStore(t, url), openStore(t, url)
	facttest.Append(t, store, facttest.Batch(5, "kept")...)
	live, ahead := faulttest.NewFollower(5), faulttest.NewFollower(0)
	liveStream, err := store.StreamAll(t.Context(), live)
	faulttest.Must(t, err)
	durableStream := facttest.DurableStream(t, other, "ahead", factstr.AllEvents(), ahead)
	ahead.Reach(t, 5)
	waitForCursor(t, primary, 5)
	faulttest.WaitForStandby(t, primary, standby)
	faulttest.SetSystem(t, standby, "primary_conninfo", "")
	gone := faulttest.OpenSQL(t, primary.URL())
	faulttest.Eventually(t, "the end of replication", func() bool { return gone.One("SELECT count(*) FROM pg_stat_replication") == "0" })
	facttest.Append(t, store, facttest.Batch(3, "lost")...)
	live.Reach(t, 8)
	ahead.Reach(t, 8)
	faulttest.Must(t, primary.Kill())
	faulttest.Must(t, standby.Promote())
	result := facttest.Append(t, store, facttest.Batch(2, "after")...)
	if result.FirstSequenceNumber != 6 {
		t.Errorf("appended at %d, the standby ends at 5", result.FirstSequenceNumber)
	}
	faulttest.WantFailure(t, facttest.WaitEnd(t, liveStream), factstr.CodeLogTruncated, "")
	faulttest.WantFailure(t, facttest.WaitEnd(t, durableStream), factstr.CodeLogTruncated, "")
	// Registered again, it starts after the cursor that the standby had.
	again, stream := faulttest.FollowDurably(t, other, "ahead", 5)
	again.Reach(t, 7)
	faulttest.End(t, stream)
	for i, record := range facttest.All(t, other) {
		if want := []string{"kept", "kept", "kept", "kept", "kept", "after", "after"}[i]; record.EventType != want {
			t.Errorf("fact %d is %s, want %s", i+1, record.EventType, want)
		}
	}
}

// A machine that vanished refuses nothing: connecting to it just takes until the timeout.
func TestAHostThatVanishedDoesNotKeepTheOtherOneFromBeingFound(t *testing.T) {
	t.Parallel()
	primary, standby := faulttest.Pair(t)
	gone := pgtest.NewProxy(t, primary.Address())
	options := impatient()
	options.ConnectTimeout, options.ResponseTimeout = time.Second, 4*time.Second
	store := openStoreWith(t, pgtest.WithAddress(faulttest.Secretly(primary.URL()), bothHosts(gone.Address(), standby.Address())), options)
	facttest.Append(t, store, facttest.Batch(1, "before")...)
	live := faulttest.Follow(t, store)
	durable, stream := faulttest.FollowDurably(t, store, "vanished", 0)
	faulttest.WaitForStandby(t, primary, standby)
	gone.BlackHole() // for new connections
	gone.Cut()
	faulttest.Must(t, primary.Kill())
	faulttest.Must(t, standby.Promote())
	faulttest.Eventually(t, "an append after the failover", func() bool {
		_, err := store.Append(context.Background(), facttest.Batch(1, "after"))
		faulttest.KeepsSecrets(t, err)
		return err == nil
	})
	head := faulttest.HeadOfLog(t, store)
	live.Reach(t, head)
	durable.Reach(t, head)
	waitForCursor(t, standby, head)
	faulttest.End(t, stream)
	gone.Heal()
}

// relay leads to one server and later to another. Existing connections stay where they are.
type relay struct {
	listener net.Listener
	target   atomic.Value
}

func newRelay(t testing.TB, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	faulttest.Must(t, err)
	r := &relay{listener: listener}
	r.target.Store(target)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", r.target.Load().(string))
			if err != nil {
				_ = client.Close()
				continue
			}
			for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
				go func() {
					_, _ = io.Copy(way[1], way[0])
					_ = client.Close()
					_ = server.Close()
				}()
			}
		}
	}()
	t.Cleanup(func() { _ = listener.Close() })
	return r
}

// G5 G15: an address begins to lead to another server, while the old one becomes read-only and goes
// on.
func TestAStoreFollowsAnAddressThatIsSwitchedOver(t *testing.T) {
	primary, standby := faulttest.Pair(t)
	r := newRelay(t, primary.Address())
	store := openStore(t, pgtest.WithAddress(faulttest.Secretly(primary.URL()), r.listener.Addr().String()))
	facttest.Append(t, store, facttest.Batch(2, "before")...)
	live := faulttest.Follow(t, store)
	durable, stream := faulttest.FollowDurably(t, store, "switched", 0)
	faulttest.Must(t, faulttest.QueryAtOnce(store, 16))
	faulttest.SetSystem(t, primary, "default_transaction_read_only", "on")
	faulttest.WaitForStandby(t, primary, standby)
	r.target.Store(standby.Address())
	faulttest.SetSystem(t, standby, "default_transaction_read_only", "off")
	faulttest.Must(t, standby.Promote())
	_, err := store.Append(t.Context(), facttest.Batch(1, "refused"))
	faulttest.WantFailure(t, err, factstr.CodeReadOnly, "", "primary")
	for n := range uint64(20) {
		if result := facttest.Append(t, store, facttest.Batch(1, "after")...); result.FirstSequenceNumber != 3+n {
			t.Fatalf("appended at %d, want %d", result.FirstSequenceNumber, 3+n)
		}
		if head := faulttest.HeadOfLog(t, store); head != 3+n {
			t.Fatalf("read up to %d, appended %d", head, 3+n)
		}
	}
	live.Reach(t, 22)
	durable.Reach(t, 22)
	faulttest.WantRunning(t, stream)
	waitForCursor(t, standby, 22)
	faulttest.End(t, stream)
}

// G5: an append that waits for a synchronous standby is not acknowledged just because its row is
// found, since the row may get lost with the primary.
func TestACommitThatNoStandbyHasIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	primary, standby := faulttest.Pair(t)
	faulttest.SetSystem(t, primary, "synchronous_standby_names", "*")
	options := impatient()
	store := openStoreWith(t, faulttest.Secretly(primary.URL()), options)
	facttest.Append(t, store, facttest.Batch(1, "before")...)
	standby.Pause()
	_, err := store.Append(context.Background(), facttest.Batch(1, "waits"))
	faulttest.WantFailure(t, err, factstr.CodeCommitUnknown, "")
	standby.Resume()
	result := facttest.Append(t, store, facttest.Batch(1, "after")...)
	if result.FirstSequenceNumber != 3 {
		t.Errorf("appended at %d, want behind the fact that is there now", result.FirstSequenceNumber)
	}
	// Once the standby goes on, so does the abandoned commit.
	faulttest.WaitForStandby(t, primary, standby)
}
