package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/compattest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

func init() {
	roles["crasher"] = appendAndHandleUntilKilled
}

// numbered is what a crasher appends: which batch of which life, and the place in it.
type numbered struct {
	Life  int `json:"life"`
	Batch int `json:"batch"`
	Place int `json:"place"`
	Of    int `json:"of"`
}

// appendAndHandleUntilKilled appends batches from four goroutines, says each that was acknowledged,
// and says each batch that its durable stream has handled.
func appendAndHandleUntilKilled(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	life, err := strconv.Atoi(arguments[1])
	if err != nil {
		return err
	}
	_, err = store.StreamAllDurable(ctx, factstr.DurableStream{Name: "model"}, factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
		side.Say("handled %d %d", batch[0].SequenceNumber, batch[len(batch)-1].SequenceNumber)
		return nil
	}), factstr.WithCursorEvery(factstr.CursorEvery{Batches: 5}))
	if err != nil {
		return err
	}
	failures := make(chan error)
	for writer := range 4 {
		go func() {
			for n := 0; ; n++ {
				batch, of := n*4+writer, (n+writer)%3+1
				events := make([]factstr.NewEvent, of)
				for place := range events {
					text, _ := json.Marshal(numbered{life, batch, place, of})
					events[place] = factstr.NewEvent{EventType: "Numbered", Payload: text}
				}
				result, err := store.Append(ctx, events)
				if err != nil {
					failures <- err
					return
				}
				side.Say("acked %d %d %d", result.FirstSequenceNumber, result.LastSequenceNumber, batch)
			}
		}()
	}
	return <-failures
}

// acknowledged is a batch whose append was answered.
type acknowledged struct {
	life, batch int
	last        uint64
}

// G5 G2 G3 G21 G23: SIGKILL at any moment loses nothing that was acknowledged, and the next open
// needs no manual step.
func TestAKilledProcessLosesNothingThatItAcknowledged(t *testing.T) {
	lives := 50
	if os.Getenv("FACTSTR_TORTURE") != "" {
		lives = 1000
	}
	path := filepath.Join(t.TempDir(), "crash.db")
	random := rand.New(rand.NewPCG(1, 2))
	acked, handled := map[uint64]acknowledged{}, map[uint64]bool{}
	for life := range lives {
		crasher := proctest.Start(t, "crasher", path, strconv.Itoa(life))
		var lines []string
		for range random.IntN(60) + 1 {
			line, ok := crasher.Hear()
			if !ok {
				t.Fatalf("life %d ended by itself", life)
			}
			lines = append(lines, line)
		}
		for _, line := range append(lines, crasher.Kill()...) {
			var first, last uint64
			var batch int
			if _, err := fmt.Sscanf(line, "acked %d %d %d", &first, &last, &batch); err == nil {
				acked[first] = acknowledged{life, batch, last}
			} else if _, err := fmt.Sscanf(line, "handled %d %d", &first, &last); err == nil {
				for number := first; number <= last; number++ {
					handled[number] = true
				}
			} else {
				t.Fatalf("life %d said %q", life, line)
			}
		}
		checkAfterCrash(t, path, life, acked, handled)
	}
	t.Logf("%d lives, %d batches acknowledged", lives, len(acked))
}

func checkAfterCrash(t *testing.T, path string, life int, acked map[uint64]acknowledged, handled map[uint64]bool) {
	t.Helper()
	ctx := context.Background()
	store, err := Open(ctx, path, Options{})
	if err != nil {
		t.Fatalf("life %d: %v", life, err)
	}
	defer func() { _ = store.Close(ctx) }()
	result, err := store.Query(ctx, factstr.AllEvents())
	if err != nil {
		t.Fatalf("life %d: %v", life, err)
	}
	facts := make([]numbered, len(result.EventRecords))
	for i, record := range result.EventRecords {
		if record.SequenceNumber != uint64(i+1) {
			t.Fatalf("life %d: fact %d has number %d", life, i+1, record.SequenceNumber)
		}
		if err := json.Unmarshal(record.Payload, &facts[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < len(facts); i += facts[i].Of {
		first := facts[i]
		for place := range first.Of {
			if i+place >= len(facts) || facts[i+place] != (numbered{first.Life, first.Batch, place, first.Of}) {
				t.Fatalf("life %d: the batch at %d is not whole", life, i+1)
			}
		}
	}
	for first, batch := range acked {
		if batch.last > uint64(len(facts)) || facts[first-1].Life != batch.life || facts[first-1].Batch != batch.batch || facts[first-1].Place != 0 {
			t.Fatalf("life %d: the batch acknowledged at %d to %d is not there", life, first, batch.last)
		}
	}
	// A pull stream of the name starts after the cursor; nothing of it is acknowledged, so the
	// cursor stays.
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "model"}, nil)
	if err != nil {
		t.Fatalf("life %d: the durable name: %v", life, err)
	}
	cursor := stream.Progress().StoredCursor
	for number := uint64(1); number <= cursor; number++ {
		if !handled[number] {
			t.Fatalf("life %d: the cursor is at %d, but %d was never handled", life, cursor, number)
		}
	}
	if cursor < uint64(len(facts)) {
		batch, err := stream.Next(ctx)
		if err != nil || batch.Records[0].SequenceNumber != cursor+1 {
			t.Fatalf("life %d: the stream goes on with %v, %v; its cursor is %d", life, batch, err, cursor)
		}
	}
}

func init() {
	roles["leaver"] = func(side *proctest.Side, arguments []string) error {
		store, err := Open(context.Background(), arguments[0], Options{})
		if err != nil {
			return err
		}
		for n := range 50 {
			if _, err := store.Append(context.Background(), facttest.Batch(n%3+1, "left")); err != nil {
				return err
			}
		}
		side.Say("appended")
		side.Await()
		return nil
	}
}

// A killed process leaves its newest facts in the -wal file. They are there for the next one, also
// in a copy of the two files taken while it lives.
func TestFactsInTheLogFileOfAKilledProcessAreThere(t *testing.T) { // G5
	path, copied := newPath(t), newPath(t)
	leaver := proctest.Start(t, "leaver", path)
	leaver.Expect("appended")
	copyFile(t, path, copied)
	copyFile(t, path+"-wal", copied+"-wal")
	leaver.Kill()
	for name, file := range map[string]string{"left behind": path, "a copy": copied} {
		if info, err := os.Stat(file + "-wal"); err != nil || info.Size() == 0 {
			t.Fatalf("%s: no log file: %v", name, err)
		}
		store := openStore(t, file)
		if records := facttest.All(t, store); len(records) != 99 || records[98].SequenceNumber != 99 {
			t.Errorf("%s: %d facts", name, len(records))
		}
		if got := compattest.Replayed(t, store, "new", factstr.AllEvents()); len(got) != 50 {
			t.Errorf("%s: %d batches", name, len(got))
		}
		if got := facttest.Append(t, store, facttest.Batch(1, "next")...); got.FirstSequenceNumber != 100 {
			t.Errorf("%s: appended at %s", name, strconv.FormatUint(got.FirstSequenceNumber, 10))
		}
	}
}
