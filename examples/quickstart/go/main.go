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

func run(ctx context.Context, path string) (err error) {
	store, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close(ctx)) }()

	if err := announce(ctx, store); err != nil {
		return err
	}
	if err := reserve(ctx, store, "A2", "Ben", "Cleo"); err != nil {
		return err
	}
	if err := readSeatPlan(ctx, store); err != nil {
		return err
	}
	// Started again, the stream gets only what it has not handled yet.
	if err := reserve(ctx, store, "A3", "Dora"); err != nil {
		return err
	}
	return readSeatPlan(ctx, store)
}

// announce appends a batch, which is committed whole or not at all, here only if nobody has
// announced the concert yet.
func announce(ctx context.Context, store *factstr.Store) error {
	batch := []factstr.NewEvent{
		{EventType: "ConcertAnnounced", Payload: json.RawMessage(`{"concert": "c-7", "seats": ["A1", "A2", "A3"]}`)},
		reserved("A1", "Ada"),
	}
	appended, err := store.AppendIf(ctx, batch, matching("ConcertAnnounced", `{"concert": "c-7"}`), nil)
	if conflict := conflictOf(err); conflict != nil {
		fmt.Printf("concert c-7 is announced already, by fact %s\n", shown(conflict.ActualContextVersion))
		return nil
	}
	if err == nil {
		fmt.Printf("appended facts %d to %d\n", appended.FirstSequenceNumber, appended.LastSequenceNumber)
	}
	return err
}

// reserve reads the facts that matter to the decision: its context. The decision is appended only
// if that is still what was read.
func reserve(ctx context.Context, store *factstr.Store, seat string, people ...string) error {
	query := matching("SeatReserved", fmt.Sprintf(`{"concert": "c-7", "seat": %q}`, seat))
	before, err := store.Query(ctx, query)
	if err != nil {
		return err
	}
	if len(before.EventRecords) > 0 {
		fmt.Printf("seat %s is taken, by fact %s\n", seat, shown(before.CurrentContextVersion))
		return nil
	}
	// They all decide on the same view. The first one's decision changes it.
	for _, by := range people {
		result, err := store.AppendIf(ctx, []factstr.NewEvent{reserved(seat, by)}, query, before.CurrentContextVersion)
		if conflict := conflictOf(err); conflict != nil {
			fmt.Printf("%s is too late: expected version %s, found version %s\n",
				by, shown(conflict.ExpectedContextVersion), shown(conflict.ActualContextVersion))
		} else if err != nil {
			return err
		} else {
			fmt.Printf("%s has seat %s: fact %d\n", by, seat, result.FirstSequenceNumber)
		}
	}
	return nil
}

// readSeatPlan shows a durable stream: it delivers what was committed after its stored cursor and
// then goes on live.
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

func matching(eventType, predicate string) factstr.EventQuery {
	return factstr.EventQuery{Filters: []factstr.EventFilter{{
		EventTypes:        []string{eventType},
		PayloadPredicates: []json.RawMessage{json.RawMessage(predicate)},
	}}}
}

// conflictOf is nil for every other error.
func conflictOf(err error) *factstr.ConditionalAppendConflict {
	var failure *factstr.Error
	if errors.As(err, &failure) {
		return failure.Conflict
	}
	return nil
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
