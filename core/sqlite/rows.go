package sqlite

import (
	"encoding/binary"
	"encoding/json"
	"unicode/utf16"
	"unicode/utf8"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
	lib "modernc.org/sqlite/lib"
)

// row is a fact as it is stored.
type row struct {
	factstr.EventRecord
	typeless bool   // no query can ask for this type
	sound    bool   // damage was looked for, and there is none
	problem  string // why the row is not a fact, if that does not show in the record
}

// fact reads the row at which a statement for recordColumns stands. It accepts text that another
// program stored as a BLOB. If known borrows, the payload is SQLite's own memory: good until
// the statement is stepped or reset.
func (s *statement) fact(known *texts, r *row) {
	const number, occurredAt, eventType, payload, stored = 0, 1, 2, 3, 4
	r.typeless, r.sound, r.problem = false, false, ""
	r.SequenceNumber = uint64(s.number(number))
	at, kind, content := s.kind(occurredAt), s.kind(eventType), s.kind(payload)
	r.OccurredAt = known.time(s.bytes(occurredAt, at))
	r.EventType = known.eventType(s.bytes(eventType, kind))
	r.Payload = known.payload(s.bytes(payload, content))
	switch {
	case kind == lib.SQLITE_NULL:
		r.typeless, r.problem = true, "event_type is NULL"
	case s.columns > stored && kind == lib.SQLITE_TEXT && !isUTF16(r.EventType, s.bytes(stored, lib.SQLITE_BLOB)):
		r.typeless, r.problem = true, "event_type is not valid UTF-16"
	case at == lib.SQLITE_NULL:
		r.problem = "occurred_at is NULL"
	case content == lib.SQLITE_NULL:
		r.problem = "payload is NULL"
	}
}

// factOf is fact for a scan that asks for types: of facts of other types it reads number and type
// only, since such a scan passes over most rows.
func (s *statement) factOf(types admittedTypes, known *texts, r *row) {
	const number, eventType = 0, 2
	if types != nil {
		if kind := s.kind(eventType); kind == lib.SQLITE_TEXT {
			name := known.eventType(s.bytes(eventType, kind))
			if _, ok := types[name]; !ok {
				*r = row{}
				r.SequenceNumber, r.EventType = uint64(s.number(number)), name
				return
			}
		}
	}
	s.fact(known, r)
}

// isUTF16 reports whether the stored bytes are the text that was read, in either byte order.
func isUTF16(text string, stored []byte) bool {
	little, big := make([]byte, 0, len(stored)), make([]byte, 0, len(stored))
	for _, unit := range utf16.Encode([]rune(text)) {
		little, big = binary.LittleEndian.AppendUint16(little, unit), binary.BigEndian.AppendUint16(big, unit)
	}
	return string(little) == string(stored) || string(big) == string(stored)
}

// texts keeps what many facts share, so that it is not allocated for each: a batch has one time,
// a log few types, and payloads lie one behind the other in blocks.
type texts struct {
	last  string
	types map[string]string

	borrows bool   // payloads are not copied
	block   []byte // whose capacity the next payloads are copied into
	next    int    // the size of the next block
}

// blockMin and blockMax bound the blocks of payloads. A scan begins with a small one, since whoever
// keeps one fact of a block keeps all of it.
const blockMin, blockMax = 512, 32 << 10

// begin says whether the rows that are read next borrow their payloads.
func (t *texts) begin(borrows bool) { t.borrows, t.block, t.next = borrows, nil, blockMin }

// payload returns a payload as the scan wants it.
func (t *texts) payload(stored []byte) json.RawMessage {
	n := len(stored)
	switch {
	case t.borrows:
		return stored
	case n > blockMax/8:
		return append(json.RawMessage{}, stored...)
	case n > cap(t.block)-len(t.block):
		t.next = min(max(2*t.next, 2*n), blockMax)
		t.block = make([]byte, 0, t.next)
	}
	from := len(t.block)
	t.block = append(t.block, stored...)
	return t.block[from:len(t.block):len(t.block)]
}

func (t *texts) time(stored []byte) string {
	if string(stored) != t.last {
		t.last = string(stored)
	}
	return t.last
}

func (t *texts) eventType(stored []byte) string {
	const typesMax = 256
	if known, ok := t.types[string(stored)]; ok {
		return known
	}
	if t.types == nil || len(t.types) == typesMax {
		t.types = map[string]string{}
	}
	text := string(stored)
	t.types[text] = text
	return text
}

// damage returns why a row cannot be returned, or "". Only other programs store such rows.
func damage(r *row) string {
	switch {
	case r.sound:
		return ""
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
func textOf(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case []byte:
		return string(value)
	}
	return ""
}
