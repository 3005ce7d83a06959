package storetest

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/jsonvalue"
)

var modelTests = tests{
	{"random operations answer as a plain reference model does", func(t *testing.T, log Log) { // G1 to G15, G19 to G23
		m := &modelRun{t: t, log: log, random: rand.New(rand.NewPCG(1, 1)),
			reference: reference{cursors: map[string]uint64{}}}
		m.open()
		steps := 3000
		if log.Persistent {
			steps = 1500 // each of its appends and cursors is synced
		}
		for step := range steps {
			if log.Persistent && step%500 == 499 {
				m.checkLive()
				if err := m.store.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				m.open()
			}
			m.step()
		}
		m.checkLive()
	}},
}

// modelRun does the same to a store and to the reference.
type modelRun struct {
	t         *testing.T
	log       Log
	store     *factstr.Store
	random    *rand.Rand
	reference reference
	live      *recorder
	expected  [][]uint64 // of the live stream
}

// open opens the store with a tail that holds little, so that all ways of reading are taken.
func (m *modelRun) open() {
	m.store = openWith(m.t, m.log, factstr.Options{TailEvents: 1 + m.random.IntN(50)}, nil)
	m.live, m.expected = newRecorder(), nil
	live(m.t, m.store, factstr.AllEvents(), m.live)
}

func (m *modelRun) step() {
	switch m.random.IntN(10) {
	case 0, 1:
		m.append()
	case 2, 3:
		m.appendIf()
	case 4:
		m.appendWhen()
	case 5, 6, 7, 8:
		m.query()
	case 9:
		m.replay()
	}
}

func pick[T any](m *modelRun, choices ...T) T { return choices[m.random.IntN(len(choices))] }

func (m *modelRun) eventType() string { return pick(m, "a", "b", "c", "d") }

// value makes a small JSON value; numbers come in several spellings.
func (m *modelRun) value(depth int) string {
	if depth == 0 || m.random.IntN(3) == 0 {
		return pick(m, `1`, `1.0`, `10e-1`, `2`, `-0`, `0`, `"x"`, `"y"`, `null`, `true`, `9007199254740993`,
			`9007199254740992`, `{}`, `[]`)
	}
	if m.random.IntN(2) == 0 {
		return fmt.Sprintf(`[%s,%s]`, m.value(depth-1), m.value(depth-1))
	}
	return fmt.Sprintf(`{"k":%s, "%s":%s}`, m.value(depth-1), pick(m, "l", "m", "k"), m.value(depth-1))
}

func (m *modelRun) events() []factstr.NewEvent {
	events := make([]factstr.NewEvent, 1+m.random.IntN(4))
	for i := range events {
		events[i] = facttest.Fact(m.eventType(), m.value(3))
	}
	return events
}

func (m *modelRun) filter() (filter factstr.EventFilter) {
	if m.random.IntN(3) > 0 {
		filter.EventTypes = []string{}
		for range m.random.IntN(3) {
			filter.EventTypes = append(filter.EventTypes, m.eventType())
		}
	}
	if m.random.IntN(2) == 0 {
		filter.PayloadPredicates = []json.RawMessage{}
		for range m.random.IntN(4) {
			filter.PayloadPredicates = append(filter.PayloadPredicates, json.RawMessage(m.value(2)))
		}
	}
	return filter
}

func (m *modelRun) anyQuery() (query factstr.EventQuery) {
	for range m.random.IntN(3) {
		query.Filters = append(query.Filters, m.filter())
	}
	if m.random.IntN(3) == 0 {
		query = query.After(m.number())
	}
	if m.random.IntN(3) == 0 {
		query = query.AtMost(uint64(m.random.IntN(20)))
	}
	query.Backwards = m.random.IntN(3) == 0
	return query
}

// number is one of the log, or a little beyond.
func (m *modelRun) number() uint64 { return uint64(m.random.IntN(len(m.reference.facts) + 3)) }

func (m *modelRun) append() {
	events := m.events()
	want := m.reference.append(events)
	if got := facttest.Append(m.t, m.store, events...); got != want {
		m.t.Fatalf("append gave %+v, want %+v", got, want)
	}
	m.expectLive(want)
}

