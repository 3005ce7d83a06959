package factstr

import (
	"encoding/json"
	"time"
)

// Decode returns the payload of a fact as a T, as encoding/json reads it.
func Decode[T any](record EventRecord) (T, error) {
	var payload T
	if err := json.Unmarshal(record.Payload, &payload); err != nil {
		var none T
		return none, NewError(CodeInvalidArgument, "the payload of fact %d (%q) is no %T: %w", record.SequenceNumber,
			record.EventType, none, err)
	}
	return payload, nil
}

// Time returns OccurredAt as a time in UTC. A fact that another program stored may have a spelling
// that is no time: that is CodeCorrupt.
func (r EventRecord) Time() (time.Time, error) {
	at, err := time.Parse(time.RFC3339Nano, r.OccurredAt)
	if err != nil {
		return time.Time{}, NewError(CodeCorrupt, "occurred_at of fact %d is %q, which is no RFC 3339 time",
			r.SequenceNumber, r.OccurredAt)
	}
	return at.UTC(), nil
}
