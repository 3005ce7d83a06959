package factstr_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
)

func open() *factstr.Store {
	store, err := memory.Open(memory.Options{})
	if err != nil {
		log.Fatal(err)
	}
	return store
}

func fact(eventType, payload string) factstr.NewEvent {
	return factstr.NewEvent{EventType: eventType, Payload: json.RawMessage(payload)}
}

// A command reads its context, decides, and appends only if the context is unchanged.
func ExampleStore_AppendIf() {
	ctx, store := context.Background(), open()
	seat := factstr.EventQuery{Filters: []factstr.EventFilter{{
		EventTypes:        []string{"SeatReserved"},
		PayloadPredicates: []json.RawMessage{json.RawMessage(`{"seat":"A1"}`)},
	}}}
	before, err := store.Query(ctx, seat)
	if err != nil {
		log.Fatal(err)
	}
	for _, by := range []string{"Ada", "Ben"} {
		reserved, err := factstr.Event("SeatReserved", map[string]string{"seat": "A1", "by": by})
		if err != nil {
			log.Fatal(err)
		}
		result, err := store.AppendIf(ctx, []factstr.NewEvent{reserved}, seat, before.CurrentContextVersion)
		var conflict *factstr.Error
		switch {
		case errors.Is(err, factstr.CodeConditionalAppendConflict) && errors.As(err, &conflict):
			fmt.Printf("%s is too late: version %d\n", by, *conflict.Conflict.ActualContextVersion)
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Printf("%s has the seat: fact %d\n", by, result.FirstSequenceNumber)
		}
	}
	// Output:
	// Ada has the seat: fact 1
	// Ben is too late: version 1
}

// Rows can be read in parts; the context version always speaks of the whole context.
func ExampleStore_Query() {
	ctx, store := context.Background(), open()
	if _, err := store.Append(ctx, []factstr.NewEvent{fact("a", `1`), fact("b", `2`), fact("a", `3`)}); err != nil {
		log.Fatal(err)
	}
	result, err := store.Query(ctx, factstr.OfTypes("a").AtMost(1))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(result.EventRecords), *result.LastReturnedSequenceNumber, *result.CurrentContextVersion)
	// Output: 1 1 3
}

// A durable stream replays what was committed after its cursor, and goes on live.
func ExampleStore_StreamToDurable() {
	ctx, store := context.Background(), open()
	if _, err := store.Append(ctx, []factstr.NewEvent{fact("a", `1`), fact("b", `2`)}); err != nil {
		log.Fatal(err)
	}
	stream, err := store.StreamToDurable(ctx, factstr.DurableStream{Name: "read-model"}, factstr.OfTypes("a"),
		factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
			fmt.Println("handled", batch[0].SequenceNumber)
			return nil
		}))
	if err != nil {
		log.Fatal(err)
	}
	if err := stream.WaitReady(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("replayed to", stream.Progress().Position)
	// Output:
	// handled 1
	// replayed to 2
}

// Without a handler batches are taken in a loop. Going on to the next batch acknowledges the one
// before.
func ExampleEventStream_Batches() {
	ctx, store := context.Background(), open()
	stream, err := store.StreamAll(ctx, nil)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := store.Append(ctx, []factstr.NewEvent{fact("a", `1`), fact("b", `2`)}); err != nil {
		log.Fatal(err)
	}
	for batch, err := range stream.Batches(ctx) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(len(batch.Records), "facts")
		stream.Unsubscribe()
	}
	// Output: 2 facts
}
