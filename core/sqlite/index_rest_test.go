package sqlite

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/storetest"
)

func init() { roles["short-lived"] = appendAndClose }

// indexRest makes closing stores write a segment from so many facts on, however slow the machine
// is.
func indexRest(t testing.TB, facts int) {
	usual := sizesOfIndex
	sizesOfIndex.restFacts, sizesOfIndex.restTime = facts, time.Minute
	t.Cleanup(func() { sizesOfIndex = usual })
}

// atOpening returns up to where an index reaches that nobody has built since the opening.
func atOpening(t testing.TB, path string) uint64 {
	t.Helper()
	store := openWithoutTail(t, path)
	defer Close(t, store)
	statistics, err := store.Statistics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return VersionOrZero(statistics.IndexWatermark)
}

func TestAStoreThatClosesLeavesAnIndexOfWhatItHasAppended(t *testing.T) { // G8 G12
	indexRest(t, 300)
	path, plain := newPath(t), openWithoutTail(t, newPath(t))
	facts := 0
	for _, step := range []struct {
		appended, left int
	}{
		{299, 0}, // too few
		{1, 300}, // with those that others have left
		{299, 300},
		{2000, 2599},
		{0, 2599},
	} {
		store := openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: -1, CloseTimeout: time.Minute}})
		AppendCourses(t, store, facts, facts+step.appended)
		AppendCourses(t, plain, facts, facts+step.appended)
		facts += step.appended
		// A conflict, which writes nothing, does not make it forget what it has appended.
		_, err := store.AppendIf(t.Context(), []factstr.NewEvent{Fact("a", `{}`)}, factstr.AllEvents(), nil)
		if !errors.Is(err, factstr.CodeConditionalAppendConflict) {
			t.Fatal(err)
		}
		Close(t, store)
		if reached := atOpening(t, path); reached != uint64(step.left) {
			t.Fatalf("the index that is left reaches %d of %d facts, want %d", reached, facts, step.left)
		}
		store = openWithoutTail(t, path)
		WantSameAnswers(t, rand.New(rand.NewPCG(3, uint64(facts))), store, plain, facts, 50)
		Close(t, store)
	}
	if files, segments := len(segmentFiles(t, path)), segmentsOf(t, path); files != segments+1 {
		t.Errorf("%d files for %d segments and the manifest", files, segments)
	}
}

func segmentsOf(t testing.TB, path string) int {
	t.Helper()
	return len(must(filepath.Glob(filepath.Join(path+indexSuffix, "*.segment")))(t))
}

// A store that reads only leaves everything as it is, and so does one beside another process that
// writes the index.
func TestWhoMayNotWriteTheIndexLeavesItAtClosing(t *testing.T) {
	indexRest(t, 100)
	path := newPath(t)
	sizesOfIndex.restFacts = 0
	store := openWithoutTail(t, path)
	AppendCourses(t, store, 0, 500)
	Close(t, store)
	sizesOfIndex.restFacts = 100

	none := func(what string) {
		t.Helper()
		if _, err := os.Stat(path + indexSuffix); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s wrote the index: %v", what, err)
		}
	}
	store = openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: -1}, ReadOnly: true})
	Query(t, store, PayloadQuery(`{"course":"c3"}`))
	Close(t, store)
	none("a store that reads only")

	records, logger := NewRecords()
	store = openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: -1, Logger: logger}})
	other := must(oslock.Open(path))(t)
	if err := other.Try(builderOffset); err != nil {
		t.Fatal(err)
	}
	Append(t, store, Fact("more", `{}`))
	Close(t, store)
	none("a store beside a process that writes the index")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	if told := records.Of(factstr.LogTaskFailed); len(told) > 0 {
		t.Errorf("it told %v", told)
	}
}