func (m *modelRun) appendIf() {
	events, query := m.events(), m.anyQuery()
	_, actual := m.reference.query(query)
	expected := actual
	switch m.random.IntN(4) {
	case 0:
		expected = nil
	case 1:
		expected = factstr.Version(m.number())
	}
	got, err := m.store.AppendIf(m.t.Context(), events, query, expected)
	if !sameVersion(expected, actual) {
		wantConflict(m.t, err, expected, actual)
		return
	}
	want := m.reference.append(events)
	if err != nil || got != want {
		m.t.Fatalf("append_if gave %+v, %v; want %+v", got, err, want)
	}
	m.expectLive(want)
}

func (m *modelRun) appendWhen() {
	events, broken, actual := m.events(), -1, uint64(0)
	conditions := make([]factstr.AppendCondition, m.random.IntN(4))
	for i := range conditions {
		conditions[i] = factstr.AppendCondition{FailIfEventsMatch: m.anyQuery(), After: m.number()}
		_, newest := m.reference.query(conditions[i].FailIfEventsMatch)
		if newest != nil && m.random.IntN(2) == 0 {
			conditions[i].After = *newest
		}
		if broken < 0 && newest != nil && *newest > conditions[i].After {
			broken, actual = i, *newest
		}
	}
	got, err := m.store.AppendWhen(m.t.Context(), events, conditions)
	if broken >= 0 {
		wantBroken(m.t, err, broken, actual)
		return
	}
	want := m.reference.append(events)
	if err != nil || got != want {
		m.t.Fatalf("append_when gave %+v, %v; want %+v", got, err, want)
	}
	m.expectLive(want)
}

func (m *modelRun) query() {
	query := m.anyQuery()
	rows, version := m.reference.query(query)
	got := facttest.Query(m.t, m.store, query)
	if read := readAll(m.t, m.store, query); !slices.EqualFunc(read, got.EventRecords, sameAs) {
		m.t.Fatalf("query %+v gave %v, reading %v", query, facttest.Numbers(got.EventRecords), facttest.Numbers(read))
	}
	var last *uint64
	if n := len(rows); n > 0 {
		last = &rows[n-1].number
	}
	same := slices.EqualFunc(got.EventRecords, rows, func(record factstr.EventRecord, fact referenceFact) bool {
		return record.SequenceNumber == fact.number && record.EventType == fact.event.EventType && jsonvalue.Equal(record.Payload, fact.event.Payload)
	})
	if !same || !sameVersion(got.LastReturnedSequenceNumber, last) || !sameVersion(got.CurrentContextVersion, version) {
		m.t.Fatalf("query %+v gave %v, last %s, version %s; want %d rows, version %s", query,
			facttest.Numbers(got.EventRecords),
			facttest.VersionText(got.LastReturnedSequenceNumber), facttest.VersionText(got.CurrentContextVersion), len(rows), facttest.VersionText(version))
	}
}

func (m *modelRun) names() []string { return []string{"all", "typed", "by payload"} }

func (m *modelRun) queryOf(name string) factstr.EventQuery {
	switch name {
	case "typed":
		return factstr.OfTypes("a", "c")
	case "by payload":
		return facttest.PayloadQuery(`{"k":1}`, `[2]`)
	}
	return factstr.AllEvents()
}

// replay registers a durable name, sometimes fails at one of its batches, and checks what it was
// given.
func (m *modelRun) replay() {
	name := pick(m, m.names()...)
	want := m.reference.deliveries(name, m.queryOf(name))
	r := newRecorder()
	failing := -1
	if m.random.IntN(2) == 0 && len(want) > 0 {
		failing = m.random.IntN(len(want))
		want = want[:failing+1]
		r.handle = failAt(want[failing][0])
	}
	stream, err := register(m.t, m.store, name, m.queryOf(name), r)
	if (failing >= 0) != errors.Is(err, factstr.CodeHandlerFailed) || failing < 0 && err != nil {
		m.t.Fatalf("the registration of %q ended with %v; failing at %d", name, err, failing)
	}
	end(m.t, stream)
	r.want(m.t, want...)
	r.wantNoMore(m.t)
	switch {
	case failing < 0:
		m.reference.cursors[name] = uint64(len(m.reference.facts))
	case failing > 0:
		m.reference.cursors[name] = m.reference.batchEnd(want[failing-1][0])
	}
}

func (m *modelRun) expectLive(result factstr.AppendResult) {
	var batch []uint64
	for number := result.FirstSequenceNumber; number <= result.LastSequenceNumber; number++ {
		batch = append(batch, number)
	}
	m.expected = append(m.expected, batch)
}

func (m *modelRun) checkLive() {
	m.live.want(m.t, m.expected...)
}

func sameAs(a, b factstr.EventRecord) bool { return sameRecord(&a, &b) }
