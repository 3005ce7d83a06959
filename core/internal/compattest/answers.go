// Package compattest compares a store with the Rust store 0.5.2: with the answers of that store for
// a database that it wrote, and with a list of the places where ours must answer differently.
package compattest

import (
	"encoding/json"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
)

// Answers are the answers of the Rust store for its database. Sequence numbers are texts.
type Answers struct {
	Durables []struct {
		Name  string `json:"name"`
		Query *Query `json:"query"`
	} `json:"durables"`
	Queries []LabelledQuery `json:"queries"`
	Events  []struct {
		SequenceNumber string          `json:"sequence_number"`
		EventType      string          `json:"event_type"`
		OccurredAt     string          `json:"stored_occurred_at"`
		Payload        string          `json:"stored_payload"`
		ReadAt         string          `json:"occurred_at"` // what the Rust store makes of them
		ReadPayload    json.RawMessage `json:"payload"`
	} `json:"events"`
	AllBatches [][]string `json:"batches_from_new_durable_stream"`
	Replays    []Replay   `json:"filtered_replays"`
	Resumes    []struct {
		Name    string     `json:"name"`
		Batches [][]string `json:"batches_on_resume"`
	} `json:"resumes"`
	AppendBatches [][]string `json:"append_batches"`
	Cursors       []struct {
		Name  string `json:"name"`
		Query string `json:"event_query"`
	} `json:"cursors"`
}

// LabelledQuery is a query and its answer.
type LabelledQuery struct {
	Label  string `json:"label"`
	Query  Query  `json:"query"`
	Result Result `json:"result"`
}

// Result is the answer to a query.
type Result struct {
	Version *string  `json:"current_context_version"`
	Last    *string  `json:"last_returned_sequence_number"`
	Numbers []string `json:"sequence_numbers"`
}

// Replay is what a new durable stream is delivered for the query of that label.
type Replay struct {
	Query   string     `json:"query"`
	Batches [][]string `json:"batches"`
}

// Query distinguishes null from an empty list, as the contract does.
type Query struct {
	Filters *[]struct {
		Types      []string          `json:"event_types"`
		Predicates []json.RawMessage `json:"payload_predicates"`
	} `json:"filters"`
	MinSequenceNumber json.RawMessage `json:"min_sequence_number"` // a number, or its digits as a string
}

// EventQuery is the same query as ours; nil asks for all facts.
func (q *Query) EventQuery(t testing.TB) (query factstr.EventQuery) {
	t.Helper()
	if q == nil {
		return query
	}
	if q.Filters != nil {
		query.Filters = []factstr.EventFilter{}
		for _, filter := range *q.Filters {
			query.Filters = append(query.Filters, factstr.EventFilter{EventTypes: filter.Types,
				PayloadPredicates: filter.Predicates})
		}
	}
	if digits := strings.Trim(string(q.MinSequenceNumber), `"`); digits != "" && digits != "null" {
		number, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		query.MinSequenceNumber = &number
	}
	return query
}

// Read reads the answers of a file. Each further file replaces the answers that a store gives
// differently.
func Read(t testing.TB, path string, others ...string) (answers Answers) {
	t.Helper()
	readJSON(t, path, &answers)
	for _, other := range others {
		var changed Answers
		readJSON(t, other, &changed)
		for _, q := range changed.Queries {
			answers.Queries[answers.query(t, q.Label)].Result = q.Result
		}
		for _, replay := range changed.Replays {
			i := slices.IndexFunc(answers.Replays, func(r Replay) bool { return r.Query == replay.Query })
			if i < 0 {
				t.Fatalf("%s: nothing replays %q", other, replay.Query)
			}
			answers.Replays[i].Batches = replay.Batches
		}
		answers.Events = changed.Events
	}
	if len(answers.Queries) != 71 || len(answers.Events) != 205 || len(answers.AllBatches) != 89 || len(answers.Resumes) != 11 || len(answers.Replays) != 65 {
		t.Fatalf("%d queries, %d events, %d batches, %d resumes, %d replays", len(answers.Queries), len(answers.Events),
			len(answers.AllBatches), len(answers.Resumes), len(answers.Replays))
	}
	return answers
}

func (a *Answers) query(t testing.TB, label string) int {
	t.Helper()
	i := slices.IndexFunc(a.Queries, func(q LabelledQuery) bool { return q.Label == label })
	if i < 0 {
		t.Fatalf("there is no query %q", label)
	}
	return i
}

func readJSON(t testing.TB, path string, into any) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// Texts returns numbers as texts, as the answers hold them.
func Texts(numbers []uint64) []string {
	texts := make([]string, len(numbers))
	for i, number := range numbers {
		texts[i] = strconv.FormatUint(number, 10)
	}
	return texts
}

func textOf(number *uint64) *string {
	if number == nil {
		return nil
	}
	return &Texts([]uint64{*number})[0]
}
