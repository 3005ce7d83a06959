package storetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

var appendTests = tests{
	{"sequence numbers are consecutive from 1 across batches", func(t *testing.T, log Log) { // G2 G3
		store := open(t, log)
		next := uint64(1)
		for _, size := range []int{1, 3, 1, 100, 2} {
			result := appendTypes(t, store, slices.Repeat([]string{"a"}, size)...)
			want := factstr.AppendResult{FirstSequenceNumber: next, LastSequenceNumber: next + uint64(size) - 1,
				CommittedCount: uint64(size)}
			if result != want {
				t.Fatalf("got %+v, want %+v", result, want)
			}
			next += uint64(size)
		}
		wantHead(t, store, next-1)
	}},
	{"failed appends and conflicts consume no sequence numbers", func(t *testing.T, log Log) { // G2 G10
		store := open(t, log)
		appendTypes(t, store, "a", "a")
		for range 3 {
			_, err := store.AppendIf(t.Context(), facttest.BatchOf("a", "a", "a"), factstr.AllEvents(), nil)
			wantConflict(t, err, nil, factstr.Version(2))
			_, err = store.Append(t.Context(), []factstr.NewEvent{facttest.Fact("a", `{}`),
				facttest.Fact("a", `{"cut`)})
			facttest.WantError(t, err, factstr.CodeInvalidArgument)
			_, err = store.Append(t.Context(), nil)
			facttest.WantError(t, err, factstr.CodeEmptyAppend)
		}
		wantStillWorks(t, store, 2)
	}},
	{"an empty append is refused before anything else is looked at", func(t *testing.T, log Log) { // G4
		store := open(t, log)
		badQuery := factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{"\xff"}}}}
		tooHigh := factstr.Version(1 << 63)
		check := func() {
			t.Helper()
			_, err := store.Append(t.Context(), nil)
			facttest.WantError(t, err, factstr.CodeEmptyAppend)
			_, err = store.Append(t.Context(), []factstr.NewEvent{})
			facttest.WantError(t, err, factstr.CodeEmptyAppend)
			_, err = store.AppendIf(t.Context(), nil, badQuery, tooHigh)
			facttest.WantError(t, err, factstr.CodeEmptyAppend)
			never := func(factstr.AppendResult, error) { t.Error("done was called for a batch that was refused") }
			facttest.WantError(t, store.AppendAsync(t.Context(), nil, never), factstr.CodeEmptyAppend)
			facttest.WantError(t, store.AppendIfAsync(t.Context(), nil, badQuery, tooHigh, never),
				factstr.CodeEmptyAppend)
		}
		check()
		wantStillWorks(t, store, 0)
		if err := store.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		check()
	}},
	{"the boundaries of batches are remembered for replay", func(t *testing.T, log Log) { // G3 G15 G19
		store := open(t, log)
		var want [][]uint64
		next := uint64(1)
		for _, size := range []int{1, 2, 1, 1, 7, 300, 1, 2, 2} {
			appendTypes(t, store, slices.Repeat([]string{"a"}, size)...)
			var numbers []uint64
			for range size {
				numbers = append(numbers, next)
				next++
			}
			want = append(want, numbers)
		}
		r := newRecorder()
		end(t, durable(t, store, "replay", r))
		r.want(t, want...)
		r.wantNoMore(t)
		if log.Persistent {
			store = reopen(t, log, store)
			again := newRecorder()
			end(t, durable(t, store, "replay after reopening", again))
			again.want(t, want...)
			again.wantNoMore(t)
		}
	}},
	{"facts come back as they were appended", func(t *testing.T, log Log) { // G1 G14
		store := open(t, log)
		events := []factstr.NewEvent{
			facttest.Fact("", `null`), facttest.Fact("type with spaces, 'quotes' and \"more\"",
				`true`), facttest.Fact("ünïcödé ☃ 𝄞", `"☃ 𝄞 \u0001 \" \\"`),
			facttest.Fact(strings.Repeat("t", factstr.NameBytesMax),
				`[]`), facttest.Fact("numbers", `[1,1.0,1e0,-0,9007199254740993,0.1,1e-300,123456789012345678901234567890]`),
			facttest.Fact("nested", strings.Repeat("[", factstr.NestingMax)+strings.Repeat("]",
				factstr.NestingMax)), facttest.Fact("spaces", " {\"a\" :\t1 ,\n\"b\":[ ] } "),
			facttest.Fact("large", `{"text":"`+strings.Repeat("0123456789abcdef", 1<<16)+`"}`),
		}
		facttest.Append(t, store, events...)
		check := func() {
			t.Helper()
			records := facttest.Query(t, store, factstr.AllEvents()).EventRecords
			if len(records) != len(events) {
				t.Fatalf("%d facts, want %d", len(records), len(events))
			}
			for i := range events {
				want := factstr.EventRecord{SequenceNumber: uint64(i + 1), OccurredAt: records[0].OccurredAt,
					EventType: events[i].EventType, Payload: events[i].Payload}
				if !sameRecord(&records[i], &want) {
					t.Errorf("fact %d came back as %.200v", i+1, records[i])
				}
			}
		}
		check()
		if log.Persistent {
			store = reopen(t, log, store)
			check()
		}
	}},
	{"facts that were handed out never change", func(t *testing.T, log Log) { // G1
		store := open(t, log)
		r := newRecorder()
		live(t, store, factstr.AllEvents(), r)
		for i := range 50 {
			facttest.Append(t, store, facttest.Fact("a", fmt.Sprintf(`{"n":%d}`, i)),
				facttest.Fact("b", fmt.Sprintf(`{"n":%d}`, i)))
		}
		var held []factstr.EventRecord
		for range 50 {
			held = append(held, within(t, "a delivery", r.deliveries)...)
		}
		held = append(held, facttest.Query(t, store, factstr.AllEvents()).EventRecords...)
		type copied struct {
			record factstr.EventRecord
			text   string
		}
		var before []copied
		for _, record := range held {
			before = append(before, copied{record, string(record.Payload)})
		}
		for i := range 200 {
			facttest.Append(t, store, facttest.Fact("c", fmt.Sprintf(`{"n":%d}`, -i)), facttest.Fact("d", `{}`))
		}
		facttest.Query(t, store, factstr.AllEvents())
		for i := range held {
			if held[i].EventType != before[i].record.EventType || held[i].OccurredAt != before[i].record.OccurredAt || string(held[i].Payload) != before[i].text {
				t.Fatalf("fact %d changed to %v", before[i].record.SequenceNumber, held[i])
			}
		}
	}},
	{"the times of a batch are one UTC reading in microseconds", func(t *testing.T, log Log) { // G6
		store := open(t, log)
		before := time.Now().UTC().Truncate(time.Microsecond)
		appendTypes(t, store, "a", "b", "c")
		appendTypes(t, store, "a")
		after := time.Now().UTC().Add(time.Millisecond)
		records := facttest.Query(t, store, factstr.AllEvents()).EventRecords
		for i := range records {
			const layout = "2006-01-02T15:04:05.000000Z"
			at, err := time.Parse(layout, records[i].OccurredAt)
			if err != nil || len(records[i].OccurredAt) != len(layout) || at.Before(before) || at.After(after) {
				t.Errorf("fact %d occurred at %q, between %v and %v", i+1, records[i].OccurredAt, before, after)
			}
		}
		if records[0].OccurredAt != records[2].OccurredAt {
			t.Errorf("one batch has the times %q and %q", records[0].OccurredAt, records[2].OccurredAt)
		}
	}},
	{"an answered append is visible to the next query", func(t *testing.T, log Log) { // G5
		store := open(t, log)
		for i := range 100 {
			result := appendTypes(t, store, "a", "a")
			if version := facttest.Query(t, store, factstr.OfTypes("a").AtMost(0)).CurrentContextVersion; version == nil || *version != result.LastSequenceNumber {
				t.Fatalf("round %d: the version is %s, want %d", i, facttest.VersionText(version),
					result.LastSequenceNumber)
			}
		}
	}},
	{"a batch is never visible in part", func(t *testing.T, log Log) { // G5 G8
		store := open(t, log)
		done := make(chan error, 4)
		for range 4 {
			go func() {
				for range 50 {
					if _, err := store.Append(t.Context(), facttest.BatchOf("a", "b", "c", "d", "e")); err != nil {
						done <- err
						return
					}
				}
				done <- nil
			}()
		}
		for running := 4; running > 0; {
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				running--
			default:
			}
			result := facttest.Query(t, store, factstr.AllEvents())
			if n := len(result.EventRecords); n%5 != 0 || n > 0 && *result.CurrentContextVersion != uint64(n) {
				t.Fatalf("%d facts are visible, version %s", n, facttest.VersionText(result.CurrentContextVersion))
			}
		}
		wantHead(t, store, 1000)
	}},
	{"asynchronous appends are answered once, with their own range", func(t *testing.T, log Log) { // G2 G3
		store := open(t, log)
		type answer struct {
			size   uint64
			result factstr.AppendResult
			err    error
		}
		answers := make(chan answer, 500)
		var facts uint64
		for i := range 300 {
			size := uint64(1 + i%3)
			facts += size
			done := func(result factstr.AppendResult, err error) { answers <- answer{size, result, err} }
			err := store.AppendAsync(t.Context(), facttest.BatchOf(slices.Repeat([]string{"a"}, int(size))...), done)
			if err != nil {
				t.Fatal(err)
			}
		}
		taken := map[uint64]bool{}
		for range 300 {
			a := within(t, "an answer", answers)
			if a.err != nil || a.result.CommittedCount != a.size || a.result.LastSequenceNumber != a.result.FirstSequenceNumber+a.size-1 {
				t.Fatalf("answered %+v, %v for %d facts", a.result, a.err, a.size)
			}
			for n := a.result.FirstSequenceNumber; n <= a.result.LastSequenceNumber; n++ {
				if taken[n] {
					t.Fatalf("number %d was given twice", n)
				}
				taken[n] = true
			}
		}
		wantHead(t, store, facts)
		if len(answers) > 0 {
			t.Fatal("an append was answered twice")
		}
	}},
}
