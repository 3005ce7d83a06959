package compat

import (
	"fmt"
	"math"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G19 G20: the cost of reading on depends on the facts, not on the numbers between them. Walking
// through this hole in steps, with a round trip each, would take ages.
func TestReplayGoesOverAHoleInTheNumbersAtOnce(t *testing.T) {
	t.Parallel()
	const far = math.MaxInt64 - 1
	url := pgtest.Database(t)
	store := openStore(t, url)
	for range 3 {
		facttest.Append(t, store, facttest.Fact("a", `{"at":5}`))
	}
	facttest.Append(t, store, facttest.Fact("other", `{"at":6}`))
	facttest.Close(t, store)
	raw := faulttest.OpenSQL(t, url)
	raw.Run(fmt.Sprintf("INSERT INTO events VALUES (%d, now(), 'a', '{\"at\":5}'), (%d, now(), 'a', '{\"at\":5}')", far-1, far))
	raw.Run(fmt.Sprintf("INSERT INTO append_batches VALUES (%d, %d)", far-1, far))
	store = openStore(t, url)
	some := fmt.Sprintf("[[1] [2] [3] [%d %d]]", far-1, far)
	for name, c := range map[string]struct {
		query factstr.EventQuery
		want  string
	}{
		"all":         {factstr.AllEvents(), fmt.Sprintf("[[1] [2] [3] [4] [%d %d]]", far-1, far)},
		"a type":      {factstr.OfTypes("a"), some},
		"a predicate": {facttest.PayloadQuery(`{"at":5}`), some},
		"nothing":     {factstr.OfTypes("none"), "[]"},
	} {
		got := facttest.NewDeliveries(t)
		stream := facttest.DurableStream(t, store, name, c.query, got)
		facttest.WaitReady(t, stream)
		if batches := fmt.Sprint(got.SoFar()); batches != c.want {
			t.Errorf("%s: delivered %s, want %s", name, batches, c.want)
		}
		if progress := stream.Progress(); progress.StoredCursor != far {
			t.Errorf("%s: %+v", name, progress)
		}
	}
}

// G3 G15: a replay may end a page at any fact. A batch across the end is delivered whole, even if a
// row of another program lies inside it.
func TestNoFactIsLostWhereBoundariesOverlapAcrossWhatIsReadAtOnce(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	facttest.Close(t, openStore(t, url))
	raw := faulttest.OpenSQL(t, url)
	raw.Run("INSERT INTO events SELECT i, now(), CASE i % 2 WHEN 0 THEN 'a' ELSE 'b' END, jsonb_build_object('k', i % 2) FROM generate_series(1, 6000) i")
	raw.Run("INSERT INTO append_batches VALUES (1, 5000), (2, 3), (1001, 4)")
	store := openStoreWith(t, url, postgres.Options{Options: factstr.Options{TailEvents: -1}})
	for name, query := range map[string]factstr.EventQuery{"all": factstr.AllEvents(), "a type": factstr.OfTypes("a"), "a predicate": facttest.PayloadQuery(`{"k":0}`)} {
		count, want := 0, 3000
		if name == "all" {
			want = 6000
		}
		for _, batch := range compattest.Replayed(t, store, name, query) {
			count += len(batch)
		}
		if count != want {
			t.Errorf("%s: %d facts were delivered, there are %d", name, count, want)
		}
	}
}
