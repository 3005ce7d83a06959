package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// wantOneLog appends to a schema and races conditions on it. The facts must be there and nowhere
// else.
func wantOneLog(t *testing.T, store *factstr.Store, raw faulttest.SQL, schema string, others ...string) {
	t.Helper()
	var before []string
	for _, other := range others {
		before = append(before, raw.TypesIn(other))
	}
	had := raw.TypesIn(schema)
	facttest.Append(t, store, facttest.Batch(2, "mine")...)
	seat := fmt.Sprint("seat ", strings.Count(had, " "))
	if _, err := store.AppendIf(t.Context(), facttest.Batch(1, seat), factstr.OfTypes(seat), nil); err != nil {
		t.Errorf("the seat is not free: %v", err)
	}
	_, err := store.AppendIf(t.Context(), facttest.Batch(1, seat), factstr.OfTypes(seat), nil)
	facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
	if got, want := raw.TypesIn(schema), strings.TrimSpace(had+" mine mine "+seat); got != want {
		t.Errorf("schema %s holds %q, want %q", schema, got, want)
	}
	for i, other := range others {
		if got := raw.TypesIn(other); got != before[i] {
			t.Errorf("schema %s held %q and holds %q", other, before[i], got)
		}
	}
}

// copySchema copies a schema. The copied append function still names the other schema, as after a
// restore into a renamed schema.
func copySchema(raw faulttest.SQL, from, to string) {
	raw.Run("CREATE SCHEMA " + quoted(to))
	for _, table := range tableNames() {
		raw.Run(fmt.Sprintf("CREATE TABLE %s.%s (LIKE %s.%s INCLUDING ALL); INSERT INTO %s.%s SELECT * FROM %s.%s", quoted(to), table, quoted(from), table, quoted(to), table, quoted(from), table))
	}
	definition := raw.One("SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname = '" + appendFunction + "' AND pronamespace = '" + quoted(from) + "'::regnamespace")
	raw.Run(strings.Replace(definition, "FUNCTION "+from+".", "FUNCTION "+quoted(to)+".", 1))
}

func TestACopiedOrRenamedSchemaIsALogOfItsOwn(t *testing.T) { // G1 G2 G5 G9
	t.Parallel()
	for name, role := range map[string]string{"opened by the owner": "", "opened by a role that may not replace the function": "may not"} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Database(t)
			raw := faulttest.OpenSQL(t, url)
			facttest.Append(t, openStoreWith(t, url, Options{Schema: "shop"}), facttest.Batch(3, "real")...)
			copySchema(raw, "shop", "copy")
			raw.Run("CREATE SCHEMA template")
			facttest.Close(t, openStoreWith(t, url, Options{Schema: "template"}))
			raw.Run("ALTER SCHEMA template RENAME TO tenant")
			facttest.Close(t, openStoreWith(t, url, Options{Schema: "template"}))
			as := url
			if role != "" {
				role, as = faulttest.NewRole(t, url)
				for _, schema := range []string{"copy", "tenant"} {
					raw.Run(strings.NewReplacer("{role}", role, "app.", schema+".", "SCHEMA app", "SCHEMA "+schema).Replace(applicationRights))
				}
			}
			for schema, other := range map[string]string{"copy": "shop", "tenant": "template"} {
				store, b := openBackendStore(t, as, Options{Schema: schema})
				if b.function != (role == "") {
					t.Errorf("schema %s: the function is used: %v", schema, b.function)
				}
				wantOneLog(t, store, raw, schema, "shop", other)
				again, b := openBackendStore(t, as, Options{Schema: schema})
				if b.function != (role == "") {
					t.Errorf("schema %s, opened again: the function is used: %v", schema, b.function)
				}
				facttest.Append(t, again, facttest.Batch(1, "again")...)
			}
		})
	}
}

// The tables of the schema are replaced while the store is open.
func TestASchemaThatIsReplacedUnderAStoreIsWrittenTo(t *testing.T) { // G5
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	store, b := openBackendStore(t, url, Options{Schema: "tenant"})
	facttest.Append(t, store, facttest.Batch(1, "first")...)
	facttest.Append(t, openStoreWith(t, url, Options{Schema: "template"}), facttest.Batch(1, "pattern")...)
	raw.Run("ALTER SCHEMA tenant RENAME TO old; ALTER SCHEMA template RENAME TO tenant")
	facttest.Close(t, openStoreWith(t, url, Options{Schema: "template"}))
	wantOneLog(t, store, raw, "tenant", "old", "template")
	if b.function {
		t.Error("the function of the other schema is used")
	}
	raw.Run("ALTER SCHEMA tenant RENAME TO gone")
	_, err := store.Append(t.Context(), facttest.Batch(1, "nowhere"))
	wantReason(t, "append", err, "missing_path")
}

