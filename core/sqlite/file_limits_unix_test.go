//go:build unix

package sqlite

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func init() {
	roles["limited"] = backUpUnderLimits
	roles["merging"] = indexWhileNoMergeFits
}

// under calls do while the system limits this process.
func under(resource int, soft uint64, do func()) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(resource, &limit); err != nil {
		return err
	}
	lowered := limit
	lowered.Cur = soft
	if err := syscall.Setrlimit(resource, &lowered); err != nil {
		return err
	}
	do()
	return syscall.Setrlimit(resource, &limit)
}

// backUpUnderLimits makes backups while the system refuses longer files, and more of them.
func backUpUnderLimits(side *proctest.Side, arguments []string) error {
	signal.Ignore(syscall.SIGXFSZ)
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	copied := filepath.Join(arguments[1], "copy.db")
	backUp := func(what string) {
		_ = os.Remove(copied)
		made, err := store.Backup(ctx, copied)
		var failure *factstr.Error
		if errors.As(err, &failure) {
			side.Say("%s: %s: %s", what, failure.Reason, strings.ReplaceAll(failure.Message, "\n", " "))
			return
		}
		side.Say("%s: %d facts, %v", what, made.Head.SequenceNumber, err)
	}
	if err := under(syscall.RLIMIT_FSIZE, 200<<10, func() { backUp("length") }); err != nil {
		return err
	}
	free, err := os.Open(os.DevNull) // its number is the first that is free
	if err != nil {
		return err
	}
	next := uint64(free.Fd())
	_ = free.Close()
	for more := range uint64(4) { // the file is opened by this library, by SQLite, and once more
		err := under(syscall.RLIMIT_NOFILE, next+more, func() { backUp("number") })
		if err != nil {
			return err
		}
	}
	backUp("without")
	return store.Close(ctx)
}

// G1 G5: a backup that meets a limit of the system says which one, and leaves nothing.
func TestABackupThatMeetsALimitOnFilesSaysWhatToDo(t *testing.T) {
	path, folder := batched(t, 5000), t.TempDir()
	said := proctest.Start(t, "limited", path, folder).Finish()
	said, without := said[:len(said)-1], said[len(said)-1]
	if without != "without: 5000 facts, <nil>" {
		t.Errorf("%q", without)
	}
	refused := 0
	for _, one := range said {
		what, _, _ := strings.Cut(one, ":")
		want := map[string][]string{"length": {"length: disk_full: ", "ulimit -f"}, "number": {"number: other: ", "ulimit -n"}}[what]
		if what == "number" && strings.HasSuffix(one, "facts, <nil>") {
			continue // as many as it needed
		}
		refused++
		for _, words := range want {
			if !strings.Contains(one, words) {
				t.Errorf("%q, want %q", one, words)
			}
		}
	}
	if refused < 3 {
		t.Errorf("%q", said)
	}
	if left := names(t, folder); !slices.Equal(left, []string{"copy.db"}) {
		t.Errorf("%q", left)
	}
	store := openStore(t, filepath.Join(folder, "copy.db"))
	facttest.WantGapless(t, store, 5000)
}

// indexWhileNoMergeFits indexes facts while a segment fits on the disk, and eight of them as one do
// not, and says what the store logged of merges.
func indexWhileNoMergeFits(side *proctest.Side, arguments []string) error {
	signal.Ignore(syscall.SIGXFSZ)
	sizesOfIndex = indexSizes{segmentFacts: 400, again: time.Hour}
	ctx := context.Background()
	records, logger := facttest.NewRecords()
	store, err := Open(ctx, arguments[0], Options{Options: factstr.Options{TailEvents: -1, Logger: logger}})
	if err != nil {
		return err
	}
	indexed := func() error {
		for {
			statistics, err := store.Statistics(ctx)
			if err != nil || facttest.VersionOrZero(statistics.IndexWatermark) == statistics.Head.SequenceNumber {
				return err
			}
			_, _ = store.Query(ctx, facttest.PayloadQuery(`{"no":"fact has this"}`)) // wakes the builder
		}
	}
	limited := under(syscall.RLIMIT_FSIZE, 1<<19, func() {
		err = indexed()
		for range 8 { // with each fact that it indexes, the builder could merge
			if err == nil {
				_, err = store.Append(ctx, []factstr.NewEvent{facttest.Fact("one", `{}`)})
			}
			if err == nil {
				err = indexed()
			}
		}
	})
	if err := errors.Join(err, limited, store.Close(ctx)); err != nil {
		return err
	}
	for _, told := range records.Of(factstr.LogTaskFailed) {
		side.Say("%s", told.Message)
	}
	return nil
}

// A merge that fails is logged, and tried again later, not at once.
func TestAMergeThatDoesNotFitOnTheDiskIsNotTriedAgainAtOnce(t *testing.T) {
	indexRest(t, 0)
	path := newPath(t)
	store := openWithoutTail(t, path)
	for batch := range 8 {
		facts := make([]factstr.NewEvent, 400)
		for i := range facts {
			facts[i] = wideFact(400*batch + i)
		}
		facttest.Append(t, store, facts...)
	}
	facttest.Close(t, store)
	told := proctest.Start(t, "merging", path).Finish()
	if len(told) != 1 || !strings.Contains(told[0], "could not be merged") {
		t.Errorf("it was logged %d times: %.1q", len(told), told)
	}
}

// wideFact has 50 terms that no other one has.
func wideFact(number int) factstr.NewEvent {
	values := make([]int, 50)
	for i := range values {
		values[i] = 50*number + i
	}
	payload, _ := json.Marshal(map[string]any{"values": values})
	return facttest.Fact("wide", string(payload))
}
