package factstr_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/memory"
)

// movements is a log of deposits and withdrawals on two accounts, and a fact of another kind.
func movements(t *testing.T) *factstr.Store {
	t.Helper()
	store, err := memory.Open(memory.Options{})
	facttest.Opened(t, store, err)
	facttest.Append(t, store, facttest.Fact("Deposited", `{"account":"a","amount":5}`),
		facttest.Fact("Withdrawn", `{"account":"a","amount":2}`), facttest.Fact("Deposited",
			`{"account":"b","amount":7}`),
		facttest.Fact("Renamed", `{"account":"a","tags":["x","y"]}`))
	return store
}

// G12, G13: Where and AnyOf spell filters, and the matcher decides as ever.
func TestWhereAndAnyOfFindWhatTheirFiltersFind(t *testing.T) {
	store := movements(t)
	ofA := map[string]string{"account": "a"}
	for name, c := range map[string]struct {
		query factstr.EventQuery
		want  []uint64
	}{
		"any type": {factstr.Where(ofA), []uint64{1, 2, 4}},
		"types":    {factstr.OfTypes("Deposited", "Withdrawn").Where(ofA), []uint64{1, 2}},
		"a struct": {factstr.Where(struct{ Amount int }{7}), nil},
		"a struct with names": {factstr.Where(struct {
			Amount int `json:"amount"`
		}{7}), []uint64{3}},
		"alternatives": {factstr.Where(map[string]int{"amount": 2}, map[string]int{"amount": 7}),
			[]uint64{2, 3}},
		"an element":    {factstr.Where(map[string]any{"tags": []string{"y"}}), []uint64{4}},
		"JSON as it is": {factstr.Where(json.RawMessage(`{"tags":["x"]}`)), []uint64{4}},
		"no predicates": {factstr.OfTypes("Deposited").Where(), nil},
		"no types":      {factstr.OfTypes().Where(ofA), nil},
		"each of its filters": {factstr.AnyOf(factstr.OfTypes("Deposited"),
			factstr.OfTypes("Renamed")).Where(ofA), []uint64{1, 4}},
		"with Or": {factstr.OfTypes("Deposited").Where(ofA).Or(factstr.EventFilter{EventTypes: []string{"Renamed"}}), []uint64{1, 4}},
		"a union": {factstr.AnyOf(factstr.OfTypes("Deposited").Where(ofA), factstr.OfTypes("Renamed")),
			[]uint64{1, 4}},
		"a union of nothing": {factstr.AnyOf(), nil},
		"a union with everything": {factstr.AnyOf(factstr.OfTypes("Deposited"), factstr.AllEvents()),
			[]uint64{1, 2, 3, 4}},
		"a union with a limit": {factstr.AnyOf(factstr.OfTypes("Deposited"),
			factstr.OfTypes("Renamed")).NewestFirst().AtMost(1), []uint64{4}},
		"a union of one with types": {factstr.AnyOf(factstr.OfTypes("Withdrawn")), []uint64{2}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := facttest.Numbers(facttest.Query(t, store, c.query).EventRecords); !slices.Equal(got, c.want) {
				t.Errorf("facts %v; want %v", got, c.want)
			}
		})
	}
}

// Where narrows a copy: the query that it is called on stays as it is.
func TestWhereLeavesItsQueryAlone(t *testing.T) {
	store, deposits := movements(t), factstr.OfTypes("Deposited")
	_ = deposits.Where(map[string]string{"account": "a"})
	if got := facttest.Query(t, store, deposits).EventRecords; len(got) != 2 {
		t.Errorf("%d deposits; want 2", len(got))
	}
}

// A query that could not be put together is refused by every call that takes one, and changes
// nothing.
func TestAQueryThatCouldNotBePutTogetherIsRefusedByEveryCall(t *testing.T) {
	store, ctx := movements(t), t.Context()
	facts := facttest.Batch(1, "Deposited")
	for name, c := range map[string]struct {
		query factstr.EventQuery
		says  string
	}{
		"a channel": {factstr.OfTypes("Deposited").Where(make(chan int)),
			"predicate 0 of Where cannot be written as JSON"},
		"Where twice": {factstr.Where(1).Where(2), "filters[0] has payload predicates before Where"},
		"a limit inside": {factstr.AnyOf(factstr.AllEvents(), factstr.OfTypes("x").AtMost(1)),
			"query 1 of AnyOf has a cursor, a limit or an order"},
		"a fault inside":   {factstr.AnyOf(factstr.Where(func() {})), "predicate 0 of Where cannot be written as JSON"},
		"refined later":    {factstr.Where(make(chan int)).AtMost(3).After(1).Or(factstr.EventFilter{}), "predicate 0 of Where"},
		"narrowed again":   {factstr.Where(make(chan int)).Where(1), "predicate 0 of Where"},
		"invalid raw JSON": {factstr.Where(json.RawMessage(`{`)), "predicate 0 of Where cannot be written as JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			_, queried := store.Query(ctx, c.query)
			_, appended := store.AppendIf(ctx, facts, c.query, nil)
			_, when := store.AppendWhen(ctx, facts, []factstr.AppendCondition{{FailIfEventsMatch: c.query}})
			_, streamed := store.StreamTo(ctx, c.query, nil)
			_, opened := store.OpenReading(c.query)
			_, explained := store.Explain(ctx, c.query)
			for call, err := range map[string]error{"Query": queried, "AppendIf": appended, "AppendWhen": when,
				"StreamTo": streamed, "OpenReading": opened, "Explain": explained} {
				if factstr.CodeOf(err) != factstr.CodeInvalidArgument || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s: %v; want InvalidArgument that says %q", call, err, c.says)
				}
			}
			facttest.WantGapless(t, store, 4)
		})
	}
}

func TestDecodeReadsThePayloadAndNamesTheFactThatDoesNotFit(t *testing.T) {
	type movement struct {
		Account string `json:"account"`
		Amount  int    `json:"amount"`
	}
	records := facttest.All(t, movements(t))
	if got, err := factstr.Decode[movement](records[1]); err != nil || got != (movement{"a", 2}) {
		t.Errorf("got %v, %v", got, err)
	}
	got, err := factstr.Decode[[]int](records[2])
	facttest.WantError(t, err, factstr.CodeInvalidArgument, `fact 3 ("Deposited") is no []int`)
	if got != nil {
		t.Errorf("after an error the value is %v; want its zero", got)
	}
}

func TestTheTimeOfAFactIsThatOfItsText(t *testing.T) {
	before := time.Now().Add(-time.Hour)
	record := facttest.All(t, movements(t))[0]
	if at, err := record.Time(); err != nil || at.Location() != time.UTC || at.Before(before) ||
		at.Format("2006-01-02T15:04:05.000000Z") != record.OccurredAt {
		t.Errorf("%v, %v is not %s", at, err, record.OccurredAt)
	}
	record.OccurredAt = "2026-01-02T03:04:05+02:00" // as another program may have stored it
	if at, err := record.Time(); err != nil || !at.Equal(time.Date(2026, 1, 2, 1, 4, 5, 0, time.UTC)) {
		t.Errorf("%v, %v is not %s", at, err, record.OccurredAt)
	}
	record.OccurredAt = "yesterday"
	_, err := record.Time()
	facttest.WantError(t, err, factstr.CodeCorrupt, `fact 1 is "yesterday"`)
}
