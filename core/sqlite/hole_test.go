package sqlite

import (
	"fmt"
	"math"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// G19 G20: the cost of reading on follows the facts, not the numbers between them. Walking through
// these holes in steps would take hours to centuries.
func TestReplayGoesOverHolesInTheNumbersAtOnce(t *testing.T) {
	for _, far := range []int64{1_700_000_000_000, math.MaxInt64 - 1} {
		for name, query := range map[string]factstr.EventQuery{
			"all": factstr.AllEvents(), "a type": factstr.OfTypes("a"), "many types": factstr.OfTypes("a", "b", "c", "d", "e", "f", "g", "h", "i", "j"),
			"a predicate": facttest.PayloadQuery(`{"at":5}`), "nothing that is there": factstr.OfTypes("none"),
		} {
			t.Run(fmt.Sprint(name, " ", far), func(t *testing.T) {
				path := newPath(t)
				store := openStore(t, path)
				for range 3 {
					facttest.Append(t, store, facttest.Fact("a", `{"at":5}`))
				}
				facttest.Append(t, store, facttest.Fact("other", `{"at":6}`))
				facttest.Close(t, store)
				raw := openRaw(t, path)
				raw.exec("INSERT INTO events VALUES (?, '2026-01-01T00:00:00Z', 'a', '{\"at\":5}'), (?, '2026-01-01T00:00:00Z', 'a', '{\"at\":5}')", far-1, far)
				raw.exec("INSERT INTO append_batches VALUES (?, ?)", far-1, far)
				store = openStore(t, path)
				got := facttest.NewDeliveries(t)
				stream := facttest.DurableStream(t, store, "projection", query, got)
				facttest.WaitReady(t, stream)
				want := fmt.Sprintf("[[1] [2] [3] [%d %d]]", far-1, far)
				switch name {
				case "all":
					want = fmt.Sprintf("[[1] [2] [3] [4] [%d %d]]", far-1, far)
				case "nothing that is there":
					want = "[]"
				}
				if batches := fmt.Sprint(got.SoFar()); batches != want {
					t.Errorf("delivered %s, want %s", batches, want)
				}
				if progress := stream.Progress(); progress.StoredCursor != uint64(far) {
					t.Errorf("%+v", progress)
				}
			})
		}
	}
}

// G2: the last possible number is a head like any other, without room behind it.
func TestALogWhoseNumbersAreUsedUpIsReadAndRefusesAppends(t *testing.T) {
	path := newPath(t)
	facttest.Close(t, openStore(t, path))
	openRaw(t, path).exec("INSERT INTO events VALUES (?, '2026-01-01T00:00:00Z', 'a', '{}')", int64(math.MaxInt64))
	store := openStore(t, path)
	if got := fmt.Sprint(facttest.Numbers(facttest.All(t, store))); got != "[9223372036854775807]" {
		t.Errorf("%s", got)
	}
	_, err := store.Append(t.Context(), facttest.Batch(1, "a"))
	facttest.WantError(t, err, factstr.CodeBackendFailure, "sequence numbers")
	if got := fmt.Sprint(compattest.Replayed(t, store, "projection", factstr.AllEvents())); got != "[[9223372036854775807]]" {
		t.Errorf("%s", got)
	}
}
