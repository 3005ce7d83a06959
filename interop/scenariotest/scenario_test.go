package scenariotest_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite" // the driver

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
	"github.com/factstr/factstr-go/core/sqlite"
	"github.com/factstr/factstr-go/interop"
	"github.com/factstr/factstr-go/interop/scenariotest"
)

// places make a fresh place for each kind of store, PostgreSQL where servers can be started.
var places = map[string]func(t *testing.T) scenariotest.Place{
	"memory": func(*testing.T) scenariotest.Place {
		return scenariotest.Place{Kind: "memory", Open: func(options []byte, logger *slog.Logger) (scenariotest.Surface, error) {
			if _, err := interop.DecodeMemoryOptions(options); err != nil {
				return nil, err
			}
			return on(memory.Open(memory.Options{Options: factstr.Options{Logger: logger}}))
		}}
	},
	"sqlite": func(t *testing.T) scenariotest.Place {
		path := filepath.Join(t.TempDir(), "scenario.db")
		open := func(options []byte, logger *slog.Logger) (scenariotest.Surface, error) {
			asked, err := interop.DecodeSQLiteOptions(options)
			if err != nil {
				return nil, err
			}
			return on(sqlite.Open(context.Background(), path,
				sqlite.Options{Options: factstr.Options{Logger: logger}, ReadOnly: asked.ReadOnly}))
		}
		return scenariotest.Place{Kind: "sqlite", Open: open, RunSQL: func(script string) error { return runInFile(path, script) }}
	},
}

