package sqlite

import (
	"fmt"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// A row that another program left behind the log's end belongs to no batch, and must not prevent
// the batch that comes there.
func TestABoundaryBehindTheEndDoesNotStopAppends(t *testing.T) { // G3
	path := newPath(t)
	store := openStore(t, path)
	facttest.Append(t, store, facttest.Batch(3, "a")...)
	openRaw(t, path).exec("INSERT INTO append_batches VALUES (4, 90)")
	facttest.Append(t, store, facttest.Batch(2, "a")...)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	if got := fmt.Sprint(compattest.Replayed(t, store, "new", factstr.AllEvents())); got != "[[1 2 3] [4 5] [6]]" {
		t.Errorf("%s", got)
	}
}

// G3: boundaries that no store writes; compat.md says how they are read.
func TestOddBoundariesGiveTheBatchesOfTheRustStore(t *testing.T) {
	for name, c := range map[string]struct{ change, want string }{
		"of one event":   {"INSERT INTO append_batches VALUES (2, 2), (5, 5)", "[[1] [2] [3] [4] [5]]"},
		"with a hole":    {"DELETE FROM events WHERE sequence_number = 3; INSERT INTO append_batches VALUES (2, 4)", "[[1] [2 4] [5]]"},
		"past the end":   {"INSERT INTO append_batches VALUES (4, 9)", "[[1] [2] [3] [4 5]]"},
		"overlapping":    {"INSERT INTO append_batches VALUES (1, 3), (2, 5)", "[[1 2 3] [4 5]]"},
		"a cursor in it": {"INSERT INTO append_batches VALUES (1, 4); INSERT INTO subscriber_cursors VALUES ('projection', '{\"filters\":null,\"min_sequence_number\":null}', 2)", "[[3 4] [5]]"},
		"backwards":      {"INSERT INTO append_batches VALUES (4, 2)", "[[1] [2] [3] [4] [5]]"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, options := range []factstr.Options{{}, {TailEvents: -1}} {
				path := newPath(t)
				store := openStore(t, path)
				for range 5 {
					facttest.Append(t, store, facttest.Batch(1, "a")...)
				}
				facttest.Close(t, store)
				raw := openRaw(t, path)
				for statement := range strings.SplitSeq(c.change, "; ") {
					raw.exec(statement)
				}
				raw.close()
				store = openStoreWith(t, path, Options{Options: options})
				if got := fmt.Sprint(compattest.Replayed(t, store, "projection", factstr.AllEvents())); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
				// The cursor is never beyond the end, where it would skip what comes next.
				facttest.Append(t, store, facttest.Batch(1, "a")...)
				if got := fmt.Sprint(compattest.Replayed(t, store, "projection", factstr.AllEvents())); name != "past the end" && got != "[[6]]" {
					t.Errorf("then %s", got)
				}
			}
		})
	}
}

// G3 G15: a replay may cut its reading at any fact. A batch that lies across the cut is delivered
// whole, also where a row of another program lies inside it, and nothing behind it is taken for a
// part of it.
func TestNoFactIsLostWhereBoundariesOverlapAcrossWhatIsReadAtOnce(t *testing.T) {
	for name, boundaries := range map[string]string{
		"one inside":          "(1, 5000), (2, 3)",
		"one inside, later":   "(1, 5000), (900, 950)",
		"reversed inside":     "(1, 5000), (1001, 4)",
		"far past the end":    "(1, 9000000000000000000), (2, 3)",
		"a ladder of overlap": "(1, 1500), (1400, 3000), (2900, 5500)",
	} {
		for query, plan := range map[string]factstr.EventQuery{"all": factstr.AllEvents(), "a type": factstr.OfTypes("a"), "a predicate": facttest.PayloadQuery(`{"k":1}`)} {
			t.Run(name+" "+query, func(t *testing.T) {
				path := newPath(t)
				facttest.Close(t, openStore(t, path))
				raw := openRaw(t, path)
				raw.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 6000)
					INSERT INTO events SELECT i, '2026-01-01T00:00:00Z', CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END, CASE i % 2 WHEN 0 THEN '{"k":1}' ELSE '{}' END FROM n`)
				raw.exec("INSERT INTO append_batches VALUES " + boundaries)
				store := openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: -1}})
				count, last := 0, 0
				for _, batch := range compattest.Replayed(t, store, "projection", plan) {
					for _, number := range batch {
						var n int
						if _, err := fmt.Sscan(number, &n); err != nil || n <= last {
							t.Fatalf("%s after %d", number, last)
						}
						last, count = n, count+1
					}
				}
				want := 3000
				if query == "all" {
					want = 6000
				}
				if count != want {
					t.Errorf("%d facts were delivered, there are %d", count, want)
				}
			})
		}
	}
}
