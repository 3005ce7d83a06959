package snippets

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/sqlite"
)

// The parts of docs/go.md, each run as an example.

// #region decide

type movement struct {
	Account string `json:"account"`
	Amount  int    `json:"amount"`
}

var errTooLittle = errors.New("the account does not hold that much")

// withdraw withdraws if the balance allows it, whoever else deposits and withdraws meanwhile.
func withdraw(ctx context.Context, store *factstr.Store, account string, amount int) error {
	movements := factstr.OfTypes("Deposited", "Withdrawn").Where(map[string]string{"account": account})
	_, err := store.Decide(ctx, movements, func(seen *factstr.QueryResult) ([]factstr.NewEvent, error) {
		balance := 0
		for _, record := range seen.EventRecords {
			moved, err := factstr.Decode[movement](record)
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
		fact, err := factstr.Event("Withdrawn", movement{account, amount})
		return []factstr.NewEvent{fact}, err
	}, factstr.DecideOptions{})
	return err
}

// #endregion

func Example_decide() {
	// #region open
	ctx := context.Background()
	path := filepath.Join(os.TempDir(), fmt.Sprintf("facts-%d.db", os.Getpid()))
	store, err := sqlite.Open(ctx, path, sqlite.Options{Options: factstr.Options{Logger: slog.Default()}})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() {
		if err := store.Close(ctx); err != nil {
			fmt.Println(err)
		}
	}()
	// #endregion
	defer os.Remove(path)
	fact, err := factstr.Event("Deposited", movement{"a1", 50})
	if err != nil {
		fmt.Println(err)
		return
	}
	if _, err := store.Append(ctx, []factstr.NewEvent{fact}); err != nil {
		fmt.Println(err)
	}

	// #region errors
	err = withdraw(ctx, store, "a1", 70)
	switch {
	case errors.Is(err, errTooLittle):
		fmt.Println("refused by the rule")
	case errors.Is(err, factstr.CodeConditionalAppendConflict):
		fmt.Println("others were faster at every attempt")
	case errors.Is(err, factstr.CodeBusy), errors.Is(err, factstr.CodeTimeout):
		fmt.Println("nothing was written; try again")
	case err != nil:
		fmt.Println(err)
	}
	// #endregion

	// #region batches
	stream, err := store.StreamToDurable(ctx, factstr.DurableStream{Name: "balances"}, factstr.OfTypes("Deposited"), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	for batch, err := range stream.Batches(ctx) {
		if err != nil {
			fmt.Println(err)
			break
		}
		for _, record := range batch.Records {
			fmt.Println(record.SequenceNumber, record.EventType)
		}
		batch.Ack() // leaving the loop does not acknowledge
		break
	}
	// #endregion

	// Output:
	// refused by the rule
	// 1 Deposited
}
