//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// atOnce has so many callers call at the same time, and returns when all of them have.
func atOnce(callers int, call func(caller int) error) error {
	failures := make([]error, callers)
	var running sync.WaitGroup
	for caller := range callers {
		running.Go(func() { failures[caller] = call(caller) })
	}
	running.Wait()
	return errors.Join(failures...)
}

// awaited has so many callers that each append a fact, wait for it and append the next: goroutines
// here, coroutines in Python, promises in Node.
func awaited(name string, callers int) workload {
	return workload{name: name, what: fmt.Sprintf("%d appends awaited at a time: goroutines, promises, asyncio",
		callers),
		unit: "events/s", call: "awaits", batch: 1, callers: callers, payloadBytes: smallPayload,
		languages: []string{"go", "node", "python"},
		measure: func(ctx context.Context, r run) (float64, error) {
			return rate(ctx, r, callers, 1, func(caller, n int) error {
				_, err := r.Append(ctx, []factstr.NewEvent{event(n%types, caller, smallPayload)})
				return err
			})
		}}
}

const (
	buyers = 80
	pieces = 50
)

// sellOut has 80 callers decide at once on a stock of 50, one stock after the other. Each of them
// gets a piece or learns that all are sold; a caller that gives up fails it.
func sellOut(ctx context.Context, r run) (float64, error) {
	start, stocks := time.Now(), 0
	for ; stocks == 0 || time.Since(start) < r.length; stocks++ {
		stock := contextOf(stocks, -1)
		sell := func(seen *factstr.QueryResult) ([]factstr.NewEvent, error) {
			if len(seen.EventRecords) == pieces {
				return nil, nil
			}
			return []factstr.NewEvent{event(0, stocks, smallPayload)}, nil
		}
		var sold atomic.Int64
		err := atOnce(buyers, func(int) error {
			result, err := r.Decide(ctx, stock, sell, factstr.DecideOptions{})
			sold.Add(int64(result.CommittedCount))
			return err
		})
		if err == nil && sold.Load() != pieces {
			err = fmt.Errorf("%d of %d pieces were sold", sold.Load(), pieces)
		}
		if err != nil {
			return 0, err
		}
	}
	return float64(stocks) * buyers / time.Since(start).Seconds(), nil
}
