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

// workload is one line for each store and each way to it.
type workload struct {
	name, what string
	unit       string
	events     int  // in the log before
	onDisk     bool // not for the memory store
	measure    func(ctx context.Context, r run) (float64, error)
	// What tools/bench/c/calls.c is called with, if it knows the workload.
	call                         string
	batch, callers, payloadBytes int
}

// run is one measurement: a store, and how long it may take.
type run struct {
	opened
	kind   string
	length time.Duration
	events int
}

var workloads = []workload{
	appends("append", "one caller appends one fact", 1, 1, smallPayload),
	appends("append-4k", "the same with a payload of 4 KB", 1, 1, 4<<10),
	appends("append-64k", "the same with a payload of 64 KB", 1, 1, 64<<10),
	appends("batch-100", "one caller appends 100 facts at once", 100, 1, smallPayload),
	appends("batch-1000", "one caller appends 1,000 facts at once", 1000, 1, smallPayload),
	{name: "decide-fresh", what: "query and append_if of a context without facts", unit: "cycles/s",
		measure: func(ctx context.Context, r run) (float64, error) {
			return rate(ctx, r, 1, 1, func(_, n int) error { return decide(ctx, r.Store, 1_000_000+n) })
		}},
	{name: "decide-existing", what: "the same with 100 contexts that grow", unit: "cycles/s",
		measure: func(ctx context.Context, r run) (float64, error) {
			return rate(ctx, r, 1, 1, func(_, n int) error { return decide(ctx, r.Store, n%100) })
		}},
	conditionals("callers-1", 1), conditionals("callers-64", 64), conditionals("callers-256", 256), conditionals("callers-1024", 1024),
	{name: "deciders-64", what: "64 callers, each with a query before its append_if", unit: "cycles/s",
		measure: func(ctx context.Context, r run) (float64, error) {
			return rate(ctx, r, 64, 1, func(caller, _ int) error { return decide(ctx, r.Store, caller) })
		}},
	{name: "zipf-64", what: "the same; contexts by Zipf's law of 10,000, conflicts are decided again", unit: "cycles/s", measure: zipf},
	{name: "reads-90", what: "64 callers, nine queries to each append_if", unit: "calls/s", measure: mostlyReads},
	selects("select-1k", 1_000), selects("select-100k", 100_000), selects("select-1m", 1_000_000),
	selectedAppends("append-if-1k", 1_000), selectedAppends("append-if-100k", 100_000), selectedAppends("append-if-1m", 1_000_000),
	opens("open-1k", 1_000), opens("open-100k", 100_000), opens("open-1m", 1_000_000),
	{name: "query-all", what: "one query of all of 100,000 facts", unit: "events/s", events: 100_000, measure: queryAll},
	{name: "replay", what: "a durable stream replays 100,000 facts", unit: "events/s", events: 100_000, measure: replay},
	{name: "delivery", what: "from the call of append to the handler of a stream, median", unit: microseconds, measure: delivery},
	listened("streams-1", 1), listened("streams-100", 100), listened("streams-1000", 1000),
}

func measureGo(ctx context.Context, logs *logs, w workload, kind string, length time.Duration) (float64, error) {
	lent, err := logs.lend(ctx, kind, w.events)
	if err != nil {
		return 0, err
	}
	defer lent.done()
	return w.measure(ctx, run{opened: lent, kind: kind, length: length, events: w.events})
}

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
		call: "append_if_account", batch: 1, callers: callers, payloadBytes: smallPayload,
		measure: func(ctx context.Context, r run) (float64, error) {
			versions := make([]*uint64, callers)
			return rate(ctx, r, callers, 1, func(caller, n int) error {
				result, err := r.AppendIf(ctx, []factstr.NewEvent{event(n%types, caller, smallPayload)}, contextOf(caller, -1), versions[caller])
				versions[caller] = factstr.Version(result.LastSequenceNumber)
				return err
			})
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
	_, err = store.AppendIf(ctx, []factstr.NewEvent{event(0, account, smallPayload)}, query, result.CurrentContextVersion)
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

const (
	selectsMax = 300
	appendsMax = 200
)

// selects finds 10 of an account's 100 facts, however many there are besides.
func selects(name string, events int) workload {
	return workload{name: name, what: fmt.Sprintf("a query that finds 10 facts among %d, median", events), unit: microseconds, events: events,
		measure: func(ctx context.Context, r run) (float64, error) {
			return timed(r, selectsMax, func() (time.Duration, error) {
				begun := time.Now()
				result, err := r.Query(ctx, contextOf(rand.IntN(accountsOf(events)), rand.IntN(types)))
				if err == nil && len(result.EventRecords) < factsOfAccount/types {
					err = fmt.Errorf("a query found %d facts", len(result.EventRecords))
				}
				return time.Since(begun), err
			})
		}}
}

// selectedAppends append on such a context, which was read before.
func selectedAppends(name string, events int) workload {
	return workload{name: name, what: fmt.Sprintf("append_if on such a context among %d facts, median", events), unit: microseconds, events: events,
		measure: func(ctx context.Context, r run) (float64, error) {
			return timed(r, appendsMax, func() (time.Duration, error) {
				account, eventType := rand.IntN(accountsOf(events)), rand.IntN(types)
				query := contextOf(account, eventType)
				result, err := r.Query(ctx, query)
				if err != nil {
					return 0, err
				}
				begun := time.Now()
				_, err = r.AppendIf(ctx, []factstr.NewEvent{event(eventType, account, smallPayload)}, query, result.CurrentContextVersion)
				return time.Since(begun), err
			})
		}}
}

// timed returns the median of calls in microseconds: of many calls, fewer if the time is over.
func timed(r run, callsMax int, call func() (time.Duration, error)) (float64, error) {
	var times []float64
	for start := time.Now(); len(times) < callsMax && (len(times) == 0 || time.Since(start) < r.length); {
		took, err := call()
		if err != nil {
			return 0, err
		}
		times = append(times, float64(took)/1e3)
	}
	return median(times), nil
}

// opens opens a log that is there, and asks for a context, since a store may build what it needs
// for that only then.
func opens(name string, events int) workload {
	return workload{name: name, what: fmt.Sprintf("opening a log of %d facts and the first query, median", events), unit: microseconds, events: events, onDisk: true,
		measure: func(ctx context.Context, r run) (float64, error) {
			return timed(r, 5, func() (time.Duration, error) {
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
			})
		}}
}

func queryAll(ctx context.Context, r run) (float64, error) {
	start := time.Now()
	result, err := r.Query(ctx, factstr.AllEvents())
	if err != nil {
		return 0, err
	}
	return float64(len(result.EventRecords)) / time.Since(start).Seconds(), nil
}

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
	took := time.Since(start)
	_ = stream.Close(ctx)
	return float64(count.Load()) / took.Seconds(), err
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
				stream, err := r.StreamTo(ctx, contextOf(account, -1), factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error { return nil }))
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
