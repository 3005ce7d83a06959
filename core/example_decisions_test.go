package factstr_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	factstr "github.com/factstr/factstr-go/core"
)

// Movement is the payload of a Deposited or Withdrawn fact.
type Movement struct {
	Account string `json:"account"`
	Amount  int    `json:"amount"`
}

func movement(eventType, account string, amount int) factstr.NewEvent {
	event, err := factstr.Event(eventType, Movement{account, amount})
	if err != nil {
		log.Fatal(err)
	}
	return event
}

// A rule over all movements of an account, kept whoever else deposits and withdraws meanwhile.
func ExampleStore_Decide() {
	ctx, store := context.Background(), open()
	if _, err := store.Append(ctx, []factstr.NewEvent{movement("Deposited", "a", 50)}); err != nil {
		log.Fatal(err)
	}
	errTooLittle := errors.New("the account does not hold that much")
	withdraw := func(amount int) error {
		movements := factstr.OfTypes("Deposited", "Withdrawn").Where(map[string]string{"account": "a"})
		_, err := store.Decide(ctx, movements, func(seen *factstr.QueryResult) ([]factstr.NewEvent, error) {
			balance := 0
			for _, record := range seen.EventRecords {
				moved, err := factstr.Decode[Movement](record)
				if err != nil {
					return nil, err
				}
				if record.EventType == "Withdrawn" {
					moved.Amount = -moved.Amount
				}
				balance += moved.Amount
			}
			if balance < amount {
				return nil, errTooLittle
			}
			return []factstr.NewEvent{movement("Withdrawn", "a", amount)}, nil
		}, factstr.DecideOptions{})
		return err
	}
	fmt.Println(withdraw(30))
	fmt.Println(withdraw(30))
	// Output:
	// <nil>
	// the account does not hold that much
}

// A command that is sent twice counts once: its id is in its fact, and no fact may have it yet. No
// table of keys is needed.
func ExampleStore_AppendWhen() {
	ctx, store := context.Background(), open()
	deposit := func() {
		event, err := factstr.Event("Deposited", map[string]any{"account": "a", "amount": 10, "command": "c-17"})
		if err != nil {
			log.Fatal(err)
		}
		_, err = store.AppendWhen(ctx, []factstr.NewEvent{event}, []factstr.AppendCondition{
			{FailIfEventsMatch: factstr.Where(map[string]string{"command": "c-17"})},
		})
		var refused *factstr.Error
		switch {
		case errors.Is(err, factstr.CodeConditionalAppendConflict) && errors.As(err, &refused):
			fmt.Println("done before, as fact", *refused.Conflict.ActualContextVersion)
		case err != nil:
			log.Fatal(err)
		default:
			fmt.Println("deposited")
		}
	}
	deposit()
	deposit()
	// Output:
	// deposited
	// done before, as fact 1
}

// Types and payloads as values of Go, and alternatives of different shape in one query.
func ExampleWhere() {
	ctx, store := context.Background(), open()
	if _, err := store.Append(ctx, []factstr.NewEvent{
		movement("Deposited", "a", 50), movement("Deposited", "b", 20), fact("Closed", `{"accounts":["a","c"]}`),
	}); err != nil {
		log.Fatal(err)
	}
	ofA := factstr.AnyOf(
		factstr.OfTypes("Deposited", "Withdrawn").Where(map[string]string{"account": "a"}),
		factstr.Where(map[string][]string{"accounts": {"a"}}), // an array that holds "a"
	)
	result, err := store.Query(ctx, ofA)
	if err != nil {
		log.Fatal(err)
	}
	for _, record := range result.EventRecords {
		fmt.Println(record.SequenceNumber, record.EventType)
	}
	// Output:
	// 1 Deposited
	// 3 Closed
}

// A log of any length is read in bounded memory.
func ExampleStore_Read() {
	ctx, store := context.Background(), open()
	for i := range 3 {
		if _, err := store.Append(ctx, []factstr.NewEvent{movement("Deposited", "a", i)}); err != nil {
			log.Fatal(err)
		}
	}
	total := 0
	for record, err := range store.Read(ctx, factstr.OfTypes("Deposited")) {
		if err != nil {
			log.Fatal(err)
		}
		moved, err := factstr.Decode[Movement](record)
		if err != nil {
			log.Fatal(err)
		}
		total += moved.Amount
	}
	fmt.Println(total)
	// Output: 3
}

// Explain runs a query and says what it read.
func ExampleStore_Explain() {
	ctx, store := context.Background(), open()
	if _, err := store.Append(ctx, []factstr.NewEvent{movement("Deposited", "a", 1), movement("Deposited", "b",
		2)}); err != nil {
		log.Fatal(err)
	}
	explained, err := store.Explain(ctx, factstr.Where(map[string]string{"account": "b"}))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(explained.Plan, explained.Matches)
	// Output: terms 1
}
