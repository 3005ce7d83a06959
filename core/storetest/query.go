package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// wantResult checks the rows and both versions, returned and taken.
func wantResult(t testing.TB, store *factstr.Store, query factstr.EventQuery, rows []uint64, version *uint64) {
	t.Helper()
	result := wantReturned(t, store, query, rows, version)
	if taken := facttest.QueryInto(t, store, query); !reflect.DeepEqual(taken, result) {
		t.Fatalf("query %+v: the rows that were taken differ from the result:\n%v\n%v", query, taken, result)
	}
}

func wantReturned(t testing.TB, store *factstr.Store, query factstr.EventQuery, rows []uint64,
	version *uint64) *factstr.QueryResult {
	t.Helper()
	result := facttest.Query(t, store, query)
	var last *uint64
	if n := len(rows); n > 0 {
		last = &rows[n-1]
	}
	if got := facttest.Numbers(result.EventRecords); !slices.Equal(got, rows) || !sameVersion(result.LastReturnedSequenceNumber, last) || !sameVersion(result.CurrentContextVersion, version) {
		t.Fatalf("query %+v: rows %v, last returned %s, version %s; want rows %v, version %s", query, got,
			facttest.VersionText(result.LastReturnedSequenceNumber), facttest.VersionText(result.CurrentContextVersion), rows, facttest.VersionText(version))
	}
	return result
}

// mixed appends ten facts: 1 a, 2 b, 3 a, ... in batches of different sizes.
func mixed(t testing.TB, store *factstr.Store) {
	t.Helper()
	appendTypes(t, store, "a")
	appendTypes(t, store, "b", "a", "b")
	appendTypes(t, store, "a", "b", "a", "b", "a")
	appendTypes(t, store, "b")
}

// taking takes rows until it has no more room.
type taking struct {
	room, taken int
	err         error
}

func (t *taking) Begin() {}

func (t *taking) Take(*factstr.EventRecord) error {
	if t.taken++; t.taken > t.room {
		return t.err
	}
	return nil
}

