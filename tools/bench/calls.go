package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/core/sqlite"
)

type measurement struct {
	calls, syncs uint64
	// bytes is what the process wrote to files; for the memory store, which writes nothing, the
	// bytes of the payloads.
	bytes   uint64
	elapsed time.Duration
}

func (m measurement) rate() float64 { return float64(m.calls) / m.elapsed.Seconds() }

func (m measurement) callsPerSync() float64 { return float64(m.calls) / float64(m.syncs) }

func (m measurement) bytesPerSync() int { return int(m.bytes / m.syncs) }

// calls is a store and its callers, each of which has a context of its own.
type calls struct {
	scenario scenario
	kind     string
	folder   string
	store    *factstr.Store
	callers  []*caller
	total    measurement
}

type caller struct {
	events   []factstr.NewEvent
	query    factstr.EventQuery
	expected *uint64
	answered uint64
	err      error
}

func openCalls(ctx context.Context, kind string, s scenario, folder string) (*calls, error) {
	dir, err := os.MkdirTemp(folder, "go-")
	if err != nil {
		return nil, err
	}
	c := &calls{scenario: s, kind: kind, folder: dir}
	if kind == "memory" {
		c.store, err = memory.Open(memory.Options{})
	} else {
		c.store, err = sqlite.Open(ctx, filepath.Join(dir, "facts.db"), sqlite.Options{})
	}
	for number := range s.callers {
		eventType := fmt.Sprintf("of-caller-%d", number)
		one := &caller{query: factstr.OfTypes(eventType)}
		for range s.events {
			one.events = append(one.events, factstr.NewEvent{EventType: eventType, Payload: payload()})
		}
		c.callers = append(c.callers, one)
	}
	return c, err
}

func (c *calls) close(ctx context.Context) {
	_ = c.store.Close(ctx)
	_ = os.RemoveAll(c.folder)
}

// run lets every caller call for that long, and adds what they did to the total.
func (c *calls) run(ctx context.Context, length time.Duration) error {
	before, err := c.store.Statistics(ctx)
	if err != nil {
		return err
	}
	written, start := bytesWritten(), time.Now()
	var wait sync.WaitGroup
	for _, one := range c.callers {
		wait.Go(func() { one.callUntil(ctx, c.store, c.scenario.conditional, start.Add(length)) })
	}
	wait.Wait()
	c.total.elapsed += time.Since(start)
	c.total.calls = 0
	for _, one := range c.callers {
		if one.err != nil {
			return one.err
		}
		c.total.calls += one.answered
	}
	if c.kind == "memory" {
		c.total.syncs, c.total.bytes = c.total.calls, c.total.calls*uint64(c.scenario.events*payloadBytes)
	} else {
		after, err := c.store.Statistics(ctx)
		if err != nil {
			return err
		}
		c.total.syncs += after.Commits - before.Commits
		c.total.bytes += bytesWritten() - written
	}
	return nil
}

func (c *caller) callUntil(ctx context.Context, store *factstr.Store, conditional bool, end time.Time) {
	for c.err == nil && time.Now().Before(end) {
		var result factstr.AppendResult
		if conditional {
			result, c.err = store.AppendIf(ctx, c.events, c.query, c.expected)
		} else {
			result, c.err = store.Append(ctx, c.events)
		}
		c.expected = factstr.Version(result.LastSequenceNumber)
		c.answered++
	}
}

func payload() json.RawMessage {
	const around = len(`{"filler":""}`)
	return json.RawMessage(`{"filler":"` + strings.Repeat("x", payloadBytes-around) + `"}`)
}

// measureC runs the same calls in a C program, which prints how many facts a second it appended.
func measureC(ctx context.Context, program, kind string, s scenario, folder string, length time.Duration) (measurement, error) {
	dir, err := os.MkdirTemp(folder, "c-")
	if err != nil {
		return measurement{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	call := "append"
	if s.conditional {
		call = "conditional"
	}
	command := exec.CommandContext(ctx, program, kind, filepath.Join(dir, "facts.db"), call,
		fmt.Sprint(s.events), fmt.Sprint(s.callers), fmt.Sprint(payloadBytes), fmt.Sprint(length.Seconds()), "0")
	command.Stderr = os.Stderr
	answer, err := command.Output()
	if err != nil {
		return measurement{}, fmt.Errorf("%s: %w", program, err)
	}
	var events float64 // a second
	if _, err := fmt.Sscan(string(answer), &events); err != nil {
		return measurement{}, fmt.Errorf("%s answered %q: %w", program, answer, err)
	}
	return measurement{calls: uint64(events / float64(s.events) * length.Seconds()), elapsed: length}, nil
}
