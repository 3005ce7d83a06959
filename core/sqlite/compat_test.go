package sqlite

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
)

const fixture = "testdata/factstr-0.5.2.sqlite"

type rustAnswers struct {
	Durables []struct {
		Name  string     `json:"name"`
		Query *rustQuery `json:"query"`
	} `json:"durables"`
	Queries []labelledQuery `json:"queries"`
	Events  []struct {
		SequenceNumber string `json:"sequence_number"`
		EventType      string `json:"event_type"`
		OccurredAt     string `json:"stored_occurred_at"`
		Payload        string `json:"stored_payload"`
	} `json:"events"`
	AllBatches [][]string `json:"batches_from_new_durable_stream"`
	Replays    []struct {
		Query   string     `json:"query"`
		Batches [][]string `json:"batches"`
	} `json:"filtered_replays"`
	Resumes []struct {
		Name    string     `json:"name"`
		Batches [][]string `json:"batches_on_resume"`
	} `json:"resumes"`
	AppendBatches [][]string `json:"append_batches"`
	Cursors       []struct {
		Name  string `json:"name"`
		Query string `json:"event_query"`
	} `json:"cursors"`
}

type labelledQuery struct {
	Label  string      `json:"label"`
	Query  rustQuery   `json:"query"`
	Result queryAnswer `json:"result"`
}

type queryAnswer struct {
	Version *string  `json:"current_context_version"`
	Last    *string  `json:"last_returned_sequence_number"`
	Numbers []string `json:"sequence_numbers"`
}

// rustQuery tells null from an empty list, as the contract does.
type rustQuery struct {
	Filters *[]struct {
		EventTypes        []string          `json:"event_types"`
		PayloadPredicates []json.RawMessage `json:"payload_predicates"`
	} `json:"filters"`
	MinSequenceNumber json.RawMessage `json:"min_sequence_number"` // a number, or its digits as a string
}

