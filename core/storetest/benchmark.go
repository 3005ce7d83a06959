package storetest

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// payload256 is a payload of 256 bytes that names what it is about.
func payload256(about int) string {
	text := fmt.Sprintf(`{"about":{"id":"item-%08d"},"filler":"`, about)
	return text + strings.Repeat("x", 256-len(text)-2) + `"}`
}

// Benchmark measures a store kind: appends of several sizes, conditional appends of one and of many
// callers, and a selective query. Each reports events/s beside the time of an operation.
func Benchmark(b *testing.B, newLog func(t testing.TB) Log) {
	for _, size := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("append of %d", size), func(b *testing.B) { benchmarkAppend(b, newLog(b), size) })
	}
	for _, callers := range []int{1, 64} {
		b.Run(fmt.Sprintf("conditional append of 1 by %d callers", callers),
			func(b *testing.B) { benchmarkConditional(b, newLog(b), callers) })
	}
	b.Run("selective query in 100000 facts", func(b *testing.B) { benchmarkQuery(b, newLog(b), 100_000) })
	b.Run("replay", func(b *testing.B) { benchmarkReplay(b, newLog(b)) })
}

func reportEvents(b *testing.B, events int) {
	b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
}

func benchmarkAppend(b *testing.B, log Log, size int) {
	store := open(b, log)
	events := make([]factstr.NewEvent, size)
	for i := range events {
		events[i] = facttest.Fact("benchmarked", payload256(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.Append(b.Context(), events); err != nil {
			b.Fatal(err)
		}
	}
	reportEvents(b, b.N*size)
}

// benchmarkConditional lets each caller append to a context of its own, expecting the version that
// its last append made.
func benchmarkConditional(b *testing.B, log Log, callers int) {
	store := open(b, log)
	var next atomic.Int64
	var running sync.WaitGroup
	before := mustMeasure(b, store)
	b.ResetTimer()
	for caller := range callers {
		running.Go(func() {
			events := []factstr.NewEvent{facttest.Fact("benchmarked", payload256(caller))}
			query := factstr.EventQuery{Filters: []factstr.EventFilter{{
				EventTypes: []string{"benchmarked"}, PayloadPredicates: facttest.JSONTexts(fmt.Sprintf(`{"about":{"id":"item-%08d"}}`, caller)),
			}}}
			var version *uint64
			for next.Add(1) <= int64(b.N) {
				result, err := store.AppendIf(b.Context(), events, query, version)
				if err != nil {
					b.Error(err)
					return
				}
				version = &result.LastSequenceNumber
			}
		})
	}
	running.Wait()
	b.StopTimer()
	reportEvents(b, b.N)
	after := mustMeasure(b, store)
	b.ReportMetric(float64(after.Appends-before.Appends)/float64(max(1, after.Commits-before.Commits)),
		"appends/commit")
}

// fill appends facts of which every thousandth is of a rare type.
func fill(b *testing.B, store *factstr.Store, facts int) {
	b.Helper()
	for at := 0; at < facts; {
		events := make([]factstr.NewEvent, 1000)
		for i := range events {
			eventType := "common"
			if i == 500 {
				eventType = "rare"
			}
			events[i] = facttest.Fact(eventType, payload256(at))
			at++
		}
		if _, err := store.Append(b.Context(), events); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkQuery(b *testing.B, log Log, facts int) {
	store := open(b, log)
	fill(b, store, facts)
	query := factstr.OfTypes("rare").AtMost(10)
	for b.Loop() {
		result, err := store.Query(b.Context(), query)
		if err != nil || len(result.EventRecords) != 10 {
			b.Fatal(len(result.EventRecords), err)
		}
	}
	reportEvents(b, 10*b.N)
}

// benchmarkReplay measures a durable stream that replays a log of batches of ten.
func benchmarkReplay(b *testing.B, log Log) {
	store := open(b, log)
	const facts, size = 50_000, 10
	for at := 0; at < facts; at += size {
		events := make([]factstr.NewEvent, size)
		for i := range events {
			events[i] = facttest.Fact("replayed", payload256(at+i))
		}
		if err := store.AppendAsync(b.Context(), events, func(factstr.AppendResult, error) {}); err != nil {
			b.Fatal(err)
		}
	}
	facttest.Append(b, store, facttest.Fact("last", `{}`))
	replays := 0
	for b.Loop() {
		replays++
		r := newRecorder()
		stream, err := store.StreamAllDurable(b.Context(), factstr.DurableStream{Name: fmt.Sprint("replay ", replays)},
			r)
		if err != nil {
			b.Fatal(err)
		}
		if err := stream.WaitReady(b.Context()); err != nil {
			b.Fatal(err)
		}
		end(b, stream)
	}
	reportEvents(b, replays*facts)
}
