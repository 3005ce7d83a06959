//go:build unix

package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// In the filled log each account has a hundred facts, spread over the whole log. Ten of them are of
// the type "deposited".
const factsOfAccount = 100

// fill makes an empty log hold so many facts; one that has some is filled up.
func fill(ctx context.Context, url string, events int) error {
	store, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		return err
	}
	if err := store.Close(ctx); err != nil {
		return err
	}
	accounts := max(1, events/factsOfAccount)
	// Written by the server itself, since only what is there counts here.
	err = pgtest.Exec(ctx, url, fmt.Sprintf(`TRUNCATE events, append_batches;
		INSERT INTO events SELECT n, TIMESTAMPTZ '2026-01-01' + n * INTERVAL '1 ms', CASE WHEN (n / %[1]d) %% 10 = 0 THEN 'deposited' ELSE 'of-type-' || n %% 50 END,
			jsonb_build_object('accountId', 'account-' || lpad((n %% %[1]d)::TEXT, 8, '0'), 'amount', n, 'filler', repeat('x', %[2]d)) FROM generate_series(1, %[3]d) n;
		INSERT INTO append_batches SELECT n, n + 9 FROM generate_series(1, %[3]d, 100) n`, accounts, payloadBytes-60, events))
	if err != nil {
		return err
	}
	// As autovacuum leaves it: statistics, and no list of index entries that are still to be sorted
	// in.
	return pgtest.Exec(ctx, url, "VACUUM ANALYZE events")
}

func accountQuery(account int) factstr.EventQuery {
	return factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{"deposited"}, PayloadPredicates: []json.RawMessage{json.RawMessage(fmt.Sprintf(`{"accountId":"account-%08d"}`, account))}}}}
}

const readRounds = 400

