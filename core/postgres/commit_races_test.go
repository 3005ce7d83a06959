package postgres

import (
	"context"
	"fmt"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// G9 G24: a condition that was decided on a log which was replaced meanwhile is decided again on
// the one that is there, though the numbers fit: the head's time tells the logs apart.
func TestAConditionIsDecidedAgainWhenTheLogWasReplaced(t *testing.T) {
	t.Parallel()
	const another = "UPDATE events SET event_type = 'seat', occurred_at = occurred_at + INTERVAL '1 second' WHERE sequence_number = 3;"
	for name, change := range map[string]string{
		"as long": another,
		"longer":  another + "INSERT INTO events SELECT n, now(), 'other', '{}' FROM generate_series(4, 6) n",
	} {
		for _, way := range withFunction {
			t.Run(name+" "+way.name, func(t *testing.T) {
				t.Parallel()
				url := pgtest.Database(t)
				raw := faulttest.OpenSQL(t, url)
				store, b := openBackendStore(t, url, Options{})
				b.function = way.function
				facttest.Append(t, store, facttest.Batch(3, "a")...)
				raw.Run(change)
				_, err := store.AppendIf(t.Context(), facttest.Batch(1, "seat"), factstr.OfTypes("seat"), nil)
				facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
				if got := raw.One("SELECT count(*) FROM events WHERE event_type = 'seat'"); got != "1" {
					t.Errorf("%s facts of one seat", got)
				}
			})
		}
	}
}

// G2 G5: a client that takes no lock may have a number that is not committed yet. The append waits
// for it and goes behind it.
func TestANumberThatSomebodyElseTakesMeanwhileIsNoFailure(t *testing.T) {
	t.Parallel()
	for _, way := range withFunction {
		t.Run(way.name, func(t *testing.T) {
			url := pgtest.Database(t)
			raw, watcher := faulttest.OpenSQL(t, url), faulttest.OpenSQL(t, url)
			store, b := openBackendStore(t, url, Options{})
			b.function = way.function
			facttest.Append(t, store, facttest.Batch(1, "a")...)
			raw.Run("BEGIN; INSERT INTO events VALUES (2, now(), 'foreign', '{}')")
			answer := make(chan error, 1)
			go func() {
				result, err := store.Append(context.Background(), facttest.Batch(2, "b"))
				if err == nil && result.FirstSequenceNumber != 3 {
					err = fmt.Errorf("appended at %d", result.FirstSequenceNumber)
				}
				answer <- err
			}()
			faulttest.WaitForWaiting(t, watcher, 1)
			raw.Run("COMMIT")
			faulttest.Must(t, faulttest.Within(t, "the append", answer))
			if got := raw.TypesIn("public"); got != "a foreign b b" {
				t.Errorf("the log holds %q", got)
			}
		})
	}
}

// G5: a function that came with a copy of a schema refuses to append to the log that it was made
// for, whoever calls it, and the store goes on without it.
func TestAnAppendFunctionServesNoSchemaButItsOwn(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t)
	raw := faulttest.OpenSQL(t, url)
	facttest.Append(t, openStoreWith(t, url, Options{Schema: "shop"}), facttest.Batch(2, "real")...)
	copySchema(raw, "shop", "copy")
	store, b := openBackendStore(t, url, Options{Schema: "copy"})
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	raw.Run("DROP FUNCTION copy." + appendFunction)
	raw.Run("ALTER FUNCTION shop." + appendFunction + " SET SCHEMA copy") // as a restore or a rename may do
	b.functionNumber = 0
	_, err := fmt.Sscan(raw.One("SELECT oid FROM pg_proc WHERE proname = $1", appendFunction), &b.functionNumber)
	faulttest.Must(t, err)
	facttest.Append(t, store, facttest.Batch(1, "b")...)
	if got, shop := raw.TypesIn("copy"), raw.TypesIn("shop"); got != "real real a b" || shop != "real real" {
		t.Errorf("the logs hold %q and %q", got, shop)
	}
	if b.function {
		t.Error("the function of the other schema is used")
	}
}

// G9 G11: a condition on all facts is broken by any fact that another store appended meanwhile.
func TestAConditionOnAllFactsIsBrokenByAnyFactOfOthers(t *testing.T) {
	t.Parallel()
	for _, way := range withFunction {
		t.Run(way.name, func(t *testing.T) {
			url := pgtest.Database(t)
			store, b := openBackendStore(t, url, Options{})
			b.function = way.function
			other := openStore(t, url)
			for round := range uint64(3) {
				head := facttest.Append(t, store, facttest.Batch(1, "a")...).LastSequenceNumber
				facttest.Append(t, other, facttest.Batch(1, "b")...)
				_, err := store.AppendIf(t.Context(), facttest.Batch(1, "c"), factstr.AllEvents(), factstr.Version(head))
				facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
				if head != 2*round+1 {
					t.Errorf("appended at %d", head)
				}
			}
		})
	}
}
