package sqlite

import (
	"database/sql/driver"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// row is a fact as it is stored.
type row struct {
	factstr.EventRecord
	typeless bool   // no query can ask for this type
	problem  string // why the row is not a fact, if that does not show in the record
}

// rowOf accepts text that another program stored as a BLOB.
func rowOf(values []driver.Value) (r row) {
	number, _ := values[0].(int64)
	r.EventRecord = factstr.EventRecord{
		SequenceNumber: uint64(number),
		OccurredAt:     textOf(values[1]),
		EventType:      textOf(values[2]),
		Payload:        bytesFrom(textOf(values[3])),
	}
	switch {
	case values[2] == nil:
		r.typeless, r.problem = true, "event_type is NULL"
	case len(values) > 4 && !storedAsUTF16(r.EventType, values[2], values[4]):
		r.typeless, r.problem = true, "event_type is not valid UTF-16"
	case values[1] == nil:
		r.problem = "occurred_at is NULL"
	case values[3] == nil:
		r.problem = "payload is NULL"
	}
	return r
}

// storedAsUTF16 reports whether the stored bytes are the text that was read, in either byte order.
func storedAsUTF16(text string, value, stored driver.Value) bool {
	bytes, _ := stored.([]byte)
	if _, isText := value.(string); !isText {
		return true
	}
	little, big := make([]byte, 0, len(bytes)), make([]byte, 0, len(bytes))
	for _, unit := range utf16.Encode([]rune(text)) {
		little, big = binary.LittleEndian.AppendUint16(little, unit), binary.BigEndian.AppendUint16(big, unit)
	}
	return string(little) == string(bytes) || string(big) == string(bytes)
}

// damage returns why a row cannot be returned, or "". Only other programs store such rows.
func damage(r *row) string {
	switch {
	case r.problem != "":
		return r.problem
	case !jsonvalue.Valid(r.Payload):
		return "payload is not JSON"
	case !utf8.ValidString(r.EventType):
		return "event_type is not valid UTF-8"
	case !utf8.ValidString(r.OccurredAt):
		return "occurred_at is not valid UTF-8"
	}
	return ""
}

// textOf returns text, also if another program stored it as a BLOB.
func textOf(value driver.Value) string {
	switch value := value.(type) {
	case string:
		return value
	case []byte:
		return string(value)
	}
	return ""
}
