package postgres

import (
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

const hideSeats = "ALTER TABLE app.events ENABLE ROW LEVEL SECURITY; CREATE POLICY writes ON app.events FOR INSERT WITH CHECK (true); CREATE POLICY reads ON app.events FOR SELECT USING (event_type <> 'seat')"

// G8 G9 G11: an answer without rows that the role may not see would be wrong.
func TestRowLevelSecurityIsAnErrorAndNoEmptyContext(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	raw, role, as := applicationOf(t, url, "seat")
	// It is switched on while the store is open. Nothing may be answered from the visible rows, nor
	// from memory where the database would be needed.
	store, b := openBackendStore(t, as, Options{Schema: "app", Options: factstr.Options{TailEvents: -1}})
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	raw.Run(hideSeats)
	wantAllHidden(t, store, b)
	for _, each := range []string{"ALTER TABLE app.events DISABLE ROW LEVEL SECURITY; ALTER TABLE app.append_batches ENABLE ROW LEVEL SECURITY", "ALTER TABLE app.append_batches DISABLE ROW LEVEL SECURITY; ALTER TABLE app.durable_stream_cursors ENABLE ROW LEVEL SECURITY"} {
		raw.Run(each)
		_, err := Open(t.Context(), as, Options{Schema: "app"})
		wantHidden(t, "open", err)
	}
	_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "name"}, facttest.NewDeliveries(t))
	wantHidden(t, "durable stream", err)
	raw.Run("ALTER TABLE app.durable_stream_cursors DISABLE ROW LEVEL SECURITY")
	_, err = store.AppendIf(t.Context(), facttest.Batch(1, "seat"), factstr.OfTypes("seat"), nil)
	facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)

	// Roles to which no policy applies are not affected.
	raw.Run("ALTER TABLE app.events ENABLE ROW LEVEL SECURITY")
	facttest.Append(t, openStoreWith(t, url, Options{Schema: "app"}), facttest.Batch(1, "owner")...)
	raw.Run("ALTER ROLE " + role + " BYPASSRLS")
	if got := len(facttest.Query(t, openStoreWith(t, as, Options{Schema: "app"}), factstr.OfTypes("seat")).EventRecords); got != 1 {
		t.Errorf("%d seats", got)
	}
}

// wantAllHidden wants queries and appends refused in both ways of appending.
func wantAllHidden(t testing.TB, store *factstr.Store, b *backend) {
	t.Helper()
	for _, way := range withFunction {
		b.function = way.function
		_, err := store.Query(t.Context(), factstr.OfTypes("seat"))
		wantHidden(t, "query", err)
		_, err = store.AppendIf(t.Context(), facttest.Batch(1, "seat"), factstr.OfTypes("seat"), nil)
		wantHidden(t, "append_if", err)
		_, err = store.Append(t.Context(), facttest.Batch(1, "a"))
		wantHidden(t, "append", err)
	}
}

func wantHidden(t testing.TB, what string, err error) {
	t.Helper()
	if failure := facttest.WantError(t, err, factstr.CodeBackendFailure, "row level security", "BYPASSRLS"); failure.Reason != factstr.ReasonPermission {
		t.Errorf("%s: %v has the reason %q", what, err, failure.Reason)
	}
}

// G9 G11: behind a pooler no setting of a session ensures it.
func TestRowLevelSecurityIsAnErrorBehindAPooler(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	raw := faulttest.OpenSQL(t, server.URL())
	facttest.Append(t, openStoreWith(t, server.URL(), Options{Schema: "app"}), facttest.Batch(1, "seat")...)
	raw.Run("CREATE ROLE application LOGIN;" + strings.ReplaceAll(applicationRights, "{role}", "application"))
	pooler := faulttest.StartPoolerFor(t, server, "application")
	direct := server.URLAs("application", "", "postgres")
	store, b := openBackendStore(t, pgtest.WithAddress(direct, pooler.Address()), Options{Schema: "app", DirectURL: direct, Options: factstr.Options{TailEvents: -1}})
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	raw.Run(hideSeats)
	for _, way := range withFunction {
		b.function = way.function
		_, err := store.Query(t.Context(), factstr.OfTypes("seat"))
		wantHidden(t, "query", err)
		_, err = store.Append(t.Context(), facttest.Batch(1, "a"))
		wantHidden(t, "append", err)
	}
}

// Tables from which the server may lose rows, or which may hold two rows of one number.
func TestTablesThatCannotKeepALogAreRefused(t *testing.T) { // G2 G5
	t.Parallel()
	for name, c := range map[string]struct{ change, word string }{
		"not logged":                {"ALTER TABLE events SET UNLOGGED", "LOGGED"},
		"cursors that are not":      {"ALTER TABLE durable_stream_cursors SET UNLOGGED", "LOGGED"},
		"another that inherits":     {"CREATE TABLE more () INHERITS (events)", "INHERIT"},
		"a rule instead":            {"CREATE RULE r AS ON INSERT TO events DO INSTEAD NOTHING", "rule"},
		"a rule instead of cursors": {"CREATE RULE r AS ON UPDATE TO durable_stream_cursors DO INSTEAD NOTHING", "rule"},
	} {
		t.Run(name, func(t *testing.T) {
			url := faulttest.RestoreRustStore(t)
			raw := faulttest.OpenSQL(t, url)
			raw.Run(c.change)
			before := raw.Catalog("public")
			refusedOpen(t, url, Options{}, factstr.CodeUnsupportedFormat, "public", c.word)
			raw.WantCatalog("public", before)
		})
	}
}

// A batch that is parked must not get lost while the cursor stays behind it.
func TestATableOfParkedBatchesThatMayLoseThemIsRefused(t *testing.T) { // G21
	t.Parallel()
	for change, word := range map[string]string{
		"SET UNLOGGED": "LOGGED",
		"ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY": "row level security",
	} {
		url := pgtest.Database(t)
		facttest.Close(t, openStoreWith(t, url, Options{Schema: "app"}))
		raw := faulttest.OpenSQL(t, url)
		role, as := faulttest.NewRole(t, url)
		raw.Run(strings.ReplaceAll(applicationRights, "{role}", role) + "ALTER TABLE app." + parkedTable + " " + change)
		_, err := Open(t.Context(), as, Options{Schema: "app"})
		if err == nil || !strings.Contains(err.Error(), word) || !strings.Contains(err.Error(), parkedTable) {
			t.Errorf("%s: %v", change, err)
		}
	}
	url := pgtest.Database(t)
	facttest.Close(t, openStore(t, url))
	faulttest.OpenSQL(t, url).Run("CREATE RULE r AS ON INSERT TO " + parkedTable + " DO INSTEAD NOTHING")
	refusedOpen(t, url, Options{}, factstr.CodeUnsupportedFormat, parkedTable, "rule")
}

// Losing the table of generations loses no fact and no cursor, so it need not be logged.
func TestATableOfGenerationsNeedNotBeLogged(t *testing.T) { // G22
	t.Parallel()
	url := pgtest.Database(t)
	facttest.Close(t, openStore(t, url))
	faulttest.OpenSQL(t, url).Run("ALTER TABLE factstr_durable_streams SET UNLOGGED")
	facttest.Append(t, openStore(t, url), facttest.Batch(1, "a")...)
}
