package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func init() { roles["indexed"] = appendAndCompareUntilKilled }

// takenFact is the payload of a fact that a process appends.
type takenFact struct {
	Life, N int
	Group   struct{ Is []int }
	Context string
}

// contexts is how many contexts the processes compete for at a time, and groups how many facts of
// a group there are among all others.
const (
	contexts = 8
	groups   = 13
)

// appendAndCompareUntilKilled appends, wins contexts, and compares what the index finds with what
// a walk through the log finds. It says each fact that was acknowledged.
func appendAndCompareUntilKilled(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	life, err := strconv.Atoi(arguments[1])
	if err != nil {
		return err
	}
	sizesOfIndex = indexSizes{segmentFacts: 30, restFacts: 5, restTime: time.Second, again: 20 * time.Millisecond}
	open := func() (*factstr.Store, error) {
		return Open(ctx, arguments[0], Options{Options: factstr.Options{TailEvents: -1}, BusyTimeout: time.Minute})
	}
	store, err := open()
	if err != nil {
		return err
	}
	random := rand.New(rand.NewPCG(uint64(life), 9))
	for n := 0; ; n++ {
		if n%10 == 9 { // closing writes to the index, too
			if err := store.Close(ctx); err != nil {
				return err
			}
			if store, err = open(); err != nil {
				return err
			}
		}
		group := random.IntN(groups)
		fact := func(context string) factstr.NewEvent {
			const payload = `{"life":%d,"n":%d,"group":{"is":[%d]},"context":%q}`
			return Fact("taken", fmt.Sprintf(payload, life, n, group, context))
		}
		switch random.IntN(4) {
		case 0:
			result, err := store.Append(ctx, []factstr.NewEvent{fact(""), fact("")})
			if err != nil {
				return err
			}
			side.Say("acked %d %d %d", result.LastSequenceNumber, life, n)
		case 1:
			// Every process tries to be the first and only one in each context.
			head, err := store.Statistics(ctx)
			if err != nil {
				return err
			}
			name := fmt.Sprintf("c%d", head.Head.SequenceNumber/40*contexts+uint64(random.IntN(contexts)))
			query := PayloadQuery(fmt.Sprintf(`{"context":%q}`, name))
			result, err := store.AppendIf(ctx, []factstr.NewEvent{fact(name)}, query, nil)
			if err == nil {
				side.Say("acked %d %d %d", result.LastSequenceNumber, life, n)
			} else if !errors.Is(err, factstr.CodeConditionalAppendConflict) {
				return err
			}
		default:
			if err := compareGroup(ctx, store, group, random.Uint64N(50)); err != nil {
				return err
			}
		}
	}
}

// compareGroup compares a query that the index answers with a walk. The walk comes first: its facts
// must all be found, and what is found besides must be newer than the walk.
func compareGroup(ctx context.Context, store *factstr.Store, group int, back uint64) error {
	statistics, err := store.Statistics(ctx)
	if err != nil {
		return err
	}
	after := statistics.Head.SequenceNumber - min(back*back, statistics.Head.SequenceNumber)
	all, err := store.Query(ctx, factstr.AllEvents().After(after))
	if err != nil {
		return err
	}
	var want []uint64
	head := after
	for _, record := range all.EventRecords {
		head = record.SequenceNumber
		var fact takenFact
		if err := json.Unmarshal(record.Payload, &fact); err != nil {
			return err
		}
		if fact.Group.Is[0] == group {
			want = append(want, record.SequenceNumber)
		}
	}
	found, err := store.Query(ctx, PayloadQuery(fmt.Sprintf(`{"group":{"is":[%d]}}`, group)).After(after))
	if err != nil {
		return err
	}
	got := Numbers(found.EventRecords)
	for len(got) > 0 && got[len(got)-1] > head {
		got = got[:len(got)-1]
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("group %d in (%d, %d]: the index finds %v, a walk %v", group, after, head, got, want)
	}
	if version := VersionOrZero(found.CurrentContextVersion); len(want) > 0 && version < want[len(want)-1] {
		return fmt.Errorf("group %d has version %d, want at least %d", group, version, want[len(want)-1])
	}
	return nil
}

// G2 G5 G8 G11 G12: whatever becomes of the processes that write the index, and of its files.
func TestKilledProcessesThatShareAnIndexLoseNothingAndMissNothing(t *testing.T) {
	processes, kills := 4, 25
	if os.Getenv("FACTSTR_TORTURE") != "" {
		processes, kills = 16, 200
	}
	path, random := newPath(t), rand.New(rand.NewPCG(10, 11))
	lives, acked := 0, map[[2]int]uint64{}
	hear := func(line string) {
		t.Helper()
		var last uint64
		var life, n int
		if _, err := fmt.Sscanf(line, "acked %d %d %d", &last, &life, &n); err != nil {
			t.Fatalf("a process said %q", line)
		}
		acked[[2]int{life, n}] = last
	}
	start := func() *proctest.Child {
		lives++
		return proctest.Start(t, "indexed", path, strconv.Itoa(lives))
	}
	children := make([]*proctest.Child, processes)
	for i := range children {
		children[i] = start()
	}
	for kill := range kills {
		for range random.IntN(60) {
			for _, child := range children {
				select {
				case line, ok := <-child.Lines():
					if !ok {
						t.Fatal("a process ended by itself")
					}
					hear(line)
				case <-time.After(time.Millisecond):
				}
			}
		}
		i := random.IntN(processes)
		for _, line := range children[i].Kill() {
			hear(line)
		}
		children[i] = start()
		files := segmentFiles(t, path)
		if len(files) == 0 || random.IntN(2) > 0 {
			continue
		}
		switch file := files[random.IntN(len(files))]; kill % 4 {
		case 0:
			_ = os.RemoveAll(path + indexSuffix) // what is written meanwhile may stay
		case 1:
			_ = os.Remove(file)
		case 2:
			_ = os.Truncate(file, random.Int64N(2000))
		case 3:
			_ = os.Chmod(filepath.Dir(file), 0)
			time.Sleep(10 * time.Millisecond)
			_ = os.Chmod(filepath.Dir(file), 0o700)
		}
	}
	for _, child := range children {
		for _, line := range child.Kill() {
			hear(line)
		}
	}
	store := openWithoutTail(t, path)
	records := All(t, store)
	WantGapless(t, store, len(records))
	winners := map[string]int{}
	for _, record := range records {
		var fact takenFact
		if err := json.Unmarshal(record.Payload, &fact); err != nil {
			t.Fatal(err)
		}
		if acked[[2]int{fact.Life, fact.N}] == record.SequenceNumber {
			delete(acked, [2]int{fact.Life, fact.N})
		}
		if fact.Context != "" {
			if winners[fact.Context]++; winners[fact.Context] > 1 {
				t.Errorf("context %s has two winners", fact.Context)
			}
		}
	}
	if len(acked) > 0 {
		t.Errorf("acknowledged facts are lost: %v", acked)
	}
	for group := range groups {
		if err := compareGroup(t.Context(), store, group, uint64(len(records))); err != nil {
			t.Error(err)
		}
	}
	t.Logf("%d facts of %d processes, %d contexts", len(records), lives, len(winners))
}
