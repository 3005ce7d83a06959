// The first steps with FACTSTR in Go: go run ./examples/quickstart/go [DATABASE]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/sqlite"
)

type reservation struct {
	Concert string `json:"concert"`
	Seat    string `json:"seat"`
	By      string `json:"by"`
}

func main() {
	path := "quickstart.db"
	if len(os.Args) > 1 {
		path = os.Args[1]
	}
	if err := run(context.Background(), path); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, path string) error {
	store, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	defer store.Close(ctx)

	// Facts are appended in batches. A batch is committed whole or not at all.
	appended, err := store.Append(ctx, []factstr.NewEvent{
		{EventType: "ConcertAnnounced", Payload: json.RawMessage(`{"concert": "c-7", "seats": ["A1", "A2", "A3"]}`)},
		reserved("A1", "Ada"),
	})
	if err != nil {
		return err
	}
	fmt.Printf("appended facts %d to %d\n", appended.FirstSequenceNumber, appended.LastSequenceNumber)

	// Before a decision, read the facts that matter to it: its context. Here, whether seat A2 is reserved.
	seatA2 := factstr.EventQuery{Filters: []factstr.EventFilter{{
		EventTypes:        []string{"SeatReserved"},
		PayloadPredicates: []json.RawMessage{json.RawMessage(`{"concert": "c-7", "seat": "A2"}`)},
	}}}
	before, err := store.Query(ctx, seatA2)
	if err != nil {
		return err
	}
	fmt.Printf("seat A2: %d facts, version %s\n", len(before.EventRecords), shown(before.CurrentContextVersion))

	// The decision is appended only if the context is still what was read. Ben is first, Cleo decided on the same view and is too late.
	for _, by := range []string{"Ben", "Cleo"} {
		result, err := store.AppendIf(ctx, []factstr.NewEvent{reserved("A2", by)}, seatA2, before.CurrentContextVersion)
		var failure *factstr.Error
		switch {
		case err == nil:
			fmt.Printf("%s has seat A2: fact %d\n", by, result.FirstSequenceNumber)
		case errors.As(err, &failure) && failure.Conflict != nil:
			conflict := failure.Conflict
			fmt.Printf("%s is too late: expected version %s, found version %s\n",
				by, shown(conflict.ExpectedContextVersion), shown(conflict.ActualContextVersion))
		default:
			return err
		}
	}

	if err := readSeatPlan(ctx, store); err != nil {
		return err
	}
	// Started again, the stream gets only what it has not handled yet.
	if _, err := store.Append(ctx, []factstr.NewEvent{reserved("A3", "Dora")}); err != nil {
		return err
	}
	return readSeatPlan(ctx, store)
}

// readSeatPlan shows a durable stream: it delivers what was committed after its stored cursor and then goes on live.
func readSeatPlan(ctx context.Context, store *factstr.Store) error {
	show := func(_ context.Context, batch []factstr.EventRecord) error {
		for _, record := range batch {
			var seat reservation
			if err := json.Unmarshal(record.Payload, &seat); err != nil {
				return err
			}
			fmt.Printf("seat plan: %s is %s's\n", seat.Seat, seat.By)
		}
		return nil
	}
	stream, err := store.StreamToDurable(ctx, factstr.DurableStream{Name: "seat-plan"}, factstr.OfTypes("SeatReserved"), factstr.HandleFunc(show))
	if err != nil {
		return err
	}
	if err := stream.WaitReady(ctx); err != nil { // the replay is done
		return err
	}
	return stream.Close(ctx)
}

func reserved(seat, by string) factstr.NewEvent {
	event, err := factstr.Event("SeatReserved", reservation{Concert: "c-7", Seat: seat, By: by})
	if err != nil {
		panic(err) // a struct of strings always marshals
	}
	return event
}

func shown(version *uint64) string {
	if version == nil {
		return "none"
	}
	return fmt.Sprint(*version)
}