// A folder that cannot be written is told, and closing succeeds.
func TestAFolderThatCannotBeWrittenAtClosingIsTold(t *testing.T) {
	indexRest(t, 100)
	path := newPath(t)
	records, logger := NewRecords()
	store := openStoreWith(t, path, Options{Options: factstr.Options{TailEvents: -1, Logger: logger}})
	if err := os.WriteFile(path+indexSuffix, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	AppendCourses(t, store, 0, 200)
	Close(t, store)
	told := records.Of(factstr.LogTaskFailed)
	if len(told) != 1 || told[0].Attributes["task"] != string(factstr.TaskIndex) {
		t.Errorf("told %v", told)
	}
}

// G8: a closing store that merges drops a damaged segment, so the next ones index its facts again.
func TestAClosingStoreThatMergesDropsADamagedSegment(t *testing.T) {
	indexRest(t, 100)
	path := newPath(t)
	records, logger := NewRecords()
	for round := range 10 {
		store := openStoreWith(t, path, Options{
			Options: factstr.Options{TailEvents: -1, Logger: logger, CloseTimeout: time.Minute},
		})
		AppendCourses(t, store, 100*round, 100*round+100)
		Close(t, store)
		if round == 6 {
			damageSegment(t, must(filepath.Glob(filepath.Join(path+indexSuffix, "1-*.segment")))(t)[0])
		}
	}
	if told := records.Of(factstr.LogTaskFailed); len(told) > 0 {
		t.Errorf("it told %v", told)
	}
	if reached := atOpening(t, path); reached != 1000 {
		t.Errorf("the index that is left reaches %d of 1000 facts", reached)
	}
	store := openWithoutTail(t, path)
	for n := range 1000 {
		found := Numbers(Query(t, store, PayloadQuery(Course(n))).EventRecords)
		if !slices.Contains(found, uint64(n+1)) {
			t.Fatalf("the index finds %v, want %d", found, n+1)
		}
	}
}

// What a closing store has not indexed yet, it reads for a small part of the close timeout.
func TestClosingReadsForAPartOfItsTimeLimit(t *testing.T) {
	usual := sizesOfIndex.restTime
	for limit, want := range map[time.Duration]time.Duration{
		0: usual, 5 * time.Second: usual, 100 * time.Millisecond: 5 * time.Millisecond,
	} {
		x := indexBuilder{backend: &backend{closeTimeout: limit}, index: &termIndex{sizes: sizesOfIndex}}
		if got := x.restTime(); got != want {
			t.Errorf("of %v it takes %v, want %v", limit, got, want)
		}
	}
}

// appendAndClose is a process that appends facts and ends.
func appendAndClose(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	facts, err := strconv.Atoi(arguments[1])
	if err != nil {
		return err
	}
	if sizesOfIndex.restFacts, err = strconv.Atoi(arguments[2]); err != nil {
		return err
	}
	sizesOfIndex.restTime = time.Minute
	store, err := Open(ctx, arguments[0], Options{
		Options: factstr.Options{CloseTimeout: time.Minute}, BusyTimeout: time.Minute,
	})
	if err != nil {
		return err
	}
	head, err := store.Statistics(ctx)
	if err != nil {
		return err
	}
	number := int(head.Head.SequenceNumber)
	for last := number + facts; number < last; {
		batch := make([]factstr.NewEvent, 0, 100)
		for len(batch) < cap(batch) && number < last {
			batch = append(batch, storetest.Transfer(number))
			number++
		}
		if _, err := store.Append(ctx, batch); err != nil {
			return err
		}
	}
	begun := time.Now()
	if err := store.Close(ctx); err != nil {
		return err
	}
	side.Say("%d", time.Since(begun).Microseconds())
	return nil
}

// G8 G12: the index of a log that only short-lived processes write stays small in files and right.
func TestManyShortLivedProcessesLeaveFewSegments(t *testing.T) {
	processes, facts, rest := 40, 250, 100
	if os.Getenv("FACTSTR_TORTURE") != "" {
		processes, facts, rest = 200, 5000, sizesOfIndex.restFacts
	}
	path := newPath(t)
	most, reached := 0, uint64(0)
	var closing []time.Duration
	for n := range processes {
		child := proctest.Start(t, "short-lived", path, strconv.Itoa(facts), strconv.Itoa(rest))
		line, _ := child.Hear()
		took := must(strconv.Atoi(line))(t)
		closing = append(closing, time.Duration(took)*time.Microsecond)
		child.Finish()
		most = max(most, segmentsOf(t, path))
		if reached = atOpening(t, path); reached < uint64(n*facts) {
			t.Fatalf("after %d processes the index reaches %d", n+1, reached)
		}
	}
	half := processes / 2
	t.Logf("at most %d segments, index up to %d; closing took %v in the first half and %v in the second", most, reached,
		mean(closing[:half]), mean(closing[half:]))
	if limit := map[bool]int{true: 15, false: restMany + 7}[facts < 1000]; most > limit {
		t.Errorf("there were %d segments", most)
	}
	store := openWithoutTail(t, path)
	for _, number := range []int{0, facts, processes*facts/2 + 7, processes*facts - 1} {
		want := uint64(number + 1)
		found := Query(t, store, PayloadQuery(string(storetest.Transfer(number).Payload)))
		if numbers := Numbers(found.EventRecords); len(numbers) != 1 || numbers[0] != want {
			t.Errorf("the index finds %v, want %d", numbers, want)
		}
	}
	if head := must(store.Statistics(t.Context()))(t).Head.SequenceNumber; head != uint64(processes*facts) {
		t.Errorf("the log ends at %d", head)
	}
}

func mean(of []time.Duration) (mean time.Duration) {
	for _, one := range of {
		mean += one / time.Duration(len(of))
	}
	return mean
}
