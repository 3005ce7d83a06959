package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

func TestNothingDecodedPointsIntoTheRequest(t *testing.T) {
	request := []byte(`[{"event_type":"opened","payload":{"a":"b"}},{"event_type":"opened","payload":1}]`)
	events, err := DecodeEvents(request, factstr.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	filters := []byte(`{"filters":[{"event_types":["opened"],"payload_predicates":[{"a":"b"}]}],"limit":3}`)
	query, err := DecodeQuery(filters, factstr.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range [][]byte{request, filters} {
		copy(text, bytes.Repeat([]byte{'#'}, len(text)))
	}
	if e := events[0]; e.EventType != "opened" || string(e.Payload) != `{"a":"b"}` || events[1].EventType != "opened" {
		t.Errorf("the events became %v", events)
	}
	filter := query.Filters[0]
	if filter.EventTypes[0] != "opened" || string(filter.PayloadPredicates[0]) != `{"a":"b"}` || *query.Limit != 3 {
		t.Errorf("the query became %v", query)
	}
}

func TestAbsentNullAndEmptyListsAreToldApart(t *testing.T) { // G12
	query, err := DecodeQuery([]byte(`{"filters":[{},{"event_types":null,"payload_predicates":null},{"event_types":[],"payload_predicates":[]}]}`), factstr.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for i, absent := range []bool{true, true, false} {
		if f := query.Filters[i]; (f.EventTypes == nil) != absent || (f.PayloadPredicates == nil) != absent {
			t.Errorf("filter %d is %#v", i, f)
		}
	}
}

func TestARegistrationIsReadWhole(t *testing.T) {
	got, err := DecodeRegistration([]byte(`{"query":{"filters":[{"event_types":["a"]}]},"durable":{"name":"n"},
		"retry":{"max_attempts":3,"delay_ms":0,"delay_max_ms":50},"cursor_every":{"batches":10,"ms":20}}`), factstr.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if got.Query.Filters[0].EventTypes[0] != "a" || got.Durable.Name != "n" {
		t.Errorf("got %+v", got)
	}
	if want := (factstr.RetryPolicy{MaxAttempts: 3, Delay: 1, DelayMax: 50 * time.Millisecond}); got.Retry != want {
		t.Errorf("retry is %+v, want %+v", got.Retry, want)
	}
	if want := (factstr.CursorEvery{Batches: 10, Time: 20 * time.Millisecond}); got.Cursor != want {
		t.Errorf("cursor_every is %+v, want %+v", got.Cursor, want)
	}
	if live, err := DecodeRegistration([]byte(`{"query":null,"durable":null}`), factstr.DefaultLimits()); err != nil || live.Durable != nil || live.Query.Filters != nil {
		t.Errorf("got %+v, %v", live, err)
	}
}

func TestOptionsAreReadWhole(t *testing.T) {
	got, err := DecodeSQLiteOptions([]byte(`{"close_timeout_ms":0,"queue_timeout_ms":-1,"sequence_numbers":"string","payload_bytes_max":1,"batch_events_max":2,
		"batch_bytes_max":3,"predicate_bytes_max":7,"result_bytes_max":4,"busy_timeout_ms":5,"full_fsync":true,"testing_max_page_count":6}`))
	if err != nil {
		t.Fatal(err)
	}
	limits := factstr.Limits{PayloadBytesMax: 1, BatchEventsMax: 2, BatchBytesMax: 3, PredicateBytesMax: 7, ResultBytesMax: 4}
	if got.Store.Limits != limits || !got.Codec.NumbersAsStrings || got.MaxPageCount != 6 || !got.FullFsync {
		t.Errorf("got %+v", got)
	}
	if s := got.Store; s.CloseTimeout != 1 || s.QueueTimeout < 1000*time.Hour || got.BusyTimeout != 5*time.Millisecond {
		t.Errorf("the times are %v, %v, %v", s.CloseTimeout, s.QueueTimeout, got.BusyTimeout)
	}
	if none, err := DecodeMemoryOptions(nil); err != nil || none != (StoreOptions{}) {
		t.Errorf("got %+v, %v", none, err)
	}
	settings, err := DecodeSettings([]byte(`{"memory_limit_bytes":1000,"processors_max":2}`))
	if err != nil || settings != (ProcessSettings{MemoryLimitBytes: 1000, ProcessorsMax: 2}) {
		t.Errorf("got %+v, %v", settings, err)
	}
}

func TestOptionsOfPostgresAreReadWhole(t *testing.T) {
	got, err := DecodePostgresOptions([]byte(`{"schema":"s\u00e9","application_name":"till","direct_url":"postgres://u:p@h/d","connections_max":1,"connect_timeout_ms":2,
		"lock_timeout_ms":3,"response_timeout_ms":4,"poll_interval_ms":5,"index_bytes_max":8,"close_timeout_ms":6,"batch_events_max":7,"sequence_numbers":"string"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := StoreOptions{Codec: Codec{NumbersAsStrings: true}, Postgres: PostgresOptions{
		Schema: "sé", ApplicationName: "till", DirectURL: "postgres://u:p@h/d", ConnectionsMax: 1, ConnectTimeout: 2 * time.Millisecond,
		LockTimeout: 3 * time.Millisecond, ResponseTimeout: 4 * time.Millisecond, PollInterval: 5 * time.Millisecond, IndexBytesMax: 8,
	}}
	want.Store.CloseTimeout, want.Store.Limits.BatchEventsMax = 6*time.Millisecond, 7
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if none, err := DecodePostgresOptions([]byte(`{"index_bytes_max":0}`)); err != nil ||
		none.Postgres.IndexBytesMax >= 0 {
		t.Errorf("an index of 0 bytes: got %+v, %v", none.Postgres, err)
	}
	for _, request := range [][]byte{nil, []byte(`{}`), []byte(`{"schema":null,"connections_max":null,"poll_interval_ms":null}`)} {
		if none, err := DecodePostgresOptions(request); err != nil || none != (StoreOptions{}) {
			t.Errorf("%s: got %+v, %v", request, none, err)
		}
	}
	for text, want := range map[string]time.Duration{"0": 1, "-1": math.MaxInt64} {
		if got, err := DecodePostgresOptions([]byte(`{"lock_timeout_ms":` + text + `}`)); err != nil || got.Postgres.LockTimeout != want {
			t.Errorf("a lock timeout of %s is %v, %v", text, got.Postgres.LockTimeout, err)
		}
	}
}

func TestARefusedDirectURLIsNotPrinted(t *testing.T) {
	for _, request := range []string{`{"direct_url":"postgres://u:secret@h/d"`, `{"direct_url":"postgres://u:secret@h/d","direct_url":""}`, `{"direct_url":["secret"]}`,
		`{"direct_url":"secret\ud800"}`, `{"direct_url":"secret","connections_max":0}`} {
		if _, err := DecodePostgresOptions([]byte(request)); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v", request, err)
		}
	}
}

func TestPathsLeadToTheProblem(t *testing.T) {
	for request, want := range map[string]string{
		``:                               "",
		`[1,2,`:                          "[2]",
		`[{"a":[0,{"b":`:                 "[0].a[1].b",
		`[{"a":{},"b":[[],"x,]}\"",`:     "[0].b[2]",
		`{"odd key":`:                    `["odd key"]`,
		`{"a`:                            "",
		`[[[[[[[[[1,`:                    "[0][0][0][0][0][0]",
		`[[[[[[[[1]]]]]],2],{"\u0061":1`: "[1].a",
	} {
		if got := pathTo([]byte(request), len(request)); got != want {
			t.Errorf("%s: got %q, want %q", request, got, want)
		}
	}
}

// FuzzDecoders compares what the scan fills in with what encoding/json reads.
func FuzzDecoders(f *testing.F) {
	for _, c := range append(wireCases(f, "rejections.json"), wireCases(f, "round_trips.json")...) {
		for _, text := range []wireText{c.Events, c.Query, c.Registration, c.Options} {
			if len(text) > 0 && len(text) < 4096 {
				f.Add([]byte(text))
			}
		}
	}
	f.Fuzz(func(t *testing.T, request []byte) {
		original := bytes.Clone(request)
		fields := func(err error) {
			if code := factstr.CodeOf(err); err != nil && code != factstr.CodeInvalidArgument && code != factstr.CodeEmptyAppend {
				t.Fatalf("%q: %v", request, err)
			}
			if err != nil && jsonvalue.Check(Codec{}.AppendError(nil, err), 127) != nil {
				t.Fatalf("%q: the error is no JSON: %q", request, err)
			}
		}
		events, err := DecodeEvents(request, factstr.DefaultLimits())
		fields(err)
		if err == nil {
			var want []InteropNewEvent
			if err := json.Unmarshal(request, &want); err != nil || len(want) != len(events) {
				t.Fatalf("%q: encoding/json reads %v, %v", request, want, err)
			}
			for i := range want {
				if events[i].EventType != want[i].EventType || !jsonvalue.Equal(events[i].Payload, want[i].Payload) {
					t.Fatalf("%q: event %d is %q with %q, want %q", request, i, events[i].EventType, events[i].Payload, want[i])
				}
			}
		}
		query, err := DecodeQuery(request, factstr.DefaultLimits())
		fields(err)
		if err == nil {
			var want InteropEventQuery
			if err := json.Unmarshal(request, &want); err != nil {
				t.Fatalf("%q: %v", request, err)
			}
			got, _ := json.Marshal(query)
			expected, _ := json.Marshal(want.query())
			if !bytes.Equal(got, expected) {
				t.Fatalf("%q: the query is %s, want %s", request, got, expected)
			}
		}
		_, err = DecodeRegistration(request, factstr.DefaultLimits())
		fields(err)
		_, err = DecodeSQLiteOptions(request)
		fields(err)
		_, err = DecodePostgresOptions(request)
		fields(err)
		_, err = DecodeSettings(request)
		fields(err)
		if !bytes.Equal(request, original) {
			t.Fatal("the request was changed")
		}
	})
}

func BenchmarkDecodeOneEvent(b *testing.B) {
	request := []byte(`[{"event_type":"account-opened","payload":{"text":"` + string(bytes.Repeat([]byte("x"), 240)) + `"}}]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeEvents(request, factstr.DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}

func TestPredicatesBeyondTheLimitAreRefusedWithoutACopy(t *testing.T) {
	text := `[` + strings.Repeat("1,", 1<<20) + `1]`
	query := `{"min_sequence_number":1,"filters":[{"event_types":["a"]},{"payload_predicates":["x",` + text + `]}]}`
	limits := factstr.Limits{PredicateBytesMax: len(text) + 2}
	for name, decode := range map[string]func() error{
		"query":              func() error { _, err := DecodeQuery([]byte(query), limits); return err },
		"registration.query": func() error { _, err := DecodeRegistration([]byte(`{"query":`+query+`}`), limits); return err },
	} {
		err := decode()
		if factstr.CodeOf(err) != factstr.CodeInvalidArgument || !strings.Contains(err.Error(), name+".filters") || !strings.Contains(err.Error(), fmt.Sprint(len(text)+3)) {
			t.Errorf("%s: %v", name, err)
		}
	}
	limits.PredicateBytesMax++
	if _, err := DecodeQuery([]byte(query), limits); err != nil {
		t.Error(err)
	}
	if _, err := DecodeRegistration([]byte(`{"query":`+query+`}`), limits); err != nil {
		t.Error(err)
	}
}

// BenchmarkDecodeBatch decodes 100 events of about 280 bytes.
func BenchmarkDecodeBatch(b *testing.B) {
	event := `{"event_type":"account-opened","payload":{"text":"` + strings.Repeat("x", 240) + `"}}`
	text := []byte("[" + strings.Repeat(event+",", 99) + event + "]")
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := DecodeEvents(text, factstr.DefaultLimits()); err != nil {
			b.Fatal(err)
		}
	}
}
func (q *InteropEventQuery) query() factstr.EventQuery {
	query := factstr.EventQuery{MinSequenceNumber: q.MinSequenceNumber, Limit: q.Limit, Backwards: q.Backwards}
	if q.Filters != nil {
		query.Filters = make([]factstr.EventFilter, len(q.Filters))
		for i, filter := range q.Filters {
			query.Filters[i] = factstr.EventFilter{EventTypes: filter.EventTypes, PayloadPredicates: filter.PayloadPredicates}
		}
	}
	return query
}