// Anybody who may create in the schema can make a function of that name, which would run with the
// rights of those who append.
func TestAFunctionOfOursThatIsNotOursIsNotCalled(t *testing.T) { // G5
	t.Parallel()
	arguments := "(" + appendArguments + ")"
	for name, change := range map[string]string{
		"another body":       "SELECT 1; DO $$ BEGIN EXECUTE replace(pg_get_functiondef('app." + appendFunction + "'::regproc), 'BEGIN', 'BEGIN RAISE EXCEPTION ''called'';'); END $$",
		"definer's rights":   "ALTER FUNCTION app." + appendFunction + arguments + " SECURITY DEFINER",
		"a setting":          "ALTER FUNCTION app." + appendFunction + arguments + " SET synchronous_commit = off",
		"strict":             "ALTER FUNCTION app." + appendFunction + arguments + " STRICT",
		"stable":             "ALTER FUNCTION app." + appendFunction + arguments + " STABLE",
		"another's":          "ALTER FUNCTION app." + appendFunction + arguments + " OWNER TO {role}",
		"another's creation": "DROP FUNCTION app." + appendFunction + "; SET ROLE {role}; CREATE FUNCTION app." + appendFunction + arguments + " RETURNS TABLE (a BIGINT, b BIGINT, c TIMESTAMPTZ, d TEXT, e JSONB) LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''called''; END'; RESET ROLE",
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Database(t)
			raw := faulttest.OpenSQL(t, url)
			facttest.Close(t, openStoreWith(t, url, Options{Schema: "app"}))
			owner, _ := faulttest.NewRole(t, url)
			raw.Run(strings.ReplaceAll("GRANT CREATE, USAGE ON SCHEMA app TO {role};"+change, "{role}", owner))
			role, as := faulttest.NewRole(t, url)
			raw.Run(strings.ReplaceAll(applicationRights, "{role}", role))
			// A store that may not replace the function does without it.
			for _, c := range []struct {
				as       string
				function bool
			}{{as, false}, {url, true}, {as, true}} {
				store, b := openBackendStore(t, c.as, Options{Schema: "app"})
				if b.function != c.function {
					t.Errorf("%s: the function is used: %v, want %v", c.as, b.function, c.function)
				}
				facttest.Append(t, store, facttest.Batch(2, "a")...)
			}
		})
	}
}

// A function that takes its place while the store is open, or that would fit the call, is not
// called either.
func TestAFunctionThatIsRemovedWhileOpenLeavesItsPlaceToNobodyElse(t *testing.T) { // G5
	t.Parallel()
	const body = "RETURNS TABLE (r_number BIGINT, r_last BIGINT, r_at TIMESTAMPTZ, r_type TEXT, r_payload JSONB) LANGUAGE plpgsql AS 'BEGIN RETURN QUERY SELECT 99::BIGINT, 1::BIGINT, now(), NULL::TEXT, NULL::JSONB; END'"
	const drop = "DROP FUNCTION app." + appendFunction + "(" + appendArguments + ");"
	for name, change := range map[string]string{
		"one of like arguments": "SET ROLE {role}; CREATE FUNCTION app." + appendFunction + "(" + strings.ReplaceAll(appendArguments, "pg_catalog.text,", "VARCHAR,") + ") " + body + "; RESET ROLE;" + drop,
		"one of the same":       drop + "SET ROLE {role}; CREATE FUNCTION app." + appendFunction + "(" + appendArguments + ") " + body + "; RESET ROLE",
		"one of other columns":  drop + "SET ROLE {role}; CREATE FUNCTION app." + appendFunction + "(" + appendArguments + ") " + strings.ReplaceAll(body, "r_", "other_") + "; RESET ROLE",
		"one under its name":    "SET ROLE {role}; CREATE FUNCTION app.mine(" + appendArguments + ") " + body + "; RESET ROLE; ALTER FUNCTION app." + appendFunction + " RENAME TO old; ALTER FUNCTION app.mine RENAME TO " + appendFunction,
	} {
		t.Run(name, func(t *testing.T) {
			url := pgtest.Database(t)
			raw := faulttest.OpenSQL(t, url)
			store, b := openBackendStore(t, url, Options{Schema: "app"})
			facttest.Append(t, store, facttest.Batch(1, "a")...)
			creator, _ := faulttest.NewRole(t, url)
			raw.Run(strings.ReplaceAll("GRANT CREATE, USAGE ON SCHEMA app TO {role};"+change, "{role}", creator))
			facttest.Append(t, store, facttest.Batch(1, "b")...)
			if got := raw.TypesIn("app"); got != "a b" || b.function {
				t.Errorf("the log holds %q, and the function is used: %v", got, b.function)
			}
		})
	}
}

