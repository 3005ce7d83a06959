package postgres

import (
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// withoutParking leaves out of the documented rights what came with parked batches and changes of
// cursors.
func withoutParking(rights string) (older string) {
	for line := range strings.Lines(rights) {
		if !strings.Contains(line, parkedTable) && !strings.Contains(line, "DELETE") {
			older += line
		}
	}
	return older
}

// aboutCursors are the calls that need the table of parked batches, or DELETE.
var aboutCursors = map[string]func(t testing.TB, store *factstr.Store) error{
	"cursors": func(t testing.TB, store *factstr.Store) error {
		_, err := store.Cursors(t.Context())
		return err
	},
	"parked": func(t testing.TB, store *factstr.Store) error {
		_, err := store.Parked(t.Context(), "model")
		return err
	},
	"redeliver_parked": func(t testing.TB, store *factstr.Store) error {
		_, err := store.RedeliverAllParked(t.Context(), "model")
		return err
	},
	"discard_parked": func(t testing.TB, store *factstr.Store) error {
		_, err := store.DiscardAllParked(t.Context(), "model")
		return err
	},
	"cursor_reset": func(t testing.TB, store *factstr.Store) error { return store.CursorReset(t.Context(), "model", 0) },
	"cursor_copy": func(t testing.TB, store *factstr.Store) error {
		if err := store.CursorCopy(t.Context(), "model", "copy"); err != nil {
			return err
		}
		return store.CursorDelete(t.Context(), "copy")
	},
}

// G21: a role that was granted its rights before there were parked batches goes on with its
// streams; calls that need more name the GRANT, and go through once somebody has run it.
func TestARoleWithOlderRightsGetsToKnowWhatToGrant(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	facttest.Append(t, openStoreWith(t, url, Options{Schema: "app"}), facttest.Batch(2, "a")...)
	role, as := faulttest.NewRole(t, url)
	raw.Run(strings.ReplaceAll(withoutParking(applicationRights), "{role}", role))
	store := openStoreWith(t, as, Options{Schema: "app"})
	deliveries := facttest.NewDeliveries(t)
	stream := facttest.DurableStream(t, store, "model", factstr.AllEvents(), deliveries)
	facttest.Append(t, store, facttest.BatchOf("b")...)
	if first, second := deliveries.Next(), deliveries.Next(); first[0] != 1 || second[0] != 3 {
		t.Fatalf("delivered %v and %v", first, second)
	}
	faulttest.End(t, stream)
	grant := "GRANT SELECT, INSERT, UPDATE, DELETE ON \"app\".\"factstr_parked_batches\" TO \"" + role + "\""
	others := "GRANT DELETE ON \"app\".\"durable_stream_cursors\" TO \"" + role + "\""
	for name, call := range aboutCursors {
		t.Run(name, func(t *testing.T) {
			err := call(t, store)
			facttest.WantError(t, err, factstr.CodeBackendFailure, "permission denied", grant, others)
			wantReason(t, name, err, "permission")
		})
	}
	reader := openStoreWith(t, as, Options{Schema: "app", ReadOnly: true})
	_, err := reader.Cursors(t.Context())
	facttest.WantError(t, err, factstr.CodeBackendFailure, "GRANT SELECT ON \"app\".\"factstr_parked_batches\"")
	raw.Run(grant + ";" + others)
	for name, call := range aboutCursors {
		if err := call(t, store); err != nil {
			t.Errorf("%s, with what was asked for: %v", name, err)
		}
	}
	if all, err := reader.Cursors(t.Context()); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
	// Other refusals name what they need, too.
	raw.Run("REVOKE INSERT, UPDATE ON app.factstr_durable_streams FROM " + role)
	_, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"}, deliveries)
	const more = "GRANT INSERT, UPDATE ON \"app\".\"factstr_durable_streams\""
	facttest.WantError(t, err, factstr.CodeBackendFailure, more)
}

// G21 G22: where nobody could make the table of parked batches, nothing was ever parked: cursors
// are listed and changed without it. Only parking is refused, when the stream is registered.
func TestWithoutATableOfParkedBatchesCursorsAreListedAndChanged(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	facttest.Append(t, openStoreWith(t, url, Options{Schema: "app"}), facttest.Batch(2, "a")...)
	role, as := faulttest.NewRole(t, url)
	raw.Run("DROP TABLE app." + parkedTable + ";" + strings.ReplaceAll(withoutParking(applicationRights)+
		"GRANT DELETE ON app.durable_stream_cursors TO {role}", "{role}", role))
	store := openStoreWith(t, as, Options{Schema: "app"})
	stream := facttest.DurableStream(t, store, "model", factstr.AllEvents(), facttest.NewDeliveries(t))
	facttest.WaitReady(t, stream)
	faulttest.End(t, stream)
	all, err := store.Cursors(t.Context())
	if err != nil || len(all) != 1 || all[0].Cursor != 2 || all[0].Parked != 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	for _, name := range []string{"cursor_reset", "cursor_copy"} {
		if err := aboutCursors[name](t, store); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"}, facttest.NewDeliveries(t),
		factstr.WithRetry(factstr.RetryPolicy{GiveUp: factstr.GiveUpPark}))
	wantReason(t, "parking", err, "missing_path")
}
