package postgres

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unsafe"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/timestamp"
)

// Values travel in PostgreSQL's binary formats, which need neither quoting nor parsing. The types
// have the numbers of pg_type.
const (
	typeBool        = 16
	typeInt8        = 20
	typeText        = 25
	typeJSON        = 3802 // jsonb
	typeTextArray   = 1009
	typeInt8Array   = 1016
	typeTimestamp   = 1184 // with time zone
	typeTimestamps  = 1185 // an array of them
	jsonbVersion    = 1    // the first byte of a binary jsonb; text follows
	binaryFormat    = 1
	microsOfTheYear = 946_684_800_000_000 // from 1970 to 2000-01-01, where PostgreSQL begins to count
)

// micros is a timestamp with time zone: microseconds since 2000-01-01 UTC.
type micros int64

const (
	noTime        = micros(math.MinInt64 + 1) // NULL
	infinity      = micros(math.MaxInt64)
	minusInfinity = micros(math.MinInt64)
)

// spell returns a time as records have it. Times that no appender of a store can have get spellings
// of their own, so that they stay distinct.
func (m micros) spell() string {
	switch m {
	case infinity:
		return "infinity"
	case minusInfinity:
		return "-infinity"
	}
	at := time.UnixMicro(int64(m) + microsOfTheYear).UTC()
	if year := at.Year(); int64(m) > math.MaxInt64-microsOfTheYear || year < 0 || year > 9999 {
		return strconv.FormatInt(int64(m), 10) + oddTime
	}
	return timestamp.Format(at)
}

// microsOf reads what spell returns. It returns noTime for anything else.
func microsOf(text string) micros {
	switch text {
	case "infinity":
		return infinity
	case "-infinity":
		return minusInfinity
	}
	if count, odd := strings.CutSuffix(text, oddTime); odd {
		if m, err := strconv.ParseInt(count, 10, 64); err == nil {
			return micros(m)
		}
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return noTime
	}
	return micros(at.UnixMicro() - microsOfTheYear)
}

// oddTime ends the spelling of a time outside of the years 0 to 9999.
const oddTime = " microseconds since 2000"

// arguments are the parameters of a statement in binary form.
type arguments struct {
	values  [][]byte
	types   []uint32
	formats []int16
}

func argumentsOf(values []any) arguments {
	a := arguments{values: make([][]byte, len(values)), types: make([]uint32, len(values)),
		formats: make([]int16, len(values))}
	for i, value := range values {
		a.values[i], a.types[i] = encode(value)
		a.formats[i] = binaryFormat
	}
	return a
}

// encode returns one parameter in binary and its type. A nil element of an array of texts is NULL.
func encode(value any) ([]byte, uint32) {
	switch value := value.(type) {
	case int64:
		return binary.BigEndian.AppendUint64(nil, uint64(value)), typeInt8
	case bool:
		if value {
			return []byte{1}, typeBool
		}
		return []byte{0}, typeBool
	case string:
		return bytesFrom(value), typeText
	case []byte:
		return value, typeText
	case micros:
		if value == noTime {
			return nil, typeTimestamp
		}
		return binary.BigEndian.AppendUint64(nil, uint64(value)), typeTimestamp
	case []int64:
		return encodeNumbers(value, typeInt8), typeInt8Array
	case []micros:
		return encodeNumbers(value, typeTimestamp), typeTimestamps
	case [][]byte:
		return encodeTexts(value), typeTextArray
	case []string:
		texts := make([][]byte, len(value))
		for i := range value {
			texts[i] = bytesFrom(value[i])
		}
		return encodeTexts(texts), typeTextArray
	}
	panic(fmt.Sprintf("no parameter can be a %T", value))
}

// arrayHeader begins an array of one dimension, counted from 1, or an empty array, which has none.
func arrayHeader(size, length int, element uint32, nulls uint32) []byte {
	array := make([]byte, 0, 20+size)
	dimensions := uint32(1)
	if length == 0 {
		dimensions = 0
	}
	array = binary.BigEndian.AppendUint32(array, dimensions)
	array = binary.BigEndian.AppendUint32(array, nulls)
	array = binary.BigEndian.AppendUint32(array, element)
	if length > 0 {
		array = binary.BigEndian.AppendUint32(array, uint32(length))
		array = binary.BigEndian.AppendUint32(array, 1)
	}
	return array
}

func encodeNumbers[N ~int64](numbers []N, element uint32) []byte {
	array := arrayHeader(12*len(numbers), len(numbers), element, 0)
	for _, number := range numbers {
		array = binary.BigEndian.AppendUint32(array, 8)
		array = binary.BigEndian.AppendUint64(array, uint64(number))
	}
	return array
}

func encodeTexts(texts [][]byte) []byte {
	size, nulls := 0, uint32(0)
	for _, text := range texts {
		size += 4 + len(text)
		if text == nil {
			nulls = 1
		}
	}
	array := arrayHeader(size, len(texts), typeText, nulls)
	for _, text := range texts {
		if text == nil {
			array = binary.BigEndian.AppendUint32(array, math.MaxUint32)
			continue
		}
		array = binary.BigEndian.AppendUint32(array, uint32(len(text)))
		array = append(array, text...)
	}
	return array
}

// The functions below read the columns of a row, which are valid until the next row is read.

func int64Of(column []byte) int64 {
	if len(column) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(column))
}

func timeOf(column []byte) micros {
	if len(column) != 8 {
		return noTime
	}
	return micros(binary.BigEndian.Uint64(column))
}

func boolOf(column []byte) bool { return len(column) == 1 && column[0] == 1 }

// recordOf copies a row of number, time, type and payload. The server made sure that the payload is
// JSON and the type UTF-8.
func recordOf(number, at, eventType, payload []byte) factstr.EventRecord {
	text := make([]byte, 0, len(eventType)+len(payload))
	text = append(text, eventType...)
	text = append(text, jsonText(payload)...)
	return factstr.EventRecord{
		SequenceNumber: uint64(int64Of(number)), OccurredAt: timeOf(at).spell(),
		EventType: textFrom(text[:len(eventType):len(eventType)]), Payload: text[len(eventType):],
	}
}

// jsonText returns the text of a payload.
func jsonText(payload []byte) []byte {
	if len(payload) > 0 && payload[0] == jsonbVersion {
		return payload[1:]
	}
	return nil
}

func headOf(number, at []byte) factstr.Head {
	return factstr.Head{SequenceNumber: uint64(int64Of(number)), OccurredAt: timeOf(at).spell()}
}

// textFrom returns bytes as a string without copying them. They must not change while it is used.
func textFrom(bytes []byte) string { return unsafe.String(unsafe.SliceData(bytes), len(bytes)) }

// bytesFrom returns a string as bytes without copying it. They must not be changed. They are never
// nil, which would be NULL.
func bytesFrom(text string) []byte {
	if text == "" {
		return []byte{}
	}
	return unsafe.Slice(unsafe.StringData(text), len(text))
}
