package objects

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
)

// ask returns the numbers that a query's text has, and its version, as the text shows them.
func ask(t *testing.T, store *Store, query []byte) string {
	t.Helper()
	answer := store.Query(query)
	if answer.Err != nil {
		t.Fatalf("%s: %v", query, answer.Err)
	}
	defer answer.Text.Free()
	return string(answer.Text.Bytes())
}

func appendOf(t *testing.T, store *Store, payload string) {
	t.Helper()
	answer := store.Append(PlainAppend([]byte(`[{"event_type":"a","payload":` + payload + `}]`)))
	if answer.Err != nil {
		t.Fatal(answer.Err)
	}
}

func queryOf(predicate string) []byte {
	return []byte(`{"filters":[{"payload_predicates":[` + predicate + `]}]}`)
}

// G8 G12: what was asked before is known by its text, and answered from the log as it is now.
func TestAQueryThatWasAskedBeforeIsAnsweredAnew(t *testing.T) {
	_, store := open(t, `{}`)
	defer closeNow(t, store)
	text := queryOf(`{"n":1}`)
	for round := range 3 {
		appendOf(t, store, `{"n":1}`)
		appendOf(t, store, `{"n":2}`)
		want := fmt.Sprintf(`"current_context_version":%d}`, 2*round+1)
		if got := ask(t, store, text); !strings.HasSuffix(got, want) || strings.Count(got,
			`"sequence_number"`) != round+1 {
			t.Errorf("round %d: %s", round, got)
		}
	}
	// The text is the caller's memory, who frees it or writes the next query there.
	for i := range store.known.places {
		if known := store.known.places[i].Load(); known != nil && &known.text[0] == &text[0] {
			t.Error("the memory of a caller is kept")
		}
	}
	copy(text[strings.IndexByte(string(text), '1'):], "2")
	if got := ask(t, store, text); !strings.HasSuffix(got, `"current_context_version":6}`) {
		t.Errorf("the next text in the same memory: %s", got)
	}
}

// G8 G12: a query takes the place of another one in what is known, never its answer. One with a
// cursor or a limit is a query of its own.
func TestQueriesWhoseTextsShareAPlaceHaveTheirOwnAnswers(t *testing.T) {
	_, store := open(t, `{}`)
	defer closeNow(t, store)
	for range 10 {
		appendOf(t, store, `{"n":3}`)
	}
	const many = 3 << 10 // three to a place
	for n := range many {
		want := `"current_context_version":null}`
		if n == 3 {
			want = `"current_context_version":10}`
		}
		if got := ask(t, store, queryOf(fmt.Sprintf(`{"n":%d}`, n))); !strings.HasSuffix(got, want) {
			t.Fatalf("%d: %s", n, got)
		}
	}
	for after := range 10 {
		for range 2 {
			paged := fmt.Sprintf(`{"filters":[{"event_types":["a"]}],"min_sequence_number":%d,"limit":2}`, after)
			if got := ask(t, store, []byte(paged)); strings.Count(got, `"sequence_number"`) != min(2, 10-after) {
				t.Errorf("after %d: %s", after, got)
			}
		}
	}
}

// G4 G9 G10: an append on a known query is refused and compared as the first one was.
func TestAnAppendOnAKnownQueryIsDecidedAsTheFirstOne(t *testing.T) {
	_, store := open(t, `{}`)
	defer closeNow(t, store)
	query := queryOf(`{"n":1}`)
	one := []byte(`[{"event_type":"a","payload":{"n":1}}]`)
	for range 3 {
		if answer := store.Append(AppendIf([]byte(`[]`), query, nil)); !errors.Is(answer.Err, factstr.CodeEmptyAppend) {
			t.Fatal(answer.Err)
		}
	}
	if answer := store.Append(AppendIf(one, query, nil)); answer.Err != nil {
		t.Fatal(answer.Err)
	}
	for range 3 {
		if answer := store.Append(AppendIf(one, query, nil)); !errors.Is(answer.Err,
			factstr.CodeConditionalAppendConflict) {
			t.Fatal(answer.Err)
		}
	}
}

// Many threads share a known query, and an explanation of it, which counts, is no part of that.
func TestAKnownQueryIsSharedByThreads(t *testing.T) {
	_, store := open(t, `{}`)
	defer closeNow(t, store)
	query := queryOf(`{"n":1,"m":[2]}`)
	appendOf(t, store, `{"n":1,"m":[1,2]}`)
	var threads sync.WaitGroup
	for thread := range 8 {
		threads.Go(func() {
			for range 200 {
				if thread == 0 {
					if explained, err := store.Explain(query); err != nil ||
						!strings.Contains(string(explained), `"matches":1`) {
						t.Errorf("%s, %v", explained, err)
					}
				} else if got := ask(t, store, query); !strings.HasSuffix(got, `"current_context_version":1}`) {
					t.Error(got)
				}
			}
		})
	}
	threads.Wait()
}
