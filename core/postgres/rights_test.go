package postgres

import (
	_ "embed" // the documented grants
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

//go:embed testdata/documented/privileges.sql
var documentedPrivileges string

// applicationRights are the grants that docs/postgres.md lists, for any role.
var applicationRights = strings.ReplaceAll(documentedPrivileges, " TO application;", " TO {role};")

// applicationOf creates a store with one fact in the schema app, and a role with the rights of an
// application. It returns the database as another program sees it, the role and its URL.
func applicationOf(t testing.TB, url, eventType string) (raw faulttest.SQL, role, as string) {
	t.Helper()
	raw = faulttest.OpenSQL(t, url)
	facttest.Append(t, openStoreWith(t, url, Options{Schema: "app"}), facttest.Batch(1, eventType)...)
	role, as = faulttest.NewRole(t, url)
	raw.Run(strings.ReplaceAll(applicationRights, "{role}", role))
	return raw, role, as
}

// readOnly returns a URL in whose connections transactions cannot write.
func readOnly(url string) string {
	return pgtest.WithParam(url, "options", "-c default_transaction_read_only=on")
}

func TestARoleCanDoWhatItWasGranted(t *testing.T) { // G2 G5 G9 G11 G19
	t.Parallel()
	const oursRevoked = "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA app FROM PUBLIC, {role};"
	for name, c := range map[string]struct {
		rights                 string // "" for the owner, who opens the store first
		append, durable, query string // the reason of the failure; "" for success
		function               bool   // appends call the function
	}{
		"an application": {rights: applicationRights, function: true},
		// Appends take several round trips then.
		"an application that may not execute":                {rights: applicationRights + oursRevoked},
		"an application that may create and may not execute": {rights: applicationRights + oursRevoked + "GRANT CREATE ON SCHEMA app TO {role};"},
		"an application without the function":                {rights: "DROP FUNCTION app.factstr_append_v2;" + applicationRights},
		"a reader":                                           {rights: "GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA app TO {role};", append: "permission", durable: "permission", function: true},
		"a reader of our table":                              {rights: strings.ReplaceAll(applicationRights, ", app.factstr_durable_streams", ""), durable: "permission", function: true},
		"a writer without streams": {rights: "DROP TABLE app.factstr_durable_streams;" + strings.ReplaceAll(applicationRights, ", app.factstr_durable_streams", ""),
			durable: "missing_path", function: true},
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Database(t)
			raw := faulttest.OpenSQL(t, url)
			owner := openStoreWith(t, url, Options{Schema: "app"})
			facttest.Append(t, owner, facttest.Batch(3, "before")...)
			role, as := faulttest.NewRole(t, url)
			raw.Run(strings.ReplaceAll(c.rights, "{role}", role))
			before := raw.Catalog("app")
			// Opening writes nothing, even if it could.
			facttest.Close(t, openStoreWith(t, readOnly(as), Options{Schema: "app"}))

			stores := []*factstr.Store{openStoreWith(t, as, Options{Schema: "app"}), openStoreWith(t, as, Options{Schema: "app"})}
			if function := usesFunction(t, as); function != c.function {
				t.Errorf("it uses the append function: %v", function)
			}
			for _, store := range stores {
				live := facttest.NewDeliveries(t)
				if _, err := store.StreamAll(t.Context(), live); err != nil {
					t.Fatal(err)
				}
				facttest.Append(t, owner, facttest.Batch(1, "live")...)
				live.Next()
			}
			if got := len(facttest.Query(t, stores[0], factstr.OfTypes("before")).EventRecords); got != 3 {
				t.Errorf("%d facts", got)
			}
			_, err := stores[0].Append(t.Context(), facttest.Batch(2, "by role"))
			wantReason(t, "append", err, c.append)
			if c.append == "" {
				raceOfStores(t, stores)
			}
			stream, err := stores[1].StreamToDurable(t.Context(), factstr.DurableStream{Name: "projection"}, factstr.OfTypes("before"), facttest.NewDeliveries(t))
			wantReason(t, "durable", err, c.durable)
			if c.durable == "" {
				facttest.WaitReady(t, stream)
				if err := stream.Close(t.Context()); err != nil {
					t.Error(err)
				}
				if got := raw.One("SELECT last_processed_sequence_number >= 3 FROM app.durable_stream_cursors"); got != "t" {
					t.Errorf("the cursor is stored: %s", got)
				}
			}
			for _, store := range stores {
				facttest.Close(t, store)
			}
			if after := raw.Catalog("app"); !slices.Equal(after, before) {
				t.Errorf("the schema was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
			}
			last := raw.One("SELECT max(sequence_number), count(*) FROM app.events")
			if number, count, _ := strings.Cut(last, "|"); number != count {
				t.Errorf("%s facts up to %s", count, number)
			}
		})
	}
}

func usesFunction(t testing.TB, url string) (uses bool) {
	t.Helper()
	store, err := openWrapped(t.Context(), url, Options{Schema: "app"}, func(b factstr.Backend) factstr.Backend {
		uses = b.(*backend).function
		return b
	})
	if err != nil {
		t.Fatal(err)
	}
	facttest.Close(t, store)
	return uses
}

// wantReason wants a backend failure with a reason, or success if reason is "".
func wantReason(t testing.TB, what string, err error, reason string) {
	t.Helper()
	if reason == "" {
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return
	}
	if failure := facttest.WantError(t, err, factstr.CodeBackendFailure); string(failure.Reason) != reason {
		t.Errorf("%s: %v has the reason %q, want %q", what, err, failure.Reason, reason)
	}
}

