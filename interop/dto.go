package interop

import (
	"encoding/json"

	factstr "github.com/factstr/factstr-go/core"
)

// InteropNewEvent is a fact that is to be appended.
type InteropNewEvent struct {
	EventType string          `json:"event_type"`
	Payload   json.RawMessage `json:"payload"`
}

// InteropEventRecord is a committed fact.
type InteropEventRecord struct {
	SequenceNumber uint64          `json:"sequence_number"`
	OccurredAt     string          `json:"occurred_at"`
	EventType      string          `json:"event_type"`
	Payload        json.RawMessage `json:"payload"`
}

// InteropEventFilter is one alternative of a query. An absent or null list leaves its side
// unconstrained; an empty one matches nothing.
type InteropEventFilter struct {
	EventTypes        []string          `json:"event_types,omitempty"`
	PayloadPredicates []json.RawMessage `json:"payload_predicates,omitempty"`
}

// InteropEventQuery describes a set of facts. Absent and null fields mean the same.
type InteropEventQuery struct {
	Filters           []InteropEventFilter `json:"filters,omitempty"`
	MinSequenceNumber *uint64              `json:"min_sequence_number,omitempty"`
	Limit             *uint64              `json:"limit,omitempty"`
	Backwards         bool                 `json:"backwards,omitempty"`
}

// InteropAppendCondition fails if a fact that the query matches has a number above after. Absent
// and null mean 0.
type InteropAppendCondition struct {
	FailIfEventsMatch InteropEventQuery `json:"fail_if_events_match"`
	After             uint64            `json:"after,omitempty"`
}

// InteropQueryResult is what a query read.
type InteropQueryResult struct {
	EventRecords               []InteropEventRecord `json:"event_records"`
	LastReturnedSequenceNumber *uint64              `json:"last_returned_sequence_number"`
	CurrentContextVersion      *uint64              `json:"current_context_version"`
}

// InteropPage holds rows of a query that is read page by page.
type InteropPage struct {
	EventRecords []InteropEventRecord `json:"event_records"`
	More         bool                 `json:"more"`
}

// InteropAppendResult is the range that a committed batch got.
type InteropAppendResult struct {
	FirstSequenceNumber uint64 `json:"first_sequence_number"`
	LastSequenceNumber  uint64 `json:"last_sequence_number"`
	CommittedCount      uint64 `json:"committed_count"`
}

// InteropConditionalAppendConflict holds the expected and the actual context version; null means
// that no fact matches.
type InteropConditionalAppendConflict struct {
	ExpectedContextVersion *uint64 `json:"expected_context_version"`
	ActualContextVersion   *uint64 `json:"actual_context_version"`
	ConditionIndex         *int    `json:"condition_index,omitempty"` // of append_when
}

// InteropError is any error. Callers act on Code, never on Message.
type InteropError struct {
	Code      factstr.Code                      `json:"code"`
	Message   string                            `json:"message"`
	Reason    factstr.Reason                    `json:"reason,omitempty"`
	Store     string                            `json:"store,omitempty"`
	Operation string                            `json:"operation,omitempty"`
	Conflict  *InteropConditionalAppendConflict `json:"conflict,omitempty"`
}

// errorDTO converts an error. Any error but one of core is CodeInternal.
func errorDTO(err error) InteropError {
	known := knownError(err)
	dto := InteropError{Code: known.Code, Message: known.Message, Reason: known.Reason, Store: known.Store, Operation: known.Operation}
	if c := known.Conflict; c != nil {
		dto.Conflict = &InteropConditionalAppendConflict{ExpectedContextVersion: c.ExpectedContextVersion,
			ActualContextVersion: c.ActualContextVersion, ConditionIndex: c.ConditionIndex}
	}
	return dto
}
