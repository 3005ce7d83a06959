// Package scenariotest plays scripts of operations with the exact answers and deliveries that they
// must give. testdata/scenarios/README.md describes the files; every language has a player of its
// own, and this one is for Go.
package scenariotest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Scenario is one file.
type Scenario struct {
	Name       string   `json:"name"`
	About      string   `json:"about"`
	Guarantees []string `json:"guarantees"`
	// Stores are the kinds of stores that the scenario is for; nil is all.
	Stores []string `json:"stores"`
	Steps  []Step   `json:"steps"`
}

// Step is one operation and its expected outcome. Request texts go to the surface as they stand in
// the file.
type Step struct {
	Append     json.RawMessage `json:"append"`
	AppendWhen *struct {
		Events     json.RawMessage `json:"events"`
		Conditions json.RawMessage `json:"conditions"`
	} `json:"append_when"`
	AppendIf *struct {
		Events   json.RawMessage `json:"events"`
		Query    json.RawMessage `json:"query"`
		Expected *uint64         `json:"expected"`
	} `json:"append_if"`
	// Decide runs a command whose function is called exactly as often as Calls say.
	Decide *struct {
		Query    json.RawMessage `json:"query"`
		Attempts int             `json:"attempts"`
		Calls    []decideCall    `json:"calls"`
	} `json:"decide"`
	Query   json.RawMessage `json:"query"`
	Explain json.RawMessage `json:"explain"`
	Read    json.RawMessage `json:"read"`
	Verify  bool            `json:"verify"`
	Backup  bool            `json:"backup"`
	// Statistics asks for what the store counts.
	Statistics bool `json:"statistics"`
	// Elsewhere makes another store on the same log do the append.
	Elsewhere bool `json:"elsewhere"`

	Stream         string          `json:"stream"`
	Open           json.RawMessage `json:"open"`
	Iterate        json.RawMessage `json:"iterate"`
	FailDeliveries []int           `json:"fail_deliveries"`
	Receives       [][]record      `json:"receives"`
	Positions      []uint64        `json:"positions"`
	WaitFor        *uint64         `json:"wait_for"`
	Acknowledge    bool            `json:"acknowledge"`
	Unsubscribe    bool            `json:"unsubscribe"`
	Ends           *failure        `json:"ends"`

	WaitForCursor *struct {
		Name   string `json:"name"`
		Number uint64 `json:"number"`
	} `json:"wait_for_cursor"`
	Cursors      json.RawMessage `json:"cursors"`
	CursorReset  json.RawMessage `json:"cursor_reset"`
	CursorCopy   json.RawMessage `json:"cursor_copy"`
	CursorDelete json.RawMessage `json:"cursor_delete"`
	Parked       json.RawMessage `json:"parked"`
	Redeliver    json.RawMessage `json:"redeliver_parked"`
	Discard      json.RawMessage `json:"discard_parked"`

	// Logs are the next records of these events.
	Logs []map[string]json.RawMessage `json:"logs"`

	// Reopen is true, or the options of the store that is opened.
	Reopen json.RawMessage `json:"reopen"`
	// SQL is what another program runs while the store is closed, by kind of store.
	SQL map[string]string `json:"sql"`

	Gives json.RawMessage `json:"gives"`
	Fails *failure        `json:"fails"`

	text string
}

// UnmarshalJSON reads a step strictly: an unknown field would be an expectation that is not
// checked.
func (step *Step) UnmarshalJSON(text []byte) error {
	type plain Step
	if err := decodeStrictly(text, (*plain)(step)); err != nil {
		return err
	}
	step.text = string(text)
	kinds := 0
	asks := []bool{
		step.Append != nil, step.AppendIf != nil, step.AppendWhen != nil, step.Decide != nil, step.Query != nil,
		step.Explain != nil, step.Read != nil, step.Verify, step.Backup, step.Statistics, step.Cursors != nil,
		step.Parked != nil, step.Redeliver != nil, step.Discard != nil,
	}
	others := []bool{step.Open != nil, step.Iterate != nil, step.Receives != nil, step.Acknowledge, step.Unsubscribe,
		step.Ends != nil, step.Logs != nil, step.Reopen != nil, step.SQL != nil, step.WaitFor != nil,
		step.WaitForCursor != nil, step.CursorReset != nil, step.CursorCopy != nil, step.CursorDelete != nil}
	for _, is := range slices.Concat(asks, others) {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		return fmt.Errorf("a step must be exactly one operation: %s", text)
	}
	if step.Positions != nil && len(step.Positions) != len(step.Receives) {
		return fmt.Errorf("a step must name the position of every delivery, or of none: %s", text)
	}
	if slices.Contains(asks, true) && (step.Gives == nil) == (step.Fails == nil) {
		return fmt.Errorf("a step must say what it gives or how it fails: %s", text)
	}
	return nil
}

// On reports whether the scenario is for a kind of store.
func (s *Scenario) On(kind string) bool {
	return s.Stores == nil || slices.Contains(s.Stores, kind)
}

// ReadAll reads the files of a folder in the order of their names.
func ReadAll(folder string) ([]Scenario, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("no scenarios in %s", folder)
	}
	scenarios := make([]Scenario, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if err := decodeStrictly(text, &scenarios[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		if scenarios[i].Name == "" || len(scenarios[i].Guarantees) == 0 || len(scenarios[i].Steps) == 0 {
			return nil, fmt.Errorf("%s: name, guarantees and steps must be given", path)
		}
	}
	return scenarios, nil
}

func decodeStrictly(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into)
}
