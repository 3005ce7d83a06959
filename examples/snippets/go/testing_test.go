package snippets

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/memory"
)

// The command that is tested: a course takes so many students, and each of them once.
const capacity = 2

type enrolled struct {
	Course  string `json:"course"`
	Student string `json:"student"`
}

func enrol(ctx context.Context, store *factstr.Store, course, student string) (answer string, err error) {
	predicate, err := json.Marshal(map[string]string{"course": course})
	if err != nil {
		return "", err
	}
	seats := factstr.EventQuery{Filters: []factstr.EventFilter{{
		EventTypes: []string{"Enrolled"}, PayloadPredicates: []json.RawMessage{predicate},
	}}}
	_, err = store.Decide(ctx, seats, func(seen *factstr.QueryResult) ([]factstr.NewEvent, error) {
		var students []string
		for _, record := range seen.EventRecords {
			var fact enrolled
			if err := json.Unmarshal(record.Payload, &fact); err != nil {
				return nil, err
			}
			students = append(students, fact.Student)
		}
		switch {
		case slices.Contains(students, student):
			answer = "already"
			return nil, nil
		case len(students) >= capacity:
			answer = "full"
			return nil, nil
		}
		answer = "enrolled"
		fact, err := factstr.Event("Enrolled", enrolled{course, student})
		return []factstr.NewEvent{fact}, err
	}, factstr.DecideOptions{})
	return answer, err
}

func open(t *testing.T) *factstr.Store {
	t.Helper()
	store, err := memory.Open(memory.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return store
}

func TestAFullCourseTakesNobody(t *testing.T) {
	store := open(t)
	for _, student := range []string{"Ada", "Ben"} {
		given, err := factstr.Event("Enrolled", enrolled{"go", student})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Append(t.Context(), []factstr.NewEvent{given}); err != nil {
			t.Fatal(err)
		}
	}

	if answer, err := enrol(t.Context(), store, "go", "Cleo"); err != nil || answer != "full" {
		t.Errorf("Cleo is %s, %v", answer, err)
	}
}

func TestOfManyAtOnceOnlySoManyGetInAsThereIsRoom(t *testing.T) {
	store := open(t)
	var group sync.WaitGroup
	answers := make(chan string, 20)
	for i := range cap(answers) {
		group.Go(func() {
			answer, err := enrol(t.Context(), store, "go", string(rune('a'+i)))
			if err != nil {
				t.Error(err)
			}
			answers <- answer
		})
	}
	group.Wait()
	close(answers)

	in := 0
	for answer := range answers {
		if answer == "enrolled" {
			in++
		}
	}
	if in != capacity {
		t.Errorf("%d students are in a course for %d", in, capacity)
	}
}
