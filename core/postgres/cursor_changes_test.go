package postgres

import (
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
