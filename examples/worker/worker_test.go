package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/factstrtest"
)

func TestNobodyGetsAPieceThatIsNotThere(t *testing.T) {
	sold := factstrtest.Given(t, factstrtest.Fact("StockReceived", received{"tea", 50})).
		WhenAtOnce(80, func(ctx context.Context, store *factstr.Store, i int) error {
			return reserve(ctx, store, reserved{fmt.Sprint("o-", i), "tea"})
		})
	if got := len(sold.Appended()); got != 50 {
		t.Errorf("%d of 50 pieces were sold", got)
	}
	for _, err := range sold.Errors() {
		if err != nil && !errors.Is(err, errSoldOut) {
			t.Error(err)
		}
	}
}

func TestAParkedBatchCountsOnceHoweverOftenItComes(t *testing.T) { // G21 G23
	ctx, store := t.Context(), factstrtest.Open(t)
	view, err := openLevels(ctx, filepath.Join(t.TempDir(), "levels.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close()
	var mended atomic.Bool
	counted := make(chan uint64, 10)
	follow := func() *factstr.EventStream {
		stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "levels"}, factstr.HandleFunc(
			func(ctx context.Context, batch []factstr.EventRecord) error {
				if batch[0].SequenceNumber == 1 && !mended.Load() {
					return errors.New("no shelf for it")
				}
				err := view.HandleStream(ctx, batch)
				counted <- factstr.DeliveryPosition(ctx)
				return err
			}), factstr.WithRetry(factstr.RetryPolicy{GiveUp: factstr.GiveUpPark}))
		if err != nil {
			t.Fatal(err)
		}
		return stream
	}
	wantCounted := func(positions ...uint64) {
		t.Helper()
		for _, want := range positions {
			select {
			case got := <-counted:
				if got != want {
					t.Fatalf("batch %d was counted, not %d", got, want)
				}
			case <-time.After(time.Minute):
				t.Fatalf("batch %d was not counted within a minute", want)
			}
		}
	}
	wantLeft := func(want int) {
		t.Helper()
		if got, err := view.left(ctx, "tea"); got != want || err != nil {
			t.Fatalf("%d are left, not %d: %v", got, want, err)
		}
	}
	for _, pieces := range []int{5, 7} {
		fact := factstrtest.Fact("StockReceived", received{"tea", pieces})
		if err := appendOnce(ctx, store, fact); err != nil {
			t.Fatal(err)
		}
	}

	stream := follow()
	wantCounted(2) // the first batch is parked
	wantLeft(7)
	mended.Store(true)
	if _, err := store.RedeliverAllParked(ctx, "levels"); err != nil {
		t.Fatal(err)
	}
	wantCounted(1)
	if err := stream.Close(ctx); err != nil {
		t.Fatal(err)
	}
	wantLeft(12)

	if err := store.CursorReset(ctx, "levels", 0); err != nil { // as a crash before the cursor was stored
		t.Fatal(err)
	}
	stream = follow()
	wantCounted(1, 2)
	if err := stream.Close(ctx); err != nil {
		t.Fatal(err)
	}
	wantLeft(12)
}
