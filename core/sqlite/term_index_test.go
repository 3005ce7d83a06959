package sqlite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/internal/terms"
	"github.com/factstr/factstr-go/core/storetest"
)

// indexAlways makes stores index every log and write segments of few facts. No test runs beside one
// that calls it.
func indexAlways(t testing.TB, segmentFacts int) {
	usual := sizesOfIndex
	sizesOfIndex = indexSizes{segmentFacts: segmentFacts, again: 20 * time.Millisecond}
	t.Cleanup(func() { sizesOfIndex = usual })
}

func TestTheSQLiteStoreKeepsTheContractWithAnIndexOfEveryFact(t *testing.T) {
	indexAlways(t, 3)
	usual := sizesOfWalk
	sizesOfWalk = walkSizes{alone: 1, block: 16, bytes: 4000}
	t.Cleanup(func() { sizesOfWalk = usual })
	sizesOfIndex.restFacts, sizesOfIndex.restTime = 1, time.Second
	storetest.Run(t, newLog)
}

// awaitIndex waits until queries ask the index for every fact of the log.
func awaitIndex(t testing.TB, store *factstr.Store) {
	t.Helper()
	deadline := time.Now().Add(WaitMax)
	for {
		statistics, err := store.Statistics(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if mark := statistics.IndexWatermark; mark != nil && *mark == statistics.Head.SequenceNumber {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the index reaches %s, the log %d", VersionText(statistics.IndexWatermark), statistics.Head.SequenceNumber)
		}
		_, _ = store.Query(t.Context(), PayloadQuery(`{"no":"fact has this"}`)) // wakes the builder
		time.Sleep(time.Millisecond)
	}
}

// openWithoutTail opens a store that reads every fact from the database.
func openWithoutTail(t testing.TB, path string) *factstr.Store {
	return openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: -1}})
}

func TestQueriesReturnTheSameWithAndWithoutTheIndex(t *testing.T) { // G8 G12 G13
	random := rand.New(rand.NewPCG(1, 2))
	plain := openWithoutTail(t, newPath(t))
	indexAlways(t, 50)
	indexed := openWithoutTail(t, newPath(t))
	for facts := 0; facts < 600; {
		more := facts + 1 + random.IntN(60)
		AppendCourses(t, plain, facts, more)
		AppendCourses(t, indexed, facts, more)
		facts = more
		WantSameAnswers(t, random, indexed, plain, facts, 20) // while the builder is at it
		if random.IntN(2) == 0 {
			awaitIndex(t, indexed)
			WantSameAnswers(t, random, indexed, plain, facts, 50)
		}
	}
}

