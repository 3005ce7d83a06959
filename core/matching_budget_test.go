package factstr

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// sharedLog is a backend whose log another process appends to right before this store's commits.
type sharedLog struct {
	CursorKeeper // nil: nothing asks for cursors
	ParkKeeper
	mu      sync.Mutex
	records []EventRecord
	others  int      // commits of the other process that are still to come
	fact    NewEvent // what it appends
	began   func()   // of scans; may be nil
}

func (l *sharedLog) Kind() string { return "shared" }

func (l *sharedLog) head() (head Head) {
	if n := len(l.records); n > 0 {
		head = Head{l.records[n-1].SequenceNumber, l.records[n-1].OccurredAt}
	}
	return head
}

func (l *sharedLog) Head(context.Context) (Head, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head(), nil
}

func (l *sharedLog) push(fact NewEvent) {
	l.records = append(l.records, EventRecord{SequenceNumber: uint64(len(l.records)) + 1,
		OccurredAt: fmt.Sprint(len(l.records)), EventType: fact.EventType, Payload: fact.Payload})
}

func (l *sharedLog) Scan(_ context.Context, scan Scan, visit func(EventRecord) bool) error {
	l.mu.Lock()
	records := l.records[scan.After:min(scan.UpTo, uint64(len(l.records)))]
	l.mu.Unlock()
	if l.began != nil {
		l.began()
	}
	for i := range records {
		at := i
		if scan.Descending {
			at = len(records) - 1 - i
		}
		if !visit(records[at]) {
			break
		}
	}
	return nil
}

func (l *sharedLog) Boundaries(context.Context, uint64, uint64, func(Boundary)) error { return nil }

func (l *sharedLog) Commit(ctx context.Context, group *Group) error {
	l.mu.Lock()
	if l.others > 0 {
		l.others--
		l.push(l.fact)
	}
	head := l.head()
	l.mu.Unlock()
	write, err := group.Decide(ctx, head, l)
	if err != nil || len(write.Records) == 0 {
		return err
	}
	group.EnterCommit()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, write.Records...)
	return nil
}

func (l *sharedLog) ClaimStream(context.Context, string, DurableQuery) (StreamClaim, error) {
	return StreamClaim{}, errors.New("none")
}
func (l *sharedLog) ReadCursor(context.Context, string) (uint64, bool, error) {
	return 0, false, nil
}
func (l *sharedLog) WriteCursors(context.Context, []CursorWrite) error { return nil }
func (l *sharedLog) Close() error                                      { return nil }

// heavy are a query and a fact that does not match it, which no index can tell quickly: sets of the
// same few members, of which none holds another.
func heavy(n int) (query EventQuery, fact NewEvent) {
	random := rand.New(rand.NewPCG(20261126, 3))
	sets := func() json.RawMessage {
		var text strings.Builder
		for i := range n {
			text.WriteString(map[bool]string{true: "[{", false: ",{"}[i == 0])
			for at, key := range random.Perm(40)[:20] {
				text.WriteString(map[bool]string{true: "", false: ","}[at == 0])
				fmt.Fprintf(&text, `"k%d":1`, key)
			}
			text.WriteByte('}')
		}
		return json.RawMessage(text.String() + "]")
	}
	return EventQuery{Filters: []EventFilter{{PayloadPredicates: []json.RawMessage{sets()}}}}, NewEvent{EventType: "heavy", Payload: sets()}
}

func openShared(t *testing.T, backend *sharedLog, tailEvents int) *Store {
	t.Helper()
	store, err := OpenStore(t.Context(), backend, Options{TailEvents: tailEvents})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close(context.Background()) })
	return store
}

func plainEvents() []NewEvent { return []NewEvent{{EventType: "plain", Payload: json.RawMessage("1")}} }

