package factstr

import (
	"encoding/json"
	"fmt"
	"unsafe"
)

// NewEvent is a fact that is to be appended.
type NewEvent struct {
	EventType string
	// Payload is the text of one JSON value. The store keeps the text; it must not be changed after
	// the call.
	Payload json.RawMessage

	proven proof
}

// proof identifies the text that was proven to be a JSON value: a Payload that was replaced since,
// or cut, is another text.
type proof struct {
	text   *byte // the first byte of the text, nil without proof
	length int
}

func proofOf(payload json.RawMessage) proof {
	return proof{unsafe.SliceData([]byte(payload)), len(payload)}
}

// payloadIsProven reports whether Payload is the text that ProvenEvent was given.
func (e *NewEvent) payloadIsProven() bool {
	return len(e.Payload) > 0 && e.proven == proofOf(e.Payload)
}

// ProvenEvent makes a NewEvent whose payload an append does not check again. It is for code that
// has just checked a larger text of which the payload is a part, such as the request of another
// language. The caller guarantees that jsonvalue.Check(payload, NestingMax) returns nil, and that
// nobody changes the bytes afterwards: otherwise the log holds a payload that no store can read.
// The limits of sizes are checked all the same. Programs use Event, or make a NewEvent themselves.
func ProvenEvent(eventType string, payload json.RawMessage) NewEvent {
	return NewEvent{EventType: eventType, Payload: payload, proven: proofOf(payload)}
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
