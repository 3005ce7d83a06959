package factstr

import (
	"encoding/json"
	"slices"
)

// EventQuery describes a set of facts, the context. The zero value asks for all of them.
type EventQuery struct {
	// Filters are alternatives: a fact that matches one of them matches. None, or an empty list,
	// matches every fact.
	Filters []EventFilter
	// MinSequenceNumber is an exclusive read cursor: rows up to it are not returned. It does not
	// narrow the context.
	MinSequenceNumber *uint64
	// Limit is how many rows are returned at most, the lowest numbers first. It does not narrow the
	// context.
	Limit *uint64
}

// EventFilter holds if one of EventTypes and one of PayloadPredicates hold. nil leaves that side
// unconstrained; a list that is present and empty holds for no fact.
type EventFilter struct {
	EventTypes []string
	// PayloadPredicates are JSON texts. A payload matches one that is a recursive subset of it.
	PayloadPredicates []json.RawMessage
}

// QueryResult is what a query read, from one snapshot of the log.
type QueryResult struct {
	// EventRecords are in ascending order of sequence numbers.
	EventRecords []EventRecord
	// LastReturnedSequenceNumber speaks of EventRecords; nil if there are none.
	LastReturnedSequenceNumber *uint64
	// CurrentContextVersion is the highest sequence number in the whole matching context, whatever
	// was returned; nil if nothing matches.
	CurrentContextVersion *uint64
}

// AllEvents asks for every fact.
func AllEvents() EventQuery { return EventQuery{} }

// OfTypes asks for the facts of any of these types.
func OfTypes(eventTypes ...string) EventQuery {
	return EventQuery{Filters: []EventFilter{{EventTypes: append([]string{}, eventTypes...)}}}
}

// Or adds an alternative to a query that has filters. One without matches all facts already, and
// stays so: an alternative never narrows. To begin with nothing, begin with OfTypes() of no types,
// or list the filters in an EventQuery.
func (q EventQuery) Or(filter EventFilter) EventQuery {
	if len(q.Filters) == 0 {
		return q
	}
	// Nothing is shared with queries that are made of the same one, or with the caller's slices.
	filter.EventTypes, filter.PayloadPredicates = slices.Clone(filter.EventTypes), slices.Clone(filter.PayloadPredicates)
	q.Filters = append(slices.Clone(q.Filters), filter)
	return q
}

// After returns the query with the exclusive read cursor.
func (q EventQuery) After(sequenceNumber uint64) EventQuery {
	q.MinSequenceNumber = &sequenceNumber
	return q
}

// AtMost returns the query with a limit of returned rows.
func (q EventQuery) AtMost(rows uint64) EventQuery {
	q.Limit = &rows
	return q
}

// Version makes the optional context version of AppendIf.
func Version(sequenceNumber uint64) *uint64 { return &sequenceNumber }
