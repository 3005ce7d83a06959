package jsonvalue

import (
	"encoding/json"
	"os"
	"testing"
)

func readFixture(t testing.TB, name string, into any) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// canonicalQuery builds the text that the Rust stores keep for a durable stream: two members in
// fixed order, the predicates in canonical form.
func canonicalQuery(t *testing.T, query []byte) string {
	null := []byte("null")
	members := func(object []byte) map[string][]byte {
		found := map[string][]byte{}
		if Kind(object) == KindObject {
			if err := Fields(object, func(key string, value []byte) error {
				found[key] = value
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		return found
	}
	orNull := func(value []byte) []byte {
		if value == nil {
			return null
		}
		return value
	}
	filters := orNull(members(query)["filters"])
	out := []byte(`{"filters":`)
	if Kind(filters) == KindArray {
		out = append(out, '[')
		if err := Elements(filters, func(index int, filter []byte) error {
			if index > 0 {
				out = append(out, ',')
			}
			m := members(filter)
			out = AppendCanonical(append(out, `{"event_types":`...), orNull(m["event_types"]))
			out = AppendCanonical(append(out, `,"payload_predicates":`...), orNull(m["payload_predicates"]))
			out = append(out, '}')
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		out = append(out, ']')
	} else {
		out = append(out, filters...)
	}
	return string(append(out, `,"min_sequence_number":null}`...))
}

func TestCanonicalQueriesAreSpelledAsTheRustStoresSpellThem(t *testing.T) {
	var cases []struct {
		Label  string  `json:"label"`
		Query  *string `json:"query_text"`
		Stored string  `json:"stored"`
	}
	readFixture(t, "canonical_queries.json", &cases)
	if len(cases) < 59 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		query := "null"
		if c.Query != nil {
			query = *c.Query
		}
		if got := canonicalQuery(t, []byte(query)); got != c.Stored {
			t.Errorf("%s\n got %s\nwant %s", c.Label, got, c.Stored)
		}
	}
}

func TestStoredPayloadsOfTheRustStoresAreCanonicalAndEqual(t *testing.T) { // G14
	var rows []struct {
		Number         string `json:"sequence_number"`
		SQLite         string `json:"sqlite"`
		SQLiteAnswer   string `json:"sqlite_answer"`
		Postgres       string `json:"postgres"`
		PostgresAnswer string `json:"postgres_answer"`
	}
	readFixture(t, "stored_payloads.json", &rows)
	if len(rows) != 205 {
		t.Fatalf("%d rows", len(rows))
	}
	// serde_json reads this float, 1.25e-300, as its neighbour. What the databases hold is right,
	// and so is our reading.
	const inexactInRust = "112"
	for _, r := range rows {
		for _, text := range []string{r.SQLite, r.Postgres} {
			if err := Check([]byte(text), 127); err != nil {
				t.Errorf("%s: %v", r.Number, err)
			}
		}
		if got := string(AppendCanonical(nil, []byte(r.SQLite))); got != r.SQLite {
			t.Errorf("%s\n got %s\nwant %s", r.Number, got, r.SQLite)
		}
		if got := string(AppendCanonical(nil, []byte(r.Postgres))); got != r.PostgresAnswer && r.Number != inexactInRust {
			t.Errorf("%s\n got %s\nwant %s", r.Number, got, r.PostgresAnswer)
		}
		if !Equal([]byte(r.SQLite), []byte(r.Postgres)) {
			t.Errorf("%s: SQLite's %s and PostgreSQL's %s differ", r.Number, r.SQLite, r.Postgres)
		}
		if (r.SQLiteAnswer == r.SQLite) == (r.Number == inexactInRust) {
			t.Errorf("%s: the answer %s does not fit the stored %s", r.Number, r.SQLiteAnswer, r.SQLite)
		}
	}
}