// reads measures a store that has just opened the log, so that hardly anything is in memory: with
// the index on payloads as vacuum leaves it, with one whose newest entries are not sorted in yet,
// and both with the index that a Rust store makes.
func (b *bench) reads(ctx context.Context, events int) error {
	const rebuild = "DROP INDEX idx_events_payload_gin; CREATE INDEX idx_events_payload_gin ON events USING gin (payload %s)"
	pending := fmt.Sprintf(`INSERT INTO events SELECT n, TIMESTAMPTZ '2027-01-01' + n * INTERVAL '1 ms', 'late', jsonb_build_object('accountId', 'late-' || n, 'amount', n, 'filler', repeat('x', %d))
		FROM generate_series((SELECT max(sequence_number) FROM events) + 1, (SELECT max(sequence_number) FROM events) + 10000) n`, payloadBytes-60)
	for _, step := range []struct{ label, change string }{
		{"", ""}, {", 10,000 entries pending", pending},
		{", jsonb_ops", fmt.Sprintf(rebuild, "jsonb_ops")}, {", jsonb_ops, 10,000 entries pending", pending},
		{"", fmt.Sprintf(rebuild, "jsonb_path_ops") + "; CHECKPOINT"}, // not what comes next is measured with
	} {
		if err := pgtest.Exec(ctx, b.url, cmp.Or(step.change, "SELECT 1")); err != nil {
			return err
		}
		if step.change == "" || step.label != "" {
			if err := b.readsOnce(ctx, events, step.label); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) readsOnce(ctx context.Context, events int, label string) error {
	store, err := postgres.Open(ctx, b.url, postgres.Options{Options: factstr.Options{TailEvents: 1}})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close(ctx) }()
	accounts := max(1, events/factsOfAccount)
	var alone, queries, conditionals, latest []time.Duration
	query := func(round int, times *[]time.Duration) (*factstr.QueryResult, error) {
		begun := time.Now()
		result, err := store.Query(ctx, accountQuery(round*7919%accounts))
		*times = append(*times, time.Since(begun))
		if err == nil && len(result.EventRecords) != factsOfAccount/10 && events%factsOfAccount == 0 && events >= 1000*factsOfAccount {
			err = fmt.Errorf("%d facts of an account, want %d", len(result.EventRecords), factsOfAccount/10)
		}
		return result, err
	}
	for round := range readRounds {
		if _, err := query(round, &alone); err != nil {
			return err
		}
	}
	for round := range readRounds {
		result, err := query(round, &queries)
		if err != nil {
			return err
		}
		begun := time.Now()
		_, err = store.AppendIf(ctx, []factstr.NewEvent{{EventType: "measured", Payload: payload(round)}}, accountQuery(round*7919%accounts), result.CurrentContextVersion)
		if err != nil {
			return err
		}
		conditionals = append(conditionals, time.Since(begun))
		begun = time.Now()
		if _, err := store.Query(ctx, factstr.OfTypes(fmt.Sprintf("of-type-%d", round%50)).AtMost(1)); err != nil {
			return err
		}
		latest = append(latest, time.Since(begun))
	}
	for _, row := range []struct {
		name  string
		times []time.Duration
	}{{"selective query, 10 of 100 candidates", alone}, {"the same between appends", queries}, {"append_if on that context", conditionals}, {"first of a type and its version", latest}} {
		times := sorted(row.times)
		fmt.Printf("%-60s p50 %9v  p99 %9v\n", row.name+label, percentile(times, 50), percentile(times, 99))
	}
	return nil
}

// replayed is what a process that replayed the log says.
type replayed struct {
	Events  int
	Seconds float64
	RSS     int64 // KiB, the highest
	Heap    uint64
}

func (b *bench) replay(context.Context) error {
	var r replayed
	if err := child("replay", &r, b.url); err != nil {
		return err
	}
	fmt.Printf("replay of %d facts by a durable stream: %.0f events/s, heap in use at most %d MiB, resident %d MiB\n", r.Events, float64(r.Events)/r.Seconds, r.Heap>>20, r.RSS>>10)
	return nil
}

func replayAll(arguments []string) error {
	ctx := context.Background()
	store, err := postgres.Open(ctx, arguments[0], postgres.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close(ctx) }()
	var r replayed
	var stats runtime.MemStats
	deliveries := 0
	start := time.Now()
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: fmt.Sprint("replay-", os.Getpid())}, factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		r.Events += len(batch)
		if deliveries++; deliveries%50_000 == 0 {
			runtime.ReadMemStats(&stats)
			r.Heap = max(r.Heap, stats.HeapInuse)
		}
		return nil
	}))
	if err != nil {
		return err
	}
	if err := stream.WaitReady(ctx); err != nil {
		return err
	}
	r.Seconds = time.Since(start).Seconds()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return err
	}
	r.RSS = int64(usage.Maxrss)
	return json.NewEncoder(os.Stdout).Encode(r)
}

// deliveries measures from before an append here to the handler in another process.
func (b *bench) deliveries(ctx context.Context) error {
	command := exec.CommandContext(ctx, os.Args[0], "-role", "follow", "--", b.url)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}()
	lines := bufio.NewScanner(output)
	if !lines.Scan() {
		return fmt.Errorf("the follower said nothing")
	}
	store, err := postgres.Open(ctx, b.url, postgres.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close(ctx) }()
	var times []time.Duration
	for round := range readRounds {
		begun := time.Now()
		if _, err := store.Append(ctx, []factstr.NewEvent{{EventType: "delivered", Payload: payload(round)}}); err != nil {
			return err
		}
		if !lines.Scan() {
			return fmt.Errorf("the follower ended")
		}
		at, err := strconv.ParseInt(strings.TrimSpace(lines.Text()), 10, 64)
		if err != nil {
			return err
		}
		times = append(times, time.Unix(0, at).Sub(begun))
		time.Sleep(2 * time.Millisecond) // not in step with what the follower does
	}
	times = sorted(times)
	fmt.Printf("append call to handler in another process: p50 %v, p99 %v\n", percentile(times, 50), percentile(times, 99))
	return nil
}

func follow(arguments []string) error {
	ctx := context.Background()
	store, err := postgres.Open(ctx, arguments[0], postgres.Options{})
	if err != nil {
		return err
	}
	stream, err := store.StreamTo(ctx, factstr.OfTypes("delivered"), factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error {
		fmt.Println(time.Now().UnixNano())
		return nil
	}))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	<-stream.Done()
	return stream.Err()
}
