package interop

import (
	"bytes"
	"encoding/json"
	"strconv"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

// filler is what the scan of a request fills while it checks the request's shape. The scan knows
// where each value begins and ends, so events and queries need no second decoder. Texts point into
// the request, which is the caller's memory, until the scan has accepted all of it; then newEvents
// and ownQuery copy what is kept, and only that.
type filler struct {
	events         []eventText
	query          factstr.EventQuery
	conditions     []factstr.AppendCondition
	predicateBytes int
}

// eventText is an event as it stands in the request; eventType has its quotes.
type eventText struct {
	eventType []byte
	payload   []byte
}

func (f *filler) beginEvent() { f.events = append(f.events, eventText{}) }

func (f *filler) takeEventType(value []byte) { f.events[len(f.events)-1].eventType = value }

func (f *filler) takePayload(value []byte) { f.events[len(f.events)-1].payload = value }

// A list that is there is not nil, however empty it is (G12).
func (f *filler) beginFilters() { f.asked().Filters = []factstr.EventFilter{} }

func (f *filler) beginFilter() { f.asked().Filters = append(f.asked().Filters, factstr.EventFilter{}) }

func (f *filler) filter() *factstr.EventFilter {
	filters := f.asked().Filters
	return &filters[len(filters)-1]
}

func (f *filler) beginCondition() { f.conditions = append(f.conditions, factstr.AppendCondition{}) }

func (f *filler) takeAfter(value []byte) { f.conditions[len(f.conditions)-1].After = *numberOf(value) }

// asked returns the query that is being filled in: that of the newest condition, if there is one.
func (f *filler) asked() *factstr.EventQuery {
	if n := len(f.conditions); n > 0 {
		return &f.conditions[n-1].FailIfEventsMatch
	}
	return &f.query
}

func (f *filler) beginTypes() { f.filter().EventTypes = []string{} }

func (f *filler) takeType(value []byte) {
	f.filter().EventTypes = append(f.filter().EventTypes, stringOf(value))
}

func (f *filler) beginPredicates() { f.filter().PayloadPredicates = []json.RawMessage{} }

func (f *filler) takePredicate(value []byte) {
	f.filter().PayloadPredicates = append(f.filter().PayloadPredicates, value)
	f.predicateBytes += len(value)
}

func (f *filler) takeCursor(value []byte) { f.asked().MinSequenceNumber = numberOf(value) }

func (f *filler) takeLimit(value []byte) { f.asked().Limit = numberOf(value) }

func (f *filler) takeBackwards(value []byte) { f.asked().Backwards = value[0] == 't' }

// stringOf unescapes a string that the scan has checked.
func stringOf(value []byte) string {
	text, _ := jsonvalue.String(value)
	return text
}

// numberOf reads a number that the scan has checked.
func numberOf(value []byte) *uint64 {
	number, _ := strconv.ParseUint(string(value), 10, 64)
	return &number
}

// newEvents copies the events that were filled in. Their payloads share one piece of memory, which
// holds nothing else. They are proven: the scan has run jsonvalue.Check over the whole request, and
// its depth leaves a payload factstr.NestingMax levels.
func (f *filler) newEvents() []factstr.NewEvent {
	size := 0
	for i := range f.events {
		size += len(f.events[i].payload)
	}
	payloads := make([]byte, 0, size)
	events := make([]factstr.NewEvent, len(f.events))
	for i := range f.events {
		text := &f.events[i]
		eventType := ""
		if i > 0 && bytes.Equal(text.eventType, f.events[i-1].eventType) {
			eventType = events[i-1].EventType
		} else {
			eventType = stringOf(text.eventType)
		}
		begin := len(payloads)
		payloads = append(payloads, text.payload...)
		events[i] = factstr.ProvenEvent(eventType, payloads[begin:len(payloads):len(payloads)])
	}
	return events
}

// ownQuery returns the query that was filled in, with copies of its predicates. One whose
// predicates are too large is refused before anything is copied; the store would refuse it as well.
func (f *filler) ownQuery(name string, limits factstr.Limits) (factstr.EventQuery, error) {
	if f.predicateBytes > limits.PredicateBytesMax {
		return factstr.EventQuery{}, factstr.NewError(factstr.CodeInvalidArgument, "%s.filters: payload_predicates of %d bytes exceed the limit of %d bytes of a query (predicate_bytes_max); ask for less at once",
			name, f.predicateBytes, limits.PredicateBytesMax)
	}
	ownPredicates(f.query)
	return f.query, nil
}

// ownConditions is ownQuery for the conditions that were filled in.
func (f *filler) ownConditions(limits factstr.Limits) ([]factstr.AppendCondition, error) {
	if f.predicateBytes > limits.PredicateBytesMax {
		return nil, factstr.NewError(factstr.CodeInvalidArgument, "conditions: payload_predicates of %d bytes exceed the limit of %d bytes of an append (predicate_bytes_max); ask for less at once",
			f.predicateBytes, limits.PredicateBytesMax)
	}
	for i := range f.conditions {
		ownPredicates(f.conditions[i].FailIfEventsMatch)
	}
	return f.conditions, nil
}

// ownPredicates replaces the predicates of a query, which point into a request, by copies.
func ownPredicates(query factstr.EventQuery) {
	for _, filter := range query.Filters {
		for i, predicate := range filter.PayloadPredicates {
			filter.PayloadPredicates[i] = bytes.Clone(predicate)
		}
	}
}
