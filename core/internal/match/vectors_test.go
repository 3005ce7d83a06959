package match

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

type vector struct {
	Name      string `json:"name"`
	Payload   string `json:"payload"`
	Predicate string `json:"predicate"`
	Matches   bool   `json:"matches"`
}

func readVectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("../../../interop/testdata/matcher/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) < 120 {
		t.Fatalf("only %d vectors", len(vectors))
	}
	return vectors
}

func TestEveryVectorIsDecidedAsWritten(t *testing.T) { // G13 G14
	for _, v := range readVectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			for _, text := range []string{v.Payload, v.Predicate} {
				if err := jsonvalue.Check([]byte(text), 127); err != nil {
					t.Fatalf("%s: %v", text, err)
				}
			}
			if got := mustCompile(t, v.Predicate).Match([]byte(v.Payload)); got != v.Matches {
				t.Errorf("Match = %v", got)
			}
			if got := referenceMatches(decode(t, v.Predicate), decode(t, v.Payload)); got != v.Matches {
				t.Errorf("the reference says %v: the vector is wrong", got)
			}
		})
	}
}

func TestOneOfAllVectorPredicatesDecidesLikeEachAlone(t *testing.T) { // G12 G13 G14
	vectors := readVectors(t)
	var predicates [][]byte
	for _, v := range vectors {
		predicates = append(predicates, []byte(v.Predicate))
	}
	for _, v := range vectors {
		// Its own predicate beside one that cannot match decides alone, through the search for
		// candidates.
		pair := mustCompileAny(t, v.Predicate, `{"no such key":"no such value"}`)
		if got := pair.Match([]byte(v.Payload)); got != v.Matches {
			t.Errorf("%s: with a pair Match = %v", v.Name, got)
		}
		want := false
		for _, p := range predicates {
			want = want || mustCompile(t, string(p)).Match([]byte(v.Payload))
		}
		all, err := CompileAny(predicates)
		if err != nil {
			t.Fatal(err)
		}
		if got := all.Match([]byte(v.Payload)); got != want {
			t.Errorf("%s: with all Match = %v", v.Name, got)
		}
	}
}

func mustCompile(t testing.TB, predicate string) *predicate {
	t.Helper()
	p, err := compile([]byte(predicate))
	if err != nil {
		t.Fatalf("%s: %v", predicate, err)
	}
	return p
}

func mustCompileAny(t testing.TB, predicates ...string) *Any {
	t.Helper()
	var texts [][]byte
	for _, p := range predicates {
		texts = append(texts, []byte(p))
	}
	a, err := CompileAny(texts)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
