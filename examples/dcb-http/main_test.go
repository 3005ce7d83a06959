package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/factstr/factstr-go/core/factstrtest"
)

// server is the example on a store in memory.
type server struct {
	t *testing.T
	*httptest.Server
}

func serve(t *testing.T) server {
	t.Helper()
	s := httptest.NewServer(handler(factstrtest.Open(t)))
	t.Cleanup(s.Close)
	return server{t, s}
}

func (s server) answered(response *http.Response, err error) (status int, body string) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, strings.TrimSpace(string(text))
}

func (s server) read(query, options string) (status int, body string) {
	s.t.Helper()
	asked := url.Values{}
	if query != "" {
		asked.Set("query", query)
	}
	if options != "" {
		asked.Set("options", options)
	}
	return s.answered(s.Client().Get(s.URL + "/read?" + asked.Encode()))
}

func (s server) append(body string) (status int, answer string) {
	s.t.Helper()
	return s.answered(s.Client().Post(s.URL+"/append", "application/json", strings.NewReader(body)))
}

// appended appends and reports whether the condition held.
func (s server) appended(body string) bool {
	s.t.Helper()
	status, text := s.append(body)
	var answer struct {
		DurationInMicroseconds *int64
		AppendConditionFailed  *bool
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusOK ||
		answer.DurationInMicroseconds == nil || answer.AppendConditionFailed == nil {
		s.t.Fatalf("%d %s, %v", status, text, err)
	}
	return !*answer.AppendConditionFailed
}

const threeEvents = `{"events":[{"type":"A","data":"1","tags":["x","y"]},{"type":"B","data":"2","tags":["y"]},{"type":"A","data":"3"}]}`

func TestReadAnswersTheShapeThatToolsExpect(t *testing.T) {
	s := serve(t)
	if !s.appended(threeEvents) {
		t.Fatal("an append without a condition failed")
	}
	const a1, b2, a3 = `{"type":"A","data":"1","tags":["x","y"],"position":1}`, `{"type":"B","data":"2","tags":["y"],"position":2}`, `{"type":"A","data":"3","tags":[],"position":3}`
	for name, c := range map[string]struct{ query, options, want string }{
		"everything":            {"", "", a1 + "," + b2 + "," + a3},
		"no items":              {`{"items":[]}`, "", a1 + "," + b2 + "," + a3},
		"a type":                {`{"items":[{"types":["A"]}]}`, "", a1 + "," + a3},
		"any of the types":      {`{"items":[{"types":["A","B"]}]}`, "", a1 + "," + b2 + "," + a3},
		"all of the tags":       {`{"items":[{"tags":["y","x"]}]}`, "", a1},
		"types and tags":        {`{"items":[{"types":["B"],"tags":["y"]}]}`, "", b2},
		"any of the items":      {`{"items":[{"types":["B"]},{"tags":["x"]}]}`, "", a1 + "," + b2},
		"an item for all":       {`{"items":[{}]}`, "", a1 + "," + b2 + "," + a3},
		"from, inclusive":       {"", `{"from":2}`, b2 + "," + a3},
		"a limit":               {"", `{"limit":2}`, a1 + "," + b2},
		"no rows at all":        {"", `{"limit":0}`, ""},
		"backwards":             {"", `{"backwards":true,"limit":2}`, a3 + "," + b2},
		"backwards from, incl.": {"", `{"backwards":true,"from":2}`, b2 + "," + a1},
	} {
		t.Run(name, func(t *testing.T) {
			if status, got := s.read(c.query, c.options); status != http.StatusOK || got != "["+c.want+"]" {
				t.Errorf("%d %s; want [%s]", status, got, c.want)
			}
		})
	}
}

func TestAConditionCountsWhatIsNewerThanAfter(t *testing.T) {
	s := serve(t)
	s.appended(threeEvents)
	for name, c := range map[string]struct {
		condition string
		holds     bool
	}{
		"a match":             {`{"failIfEventsMatch":{"items":[{"tags":["x"]}]}}`, false},
		"no match":            {`{"failIfEventsMatch":{"items":[{"tags":["z"]}]}}`, true},
		"only an older match": {`{"failIfEventsMatch":{"items":[{"tags":["x"]}]},"after":1}`, true},
		"a newer match":       {`{"failIfEventsMatch":{"items":[{"types":["B"]}]},"after":1}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			if holds := s.appended(`{"events":[{"type":"N","data":"","tags":["n"]}],"condition":` + c.condition + `}`); holds != c.holds {
				t.Errorf("the condition holds: %v; want %v", holds, c.holds)
			}
		})
	}
}

func TestBadInputIsAnsweredByItsStatusAndChangesNothing(t *testing.T) {
	s := serve(t)
	for name, body := range map[string]string{"no JSON": `{`, "no events": `{"events":[]}`, "another type": `{"events":7}`} {
		if status, answer := s.append(body); status != http.StatusBadRequest || !strings.Contains(answer, `"error"`) {
			t.Errorf("%s: %d %s", name, status, answer)
		}
	}
	if status, answer := s.read(`{"items":7}`, ""); status != http.StatusBadRequest || !strings.Contains(answer, "query") {
		t.Errorf("a query that is none: %d %s", status, answer)
	}
	if status, answer := s.read("", ""); status != http.StatusOK || answer != "[]" {
		t.Errorf("the log holds %s, %d", answer, status)
	}
}
