package factstr

import (
	"encoding/json"
	"fmt"
)

// NewEvent is a fact that is to be appended.
type NewEvent struct {
	EventType string
	// Payload is the text of one JSON value. The store keeps the text; it must not be changed after
	// the call.
	Payload json.RawMessage
}

// Event makes a NewEvent of any value that marshals to JSON.
func Event(eventType string, payload any) (NewEvent, error) {
	text, err := json.Marshal(payload)
	if err != nil {
		return NewEvent{}, NewError(CodeInvalidArgument, "payload of %q cannot be written as JSON: %v", eventType, err)
	}
	return NewEvent{EventType: eventType, Payload: text}, nil
}

// EventRecord is a committed fact. Its Payload is shared with the store and must not be changed.
type EventRecord struct {
	SequenceNumber uint64
	// OccurredAt is the UTC time that the appending process read for the batch,
	// YYYY-MM-DDTHH:MM:SS.ffffffZ. It is not an ordering key. Records stored by another program
	// come back with the spelling they were stored with.
	OccurredAt string
	EventType  string
	Payload    json.RawMessage
}

// AppendResult tells which consecutive range of sequence numbers a batch got.
type AppendResult struct {
	FirstSequenceNumber uint64
	LastSequenceNumber  uint64
	CommittedCount      uint64
}

// Head identifies the newest record of a log. An empty log has the zero Head. Two heads are of the
// same log only if both fields are equal.
type Head struct {
	SequenceNumber uint64
	OccurredAt     string
}

func (h Head) String() string {
	return fmt.Sprintf("%d (%s)", h.SequenceNumber, h.OccurredAt)
}
