package postgres

import (
	"fmt"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G5: settings of a role or database by which a store could fail or lose what it acknowledged.
func TestSettingsOfARoleDoNotBreakTheStore(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	for _, each := range []struct{ name, value string }{
		{"default_transaction_isolation", "serializable"},
		{"default_transaction_isolation", "repeatable read"},
		{"default_transaction_deferrable", "on"},
		{"synchronous_commit", "off"},
		{"lock_timeout", "1ms"},
		{"idle_in_transaction_session_timeout", "1ms"},
		{"idle_session_timeout", "300ms"},
		{"default_table_access_method", "heap"},
		{"standard_conforming_strings", "off"},
		{"bytea_output", "escape"},
		{"IntervalStyle", "sql_standard"},
		{"TimeZone", "Asia/Kathmandu"},
		{"extra_float_digits", "-15"},
		{"jit", "on"},
		{"row_security", "off"},
		{"plpgsql.variable_conflict", "use_column"},
		{"enable_indexscan", "off"},
		{"default_text_search_config", "english"},
		{"client_min_messages", "debug5"},
		{"lc_messages", "C"},
		{"array_nulls", "off"},
		{"transform_null_equals", "on"},
		{"quote_all_identifiers", "on"},
		{"statement_timeout", "5s"},
		{"backslash_quote", "off"},
	} {
		t.Run(each.name+" "+each.value, func(t *testing.T) {
			url, drop, err := pgtest.CreateDatabase(t.Context(), faulttest.Secretly(server.URL()))
			faulttest.Must(t, err)
			defer func() { faulttest.Must(t, drop()) }()
			faulttest.SetDatabase(t, url, each.name, each.value)
			store, b := openBackendStore(t, url, Options{})
			other := openStore(t, url)
			live := faulttest.Follow(t, other)
			durable, stream := faulttest.FollowDurably(t, other, "settings", 0)
			for _, way := range withFunction {
				b.function = way.function
				for n := range 3 {
					l := facttest.Append(t, store, facttest.Batch(n+1, "first")...)
					facttest.Append(t, other, facttest.Batch(1, "second")...)
					if _, err := store.AppendIf(t.Context(), facttest.Batch(1, "third"), factstr.OfTypes("first"), factstr.Version(l.LastSequenceNumber)); err != nil {
						t.Fatalf("append_if: %v", err)
					}
					_, err := store.AppendIf(t.Context(), facttest.Batch(1, "third"), factstr.OfTypes("first"), factstr.Version(l.LastSequenceNumber-1+2))
					facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
				}
			}
			head := faulttest.HeadOfLog(t, store)
			live.Reach(t, head)
			durable.Reach(t, head)
			if each.name == "default_transaction_isolation" {
				faulttest.Must(t, b.writer.rows(t.Context(), "SELECT current_setting('transaction_isolation')", func(row [][]byte) bool {
					if level := string(row[0]); level != "read committed" {
						t.Errorf("appends are at %s", level)
					}
					return true
				}))
				l := faulttest.NewBook(t)
				stop := l.AppendUntil(4, store, other)
				l.AwaitSuccesses(50)
				stop()
				l.WantCodes(l.Check(facttest.All(t, other)))
			}
			faulttest.End(t, stream)
			facttest.Close(t, store)
			facttest.Close(t, other)
		})
	}
}

// G5: an acknowledged append survives a crash of the server although the role asks for less.
func TestAnAcknowledgedAppendSurvivesACrashWithAsynchronousCommitOnTheRole(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{Settings: map[string]string{"wal_writer_delay": "10s", "synchronous_commit": "off"}})
	for _, way := range withFunction {
		t.Run(way.name, func(t *testing.T) {
			store, b := openBackendStore(t, faulttest.Secretly(server.URL()), Options{})
			b.function = way.function
			head := faulttest.HeadOfLog(t, store)
			durable, stream := faulttest.FollowDurably(t, store, "cursor "+way.name, 0)
			for range 20 {
				result := facttest.Append(t, store, facttest.Batch(1, "kept")...)
				head = result.LastSequenceNumber
			}
			durable.Reach(t, head)
			faulttest.End(t, stream)
			faulttest.Must(t, server.Kill())
			faulttest.Must(t, server.StartAgain())
			if now := faulttest.HeadOfLog(t, store); now != head {
				t.Errorf("the log ends at %d, want %d", now, head)
			}
			if cursor := faulttest.OpenSQL(t, server.URL()).One("SELECT last_processed_sequence_number FROM durable_stream_cursors WHERE durable_stream_id = $1", "cursor "+way.name); cursor != fmt.Sprint(head) {
				t.Errorf("the cursor is at %s, want %d", cursor, head)
			}
		})
	}
}

// G8 G11 G19: the server may be told to return only some of the rows that its index of payloads
// finds.
func TestASettingThatLetsTheServerLeaveRowsOutHidesNoFact(t *testing.T) {
	server := pgtest.New(t, pgtest.Options{})
	own := faulttest.Secretly(server.URL())
	facttest.AppendCourses(t, openStore(t, own), 0, 2_000)
	faulttest.OpenSQL(t, server.URL()).Run("VACUUM events") // only what has left the pending list is left out
	faulttest.SetDatabase(t, server.URL(), "gin_fuzzy_search_limit", "1")
	faulttest.SetDatabase(t, server.URL(), "enable_seqscan", "off")
	alone := Options{Options: factstr.Options{TailEvents: -1}, IndexBytesMax: -1}
	for _, path := range []string{"directly", "through a pooler"} {
		url, options := own, alone
		if path != "directly" {
			url, options = pooled(faulttest.StartPooler(t, server), server, alone)
		}
		for _, way := range withFunction {
			t.Run(path+" "+way.name, func(t *testing.T) {
				store, b := openBackendStore(t, url, options)
				b.function = way.function
				if n := len(facttest.Query(t, store, course(3)).EventRecords); n != 286 {
					t.Errorf("%d facts, want 286", n)
				}
				_, err := store.AppendIf(t.Context(), facttest.Batch(1, "other"), course(3), factstr.Version(1_999))
				if err != nil {
					t.Error(err)
				}
				s, err := b.begin(t.Context())
				faulttest.Must(t, err)
				faulttest.Must(t, s.script(t.Context(), b.beginLocked(time.Now().Add(time.Minute))))
				faulttest.Must(t, s.rows(t.Context(), "SELECT current_setting('gin_fuzzy_search_limit')", func(row [][]byte) bool {
					if limit := string(row[0]); limit != "0" {
						t.Errorf("a group that is decided under the lock may miss facts, limit %s", limit)
					}
					return true
				}))
				faulttest.Must(t, s.script(t.Context(), rollbackTransaction))
			})
		}
	}
}

// A statement that the server cancels is not committed.
func TestAStatementTimeoutOfTheRoleIsATimeout(t *testing.T) {
	url := faulttest.ServerOfItsOwn(t)
	first := openStore(t, url)
	facttest.Append(t, first, facttest.Batch(1, "before")...)
	faulttest.SetDatabase(t, url, "statement_timeout", "200ms")
	store := openStore(t, url)
	raw := faulttest.OpenSQL(t, url)
	raw.Run("BEGIN")
	raw.Run("SET LOCAL statement_timeout = 0; LOCK TABLE events IN SHARE MODE")
	begun := time.Now()
	_, err := store.Append(t.Context(), facttest.Batch(1, "given up"))
	faulttest.WantFailure(t, err, factstr.CodeTimeout, "", "57014", "statement_timeout")
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
	raw.Run("COMMIT")
	faulttest.WantStillWorks(t, store)
}
