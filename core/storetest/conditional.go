package storetest

import (
	"fmt"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
)

var conditionalTests = tests{
	{"it commits exactly when the expected version is the context's", func(t *testing.T, log Log) { // G9 G10
		store := open(t, log)
		mixed(t, store)
		head := uint64(10)
		for _, c := range []struct {
			query  factstr.EventQuery
			actual *uint64
		}{
			{factstr.OfTypes("a"), factstr.Version(9)},
			{factstr.OfTypes("b"), factstr.Version(10)},
			{factstr.OfTypes("a", "b"), factstr.Version(10)},
			{factstr.OfTypes("none"), nil},
			{factstr.OfTypes(), nil},
			{facttest.PayloadQuery(`{"at":4}`), factstr.Version(9)},
			{facttest.PayloadQuery(`{"at":3}`), factstr.Version(8)},
			{facttest.PayloadQuery(`{"at":100}`), nil},
			{factstr.AllEvents(), nil}, // the head, which moves
		} {
			for version := -1; version <= 13; version++ {
				var expected *uint64
				if version >= 0 {
					expected = factstr.Version(uint64(version))
				}
				actual := c.actual
				if len(c.query.Filters) == 0 {
					actual = factstr.Version(head)
				}
				result, err := store.AppendIf(t.Context(),
					[]factstr.NewEvent{facttest.Fact("other", `{}`), facttest.Fact("other", `{}`)}, c.query, expected)
				if !sameVersion(expected, actual) {
					wantConflict(t, err, expected, actual)
					continue
				}
				if err != nil || result.FirstSequenceNumber != head+1 || result.CommittedCount != 2 {
					t.Fatalf("context %+v, expected %s: %+v, %v", c.query, facttest.VersionText(expected), result, err)
				}
				head += 2
			}
		}
		for _, far := range []uint64{head - 1, head + 1, factstr.SequenceMax} {
			_, err := store.AppendIf(t.Context(), facttest.BatchOf("other"), factstr.AllEvents(), &far)
			wantConflict(t, err, &far, &head)
		}
		if _, err := store.AppendIf(t.Context(), facttest.BatchOf("other"), factstr.AllEvents(), &head); err != nil {
			t.Fatal(err)
		}
		wantHead(t, store, head+1)
	}},
	{"on an empty log only none is expected rightly", func(t *testing.T, log Log) { // G9 G10
		store := open(t, log)
		for _, expected := range []uint64{0, 1, factstr.SequenceMax} {
			_, err := store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.AllEvents(), &expected)
			wantConflict(t, err, &expected, nil)
		}
		if _, err := store.AppendIf(t.Context(), facttest.BatchOf("a"), factstr.AllEvents(), nil); err != nil {
			t.Fatal(err)
		}
		wantHead(t, store, 1)
	}},
	{"min_sequence_number, limit and backwards of the context are ignored", func(t *testing.T, log Log) { // G9
		store := open(t, log)
		mixed(t, store)
		for _, query := range []factstr.EventQuery{
			factstr.OfTypes("a").After(9), factstr.OfTypes("a").After(1000), factstr.OfTypes("a").AtMost(0), factstr.OfTypes("a").After(2).AtMost(1),
			factstr.OfTypes("a").NewestFirst(), factstr.OfTypes("a").NewestFirst().After(3).AtMost(2),
		} {
			_, err := store.AppendIf(t.Context(), facttest.BatchOf("b"), query, nil)
			wantConflict(t, err, nil, factstr.Version(9))
			_, err = store.AppendIf(t.Context(), facttest.BatchOf("b"), query, factstr.Version(3))
			wantConflict(t, err, factstr.Version(3), factstr.Version(9))
			if _, err := store.AppendIf(t.Context(), facttest.BatchOf("b"), query, factstr.Version(9)); err != nil {
				t.Fatalf("%+v: %v", query, err)
			}
		}
	}},
	{"a conflict writes nothing of its batch", func(t *testing.T, log Log) { // G10
		store := open(t, log)
		r := newRecorder()
		stream := live(t, store, factstr.AllEvents(), r)
		appendTypes(t, store, "a")
		_, err := store.AppendIf(t.Context(), facttest.BatchOf("x", "y", "z"), factstr.OfTypes("a"), nil)
		wantConflict(t, err, nil, factstr.Version(1))
		appendTypes(t, store, "marker")
		r.want(t, []uint64{1}, []uint64{2})
		end(t, stream)
		wantHead(t, store, 2)
		wantResult(t, store, factstr.OfTypes("x", "y", "z"), nil, nil)
	}},
	{"a chain of appends on the version each one gave holds", func(t *testing.T, log Log) { // G9
		store := open(t, log)
		var versions [3]*uint64
		for i := range 60 {
			which := i % 3
			query := facttest.PayloadQuery(fmt.Sprintf(`{"account":{"id":%d}}`, which))
			result, err := store.AppendIf(t.Context(),
				[]factstr.NewEvent{facttest.Fact("moved", fmt.Sprintf(`{"account":{"id":%d},"n":%d}`, which, i))}, query, versions[which])
			if err != nil {
				t.Fatal(err)
			}
			_, err = store.AppendIf(t.Context(), facttest.BatchOf("late"), query, versions[which])
			wantConflict(t, err, versions[which], factstr.Version(result.LastSequenceNumber))
			versions[which] = factstr.Version(result.LastSequenceNumber)
		}
		wantHead(t, store, 60)
	}},
	{"the asynchronous form returns the same conflicts", func(t *testing.T, log Log) { // G10
		store := open(t, log)
		mixed(t, store)
		answers := make(chan error, 1)
		done := func(_ factstr.AppendResult, err error) { answers <- err }
		if err := store.AppendIfAsync(t.Context(), facttest.BatchOf("a"), factstr.OfTypes("a"), factstr.Version(7), done); err != nil {
			t.Fatal(err)
		}
		wantConflict(t, within(t, "the answer", answers), factstr.Version(7), factstr.Version(9))
		if err := store.AppendIfAsync(t.Context(), facttest.BatchOf("a"), factstr.OfTypes("a"), factstr.Version(9), done); err != nil {
			t.Fatal(err)
		}
		if err := within(t, "the answer", answers); err != nil {
			t.Fatal(err)
		}
		wantHead(t, store, 11)
	}},
}
