package interop

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

var someRecords = []factstr.EventRecord{
	{SequenceNumber: 1, OccurredAt: "2026-11-23T18:53:40.000001Z", EventType: "opened", Payload: json.RawMessage(`{"a":1}`)},
	{SequenceNumber: math.MaxInt64, OccurredAt: "odd \"time\"", EventType: "\x01é\"\\\n😀", Payload: json.RawMessage(`null`)},
}

// queryResult is the text of a query's result in one piece; the product writes it row by row
// (QueryText).
func queryResult(c Codec, result *factstr.QueryResult) []byte {
	return c.appendEnd(c.AppendBatch([]byte(`{"event_records":`), result.EventRecords), result)
}

func TestTheHandmadeTextsAreWhatTheDTOsMarshalTo(t *testing.T) {
	result := &factstr.QueryResult{EventRecords: someRecords, LastReturnedSequenceNumber: factstr.Version(math.MaxInt64)}
	dto := InteropQueryResult{LastReturnedSequenceNumber: result.LastReturnedSequenceNumber}
	for _, r := range someRecords {
		dto.EventRecords = append(dto.EventRecords, InteropEventRecord(r))
	}
	conflict := &factstr.ConditionalAppendConflict{ExpectedContextVersion: factstr.Version(7)}
	failure := &factstr.Error{Code: factstr.CodeConditionalAppendConflict, Message: "m\"", Conflict: conflict}
	missing := &factstr.Error{Code: factstr.CodeNotImplemented, Message: "m", Store: "memory", Operation: "backup"}
	full := factstr.BackendFailure(factstr.ReasonDiskFull, "full")
	for name, c := range map[string]struct {
		text []byte
		dto  any
	}{
		"query result":       {queryResult(Codec{}, result), dto},
		"empty query result": {queryResult(Codec{}, &factstr.QueryResult{}), InteropQueryResult{EventRecords: []InteropEventRecord{}}},
		"append result": {Codec{}.AppendAppendResult(nil, factstr.AppendResult{FirstSequenceNumber: 1, LastSequenceNumber: 3, CommittedCount: 3}),
			InteropAppendResult{FirstSequenceNumber: 1, LastSequenceNumber: 3, CommittedCount: 3}},
		"conflict":        {Codec{}.AppendError(nil, failure), errorDTO(failure)},
		"not implemented": {Codec{}.AppendError(nil, fmt.Errorf("wrapped: %w", missing)), errorDTO(missing)},
		"backend failure": {Codec{}.AppendError(nil, full), errorDTO(full)},
	} {
		want, err := json.Marshal(c.dto)
		if err != nil {
			t.Fatal(err)
		}
		if err := jsonvalue.Check(c.text, 127); err != nil {
			t.Errorf("%s: %s: %v", name, c.text, err)
		}
		if !jsonvalue.Equal(c.text, want) {
			t.Errorf("%s:\n got %s\nwant %s", name, c.text, want)
		}
	}
}

