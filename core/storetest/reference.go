package storetest

import (
	"bytes"
	"encoding/json"
	"math/big"
	"slices"

	factstr "github.com/factstr/factstr-go/core"
)

// reference is a store that is as plain as can be: a list of facts, looked through from the start
// for every question, and payloads compared after decoding them. It shares no code with the stores.
type reference struct {
	facts   []referenceFact
	cursors map[string]uint64
}

type referenceFact struct {
	number  uint64
	batch   uint64 // the number of its batch's first fact
	event   factstr.NewEvent
	payload any
}

func (r *reference) append(events []factstr.NewEvent) factstr.AppendResult {
	first := uint64(len(r.facts) + 1)
	for _, event := range events {
		r.facts = append(r.facts, referenceFact{uint64(len(r.facts) + 1), first, event, decoded(event.Payload)})
	}
	return factstr.AppendResult{FirstSequenceNumber: first, LastSequenceNumber: uint64(len(r.facts)),
		CommittedCount: uint64(len(events))}
}

func (r *reference) query(query factstr.EventQuery) (rows []referenceFact, version *uint64) {
	matches := matching(query)
	facts := slices.Clone(r.facts)
	if query.Backwards {
		slices.Reverse(facts)
	}
	for _, fact := range facts {
		if !matches(&fact) {
			continue
		}
		if version == nil || fact.number > *version {
			version = &fact.number
		}
		after := query.MinSequenceNumber == nil || fact.number > *query.MinSequenceNumber
		if room := query.Limit == nil || uint64(len(rows)) < *query.Limit; after && room {
			rows = append(rows, fact)
		}
	}
	return rows, version
}

// deliveries are what a durable stream must be given from its cursor on.
func (r *reference) deliveries(name string, query factstr.EventQuery) (deliveries [][]uint64) {
	matches := matching(query)
	batch := uint64(0)
	for _, fact := range r.facts {
		if fact.number <= r.cursors[name] || !matches(&fact) {
			continue
		}
		if fact.batch != batch {
			batch = fact.batch
			deliveries = append(deliveries, nil)
		}
		last := len(deliveries) - 1
		deliveries[last] = append(deliveries[last], fact.number)
	}
	return deliveries
}

// batchEnd is the number of the last fact of a fact's batch.
func (r *reference) batchEnd(number uint64) uint64 {
	for number < uint64(len(r.facts)) && r.facts[number].batch == r.facts[number-1].batch {
		number++
	}
	return number
}

// matching decides of facts whether they match a query.
func matching(query factstr.EventQuery) func(*referenceFact) bool {
	predicates := make([][]any, len(query.Filters))
	for i, filter := range query.Filters {
		for _, predicate := range filter.PayloadPredicates {
			predicates[i] = append(predicates[i], decoded(predicate))
		}
	}
	return func(f *referenceFact) bool {
		for i, filter := range query.Filters {
			types := filter.EventTypes == nil || slices.Contains(filter.EventTypes, f.event.EventType)
			payloads := filter.PayloadPredicates == nil || slices.ContainsFunc(predicates[i], func(predicate any) bool {
				return referenceContains(f.payload, predicate)
			})
			if types && payloads {
				return true
			}
		}
		return len(query.Filters) == 0
	}
}

// decoded makes values of JSON text, with exact numbers.
func decoded(text []byte) (value any) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		panic(err)
	}
	return exact(value)
}

func exact(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = exact(value[key])
		}
	case []any:
		for i := range value {
			value[i] = exact(value[i])
		}
	case json.Number:
		number, ok := new(big.Rat).SetString(value.String())
		if !ok {
			panic(value)
		}
		return number
	}
	return value
}

// referenceContains reports whether a value holds a predicate as a recursive subset.
func referenceContains(value, predicate any) bool {
	switch predicate := predicate.(type) {
	case map[string]any:
		object, ok := value.(map[string]any)
		for key, wanted := range predicate {
			held, there := object[key]
			ok = ok && there && referenceContains(held, wanted)
		}
		return ok
	case []any:
		array, ok := value.([]any)
		for _, wanted := range predicate {
			ok = ok && slices.ContainsFunc(array, func(element any) bool { return referenceContains(element, wanted) })
		}
		return ok
	case *big.Rat:
		number, ok := value.(*big.Rat)
		return ok && number.Cmp(predicate) == 0
	default:
		return value == predicate
	}
}
