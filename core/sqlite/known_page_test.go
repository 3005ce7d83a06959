package sqlite

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
)

// rowsOnce is a source of rows, before the first of which something happens.
type rowsOnce struct {
	rows  int
	first func()
}

func (s *rowsOnce) next(*row) error {
	if s.first != nil {
		s.first()
		s.first = nil
	}
	if s.rows--; s.rows < 0 {
		return io.EOF
	}
	return nil
}

func (s *rowsOnce) admits(*row) bool { return true }
func (s *rowsOnce) close()           {}

// G8 G24: a page of a known state ends before its first row if another program has committed since
// the state was looked at, also if it has no row. Later commits do not concern its snapshot.
func TestAPageOfAKnownStateEndsBeforeARowOfAnotherOne(t *testing.T) {
	b := openTestBackend(t, newPath(t))
	raw := openRaw(t, b.path)
	commits := 0
	commit := func() {
		commits++
		raw.exec(fmt.Sprintf("PRAGMA user_version = %d", commits))
	}
	commit()
	for rows := range 3 {
		for name, first := range map[string]func(){"nothing happens": nil, "a commit": commit} {
			state, valid := b.logState()
			if !valid {
				t.Fatal("no state")
			}
			s := &sameState{source: &rowsOnce{rows: rows, first: first}, backend: b, state: state}
			visited := 0
			err := error(nil)
			for err = s.next(&row{}); err == nil; err = s.next(&row{}) {
				visited++
				commit()
			}
			if first == nil && (visited != rows || err != io.EOF) || first != nil && (visited > 0 || !errors.Is(err, errOtherState)) {
				t.Errorf("%s before %d rows: %d visited, then %v", name, rows, visited, err)
			}
		}
	}
}

// G8 G12: queries of a state that is known ask it nothing more, and whatever another program does
// to the facts, the next query is of what is there.
func TestQueriesOfAKnownStateFollowEveryChangeOfTheLog(t *testing.T) {
	indexAlways(t, 40)
	path := newPath(t)
	store := openWithoutTail(t, path)
	AppendCourses(t, store, 0, 200)
	awaitIndex(t, store)
	raw := openRaw(t, path)
	random := rand.New(rand.NewPCG(5, 6))
	courses := []int{} // what the facts are
	for n := range 200 {
		courses = append(courses, n)
	}
	for round := range 9 {
		switch round % 3 {
		case 0: // other facts in the place of the newest, of which one is the index's last
			raw.exec("BEGIN IMMEDIATE")
			raw.exec(fmt.Sprintf("DELETE FROM events WHERE sequence_number > %d", len(courses)-3))
			for i := len(courses) - 3; i < len(courses); i++ {
				courses[i] += 1009
				raw.exec("INSERT INTO events VALUES (?, ?, ?, ?)", i+1, someTime, fmt.Sprint("type", courses[i]%4), Course(courses[i]))
			}
			raw.exec("COMMIT")
		case 1:
			raw.exec("PRAGMA wal_checkpoint(TRUNCATE)")
			AppendCourses(t, store, 300+round, 301+round)
			courses = append(courses, 300+round)
		case 2:
			awaitIndex(t, store)
		}
		plain := openWithoutTail(t, newPath(t))
		for _, n := range courses {
			AppendCourses(t, plain, n, n+1)
		}
		for range 3 {
			WantSameAnswers(t, random, store, plain, len(courses), 20)
		}
		Close(t, plain)
	}
}

// A query after the first one asks SQLite for its rows only, also after an append of the store.
func TestTheStateOfASelectiveQueryIsKnownToTheNext(t *testing.T) {
	indexAlways(t, 40)
	b, err := openBackend(t.Context(), newPath(t), Options{BusyTimeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	store, err := factstr.OpenStore(t.Context(), b, factstr.Options{TailEvents: -1})
	store = Opened(t, store, err)
	AppendCourses(t, store, 0, 100)
	for round := range 3 {
		awaitIndex(t, store)
		for range 2 {
			Query(t, store, PayloadQuery(`{"course":"c1"}`))
		}
		if !pageIsKnown(t, b) {
			t.Fatalf("round %d: the state is not known after a query", round)
		}
		before, _ := b.logState()
		AppendCourses(t, store, 100+round, 101+round)
		if after, _ := b.logState(); after == before || !pageIsKnown(t, b) {
			t.Fatalf("round %d: the state is not known after an append", round)
		}
		Query(t, store, PayloadQuery(`{"course":"c1"}`))
	}
}

// pageIsKnown reports whether the log's state is known, and that it holds an index's anchor.
func pageIsKnown(t testing.TB, b *backend) bool {
	t.Helper()
	state, valid := b.logState()
	_, anchor, known := b.head.of(state)
	return valid && known && anchor.Sequence > 0
}
