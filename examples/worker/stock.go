package main

import (
	"context"
	"errors"

	factstr "github.com/factstr/factstr-go/core"
)

var errSoldOut = errors.New("sold out")

type received struct {
	SKU    string `json:"sku"`
	Pieces int    `json:"pieces"`
}

type reserved struct {
	Order string `json:"order"`
	SKU   string `json:"sku"`
}

// changed returns whose pieces a fact changes, and by how many.
func changed(record factstr.EventRecord) (sku string, pieces int, err error) {
	if record.EventType == "StockReserved" {
		fact, err := factstr.Decode[reserved](record)
		return fact.SKU, -1, err
	}
	fact, err := factstr.Decode[received](record)
	return fact.SKU, fact.Pieces, err
}

// appendOnce appends a fact unless one that holds the same is there.
func appendOnce(ctx context.Context, store *factstr.Store, fact factstr.NewEvent) error {
	same := factstr.OfTypes(fact.EventType).Where(fact.Payload)
	_, err := store.AppendIf(ctx, []factstr.NewEvent{fact}, same, nil)
	if errors.Is(err, factstr.CodeConditionalAppendConflict) {
		return nil
	}
	return err
}

// reserve takes a piece for an order, once, if there is one.
func reserve(ctx context.Context, store *factstr.Store, order reserved) error {
	moves := factstr.OfTypes("StockReceived", "StockReserved").Where(map[string]string{"sku": order.SKU})
	_, err := store.Decide(ctx, moves, func(seen *factstr.QueryResult) ([]factstr.NewEvent, error) {
		left := 0
		for _, record := range seen.EventRecords {
			if fact, err := factstr.Decode[reserved](record); err == nil && fact.Order == order.Order {
				return nil, nil // it has one
			}
			if _, pieces, err := changed(record); err == nil { // what nobody can read adds nothing
				left += pieces
			}
		}
		if left < 1 {
			return nil, errSoldOut
		}
		fact, err := factstr.Event("StockReserved", order)
		return []factstr.NewEvent{fact}, err
	}, factstr.DecideOptions{})
	return err
}
