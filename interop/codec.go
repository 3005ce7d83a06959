package interop

import (
	"errors"
	"strconv"
	"strings"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// Codec writes results as JSON. It puts the texts together by hand around the bytes of the
// payloads: any encoder would walk the payloads again, and measured slower.
type Codec struct {
	// NumbersAsStrings spells sequence numbers and counts as JSON strings, for parsers that cannot
	// hold integers of 64 bits.
	NumbersAsStrings bool
}

// AppendAppendResult appends an InteropAppendResult.
func (c Codec) AppendAppendResult(dst []byte, result factstr.AppendResult) []byte {
	dst = c.appendNumber(append(dst, `{"first_sequence_number":`...), result.FirstSequenceNumber)
	dst = c.appendNumber(append(dst, `,"last_sequence_number":`...), result.LastSequenceNumber)
	dst = c.appendNumber(append(dst, `,"committed_count":`...), result.CommittedCount)
	return append(dst, '}')
}

// appendEnd appends what comes behind the records of an InteropQueryResult.
func (c Codec) appendEnd(dst []byte, result *factstr.QueryResult) []byte {
	dst = c.appendOptional(append(dst, `,"last_returned_sequence_number":`...), result.LastReturnedSequenceNumber)
	dst = c.appendOptional(append(dst, `,"current_context_version":`...), result.CurrentContextVersion)
	return append(dst, '}')
}

// AppendDeliveries appends an array of deliveries, each as AppendDelivery.
func (c Codec) AppendDeliveries(dst []byte, deliveries []factstr.Delivery, positions bool) []byte {
	dst = append(dst, '[')
	for i := range deliveries {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = c.AppendDelivery(dst, &deliveries[i], positions)
	}
	return append(dst, ']')
}

// AppendDelivery appends the batch of a delivery, or, with positions, an InteropDelivery.
func (c Codec) AppendDelivery(dst []byte, delivery *factstr.Delivery, positions bool) []byte {
	if !positions {
		return c.AppendBatch(dst, delivery.Records)
	}
	dst = c.appendNumber(append(dst, `{"position":`...), delivery.Position)
	dst = append(dst, `,"event_records":`...)
	return append(c.AppendBatch(dst, delivery.Records), '}')
}

// AppendBatch appends an array of InteropEventRecord.
func (c Codec) AppendBatch(dst []byte, records []factstr.EventRecord) []byte {
	dst = append(dst, '[')
	for i := range records {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = c.appendRecord(dst, &records[i])
	}
	return append(dst, ']')
}

// appendRecord appends an InteropEventRecord.
func (c Codec) appendRecord(dst []byte, record *factstr.EventRecord) []byte {
	dst = c.appendNumber(append(dst, `{"sequence_number":`...), record.SequenceNumber)
	dst = jsonvalue.AppendString(append(dst, `,"occurred_at":`...), record.OccurredAt)
	dst = jsonvalue.AppendString(append(dst, `,"event_type":`...), record.EventType)
	dst = append(append(dst, `,"payload":`...), record.Payload...)
	return append(dst, '}')
}

// DeliveriesSize is DeliverySize for AppendDeliveries.
func DeliveriesSize(deliveries []factstr.Delivery) int {
	size := len("[]")
	for i := range deliveries {
		size += DeliverySize(&deliveries[i]) + len(",")
	}
	return size
}

// DeliverySize returns at least the length that AppendDelivery appends, and little more.
func DeliverySize(delivery *factstr.Delivery) int {
	records := delivery.Records
	size := len(`{"position":"18446744073709551615","event_records":[]}`)
	for i := range records {
		record := &records[i]
		size += len(`{"sequence_number":"18446744073709551615","occurred_at":,"event_type":,"payload":},`)
		size += quotedSize(record.OccurredAt) + quotedSize(record.EventType) + len(record.Payload)
	}
	return size
}

func quotedSize(s string) int {
	size := len(s) + 2
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c < ' ':
			size += len(`\u0000`) - 1
		case c == '"' || c == '\\':
			size++
		}
	}
	return size
}

