package sqlite

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
)

// openIndexed opens a store of courses that its index covers, with a tail of ten facts. A few rows
// may take any time.
func openIndexed(t testing.TB, path string, courses int) *factstr.Store {
	t.Helper()
	fewMayTake(t, time.Hour)
	store := openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: 10}})
	AppendCourses(t, store, 0, courses)
	awaitIndex(t, store)
	return store
}

func fewMayTake(t testing.TB, limit time.Duration) {
	usual := fewTime
	fewTime = limit
	t.Cleanup(func() { fewTime = usual })
}

// G8 G12: what the index answers at once equals what Query answers, also when another store has
// appended since the log was looked at: then nothing is answered at once.
func TestAFewFactsThatTheIndexFindsAreAnsweredAtOnce(t *testing.T) {
	indexAlways(t, 40)
	path := newPath(t)
	store, other := openIndexed(t, path, 200), openStore(t, path)
	random := rand.New(rand.NewPCG(7, 8))
	facts, answered := 200, 0
	for round := range 60 {
		query := RandomQuery(random, facts)
		if round%3 == 2 {
			AppendCourses(t, other, facts, facts+1)
			facts++
			if result, ok, err := store.QueryAtOnce(query); ok && err == nil && !isNothing(query) {
				t.Fatalf("another store has appended: %+v", result)
			}
		}
		want := Query(t, store, query) // after which the state is known
		got, ok, err := store.QueryAtOnce(query)
		if err != nil || ok && !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v: %+v, %v; want %+v", query, got, err, want)
		}
		if ok && len(got.EventRecords) > 0 && got.EventRecords[0].SequenceNumber < uint64(facts-10) {
			answered++
		}
		if round%4 == 3 {
			AppendCourses(t, store, facts, facts+1)
			facts++
			awaitIndex(t, store)
		}
	}
	if answered < 10 {
		t.Errorf("%d queries were answered at once from the index", answered)
	}
}

func isNothing(query factstr.EventQuery) bool {
	for _, filter := range query.Filters {
		if (filter.EventTypes == nil || len(filter.EventTypes) > 0) &&
			(filter.PayloadPredicates == nil || len(filter.PayloadPredicates) > 0) {
			return false
		}
	}
	return len(query.Filters) > 0
}

// takenRows counts rows.
type takenRows int

func (n *takenRows) Begin() {}

func (n *takenRows) Take(*factstr.EventRecord) error {
	*n++
	return nil
}

