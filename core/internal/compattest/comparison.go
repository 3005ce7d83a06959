package compattest

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

type deviation struct {
	What      string `json:"what"`
	Expected  any    `json:"expected"`
	Ours      any    `json:"ours"`
	Guarantee string `json:"guarantee"`
	Why       string `json:"why"`
}

// Comparison compares answers of one kind, and the differences with a list.
type Comparison struct {
	t      *testing.T
	kind   string
	listed map[string]deviation
}

// NewComparison makes a Comparison of one kind of answers with the list of expected differences in
// a file.
func NewComparison(t *testing.T, path, kind string) *Comparison {
	t.Helper()
	var list []deviation
	readJSON(t, path, &list)
	c := &Comparison{t, kind + ": ", map[string]deviation{}}
	for _, entry := range list {
		if entry.Guarantee == "" || entry.Why == "" {
			t.Errorf("the deviation %q gives no guarantee or reason", entry.What)
		}
		if strings.HasPrefix(entry.What, c.kind) {
			c.listed[entry.What] = entry
		}
	}
	t.Cleanup(func() {
		for what := range c.listed {
			t.Errorf("%s: is listed, but nothing of that name was compared", what)
		}
	})
	return c
}

// Compare takes two values and compares them as JSON values.
func (c *Comparison) Compare(what string, expected, ours any) {
	c.t.Helper()
	what = c.kind + what
	entry, listed := c.listed[what]
	delete(c.listed, what)
	expected, ours = asJSON(c.t, expected), asJSON(c.t, ours)
	switch same := reflect.DeepEqual(expected, ours); {
	case same && listed:
		c.t.Errorf("%s: the listed deviation does not occur", what)
	case !same && !listed:
		text, _ := json.Marshal(deviation{What: what, Expected: expected, Ours: ours})
		c.t.Errorf("%s: Rust answers %v, ours %v; if a guarantee demands it, list\n%s", what, expected, ours, text)
	case !same && (!reflect.DeepEqual(entry.Expected, expected) || !reflect.DeepEqual(entry.Ours, ours)):
		c.t.Errorf("%s: differs in another way than listed: Rust answers %v, ours %v", what, expected, ours)
	}
}

func asJSON(t testing.TB, value any) (plain any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, &plain)
	}
	if err != nil {
		t.Fatal(err)
	}
	return plain
}
