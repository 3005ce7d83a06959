package sqlite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/oslock"
	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/internal/sharetest"
)

func init() {
	maps.Copy(roles, sharetest.Roles(func(ctx context.Context, arguments []string) (*factstr.Store, error) {
		return Open(ctx, arguments[0], Options{BusyTimeout: proctest.Patience(time.Minute)})
	}))
	roles["appender"] = appendWithoutPause
	// Whoever creates is as impatient as by default.
	roles["opener"] = sharetest.OpenOnce(func(ctx context.Context, arguments []string) (*factstr.Store, error) {
		return Open(ctx, arguments[0], Options{BusyTimeout: proctest.Patience(5 * time.Second)})
	})
}

// G11 G10 G2
func TestSixteenProcessesRacingOneContextHaveOneWinnerEachRound(t *testing.T) {
	const processes, rounds = 16, 200
	path := newPath(t)
	sharetest.Race(t, path, processes, rounds, 0)
	facttest.WantGapless(t, openStore(t, path), rounds)
}

// G11
func TestSixteenGoroutinesRacingOneContextHaveOneWinnerEachRound(t *testing.T) {
	const racers, rounds = 16, 200
	store := openStore(t, newPath(t))
	for round := range rounds {
		query := facttest.PayloadQuery(fmt.Sprintf(`{"round":%d}`, round))
		query.Filters[0].EventTypes = []string{"Won"}
		var wait sync.WaitGroup
		won := make(chan uint64, racers)
		for racer := range racers {
			wait.Go(func() {
				result, err := store.AppendIf(context.Background(), []factstr.NewEvent{facttest.Fact("Won", fmt.Sprintf(`{"round":%d,"by":%d}`, round, racer))}, query, nil)
				if err == nil {
					won <- result.FirstSequenceNumber
				} else if !errors.Is(err, factstr.CodeConditionalAppendConflict) {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		if len(won) != 1 || <-won != uint64(round+1) {
			t.Fatalf("round %d has no winner, several, or left a gap", round)
		}
	}
}

// G2
func TestProcessesThatCreateOneDatabaseAtOnceAllSucceed(t *testing.T) {
	const processes, rounds = 4, 10
	for round := range rounds {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("new-%d", round), "facts.db")
		sharetest.OpenAtOnce(t, processes, path)
		facttest.WantGapless(t, openStore(t, path), processes)
	}
}

// G2: each looks at the journal of the one that makes the database, which is removed meanwhile.
func TestGoroutinesThatCreateOneDatabaseAtOnceAllSucceed(t *testing.T) {
	const openers, rounds = 10, 10
	for round := range rounds {
		path := filepath.Join(t.TempDir(), fmt.Sprintf("new-%d", round), "facts.db")
		var wait sync.WaitGroup
		for range openers {
			wait.Go(func() {
				store, err := Open(context.Background(), path, Options{BusyTimeout: proctest.Patience(5 * time.Second)})
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := store.Append(context.Background(), facttest.Batch(1, "opened")); err != nil {
					t.Error(err)
				}
				if err := store.Close(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		facttest.WantGapless(t, openStore(t, path), openers)
	}
}

// appendWithoutPause appends batches of one, two and three facts until its input ends, and then
// says how long a call took on average.
func appendWithoutPause(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{BusyTimeout: time.Minute})
	if err != nil {
		return err
	}
	side.Say("ready")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		side.Await()
	}()
	calls, start := 0, time.Now()
	for {
		select {
		case <-ended:
			side.Say("%d", time.Since(start).Nanoseconds()/int64(max(calls, 1)))
			return store.Close(ctx)
		default:
		}
		batch := []factstr.NewEvent{facttest.Fact(arguments[1], `{"n":1}`), facttest.Fact(arguments[1], `{"n":2}`), facttest.Fact(arguments[1], `{"n":3}`)}[:calls%3+1]
		if _, err := store.Append(ctx, batch); err != nil {
			return err
		}
		calls++
	}
}

// G15 G16 G19: facts of other processes come in order, once, in whole batches.
func TestStreamsReceiveWhatOtherProcessesAppendInOrderAndOnce(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	sharetest.CheckStreams(t, store, store, path)
}

// The turnstile is fair: it lets a polite process in beside one that never pauses. The test counts
// the other process's groups in between, since times depend on the disk; those are logged.
func TestAProcessThatNeverPausesDoesNotStarveAnother(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	greedy := proctest.Start(t, "appender", path, "Greedy")
	greedy.Expect("ready")
	greedily := facttest.PayloadQuery(`{"n":1}`) // the first fact of each of its groups
	greedily.Filters[0].EventTypes = []string{"Greedy"}
	const appends = 300
	ctx := context.Background()
	waits, between := make([]time.Duration, appends), make([]int, appends)
	for i := range waits {
		before, err := store.Query(ctx, factstr.AllEvents().AtMost(0))
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		result, err := store.Append(ctx, []factstr.NewEvent{facttest.Fact("Polite", `{}`)})
		if err != nil {
			t.Fatal(err)
		}
		waits[i] = time.Since(started)
		head := facttest.VersionOrZero(before.CurrentContextVersion)
		overtaking, err := store.Query(ctx, greedily.After(head))
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range overtaking.EventRecords {
			if record.SequenceNumber < result.FirstSequenceNumber {
				between[i]++
			}
		}
	}
	rest := greedy.Finish()
	groupTime, err := strconv.ParseInt(rest[len(rest)-1], 10, 64)
	if err != nil {
		t.Fatalf("the greedy process said %v", rest)
	}
	slices.Sort(waits)
	slices.Sort(between)
	p99, group := waits[appends*99/100], time.Duration(groupTime)
	t.Logf("polite p50 %v p99 %v, the other's group %v, ratio of p99 %.1f; groups between: p50 %d, p99 %d, most %d",
		waits[appends/2], p99, group, float64(p99)/float64(group), between[appends/2], between[appends*99/100], between[appends-1])
	if between[appends*99/100] > 5 {
		t.Errorf("at p99 %d groups of the other process came between", between[appends*99/100])
	}
}

// G22
func TestADurableNameIsActiveOnceAcrossProcessesAndFreeWhenItsHolderIsKilled(t *testing.T) {
	path := newPath(t)
	sharetest.CheckDurableNames(t, openStore(t, path), path)
}

func init() {
	roles["locker"] = func(side *proctest.Side, arguments []string) error {
		ctx := context.Background()
		b, err := openBackend(ctx, arguments[0], Options{BusyTimeout: time.Minute})
		if err != nil {
			return err
		}
		err = b.write(ctx, "holding the lock", func(*conn) (bool, error) {
			side.Say("locked")
			side.Await()
			return false, nil
		})
		if err != nil {
			return err
		}
		return b.Close()
	}
}

// G5 G24: after Busy a store has no connection for a moment. A program with a SQLite older than
// 3.51 that had the database locked, and closes it then, asks these bytes whether it is the last
// one, and would remove the log. The store would take that for an attack from outside.
func TestNobodyTakesAStoreThatIsBusyForClosed(t *testing.T) {
	path := newPath(t)
	store := openStoreWith(t, path, Options{BusyTimeout: 20 * time.Millisecond})
	second := openStore(t, path)
	other, err := oslock.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	wantShared := func(when string, want bool) {
		t.Helper()
		if shared, err := other.Held(sharedFirst, sharedLength); err != nil || shared != want {
			t.Errorf("%s: database is in use: %v, error %v", when, shared, err)
		}
	}
	busy := func() {
		t.Helper()
		raw := openRaw(t, path)
		raw.exec("BEGIN IMMEDIATE")
		_, err := store.Append(t.Context(), facttest.Batch(1, "a"))
		facttest.WantError(t, err, factstr.CodeBusy)
		raw.exec("ROLLBACK")
		raw.close()
	}
	busy()
	wantShared("after Busy", true)
	facttest.Append(t, store, facttest.Batch(1, "a")...)
	facttest.WantGapless(t, store, 1)

	// Whichever store of the process closes last lets the log go, also the one that has no
	// connection.
	facttest.Close(t, second)
	busy()
	facttest.Close(t, store)
	wantShared("after closing", false)
	facttest.Close(t, openStore(t, path))
	if _, err := os.Stat(path + "-wal"); err == nil {
		t.Error("the log was left")
	}
}