func TestNumbersAreStringsWhenThatWasAskedFor(t *testing.T) {
	codec := Codec{NumbersAsStrings: true}
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{codec.AppendAppendResult(nil, factstr.AppendResult{FirstSequenceNumber: 1, LastSequenceNumber: 3, CommittedCount: 3}),
			`{"first_sequence_number":"1","last_sequence_number":"3","committed_count":"3"}`},
		{queryResult(codec, &factstr.QueryResult{EventRecords: someRecords[:1], CurrentContextVersion: factstr.Version(math.MaxInt64)}),
			`{"event_records":[{"sequence_number":"1","occurred_at":"2026-11-23T18:53:40.000001Z","event_type":"opened","payload":{"a":1}}],"last_returned_sequence_number":null,"current_context_version":"9223372036854775807"}`},
		{codec.AppendError(nil, &factstr.Error{Code: factstr.CodeConditionalAppendConflict, Conflict: &factstr.ConditionalAppendConflict{ActualContextVersion: factstr.Version(5)}}),
			`{"code":"ConditionalAppendConflict","message":"","conflict":{"expected_context_version":null,"actual_context_version":"5"}}`},
		{codec.AppendProgress(nil, factstr.StreamProgress{Ready: true, Position: 4, ReplayTarget: 3, StoredCursor: 2}),
			`{"state":"live","position":"4","replay_target":"3","stored_cursor":"2","failure":null}`},
		{codec.AppendStreamProgress(nil, 7, factstr.StreamProgress{Ended: true}),
			`{"number":7,"state":"ended","position":"0","replay_target":"0","stored_cursor":"0","failure":null}`},
		{codec.AppendProgress(nil, factstr.StreamProgress{Failure: factstr.BackendFailure(factstr.ReasonConnection, "gone")}),
			`{"state":"replaying","position":"0","replay_target":"0","stored_cursor":"0","failure":{"code":"BackendFailure","message":"gone","reason":"connection"}}`},
		{codec.AppendStatistics(nil, factstr.Statistics{Store: "sqlite", Head: factstr.Head{SequenceNumber: 9}, Facts: 9, DatabaseBytes: 8, Commits: 2, IndexWatermark: factstr.Version(7),
			Streams: []factstr.StreamStatistics{{Number: 1, Lag: 3,
				StreamProgress: factstr.StreamProgress{Ready: true}}, {Number: 2, DurableName: "d"}}}, map[uint64]uint64{2: 40}),
			`{"store_kind":"sqlite","head":"9","facts":"9","failure":null,"database_bytes":8,"log_file_bytes":null,"appends":0,"groups":2,"group_appends_max":0,"groups_retried":0,` +
				`"queue_appends":0,"queue_bytes":0,"read_retries":0,"redeliveries":0,"reconnects":0,"tail_events":0,"tail_bytes":0,"index_watermark":"7","streams":[` +
				`{"number":1,"handle":null,"durable_name":null,"lag":"3","parked":0,"state":"live","position":"0","replay_target":"0","stored_cursor":"0","failure":null},` +
				`{"number":2,"handle":40,"durable_name":"d","lag":"0","parked":0,"state":"replaying","position":"0","replay_target":"0","stored_cursor":"0","failure":null}]}`},
	} {
		if string(c.got) != c.want {
			t.Errorf("got  %s\nwant %s", c.got, c.want)
		}
	}
}

func TestSizesAreNeverTooSmall(t *testing.T) {
	result := &factstr.QueryResult{EventRecords: someRecords, LastReturnedSequenceNumber: factstr.Version(math.MaxInt64), CurrentContextVersion: factstr.Version(math.MaxInt64)}
	for i := byte(0); i < 128; i++ {
		result.EventRecords = append(result.EventRecords, factstr.EventRecord{SequenceNumber: math.MaxUint64, EventType: string(rune(i)), Payload: json.RawMessage("1")})
	}
	codec := Codec{NumbersAsStrings: true}
	deliveries := []factstr.Delivery{{Records: result.EventRecords, Position: math.MaxUint64},
		{Position: math.MaxUint64}}
	for _, positions := range []bool{false, true} {
		size, text := DeliveriesSize(deliveries), codec.AppendDeliveries(nil, deliveries, positions)
		if len(text) > size {
			t.Errorf("%d bytes do not fit the size %d", len(text), size)
		}
		for i := range deliveries {
			size, text := DeliverySize(&deliveries[i]), codec.AppendDelivery(nil, &deliveries[i], positions)
			if len(text) > size {
				t.Errorf("%d bytes do not fit the size %d", len(text), size)
			}
		}
	}
}

func TestProgressNamesTheState(t *testing.T) {
	for want, progress := range map[string]factstr.StreamProgress{
		"replaying": {}, "live": {Ready: true}, "ended": {Ready: true, Ended: true},
	} {
		var got struct{ State string }
		if err := json.Unmarshal(Codec{}.AppendProgress(nil, progress), &got); err != nil || got.State != want {
			t.Errorf("got %q, %v, want %q", got.State, err, want)
		}
	}
}

func TestErrorsOfOthersAreInternalAndStayUTF8(t *testing.T) {
	text := Codec{}.AppendError(nil, errors.New("broken \xff"))
	if want := `{"code":"Internal","message":"broken ` + "\uFFFD" + `"}`; string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if text := (Codec{}).AppendError(nil, factstr.CodeBusy); string(text) != `{"code":"Busy","message":"Busy"}` {
		t.Errorf("got %s", text)
	}
}