func (q *rustQuery) query(t testing.TB) (query factstr.EventQuery) {
	t.Helper()
	if q == nil {
		return query
	}
	if q.Filters != nil {
		query.Filters = []factstr.EventFilter{}
		for _, filter := range *q.Filters {
			query.Filters = append(query.Filters, factstr.EventFilter{EventTypes: filter.EventTypes, PayloadPredicates: filter.PayloadPredicates})
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

func readRustAnswers(t testing.TB) (expected rustAnswers) {
	t.Helper()
	readJSON(t, "testdata/expected.json", &expected)
	return expected
}

func copyFixture(t testing.TB) string {
	t.Helper()
	path := newPath(t)
	copyFile(t, fixture, path)
	return path
}

func textOfNumber(number *uint64) *string {
	if number == nil {
		return nil
	}
	text := strconv.FormatUint(*number, 10)
	return &text
}

func textsOf(numbers []uint64) []string {
	texts := make([]string, len(numbers))
	for i, number := range numbers {
		texts[i] = strconv.FormatUint(number, 10)
	}
	return texts
}

// replayed registers a durable stream and returns what it was delivered until it was ready.
func replayed(t testing.TB, store *factstr.Store, name string, query factstr.EventQuery) [][]string {
	t.Helper()
	got := newDeliveries(t)
	stream := durableStream(t, store, name, query, got)
	waitReady(t, stream)
	if err := stream.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	batches := [][]string{}
	for _, batch := range got.soFar() {
		batches = append(batches, textsOf(batch))
	}
	return batches
}

// twice runs a test over the facts that the store keeps in memory, and over the file alone.
func twice(t *testing.T, run func(t *testing.T, store *factstr.Store)) {
	for name, options := range map[string]factstr.Options{"from memory": {}, "from the file": {TailEvents: -1}} {
		t.Run(name, func(t *testing.T) { run(t, openStoreWith(t, copyFixture(t), Options{Options: options})) })
	}
}

func TestEveryFactOfTheRustStoreComesBackAsItIsStored(t *testing.T) { // G1 G6
	twice(t, func(t *testing.T, store *factstr.Store) {
		expected, records := readRustAnswers(t), queryAll(t, store)
		if len(records) != 205 || len(expected.Events) != 205 {
			t.Fatalf("%d facts, %d expected", len(records), len(expected.Events))
		}
		for i, event := range expected.Events {
			record := records[i]
			if fmt.Sprint(record.SequenceNumber) != event.SequenceNumber || record.EventType != event.EventType || record.OccurredAt != event.OccurredAt || string(record.Payload) != event.Payload {
				t.Errorf("got %v with %s, want %v", record, record.Payload, event)
			}
		}
	})
}

func TestQueriesAnswerWhatTheRustStoreAnswers(t *testing.T) { // G7 G8 G12 G13 G14
	twice(t, func(t *testing.T, store *factstr.Store) {
		expected, answers := readRustAnswers(t), newComparison(t, "query")
		if len(expected.Queries) != 71 {
			t.Fatalf("%d queries", len(expected.Queries))
		}
		for _, q := range expected.Queries {
			result, err := store.Query(t.Context(), q.Query.query(t))
			if err != nil {
				answers.compare(q.Label, q.Result, factstr.CodeOf(err))
				continue
			}
			answers.compare(q.Label, q.Result, queryAnswer{textOfNumber(result.CurrentContextVersion), textOfNumber(result.LastReturnedSequenceNumber), textsOf(numbersOf(result.EventRecords))})
		}
	})
}

func TestANewDurableStreamReplaysTheBatchesOfTheRustStore(t *testing.T) { // G3 G19 G20
	twice(t, func(t *testing.T, store *factstr.Store) {
		expected, answers := readRustAnswers(t), newComparison(t, "replay")
		if len(expected.AllBatches) != 89 {
			t.Fatalf("%d batches", len(expected.AllBatches))
		}
		if got := replayed(t, store, "new", factstr.AllEvents()); !reflect.DeepEqual(got, expected.AllBatches) {
			t.Errorf("batches %v, want %v", got, expected.AllBatches)
		}
		for _, replay := range expected.Replays {
			i := slices.IndexFunc(expected.Queries, func(q labelledQuery) bool { return q.Label == replay.Query })
			answers.compare(replay.Query, replay.Batches, replayed(t, store, "new "+replay.Query, expected.Queries[i].Query.query(t)))
		}
	})
}

func TestDurableCursorsOfTheRustStoreGoOnWhereTheyWere(t *testing.T) { // G19 G22 G23
	path, expected := copyFixture(t), readRustAnswers(t)
	store, answers := openStore(t, path), newComparison(t, "resume")
	if len(expected.Resumes) != 11 {
		t.Fatalf("%d cursors", len(expected.Resumes))
	}
	for i, resume := range expected.Resumes {
		durable := expected.Durables[i]
		if durable.Name != resume.Name || expected.Cursors[i].Name != resume.Name {
			t.Fatalf("%q and %q", durable.Name, resume.Name)
		}
		_, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: durable.Name}, factstr.OfTypes("another", "query"), newDeliveries(t))
		wantError(t, err, factstr.CodeDurableStreamQueryMismatch, durable.Name[:3])
		answers.compare(resume.Name, resume.Batches, replayed(t, store, durable.Name, durable.Query.query(t)))
		if again := replayed(t, store, durable.Name, durable.Query.query(t)); len(again) > 0 {
			t.Errorf("%s: a second resume delivered %v", resume.Name, again)
		}
	}
	closeStore(t, store)
	// The Rust store compares the text that it wrote byte by byte: it must still stand there.
	raw := openRaw(t, path)
	for _, cursor := range expected.Cursors {
		stored := raw.one("SELECT event_query, last_processed_sequence_number, typeof(event_query) FROM subscriber_cursors WHERE subscriber_id = ?", cursor.Name)
		if want := cursor.Query + "|205|text"; stored != want {
			t.Errorf("%s: the cursor row is %s, want %s", cursor.Name, stored, want)
		}
	}
}

func TestEveryDurableQueryIsStoredInTheTextOfTheRustStore(t *testing.T) { // G22
	var cases []struct {
		Label     string  `json:"label"`
		QueryText *string `json:"query_text"`
		Stored    string  `json:"stored"`
	}
	// The scanner's tests hold the text of predicates to the same file; here whole queries go through registrations.
	readJSON(t, filepath.Join("..", "jsonvalue", "testdata", "canonical_queries.json"), &cases)
	if len(cases) != 59 {
		t.Fatalf("%d queries", len(cases))
	}
	path := newPath(t)
	store, answers := openStore(t, path), newComparison(t, "durable query")
	raw := openRaw(t, path)
	for _, c := range cases {
		var query *rustQuery
		if c.QueryText != nil {
			query = &rustQuery{}
			if err := json.Unmarshal([]byte(*c.QueryText), query); err != nil {
				t.Fatalf("%s: %v", c.Label, err)
			}
		}
		stream, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: c.Label}, query.query(t), newDeliveries(t))
		if err != nil {
			answers.compare(c.Label, c.Stored, factstr.CodeOf(err))
			continue
		}
		if err := stream.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		answers.compare(c.Label, c.Stored, raw.one("SELECT event_query FROM subscriber_cursors WHERE subscriber_id = ?", c.Label))
		// It is the same query when it comes again.
		if again := replayed(t, store, c.Label, query.query(t)); len(again) > 0 {
			t.Errorf("%s: delivered %v", c.Label, again)
		}
	}
}
