package storetest

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

// cursors returns the states of all durable names.
func cursors(t testing.TB, store *factstr.Store) []factstr.DurableCursor {
	t.Helper()
	all, err := store.Cursors(t.Context())
	if err != nil {
		t.Fatalf("cursors: %v", err)
	}
	return all
}

// wantCursors checks name, cursor and lag in events of all durable names, as "name 1+2" each.
func wantCursors(t testing.TB, store *factstr.Store, want ...string) {
	t.Helper()
	var got []string
	for _, one := range cursors(t, store) {
		got = append(got, fmt.Sprintf("%s %d+%d", one.Name, one.Cursor, one.LagEvents))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("the cursors are %q, want %q", got, want)
	}
}

func wantChanged(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// elsewhere opens another store on the log, or is the same store where a log has only one.
func elsewhere(t testing.TB, log Log, store *factstr.Store) *factstr.Store {
	t.Helper()
	if log.Persistent {
		return open(t, log)
	}
	return store
}

// listing calls after once behind a list of cursors.
type listing struct {
	factstr.Backend
	after func()
}

func (l *listing) ListCursors(ctx context.Context) ([]factstr.CursorState, error) {
	cursors, err := l.Backend.ListCursors(ctx)
	if after := l.after; after != nil {
		l.after = nil
		after()
	}
	return cursors, err
}

// aheadOfTime is a backend of a log that another host's clock has dated.
type aheadOfTime struct{ factstr.Backend }

func (a aheadOfTime) Scan(ctx context.Context, scan factstr.Scan, visit func(factstr.EventRecord) bool) error {
	return a.Backend.Scan(ctx, scan, func(record factstr.EventRecord) bool {
		record.OccurredAt = "2999-12-31T23:59:59.000000Z"
		return visit(record)
	})
}

var cursorChangeTests = tests{
	{"a name that is registered while cursors are listed is not listed as free", func(t *testing.T, log Log) { // G22
		l := &listing{}
		store := openWith(t, log, factstr.Options{}, func(inner factstr.Backend) factstr.Backend {
			l.Backend = inner
			return l
		})
		appendTypes(t, store, "a")
		end(t, durable(t, store, "model", newRecorder()))
		l.after = func() {
			appendTypes(t, store, "a")
			durable(t, store, "model", newRecorder())
		}
		if one := cursors(t, store)[0]; one.Cursor != 2 || one.HeldBy != factstr.HeldHere {
			t.Fatalf("%+v", one)
		}
	}},
	{"the list names every durable stream with its query, cursor, lag and holder", func(t *testing.T, log Log) {
		store := open(t, log)
		wantCursors(t, store)
		rare := factstr.EventQuery{Filters: []factstr.EventFilter{
			{EventTypes: []string{"rare"}, PayloadPredicates: facttest.JSONTexts(`{"n":9007199254740993}`)}, {EventTypes: []string{}}}}
		end(t, durableTo(t, store, "rare", rare, newRecorder()))
		appendTypes(t, store, "a", "a")
		appendTypes(t, store, "a")
		held := durable(t, store, "held", newRecorder())
		end(t, durable(t, store, "ä", newRecorder()))
		appendTypes(t, store, "a")
		if err := held.WaitFor(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
		wantCursors(t, store, "held 4+0", "rare 0+4", "ä 3+1")
		all := cursors(t, store)
		if all[0].HeldBy != factstr.HeldHere || all[1].HeldBy != "" || all[2].HeldBy != "" {
			t.Fatalf("held by %q, %q, %q", all[0].HeldBy, all[1].HeldBy, all[2].HeldBy)
		}
		if *all[0].LagSeconds != 0 || *all[1].LagSeconds != 0 || *all[2].LagSeconds <= 0 {
			t.Fatalf("ages %v, %v, %v: only the last one has a fact that waits", *all[0].LagSeconds, *all[1].LagSeconds, *all[2].LagSeconds)
		}
		if got := all[1].Query; len(got.Filters) != 2 || !slices.Equal(got.Filters[0].EventTypes, []string{"rare"}) || got.Filters[1].EventTypes == nil || got.Filters[1].PayloadPredicates != nil {
			t.Fatalf("the query is %+v", got)
		}
		if all[0].Query.Filters != nil || !strings.Contains(all[1].QueryText, "9007199254740993") {
			t.Fatalf("the texts are %s and %s", all[0].QueryText, all[1].QueryText)
		}
		if !log.Persistent {
			return
		}
		others := cursors(t, open(t, log))
		if by := others[0].HeldBy; by == "" || by == factstr.HeldHere || others[1].HeldBy != "" {
			t.Fatalf("another store sees that %q holds the name, and %q the free one", by, others[1].HeldBy)
		}
	}},
	{"the age of a lag is that of the oldest fact that matches and is not handled", func(t *testing.T, log Log) {
		store := open(t, log)
		end(t, durableTo(t, store, "model", ofType("wanted"), newRecorder()))
		appendTypes(t, store, "other")
		if age := *cursors(t, store)[0].LagSeconds; age != 0 {
			t.Fatalf("nothing that matches waits, and the age is %v", age)
		}
		appendTypes(t, store, "wanted")
		first := *cursors(t, store)[0].LagSeconds
		appendTypes(t, store, "wanted")
		if second := *cursors(t, store)[0].LagSeconds; first <= 0 || second < first {
			t.Fatalf("the age was %v and then %v: it is that of the oldest", first, second)
		}
		wantCursors(t, store, "model 0+3")
	}},
	{"a fact that waits has an age above 0, also one from a clock that is ahead", func(t *testing.T, log Log) {
		store := openWith(t, log, noTail, func(inner factstr.Backend) factstr.Backend { return aheadOfTime{inner} })
		end(t, durable(t, store, "model", newRecorder()))
		appendTypes(t, store, "a")
		if age := *cursors(t, store)[0].LagSeconds; age <= 0 {
			t.Fatalf("a fact waits, and its age is %v", age)
		}
	}},
	{"a reset lets a name be replayed, or skip", func(t *testing.T, log Log) { // G19 G22
		store := open(t, log)
		appendTypes(t, store, "a")
		appendTypes(t, store, "a", "a")
		appendTypes(t, store, "a")
		end(t, durable(t, store, "model", newRecorder()))
		end(t, durable(t, store, "other", newRecorder()))
		for _, c := range []struct {
			to   uint64
			want [][]uint64
		}{{0, [][]uint64{{1}, {2, 3}, {4}}}, {1, [][]uint64{{2, 3}, {4}}}, {2, [][]uint64{{3}, {4}}}, {4, nil}} {
			wantChanged(t, store.CursorReset(t.Context(), "model", c.to))
			wantCursors(t, store, fmt.Sprintf("model %d+%d", c.to, 4-c.to), "other 4+0")
			r := newRecorder()
			stream := durable(t, elsewhere(t, log, store), "model", r)
			r.want(t, c.want...)
			end(t, stream)
			r.wantNoMore(t)
		}
	}},
	{"a cursor is changed only while nobody holds its name", func(t *testing.T, log Log) { // G22
		store := open(t, log)
		appendTypes(t, store, "a")
		end(t, durable(t, store, "free", newRecorder()))
		stream := durable(t, store, "held", newRecorder())
		for _, changer := range []*factstr.Store{store, elsewhere(t, log, store)} {
			for what, err := range map[string]error{
				"reset":     changer.CursorReset(t.Context(), "held", 0),
				"copy from": changer.CursorCopy(t.Context(), "held", "new"),
				"copy to":   changer.CursorCopy(t.Context(), "free", "held"),
				"delete":    changer.CursorDelete(t.Context(), "held"),
			} {
				t.Log(what)
				facttest.WantError(t, err, factstr.CodeDurableStreamActive, "held")
			}
		}
		wantCursors(t, store, "free 1+0", "held 1+0")
		r := newRecorder()
		end(t, stream)
		wantChanged(t, store.CursorReset(t.Context(), "held", 0))
		durable(t, store, "held", r)
		r.want(t, []uint64{1})
	}},
	{"what cannot be changed is refused and changes nothing", func(t *testing.T, log Log) {
		store := open(t, log)
		appendTypes(t, store, "a")
		end(t, durable(t, store, "model", newRecorder()))
		end(t, durable(t, store, "other", newRecorder()))
		long := strings.Repeat("x", factstr.NameBytesMax+1)
		for _, c := range []struct {
			err   error
			words []string
		}{
			{store.CursorReset(t.Context(), "unknown", 0), []string{"name", "unknown"}},
			{store.CursorReset(t.Context(), "model", 2), []string{"to is 2", "ends at 1"}},
			{store.CursorReset(t.Context(), "model", math.MaxInt64+1), []string{"to must be at most"}},
			{store.CursorReset(t.Context(), "", 0), []string{"name is empty"}},
			{store.CursorReset(t.Context(), "a\x00", 0), []string{"name", "U+0000"}},
			{store.CursorCopy(t.Context(), "unknown", "new"), []string{"from", "unknown"}},
			{store.CursorCopy(t.Context(), "model", "other"), []string{"to", "other", "delete it first"}},
			{store.CursorCopy(t.Context(), "model", "model"), []string{"to", "model"}},
			{store.CursorCopy(t.Context(), "", "new"), []string{"from is empty"}},
			{store.CursorCopy(t.Context(), "model", long), []string{"to is longer"}},
			{store.CursorDelete(t.Context(), "unknown"), []string{"name", "unknown"}},
			{store.CursorDelete(t.Context(), "\xff"), []string{"name", "UTF-8"}},
		} {
			facttest.WantError(t, c.err, factstr.CodeInvalidArgument, c.words...)
		}
		wantCursors(t, store, "model 1+0", "other 1+0")
	}},
	{"a copy goes on where the original was, by itself, with its query", func(t *testing.T, log Log) { // G19 G22
		store := open(t, log)
		appendTypes(t, store, "a")
		end(t, durableTo(t, store, "blue", ofType("a"), newRecorder()))
		appendTypes(t, store, "b")
		appendTypes(t, store, "a")
		wantChanged(t, store.CursorCopy(t.Context(), "blue", "green"))
		wantCursors(t, store, "blue 1+2", "green 1+2")
		_, err := register(t, store, "green", ofType("b"), newRecorder())
		facttest.WantError(t, err, factstr.CodeDurableStreamQueryMismatch)
		green := newRecorder()
		end(t, durableTo(t, elsewhere(t, log, store), "green", ofType("a"), green))
		green.want(t, []uint64{3})
		green.wantNoMore(t)
		wantCursors(t, store, "blue 1+2", "green 3+0")
	}},
	{"a name that was deleted begins anew, with any query", func(t *testing.T, log Log) { // G22
		store := open(t, log)
		appendTypes(t, store, "a")
		end(t, durableTo(t, store, "model", ofType("a"), newRecorder()))
		end(t, durable(t, store, "other", newRecorder()))
		wantChanged(t, store.CursorDelete(t.Context(), "model"))
		wantCursors(t, store, "other 1+0")
		facttest.WantError(t, store.WaitForCursor(over(t), "model", 1), factstr.CodeTimeout)
		facttest.WantError(t, store.CursorDelete(t.Context(), "model"), factstr.CodeInvalidArgument)
		r := newRecorder()
		end(t, durable(t, elsewhere(t, log, store), "model", r))
		r.want(t, []uint64{1})
		wantChanged(t, store.CursorDelete(t.Context(), "model"))
		wantChanged(t, store.CursorCopy(t.Context(), "other", "model"))
		wantCursors(t, store, "model 1+0", "other 1+0")
	}},
	{"a delivery that was in flight moves no cursor that was changed meanwhile", func(t *testing.T, log Log) { // G22
		store := open(t, log)
		appendTypes(t, store, "a")
		for _, change := range []struct {
			name string
			make func(by *factstr.Store) error
			want []string
		}{
			{"reset", func(by *factstr.Store) error { return by.CursorReset(t.Context(), "model", 0) }, []string{"model 0+1"}},
			{"delete", func(by *factstr.Store) error { return by.CursorDelete(t.Context(), "model") }, nil},
			{"delete and register", func(by *factstr.Store) error {
				if err := by.CursorDelete(t.Context(), "model"); err != nil {
					return err
				}
				stream, err := by.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"}, nil)
				if err == nil {
					end(t, stream)
				}
				return err
			}, []string{"model 0+1"}},
		} {
			t.Log(change.name)
			r, begun, release := blockedRecorder()
			stream, err := store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"}, r, r.onEnd())
			if err != nil {
				t.Fatal(err)
			}
			within(t, "a delivery", begun)
			stream.Unsubscribe()
			wantChanged(t, change.make(elsewhere(t, log, store)))
			close(release)
			r.wantEnd(t, "")
			wantCursors(t, store, change.want...)
		}
	}},
	{"of changes and registrations that race, each sees the other's effect or is refused", func(t *testing.T, log Log) { // G22
		store := open(t, log)
		appendTypes(t, store, "a")
		end(t, durable(t, store, "model", newRecorder()))
		stores := []*factstr.Store{store, elsewhere(t, log, store)}
		for round := range 3 {
			wantChanged(t, stores[round%2].CursorReset(t.Context(), "model", 0))
			var running sync.WaitGroup
			for i := range racers {
				running.Go(func() {
					store := stores[i%2]
					var err error
					if i%3 == 0 {
						err = store.CursorReset(t.Context(), "model", uint64(i%2))
					} else {
						var stream *factstr.EventStream
						if stream, err = store.StreamAllDurable(t.Context(), factstr.DurableStream{Name: "model"}, nil); err == nil {
							// While it is held nothing else moves the cursor.
							before := stream.Progress().StoredCursor
							if refused := stores[(i+1)%2].CursorReset(t.Context(), "model", 1-before); factstr.CodeOf(refused) != factstr.CodeDurableStreamActive {
								t.Errorf("a reset while the name is held: %v", refused)
							}
							if now, _ := stores[(i+1)%2].Cursors(t.Context()); len(now) != 1 || now[0].Cursor != before {
								t.Errorf("the cursor was %d and is %+v", before, now)
							}
							_ = stream.Close(context.Background())
						}
					}
					if err != nil && factstr.CodeOf(err) != factstr.CodeDurableStreamActive {
						t.Error(err)
					}
				})
			}
			running.Wait()
		}
	}},
	{"changes outlive the store", func(t *testing.T, log Log) { // G23
		store := open(t, log)
		if !log.Persistent {
			t.Skip("the log is in memory and ends with its store")
		}
		appendTypes(t, store, "a", "b")
		for _, name := range []string{"copied", "deleted", "reset"} {
			end(t, durable(t, store, name, newRecorder()))
		}
		wantChanged(t, store.CursorCopy(t.Context(), "copied", "copy"))
		wantChanged(t, store.CursorDelete(t.Context(), "deleted"))
		wantChanged(t, store.CursorReset(t.Context(), "reset", 1))
		wantCursors(t, reopen(t, log, store), "copied 2+0", "copy 2+0", "reset 1+1")
	}},
	{"a call whose context has ended changes nothing, and a closed store refuses", func(t *testing.T, log Log) { // G5
		store := open(t, log)
		appendTypes(t, store, "a")
		end(t, durable(t, store, "model", newRecorder()))
		calls := map[string]func(ctx context.Context) error{
			"cursors": func(ctx context.Context) error { _, err := store.Cursors(ctx); return err },
			"reset":   func(ctx context.Context) error { return store.CursorReset(ctx, "model", 0) },
			"copy":    func(ctx context.Context) error { return store.CursorCopy(ctx, "model", "copy") },
			"delete":  func(ctx context.Context) error { return store.CursorDelete(ctx, "model") },
		}
		for cause, ctx := range endedContexts(t) {
			for _, call := range calls {
				if err := call(ctx); factstr.CodeOf(err) != factstr.CodeOf(factstr.ContextEnded(cause, "")) {
					t.Fatalf("%v: %v", cause, err)
				}
			}
		}
		wantCursors(t, store, "model 1+0")
		facttest.Close(t, store)
		for _, call := range calls {
			facttest.WantError(t, call(t.Context()), factstr.CodeStoreClosed)
		}
	}},
	{"changes are told", func(t *testing.T, log Log) {
		records, logger := facttest.NewRecords()
		store := openWith(t, log, factstr.Options{Logger: logger}, nil)
		end(t, durable(t, store, "model", newRecorder()))
		wantChanged(t, store.CursorCopy(t.Context(), "model", "copy"))
		wantChanged(t, store.CursorReset(t.Context(), "copy", 0))
		wantChanged(t, store.CursorDelete(t.Context(), "copy"))
		_ = store.CursorDelete(t.Context(), "copy")
		var told []any
		for _, record := range records.Await(t, factstr.LogCursorChanged, 3) {
			told = append(told, record.Attributes["operation"], record.Attributes["durable_name"])
		}
		if want := []any{"copy", "model", "reset", "copy", "delete", "copy"}; !slices.Equal(told, want) {
			t.Fatalf("told %v, want %v", told, want)
		}
	}},
}