// runInFile runs SQL in a database, as a program with another driver does.
func runInFile(path, script string) error {
	database, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	_, err = database.Exec(script)
	return errors.Join(err, database.Close())
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
	for kind, newPlace := range places {
		t.Run(kind, func(t *testing.T) {
			for _, s := range scenarios {
				if !s.On(kind) {
					continue
				}
				t.Run(s.Name, func(t *testing.T) {
					if err := scenariotest.Play(&s, newPlace(t)); err != nil {
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
		"another payload":                 appended + `, {"query": {}, "gives": {"event_records": [{"sequence_number": 1, "event_type": "a", "payload": {"n": 2}}], "last_returned_sequence_number": 1, "current_context_version": 1}}`,
		"a missing row":                   appended + `, {"query": {}, "gives": {"event_records": [], "last_returned_sequence_number": 1, "current_context_version": 1}}`,
		"another version":                 appended + `, {"query": {}, "gives": {"event_records": [{"sequence_number": 1, "event_type": "a", "payload": {"n": 1}}], "last_returned_sequence_number": 1, "current_context_version": null}}`,
		"another batch":                   `{"stream": "s", "open": {}}, ` + appended + `, {"stream": "s", "receives": [[{"sequence_number": 1, "event_type": "b", "payload": {"n": 1}}]]}`,
		"another end":                     `{"stream": "s", "open": {}}, {"stream": "s", "unsubscribe": true}, {"stream": "s", "ends": {"code": "HandlerFailed"}}`,
		"a failed replay":                 appended + `, {"stream": "s", "open": {"durable": {"name": "n"}}, "fail_deliveries": [1]}`,
		"a replay that was to fail":       `{"stream": "s", "open": {"durable": {"name": "n"}}, "fails": {"code": "HandlerFailed"}}`,
		"an unknown stream":               `{"stream": "s", "unsubscribe": true}`,
		"other records to decide on":      `{"decide": {"query": {}, "calls": [{"sees": [1], "returns": []}]}, "gives": null}`,
		"one decision more":               `{"decide": {"query": {}, "calls": []}, "gives": null}`,
		"one decision less":               `{"decide": {"query": {}, "calls": [{"sees": [], "returns": []}, {"sees": [], "returns": []}]}, "gives": null}`,
		"a decision for something":        `{"decide": {"query": {}, "calls": [{"sees": [], "returns": [{"event_type": "a", "payload": 1}]}]}, "gives": null}`,
		"another batch of a loop":         appended + `, {"stream": "s", "iterate": {"after": 0}}, {"stream": "s", "receives": [[{"sequence_number": 1, "event_type": "b", "payload": {"n": 1}}]]}`,
		"another position of a loop":      appended + `, {"stream": "s", "iterate": {"after": 0}}, {"stream": "s", "receives": [[{"sequence_number": 1, "event_type": "a", "payload": {"n": 1}}]], "positions": [2]}`,
		"a loop that goes on":             appended + `, {"stream": "s", "iterate": {"after": 0}}, {"stream": "s", "ends": {"code": "Ok"}}`,
		"a loop that has ended":           appended + `, {"stream": "s", "iterate": {"after": 0}}, {"stream": "s", "unsubscribe": true}, {"stream": "s", "receives": [[{"sequence_number": 1, "event_type": "a", "payload": {"n": 1}}]]}`,
		"a loop that was to fail":         appended + `, {"stream": "s", "iterate": {"after": 0}, "fails": {"code": "LogTruncated"}}`,
		"another record of the log":       `{"stream": "s", "open": {"durable": {"name": "n"}}}, {"logs": [{"event": "lease_taken", "durable_name": "m"}]}`,
		"an attribute that is not logged": `{"stream": "s", "open": {"durable": {"name": "n"}}}, {"logs": [{"event": "lease_taken", "to": 1}]}`,
		"another level":                   `{"stream": "s", "open": {"durable": {"name": "n"}}}, {"logs": [{"event": "lease_taken", "level": "error"}]}`,
		"SQL in memory":                   `{"sql": {"memory": "SELECT 1"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := playSteps(t, "memory", steps); err == nil || !strings.Contains(err.Error(), "step ") {
				t.Errorf("it was played with %v", err)
			}
		})
	}
}

func TestAVerificationThatDoesNotHoldIsFoundOut(t *testing.T) {
	const begins = `{"append": [{"event_type": "a", "payload": 1}, {"event_type": "a", "payload": 2}], "gives": {"first_sequence_number": 1, "last_sequence_number": 2, "committed_count": 2}},
		{"sql": {"sqlite": "DELETE FROM events WHERE sequence_number = 1"}}, {"verify": true, "gives": {
			"head": 2, "facts": 1, "batches": 1, "cursors": 0, "findings_more": 0, "findings": [`
	for name, findings := range map[string]string{
		"no finding":      ``,
		"another kind":    `{"kind": "wrong_batch"}`,
		"another range":   `{"kind": "missing_facts", "first": 1, "last": 2}`,
		"another message": `{"kind": "missing_facts", "says": "all is well"}`,
		"one more":        `{"kind": "missing_facts"}, {"kind": "missing_facts"}`,
	} {
		t.Run(name, func(t *testing.T) {
			if err := playSteps(t, "sqlite", begins+findings+`]}}`); err == nil || !strings.Contains(err.Error(), "step 3") {
				t.Errorf("it was played with %v", err)
			}
		})
	}
	if err := playSteps(t, "sqlite", begins+`{"kind": "missing_facts", "first": 1, "says": "facts 1 to 1"}]}}`); err != nil {
		t.Errorf("what holds was found out: %v", err)
	}
	const newer = `{"sql": {"sqlite": "UPDATE store_metadata SET value = '2'"}`
	for _, steps := range []string{
		newer + `}`,
		newer + `, "fails": {"code": "Corrupt"}}`,
		`{"sql": {"sqlite": "SELECT 1"}, "fails": {"code": "UnsupportedFormat"}}`,
		`{"sql": {"postgres": "SELECT 1"}}`,
		`{"sql": {"sqlite": "DELETE FROM nothing"}}`,
	} {
		if err := playSteps(t, "sqlite", steps); err == nil || !strings.Contains(err.Error(), "step 1") {
			t.Errorf("%s was played with %v", steps, err)
		}
	}
}

// playSteps plays the steps of a file on a fresh place.
func playSteps(t *testing.T, kind, steps string) error {
	t.Helper()
	folder := t.TempDir()
	text := `{"name": "n", "guarantees": ["G1"], "steps": [` + steps + `]}`
	if err := os.WriteFile(filepath.Join(folder, "one.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	scenarios, err := scenariotest.ReadAll(folder)
	if err != nil {
		t.Fatal(err)
	}
	return scenariotest.Play(&scenarios[0], places[kind](t))
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
