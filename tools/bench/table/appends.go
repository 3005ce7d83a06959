//go:build unix

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// rate has callers call until the time is over; n counts the calls of one caller. It returns the
// facts a second of calls of so many facts.
func rate(ctx context.Context, r run, callers, factsACall int, call func(caller, n int) error) (float64, error) {
	var calls atomic.Int64
	var failure atomic.Pointer[error]
	var running sync.WaitGroup
	start := time.Now()
	for caller := range callers {
		running.Go(func() {
			n := 0
			for ; time.Since(start) < r.length && ctx.Err() == nil; n++ {
				if err := call(caller, n); err != nil {
					failure.Store(&err)
					break
				}
			}
			calls.Add(int64(n))
		})
	}
	running.Wait()
	if err := failure.Load(); err != nil {
		return 0, *err
	}
	return float64(calls.Load()) * float64(factsACall) / time.Since(start).Seconds(), nil
}

func appends(name, what string, batch, callers, payloadBytes int) workload {
	return workload{name: name, what: what, unit: "events/s", call: "append", batch: batch, callers: callers, payloadBytes: payloadBytes,
		measure: func(ctx context.Context, r run) (float64, error) {
			return rate(ctx, r, callers, batch, func(caller, n int) error {
				events := make([]factstr.NewEvent, batch)
				for i := range events {
					events[i] = event(i%types, (n*batch+i)%1000, payloadBytes)
				}
				_, err := r.Append(ctx, events)
				return err
			})
		}}
}

// conditionals have a context for each caller, so they never conflict.
func conditionals(name string, callers int) workload {
	return workload{name: name, what: fmt.Sprintf("append_if by so many callers at once, each with its own context: %d", callers), unit: "events/s",
		call: "conditional", batch: 1, callers: callers, payloadBytes: smallPayload,
		measure: func(ctx context.Context, r run) (float64, error) {
			versions := make([]*uint64, callers)
			return rate(ctx, r, callers, 1, func(caller, n int) error {
				fact := event(n%types, caller, smallPayload)
				result, err := r.AppendIf(ctx, []factstr.NewEvent{fact}, contextOf(caller, -1), versions[caller])
				versions[caller] = factstr.Version(result.LastSequenceNumber)
				return err
			})
		}}
}

// decides have one caller that reads a context and appends to it, each time the next context.
func decides(name, what string, accountOf func(n int) int) workload {
	return workload{name: name, what: what, unit: "cycles/s", call: name, batch: 1, callers: 1, payloadBytes: smallPayload,
		measure: func(ctx context.Context, r run) (float64, error) {
			return rate(ctx, r, 1, 1, func(_, n int) error { return decide(ctx, r.Store, accountOf(n)) })
		}}
}

// deciders do the same at once, each with a context of its own.
func deciders(name string, callers int) workload {
	return workload{name: name, what: fmt.Sprintf("%d callers, each with a query before its append_if", callers),
		unit: "cycles/s", call: "deciders", batch: 1, callers: callers, payloadBytes: smallPayload,
		measure: func(ctx context.Context, r run) (float64, error) {
			return rate(ctx, r, callers, 1, func(caller, _ int) error { return decide(ctx, r.Store, caller) })
		}}
}

// decide reads a context and appends to it.
func decide(ctx context.Context, store *factstr.Store, account int) error {
	// The limit keeps a context that grows from making the query slower.
	query := contextOf(account, -1)
	result, err := store.Query(ctx, query.AtMost(1))
	if err != nil {
		return err
	}
	fact := event(0, account, smallPayload)
	_, err = store.AppendIf(ctx, []factstr.NewEvent{fact}, query, result.CurrentContextVersion)
	return err
}

func zipf(ctx context.Context, r run) (float64, error) {
	const callers = 64
	draws := make([]*rand.Zipf, callers)
	for i := range draws {
		draws[i] = rand.NewZipf(rand.New(rand.NewPCG(uint64(i), 1)), 1.1, 1, 9_999)
	}
	return rate(ctx, r, callers, 1, func(caller, _ int) error {
		account := int(draws[caller].Uint64())
		for ctx.Err() == nil {
			err := decide(ctx, r.Store, account)
			if factstr.CodeOf(err) != factstr.CodeConditionalAppendConflict {
				return err
			}
		}
		return ctx.Err()
	})
}

func mostlyReads(ctx context.Context, r run) (float64, error) {
	const callers = 64
	versions := make([]*uint64, callers)
	return rate(ctx, r, callers, 1, func(caller, n int) error {
		query := contextOf(caller, -1)
		if n%10 != 0 {
			_, err := r.Query(ctx, query.AtMost(1))
			return err
		}
		result, err := r.AppendIf(ctx, []factstr.NewEvent{event(0, caller, smallPayload)}, query, versions[caller])
		versions[caller] = factstr.Version(result.LastSequenceNumber)
		return err
	})
}
