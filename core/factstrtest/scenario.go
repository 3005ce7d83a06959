// Package factstrtest helps to test the code that uses a store: given some facts, when a command
// runs, then it appended these facts or failed with that error.
//
//	func TestAFullCourseTakesNobody(t *testing.T) {
//		factstrtest.Given(t, enrolled("go", "Ada"), enrolled("go", "Ben")).
//			When(func(ctx context.Context, store *factstr.Store) error {
//				return enrol(ctx, store, "go", "Cleo")
//			}).
//			ThenError(ErrFull)
//	}
//
// The store is in memory and keeps the same contract as the others, so what holds for conditions
// and streams there holds on SQLite and PostgreSQL. Use GivenIn for tests of what only a real store
// does, such as a restart.
package factstrtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/jsonvalue"
	"github.com/factstr/factstr-go/core/memory"
)

// Open opens a store in memory. It is closed at the end of the test.
func Open(t testing.TB) *factstr.Store {
	t.Helper()
	store, err := memory.Open(memory.Options{})
	if err != nil {
		t.Fatalf("the store in memory did not open: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Errorf("the store in memory did not close: %v", err)
		}
	})
	return store
}

// Fact makes a fact of any value that encoding/json can write. It panics if it cannot: a test wants
// one expression.
func Fact(eventType string, payload any) factstr.NewEvent {
	fact, err := factstr.Event(eventType, payload)
	if err != nil {
		panic(fmt.Sprintf("factstrtest.Fact: %v", err))
	}
	return fact
}

// Scenario is a store with some facts, and what a command did to it.
type Scenario struct {
	t     testing.TB
	store *factstr.Store
	given uint64 // the newest fact before the command
	errs  []error
}

// Given begins a scenario in a new store in memory that holds the facts, all of one batch.
func Given(t testing.TB, facts ...factstr.NewEvent) *Scenario {
	t.Helper()
	return GivenIn(t, Open(t), facts...)
}

// GivenIn is Given in a store of the caller, which may hold facts already.
func GivenIn(t testing.TB, store *factstr.Store, facts ...factstr.NewEvent) *Scenario {
	t.Helper()
	s := &Scenario{t: t, store: store}
	if len(facts) > 0 {
		if _, err := store.Append(t.Context(), facts); err != nil {
			t.Fatalf("the given facts were not appended: %v", err)
		}
	}
	s.here()
	return s
}

// here remembers the newest fact: what comes later is the command's.
func (s *Scenario) here() {
	s.t.Helper()
	newest, err := s.store.Query(s.t.Context(), factstr.AllEvents().NewestFirst().AtMost(1))
	if err != nil {
		s.t.Fatalf("the given facts were not read: %v", err)
	}
	if newest.CurrentContextVersion != nil {
		s.given = *newest.CurrentContextVersion
	}
}

// Store returns the store of the scenario.
func (s *Scenario) Store() *factstr.Store { return s.store }

// When runs the command. A second When goes on from what the first one left: Then speaks of the
// facts since the last When.
func (s *Scenario) When(command func(ctx context.Context, store *factstr.Store) error) *Scenario {
	s.t.Helper()
	s.here()
	s.errs = []error{command(s.t.Context(), s.store)}
	return s
}

// WhenAtOnce runs n commands at the same time, each with its number from 0. Use it to show that a
// rule holds whoever comes first.
func (s *Scenario) WhenAtOnce(n int, command func(ctx context.Context, store *factstr.Store, i int) error) *Scenario {
	s.t.Helper()
	s.here()
	s.errs = make([]error, n)
	start := make(chan struct{})
	var commands sync.WaitGroup
	for i := range n {
		commands.Go(func() {
			<-start
			s.errs[i] = command(s.t.Context(), s.store, i)
		})
	}
	close(start)
	commands.Wait()
	return s
}

// Errors returns what the commands returned, nil for each that succeeded.
func (s *Scenario) Errors() []error { return s.errs }

// Appended returns the facts that were appended since When.
func (s *Scenario) Appended() []factstr.EventRecord {
	s.t.Helper()
	result, err := s.store.Query(s.t.Context(), factstr.AllEvents().After(s.given))
	if err != nil {
		s.t.Fatalf("the appended facts were not read: %v", err)
	}
	return result.EventRecords
}

// Then demands that no command failed, and that these facts were appended and no others, in this
// order. Payloads are compared as JSON values: neither spaces nor the order of members matter.
func (s *Scenario) Then(want ...factstr.NewEvent) *Scenario {
	s.t.Helper()
	if err := errors.Join(s.errs...); err != nil {
		s.t.Errorf("the command failed: %v", err)
	}
	s.appended(want)
	return s
}

// ThenNothing is Then without facts.
func (s *Scenario) ThenNothing() *Scenario {
	s.t.Helper()
	return s.Then()
}

// ThenError demands that each command failed with an error that errors.Is takes for target, which
// may be a factstr.Code, and that nothing was appended.
func (s *Scenario) ThenError(target error) *Scenario {
	s.t.Helper()
	for _, err := range s.errs {
		if !errors.Is(err, target) {
			s.t.Errorf("the command returned %v; want %v", err, target)
		}
	}
	s.appended(nil)
	return s
}

func (s *Scenario) appended(want []factstr.NewEvent) {
	s.t.Helper()
	got := s.Appended()
	same := len(got) == len(want)
	for i := 0; same && i < len(got); i++ {
		same = got[i].EventType == want[i].EventType && jsonvalue.Equal(got[i].Payload, want[i].Payload)
	}
	if same {
		return
	}
	var text strings.Builder
	text.WriteString("the command appended")
	list(&text, len(got), func(i int) (string, []byte) { return got[i].EventType, got[i].Payload })
	text.WriteString("\nwant")
	list(&text, len(want), func(i int) (string, []byte) { return want[i].EventType, want[i].Payload })
	s.t.Error(text.String())
}

func list(text *strings.Builder, n int, fact func(i int) (eventType string, payload []byte)) {
	if n == 0 {
		text.WriteString(" nothing")
	}
	for i := range n {
		eventType, payload := fact(i)
		fmt.Fprintf(text, "\n  %s %s", eventType, payload)
	}
}
