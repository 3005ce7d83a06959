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
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/core/sqlite"
)

type measurement struct {
	calls, syncs uint64
	// bytesPerSync is what the process wrote to files; for the memory store, which writes nothing, the bytes of the payloads.
	bytesPerSync int
	elapsed      time.Duration
}

func (m measurement) rate() float64 { return float64(m.calls) / m.elapsed.Seconds() }

func (m measurement) callsPerSync() float64 { return float64(m.calls) / float64(m.syncs) }

func openStore(ctx context.Context, kind, folder string) (store *factstr.Store, remove func(), err error) {
	if kind == "memory" {
		store, err = memory.Open(memory.Options{})
		return store, func() {}, err
	}
	dir, err := os.MkdirTemp(folder, "go-")
	if err != nil {
		return nil, nil, err
	}
	store, err = sqlite.Open(ctx, filepath.Join(dir, "facts.db"), sqlite.Options{})
	return store, func() { _ = os.RemoveAll(dir) }, err
}

func payload() json.RawMessage {
	const around = len(`{"filler":""}`)
	return json.RawMessage(`{"filler":"` + strings.Repeat("x", payloadBytes-around) + `"}`)
}

func measureGo(ctx context.Context, kind string, s scenario, folder string, length time.Duration) (measurement, error) {
	store, remove, err := openStore(ctx, kind, folder)
	if err != nil {
		return measurement{}, err
	}
	defer remove()
	written, before, start := bytesWritten(), store.Statistics(), time.Now()
	calls, err := callersOf(ctx, store, s, start.Add(length))
	elapsed, after := time.Since(start), store.Statistics()
	if closing := store.Close(ctx); err == nil {
		err = closing
	}
	if err != nil {
		return measurement{}, fmt.Errorf("%s, %s: %w", kind, s.name, err)
	}
	m := measurement{calls: calls, syncs: after.Commits - before.Commits, elapsed: elapsed}
	if kind == "memory" {
		m.syncs, m.bytesPerSync = calls, s.events*payloadBytes
	} else {
		m.bytesPerSync = int((bytesWritten() - written) / m.syncs)
	}
	return m, nil
}

// callersOf lets every caller of a scenario call until the end, and returns how many calls were answered.
func callersOf(ctx context.Context, store *factstr.Store, s scenario, end time.Time) (uint64, error) {
	var calls atomic.Uint64
	var wait sync.WaitGroup
	failures := make(chan error, s.callers)
	for caller := range s.callers {
		wait.Go(func() {
			events := make([]factstr.NewEvent, s.events)
			for i := range events {
				events[i] = factstr.NewEvent{EventType: fmt.Sprintf("of-caller-%d", caller), Payload: payload()}
			}
			query := factstr.OfTypes(events[0].EventType)
			var expected *uint64
			for time.Now().Before(end) {
				var result factstr.AppendResult
				var err error
				if s.conditional {
					result, err = store.AppendIf(ctx, events, query, expected)
				} else {
					result, err = store.Append(ctx, events)
				}
				if err != nil {
					failures <- err
					return
				}
				expected = factstr.Version(result.LastSequenceNumber)
				calls.Add(1)
			}
		})
	}
	wait.Wait()
	select {
	case err := <-failures:
		return 0, err
	default:
		return calls.Load(), nil
	}
}

// measureC runs the same calls in a C program, which prints how many were answered in how many seconds.
func measureC(ctx context.Context, program, kind string, s scenario, folder string, length time.Duration) (measurement, error) {
	dir, err := os.MkdirTemp(folder, "c-")
	if err != nil {
		return measurement{}, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path, call := filepath.Join(dir, "facts.db"), "append"
	if kind == "memory" {
		path = ""
	}
	if s.conditional {
		call = "append_if"
	}
	command := exec.CommandContext(ctx, program, path, call, fmt.Sprint(s.events), fmt.Sprint(s.callers), fmt.Sprint(payloadBytes), fmt.Sprint(length.Seconds()))
	command.Stderr = os.Stderr
	answer, err := command.Output()
	if err != nil {
		return measurement{}, fmt.Errorf("%s: %w", program, err)
	}
	var calls uint64
	var seconds float64
	if _, err := fmt.Sscan(string(answer), &calls, &seconds); err != nil {
		return measurement{}, fmt.Errorf("%s answered %q: %w", program, answer, err)
	}
	return measurement{calls: calls, elapsed: time.Duration(seconds * float64(time.Second))}, nil
}
