package sqlite

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/internal/sharetest"
)

// G22: a lease is a byte that belongs to the name alone. These two names have the same 60 lowest
// bits of FNV-1a, as can be found by anybody who may choose names.
func TestNamesThatHashAlikeDoNotTouch(t *testing.T) {
	const one, two = "tenant-21zmzbwshztv", "tenant-mzoi4i5evk52"
	path := newPath(t)
	store := openStore(t, path)
	holder := proctest.Start(t, "holder", path, one)
	holder.Expect("held")
	free, err := sharetest.Register(store, two)
	if err != nil {
		t.Fatalf("a name that nobody holds: %v", err)
	}
	free.Unsubscribe()
	first, err := sharetest.Register(openStore(t, path), two)
	if err != nil {
		t.Fatal(err)
	}
	holder.Kill()
	again, err := sharetest.Register(store, one)
	if err != nil {
		t.Fatal(err)
	}
	again.Unsubscribe()
	_, err = sharetest.Register(store, two)
	facttest.WantError(t, err, factstr.CodeDurableStreamActive)
	first.Unsubscribe()
}

// G22
func TestEveryNameHasALockOfItsOwnAlsoAfterTheirTableWasLost(t *testing.T) {
	path := newPath(t)
	store, other := openStore(t, path), openStore(t, path)
	raw := openRaw(t, path)
	const names = 50
	for round := range 2 {
		for n := range names {
			name := fmt.Sprintf("round %d name %d", round, n)
			held, err := sharetest.Register(store, name)
			if err != nil {
				t.Fatal(err)
			}
			defer held.Unsubscribe()
			_, err = sharetest.Register(other, name)
			facttest.WantError(t, err, factstr.CodeDurableStreamActive)
		}
		if got := raw.one("SELECT count(DISTINCT slot) FROM factstr_durable_names"); got != fmt.Sprint(names) {
			t.Fatalf("%s numbers for %d names", got, names)
		}
		raw.exec("DROP TABLE factstr_durable_names")
	}
}

// G22: a holder whose registration is no longer the newest learns it with the next cursor that it
// stores, however that came about.
func TestAStreamEndsWhenSomebodyElseHasRegisteredItsName(t *testing.T) {
	for name, change := range map[string]string{
		"another generation":  "UPDATE factstr_durable_streams SET generation = generation + 1",
		"the row is gone":     "DELETE FROM factstr_durable_streams",
		"another one's table": "DROP TABLE factstr_durable_names; DELETE FROM factstr_durable_streams WHERE name = 'projection'",
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			store := openStore(t, path)
			facttest.Append(t, store, facttest.Batch(1, "a")...)
			stream := facttest.DurableStream(t, store, "projection", factstr.AllEvents(), facttest.NewDeliveries(t))
			facttest.WaitReady(t, stream)
			other := facttest.DurableStream(t, store, "other", factstr.OfTypes("none"), facttest.NewDeliveries(t))
			facttest.WaitReady(t, other)
			raw := openRaw(t, path)
			raw.exec(change)
			facttest.Append(t, store, facttest.Batch(1, "a")...)
			facttest.WantError(t, facttest.WaitEnd(t, stream), factstr.CodeDurableStreamLost, "projection")
		})
	}
}

func init() {
	roles["late"] = succeedLate
}

// succeedLate holds a durable stream whose handler returns only when the test says so, and
// unsubscribes while the handler runs.
func succeedLate(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	proceed := make(chan struct{})
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "projection"}, factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		side.Say("delivered %d", len(batch))
		<-proceed
		return nil
	}))
	if err != nil {
		return err
	}
	side.Await()
	stream.Unsubscribe()
	side.Say("unsubscribed")
	side.Await()
	close(proceed)
	<-stream.Done()
	side.Say("ended %v", stream.Err())
	return store.Close(ctx)
}

