package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// readAll reads a query row by row.
func readAll(t testing.TB, store *factstr.Store, query factstr.EventQuery) (records []factstr.EventRecord) {
	t.Helper()
	for record, err := range store.Read(t.Context(), query) {
		if err != nil {
			t.Fatalf("read %+v: %v", query, err)
		}
		records = append(records, record)
	}
	return records
}

// wantRead checks that reading row by row gives what the query gives.
func wantRead(t testing.TB, store *factstr.Store, query factstr.EventQuery) {
	t.Helper()
	got, want := readAll(t, store, query), facttest.Query(t, store, query).EventRecords
	if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Fatalf("read %+v: %v\nthe query gives %v", query, facttest.Numbers(got), facttest.Numbers(want))
	}
}

// rowsTaken takes a page.
type rowsTaken struct {
	numbers []uint64
	bytes   int
}

func (r *rowsTaken) Begin() { *r = rowsTaken{} }

func (r *rowsTaken) Take(record *factstr.EventRecord) error {
	r.numbers = append(r.numbers, record.SequenceNumber)
	r.bytes += len(record.Payload)
	return nil
}

func openReading(t testing.TB, store *factstr.Store, query factstr.EventQuery) *factstr.Reading {
	t.Helper()
	reading, err := store.OpenReading(query)
	if err != nil {
		t.Fatal(err)
	}
	return reading
}

// nextPage reads a page, which must be there.
func nextPage(t testing.TB, reading *factstr.Reading) (page rowsTaken, more bool) {
	t.Helper()
	more, err := reading.Next(t.Context(), &page)
	if err != nil {
		t.Fatal(err)
	}
	return page, more
}

