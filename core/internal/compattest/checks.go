package compattest

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// CheckQueries asks every query.
func CheckQueries(t *testing.T, store *factstr.Store, expected Answers, list string) {
	t.Helper()
	c := NewComparison(t, list, "query")
	for _, q := range expected.Queries {
		result, err := store.Query(t.Context(), q.Query.EventQuery(t))
		if err != nil {
			c.Compare(q.Label, q.Result, factstr.CodeOf(err))
			continue
		}
		c.Compare(q.Label, q.Result, Result{textOf(result.CurrentContextVersion),
			textOf(result.LastReturnedSequenceNumber), Texts(facttest.Numbers(result.EventRecords))})
	}
}

// CheckReplays opens new durable streams, for all facts and for each query.
func CheckReplays(t *testing.T, store *factstr.Store, expected Answers, list string) {
	t.Helper()
	if got := Replayed(t, store, "new", factstr.AllEvents()); !reflect.DeepEqual(got, expected.AllBatches) {
		t.Errorf("batches %v, want %v", got, expected.AllBatches)
	}
	c := NewComparison(t, list, "replay")
	for _, replay := range expected.Replays {
		query := expected.Queries[expected.query(t, replay.Query)].Query
		c.Compare(replay.Query, replay.Batches, Replayed(t, store, "new "+replay.Query, query.EventQuery(t)))
	}
}

// CheckResumes goes on with every durable stream of the database, which another query cannot do,
// and closes the store. stored reads a name's text and cursor from the database, joined by '|'.
func CheckResumes(t *testing.T, store *factstr.Store, expected Answers, list string, stored func(name string) string) {
	t.Helper()
	c := NewComparison(t, list, "resume")
	for i, resume := range expected.Resumes {
		durable := expected.Durables[i]
		if durable.Name != resume.Name || expected.Cursors[i].Name != resume.Name {
			t.Fatalf("%q and %q", durable.Name, resume.Name)
		}
		_, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: durable.Name},
			factstr.OfTypes("another", "query"), &deliveries{})
		if factstr.CodeOf(err) != factstr.CodeDurableStreamQueryMismatch || !strings.Contains(err.Error(), durable.Name[:3]) {
			t.Errorf("%s with another query: %v", durable.Name, err)
		}
		c.Compare(resume.Name, resume.Batches, Replayed(t, store, durable.Name, durable.Query.EventQuery(t)))
		if again := Replayed(t, store, durable.Name, durable.Query.EventQuery(t)); len(again) > 0 {
			t.Errorf("%s: a second resume delivered %v", resume.Name, again)
		}
	}
	facttest.Close(t, store)
	// The Rust store compares the text that it wrote byte by byte: it must still stand there.
	for _, cursor := range expected.Cursors {
		if got, want := stored(cursor.Name), cursor.Query+"|205"; got != want {
			t.Errorf("%s: the cursor row is %s, want %s", cursor.Name, got, want)
		}
	}
}

// CheckDurableQueries registers every query that is in a file with the text that the Rust store has
// for it. stored reads a name's text from the database.
func CheckDurableQueries(t *testing.T, store *factstr.Store, path, list string, stored func(name string) string) {
	t.Helper()
	var cases []struct {
		Label  string  `json:"label"`
		Query  *string `json:"query_text"`
		Stored string  `json:"stored"`
	}
	readJSON(t, path, &cases)
	if len(cases) != 59 {
		t.Fatalf("%d queries", len(cases))
	}
	c := NewComparison(t, list, "durable query")
	for _, each := range cases {
		var query *Query
		if each.Query != nil {
			query = &Query{}
			if err := json.Unmarshal([]byte(*each.Query), query); err != nil {
				t.Fatalf("%s: %v", each.Label, err)
			}
		}
		stream, err := store.StreamToDurable(t.Context(), factstr.DurableStream{Name: each.Label}, query.EventQuery(t),
			&deliveries{})
		if err != nil {
			c.Compare(each.Label, each.Stored, factstr.CodeOf(err))
			continue
		}
		if err := stream.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Compare(each.Label, each.Stored, stored(each.Label))
		// It is the same query when it comes again.
		if again := Replayed(t, store, each.Label, query.EventQuery(t)); len(again) > 0 {
			t.Errorf("%s: delivered %v", each.Label, again)
		}
	}
}

// Replayed registers a durable stream and returns what it was delivered until it was ready.
func Replayed(t testing.TB, store *factstr.Store, name string, query factstr.EventQuery) [][]string {
	t.Helper()
	got := &deliveries{batches: [][]string{}}
	stream := facttest.DurableStream(t, store, name, query, got)
	facttest.WaitReady(t, stream)
	if err := stream.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return got.batches
}

// deliveries collects a stream's batches. They may be read when the stream has ended.
type deliveries struct{ batches [][]string }

func (d *deliveries) HandleStream(_ context.Context, batch []factstr.EventRecord) error {
	d.batches = append(d.batches, Texts(facttest.Numbers(batch)))
	return nil
}
