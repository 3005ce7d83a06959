package factstrtest_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/factstrtest"
	"github.com/factstr/factstr-go/core/sqlite"
)

var errFull = errors.New("the course is full")

type enrolment struct {
	Course  string `json:"course"`
	Student string `json:"student"`
}

// enrol is a command: a course takes two students.
func enrol(ctx context.Context, store *factstr.Store, course, student string) error {
	seats := factstr.OfTypes("Enrolled").Where(map[string]string{"course": course})
	_, err := store.Decide(ctx, seats, func(seen *factstr.QueryResult) ([]factstr.NewEvent, error) {
		if len(seen.EventRecords) >= 2 {
			return nil, errFull
		}
		fact, err := factstr.Event("Enrolled", enrolment{course, student})
		return []factstr.NewEvent{fact}, err
	}, factstr.DecideOptions{})
	return err
}

func enrols(student string) func(context.Context, *factstr.Store) error {
	return func(ctx context.Context, store *factstr.Store) error { return enrol(ctx, store, "go", student) }
}

func enrolled(student string) factstr.NewEvent {
	return factstrtest.Fact("Enrolled", enrolment{"go", student})
}

func TestACommandAppendsWhatItDecides(t *testing.T) {
	factstrtest.Given(t, enrolled("Ada")).When(enrols("Ben")).Then(enrolled("Ben"))
}

func TestACommandThatIsRefusedAppendsNothing(t *testing.T) {
	factstrtest.Given(t, enrolled("Ada"), enrolled("Ben")).When(enrols("Cleo")).ThenError(errFull)
}

func TestEachWhenSpeaksOfItsOwnFacts(t *testing.T) {
	factstrtest.Given(t).
		When(func(context.Context, *factstr.Store) error { return nil }).ThenNothing().
		When(enrols("Ada")).Then(enrolled("Ada")).
		When(enrols("Ben")).Then(enrolled("Ben")).
		When(enrols("Cleo")).ThenError(errFull)
}

func TestOfManyAtOnceAsManyGetInAsThereIsRoom(t *testing.T) {
	scenario := factstrtest.Given(t).WhenAtOnce(20, func(ctx context.Context, store *factstr.Store, i int) error {
		return enrol(ctx, store, "go", fmt.Sprint("student-", i))
	})
	if got := len(scenario.Appended()); got != 2 {
		t.Errorf("%d students are in a course for 2", got)
	}
	refused := 0
	for _, err := range scenario.Errors() {
		if errors.Is(err, errFull) {
			refused++
		}
	}
	if refused != 18 {
		t.Errorf("%d students were refused; want 18", refused)
	}
}

func TestAScenarioRunsInAnyStore(t *testing.T) {
	store, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "facts.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	scenario := factstrtest.GivenIn(t, store, enrolled("Ada")).When(enrols("Ben")).Then(enrolled("Ben"))
	if scenario.Store() != store {
		t.Error("the scenario has another store")
	}
}

// recorder is a test whose failures are looked at.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Error(args ...any) { r.said = append(r.said, fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func TestAScenarioSaysWhatDiffers(t *testing.T) {
	fails := errors.New("broken")
	for name, c := range map[string]struct {
		run  func(s *factstrtest.Scenario)
		want []string
	}{
		"the same, spelled otherwise": {func(s *factstrtest.Scenario) {
			s.When(enrols("Ben")).Then(factstr.NewEvent{EventType: "Enrolled",
				Payload: []byte(`{ "student" : "Ben", "course":"go" }`)})
		}, nil},
		"another payload": {func(s *factstrtest.Scenario) { s.When(enrols("Ben")).Then(enrolled("Cleo")) },
			[]string{"the command appended\n  Enrolled {\"course\":\"go\",\"student\":\"Ben\"}\nwant\n  Enrolled {\"course\":\"go\",\"student\":\"Cleo\"}"}},
		"another type": {func(s *factstrtest.Scenario) {
			s.When(enrols("Ben")).Then(factstrtest.Fact("Left", enrolment{"go", "Ben"}))
		},
			[]string{"Enrolled {"}},
		"one fact too few": {func(s *factstrtest.Scenario) {
			s.When(enrols("Ben")).Then(enrolled("Ben"),
				enrolled("Cleo"))
		}, []string{"want\n"}},
		"one fact too many": {func(s *factstrtest.Scenario) { s.When(enrols("Ben")).ThenNothing() },
			[]string{"want nothing"}},
		"an error":      {func(s *factstrtest.Scenario) { s.When(failing(fails)).ThenNothing() }, []string{"the command failed: broken"}},
		"no error":      {func(s *factstrtest.Scenario) { s.When(failing(nil)).ThenError(errFull) }, []string{"returned <nil>; want the course is full"}},
		"another error": {func(s *factstrtest.Scenario) { s.When(failing(fails)).ThenError(errFull) }, []string{"returned broken; want the course is full"}},
		"an error and facts": {func(s *factstrtest.Scenario) { s.When(enrols("Ben")).ThenError(errFull) },
			[]string{"returned <nil>", "want nothing"}},
		"one of many fails": {func(s *factstrtest.Scenario) {
			s.WhenAtOnce(2, func(_ context.Context, _ *factstr.Store, i int) error {
				return []error{nil,
					fails}[i]
			}).ThenNothing()
		}, []string{"the command failed: broken"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &recorder{TB: t}
			c.run(factstrtest.Given(r, enrolled("Ada")))
			if len(r.said) != len(c.want) {
				t.Fatalf("said %q; want %q", r.said, c.want)
			}
			for i, want := range c.want {
				if !strings.Contains(r.said[i], want) {
					t.Errorf("said %q; want %q", r.said[i], want)
				}
			}
		})
	}
}

func failing(err error) func(context.Context, *factstr.Store) error {
	return func(context.Context, *factstr.Store) error { return err }
}