var queryTests = tests{
	{"an empty log has no rows and no version", func(t *testing.T, log Log) { // G8
		store := open(t, log)
		wantResult(t, store, factstr.AllEvents(), nil, nil)
		wantResult(t, store, factstr.OfTypes("a").After(5).AtMost(1), nil, nil)
	}},
	{"rows come in ascending order, whatever the order of filters", func(t *testing.T, log Log) { // G6 G12
		store := open(t, log)
		mixed(t, store)
		all := []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
		wantResult(t, store, factstr.AllEvents(), all, factstr.Version(10))
		wantResult(t, store, factstr.OfTypes("b", "a"), all, factstr.Version(10))
		wantResult(t, store, factstr.OfTypes("b").Or(factstr.EventFilter{EventTypes: []string{"a"}}), all,
			factstr.Version(10))
		wantResult(t, store, factstr.OfTypes("a", "a", "a"), []uint64{1, 3, 5, 7, 9}, factstr.Version(9))
		many := []string{"b"}
		for i := range 100 {
			many = append(many, fmt.Sprint("none ", i))
		}
		wantResult(t, store, factstr.OfTypes(many...), []uint64{2, 4, 6, 8, 10}, factstr.Version(10))
	}},
	{"every cursor and limit cuts rows and never the version", func(t *testing.T, log Log) { // G7 G8
		store := open(t, log)
		mixed(t, store)
		for _, c := range []struct {
			query   factstr.EventQuery
			matches []uint64
		}{
			{factstr.AllEvents(), []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}},
			{factstr.OfTypes("a"), []uint64{1, 3, 5, 7, 9}},
			{factstr.OfTypes("b"), []uint64{2, 4, 6, 8, 10}},
			{factstr.OfTypes("none"), nil},
			{factstr.OfTypes(), nil},
		} {
			var version *uint64
			if n := len(c.matches); n > 0 {
				version = &c.matches[n-1]
			}
			for after := range uint64(13) {
				var rows []uint64
				for _, number := range c.matches {
					if number > after {
						rows = append(rows, number)
					}
				}
				wantResult(t, store, c.query.After(after), rows, version)
				for limit := range uint64(7) {
					wantResult(t, store, c.query.After(after).AtMost(limit), rows[:min(int(limit), len(rows))], version)
				}
				slices.Reverse(rows)
				backwards := c.query.After(after).NewestFirst()
				wantResult(t, store, backwards, rows, version)
				for limit := range uint64(7) {
					wantResult(t, store, backwards.AtMost(limit), rows[:min(int(limit), len(rows))], version)
				}
			}
			wantResult(t, store, c.query.After(factstr.SequenceMax), nil, version)
			wantResult(t, store, c.query.AtMost(1<<64-1), c.matches, version)
		}
	}},
	{"backwards the newest come first, from the tail and from the log", func(t *testing.T, log Log) { // G6 G7 G8
		for _, options := range []factstr.Options{{}, {TailEvents: 100}, noTail} {
			store := openWith(t, log, options, nil)
			appendShaped(t, store, 900)
			for _, shape := range shapes {
				query := shape.query
				all := facttest.Query(t, store, query)
				rows := facttest.Numbers(all.EventRecords)
				slices.Reverse(rows)
				wantResult(t, store, query.NewestFirst(), rows, all.CurrentContextVersion)
				for _, limit := range []int{1, 3, 120, 700} {
					some := rows[:min(limit, len(rows))]
					wantResult(t, store, query.NewestFirst().AtMost(uint64(limit)), some, all.CurrentContextVersion)
				}
				above := rows[:len(rows)/2]
				if len(above) < len(rows) {
					query = query.After(rows[len(above)])
				}
				wantResult(t, store, query.NewestFirst(), above, all.CurrentContextVersion)
			}
			if !log.Persistent {
				return
			}
		}
	}},
	{"a limit that the tail fills reads nothing below it, backwards", func(t *testing.T, log Log) { // G7
		store := openWith(t, log, factstr.Options{TailEvents: 100}, nil)
		appendShaped(t, store, 900)
		explained := wantAgreement(t, store, factstr.AllEvents().NewestFirst().AtMost(10))
		tail := explained.Steps[0].Source == factstr.SourceTail || !log.Persistent
		if len(explained.Steps) != 1 || !tail || explained.RowsRead != 10 {
			t.Fatalf("%+v", explained)
		}
	}},
	{"reading in parts by cursor and limit returns each fact once", func(t *testing.T, log Log) { // G7
		store := open(t, log)
		for range 40 {
			appendTypes(t, store, "a", "b", "a")
		}
		query, rows := factstr.OfTypes("a").AtMost(7), 0
		for after := uint64(0); ; {
			result := facttest.Query(t, store, query.After(after))
			if *result.CurrentContextVersion != 120 {
				t.Fatalf("version %s, want 120", facttest.VersionText(result.CurrentContextVersion))
			}
			rows += len(result.EventRecords)
			if result.LastReturnedSequenceNumber == nil {
				break
			}
			if len(result.EventRecords) > 7 || *result.LastReturnedSequenceNumber <= after {
				t.Fatalf("%d rows up to %d after %d", len(result.EventRecords), *result.LastReturnedSequenceNumber,
					after)
			}
			after = *result.LastReturnedSequenceNumber
		}
		if rows != 80 {
			t.Fatalf("%d rows, want 80", rows)
		}
	}},
	{"payloads that a backend lends are not kept", func(t *testing.T, log Log) { // G1
		store := openWith(t, log, noTail, func(inner factstr.Backend) factstr.Backend { return &lender{Backend: inner} })
		mixed(t, store)
		all := facttest.Query(t, store, factstr.AllEvents())
		if taken := facttest.QueryInto(t, store, factstr.AllEvents()); !reflect.DeepEqual(taken, all) {
			t.Errorf("rows that were taken:\n%v\nwant\n%v", taken, all)
		}
		for _, record := range all.EventRecords {
			if !json.Valid(record.Payload) {
				t.Errorf("fact %d has the payload %q", record.SequenceNumber, record.Payload)
			}
		}
	}},
	{"a row that cannot be taken ends the query", func(t *testing.T, log Log) {
		full := errors.New("full")
		for _, options := range []factstr.Options{{}, noTail} {
			store := openWith(t, log, options, nil)
			mixed(t, store)
			rows := taking{room: 3, err: full}
			if result, err := store.QueryInto(t.Context(), factstr.AllEvents(), &rows); result != nil ||
				err != full || rows.taken != 4 {
				t.Errorf("%d rows, then %v, %v; want %v at the fourth", rows.taken, result, err, full)
			}
		}
	}},
	{"a fact that is appended while rows are read is neither among them nor the version", func(t *testing.T, log Log) { // G8
		store, c := openChaos(t, log, noTail)
		appendTypes(t, store, "a")
		c.set(hooks{scan: func(_ context.Context, next func() error) error {
			err := next()
			appendTypes(t, store, "a")
			return err
		}})
		for range 3 {
			result := facttest.Query(t, store, factstr.OfTypes("a"))
			if n := uint64(len(result.EventRecords)); n == 0 || *result.CurrentContextVersion != n {
				t.Fatalf("%d rows with version %s", n, facttest.VersionText(result.CurrentContextVersion))
			}
		}
	}},
	{"rows and version come from one snapshot while others append", func(t *testing.T, log Log) { // G8
		head := uint64(0)
		for at, options := range []factstr.Options{{}, {TailEvents: 5}, noTail} {
			store := openWith(t, log, options, nil)
			appender := store
			if at > 0 {
				appender = open(t, log)
			}
			var last uint64
			var failure error
			// Queries of everything that appends without a limit would make each other slower.
			const appendsPerQuery = 20
			turns, ended := make(chan struct{}, appendsPerQuery), make(chan struct{})
			go func() {
				defer close(ended)
				for range turns {
					var result factstr.AppendResult
					if result, failure = appender.Append(t.Context(), facttest.BatchOf("a", "b")); failure != nil {
						return
					}
					last = result.LastSequenceNumber
				}
			}()
			for range 100 {
				for len(turns) < cap(turns) {
					turns <- struct{}{}
				}
				all := facttest.Query(t, store, factstr.OfTypes("a"))
				if n := len(all.EventRecords); n > 0 && (*all.CurrentContextVersion != *all.LastReturnedSequenceNumber || *all.CurrentContextVersion != uint64(2*n-1)) {
					t.Fatalf("%d rows, last %d, version %d", n, *all.LastReturnedSequenceNumber,
						*all.CurrentContextVersion)
				}
				// A conditional append on the version that was read, by the only appender of its
				// type, must hold.
				cut := facttest.Query(t, store, factstr.OfTypes("b").AtMost(1))
				if n := len(cut.EventRecords); (n == 0) != (cut.CurrentContextVersion == nil) || n > 0 && *cut.CurrentContextVersion%2 != 0 {
					t.Fatalf("%d rows with version %s", n, facttest.VersionText(cut.CurrentContextVersion))
				}
			}
			close(turns)
			within(t, "the last append", ended)
			if failure != nil || last <= head {
				t.Fatalf("appended from %d to %d, %v", head, last, failure)
			}
			head = last
			wantHead(t, store, head)
			if !log.Persistent {
				return // it cannot be opened again
			}
		}
	}},
	{"what is committed while a query reads is no part of its answer", func(t *testing.T, log Log) { // G5 G8
		store, c := openChaos(t, log, noTail)
		mixed(t, store)
		c.set(hooks{scan: func(_ context.Context, next func() error) error {
			c.clear()
			appendTypes(t, store, "a", "b", "a")
			return next()
		}})
		wantReturned(t, store, factstr.AllEvents(), []uint64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, factstr.Version(10))
		c.set(hooks{scan: func(_ context.Context, next func() error) error {
			c.clear()
			appendTypes(t, store, "a", "b", "a")
			return next()
		}})
		wantReturned(t, store, factstr.OfTypes("a").AtMost(1), []uint64{1}, factstr.Version(13))
	}},
	{"a result over its size limit is an error, never cut", func(t *testing.T, log Log) { // G7
		store := openWith(t, log, factstr.Options{Limits: factstr.Limits{ResultBytesMax: 2000}}, nil)
		for range 50 {
			facttest.Append(t, store, facttest.Fact("a", `{"text":"0123456789012345678901234567890123456789"}`))
		}
		_, err := store.Query(t.Context(), factstr.AllEvents())
		facttest.WantError(t, err, factstr.CodeInvalidArgument)
		wantMentions(t, err, "limit", "min_sequence_number")
		wantResult(t, store, factstr.AllEvents().AtMost(2), []uint64{1, 2}, factstr.Version(50))
	}},
	{"a tail smaller than the log changes no answer", func(t *testing.T, log Log) { // G6 G7 G8 G9
		store := openWith(t, log, factstr.Options{TailEvents: 3, TailBytes: 200}, nil)
		mixed(t, store)
		for range 5 {
			appendTypes(t, store, "c")
			wantResult(t, store, factstr.OfTypes("a"), []uint64{1, 3, 5, 7, 9}, factstr.Version(9))
			wantResult(t, store, factstr.OfTypes("b").After(4).AtMost(2), []uint64{6, 8}, factstr.Version(10))
			_, err := store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.OfTypes("a"), factstr.Version(7))
			wantConflict(t, err, factstr.Version(7), factstr.Version(9))
			_, err = store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.OfTypes("a"), factstr.Version(8))
			wantConflict(t, err, factstr.Version(8), factstr.Version(9))
			_, err = store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.OfTypes("a"), nil)
			wantConflict(t, err, nil, factstr.Version(9))
		}
		if _, err := store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.OfTypes("a"), factstr.Version(9)); err != nil {
			t.Fatal(err)
		}
		if _, err := store.AppendIf(t.Context(), facttest.BatchOf("d"), factstr.OfTypes("d"), nil); err != nil {
			t.Fatal(err)
		}
		wantHead(t, store, 17)
	}},
}
