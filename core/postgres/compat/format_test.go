package compat

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// isOfOurs reports whether a line of a catalog is one of this store's additions.
func isOfOurs(line string) bool { return strings.Contains(line, "factstr_") }

func TestANewStoreIsWhatTheRustStoreMakes(t *testing.T) {
	ours, rust := pgtest.Database(t), faulttest.RestoreRustStore(t)
	store := openStore(t, ours)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.Append(t, store, facttest.Batch(2, "b")...)
	got, want := faulttest.OpenSQL(t, ours).Catalog("public"), faulttest.OpenSQL(t, rust).Catalog("public")
	if len(want) < 25 {
		t.Fatalf("the catalog of the fixture is %v", want)
	}
	added := slices.Clone(got)
	added = slices.DeleteFunc(added, func(line string) bool { return !isOfOurs(line) })
	got = slices.DeleteFunc(got, isOfOurs)
	// One index differs on purpose: it is smaller, and does for the Rust store's queries what its
	// own does.
	for i := range want {
		want[i] = strings.ReplaceAll(want[i], "USING gin (payload)", "USING gin (payload jsonb_path_ops)")
	}
	if !slices.Equal(got, want) {
		t.Errorf("ours is\n%s\nthat of the Rust store\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	var names []string
	for _, line := range added {
		kind, rest, _ := strings.Cut(line, "|")
		if name, _, _ := strings.Cut(rest, "|"); kind == "relation" || kind == "function" {
			names = append(names, name)
		}
	}
	if want := []string{"factstr_append_v2", "factstr_durable_streams", "factstr_durable_streams_pkey", "factstr_events_type_sequence",
		"factstr_parked_batches", "factstr_parked_batches_pkey"}; !slices.Equal(names, want) {
		t.Errorf("beside it there are %v, want %v", names, want)
	}
	const metadata = "SELECT key, value FROM store_metadata ORDER BY key"
	if got, want := faulttest.OpenSQL(t, ours).Rows(metadata), faulttest.OpenSQL(t, rust).Rows(metadata); !slices.Equal(got, want) {
		t.Errorf("metadata %v, want %v", got, want)
	}
}

func TestAppendsToADatabaseOfTheRustStoreStayInItsFormat(t *testing.T) { // G1 G2 G3 G6
	url := faulttest.RestoreRustStore(t)
	raw, expected := faulttest.OpenSQL(t, url), readRustAnswers(t)
	before := raw.Catalog("public")
	store := openStore(t, url)
	compattest.AppendBehind(t, store)
	facttest.Close(t, store)

	compattest.CheckRowsAfterAppending(t, expected, raw.Rows)
	if got := slices.DeleteFunc(raw.Catalog("public"), isOfOurs); !slices.Equal(got, before) {
		t.Errorf("the catalog was\n%s\nand is\n%s", strings.Join(before, "\n"), strings.Join(got, "\n"))
	}
	if got := raw.One("SELECT event_type, payload, occurred_at BETWEEN now() - INTERVAL '1 hour' AND now() + INTERVAL '1 hour' FROM events WHERE sequence_number = 206"); got != `one|{"a": "é", "z": 1}|t` {
		t.Errorf("the fact is %s", got)
	}
	for i, row := range raw.Rows("SELECT event_type, payload, to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.') || rtrim(to_char(occurred_at, 'US'), '0') || 'Z' FROM events WHERE sequence_number <= 205 ORDER BY sequence_number") {
		if event := expected.Events[i]; row != event.EventType+"|"+event.Payload+"|"+event.ReadAt {
			t.Fatalf("a fact of the Rust store was changed: %s, was %v", row, event)
		}
	}
}

// The Rust store knows nothing of generations. It moves cursors of names whose generation stays as
// it was, and of names without one.
func TestACursorThatTheRustStoreMovesIsWhereOursGoesOn(t *testing.T) { // G19 G22 G23
	url := pgtest.Database(t)
	store, raw := openStore(t, url), faulttest.OpenSQL(t, url)
	for range 6 {
		facttest.Append(t, store, facttest.Batch(1, "a")...)
	}
	if got := fmt.Sprint(compattest.Replayed(t, store, "ours", factstr.OfTypes("a"))); got != "[[1] [2] [3] [4] [5] [6]]" {
		t.Errorf("new: %s", got)
	}
	stored := raw.One("SELECT durable_stream_id, event_query, last_processed_sequence_number FROM durable_stream_cursors")
	if want := `ours|{"filters":[{"event_types":["a"],"payload_predicates":null}],"min_sequence_number":null}|6`; stored != want {
		t.Errorf("the cursor row is %s, want %s", stored, want)
	}
	raw.Run("UPDATE durable_stream_cursors SET last_processed_sequence_number = 4 WHERE durable_stream_id = 'ours'")
	if got := fmt.Sprint(compattest.Replayed(t, store, "ours", factstr.OfTypes("a"))); got != "[[5] [6]]" {
		t.Errorf("moved back: %s", got)
	}
	raw.Run(`INSERT INTO durable_stream_cursors VALUES ('rust', '{"filters":null,"min_sequence_number":null}', 5)`)
	if got := fmt.Sprint(compattest.Replayed(t, store, "rust", factstr.AllEvents())); got != "[[6]]" {
		t.Errorf("of the Rust store: %s", got)
	}
	// The table of generations may get lost.
	facttest.Close(t, store)
	raw.Run("DROP TABLE factstr_durable_streams; UPDATE durable_stream_cursors SET last_processed_sequence_number = 3")
	store = openStore(t, url)
	for _, name := range []string{"ours", "rust"} {
		query := factstr.OfTypes("a")
		if name == "rust" {
			query = factstr.AllEvents()
		}
		if got := fmt.Sprint(compattest.Replayed(t, store, name, query)); got != "[[4] [5] [6]]" {
			t.Errorf("%s without generations: %s", name, got)
		}
		if got := raw.One("SELECT last_processed_sequence_number FROM durable_stream_cursors WHERE durable_stream_id = $1", name); got != "6" {
			t.Errorf("the cursor of %s is %s", name, got)
		}
	}
}

func TestADenseStoreWhoseBatchesCoverTheLogGetsTheMarker(t *testing.T) { // G3 G19
	t.Parallel()
	url := pgtest.Database(t)
	for schema, change := range map[string]string{"dense": "", "no_metadata": "; DROP TABLE store_metadata", "no_version": "; DELETE FROM store_metadata", "no_indexes": "; DROP INDEX idx_events_type, idx_events_payload_gin"} {
		t.Run(schema, func(t *testing.T) {
			raw := faulttest.RestoreRustSchema(t, url, schema)
			raw.Run(compattest.MakeDense + change)
			store := openStoreWith(t, url, postgres.Options{Schema: schema})
			if got := raw.Rows("SELECT key, value FROM store_metadata ORDER BY key"); !slices.Equal(got, compattest.Metadata()) {
				t.Errorf("metadata %v", got)
			}
			if got, want := compattest.Replayed(t, store, "new", factstr.AllEvents()), readRustAnswers(t).AllBatches; !reflect.DeepEqual(got, want) {
				t.Errorf("batches %v, want %v", got, want)
			}
			if got := raw.One("SELECT count(*) FROM pg_indexes WHERE schemaname = $1 AND indexname LIKE 'idx_events_%'", schema); got != "3" {
				t.Errorf("%s of the store's three indexes are there", got)
			}
			facttest.Append(t, store, facttest.Batch(1, "sparse")...)
			if got := raw.One("SELECT max(last_sequence_number) FROM append_batches"); got != "205" {
				t.Errorf("a single fact got a row of its own: %s", got)
			}
		})
	}
}

// The Rust store 0.5.2 goes on with a database that 0.4.1 began: it creates store_metadata without
// the marker, and no rows for batches of one. The existing rows are batches, and every other fact
// is a batch of its own.
func TestADatabaseThatWasBegunBefore05OpensWithoutTheMarker(t *testing.T) { // G3 G9 G19
	t.Parallel()
	url := pgtest.Database(t)
	const sparse = "DELETE FROM store_metadata WHERE key = 'append_batch_boundary_format'"
	for schema, c := range map[string]struct {
		change  string
		batches func(all [][]string) [][]string
	}{
		"never dense":         {sparse, nil},
		"dense up to 100":     {compattest.MakeDense + "; DELETE FROM append_batches WHERE first_sequence_number = last_sequence_number AND first_sequence_number > 100", nil},
		"dense, no metadata":  {compattest.MakeDense + "; DROP TABLE store_metadata; DELETE FROM append_batches WHERE first_sequence_number = last_sequence_number AND first_sequence_number < 100", nil},
		"no row of any batch": {sparse + "; DELETE FROM append_batches", alone},
		"no table of batches": {sparse + "; DROP TABLE append_batches", alone},
	} {
		t.Run(schema, func(t *testing.T) {
			raw := faulttest.RestoreRustSchema(t, url, schema)
			raw.Run(c.change)
			rows := raw.One("SELECT coalesce(to_regclass('append_batches')::TEXT, '')")
			store, expected := openStoreWith(t, url, postgres.Options{Schema: schema}), readRustAnswers(t)
			want := expected.AllBatches
			if c.batches != nil {
				want = c.batches(want)
			}
			if got := compattest.Replayed(t, store, "new", factstr.AllEvents()); !reflect.DeepEqual(got, want) {
				t.Errorf("batches %v, want %v (append_batches: %q)", got, want, rows)
			}
			if got := raw.Rows("SELECT key, value FROM store_metadata ORDER BY key"); !slices.Equal(got, compattest.Metadata()) {
				t.Errorf("metadata %v", got)
			}
			_, err := store.AppendIf(t.Context(), facttest.Batch(1, "a"), factstr.OfTypes(expected.Events[0].EventType), nil)
			facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
			if got := facttest.Append(t, store, facttest.Batch(2, "a")...); got.FirstSequenceNumber != 206 {
				t.Errorf("%+v", got)
			}
		})
	}
}

// alone makes each fact a batch.
func alone(all [][]string) (single [][]string) {
	for _, batch := range all {
		for _, number := range batch {
			single = append(single, []string{number})
		}
	}
	return single
}
