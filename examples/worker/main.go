// Sells pieces and keeps a view of what is left: worker STORE VIEW [BACKUP]
//
// STORE is a PostgreSQL URL or the path of a SQLite file, VIEW the view's own SQLite file. It runs
// until SIGTERM or Ctrl-C; any number of them may run on one store and one view.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/sqlite"
)

func main() {
	args := append(os.Args[1:], "", "", "")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	if err := run(ctx, args[0], args[1], args[2]); err != nil && !errors.Is(err, context.Canceled) {
		slog.Error("the worker failed", "error", err)
		os.Exit(1)
	}
}

// run works until ctx ends. What it does at the end gets contexts of its own: ctx is over then.
func run(ctx context.Context, where, view, backup string) (err error) {
	store, err := open(ctx, where)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close(context.Background())) }()
	levels, err := openLevels(ctx, view)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, levels.Close()) }()

	stream, err := follow(ctx, store, levels)
	if err != nil {
		return err
	}
	// Close waits for the batch in hand, and stores the cursor.
	defer func() { err = errors.Join(err, stream.Close(context.Background())) }()
	if err := sell(ctx, store); err != nil {
		return err
	}
	if err := watch(ctx, store, stream, levels); err != nil || backup == "" {
		return err
	}
	made, err := store.Backup(context.Background(), backup)
	if errors.Is(err, factstr.CodeNotImplemented) { // PostgreSQL: its server makes backups
		slog.Warn("no backup was made", "error", err)
		return nil
	} else if err == nil {
		slog.Info("backup made", "path", backup, "head", made.Head.SequenceNumber)
	}
	return err
}

func open(ctx context.Context, where string) (*factstr.Store, error) {
	options := factstr.Options{Logger: slog.Default().With("service", "stock")}
	if strings.HasPrefix(where, "postgres") {
		return postgres.Open(ctx, where, postgres.Options{Options: options})
	}
	return sqlite.Open(ctx, where, sqlite.Options{Options: options})
}

// follow registers the view. While another worker has the name, it waits for it.
func follow(ctx context.Context, store *factstr.Store, levels levels) (*factstr.EventStream, error) {
	for {
		stream, err := store.StreamToDurable(ctx, factstr.DurableStream{Name: "levels"},
			factstr.OfTypes("StockReceived", "StockReserved"), levels,
			// What fails three times is put aside, and does not hold up all others.
			factstr.WithRetry(factstr.RetryPolicy{MaxAttempts: 2, GiveUp: factstr.GiveUpPark}))
		if !errors.Is(err, factstr.CodeDurableStreamActive) {
			return stream, err
		}
		slog.Info("another worker keeps the view; this one stands by")
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// sell receives 50 pieces, and a fact that no handler can read, and lets 80 buyers want a piece at
// once. Run again, it changes nothing.
func sell(ctx context.Context, store *factstr.Store) error {
	for _, payload := range []string{`{"sku": "tea", "pieces": 50}`, `{"sku": "tea", "pieces": "many"}`} {
		fact := factstr.NewEvent{EventType: "StockReceived", Payload: json.RawMessage(payload)}
		if err := appendOnce(ctx, store, fact); err != nil {
			return err
		}
	}
	var buyers sync.WaitGroup
	results := make([]error, 80)
	for i := range results {
		buyers.Go(func() { results[i] = reserve(ctx, store, reserved{fmt.Sprint("o-", i), "tea"}) })
	}
	buyers.Wait()
	sold := 0
	for _, err := range results {
		if err == nil {
			sold++
		} else if !errors.Is(err, errSoldOut) {
			return err
		}
	}
	slog.Info("sold", "pieces", sold)
	return nil
}

// watch tells each second how far the view is, until ctx or the stream ends.
func watch(ctx context.Context, store *factstr.Store, stream *factstr.EventStream, levels levels) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-stream.Done():
			return fmt.Errorf("the view stands still: %w", stream.Err())
		case <-time.After(time.Second):
		}
		now, err := store.Statistics(ctx)
		if err != nil {
			return err
		}
		left, err := levels.left(ctx, "tea")
		if err != nil {
			return err
		}
		for _, view := range now.Streams {
			slog.Info("view", "left", left, "lag", view.Lag, "parked", view.Parked, "head", now.Head.SequenceNumber)
		}
	}
}
