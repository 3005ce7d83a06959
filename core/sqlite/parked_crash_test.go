package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func init() {
	roles["parker"] = parkUntilKilled
	roles["meddler"] = changeCursorsUntilKilled
}

// poisonEvery is how often a fact fails.
const poisonEvery = 3

// parkUntilKilled handles the facts of a log, and parks each third. It says what it has handled.
func parkUntilKilled(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	handle := func(_ context.Context, batch []factstr.EventRecord) error {
		number := batch[0].SequenceNumber
		if number%poisonEvery == 0 {
			side.Say("failed %d", number)
			return errors.New("poison")
		}
		side.Say("handled %d", number)
		return nil
	}
	for {
		stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "model"}, factstr.HandleFunc(handle),
			factstr.WithRetry(factstr.RetryPolicy{GiveUp: factstr.GiveUpPark}))
		if factstr.CodeOf(err) == factstr.CodeDurableStreamActive {
			continue // the meddler has it for a moment
		}
		if err != nil {
			return err
		}
		if err := stream.WaitReady(ctx); err != nil {
			return err
		}
		_, _ = side.Await() // it has handled all: it waits for its end
		return nil
	}
}

// changeCursorsUntilKilled resets, copies, deletes and marks, while others hold the names or not.
func changeCursorsUntilKilled(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	for {
		var err error
		name := fmt.Sprint("copy", rand.IntN(2))
		what := rand.IntN(5)
		switch what {
		case 0:
			err = store.CursorReset(ctx, "model", 0)
		case 1:
			err = store.CursorCopy(ctx, "model", name)
		case 2:
			err = store.CursorDelete(ctx, name)
		case 3:
			_, err = store.RedeliverAllParked(ctx, "model")
		case 4:
			_, err = store.DiscardAllParked(ctx, name)
			if err == nil {
				err = store.CursorDelete(ctx, name)
			}
		}
		switch factstr.CodeOf(err) {
		case "", factstr.CodeDurableStreamActive, factstr.CodeInvalidArgument, factstr.CodeInvalidState:
			side.Say("%d %s", what, factstr.CodeOf(err))
		default:
			return err
		}
	}
}

// G21 G22 G23: whenever a process is killed that parks batches, or changes cursors beside it, every
// fact up to a cursor was handled or is parked, and nothing above it is parked.
func TestAKilledProcessLeavesEachBatchHandledParkedOrToCome(t *testing.T) {
	lives := proctest.Rounds(15)
	if os.Getenv("FACTSTR_TORTURE") != "" {
		lives = 300
	}
	path := newPath(t)
	store := openStore(t, path)
	for range 200 {
		facttest.Append(t, store, facttest.Batch(1, "a")...)
	}
	facttest.Close(t, store)
	handled, parkedSeen, changes := map[uint64]bool{}, 0, 0
	for life := range lives {
		parker, meddler := proctest.Start(t, "parker", path), proctest.Start(t, "meddler", path)
		var lines []string
		for range rand.IntN(60) + 1 {
			line, ok := parker.Hear()
			if !ok {
				t.Fatalf("life %d ended by itself", life)
			}
			lines = append(lines, line)
		}
		lines = append(lines, parker.Kill()...)
		for range 3 { // now nobody holds the name
			if _, ok := meddler.Hear(); !ok {
				t.Fatalf("life %d: the meddler ended by itself", life)
			}
		}
		changes += len(meddler.Kill())
		for _, line := range lines {
			var number uint64
			if _, err := fmt.Sscanf(line, "handled %d", &number); err == nil {
				handled[number] = true
			}
		}
		store := openStore(t, path)
		all, err := store.Cursors(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, cursor := range all {
			parked, err := store.Parked(t.Context(), cursor.Name)
			if err != nil {
				t.Fatal(err)
			}
			there := map[uint64]bool{}
			for _, batch := range parked {
				there[batch.Position] = true
			}
			parkedSeen += len(parked)
			discarded := cursor.Name != "model" && len(parked) == 0 // the meddler's
			for number := uint64(1); number <= 200; number++ {
				poisoned := number%poisonEvery == 0
				if wanted := poisoned && number <= cursor.Cursor && !discarded; there[number] != wanted {
					t.Fatalf("life %d: %s is at %d, and whether %d is parked is %v", life, cursor.Name, cursor.Cursor, number, there[number])
				}
				if !poisoned && number <= cursor.Cursor && !handled[number] {
					t.Fatalf("life %d: %s is at %d, and %d was not handled", life, cursor.Name, cursor.Cursor, number)
				}
			}
		}
		facttest.Close(t, store)
	}
	if parkedSeen == 0 {
		t.Fatal("nothing was ever parked")
	}
	t.Logf("%d lives, %d parked batches seen, %d changes beside them", lives, parkedSeen, changes)
}
