//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

const (
	selectsMax = 300
	appendsMax = 200
)

// selects finds 10 of an account's 100 facts, however many there are besides.
func selects(size string, events int) workload {
	return workload{name: "select-" + size,
		what: fmt.Sprintf("a query that finds 10 facts among %d, median", events),
		unit: microseconds, events: events, call: "select", batch: 1, callers: 1,
		measure: func(ctx context.Context, r run) (float64, error) {
			return timed(r, selectsMax, func() (time.Duration, error) { return timedSelect(ctx, r.Store, events) })
		}}
}

func timedSelect(ctx context.Context, store *factstr.Store, events int) (time.Duration, error) {
	query := contextOf(rand.IntN(accountsOf(events)), rand.IntN(types))
	begun := time.Now()
	result, err := store.Query(ctx, query)
	took := time.Since(begun)
	if err == nil && len(result.EventRecords) < factsOfAccount/types {
		err = fmt.Errorf("a query found %d facts", len(result.EventRecords))
	}
	return took, err
}

// selectedAppends append on such a context, which was read before.
func selectedAppends(size string, events int) workload {
	return workload{name: "append-if-" + size,
		what: fmt.Sprintf("append_if on such a context among %d facts, median", events),
		unit: microseconds, events: events, call: "select-append", batch: 1, callers: 1, payloadBytes: smallPayload,
		measure: func(ctx context.Context, r run) (float64, error) {
			return timed(r, appendsMax, func() (time.Duration, error) {
				account, eventType := rand.IntN(accountsOf(events)), rand.IntN(types)
				query := contextOf(account, eventType)
				result, err := r.Query(ctx, query)
				if err != nil {
					return 0, err
				}
				begun := time.Now()
				fact := event(eventType, account, smallPayload)
				_, err = r.AppendIf(ctx, []factstr.NewEvent{fact}, query, result.CurrentContextVersion)
				return time.Since(begun), err
			})
		}}
}

const timedMin = 20

// timed returns the median of calls in microseconds: of many calls, fewer if the time is over. One
// call that the machine held up is not to be the figure, so a few are waited for.
func timed(r run, callsMax int, call func() (time.Duration, error)) (float64, error) {
	var times []float64
	for start := time.Now(); len(times) < callsMax && (len(times) == 0 || time.Since(start) < r.length ||
		len(times) < timedMin && time.Since(start) < 10*r.length); {
		took, err := call()
		if err != nil {
			return 0, err
		}
		times = append(times, float64(took)/1e3)
	}
	return median(times), nil
}

func queryAll(ctx context.Context, r run) (float64, error) {
	start := time.Now()
	result, err := r.Query(ctx, factstr.AllEvents())
	if err != nil {
		return 0, err
	}
	return float64(len(result.EventRecords)) / time.Since(start).Seconds(), nil
}
