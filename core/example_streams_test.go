package factstr_test

import (
	"context"
	"fmt"
	"log"

	factstr "github.com/factstr/factstr-go/core"
)

// A projection that keeps its position with its own data goes on from there: it stores both in one
// transaction, so each fact counts exactly once.
func ExampleStore_StreamFrom() {
	ctx, store := context.Background(), open()
	for i := range 3 {
		if _, err := store.Append(ctx, []factstr.NewEvent{movement("Deposited", "a", 10*(i+1))}); err != nil {
			log.Fatal(err)
		}
	}
	total, position := 10, uint64(1) // read from the projection's own database
	stream, err := store.StreamFrom(ctx, position, factstr.OfTypes("Deposited"),
		factstr.HandleFunc(func(ctx context.Context, batch []factstr.EventRecord) error {
			for _, record := range batch {
				moved, err := factstr.Decode[Movement](record)
				if err != nil {
					return err
				}
				total += moved.Amount
			}
			position = factstr.DeliveryPosition(ctx)
			return nil
		}))
	if err != nil {
		log.Fatal(err)
	}
	if err := stream.WaitReady(ctx); err != nil {
		log.Fatal(err)
	}
	stream.Unsubscribe()
	fmt.Println(total, position)
	// Output: 60 3
}

// A caller that must see its own write in a view waits until the view's stream has handled it.
func ExampleEventStream_WaitFor() {
	ctx, store := context.Background(), open()
	seen := 0
	stream, err := store.StreamAll(ctx, factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error {
		seen++
		return nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	appended, err := store.Append(ctx, []factstr.NewEvent{fact("a", `1`)})
	if err != nil {
		log.Fatal(err)
	}
	if err := stream.WaitFor(ctx, appended.LastSequenceNumber); err != nil {
		log.Fatal(err)
	}
	fmt.Println(seen)
	// Output: 1
}

// The same for a durable stream, also of another process: its cursor is looked at.
func ExampleStore_WaitForCursor() {
	ctx, store := context.Background(), open()
	if _, err := store.StreamToDurable(ctx, factstr.DurableStream{Name: "read-model"}, factstr.AllEvents(),
		factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error { return nil })); err != nil {
		log.Fatal(err)
	}
	appended, err := store.Append(ctx, []factstr.NewEvent{fact("a", `1`)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(store.WaitForCursor(ctx, "read-model", appended.LastSequenceNumber))
	// Output: <nil>
}

// Statistics say how a store and its streams are doing.
func ExampleStore_Statistics() {
	ctx, store := context.Background(), open()
	if _, err := store.Append(ctx, []factstr.NewEvent{fact("a", `1`), fact("a", `2`)}); err != nil {
		log.Fatal(err)
	}
	statistics, err := store.Statistics(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(statistics.Head.SequenceNumber)
	// Output: 2
}
