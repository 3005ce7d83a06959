package postgres

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G20 G22: a registration whose caller gave up neither keeps the name nor costs the store the
// connection that holds the other names.
func TestARegistrationThatIsGivenUpLeavesTheOtherNamesAlone(t *testing.T) {
	ctx := t.Context()
	url := pgtest.Database(t)
	proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
	options := withDefaults(Options{})
	config, err := parseURL("url", pgtest.WithAddress(url, proxy.Address()), options)
	if err != nil {
		t.Fatal(err)
	}
	b, err := openBackend(ctx, config, nil, options)
	if err != nil {
		t.Fatal(err)
	}
	store, err := factstr.OpenStore(ctx, b, options.Options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	delivered := make(chan uint64, 10)
	handler := factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		delivered <- batch[0].SequenceNumber
		return nil
	})
	kept, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "kept"}, handler)
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	before := sessionOf(b)

	proxy.Delay(pgtest.FromServer, 300*time.Millisecond)
	hurried, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
	defer cancel()
	_, err = store.StreamAllDurable(hurried, factstr.DurableStream{Name: "given up"}, handler)
	if code := factstr.CodeOf(err); code != factstr.CodeTimeout {
		t.Fatalf("the registration answered %v", err)
	}
	proxy.Delay(pgtest.FromServer, 0)

	if _, err := store.Append(ctx, []factstr.NewEvent{{EventType: "a", Payload: []byte(`1`)}}); err != nil {
		t.Fatal(err)
	}
	if got := <-delivered; got != 1 {
		t.Fatalf("delivered %d", got)
	}
	if after := sessionOf(b); after != before {
		t.Error("the connection that holds the names is another one")
	}
	// Another store can register the name, once the abandoned registration has ended.
	other, err := Open(ctx, url, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.Background()) }()
	for patience := time.Now().Add(30 * time.Second); ; {
		stream, err := other.StreamAllDurable(ctx, factstr.DurableStream{Name: "given up"}, handler)
		if err == nil {
			stream.Unsubscribe()
			return
		}
		if factstr.CodeOf(err) != factstr.CodeDurableStreamActive || time.Now().After(patience) {
			t.Fatal(err)
		}
	}
}

// G19 G22: the store's idle connections wait for something; a role's idle_session_timeout does not
// end them.
func TestIdleConnectionsAreKeptWhateverTheRoleIsSetTo(t *testing.T) {
	url := pgtest.Database(t)
	faulttest.SetDatabase(t, url, "idle_session_timeout", "200ms")
	store, b := openBackendStore(t, url, Options{})
	stream := facttest.DurableStream(t, store, "idle", factstr.AllEvents(), facttest.NewDeliveries(t))
	facttest.WaitReady(t, stream)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	raw := faulttest.OpenSQL(t, pgtest.WithParam(url, "options", "-c idle_session_timeout=0"))
	connections := func() []string {
		return raw.Rows("SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'factstr' ORDER BY backend_start")
	}
	before, session := connections(), sessionOf(b)
	if len(before) < 3 {
		t.Fatalf("connections: %v", before)
	}
	// The timeout ends another idle connection, and the store's, which are idle for longer, are
	// there.
	ended := faulttest.OpenSQL(t, url)
	faulttest.Eventually(t, "the end of an idle connection", func() bool {
		return raw.One("SELECT count(*) FROM pg_stat_activity WHERE pid = $1", ended.PID()) == "0"
	})
	after := connections()
	ours := slices.DeleteFunc(before, func(pid string) bool { return slices.Contains(after, pid) })
	if len(ours) > 0 || sessionOf(b) != session {
		t.Errorf("of the connections %v ended %v", after, ours)
	}
}

// sessionOf returns the session that holds the leases, once nobody uses it.
func sessionOf(b *backend) *session {
	<-b.leases.using
	defer func() { b.leases.using <- struct{}{} }()
	return b.leases.session
}

// G22: a registration that another store's lock is in the way of for a moment waits for it.
func TestARegistrationWaitsAMomentForANameThatIsBeingFreed(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	store, raw := openStore(t, url), faulttest.OpenSQL(t, url)
	lock := fmt.Sprintf("(%d)", lockKey("name", "public", "name"))
	raw.Run("SELECT pg_advisory_lock" + lock)
	freed := make(chan error, 1)
	time.AfterFunc(100*time.Millisecond, func() { freed <- raw.Try("SELECT pg_advisory_unlock" + lock) })
	_, stream := faulttest.FollowDurably(t, store, "name", 0)
	faulttest.Must(t, <-freed)
	faulttest.End(t, stream)
}

// G22: while a registration waits for a name it asks for it again now and then, not all the time.
func TestARegistrationThatWaitsLeavesTheServerInPeace(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
	store := openStore(t, faulttest.Through(proxy, url))
	faulttest.OpenSQL(t, url).Run(fmt.Sprintf("SELECT pg_advisory_lock(%d)", lockKey("name", "public", "name")))
	var asked atomic.Int64
	proxy.Hook(func(from pgtest.Direction, _ []byte) pgtest.Verdict {
		if from == pgtest.FromClient {
			asked.Add(1)
		}
		return pgtest.Pass
	})
	_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "name"}, faulttest.NewFollower(0))
	facttest.WantError(t, err, factstr.CodeDurableStreamActive)
	// Each try reads the cursor and tries the lock.
	if most := int64(2*claimGrace/claimPause + 50); asked.Load() > most {
		t.Errorf("the server was asked %d times, want at most %d", asked.Load(), most)
	}
}