func TestAHeavyConditionIsSetAsideAndTheOthersOfItsGroupCommit(t *testing.T) { // G11 G18
	query, fact := heavy(300)
	backend := &sharedLog{}
	store := openShared(t, backend, 0)
	plan, err := validateQuery("query", query, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	request := func(conditions ...condition) *appendRequest {
		return &appendRequest{events: plainEvents(), conditions: conditions}
	}
	heavyOne := func() *appendRequest { return request(condition{plan: plan, checked: true}) }
	backend.push(fact)
	group := &Group{store: store, requests: []*appendRequest{request(), heavyOne(), request()}}
	if _, err := group.Decide(t.Context(), backend.head(), backend); err != nil {
		t.Fatal(err)
	}
	if r := group.requests; !r[0].accepted || !r[2].accepted || !r[1].aside || r[1].accepted || r[1].again || r[1].err != nil {
		t.Errorf("the heavy one: %+v, the others: %v %v", r[1], r[0].accepted, r[2].accepted)
	}
	// All conditions of a group together have a bound as well; who finds it used up is decided in
	// the next group.
	group = &Group{store: store}
	for range 2 * groupWork / conditionWork {
		group.requests = append(group.requests, heavyOne())
	}
	light, err := validateQuery("query", EventQuery{Filters: []EventFilter{{EventTypes: []string{"other"}},
		{EventTypes: []string{"another"}}}}, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	late := request(condition{plan: light, checked: true})
	group.requests = append(group.requests, late)
	if _, err := group.Decide(t.Context(), backend.head(), backend); err != nil {
		t.Fatal(err)
	}
	aside := 0
	for _, r := range group.requests {
		if r.aside {
			aside++
		}
	}
	if want := groupWork / conditionWork; aside != want || !late.again || late.aside || late.accepted {
		t.Errorf("%d are set aside of %d, the last one: %+v", aside, want, late)
	}
}

// appends are the ways in which a conditional append is called.
var appends = map[string]func(*Store, context.Context, []NewEvent, EventQuery, *uint64) (AppendResult, error){
	"waiting": (*Store).AppendIf,
	"submitted": func(s *Store, ctx context.Context, events []NewEvent, query EventQuery, expected *uint64) (result AppendResult, err error) {
		answered := make(chan struct{})
		failed := s.AppendIfAsync(ctx, events, query, expected, func(r AppendResult, e error) {
			result, err = r, e
			close(answered)
		})
		if failed != nil {
			return result, failed
		}
		<-answered
		return result, err
	},
}

func TestAHeavyConditionIsDecidedRightAfterItWasSetAside(t *testing.T) { // G9 G10 G11
	query, fact := heavy(300)
	for name, appendIf := range appends {
		for _, tailEvents := range []int{0, -1} {
			backend := &sharedLog{fact: fact, others: 3}
			store := openShared(t, backend, tailEvents)
			result, err := appendIf(store, t.Context(), plainEvents(), query, nil)
			if err != nil || result.FirstSequenceNumber != 4 {
				t.Errorf("%s: %+v, %v", name, result, err)
			}
			// A fact that does match, appended while the condition is looked at.
			backend.fact, backend.others = NewEvent{EventType: "match", Payload: query.Filters[0].PayloadPredicates[0]}, 1
			_, err = appendIf(store, t.Context(), plainEvents(), query, nil)
			var conflict *Error
			if !errors.As(err, &conflict) || conflict.Conflict == nil || *conflict.Conflict.ActualContextVersion != 5 {
				t.Errorf("%s: %v", name, err)
			}
			if result, err := appendIf(store, t.Context(), plainEvents(), query, Version(5)); err != nil || result.FirstSequenceNumber != 6 {
				t.Errorf("%s: %+v, %v", name, result, err)
			}
		}
	}
}

func TestOfAppendsWhoseHeavyConditionsRaceExactlyOneWins(t *testing.T) { // G9 G10 G11
	query, fact := heavy(140)
	won := json.RawMessage(`{"won":true}`)
	query.Filters[0].PayloadPredicates = append(query.Filters[0].PayloadPredicates, won)
	quick := EventQuery{Filters: []EventFilter{{PayloadPredicates: []json.RawMessage{won}}}}
	backend := &sharedLog{fact: fact}
	store := openShared(t, backend, 0)
	var version *uint64
	for range 2 {
		backend.mu.Lock()
		backend.others = 3
		backend.mu.Unlock()
		const racers = 5
		results, failures := make([]AppendResult, racers), make([]error, racers)
		var running sync.WaitGroup
		for racer := range racers {
			running.Go(func() {
				query := map[bool]EventQuery{true: query, false: quick}[racer%4 > 0]
				appendIf := appends[map[bool]string{true: "waiting", false: "submitted"}[racer%2 == 0]]
				results[racer], failures[racer] = appendIf(store, t.Context(),
					[]NewEvent{{EventType: "won", Payload: won}}, query, version)
			})
		}
		running.Wait()
		var winner uint64
		for racer, err := range failures {
			if err == nil && winner != 0 {
				t.Fatalf("%d and %d have won", winner, results[racer].FirstSequenceNumber)
			} else if err == nil {
				winner = results[racer].FirstSequenceNumber
			}
		}
		for _, err := range failures {
			var lost *Error
			if err != nil && (!errors.As(err, &lost) || lost.Conflict == nil || *lost.Conflict.ActualContextVersion != winner) {
				t.Errorf("%d has won, but another was told %v", winner, err)
			}
		}
		if winner == 0 {
			t.Fatalf("nobody has won: %v", failures)
		}
		version = &winner
	}
}

func TestAHeavyConditionThatOthersKeepOvertakingIsBusy(t *testing.T) { // G5 G18
	query, fact := heavy(300)
	for name, appendIf := range appends {
		backend := &sharedLog{fact: fact, others: asidesMax + 1}
		store := openShared(t, backend, 0)
		_, err := appendIf(store, t.Context(), plainEvents(), query, nil)
		if CodeOf(err) != CodeBusy || !strings.Contains(err.Error(), "payload_predicates") {
			t.Errorf("%s: %v", name, err)
		}
		if n := len(backend.records); n != asidesMax+1 {
			t.Errorf("%s: the log has %d facts", name, n)
		}
		if _, err := store.Append(t.Context(), plainEvents()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClosingEndsEveryKindOfHeavyMatching(t *testing.T) { // G17 G18
	query, fact := heavy(8_000) // far longer than a store closes, if nothing ended it
	for name, start := range map[string]func(*Store, context.Context) error{
		"query": func(s *Store, ctx context.Context) error { _, err := s.Query(ctx, query); return err },
		"append_if": func(s *Store, ctx context.Context) error {
			_, err := appends["waiting"](s, ctx, plainEvents(), query, nil)
			return err
		},
		"append_if submitted": func(s *Store, ctx context.Context) error {
			_, err := appends["submitted"](s, ctx, plainEvents(), query, nil)
			return err
		},
	} {
		for _, by := range []string{"the store", "the caller"} {
			began := make(chan struct{})
			backend := &sharedLog{began: sync.OnceFunc(func() { close(began) })}
			backend.push(fact)
			store := openShared(t, backend, -1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			answer := make(chan error, 1)
			go func() { answer <- start(store, ctx) }()
			<-began
			want := CodeCancelled
			if by == "the store" {
				want = CodeStoreClosed
				if err := store.Close(t.Context()); err != nil {
					t.Errorf("%s: close: %v", name, err)
				}
			} else {
				cancel()
			}
			if err := <-answer; CodeOf(err) != want {
				t.Errorf("%s ended by %s: %v", name, by, err)
			}
		}
	}
	stream := func(end func(*Store, *EventStream) error) {
		began := make(chan struct{})
		backend := &sharedLog{began: sync.OnceFunc(func() { close(began) })}
		// Closing waits for what the stream may still deliver: the timeout ends the match.
		store, err := OpenStore(t.Context(), backend, Options{TailEvents: -1, CloseTimeout: 500 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = store.Close(context.Background()) })
		stream, err := store.StreamTo(t.Context(), query, HandleFunc(func(context.Context, []EventRecord) error {
			t.Error("the match came to its end")
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Append(t.Context(), []NewEvent{fact}); err != nil {
			t.Fatal(err)
		}
		<-began
		// On a busy machine it may end too late for the answer.
		if err := end(store, stream); err != nil && CodeOf(err) != CodeTimeout {
			t.Errorf("a stream: %v", err)
		}
		<-stream.Done()
	}
	stream(func(_ *Store, stream *EventStream) error { return stream.Close(t.Context()) })
	stream(func(store *Store, _ *EventStream) error { return store.Close(t.Context()) })
}
