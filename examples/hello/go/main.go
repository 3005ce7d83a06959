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

func main() {
	if err := reserve(context.Background(), append(os.Args, "hello.db")[1]); err != nil {
		log.Fatal(err)
	}
}

func reserve(ctx context.Context, path string) (err error) {
	store, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close(ctx)) }()
	seat := factstr.EventQuery{Filters: []factstr.EventFilter{{
		EventTypes:        []string{"SeatReserved"},
		PayloadPredicates: []json.RawMessage{json.RawMessage(`{"seat": "A1"}`)},
	}}}

	seen, err := store.Query(ctx, seat) // what this decision depends on
	if err != nil {
		return err
	}
	if len(seen.EventRecords) > 0 {
		fmt.Println("seat A1 is taken")
		return nil
	}
	// Two people decide on what was seen. It holds for the first of them only.
	for _, by := range []string{"Ada", "Ben"} {
		fact, err := factstr.Event("SeatReserved", map[string]string{"seat": "A1", "by": by})
		if err != nil {
			return err
		}
		_, err = store.AppendIf(ctx, []factstr.NewEvent{fact}, seat, seen.CurrentContextVersion)
		switch {
		case err == nil:
			fmt.Printf("%s has seat A1\n", by)
		case errors.Is(err, factstr.CodeConditionalAppendConflict):
			fmt.Printf("%s is too late: seat A1 is taken\n", by)
		default:
			return err
		}
	}
	return nil
}
