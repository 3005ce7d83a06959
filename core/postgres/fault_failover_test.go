package postgres

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
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// pair is a primary and a standby that follows it.
func pair(t testing.TB) (primary, standby *pgtest.Server) {
	t.Helper()
	primary = pgtest.New(t, pgtest.Options{})
	standby, err := primary.Standby()
	must(t, err)
	t.Cleanup(func() { _ = standby.Close() })
	return primary, standby
}

// waitForCursor waits until the only durable stream has stored its cursor.
func waitForCursor(t testing.TB, server *pgtest.Server, cursor uint64) {
	t.Helper()
	raw := openRaw(t, server.URL())
	eventually(t, "the cursor", func() bool {
		return raw.one("SELECT last_processed_sequence_number FROM durable_stream_cursors") == fmt.Sprint(cursor)
	})
}

func bothHosts(first, second string) string { return first + "," + second }

// waitForStandby waits until a standby has everything that its primary has.
func waitForStandby(t testing.TB, primary, standby *pgtest.Server) {
	t.Helper()
	lsn := openRaw(t, primary.URL()).one("SELECT pg_current_wal_insert_lsn()")
	raw := openRaw(t, standby.URL())
	eventually(t, "the standby's catching up", func() bool {
		return raw.one("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn", lsn) == "t"
	})
}

// setSystem changes a setting of a running server.
func setSystem(t testing.TB, server *pgtest.Server, name, value string) {
	t.Helper()
	raw := openRaw(t, server.URL())
	raw.exec("SET default_transaction_read_only = off")
	raw.exec("ALTER SYSTEM SET " + name + " = '" + value + "'")
	raw.exec("SELECT pg_reload_conf()")
	eventually(t, name, func() bool {
		fresh := openRaw(t, server.URL())
		return fresh.one("SELECT current_setting($1)", name) == value
	})
}

// G5 G15: with a synchronous standby nothing that was acknowledged is lost, and whoever names both
// hosts goes on by itself.
func TestAFailoverToASynchronousStandbyLosesNothing(t *testing.T) {
	primary, standby := pair(t)
	setSystem(t, primary, "synchronous_standby_names", "*")
	url := pgtest.WithAddress(secretly(primary.URL()), bothHosts(primary.Address(), standby.Address()))
	first, second, reader := openStore(t, url), openStore(t, url), openStore(t, url)
	live := follow(t, reader)
	durable, stream := followDurably(t, reader, "failover", 0)
	l := newBook(t)
	stop := l.appendUntil(4, first, second)
	defer stop()
	l.awaitSuccesses(30)
	must(t, primary.Kill())
	setSystem(t, standby, "synchronous_standby_names", "") // came with the copy of the settings
	must(t, standby.Promote())
	l.awaitSuccesses(10)
	stop()
	l.settle(reader, []*follower{live, durable}, factstr.CodeBackendFailure, factstr.CodeReadOnly, factstr.CodeCommitUnknown)
	wantRunning(t, stream)
}

// G24 G5: commits that the standby never got are lost, and nobody goes on as if they were not.
func TestAFailoverThatLosesCommitsIsToldToStreamsThatHadThem(t *testing.T) {
	primary, standby := pair(t)
	url := pgtest.WithAddress(secretly(primary.URL()), bothHosts(primary.Address(), standby.Address()))
	store, other := openStore(t, url), openStore(t, url)
	facttest.Append(t, store, facttest.Batch(5, "kept")...)
	live, ahead := newFollower(5), newFollower(0)
	liveStream, err := store.StreamAll(t.Context(), live)
	must(t, err)
	durableStream := facttest.DurableStream(t, other, "ahead", factstr.AllEvents(), ahead)
	ahead.reach(t, 5)
	waitForCursor(t, primary, 5)
	waitForStandby(t, primary, standby)
	setSystem(t, standby, "primary_conninfo", "")
	gone := openRaw(t, primary.URL())
	eventually(t, "the end of replication", func() bool { return gone.one("SELECT count(*) FROM pg_stat_replication") == "0" })
	facttest.Append(t, store, facttest.Batch(3, "lost")...)
	live.reach(t, 8)
	ahead.reach(t, 8)
	must(t, primary.Kill())
	must(t, standby.Promote())
	result := facttest.Append(t, store, facttest.Batch(2, "after")...)
	if result.FirstSequenceNumber != 6 {
		t.Errorf("appended at %d, the standby ends at 5", result.FirstSequenceNumber)
	}
	wantFailure(t, facttest.WaitEnd(t, liveStream), factstr.CodeLogTruncated, "")
	wantFailure(t, facttest.WaitEnd(t, durableStream), factstr.CodeLogTruncated, "")
	// Registered again, it goes on behind the cursor that the standby had.
	again, stream := followDurably(t, other, "ahead", 5)
	again.reach(t, 7)
	end(t, stream)
	for i, record := range facttest.All(t, other) {
		if want := []string{"kept", "kept", "kept", "kept", "kept", "after", "after"}[i]; record.EventType != want {
			t.Errorf("fact %d is %s, want %s", i+1, record.EventType, want)
		}
	}
}

