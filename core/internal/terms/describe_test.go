package terms

import (
	"slices"
	"strings"
	"testing"
)

func TestThePlacesThatAreDescribedAreTheOnesThatAreLookedUp(t *testing.T) { // G12 G13 G14
	for predicate, want := range map[string]string{
		`{"id":1.0e0}`:                   `payload.id = 1.0e0`,
		`{"a":{"b c":["x",{"d":null}]}}`: `payload.a["b c"][] = "x", payload.a["b c"][].d = null`,
		`"text"`:                         `payload = "text"`,
		`[[true,false]]`:                 `payload[][] = true, payload[][] = false`,
		`{"ü":"\u00fc\n"}`:               `payload["ü"] = "ü\n"`,
		`{"a":1,"a":{"b":2}}`:            `payload.a.b = 2`,
		`{"":"<&>"}`:                     `payload[""] = "<&>"`,
		`{"n":-0,"m":9007199254740993}`:  `payload.m = 9007199254740993, payload.n = -0`,
		`{}`:                             ``,
		`{"a":[{}]}`:                     ``,
		`["x","x"]`:                      `payload[] = "x"`,
		`{"k":"` + strings.Repeat("ü", 300) + `"}`: `payload.k = "` + strings.Repeat("ü", 60) + `…"`,
		nested(120, "7"): `payload` + strings.Repeat("[].a", 60) + ` = 7`,
	} {
		described := testSeed.DescribePredicate([]byte(predicate))
		var texts []string
		var hashes []Term
		for _, one := range described {
			texts, hashes = append(texts, one.Text), append(hashes, one.Term)
		}
		if got := strings.Join(texts, ", "); got != want {
			t.Errorf("%s: %s, want %s", predicate, got, want)
		}
		sought := testSeed.ofPredicate([]byte(predicate))
		slices.Sort(hashes)
		slices.Sort(sought)
		if !slices.Equal(hashes, sought) {
			t.Errorf("%s: the terms %x are described, and %x are looked up", predicate, hashes, sought)
		}
	}
	if one := testSeed.DescribeType("a"); one.Text != `event_type = "a"` || one.Term != testSeed.ofType("a") {
		t.Errorf("%+v", one)
	}
}
