package factstr

import (
	"encoding/json"
	"fmt"
	"unsafe"
)

// NewEvent is a fact to append.
type NewEvent struct {
	EventType string
	// Payload is the text of one JSON value. The store keeps it, so it must not be changed after
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

// Event makes a NewEvent from any value that encoding/json can write.
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
	// OccurredAt is the UTC time at which the appending process accepted the batch, by its own
	// clock: YYYY-MM-DDTHH:MM:SS.ffffffZ. It is no ordering key. Facts that another program stored
	// keep the spelling they were stored with.
	OccurredAt string
	EventType  string
	Payload    json.RawMessage
}

// AppendResult is the consecutive range of sequence numbers that a batch got.
type AppendResult struct {
	FirstSequenceNumber uint64
	LastSequenceNumber  uint64
	CommittedCount      uint64
}

// Head identifies the newest fact of a log; an empty log has the zero Head. Two logs that end at
// the same number are the same only if their times are equal, too: a log may be replaced by a
// restore.
type Head struct {
	SequenceNumber uint64
	OccurredAt     string
}

// String returns the head as messages name it.
func (h Head) String() string {
	return fmt.Sprintf("%d (%s)", h.SequenceNumber, h.OccurredAt)
}