// A machine that vanishes refuses nothing: connections to it just don't come about.
func TestAHostThatVanishedDoesNotKeepTheOtherOneFromBeingFound(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	gone := pgtest.NewProxy(t, primary.Address())
	options := impatient()
	options.ConnectTimeout, options.ResponseTimeout = time.Second, 4*time.Second
	store := openStoreWith(t, pgtest.WithAddress(secretly(primary.URL()), bothHosts(gone.Address(), standby.Address())), options)
	facttest.Append(t, store, facttest.Batch(1, "before")...)
	live := follow(t, store)
	durable, stream := followDurably(t, store, "vanished", 0)
	waitForStandby(t, primary, standby)
	gone.BlackHole() // for those who come
	gone.Cut()
	must(t, primary.Kill())
	must(t, standby.Promote())
	eventually(t, "an append after the failover", func() bool {
		_, err := store.Append(context.Background(), facttest.Batch(1, "after"))
		keepsSecrets(t, err)
		return err == nil
	})
	head := headOfLog(t, store)
	live.reach(t, head)
	durable.reach(t, head)
	waitForCursor(t, standby, head)
	end(t, stream)
	gone.Heal()
}

// relay leads to one server after the other. Connections that were made stay where they are.
type relay struct {
	listener net.Listener
	target   atomic.Value
}

func newRelay(t testing.TB, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
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

// G5 G15: one address that leads to another server from now on, while the old one is read-only and
// goes on.
func TestAStoreFollowsAnAddressThatIsSwitchedOver(t *testing.T) {
	primary, standby := pair(t)
	r := newRelay(t, primary.Address())
	store := openStore(t, pgtest.WithAddress(secretly(primary.URL()), r.listener.Addr().String()))
	facttest.Append(t, store, facttest.Batch(2, "before")...)
	live := follow(t, store)
	durable, stream := followDurably(t, store, "switched", 0)
	must(t, queryAtOnce(store, 16))
	setSystem(t, primary, "default_transaction_read_only", "on")
	waitForStandby(t, primary, standby)
	r.target.Store(standby.Address())
	setSystem(t, standby, "default_transaction_read_only", "off")
	must(t, standby.Promote())
	_, err := store.Append(t.Context(), facttest.Batch(1, "refused"))
	wantFailure(t, err, factstr.CodeReadOnly, "", "primary")
	for n := range uint64(20) {
		if result := facttest.Append(t, store, facttest.Batch(1, "after")...); result.FirstSequenceNumber != 3+n {
			t.Fatalf("appended at %d, want %d", result.FirstSequenceNumber, 3+n)
		}
		if head := headOfLog(t, store); head != 3+n {
			t.Fatalf("read up to %d, appended %d", head, 3+n)
		}
	}
	live.reach(t, 22)
	durable.reach(t, 22)
	wantRunning(t, stream)
	waitForCursor(t, standby, 22)
	end(t, stream)
}

// G5: an append that waits for a synchronous standby is not acknowledged by way of finding its row,
// since that may get lost with the primary.
func TestACommitThatNoStandbyHasIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	primary, standby := pair(t)
	setSystem(t, primary, "synchronous_standby_names", "*")
	options := impatient()
	store := openStoreWith(t, secretly(primary.URL()), options)
	facttest.Append(t, store, facttest.Batch(1, "before")...)
	standby.Pause()
	_, err := store.Append(context.Background(), facttest.Batch(1, "waits"))
	wantFailure(t, err, factstr.CodeCommitUnknown, "")
	standby.Resume()
	result := facttest.Append(t, store, facttest.Batch(1, "after")...)
	if result.FirstSequenceNumber != 3 {
		t.Errorf("appended at %d, want behind the fact that is there now", result.FirstSequenceNumber)
	}
	// Once the standby goes on, so does a commit that was given up.
	waitForStandby(t, primary, standby)
}

// G24: a cursor is of the log that it was counted in.
func TestACursorIsNotWrittenIntoALogThatLacksItsHead(t *testing.T) {
	url := serverOfItsOwn(t)
	store, b := openBackendStore(t, url, Options{})
	facttest.Append(t, store, facttest.Batch(5, "there")...)
	claim, err := b.ClaimStream(t.Context(), "counted", factstr.DurableQuery{Text: "{}", Exact: "{}"})
	must(t, err)
	defer claim.Release()
	head, err := b.Head(t.Context())
	must(t, err)
	raw := openRaw(t, url)
	for _, each := range []struct {
		head   factstr.Head
		number uint64
		want   string
		code   factstr.Code
	}{
		{factstr.Head{SequenceNumber: 5, OccurredAt: "2001-02-03T04:05:06.000000Z"}, 2, "0", factstr.CodeLogTruncated}, // another fact
		{factstr.Head{SequenceNumber: 5, OccurredAt: "infinity"}, 2, "0", factstr.CodeLogTruncated},
		{factstr.Head{SequenceNumber: 6, OccurredAt: head.OccurredAt}, 2, "0", factstr.CodeLogTruncated}, // a fact that is not there
		{head, 2, "2", ""},
		{factstr.Head{}, 3, "3", ""}, // nothing is known
		{head, 1, "3", ""},
	} {
		err := b.WriteCursors(t.Context(), []factstr.CursorWrite{{Name: "counted", Generation: claim.Generation, SequenceNumber: each.number, Head: each.head}})
		if factstr.CodeOf(err) != each.code {
			t.Errorf("%d with the head %v: %v", each.number, each.head, err)
		}
		if cursor := raw.one("SELECT last_processed_sequence_number FROM durable_stream_cursors"); cursor != each.want {
			t.Errorf("%d with the head %v: the cursor is at %s, want %s", each.number, each.head, cursor, each.want)
		}
	}
}