// A function that its owner made anew, as a restore does, or whose call was forbidden, is no
// failure.
func TestAFunctionThatChangesWhileOpenIsLookedAtAgain(t *testing.T) { // G5
	t.Parallel()
	url := pgtest.Database(t)
	raw, _, as := applicationOf(t, url, "a")
	store, b := openBackendStore(t, as, Options{Schema: "app"})
	facttest.Append(t, store, facttest.Batch(1, "b")...)
	raw.Run("DROP FUNCTION app." + appendFunction)
	raw.Run(appendText("app"))
	facttest.Append(t, store, facttest.Batch(1, "c")...)
	if !b.function {
		t.Error("the function that was made anew is not used")
	}
	raw.Run("REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA app FROM PUBLIC")
	facttest.Append(t, store, facttest.Batch(1, "d")...)
	if got := raw.TypesIn("app"); got != "a b c d" || b.function {
		t.Errorf("the log holds %q, and the function is used: %v", got, b.function)
	}
}

// A fact that a unique index of others forbids is refused at once.
func TestAUniqueIndexOfOthersIsNoTakenNumber(t *testing.T) { // G2 G5
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	store, b := openBackendStore(t, url, Options{})
	raw.Run("CREATE UNIQUE INDEX commands ON events ((payload ->> 'command'))")
	facttest.Append(t, store, facttest.Fact("a", `{"command":1}`))
	for _, way := range withFunction {
		b.function = way.function
		_, err := store.Append(t.Context(), []factstr.NewEvent{facttest.Fact("b", `{"command":1}`)})
		faulttest.WantFailure(t, err, factstr.CodeBackendFailure, factstr.ReasonOther, "commands")
		facttest.Append(t, store, facttest.Batch(1, "c")...)
	}
	if got := raw.TypesIn("public"); got != "a c c" {
		t.Errorf("the log holds %q", got)
	}
}

// Two functions fit the call equally well.
func TestAnAmbiguousAppendFunctionIsNotNeeded(t *testing.T) { // G5
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	store := openStore(t, url)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	raw.Run("CREATE FUNCTION " + appendFunction + "(" + appendArguments + ", more INT DEFAULT 1) RETURNS TABLE (a BIGINT, b BIGINT, c TIMESTAMPTZ, d TEXT, e JSONB) LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''called''; END'")
	for _, each := range []*factstr.Store{store, openStore(t, url)} {
		facttest.Append(t, each, facttest.Batch(2, "b")...)
	}
}

// swallowing are ways to make a table not keep what is inserted.
var swallowing = map[string]string{
	"a trigger that returns NULL":              "CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION nothing()",
	"a trigger that leaves out some":           "CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW WHEN (NEW.{number} % 2 = 1) EXECUTE FUNCTION nothing()",
	"a trigger that changes rows":              "CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION other()",
	"a trigger that removes them later":        "CREATE TRIGGER t AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION removes()",
	"a deferred trigger that removes them":     "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION removes()",
	"a rule that does nothing instead":         "CREATE RULE r AS ON INSERT TO {table} DO INSTEAD NOTHING",
	"a rule that removes them as well":         "CREATE RULE r AS ON INSERT TO {table} DO ALSO DELETE FROM {table} WHERE {number} = NEW.{number}",
	"a view in the table's place, with a rule": "ALTER TABLE {table} RENAME TO {table}_moved; CREATE VIEW {table} AS SELECT * FROM {table}_moved; CREATE RULE r AS ON INSERT TO {table} DO INSTEAD NOTHING",
}

