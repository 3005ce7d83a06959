package sqlite

import (
	"math/rand/v2"
	"os"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// G2 G15 G19: processes that are killed at any moment take nothing with them and block nobody. One
// process appends all along, and this one streams.
func TestProcessesThatAreKilledDisturbNoOther(t *testing.T) {
	kills := 12
	if os.Getenv("FACTSTR_TORTURE") != "" {
		kills = 400
	}
	path := newPath(t)
	store := openStore(t, path)
	live, durable := facttest.NewDeliveries(t), facttest.NewDeliveries(t)
	if _, err := store.StreamAll(t.Context(), live); err != nil {
		t.Fatal(err)
	}
	facttest.DurableStream(t, store, "all along", factstr.AllEvents(), durable)
	survivor := proctest.Start(t, "appender", path, "Survivor")
	survivor.Expect("ready")
	random := rand.New(rand.NewPCG(3, 4))
	for range kills {
		victim := proctest.Start(t, "appender", path, "Victim")
		victim.Expect("ready")
		// Some of the survivor's and the victim's batches later.
		for range 1 + random.IntN(30) {
			live.Next()
		}
		victim.Kill()
	}
	survivor.Finish()
	last := facttest.Append(t, store, facttest.Batch(1, "Last")...).LastSequenceNumber
	facttest.WantGapless(t, store, int(last))
	waitFor := func(name string, got *facttest.Deliveries, next uint64) {
		for next <= last {
			for _, number := range got.Next() {
				if next == 0 {
					next = number // the live stream's first ones were taken above
				}
				if number != next {
					t.Fatalf("the %s stream got %d where %d was next", name, number, next)
				}
				next++
			}
		}
	}
	waitFor("durable", durable, 1)
	waitFor("live", live, 0)
	raw := openRaw(t, path)
	if partial := raw.one(`SELECT count(*) FROM append_batches WHERE last_sequence_number > (SELECT max(sequence_number) FROM events)
		OR (SELECT count(*) FROM events WHERE sequence_number BETWEEN first_sequence_number AND last_sequence_number) <> last_sequence_number - first_sequence_number + 1`); partial != "0" {
		t.Errorf("%s batches are not whole", partial)
	}
	if check := raw.one("PRAGMA integrity_check"); check != "ok" {
		t.Errorf("integrity check: %s", check)
	}
}
