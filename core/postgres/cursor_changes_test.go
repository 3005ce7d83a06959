package postgres

import (
	"bytes"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G5 G22: the answer to the change's COMMIT is lost. Nobody can know whether it was made, and the
// name can be changed again.
func TestAChangeOfACursorWhoseAnswerIsLostIsUnknown(t *testing.T) {
	url := faulttest.ServerOfItsOwn(t)
	proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
	store := openStore(t, faulttest.Through(proxy, url))
	facttest.Append(t, store, facttest.Batch(3, "a")...)
	_, stream := faulttest.FollowDurably(t, store, "model", 3)
	faulttest.End(t, stream)
	for _, c := range []struct {
		verdict pgtest.Verdict
		from    pgtest.Direction
		bytes   string
		cursor  string
	}{
		{pgtest.CutBefore, pgtest.FromClient, "COMMIT\x00", "3"}, // the server never sees it
		{pgtest.CutBefore, pgtest.FromServer, "COMMIT\x00", "1"}, // the server has done it
	} {
		cut := proxy.HookOnce(c.from, c.bytes, c.verdict)
		err := store.CursorReset(t.Context(), "model", 1)
		faulttest.WantFailure(t, err, factstr.CodeCommitUnknown, "")
		<-cut
		raw := faulttest.OpenSQL(t, url)
		if got := raw.One("SELECT last_processed_sequence_number FROM durable_stream_cursors"); got != c.cursor {
			t.Errorf("the cursor is at %s, want %s", got, c.cursor)
		}
		faulttest.Must(t, store.CursorReset(t.Context(), "model", 3))
	}
}

// G22: a name whose holder is cut off, and silent, can be changed as it could be registered.
func TestTheCursorOfAHolderThatIsCutOffCanBeChanged(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	proxy := pgtest.NewProxy(t, server.Address())
	url := faulttest.Secretly(server.URL())
	holder, other := openStore(t, faulttest.Through(proxy, url)), openStore(t, url)
	facttest.Append(t, other, facttest.Batch(1, "a")...)
	_, stream := faulttest.FollowDurably(t, holder, "model", 1)
	facttest.WantError(t, other.CursorReset(t.Context(), "model", 0), factstr.CodeDurableStreamActive)
	proxy.BlackHole()
	faulttest.Eventually(t, "a reset", func() bool {
		err := other.CursorReset(t.Context(), "model", 0)
		if err != nil && factstr.CodeOf(err) != factstr.CodeDurableStreamActive {
			t.Fatal(err)
		}
		return err == nil
	})
	proxy.Heal()
	if err := facttest.WaitEnd(t, stream); factstr.CodeOf(err) != factstr.CodeDurableStreamLost {
		t.Fatalf("the former holder ended with %v", err)
	}
	cursors, err := other.Cursors(t.Context())
	faulttest.Must(t, err)
	if cursors[0].Cursor != 0 || cursors[0].HeldBy != "" {
		t.Fatalf("%+v", cursors[0])
	}
}

// G22 G23: the holder moves its cursor and leaves while another store lists cursors, behind its
// look at the cursors and before that at the holders. The old cursor was never held by nobody.
func TestTheListOfCursorsIsOfOneMoment(t *testing.T) {
	url := faulttest.ServerOfItsOwn(t)
	proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
	holder, lister := openStore(t, url), openStore(t, faulttest.Through(proxy, url))
	facttest.Append(t, holder, facttest.Batch(3, "a")...)
	follower, stream := faulttest.FollowDurably(t, holder, "model", 0)
	follower.Reach(t, 3)
	between, goOn, once := make(chan struct{}), make(chan struct{}), sync.Once{}
	proxy.Hook(func(from pgtest.Direction, data []byte) pgtest.Verdict {
		if from == pgtest.FromClient && bytes.Contains(data, []byte("pg_catalog.pg_locks")) {
			once.Do(func() {
				close(between)
				<-goOn
			})
		}
		return pgtest.Pass
	})
	var cursors []factstr.DurableCursor
	listed := make(chan error, 1)
	go func() {
		var err error
		cursors, err = lister.Cursors(t.Context())
		listed <- err
	}()
	<-between
	facttest.Append(t, holder, facttest.Batch(1, "a")...)
	follower.Reach(t, 4)
	faulttest.End(t, stream)
	raw := faulttest.OpenSQL(t, url)
	faulttest.Eventually(t, "the name is free", func() bool {
		return raw.One("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == "0"
	})
	close(goOn)
	faulttest.Must(t, <-listed)
	if one := cursors[0]; one.Cursor != 4 || one.HeldBy != "" || one.LagEvents != 0 {
		t.Errorf("%+v", one)
	}
}

// G22: unsubscribing frees a name at once. Its own store does not take the lock that the server
// still has for another holder's.
func TestANameThatWasJustFreedIsHeldByNobody(t *testing.T) {
	store, b := openBackendStore(t, pgtest.Database(t), Options{})
	_, stream := faulttest.FollowDurably(t, store, "model", 0)
	<-b.leases.using // so that the release cannot send its unlocking
	stream.Unsubscribe()
	faulttest.Eventually(t, "the release", func() bool {
		b.leases.mu.Lock()
		defer b.leases.mu.Unlock()
		return len(b.leases.held) == 0
	})
	cursors, err := b.ListCursors(t.Context())
	b.leases.using <- struct{}{}
	faulttest.Must(t, err)
	if cursors[0].HeldBy != "" {
		t.Errorf("%+v", cursors[0])
	}
}
