package storetest

import (
	"context"
	"fmt"
	"math"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// altered is a backend whose stored rows are not what they were.
type altered struct {
	factstr.Backend
	facts   func(factstr.EventRecord, func(factstr.StoredFact) bool) (more bool)
	batches []factstr.StoredBatch // beside those that are there
	cursors []factstr.StoredCursor
}

func (a *altered) ReadStored(
	ctx context.Context, scan factstr.Scan, visit func(factstr.StoredFact) bool,
) error {
	store := func(record factstr.EventRecord) bool { return visit(factstr.StoredFact{EventRecord: record}) }
	if a.facts != nil {
		store = func(record factstr.EventRecord) bool { return a.facts(record, visit) }
	}
	return a.Scan(ctx, scan, store)
}

func (a *altered) StoredBatches(
	ctx context.Context, from, to int64, limit int,
) (stored []factstr.StoredBatch, err error) {
	for _, batch := range a.batches {
		if batch.First >= from && batch.First <= to {
			stored = append(stored, batch)
		}
	}
	if len(stored) > 0 {
		return stored, nil
	}
	return a.Backend.(factstr.Verifier).StoredBatches(ctx, from, to, limit)
}

func (a *altered) StoredCursors(
	ctx context.Context, above string, limit int,
) (stored []factstr.StoredCursor, err error) {
	if above == "" && a.cursors != nil {
		return a.cursors, nil
	}
	return nil, nil
}

func (a *altered) OpenTermIndex(ctx context.Context) (factstr.TermIndex, bool, error) {
	return a.Backend.(factstr.TermIndexed).OpenTermIndex(ctx)
}

func mustVerify(t testing.TB, store *factstr.Store) *factstr.Verification {
	t.Helper()
	report, err := store.Verify(t.Context())
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	return report
}

// wantSound checks that nothing is wrong.
func wantSound(t testing.TB, report *factstr.Verification, facts, batches uint64) {
	t.Helper()
	if len(report.Findings) > 0 || report.Facts != facts || report.Batches != batches {
		t.Fatalf("%+v, want %d sound facts in %d batches", report, facts, batches)
	}
}

// wantFindings checks what is wrong, by kind and numbers.
func wantFindings(t testing.TB, report *factstr.Verification, want ...string) {
	t.Helper()
	var got []string
	for _, finding := range report.Findings {
		got = append(got, fmt.Sprintf("%s %d-%d %s", finding.Kind, finding.First, finding.Last, finding.DurableName))
		if len(finding.Message) < 40 {
			t.Errorf("finding %+v does not say what to do", finding)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("findings %q, want %q: %+v", got, want, report)
	}
}

var verifyTests = tests{
	{"a log that only appends have written is sound", func(t *testing.T, log Log) { // G1 G2 G3
		store := open(t, log)
		wantSound(t, mustVerify(t, store), 0, 0)
		appendTypes(t, store, "a")
		appendTypes(t, store, "a", "b", "c")
		_, err := store.AppendIf(t.Context(), facttest.BatchOf("x"), factstr.OfTypes("a"), nil)
		facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
		appendTypes(t, store, "a", "b")
		stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "all"}, newRecorder())
		if err != nil {
			t.Fatal(err)
		}
		end(t, stream)
		report := mustVerify(t, store)
		wantSound(t, report, 6, 3)
		if report.Head.SequenceNumber != 6 || report.Cursors != 1 {
			t.Fatalf("%+v", report)
		}
		appendShaped(t, store, 3000)
		facttest.Query(t, store, matchingFilter(nil, `{"n":3}`)) // so that an index is begun
		wantSound(t, mustVerify(t, store), 3006, 13)
		if log.Persistent {
			wantSound(t, mustVerify(t, reopen(t, log, store)), 3006, 13)
		}
	}},
	{"a log is verified while it grows", func(t *testing.T, log Log) { // G2 G3 G19
		store := open(t, log)
		stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "all"}, newRecorder())
		if err != nil {
			t.Fatal(err)
		}
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = store.Append(context.Background(), facttest.BatchOf("a", "b"))
				}
			}
		}()
		for range 20 {
			if report := mustVerify(t, store); len(report.Findings) > 0 || report.Facts != report.Head.SequenceNumber {
				t.Errorf("%+v", report)
			}
		}
		close(stop)
		<-stopped
		end(t, stream)
	}},
	{"what is wrong with facts is found, each with its number", func(t *testing.T, log Log) { // G1 G2
		changed := &altered{}
		store := openWith(t, log, factstr.Options{}, func(inner factstr.Backend) factstr.Backend {
			changed.Backend = inner
			return changed
		})
		appendTypes(t, store, "a", "b", "c", "d")
		appendTypes(t, store, "a", "b", "c", "d")
		changed.facts = func(record factstr.EventRecord, visit func(factstr.StoredFact) bool) bool {
			fact := factstr.StoredFact{EventRecord: record}
			switch record.SequenceNumber {
			case 1, 4, 5, 8:
				return true
			case 2:
				fact.Problem = "payload is no JSON"
			case 7:
				fact.Unread = 8
			}
			return visit(fact)
		}
		report := mustVerify(t, store)
		wantFindings(t, report, "missing_facts 1-1 ", "damaged_fact 2-2 ", "missing_facts 4-5 ", "damaged_fact 7-8 ")
		if report.Facts != 3 {
			t.Errorf("%+v", report)
		}
		changed.facts = func(record factstr.EventRecord, visit func(factstr.StoredFact) bool) bool {
			return record.SequenceNumber > 6 || visit(factstr.StoredFact{EventRecord: record})
		}
		wantFindings(t, mustVerify(t, store), "missing_facts 7-8 ")
	}},
	{"what is wrong with batches and cursors is found", func(t *testing.T, log Log) { // G3 G24
		changed := &altered{}
		store := openWith(t, log, factstr.Options{}, func(inner factstr.Backend) factstr.Backend {
			changed.Backend = inner
			return changed
		})
		appendTypes(t, store, "a", "b", "c", "d")
		changed.batches = []factstr.StoredBatch{
			{First: -1, Last: 2}, {First: 1, Last: 2}, {First: 2, Last: 4}, {First: 3, Last: 1}, {First: 4, Last: 9},
			{First: 9, Last: 12}, {First: math.MaxInt64, Last: math.MaxInt64},
		}
		changed.cursors = []factstr.StoredCursor{
			{Name: "a", SequenceNumber: 4}, {Name: "b", SequenceNumber: 5}, {Name: "c",
				Problem: "is no number; repair the row in the table of cursors"},
		}
		report := mustVerify(t, store)
		wantFindings(t, report, "wrong_cursor 0-0 b", "wrong_cursor 0-0 c", "wrong_batch 0-2 ",
			"wrong_batch 2-4 ", "wrong_batch 3-1 ",
			"wrong_batch 4-9 ", "wrong_batch 9-12 ", "wrong_batch 9223372036854775807-9223372036854775807 ")
		if report.Cursors != 3 {
			t.Errorf("%+v", report)
		}
	}},
	{"a log with many faults has a short report", func(t *testing.T, log Log) { // G18
		changed := &altered{}
		store := openWith(t, log, factstr.Options{}, func(inner factstr.Backend) factstr.Backend {
			changed.Backend = inner
			return changed
		})
		appendShaped(t, store, 300)
		changed.facts = func(record factstr.EventRecord, visit func(factstr.StoredFact) bool) bool {
			return visit(factstr.StoredFact{EventRecord: record, Problem: "payload is no JSON"})
		}
		report := mustVerify(t, store)
		if n := uint64(len(report.Findings)); n != 100 || report.FindingsMore != 200 || report.Facts != 300 {
			t.Fatalf("%d findings and %d more of %d facts", n, report.FindingsMore, report.Facts)
		}
	}},
	{"facts that the index leaves out are found, whatever term it is", func(t *testing.T, log Log) { // G12
		changed := &altered{}
		store := openWith(t, log, noTail, func(inner factstr.Backend) factstr.Backend {
			changed.Backend = inner
			return changed
		})
		appendShaped(t, store, 600)
		var report *factstr.Verification
		for limit := time.Now().Add(facttest.WaitMax); ; time.Sleep(time.Millisecond) {
			facttest.Query(t, store, matchingFilter(nil, `{"n":3}`))
			report = mustVerify(t, store)
			if report.IndexThrough != nil && *report.IndexThrough >= 200 {
				break
			}
			if time.Now().After(limit) {
				t.Fatalf("no index: %+v", report)
			}
		}
		wantSound(t, report, 600, 2)
		changed.facts = func(record factstr.EventRecord, visit func(factstr.StoredFact) bool) bool {
			switch record.SequenceNumber {
			case 17:
				record.EventType = "another"
			case 90:
				record.Payload = []byte(`{"n":99}`) // which facts behind it have, too
			case 140: // fewer terms than there were do no harm
				record.Payload = []byte(`{}`)
			}
			return visit(factstr.StoredFact{EventRecord: record})
		}
		wantFindings(t, mustVerify(t, store), "wrong_index 17-17 ", "wrong_index 90-90 ")
	}},
	{"a verification is cancelled, and of a closed store there is none", func(t *testing.T, log Log) { // G2
		changed := &altered{}
		store := openWith(t, log, factstr.Options{}, func(inner factstr.Backend) factstr.Backend {
			changed.Backend = inner
			return changed
		})
		appendTypes(t, store, "a", "b", "c")
		ctx, cancel := context.WithCancel(t.Context())
		changed.facts = func(factstr.EventRecord, func(factstr.StoredFact) bool) bool {
			cancel()
			return false
		}
		_, err := store.Verify(ctx)
		facttest.WantError(t, err, factstr.CodeCancelled)
		_, err = store.Verify(ctx)
		facttest.WantError(t, err, factstr.CodeCancelled)
		if err := store.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, err = store.Verify(t.Context())
		facttest.WantError(t, err, factstr.CodeStoreClosed)
	}},
	{"a backend without what is needed cannot be verified", func(t *testing.T, log Log) {
		store := openWith(t, log, factstr.Options{}, func(inner factstr.Backend) factstr.Backend {
			return struct{ factstr.Backend }{inner}
		})
		_, err := store.Verify(t.Context())
		facttest.WantError(t, err, factstr.CodeNotImplemented)
	}},
}
