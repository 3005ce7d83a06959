package factstr

import (
	"encoding/json"
	"slices"
)

// EventQuery describes a set of facts, the context, and which of them to return. The zero value
// asks for all facts.
type EventQuery struct {
	// Filters are alternatives: a fact that matches one of them belongs to the context. Without
	// filters every fact does.
	Filters []EventFilter
	// MinSequenceNumber is an exclusive read cursor: facts up to it are not returned. It does not
	// narrow the context.
	MinSequenceNumber *uint64
	// Limit is how many facts are returned at most, those with the lowest numbers, or with the
	// highest if Backwards. It does not narrow the context.
	Limit *uint64
	// Backwards returns the newest fact first. It changes the order of the returned facts, and
	// which of them a Limit keeps; MinSequenceNumber stays their lower end.
	Backwards bool

	// fault is what Where or AnyOf refused: the call that is given the query returns it. So a query
	// can be put together in one expression.
	fault error
	// known is the plan of WithPlan.
	known *knownPlan
}

// EventFilter matches a fact whose type is one of EventTypes and whose payload matches one of
// PayloadPredicates. A nil list leaves that side unconstrained; an empty list that is not nil
// matches no fact.
type EventFilter struct {
	EventTypes []string
	// PayloadPredicates are JSON texts. A payload matches a predicate that is a recursive subset of
	// it: scalars are equal, members of objects are present and match, and each element of an array
	// matches some element of the payload's array.
	PayloadPredicates []json.RawMessage
}

// QueryResult is the result of a query, from one snapshot of the log.
type QueryResult struct {
	// EventRecords are the returned facts in ascending order of their sequence numbers, or in
	// descending order if the query goes Backwards.
	EventRecords []EventRecord
	// LastReturnedSequenceNumber is the number of the last of EventRecords, which is the lowest one
	// of a query that goes Backwards; nil if there are none.
	LastReturnedSequenceNumber *uint64
	// CurrentContextVersion is the highest sequence number of the whole context, whatever was
	// returned; nil if no fact matches.
	CurrentContextVersion *uint64
}

// AllEvents returns a query for every fact.
func AllEvents() EventQuery { return EventQuery{} }

// OfTypes returns a query for the facts of any of these types. Without types it matches no fact.
func OfTypes(eventTypes ...string) EventQuery {
	return EventQuery{Filters: []EventFilter{{EventTypes: append([]string{}, eventTypes...)}}}
}

// Or returns the query with one more filter as an alternative. A query without filters matches all
// facts and is returned as it is: an alternative never narrows. To start from nothing, use
// OfTypes() without types, or list the filters in an EventQuery.
func (q EventQuery) Or(filter EventFilter) EventQuery {
	if len(q.Filters) == 0 {
		return q
	}
	// The result shares nothing with q or with the caller's slices.
	filter.EventTypes, filter.PayloadPredicates = slices.Clone(filter.EventTypes), slices.Clone(filter.PayloadPredicates)
	q.Filters = append(slices.Clone(q.Filters), filter)
	return q
}

// After returns the query with an exclusive read cursor: facts up to it are not returned.
func (q EventQuery) After(sequenceNumber uint64) EventQuery {
	q.MinSequenceNumber = &sequenceNumber
	return q
}

// AtMost returns the query with a limit of returned facts.
func (q EventQuery) AtMost(rows uint64) EventQuery {
	q.Limit = &rows
	return q
}

// NewestFirst returns the query going Backwards.
func (q EventQuery) NewestFirst() EventQuery {
	q.Backwards = true
	return q
}

// Version makes the expected version of AppendIf from a number.
func Version(sequenceNumber uint64) *uint64 { return &sequenceNumber }