// raceOfStores races conditional appends on one context. Exactly one wins each round.
func raceOfStores(t *testing.T, stores []*factstr.Store) {
	t.Helper()
	var version *uint64
	context := factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{"race"}, PayloadPredicates: facttest.JSONTexts(`{"at":0}`)}}}
	for round := range 10 {
		var racing sync.WaitGroup
		var mu sync.Mutex
		var won []uint64
		start := make(chan struct{})
		for i := range 3 * len(stores) {
			racing.Go(func() {
				<-start
				result, err := stores[i%len(stores)].AppendIf(t.Context(), facttest.Batch(1, "race"), context, version)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, result.LastSequenceNumber)
				} else if factstr.CodeOf(err) != factstr.CodeConditionalAppendConflict {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
		close(start)
		racing.Wait()
		if len(won) != 1 {
			t.Fatalf("round %d was won by %v", round, won)
		}
		version = &won[0]
	}
}

func TestARoleThatMayNotOpenTheStoreIsToldSoAndLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct{ before, rights, word string }{
		"no schema, none may be created":   {"", "", "app"},
		"an empty schema":                  {"CREATE SCHEMA app", "GRANT USAGE ON SCHEMA app TO {role}", "app"},
		"a store it may not use":           {"", "CREATE", "reading the format"},
		"a store whose metadata is hidden": {"", "CREATE GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON app.events TO {role}", "store_metadata"},
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Database(t)
			raw := faulttest.OpenSQL(t, url)
			raw.Run(c.before)
			role, as := faulttest.NewRole(t, url)
			rights, made := strings.CutPrefix(c.rights, "CREATE")
			if made {
				facttest.Close(t, openStoreWith(t, url, Options{Schema: "app"}))
			}
			raw.Run(strings.ReplaceAll(rights, "{role}", role))
			before := raw.Catalog("app")
			failure := refusedOpen(t, as, Options{Schema: "app"}, factstr.CodeBackendFailure, c.word, "docs/postgres.md")
			if failure.Reason != factstr.ReasonPermission {
				t.Errorf("the reason is %q", failure.Reason)
			}
			if after := raw.Catalog("app"); !slices.Equal(after, before) {
				t.Errorf("the schema was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
			}
		})
	}
}

// A reader needs nothing that a database from before 0.5 lacks.
func TestARoleThatMayOnlyReadOpensAStoreOfBefore05(t *testing.T) { // G8
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	owner := openStoreWith(t, url, Options{Schema: "app"})
	facttest.Append(t, owner, facttest.Batch(2, "a")...)
	role, as := faulttest.NewRole(t, url)
	for _, change := range []string{"DELETE FROM app.store_metadata", "DROP TABLE app.store_metadata"} {
		raw.Run(change + strings.ReplaceAll("; GRANT USAGE ON SCHEMA app TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA app TO {role}", "{role}", role))
		before := raw.Catalog("app")
		if got := len(facttest.All(t, openStoreWith(t, as, Options{Schema: "app"}))); got != 2 {
			t.Errorf("%s: %d facts", change, got)
		}
		raw.WantCatalog("app", before)
	}
}

// A role that may create schemas creates a store and owns it, without being superuser.
func TestARoleThatMayCreateOwnsWhatItCreates(t *testing.T) {
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	role, as := faulttest.NewRole(t, url)
	raw.Run("DO $$ BEGIN EXECUTE 'GRANT CREATE ON DATABASE ' || current_database() || ' TO " + role + "'; END $$")
	store := openStoreWith(t, as, Options{Schema: "app"})
	facttest.Append(t, store, facttest.Batch(2, "a")...)
	raceOfStores(t, []*factstr.Store{store, openStoreWith(t, as, Options{Schema: "app"})})
	if got := fmt.Sprint(compattest.Replayed(t, store, "new", factstr.OfTypes("a"))); got != "[[1 2]]" {
		t.Errorf("replay: %s", got)
	}
	if got := raw.One("SELECT count(*) FROM pg_class c WHERE relnamespace = 'app'::regnamespace AND pg_get_userbyid(relowner) <> $1", role); got != "0" {
		t.Errorf("%s things in the schema are somebody else's", got)
	}
}

// A database of the Rust store has neither our function nor our table, and a role that may not
// create them can append all the same.
func TestARoleThatMayNotCreateAppendsToAStoreOfTheRustStore(t *testing.T) { // G2 G9 G11
	url := pgtest.Database(t)
	raw := faulttest.RestoreRustSchema(t, url, "app")
	role, as := faulttest.NewRole(t, url)
	const parking = "GRANT SELECT, INSERT, UPDATE, DELETE ON app.factstr_parked_batches TO {role};"
	withoutOurs := strings.NewReplacer(", app.factstr_durable_streams", "", parking, "", "{role}", role)
	raw.Run(withoutOurs.Replace(applicationRights))
	before := raw.Catalog("app")
	store := openStoreWith(t, as, Options{Schema: "app"})
	if got := facttest.Append(t, store, facttest.Batch(2, "a")...); got.FirstSequenceNumber != 206 {
		t.Errorf("appended at %d", got.FirstSequenceNumber)
	}
	raceOfStores(t, []*factstr.Store{store, openStoreWith(t, as, Options{Schema: "app"})})
	_, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "new"}, facttest.NewDeliveries(t))
	wantReason(t, "durable", err, "missing_path")
	if after := raw.Catalog("app"); !slices.Equal(after, before) {
		t.Errorf("the schema was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(after, "\n"))
	}
	// After a role that may create them opened the store once, durable streams work.
	facttest.Close(t, openStoreWith(t, url, Options{Schema: "app"}))
	raw.Run(strings.ReplaceAll(applicationRights, "{role}", role))
	if got := compattest.Replayed(t, store, "new", factstr.OfTypes("a")); len(got) != 1 {
		t.Errorf("replay: %v", got)
	}
}