// A caller that must not wait for others gets no answer that takes many rows, or a wait for a
// connection, and the store answers as before afterwards.
func TestNothingIsAnsweredAtOnceThatTakesManyRowsOrAWait(t *testing.T) {
	indexAlways(t, 40)
	fewMayTake(t, time.Hour)
	path := newPath(t)
	b, err := openBackend(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := factstr.OpenStore(t.Context(), b, factstr.Options{TailEvents: 10})
	store = Opened(t, store, err)
	AppendCourses(t, store, 0, 1000)
	awaitIndex(t, store)
	few, many := PayloadQuery(`{"course":"c1"}`).AtMost(5), factstr.OfTypes("type1")
	if found := len(Query(t, store, many).EventRecords); found <= fewRows {
		t.Fatal(found)
	}
	atOnce := func(query factstr.EventQuery) bool {
		t.Helper()
		want := Query(t, store, query)
		got, ok, err := store.QueryAtOnce(query)
		if err != nil || ok && !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
		return ok
	}
	if !atOnce(few) || atOnce(many) || !atOnce(many.AtMost(3)) {
		t.Error("few rows are answered at once, and many are not")
	}
	taken := takenRows(0)
	if _, ok, _ := store.QueryIntoAtOnce(many, &taken); ok || taken > 0 {
		t.Errorf("%d rows were read for no answer", taken)
	}
	fewTime = 0
	if atOnce(few) {
		t.Error("answered although the time was over")
	}
	fewTime = time.Hour
	for name, block := range map[string]func() (unblock func()){
		"all connections are in use": func() func() {
			for range readersMax {
				b.readers.permits <- struct{}{}
			}
			return func() {
				for range readersMax {
					<-b.readers.permits
				}
			}
		},
		"connections are being closed": func() func() {
			b.connections.using.Lock()
			return b.connections.using.Unlock
		},
	} {
		unblock := block()
		_, ok, err := store.QueryAtOnce(few)
		unblock()
		if ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
	b.readers.closeIdle(0)
	if _, ok, err := store.QueryAtOnce(few); ok || err != nil {
		t.Errorf("no connection is open: %v, %v", ok, err)
	}
	if !atOnce(few) {
		t.Error("no answer at once afterwards")
	}

	// The backend has seen what another store has appended, and the store has not.
	other := openStore(t, path)
	AppendCourses(t, other, 1, 2)
	if _, err := b.Head(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.index.mu.Lock()
	anchor := b.index.view.anchor
	b.index.mu.Unlock()
	b.head.keepAnchor(b.head.state, anchor)
	if result, ok, err := store.QueryAtOnce(few); ok || err != nil {
		t.Errorf("%+v of a log that is longer: %v", result, err)
	}
	atOnce(few)
}

// G1: whatever goes wrong is no answer at once, so that the query that may wait reports it.
func TestADamagedFactIsNoAnswerAtOnce(t *testing.T) {
	indexAlways(t, 40)
	path := newPath(t)
	store := openIndexed(t, path, 1000)
	newest := func(course string) factstr.EventQuery {
		query := PayloadQuery(`{"course":"` + course + `"}`).AtMost(5)
		query.Backwards = true
		return query
	}
	older := Query(t, store, newest("c1")).EventRecords[4].SequenceNumber // newer ones may be in memory
	execute(t, path, fmt.Sprintf("UPDATE events SET payload = '{' WHERE sequence_number = %d", older))
	AppendCourses(t, store, 1000, 1001)
	awaitIndex(t, store)
	Query(t, store, newest("c2")) // after which the state is known
	if _, ok, err := store.QueryAtOnce(newest("c2")); !ok || err != nil {
		t.Errorf("sound facts: %v, %v", ok, err)
	}
	if result, ok, err := store.QueryAtOnce(newest("c1")); ok || err != nil {
		t.Errorf("%+v, %v, %v", result, ok, err)
	}
	_, err := store.Query(t.Context(), newest("c1"))
	WantError(t, err, factstr.CodeCorrupt)
}

// G9 G10 G11: a lone conditional append of a thread of C finds its context at once where the index
// has it, and the group decides on whatever was appended since.
func TestALoneConditionalAppendLooksItsContextUpAtOnce(t *testing.T) {
	indexAlways(t, 40)
	path := newPath(t)
	other := openStore(t, path)
	Append(t, other, Fact("a", `{"course":"mine"}`))
	store := openIndexed(t, path, 199)
	course := PayloadQuery(`{"course":"mine"}`)
	old := *Query(t, store, course).CurrentContextVersion
	elsewhere := Fact("a", `{"course":"elsewhere"}`)
	known := func() {
		awaitIndex(t, store)
		Query(t, store, course)
	}
	known()
	answers, now := atOnce(t, store, &course, &old, elsewhere)
	if wantAppended(t, answers, 201); !now {
		t.Error("an append that waits for nobody returned before its answer")
	}
	known()
	wrong := old + 1
	answers, now = atOnce(t, store, &course, &wrong, elsewhere)
	if answer := <-answers; !now || !errors.Is(answer.Err, factstr.CodeConditionalAppendConflict) {
		t.Errorf("a conflict: %+v, at once: %v", answer, now)
	}
	Append(t, other, Fact("a", `{"course":"mine"}`))
	answers, now = atOnce(t, store, &course, &old, elsewhere)
	if answer := <-answers; now || !errors.Is(answer.Err, factstr.CodeConditionalAppendConflict) {
		t.Errorf("after another store: %+v, at once: %v", answer, now)
	}
	expected := uint64(202)
	answers, _ = atOnce(t, store, &course, &expected, elsewhere)
	wantAppended(t, answers, 203)
	WantGapless(t, other, 203)
}

// G9 G11: however many conditional appends are submitted whose contexts must be read, few read at a
// time, and each gets its answer.
func TestSubmittedConditionalAppendsThatLookAheadTakeFewGoroutines(t *testing.T) {
	b, err := openBackend(t.Context(), newPath(t), Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := factstr.OpenStore(t.Context(), b, factstr.Options{TailEvents: 10})
	store = Opened(t, store, err)
	Append(t, store, Fact("a", `{"course":"mine"}`))
	AppendCourses(t, store, 0, 100)
	for range readersMax { // nobody can read
		b.readers.permits <- struct{}{}
	}
	const submitted = 500
	before, answers := runtime.NumGoroutine(), make(chan error, submitted)
	done := func(_ factstr.AppendResult, err error) { answers <- err }
	expected := uint64(1) // below the tail
	for range submitted {
		err := store.AppendIfAsync(t.Context(), []factstr.NewEvent{Fact("a", `{"course":"mine"}`)},
			PayloadQuery(`{"course":"mine"}`), &expected, done)
		if err != nil {
			t.Fatal(err)
		}
	}
	if more := runtime.NumGoroutine() - before; more > 100 {
		t.Errorf("%d goroutines more", more)
	}
	for range readersMax {
		<-b.readers.permits
	}
	won := 0
	for range submitted {
		switch err := <-answers; {
		case err == nil:
			won++
		case !errors.Is(err, factstr.CodeConditionalAppendConflict):
			t.Fatal(err)
		}
	}
	if won != 1 {
		t.Errorf("%d appends won", won)
	}
}

// G8 G11: whatever others append, checkpoint and index meanwhile, an answer at once has every fact
// that was acknowledged before the call, none twice and none of another context.
func TestAnswersAtOnceMissNothingWhileOthersAppend(t *testing.T) {
	indexAlways(t, 40)
	path := newPath(t)
	store, other, raw := openIndexed(t, path, 40), openStore(t, path), openRaw(t, path)
	const contexts = 5
	var acknowledged [contexts]atomic.Uint64 // the newest fact of each
	var appended atomic.Int32
	go func() {
		defer appended.Store(300)
		for n := 0; n < 300; n++ {
			context, by := n%contexts, other
			if n%3 == 0 {
				by = store
			}
			result, err := by.Append(t.Context(), []factstr.NewEvent{Fact("mine", fmt.Sprintf(`{"context":%d}`, context))})
			if err != nil {
				t.Error(err)
				return
			}
			acknowledged[context].Store(result.LastSequenceNumber)
			appended.Add(1)
			if n%50 == 49 {
				raw.exec("PRAGMA wal_checkpoint(TRUNCATE)")
			}
		}
	}()
	answered := 0
	for n := 0; appended.Load() < 300; n++ {
		context := n % contexts
		query := PayloadQuery(fmt.Sprintf(`{"context":%d}`, context)).AtMost(1).NewestFirst()
		if n%2 == 0 {
			query = PayloadQuery(fmt.Sprintf(`{"context":%d}`, context))
		}
		least := acknowledged[context].Load()
		result, ok, err := store.QueryAtOnce(query)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			Query(t, store, query)
			continue
		}
		answered++
		if version := result.CurrentContextVersion; version == nil && least > 0 || version != nil && *version < least {
			t.Fatalf("version %s, and fact %d was acknowledged before", VersionText(version), least)
		}
		last := uint64(0)
		for _, record := range result.EventRecords {
			if record.SequenceNumber <= last || string(record.Payload) != fmt.Sprintf(`{"context":%d}`, context) {
				t.Fatalf("fact %d, %s after %d", record.SequenceNumber, record.Payload, last)
			}
			last = record.SequenceNumber
		}
	}
	if answered < 50 {
		t.Errorf("%d answers at once", answered)
	}
}
