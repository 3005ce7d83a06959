package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func init() {
	// indexer is a process that writes the index, and does not come to it.
	roles["indexer"] = func(side *proctest.Side, arguments []string) error {
		b, err := openBackend(context.Background(), arguments[0], Options{})
		if err != nil {
			return err
		}
		if err := b.guard.Try(builderOffset); err != nil {
			return err
		}
		side.Say("holds the lock")
		side.Await()
		return b.Close()
	}
}

// replaceIndex makes the index of one database a copy of another one's.
func replaceIndex(t *testing.T, from, path string) {
	t.Helper()
	if err := os.RemoveAll(path + indexSuffix); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path+indexSuffix, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, file := range segmentFiles(t, from) {
		copyFile(t, file, filepath.Join(path+indexSuffix, filepath.Base(file)))
	}
}

// awaitReplaced waits until the index has replaced a segment and covers the log.
func awaitReplaced(t *testing.T, store *factstr.Store, query factstr.EventQuery, segment string) {
	t.Helper()
	for deadline := time.Now().Add(WaitMax); ; time.Sleep(time.Millisecond) {
		Query(t, store, query)
		if _, err := os.Stat(segment); os.IsNotExist(err) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the damaged segment %s is kept", segment)
		}
	}
	awaitIndex(t, store)
}

// Both indexes have one seed and cover as many facts, but other ones.
func TestTheIndexOfACopyOfTheDatabaseIsNotTakenForItsOwn(t *testing.T) { // G8 G12
	proctest.NotUnder(t, proctest.Wine, proctest.KeepsNames)
	indexAlways(t, 10)
	path, other := newPath(t), newPath(t)
	store := openWithoutTail(t, path)
	AppendCourses(t, store, 0, 12)
	awaitIndex(t, store)
	Close(t, store)
	copyFile(t, path, other)
	replaceIndex(t, path, other)
	grow := func(path, name string) *factstr.Store {
		store := openWithoutTail(t, path)
		for range 13 {
			Append(t, store, Fact("grown", fmt.Sprintf(`{"in":%q}`, name)))
			awaitIndex(t, store)
		}
		return store
	}
	Close(t, grow(other, "the copy"))
	store = grow(path, "the first")
	replaceIndex(t, other, path)
	for n := range 20 {
		Append(t, store, Fact("more", `{}`))
		if found := Query(t, store, PayloadQuery(`{"in":"the first"}`)).EventRecords; len(found) != 13 {
			t.Fatalf("after %d more facts: %v of 13", n, Numbers(found))
		}
		awaitIndex(t, store)
	}
}

// damageSegment leaves the end of a segment, which tells what it has.
func damageSegment(t testing.TB, file string) {
	t.Helper()
	data := must(os.ReadFile(file))(t)
	for i := 20; i < len(data)/2; i++ {
		data[i] ^= 0xff
	}
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestASegmentThatTurnsOutToBeDamagedIsBuiltAgain(t *testing.T) { // G8
	indexAlways(t, 400)
	path := newPath(t)
	store := openWithoutTail(t, path)
	AppendCourses(t, store, 0, 500)
	awaitIndex(t, store)
	Close(t, store)
	segments := must(filepath.Glob(filepath.Join(path+indexSuffix, "*.segment")))(t)
	if len(segments) != 1 {
		t.Fatalf("segments %q, want one", segments)
	}
	damageSegment(t, segments[0])
	store = openWithoutTail(t, path)
	query := factstr.EventQuery{Filters: []factstr.EventFilter{{}}}
	for n := range 300 { // terms all over the segment
		query.Filters[0].PayloadPredicates = append(query.Filters[0].PayloadPredicates, json.RawMessage(Course(n)))
	}
	awaitReplaced(t, store, query, segments[0])
	if found := Query(t, store, query).EventRecords; len(found) != 300 {
		t.Errorf("%d facts, want 300", len(found))
	}
}

func TestAnIndexThatIsFullAndCannotBeWrittenFollowsALogThatWentBackwards(t *testing.T) { // G8
	indexAlways(t, 5)
	path := newPath(t)
	store := openWithoutTail(t, path)
	Append(t, store, Fact("kept", `{}`))
	indexer := proctest.Start(t, "indexer", path)
	indexer.Expect("holds the lock")
	AppendCourses(t, store, 1, 60)
	for marked := uint64(0); marked < 40; time.Sleep(time.Millisecond) { // 8 times 5 facts
		Query(t, store, PayloadQuery(`{"no":"fact has this"}`))
		statistics := must(store.Statistics(t.Context()))(t)
		marked = VersionOrZero(statistics.IndexWatermark)
	}
	raw := openRaw(t, path)
	raw.exec("DELETE FROM append_batches WHERE last_sequence_number > 10")
	raw.exec("DELETE FROM events WHERE sequence_number > 10")
	raw.close()
	awaitIndex(t, store)
	Append(t, store, Fact("new", `{}`))
	awaitIndex(t, store)
	indexer.Finish()
}

func TestALogThatWasEmptiedIsIndexedAgainAsItGrows(t *testing.T) { // G8
	indexAlways(t, 1000)
	path := newPath(t)
	b := must(openBackend(t.Context(), path, Options{BusyTimeout: time.Second}))(t)
	store, err := factstr.OpenStore(t.Context(), b, factstr.Options{TailEvents: -1})
	Opened(t, store, err)
	AppendCourses(t, store, 0, 100)
	awaitIndex(t, store)
	raw := openRaw(t, path)
	raw.exec("DELETE FROM append_batches")
	raw.exec("DELETE FROM events")
	raw.close()
	for deadline := time.Now().Add(WaitMax); b.index.watermark() != nil; time.Sleep(time.Millisecond) {
		b.index.ask()
		if time.Now().After(deadline) {
			t.Fatal("the index of the former log is kept")
		}
	}
	AppendCourses(t, store, 0, 50)
	awaitIndex(t, store)
}