var readingTests = tests{
	{"row by row comes what the query returns, whatever its shape", func(t *testing.T, log Log) { // G6 G7 G12
		for _, options := range []factstr.Options{{}, {TailEvents: 100}, noTail} {
			store := openWith(t, log, options, nil)
			wantRead(t, store, factstr.AllEvents())
			appendShaped(t, store, 2700)
			for _, shape := range shapes {
				of := shape.query
				for _, query := range []factstr.EventQuery{
					of, of.After(40), of.AtMost(2), of.After(1100).AtMost(1200), of.AtMost(0), of.After(9999), of.AtMost(1000),
				} {
					wantRead(t, store, query)
					wantRead(t, store, query.NewestFirst())
				}
			}
			if !log.Persistent {
				return
			}
		}
	}},
	{"a page is bounded in rows and in bytes", func(t *testing.T, log Log) {
		store := open(t, log)
		appendShaped(t, store, 2500)
		reading := openReading(t, store, factstr.AllEvents())
		for _, want := range []int{1000, 1000, 500, 0, 0} {
			page, more := nextPage(t, reading)
			if len(page.numbers) != want || more != (want == 1000) {
				t.Fatalf("a page of %d rows, more %v; want %d", len(page.numbers), more, want)
			}
		}
		large := strings.Repeat("x", 400<<10)
		for range 7 {
			facttest.Append(t, store, facttest.Fact("large", fmt.Sprintf("%q", large)))
		}
		reading = openReading(t, store, factstr.OfTypes("large").NewestFirst())
		rows := 0
		for more := true; more; {
			var page rowsTaken
			if page, more = nextPage(t, reading); page.bytes > 2<<20 {
				t.Fatalf("a page of %d bytes", page.bytes)
			}
			rows += len(page.numbers)
		}
		if rows != 7 {
			t.Fatalf("%d rows, want 7", rows)
		}
	}},
	{"what is committed after the first page is not read", func(t *testing.T, log Log) { // G8
		for _, backwards := range []bool{false, true} {
			for _, options := range []factstr.Options{{}, {TailEvents: 100}, noTail} {
				store := openWith(t, log, options, nil)
				appendShaped(t, store, 1500)
				query := factstr.EventQuery{Backwards: backwards}
				want := facttest.Numbers(facttest.Query(t, store, query).EventRecords)
				reading := openReading(t, store, query)
				page, more := nextPage(t, reading)
				got := page.numbers
				for more {
					appendShaped(t, store, 600)
					page, more = nextPage(t, reading)
					got = append(got, page.numbers...)
				}
				if !slices.Equal(got, want) {
					t.Fatalf("%d rows up to %d, want %d", len(got), slices.Max(got), len(want))
				}
				if !log.Persistent {
					break
				}
			}
		}
	}},
	{"a reading begins with the log as it is at the first row, and again with each iteration", func(t *testing.T, log Log) { // G8
		store := open(t, log)
		mixed(t, store)
		rows := store.Read(t.Context(), factstr.OfTypes("a"))
		for _, want := range []int{6, 7} {
			appendTypes(t, store, "a")
			count := 0
			for _, err := range rows {
				if count++; err != nil {
					t.Fatal(err)
				}
			}
			if count != want {
				t.Fatalf("%d rows, want %d", count, want)
			}
		}
	}},
	{"leaving the loop leaves nothing behind", func(t *testing.T, log Log) {
		store := open(t, log)
		appendShaped(t, store, 1500)
		for range 100 {
			for record, err := range store.Read(t.Context(), factstr.AllEvents()) {
				if err != nil || record.SequenceNumber != 1 {
					t.Fatal(record, err)
				}
				break
			}
		}
		facttest.Close(t, store)
	}},
	{"a page that failed is read again, without loss and without repetition", func(t *testing.T, log Log) { // G6
		for _, backwards := range []bool{false, true} {
			store, c := openChaos(t, log, noTail)
			appendShaped(t, store, 1300)
			query := factstr.EventQuery{Backwards: backwards}
			want := facttest.Numbers(facttest.Query(t, store, query).EventRecords)
			reading := openReading(t, store, query)
			lost := factstr.BackendFailure(factstr.ReasonConnection, "lost")
			var got []uint64
			for more := true; more; {
				c.set(hooks{scan: func(_ context.Context, next func() error) error {
					_ = next() // rows are taken
					return lost
				}})
				var page rowsTaken
				if _, err := reading.Next(t.Context(), &page); !errors.Is(err, lost) {
					t.Fatalf("%v, want %v", err, lost)
				}
				c.clear()
				page, more = nextPage(t, reading)
				got = append(got, page.numbers...)
			}
			if !slices.Equal(got, want) {
				t.Fatalf("%v\nwant %v", got, want)
			}
			if !log.Persistent {
				return
			}
		}
	}},
	{"a log that is replaced in the middle is an error for good, never a mixture", func(t *testing.T, log Log) { // G24
		for _, backwards := range []bool{false, true} {
			for _, other := range []factstr.Head{{SequenceNumber: 5, OccurredAt: "2000-01-01T00:00:00.000000Z"}, {SequenceNumber: 1300, OccurredAt: "2000-01-01T00:00:00.000000Z"}} {
				store, c := openChaos(t, log, noTail)
				if len(facttest.Query(t, store, factstr.AllEvents().AtMost(1)).EventRecords) == 0 {
					appendShaped(t, store, 1300)
				}
				reading := openReading(t, store, factstr.EventQuery{Backwards: backwards})
				nextPage(t, reading)
				c.set(hooks{head: func(func() (factstr.Head, error)) (factstr.Head, error) { return other, nil }})
				var page rowsTaken
				_, err := reading.Next(t.Context(), &page)
				facttest.WantError(t, err, factstr.CodeLogTruncated, "replaced")
				c.clear()
				_, again := reading.Next(t.Context(), &page)
				facttest.WantError(t, again, factstr.CodeLogTruncated)
				if !log.Persistent {
					return
				}
			}
		}
	}},
	{"a reading ends with its context, and with its store", func(t *testing.T, log Log) {
		store := open(t, log)
		appendShaped(t, store, 1500)
		ctx, cancel := context.WithCancel(t.Context())
		reading := openReading(t, store, factstr.AllEvents())
		var page rowsTaken
		if _, err := reading.Next(ctx, &page); err != nil {
			t.Fatal(err)
		}
		cancel()
		_, err := reading.Next(ctx, &page)
		facttest.WantError(t, err, factstr.CodeCancelled)
		if again, _ := nextPage(t, reading); len(again.numbers) != 500 || again.numbers[0] != 1001 {
			t.Fatalf("%d rows after the one that was cancelled", len(again.numbers))
		}
		count := 0
		for _, failure := range store.Read(t.Context(), factstr.AllEvents()) {
			if count++; count == 1 {
				facttest.Close(t, store)
			}
			err = failure
		}
		facttest.WantError(t, err, factstr.CodeStoreClosed)
		if count != 1001 {
			t.Fatalf("%d values", count)
		}
	}},
	{"a bad query is refused before anything is read", func(t *testing.T, log Log) {
		store := open(t, log)
		bad := facttest.PayloadQuery(`{`)
		_, err := store.OpenReading(bad)
		facttest.WantError(t, err, factstr.CodeInvalidArgument, "query.filters[0].payload_predicates[0]")
		count := 0
		for _, err := range store.Read(t.Context(), bad) {
			count++
			facttest.WantError(t, err, factstr.CodeInvalidArgument, "query")
		}
		if count != 1 {
			t.Fatalf("%d values", count)
		}
	}},
	{"a row that cannot be taken ends the page, which comes again", func(t *testing.T, log Log) {
		store := open(t, log)
		mixed(t, store)
		reading := openReading(t, store, factstr.AllEvents())
		full := errors.New("full")
		if _, err := reading.Next(t.Context(), &taking{room: 3, err: full}); err != full {
			t.Fatal(err)
		}
		if page, more := nextPage(t, reading); len(page.numbers) != 10 || more {
			t.Fatalf("%d rows, more %v", len(page.numbers), more)
		}
	}},
}