// G2 G5: an acknowledged fact is in the log.
func TestAnInsertThatIsSwallowedIsNoSuccess(t *testing.T) {
	t.Parallel()
	for name, change := range swallowing {
		for _, c := range []struct{ table, number, other string }{
			{"events", "sequence_number", "NEW.event_type := upper(NEW.event_type)"}, {"append_batches", "first_sequence_number", "NEW.last_sequence_number := NEW.last_sequence_number + 1"},
		} {
			t.Run(name+" "+c.table, func(t *testing.T) {
				t.Parallel()
				url := pgtest.Database(t)
				raw := faulttest.OpenSQL(t, url)
				store, b := openBackendStore(t, url, Options{LockTimeout: time.Second})
				facttest.Append(t, store, facttest.Batch(2, "before")...)
				raw.Run(strings.NewReplacer("{table}", c.table, "{number}", c.number).Replace(`
					CREATE FUNCTION nothing() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
					CREATE FUNCTION other() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN ` + c.other + `; RETURN NEW; END';
					CREATE FUNCTION removes() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN DELETE FROM {table} WHERE {number} = NEW.{number}; RETURN NULL; END';` + change))
				for _, way := range withFunction {
					b.function = way.function
					_, err := store.Append(t.Context(), facttest.Batch(3, "swallowed"))
					words := []string{"trigger"}
					if strings.Contains(name, "returns NULL") || strings.Contains(name, "leaves out") || strings.Contains(name, "instead") {
						words = append(words, "rows for table "+c.table) // they were counted
					}
					facttest.WantError(t, err, factstr.CodeBackendFailure, words...)
					if got := raw.One("SELECT count(*) FROM events WHERE sequence_number > 2"); got != "0" {
						t.Errorf("%s: %s facts are there", way.name, got)
					}
				}
				undo := "DROP TRIGGER IF EXISTS t ON {table}; DROP RULE IF EXISTS r ON {table}"
				if strings.Contains(name, "view") {
					undo = "DROP VIEW {table}; ALTER TABLE {table}_moved RENAME TO {table}"
				}
				raw.Run(strings.ReplaceAll(undo, "{table}", c.table))
				for _, way := range withFunction {
					b.function = way.function
					facttest.Append(t, store, facttest.Batch(3, "kept")...)
				}
			})
		}
	}
}

// Triggers that change nothing of the store's do not disturb.
func TestATriggerThatKeepsTheRowsIsNoHindrance(t *testing.T) { // G2
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	store, b := openBackendStore(t, url, Options{})
	raw.Run(`ALTER TABLE events ADD COLUMN note TEXT; CREATE FUNCTION notes() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN NEW.note := NEW.event_type; RETURN NEW; END';
		CREATE TRIGGER t BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION notes()`)
	for _, way := range withFunction {
		b.function = way.function
		facttest.Append(t, store, facttest.Fact("a", `{"n": 1.50, "s": "é\u0041", "o": {"b": 1, "a": [1e2]}}`), facttest.Fact("b", `-0`))
	}
	if got := raw.One("SELECT count(*) FROM events WHERE note = event_type"); got != "4" {
		t.Errorf("%s facts have a note", got)
	}
}

// G21 G23: a store notices that a cursor was not moved.
func TestACursorThatIsSwallowedIsNoSuccess(t *testing.T) {
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	store, b := openBackendStore(t, url, Options{})
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	claim, err := b.ClaimStream(t.Context(), "name", factstr.DurableQuery{Text: "{}", Exact: "{}"})
	faulttest.Must(t, err)
	defer claim.Release()
	head, err := b.Head(t.Context())
	faulttest.Must(t, err)
	raw.Run(`CREATE FUNCTION nothing() RETURNS TRIGGER LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
		CREATE TRIGGER t BEFORE INSERT OR UPDATE ON durable_stream_cursors FOR EACH ROW EXECUTE FUNCTION nothing()`)
	write := []factstr.CursorWrite{{Name: "name", Generation: claim.Generation, SequenceNumber: 1, Head: head}}
	facttest.WantError(t, b.WriteCursors(t.Context(), write), factstr.CodeBackendFailure, "trigger", "name")
	_, err = b.ClaimStream(t.Context(), "another", factstr.DurableQuery{Text: "{}", Exact: "{}"})
	facttest.WantError(t, err, factstr.CodeBackendFailure, "trigger")
	raw.Run("DROP TRIGGER t ON durable_stream_cursors")
	faulttest.Must(t, b.WriteCursors(t.Context(), write))
}
