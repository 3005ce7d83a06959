package scenariotest_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/core/sqlite"
	"github.com/factstr/factstr-go/interop"
	"github.com/factstr/factstr-go/interop/scenariotest"
)

// kinds are the stores that scenarios are played on, with PostgreSQL where servers can be started.
var kinds = map[string]func(t *testing.T) scenariotest.Opener{
	"memory": func(*testing.T) scenariotest.Opener {
		return func(options []byte) (scenariotest.Surface, error) {
			if _, err := interop.DecodeMemoryOptions(options); err != nil {
				return nil, err
			}
			return on(memory.Open(memory.Options{}))
		}
	},
	"sqlite": func(t *testing.T) scenariotest.Opener {
		path := filepath.Join(t.TempDir(), "scenario.db")
		return func(options []byte) (scenariotest.Surface, error) {
			asked, err := interop.DecodeSQLiteOptions(options)
			if err != nil {
				return nil, err
			}
			return on(sqlite.Open(context.Background(), path, sqlite.Options{ReadOnly: asked.ReadOnly}))
		}
	},
}

func on(store *factstr.Store, err error) (scenariotest.Surface, error) {
	if err != nil {
		return nil, err
	}
	return scenariotest.OnStore(store), nil
}

func TestEveryScenarioHoldsOnEveryStore(t *testing.T) {
	scenarios, err := scenariotest.ReadAll("../testdata/scenarios")
	if err != nil {
		t.Fatal(err)
	}
	for kind, newLog := range kinds {
		t.Run(kind, func(t *testing.T) {
			for _, s := range scenarios {
				if !s.On(kind) {
					continue
				}
				t.Run(s.Name, func(t *testing.T) {
					if err := scenariotest.Play(&s, newLog(t)); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

func TestAScenarioThatDoesNotHoldIsFoundOut(t *testing.T) {
	const appended = `{"append": [{"event_type": "a", "payload": {"n": 1}}], "gives": {"first_sequence_number": 1, "last_sequence_number": 1, "committed_count": 1}}`
	for name, steps := range map[string]string{
		"another range":         `{"append": [{"event_type": "a", "payload": 1}], "gives": {"first_sequence_number": 2, "last_sequence_number": 2, "committed_count": 1}}`,
		"no failure":            `{"append": [{"event_type": "a", "payload": 1}], "fails": {"code": "EmptyAppend"}}`,
		"another code":          `{"append": [], "fails": {"code": "InvalidArgument"}}`,
		"an unforeseen failure": `{"append": [], "gives": {"first_sequence_number": 1, "last_sequence_number": 1, "committed_count": 1}}`,
		"another conflict": appended + `, {"append_if": {"events": [{"event_type": "a", "payload": 1}], "query": {}, "expected": null},
			"fails": {"code": "ConditionalAppendConflict", "conflict": {"expected_context_version": null, "actual_context_version": 2}}}`,
		"another payload":           appended + `, {"query": {}, "gives": {"event_records": [{"sequence_number": 1, "event_type": "a", "payload": {"n": 2}}], "last_returned_sequence_number": 1, "current_context_version": 1}}`,
		"a missing row":             appended + `, {"query": {}, "gives": {"event_records": [], "last_returned_sequence_number": 1, "current_context_version": 1}}`,
		"another version":           appended + `, {"query": {}, "gives": {"event_records": [{"sequence_number": 1, "event_type": "a", "payload": {"n": 1}}], "last_returned_sequence_number": 1, "current_context_version": null}}`,
		"another batch":             `{"stream": "s", "open": {}}, ` + appended + `, {"stream": "s", "receives": [[{"sequence_number": 1, "event_type": "b", "payload": {"n": 1}}]]}`,
		"another end":               `{"stream": "s", "open": {}}, {"stream": "s", "unsubscribe": true}, {"stream": "s", "ends": {"code": "HandlerFailed"}}`,
		"a failed replay":           appended + `, {"stream": "s", "open": {"durable": {"name": "n"}}, "fail_deliveries": [1]}`,
		"a replay that was to fail": `{"stream": "s", "open": {"durable": {"name": "n"}}, "fails": {"code": "HandlerFailed"}}`,
		"an unknown stream":         `{"stream": "s", "unsubscribe": true}`,
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			text := `{"name": "n", "guarantees": ["G1"], "steps": [` + steps + `]}`
			if err := os.WriteFile(filepath.Join(folder, "one.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			scenarios, err := scenariotest.ReadAll(folder)
			if err != nil {
				t.Fatal(err)
			}
			if err := scenariotest.Play(&scenarios[0], kinds["memory"](t)); err == nil || !strings.Contains(err.Error(), "step ") {
				t.Errorf("it was played with %v", err)
			}
		})
	}
}

func TestAFileThatSaysNothingToCheckIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no answer":            `{"name": "n", "guarantees": ["G1"], "steps": [{"append": []}]}`,
		"an unknown step":      `{"name": "n", "guarantees": ["G1"], "steps": [{"appends": []}]}`,
		"two operations":       `{"name": "n", "guarantees": ["G1"], "steps": [{"append": [], "query": {}, "fails": {"code": "EmptyAppend"}}]}`,
		"no steps":             `{"name": "n", "guarantees": ["G1"], "steps": []}`,
		"no guarantee":         `{"name": "n", "guarantees": [], "steps": [{"reopen": true}]}`,
		"an unknown top field": `{"name": "n", "guarantee": ["G1"], "steps": [{"reopen": true}]}`,
	} {
		folder := t.TempDir()
		if err := os.WriteFile(filepath.Join(folder, "one.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := scenariotest.ReadAll(folder); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := scenariotest.ReadAll(t.TempDir()); err == nil {
		t.Error("an empty folder was accepted")
	}
}