// AppendError appends an InteropError. Any error but one of core is CodeInternal.
func (c Codec) AppendError(dst []byte, err error) []byte {
	known := errorDTO(err)
	dst = jsonvalue.AppendString(append(dst, `{"code":`...), string(known.Code))
	dst = jsonvalue.AppendString(append(dst, `,"message":`...), strings.ToValidUTF8(known.Message, "\uFFFD"))
	if known.Reason != "" {
		dst = jsonvalue.AppendString(append(dst, `,"reason":`...), string(known.Reason))
	}
	if known.Store != "" {
		dst = jsonvalue.AppendString(append(dst, `,"store":`...), known.Store)
	}
	if known.Operation != "" {
		dst = jsonvalue.AppendString(append(dst, `,"operation":`...), known.Operation)
	}
	if conflict := known.Conflict; conflict != nil {
		dst = c.appendOptional(append(dst, `,"conflict":{"expected_context_version":`...), conflict.ExpectedContextVersion)
		dst = c.appendOptional(append(dst, `,"actual_context_version":`...), conflict.ActualContextVersion)
		if conflict.ConditionIndex != nil {
			dst = strconv.AppendInt(append(dst, `,"condition_index":`...), int64(*conflict.ConditionIndex), 10)
		}
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// AppendStatistics appends the object of factstr_statistics. handles maps the numbers of streams to
// their handles.
func (c Codec) AppendStatistics(dst []byte, s factstr.Statistics, handles map[uint64]uint64) []byte {
	count := func(name string, value uint64) {
		dst = append(append(append(dst, `,"`...), name...), `":`...)
		dst = strconv.AppendUint(dst, value, 10)
	}
	size := func(name string, bytes int64) {
		if bytes > 0 {
			count(name, uint64(bytes))
		} else {
			dst = append(append(append(dst, `,"`...), name...), `":null`...)
		}
	}
	dst = jsonvalue.AppendString(append(dst, `{"store_kind":`...), s.Store)
	dst = c.appendNumber(append(dst, `,"head":`...), s.Head.SequenceNumber)
	dst = c.appendNumber(append(dst, `,"facts":`...), s.Facts)
	dst = c.appendFailure(append(dst, `,"failure":`...), s.Failure)
	size("database_bytes", s.DatabaseBytes)
	size("log_file_bytes", s.LogFileBytes)
	count("appends", s.Appends)
	count("groups", s.Commits)
	count("group_appends_max", s.GroupAppendsMax)
	count("groups_retried", s.GroupsRetried)
	count("queue_appends", uint64(max(s.QueueAppends, 0)))
	count("queue_bytes", uint64(max(s.QueueBytes, 0)))
	count("read_retries", s.ReadRetries)
	count("redeliveries", s.Redeliveries)
	count("reconnects", s.Reconnects)
	count("tail_events", uint64(max(s.TailEvents, 0)))
	count("tail_bytes", uint64(max(s.TailBytes, 0)))
	dst = c.appendOptional(append(dst, `,"index_watermark":`...), s.IndexWatermark)
	dst = append(dst, `,"streams":[`...)
	for i, stream := range s.Streams {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = strconv.AppendUint(append(dst, `{"number":`...), stream.Number, 10)
		if handle := handles[stream.Number]; handle != 0 {
			dst = strconv.AppendUint(append(dst, `,"handle":`...), handle, 10)
		} else {
			dst = append(dst, `,"handle":null`...)
		}
		if stream.DurableName == "" {
			dst = append(dst, `,"durable_name":null`...)
		} else {
			dst = jsonvalue.AppendString(append(dst, `,"durable_name":`...), stream.DurableName)
		}
		dst = c.appendNumber(append(dst, `,"lag":`...), stream.Lag)
		dst = strconv.AppendUint(append(dst, `,"parked":`...), stream.Parked, 10)
		dst = append(dst, ',')
		dst = append(dst, c.AppendProgress(nil, stream.StreamProgress)[1:]...) // its fields, and the brace that ends it
	}
	return append(dst, "]}"...)
}

func (c Codec) appendFailure(dst []byte, err error) []byte {
	if err == nil {
		return append(dst, "null"...)
	}
	return c.AppendError(dst, err)
}

// AppendStreamProgress appends the object of factstr_stream_progress; number is the stream's in its
// store.
func (c Codec) AppendStreamProgress(dst []byte, number uint64, progress factstr.StreamProgress) []byte {
	dst = strconv.AppendUint(append(dst, `{"number":`...), number, 10)
	return append(append(dst, ','), c.AppendProgress(nil, progress)[1:]...)
}

// AppendProgress appends where a stream stands.
func (c Codec) AppendProgress(dst []byte, progress factstr.StreamProgress) []byte {
	state := "replaying"
	switch {
	case progress.Ended:
		state = "ended"
	case progress.Ready:
		state = "live"
	}
	dst = jsonvalue.AppendString(append(dst, `{"state":`...), state)
	dst = c.appendNumber(append(dst, `,"position":`...), progress.Position)
	dst = c.appendNumber(append(dst, `,"replay_target":`...), progress.ReplayTarget)
	dst = c.appendNumber(append(dst, `,"stored_cursor":`...), progress.StoredCursor)
	return append(c.appendFailure(append(dst, `,"failure":`...), progress.Failure), '}')
}

func (c Codec) appendNumber(dst []byte, n uint64) []byte {
	if !c.NumbersAsStrings {
		return strconv.AppendUint(dst, n, 10)
	}
	return append(strconv.AppendUint(append(dst, '"'), n, 10), '"')
}

func (c Codec) appendOptional(dst []byte, n *uint64) []byte {
	if n == nil {
		return append(dst, "null"...)
	}
	return c.appendNumber(dst, *n)
}

// knownError returns the core error in err, or makes one with CodeInternal.
func knownError(err error) *factstr.Error {
	var known *factstr.Error
	if errors.As(err, &known) {
		return known
	}
	var code factstr.Code
	if errors.As(err, &code) {
		return &factstr.Error{Code: code, Message: err.Error()}
	}
	return &factstr.Error{Code: factstr.CodeInternal, Message: err.Error()}
}
