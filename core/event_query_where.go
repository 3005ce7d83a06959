package factstr

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Where returns a query for the facts of any type whose payload matches one of the predicates; see
// the method.
func Where(predicates ...any) EventQuery { return AllEvents().Where(predicates...) }

// Where returns the query narrowed to payloads that match one of the predicates. A predicate is any
// value that encoding/json can write, and matches as EventFilter says. Without predicates the
// query matches no fact.
//
// A struct is written with all its fields, zeros too, and then asks for all of them: give a map, or
// a struct with just the fields that are to match.
//
// Each filter has one list of predicates, which are alternatives, so a second Where is refused: a
// payload that must match two things is one predicate that holds both.
func (q EventQuery) Where(predicates ...any) EventQuery {
	if q.fault != nil {
		return q
	}
	texts := make([]json.RawMessage, len(predicates))
	for i, predicate := range predicates {
		text, err := json.Marshal(predicate)
		if err != nil {
			q.fault = fmt.Errorf("predicate %d of Where cannot be written as JSON: %w", i, err)
			return q
		}
		texts[i] = text
	}
	filters := make([]EventFilter, max(1, len(q.Filters)))
	copy(filters, q.Filters)
	for i := range filters {
		if filters[i].PayloadPredicates != nil {
			q.fault = fmt.Errorf("filters[%d] has payload predicates before Where; give all alternatives to one Where, or one predicate that holds all that must match", i)
			return q
		}
		filters[i].PayloadPredicates = slices.Clone(texts)
	}
	q.Filters = filters
	return q
}

// AnyOf returns a query for the facts that match at least one of the queries. Cursor, limit and
// order belong to the whole: set them on the result. Without queries it matches no fact.
func AnyOf(queries ...EventQuery) EventQuery {
	union, all := OfTypes(), false
	for i, query := range queries {
		switch {
		case query.fault != nil:
			return EventQuery{fault: query.fault}
		case query.MinSequenceNumber != nil || query.Limit != nil || query.Backwards:
			return EventQuery{fault: fmt.Errorf("query %d of AnyOf has a cursor, a limit or an order; set them on the result of AnyOf", i)}
		case len(query.Filters) == 0:
			all = true // beside a query for everything the others make no difference
		}
		union.Filters = append(union.Filters, query.Filters...)
	}
	switch {
	case all:
		return AllEvents()
	case len(queries) > 0:
		union.Filters = union.Filters[1:]
	}
	return union
}
