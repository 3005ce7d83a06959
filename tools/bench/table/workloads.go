//go:build unix

package main

import (
	"context"
	"time"
)

// workload is one line for each store and each way to it.
type workload struct {
	name, what string
	unit       string
	events     int      // in the log before
	oneByOne   bool     // those were appended so, and not a thousand at once
	stores     []string // the only ones that have it; nil means all
	languages  []string // the only ones whose program knows the call; nil means all
	ownLog     bool     // appends so much that the log is not used again
	measure    func(ctx context.Context, r run) (float64, error)
	// What the programs of the other languages are called with, if they know the workload.
	call                         string
	batch, callers, payloadBytes int
}

func (w workload) log() contents { return contents{w.events, w.oneByOne} }

// run is one measurement: a store, and how long it may take.
type run struct {
	opened
	kind   string
	length time.Duration
	events int
}

// sizes are the lengths of logs that a cost is measured against.
var sizes = []struct {
	name   string
	events int
}{
	{"1k", 1_000},
	{"10k", 10_000},
	{"100k", 100_000},
	{"1m", 1_000_000},
	{"3m", 3_000_000},
	{"10m", 10_000_000},
}

var workloads = list()

func list() []workload {
	all := []workload{
		appends("append", "one caller appends one fact", 1, 1, smallPayload),
		appends("append-4k", "the same with a payload of 4 KB", 1, 1, 4<<10),
		appends("append-64k", "the same with a payload of 64 KB", 1, 1, 64<<10),
		appends("batch-100", "one caller appends 100 facts at once", 100, 1, smallPayload),
		appends("batch-1000", "one caller appends 1,000 facts at once", 1000, 1, smallPayload),
		decides("decide-fresh", "query and append_if of a context without facts",
			func(n int) int { return 1_000_000 + n }),
		decides("decide-existing", "the same with 100 contexts that grow", func(n int) int { return n % 100 }),
		conditionals("callers-1", 1),
		conditionals("callers-4", 4),
		conditionals("callers-16", 16),
		conditionals("callers-64", 64),
		conditionals("callers-256", 256),
		conditionals("callers-1024", 1024),
		deciders("deciders-64", 64),
		{name: "zipf-64", what: "the same; contexts by Zipf's law of 10,000, conflicts are decided again", unit: "cycles/s", measure: zipf},
		awaited("awaits-1000", 1000),
		{name: "decide-80", what: "80 callers decide on 50 pieces until all are sold, and none gives up", unit: "decisions/s",
			measure: sellOut, call: "sell-out", batch: 1, callers: 80, languages: []string{"go", "node", "python"}},
		{name: "reads-90", what: "64 callers, nine queries to each append_if", unit: "calls/s", measure: mostlyReads},
	}
	ofSize := []func(size string, events int) workload{selects, selectedAppends, opens, coldOpens, coldSelects}
	for _, shape := range ofSize {
		for _, size := range sizes {
			all = append(all, shape(size.name, size.events))
		}
	}
	for _, size := range []int{2, 3} { // 100k, 1m
		all = append(all, indexes(sizes[size].name, sizes[size].events))
	}
	return append(all,
		workload{name: "query-all", what: "one query of all of 100,000 facts", unit: "events/s", events: 100_000,
			measure: queryAll, call: "query-all", batch: 1, callers: 1},
		workload{name: "replay", what: "a durable stream replays 100,000 facts", unit: "events/s", events: 100_000,
			measure: replay, call: "replay", batch: 1, callers: 1},
		workload{name: "replay-singles", what: "the same of facts that were appended one by one, so a batch each",
			unit: "events/s", events: 100_000, oneByOne: true, measure: replay, call: "replay", batch: 1, callers: 1},
		workload{name: "replay-iterated", what: "the same by iteration: range in Go, for await in Node, async for in Python",
			unit: "events/s", events: 100_000, oneByOne: true, measure: replayIterated, call: "replay-iterated",
			batch: 1, callers: 1, languages: []string{"go", "node", "python"}},
		workload{name: "catch-up", what: "the same while 16 callers append", unit: "events/s", events: 100_000,
			ownLog: true, measure: catchUp},
		workload{name: "append-catch-up", what: "what those 16 callers append meanwhile", unit: "events/s",
			events: 100_000, ownLog: true, measure: appendBesideCatchUp},
		workload{name: "delivery", what: "from the call of append to the handler of a stream, median",
			unit: microseconds, measure: delivery},
		listened("streams-1", 1), listened("streams-10", 10),
		listened("streams-100", 100), listened("streams-1000", 1000),
	)
}

func measureGo(ctx context.Context, logs *logs, w workload, kind string, length time.Duration) (float64, error) {
	lent, err := logs.lend(ctx, kind, w.log(), w.ownLog)
	if err != nil {
		return 0, err
	}
	defer lent.done()
	return w.measure(ctx, run{opened: lent, kind: kind, length: length, events: w.events})
}
