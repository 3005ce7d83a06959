package snippets

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/factstrtest"
)

// The command that is tested: a course takes so many students, and each of them once.
const capacity = 2

var errFull = errors.New("the course is full")

type enrolled struct {
	Course  string `json:"course"`
	Student string `json:"student"`
}

func enrol(ctx context.Context, store *factstr.Store, course, student string) error {
	seats := factstr.OfTypes("Enrolled").Where(map[string]string{"course": course})
	_, err := store.Decide(ctx, seats, func(seen *factstr.QueryResult) ([]factstr.NewEvent, error) {
		var students []string
		for _, record := range seen.EventRecords {
			fact, err := factstr.Decode[enrolled](record)
			if err != nil {
				return nil, err
			}
			students = append(students, fact.Student)
		}
		switch {
		case slices.Contains(students, student):
			return nil, nil // once is enough
		case len(students) >= capacity:
			return nil, errFull
		}
		fact, err := factstr.Event("Enrolled", enrolled{course, student})
		return []factstr.NewEvent{fact}, err
	}, factstr.DecideOptions{})
	return err
}

// seat is the fact that a student is in the course go.
func seat(student string) factstr.NewEvent {
	return factstrtest.Fact("Enrolled", enrolled{"go", student})
}

func TestAFullCourseTakesNobody(t *testing.T) {
	factstrtest.Given(t, seat("Ada"), seat("Ben")).
		When(func(ctx context.Context, store *factstr.Store) error { return enrol(ctx, store, "go", "Cleo") }).
		ThenError(errFull)
}

func TestAStudentIsEnrolledOnce(t *testing.T) {
	ada := func(ctx context.Context, store *factstr.Store) error { return enrol(ctx, store, "go", "Ada") }
	factstrtest.Given(t).When(ada).Then(seat("Ada")).When(ada).ThenNothing()
}

func TestOfManyAtOnceOnlySoManyGetInAsThereIsRoom(t *testing.T) {
	scenario := factstrtest.Given(t).WhenAtOnce(20, func(ctx context.Context, store *factstr.Store, i int) error {
		return enrol(ctx, store, "go", fmt.Sprint("student ", i))
	})
	if got := len(scenario.Appended()); got != capacity {
		t.Errorf("%d students are in a course for %d", got, capacity)
	}
}
