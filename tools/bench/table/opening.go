//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

// onDisk are the stores whose log is a file that can be opened again.
var onDisk = []string{"sqlite"}

// opens opens a log that is there, and asks for a context, since a store may build what it needs
// for that only then.
func opens(size string, events int) workload {
	return workload{name: "open-" + size,
		what: fmt.Sprintf("opening a log of %d facts and the first query, median", events),
		unit: microseconds, events: events, stores: []string{"sqlite", "postgres"},
		measure: func(ctx context.Context, r run) (float64, error) {
			return timed(r, opensMax, func() (time.Duration, error) { return timedOpening(ctx, r) })
		}}
}

const opensMax = 5

func timedOpening(ctx context.Context, r run) (time.Duration, error) {
	begun := time.Now()
	store, err := openStore(ctx, r.kind, r.where)
	if err != nil {
		return 0, err
	}
	_, err = store.Query(ctx, contextOf(0, 0))
	took := time.Since(begun)
	if closing := store.Close(ctx); err == nil {
		err = closing
	}
	return took, err
}

// coldOpens do the same after the system forgot the files, as after it was started.
func coldOpens(size string, events int) workload {
	return workload{name: "cold-open-" + size,
		what: fmt.Sprintf("the same with no file in the page cache: %d facts", events),
		unit: microseconds, events: events, stores: onDisk,
		measure: func(ctx context.Context, r run) (float64, error) {
			// Closed, so that what only this process holds is not in memory either.
			if err := r.Close(ctx); err != nil {
				return 0, err
			}
			return timed(r, opensMax, func() (time.Duration, error) {
				if err := dropPageCache(r.where); err != nil {
					return 0, err
				}
				return timedOpening(ctx, r)
			})
		}}
}

// coldSelects ask an open store for one context after the other, each with no file in the page
// cache: what a log costs that is much larger than the memory. The store keeps what it has read
// into memory of its own.
func coldSelects(size string, events int) workload {
	return workload{name: "cold-select-" + size,
		what: fmt.Sprintf("a query as select, no file in the page cache: %d facts", events),
		unit: microseconds, events: events, stores: onDisk,
		measure: func(ctx context.Context, r run) (float64, error) {
			if _, err := timedSelect(ctx, r.Store, events); err != nil {
				return 0, err
			}
			return timed(r, selectsMax, func() (time.Duration, error) {
				if err := dropPageCache(r.where); err != nil {
					return 0, err
				}
				return timedSelect(ctx, r.Store, events)
			})
		}}
}

// indexes open a log whose index was lost, and wait until it covers the log again.
func indexes(size string, events int) workload {
	return workload{name: "index-" + size,
		what: fmt.Sprintf("the index of a log of %d facts is built from nothing", events),
		unit: "events/s", events: events, stores: onDisk,
		measure: func(ctx context.Context, r run) (float64, error) {
			if err := r.Close(ctx); err != nil {
				return 0, err
			}
			if err := os.RemoveAll(r.where + "-index"); err != nil {
				return 0, err
			}
			begun := time.Now()
			store, err := openStore(ctx, r.kind, r.where)
			if err != nil {
				return 0, err
			}
			err = awaitIndex(ctx, store)
			took := time.Since(begun)
			if closing := store.Close(ctx); err == nil {
				err = closing
			}
			return float64(events) / took.Seconds(), err
		}}
}
