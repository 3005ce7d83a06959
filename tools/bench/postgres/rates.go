//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

const payloadBytes = 256

// load is a number of callers in a number of processes. Every caller has a context of its own, so
// conditional appends never conflict.
type load struct {
	events      int
	conditional bool
	callers     int // of each process
	processes   int
	shape       string // "A": without the append function
}

// outcome is what one process did.
type outcome struct {
	Calls   int
	Commits int
	Seconds float64
	Times   []time.Duration // of a sample of the calls
}

func rateHeader() {
	fmt.Printf("%-34s %9s %8s %10s %10s %9s %9s %14s\n", "call", "processes", "callers", "events/s", "calls/s", "p50", "p99", "fewest/most")
}

// rate starts the processes at once and prints what they did together.
func (b *bench) rate(ctx context.Context, l load) error {
	url := b.url
	if l.shape == "A" {
		if err := withoutFunction(ctx, url); err != nil {
			return err
		}
		url = pgtest.WithUser(url, "factstr_bench", "")
	}
	arguments := []string{url, strconv.Itoa(l.events), strconv.FormatBool(l.conditional), strconv.Itoa(l.callers), b.length.String()}
	outcomes := make([]outcome, l.processes)
	failures := make([]error, l.processes)
	var running sync.WaitGroup
	for i := range l.processes {
		running.Go(func() { failures[i] = child("append", &outcomes[i], arguments...) })
	}
	running.Wait()
	var times []time.Duration
	calls, rate, fewest, most := 0, 0.0, 0, 0
	for i, o := range outcomes {
		if failures[i] != nil {
			return failures[i]
		}
		calls += o.Calls
		rate += float64(o.Calls) / o.Seconds
		times = append(times, o.Times...)
		if i == 0 || o.Calls < fewest {
			fewest = o.Calls
		}
		most = max(most, o.Calls)
	}
	name := fmt.Sprintf("append of %d", l.events)
	if l.conditional {
		name = "conditional " + name
	}
	if l.shape != "" {
		name += ", " + l.shape
	}
	times = sorted(times)
	fairness := ""
	if l.processes > 1 {
		fairness = fmt.Sprintf("%.2f", float64(fewest)/float64(most))
	}
	fmt.Printf("%-34s %9d %8d %10.0f %10.0f %9v %9v %14s\n", name, l.processes, l.callers, rate*float64(l.events), rate, percentile(times, 50), percentile(times, 99), fairness)
	return nil
}

// withoutFunction makes a role that has all rights but to create in the schema, once the store is
// there, and takes the function away from it.
func withoutFunction(ctx context.Context, url string) error {
	store, err := postgres.Open(ctx, url, postgres.Options{})
	if err != nil {
		return err
	}
	if err := store.Close(ctx); err != nil {
		return err
	}
	return pgtest.Exec(ctx, url, `DO $$ BEGIN CREATE ROLE factstr_bench LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
		GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO factstr_bench;
		REVOKE CREATE ON SCHEMA public FROM PUBLIC; REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC`)
}

// pgbench measures single-row commits into a table of the store's form.
func (b *bench) pgbench(ctx context.Context, clients int) error {
	drop, err := b.fresh(ctx)
	if err != nil {
		return err
	}
	defer drop()
	err = pgtest.Exec(ctx, b.url, `CREATE SEQUENCE numbers; CREATE TABLE events (sequence_number BIGINT PRIMARY KEY, occurred_at TIMESTAMPTZ NOT NULL, event_type TEXT NOT NULL, payload JSONB NOT NULL);
		CREATE INDEX ON events (event_type); CREATE INDEX ON events (occurred_at); CREATE INDEX ON events USING gin (payload)`)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "pgbench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	text := fmt.Sprintf("INSERT INTO events VALUES (nextval('numbers'), clock_timestamp(), 'of-caller-' || :client_id, '%s');\n", payload(1))
	if err := os.WriteFile(file.Name(), []byte(text), 0o600); err != nil {
		return err
	}
	command := exec.CommandContext(ctx, pgbenchPath(), "-n", "-M", "prepared", "-f", file.Name(), "-c", strconv.Itoa(clients), "-j", strconv.Itoa(min(clients, 2)),
		"-T", strconv.Itoa(max(1, int(b.length.Seconds()))), b.url)
	answer, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("pgbench: %w: %s", err, answer)
	}
	found := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(answer)
	if found == nil {
		return fmt.Errorf("pgbench answered %s", answer)
	}
	rate, _ := strconv.ParseFloat(string(found[1]), 64)
	fmt.Printf("%-34s %9d %8d %10.0f %10.0f\n", "pgbench, one row a commit", 1, clients, rate, rate)
	return nil
}

func pgbenchPath() string {
	if path, err := exec.LookPath("pgbench"); err == nil {
		return path
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
	if len(found) > 0 {
		return found[len(found)-1]
	}
	return "pgbench"
}

func payload(about int) json.RawMessage {
	text := fmt.Sprintf(`{"accountId":"account-%08d","filler":"`, about)
	return json.RawMessage(text + strings.Repeat("x", payloadBytes-len(text)-2) + `"}`)
}

// child runs this program in a role and reads what it prints.
func child(role string, into any, arguments ...string) error {
	command := exec.Command(os.Args[0], append([]string{"-role", role, "--"}, arguments...)...)
	command.Stderr = os.Stderr
	answer, err := command.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", role, err)
	}
	return json.NewDecoder(bytes.NewReader(answer)).Decode(into)
}

func play(role string, arguments []string) error {
	switch role {
	case "append":
		return appendFor(arguments)
	case "follow":
		return follow(arguments)
	case "replay":
		return replayAll(arguments)
	}
	return fmt.Errorf("there is no such role")
}

// samplesMax bounds the times that a process remembers.
const samplesMax = 20_000

func appendFor(arguments []string) error {
	ctx := context.Background()
	events, _ := strconv.Atoi(arguments[1])
	conditional := arguments[2] == "true"
	callers, _ := strconv.Atoi(arguments[3])
	length, _ := time.ParseDuration(arguments[4])
	store, err := postgres.Open(ctx, arguments[0], postgres.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close(ctx) }()
	var mu sync.Mutex
	var o outcome
	var running sync.WaitGroup
	failures := make(chan error, callers)
	start := time.Now()
	for caller := range callers {
		running.Go(func() {
			eventType := fmt.Sprintf("of-caller-%d-%d", os.Getpid(), caller)
			query := factstr.OfTypes(eventType)
			var expected *uint64
			var times []time.Duration
			calls := 0
			for number := 0; time.Since(start) < length; number++ {
				batch := make([]factstr.NewEvent, events)
				for i := range batch {
					batch[i] = factstr.NewEvent{EventType: eventType, Payload: payload(number*events + i)}
				}
				begun := time.Now()
				var result factstr.AppendResult
				var err error
				if conditional {
					result, err = store.AppendIf(ctx, batch, query, expected)
				} else {
					result, err = store.Append(ctx, batch)
				}
				if err != nil {
					failures <- err
					return
				}
				expected = factstr.Version(result.LastSequenceNumber)
				if calls++; len(times) < samplesMax/callers {
					times = append(times, time.Since(begun))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			o.Calls += calls
			o.Times = append(o.Times, times...)
		})
	}
	running.Wait()
	o.Seconds = time.Since(start).Seconds()
	statistics, err := store.Statistics(ctx)
	if err != nil {
		return err
	}
	o.Commits = int(statistics.Commits)
	select {
	case err := <-failures:
		return err
	default:
		return json.NewEncoder(os.Stdout).Encode(o)
	}
}