// G22 G21: across processes, a delivery in flight at unsubscribe moves the cursor only while nobody
// else has registered the name.
func TestALateSuccessOfAnotherProcessCountsOnlyWhileNobodyHasTheName(t *testing.T) {
	refuse := factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error { return factstr.CodeInvalidState })
	for name, c := range map[string]struct {
		takeOver bool
		cursor   string
	}{"the name was taken over": {true, "0"}, "nobody has the name": {false, "3"}} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			store := openStore(t, path)
			facttest.Append(t, store, facttest.Batch(3, "a")...)
			late := proctest.Start(t, "late", path)
			late.Expect("delivered 3")
			_, err := sharetest.Register(store, "projection")
			facttest.WantError(t, err, factstr.CodeDurableStreamActive)
			late.Tell("unsubscribe")
			late.Expect("unsubscribed")
			if c.takeOver {
				// The name is free though the delivery goes on. This holder fails, so the cursor
				// stays before the batch.
				facttest.WantError(t, facttest.WaitEnd(t, facttest.DurableStream(t, store, "projection", factstr.AllEvents(), refuse)), factstr.CodeHandlerFailed)
			}
			late.Tell("return")
			late.Expect("ended <nil>")
			late.Finish()
			raw := openRaw(t, path)
			if cursor := raw.one("SELECT last_processed_sequence_number FROM subscriber_cursors"); cursor != c.cursor {
				t.Errorf("the cursor is at %s, want %s", cursor, c.cursor)
			}
			if got := compattest.Replayed(t, store, "projection", factstr.AllEvents()); len(got) != 1 && c.takeOver || len(got) != 0 && !c.takeOver {
				t.Errorf("then delivered %v", got)
			}
		})
	}
}

// G22: generations and slots rise whatever happened to their tables or the clock, so that none is
// given out twice.
func TestGenerationsAndLockNumbersRiseWhateverHappens(t *testing.T) {
	path := newPath(t)
	b := openTestBackend(t, path)
	raw := openRaw(t, path)
	generation := func(name string) uint64 {
		t.Helper()
		claim, err := b.ClaimStream(t.Context(), name, factstr.DurableQuery{Text: "{}", Exact: "{}"})
		if err != nil {
			t.Fatal(err)
		}
		claim.Release()
		return claim.Generation
	}
	before := generation("name")
	raw.exec("DELETE FROM factstr_durable_streams")
	if again := generation("name"); again <= before {
		t.Errorf("after the table was lost: %d, was %d", again, before)
	}
	const future = 1 << 59 // of a clock that was set back since
	raw.exec(fmt.Sprintf("UPDATE factstr_durable_streams SET generation = %d", future))
	if again := generation("name"); again != future+1 {
		t.Errorf("after the clock was set back: %d, was %d", again, future)
	}
	raw.exec(fmt.Sprintf("UPDATE factstr_durable_names SET slot = %d", future))
	generation("another")
	if slots := raw.one("SELECT count(DISTINCT slot) FROM factstr_durable_names WHERE slot >= " + fmt.Sprint(future)); slots != "2" {
		t.Errorf("%s lock numbers from the clock's former time on, want 2", slots)
	}
}

// G22 G24: no delivery starts once the name is another's, or the file another one.
func TestANameIsConfirmedOnlyWhileItAndTheFileAreOurs(t *testing.T) {
	path := newPath(t)
	b := openTestBackend(t, path)
	claim, err := b.ClaimStream(t.Context(), "name", factstr.DurableQuery{Text: "{}", Exact: "{}"})
	if err != nil {
		t.Fatal(err)
	}
	if err := claim.Confirm(t.Context()); err != nil {
		t.Error(err)
	}
	if runtime.GOOS == "windows" {
		if os.Rename(path, path+".moved") == nil {
			t.Fatal("the system let an open database be moved")
		}
	} else {
		if err := os.Rename(path, path+".moved"); err != nil {
			t.Fatal(err)
		}
		facttest.WantError(t, claim.Confirm(t.Context()), factstr.CodeLogTruncated)
		if err := os.Rename(path+".moved", path); err != nil {
			t.Fatal(err)
		}
	}
	b.leases.lose("name", int64(claim.Generation)+1) // of another registration
	if err := claim.Confirm(t.Context()); err != nil {
		t.Error(err)
	}
	b.leases.lose("name", int64(claim.Generation))
	facttest.WantError(t, claim.Confirm(t.Context()), factstr.CodeDurableStreamLost, "name")
}