// segmentFiles returns the files of a database's index.
func segmentFiles(t testing.TB, path string) (files []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(path+indexSuffix, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestWhateverBecomesOfTheIndexsFilesAnswersStayRight(t *testing.T) { // G8 G12
	indexAlways(t, 40)
	path, plain := newPath(t), openWithoutTail(t, newPath(t))
	const facts = 400
	AppendCourses(t, plain, 0, facts)
	store := openWithoutTail(t, path)
	AppendCourses(t, store, 0, facts/2)
	awaitIndex(t, store)
	Close(t, store)
	older := t.TempDir()
	for _, file := range segmentFiles(t, path) {
		copyFile(t, file, filepath.Join(older, filepath.Base(file)))
	}
	store = openWithoutTail(t, path)
	AppendCourses(t, store, facts/2, facts)
	awaitIndex(t, store)
	Close(t, store)
	whole := t.TempDir()
	for _, file := range segmentFiles(t, path) {
		copyFile(t, file, filepath.Join(whole, filepath.Base(file)))
	}
	if len(segmentFiles(t, path)) < 3 {
		t.Fatalf("the index has the files %q, want a manifest and segments", segmentFiles(t, path))
	}
	restore := func() {
		for _, file := range segmentFiles(t, path) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range must(filepath.Glob(filepath.Join(whole, "*")))(t) {
			copyFile(t, file, filepath.Join(path+indexSuffix, filepath.Base(file)))
		}
	}
	random := rand.New(rand.NewPCG(3, 4))
	check := func(name string, harm func(file string) error) {
		for i, kept := range must(filepath.Glob(filepath.Join(whole, "*")))(t) {
			t.Run(fmt.Sprintf("%s %d", name, i), func(t *testing.T) {
				restore()
				file := filepath.Join(path+indexSuffix, filepath.Base(kept))
				if err := harm(file); err != nil {
					t.Fatal(err)
				}
				store := openWithoutTail(t, path)
				WantSameAnswers(t, random, store, plain, facts, 30)
				awaitIndex(t, store)
				WantSameAnswers(t, random, store, plain, facts, 30)
			})
		}
	}
	check("removed", os.Remove)
	check("empty", func(file string) error { return os.Truncate(file, 0) })
	check("half", func(file string) error { return os.Truncate(file, fileSize(t, file)/2) })
	check("damaged", func(file string) error {
		data, err := os.ReadFile(file)
		for range 1 + len(data)/100 {
			data[random.IntN(len(data))] ^= byte(1 + random.IntN(255))
		}
		if err == nil {
			err = os.WriteFile(file, data, 0o600)
		}
		return err
	})
	check("older", func(file string) error {
		data, err := os.ReadFile(filepath.Join(older, filepath.Base(file)))
		if os.IsNotExist(err) {
			return os.Remove(file) // as when the folder is an older copy
		}
		if err == nil {
			err = os.WriteFile(file, data, 0o600)
		}
		return err
	})
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func fileSize(t testing.TB, path string) int64 {
	return must(os.Stat(path))(t).Size()
}

func TestAnIndexThatIsNewerThanTheRestoredLogIsNotUsed(t *testing.T) { // G8
	indexAlways(t, 20)
	path, backup := newPath(t), newPath(t)
	store := openWithoutTail(t, path)
	AppendCourses(t, store, 0, 100)
	awaitIndex(t, store)
	Close(t, store)
	copyFile(t, path, backup)
	store = openWithoutTail(t, path)
	for range 40 {
		Append(t, store, Fact("lost", `{"in":"the former log"}`))
	}
	awaitIndex(t, store)
	Close(t, store)

	copyFile(t, backup, path)
	store = openWithoutTail(t, path)
	for n := range 60 {
		Append(t, store, Fact("kept", fmt.Sprintf(`{"in":"the restored log","n":%d}`, n)))
		kept := Query(t, store, PayloadQuery(`{"in":"the restored log"}`))
		lost := Query(t, store, PayloadQuery(`{"in":"the former log"}`))
		if len(kept.EventRecords) != n+1 || len(lost.EventRecords) != 0 {
			t.Fatalf("after %d appends: %d facts of this log, %d of the former", n+1, len(kept.EventRecords), len(lost.EventRecords))
		}
	}
	awaitIndex(t, store)
	if kept := Query(t, store, PayloadQuery(`{"in":"the restored log"}`)); len(kept.EventRecords) != 60 {
		t.Fatalf("%d facts of this log, want 60", len(kept.EventRecords))
	}
}

func TestStoresThatShareADatabaseAndLoseItsIndexAnswerRight(t *testing.T) { // G8 G12
	proctest.NotUnder(t, proctest.Wine, proctest.KeepsNames)
	indexAlways(t, 10)
	random := rand.New(rand.NewPCG(5, 6))
	path, plain := newPath(t), openWithoutTail(t, newPath(t))
	stores := make([]*factstr.Store, 3)
	facts := 0
	for range 400 {
		i := random.IntN(len(stores))
		if stores[i] == nil {
			store, err := Open(t.Context(), path, Options{Options: factstr.Options{TailEvents: -1}})
			if err != nil {
				t.Fatal(err)
			}
			stores[i] = store
		}
		switch random.IntN(12) {
		case 0:
			Close(t, stores[i])
			stores[i] = nil
			continue
		case 1:
			// A merge may write there meanwhile.
			Eventually(t, "the index is removed", func() bool { return os.RemoveAll(path+indexSuffix) == nil })
		case 2, 3:
			if facts > 0 {
				awaitIndex(t, stores[i])
			}
		default:
			more := facts + 1 + random.IntN(8)
			AppendCourses(t, plain, facts, more)
			AppendCourses(t, stores[i], facts, more)
			facts = more
		}
		if facts > 0 {
			WantSameAnswers(t, random, stores[i], plain, facts, 5)
		}
	}
	for _, store := range stores {
		if store != nil {
			Close(t, store)
		}
	}
}

func TestDamagedRowsAreReportedThroughTheIndex(t *testing.T) { // G1
	indexAlways(t, 2)
	path, store := storeWithRow(t, factstr.Options{TailEvents: -1}, someTime, "bad", "no JSON")
	awaitIndex(t, store)
	asked := factstr.EventQuery{Filters: []factstr.EventFilter{{EventTypes: []string{"bad"}, PayloadPredicates: JSONTexts(`{"any":"thing"}`)}}}
	_, err := store.Query(t.Context(), asked)
	WantError(t, err, factstr.CodeCorrupt, "event 4")
	asked.Filters[0].EventTypes = []string{"good"}
	if found := Query(t, store, asked).EventRecords; len(found) != 0 {
		t.Errorf("facts %v of %s", Numbers(found), path)
	}
}

func TestAFactWithMoreTermsThanAreKeptIsFound(t *testing.T) { // G12
	indexAlways(t, 2)
	store := openWithoutTail(t, newPath(t))
	var many strings.Builder
	for n := range terms.FactMax + 1 {
		fmt.Fprintf(&many, ",%d", n)
	}
	Append(t, store, Fact("large", `{"numbers":[-1`+many.String()+`],"name":"large"}`), Fact("small", `{"name":"small"}`))
	awaitIndex(t, store)
	for _, predicate := range []string{`{"numbers":[65536]}`, `{"name":"large"}`} {
		if found := Numbers(Query(t, store, PayloadQuery(predicate)).EventRecords); !slices.Equal(found, []uint64{1}) {
			t.Errorf("%s finds %v", predicate, found)
		}
	}
}

func TestAFolderThatCannotHoldTheIndexIsReportedAndQueriesReadTheLog(t *testing.T) { // G8
	indexAlways(t, 5)
	for name, prepare := range map[string]func(t *testing.T, folder string){
		"a file": func(t *testing.T, folder string) {
			if err := os.WriteFile(folder, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"a link":  func(t *testing.T, folder string) { proctest.Symlink(t, t.TempDir(), folder) },
		"no room": func(t *testing.T, folder string) { proctest.Symlink(t, "/dev/full", folder) },
	} {
		t.Run(name, func(t *testing.T) {
			records, logger := NewRecords()
			path := newPath(t)
			prepare(t, path+indexSuffix)
			store := openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: -1, Logger: logger}})
			AppendCourses(t, store, 0, 50)
			if found := Query(t, store, PayloadQuery(`{"course":"c3"}`)).EventRecords; len(found) != 7 {
				t.Errorf("%d facts, want 7", len(found))
			}
			records.Await(t, factstr.LogIndexUnusable, 1)
			if found := Query(t, store, PayloadQuery(`{"course":"c3"}`)).EventRecords; len(found) != 7 {
				t.Errorf("%d facts, want 7", len(found))
			}
		})
	}
}
