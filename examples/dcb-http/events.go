package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// payload is what a fact holds: the tags are an array, which a predicate matches by containment.
type payload struct {
	Data string   `json:"data"`
	Tags []string `json:"tags"`
}

type query struct {
	Items []struct {
		Types []string `json:"types"`
		Tags  []string `json:"tags"`
	} `json:"items"`
}

// facts returns the query as one of the store's: any of the items, any of an item's types, all of
// its tags. No items ask for everything.
func (q query) facts() factstr.EventQuery {
	var alternatives []factstr.EventQuery
	for _, item := range q.Items {
		alternative := factstr.AllEvents()
		if len(item.Types) > 0 {
			alternative = factstr.OfTypes(item.Types...)
		}
		if len(item.Tags) > 0 {
			alternative = alternative.Where(map[string][]string{"tags": item.Tags})
		}
		alternatives = append(alternatives, alternative)
	}
	if len(alternatives) == 0 {
		return factstr.AllEvents()
	}
	return factstr.AnyOf(alternatives...)
}

type event struct {
	Type string `json:"type"`
	payload
	Position uint64 `json:"position"`
}

// read answers GET /read?query=JSON&options=JSON. from is inclusive in both directions.
func read(store *factstr.Store, r *http.Request) (any, error) {
	var q query
	var options struct {
		From, Limit *uint64
		Backwards   bool
	}
	for name, into := range map[string]any{"query": &q, "options": &options} {
		if text := r.URL.Query().Get(name); text != "" {
			if err := json.Unmarshal([]byte(text), into); err != nil {
				return nil, badRequest("%s: %v", name, err)
			}
		}
	}
	facts, events := q.facts(), []event{}
	facts.Backwards = options.Backwards
	if options.From != nil && *options.From > 0 && !options.Backwards {
		facts = facts.After(*options.From - 1)
	}
	for record, err := range store.Read(r.Context(), facts) {
		if err != nil {
			return nil, err
		}
		if options.Limit != nil && uint64(len(events)) >= *options.Limit {
			break
		}
		if options.Backwards && options.From != nil && record.SequenceNumber > *options.From {
			continue
		}
		stored, err := factstr.Decode[payload](record)
		if err != nil {
			return nil, err
		}
		events = append(events, event{record.EventType, stored, record.SequenceNumber})
	}
	return events, nil
}

// appendIf answers POST /append.
func appendIf(store *factstr.Store, r *http.Request) (any, error) {
	var request struct {
		Events    []event `json:"events"`
		Condition *struct {
			FailIfEventsMatch query  `json:"failIfEventsMatch"`
			After             uint64 `json:"after"`
		} `json:"condition"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 64<<20)).Decode(&request); err != nil {
		return nil, badRequest("body: %v", err)
	}
	facts := make([]factstr.NewEvent, len(request.Events))
	for i, e := range request.Events {
		var err error
		e.Tags = append([]string{}, e.Tags...) // an array, also without tags
		if facts[i], err = factstr.Event(e.Type, e.payload); err != nil {
			return nil, err
		}
	}
	var conditions []factstr.AppendCondition
	if request.Condition != nil {
		conditions = []factstr.AppendCondition{
			{FailIfEventsMatch: request.Condition.FailIfEventsMatch.facts(), After: request.Condition.After},
		}
	}
	began := time.Now()
	_, err := store.AppendWhen(r.Context(), facts, conditions)
	failed := factstr.CodeOf(err) == factstr.CodeConditionalAppendConflict
	if err != nil && !failed {
		return nil, err
	}
	return map[string]any{"durationInMicroseconds": time.Since(began).Microseconds(), "appendConditionFailed": failed}, nil
}

func badRequest(format string, args ...any) error {
	return factstr.NewError(factstr.CodeInvalidArgument, "%s", fmt.Sprintf(format, args...))
}
