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

func replay(ctx context.Context, r run) (float64, error) {
	var count atomic.Int64
	start := time.Now()
	stream, err := r.StreamAllDurable(ctx, factstr.DurableStream{Name: fmt.Sprint("replay-", start.UnixNano())},
		factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
			count.Add(int64(len(batch)))
			return nil
		}))
	if err != nil {
		return 0, err
	}
	err = stream.WaitReady(ctx)
	replayed, took := count.Load(), time.Since(start)
	_ = stream.Close(ctx)
	return float64(replayed) / took.Seconds(), err
}

// replayIterated takes the batches of a stream in a loop.
func replayIterated(ctx context.Context, r run) (float64, error) {
	start, count := time.Now(), 0
	stream, err := r.StreamAllDurable(ctx, factstr.DurableStream{Name: fmt.Sprint("replay-", start.UnixNano())}, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = stream.Close(ctx) }()
	for batch, err := range stream.Batches(ctx) {
		if err != nil {
			return 0, err
		}
		if count += len(batch.Records); count >= r.events {
			break
		}
	}
	return float64(count) / time.Since(start).Seconds(), stream.Err()
}

// catchUp replays while others append. The stream is ready when it has handled what was committed
// before it was registered, so appends that are faster than it cannot hold it up for ever.
func catchUp(ctx context.Context, r run) (replayed float64, err error) {
	_, err = besideAppends(ctx, r, func() (bool, error) {
		replayed, err = replay(ctx, r)
		return false, err
	})
	return replayed, err
}

// appendBesideCatchUp returns what the others append while one stream after the other replays.
func appendBesideCatchUp(ctx context.Context, r run) (float64, error) {
	start := time.Now()
	return besideAppends(ctx, r, func() (bool, error) {
		_, err := replay(ctx, r)
		return time.Since(start) < r.length, err
	})
}

// besideAppends has 16 callers append until work, which is called again and again, says that it is
// done. It returns how many facts a second they appended.
func besideAppends(ctx context.Context, r run, work func() (again bool, err error)) (float64, error) {
	appending, stop := context.WithCancel(ctx)
	var failure error
	var working sync.WaitGroup
	working.Go(func() {
		defer stop()
		for again := true; again && failure == nil; {
			again, failure = work()
		}
	})
	r.length = time.Hour // the work decides
	appended, err := rate(appending, r, 16, 1, func(caller, n int) error {
		_, err := r.Append(ctx, []factstr.NewEvent{event(n%types, caller, smallPayload)})
		return err
	})
	stop()
	working.Wait()
	return appended, errors.Join(err, failure)
}

func delivery(ctx context.Context, r run) (float64, error) {
	arrivals := make(chan time.Time, 1)
	stream, err := r.StreamAll(ctx, factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error {
		arrivals <- time.Now()
		return nil
	}))
	if err != nil {
		return 0, err
	}
	defer func() { _ = stream.Close(ctx) }()
	return timed(r, 2000, func() (time.Duration, error) {
		begun := time.Now()
		if _, err := r.Append(ctx, []factstr.NewEvent{event(0, 0, smallPayload)}); err != nil {
			return 0, err
		}
		return (<-arrivals).Sub(begun), nil
	})
}

// listened appends while so many live streams listen, each to an account of its own.
func listened(name string, streams int) workload {
	return workload{name: name, what: fmt.Sprintf("64 callers append while streams with different predicates listen: %d", streams), unit: "events/s",
		measure: func(ctx context.Context, r run) (float64, error) {
			for account := range streams {
				nothing := func(context.Context, []factstr.EventRecord) error { return nil }
				stream, err := r.StreamTo(ctx, contextOf(account, -1), factstr.HandleFunc(nothing))
				if err != nil {
					return 0, err
				}
				defer func() { _ = stream.Close(ctx) }()
			}
			return rate(ctx, r, 64, 1, func(caller, n int) error {
				_, err := r.Append(ctx, []factstr.NewEvent{event(0, (caller*7919+n)%1000, smallPayload)})
				return err
			})
		}}
}
