package sqlite

import (
	"bytes"
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

// appendAndHandleUntilKilled appends batches from four goroutines. It says each batch that was
// acknowledged, and each that its durable stream has handled.
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

// crashModel is what the lives of a store have said and left behind so far.
type crashModel struct {
	path      string
	life      int
	records   []factstr.EventRecord // as they were read and checked after the last life
	facts     []numbered            // their payloads
	acked     []acknowledged        // by this life
	handled   map[uint64]bool
	handledTo uint64 // every fact up to it was handled
	batches   int
}

// acknowledged is a batch whose append returned.
type acknowledged struct {
	first, last uint64
	batch       int
}

// G5 G2 G3 G21 G23: SIGKILL at any moment loses nothing that was acknowledged, and the next open
// needs no manual step.
func TestAKilledProcessLosesNothingThatItAcknowledged(t *testing.T) {
	lives := 50
	if os.Getenv("FACTSTR_TORTURE") != "" {
		lives = 1000
	}
	m := crashModel{path: filepath.Join(t.TempDir(), "crash.db"), handled: map[uint64]bool{}}
	random := rand.New(rand.NewPCG(1, 2))
	for ; m.life < lives; m.life++ {
		crasher := proctest.Start(t, "crasher", m.path, strconv.Itoa(m.life))
		var lines []string
		for range random.IntN(60) + 1 {
			line, ok := crasher.Hear()
			if !ok {
				t.Fatalf("life %d ended by itself", m.life)
			}
			lines = append(lines, line)
		}
		m.acked = m.acked[:0]
		for _, line := range append(lines, crasher.Kill()...) {
			var first, last uint64
			var batch int
			if _, err := fmt.Sscanf(line, "acked %d %d %d", &first, &last, &batch); err == nil {
				m.acked = append(m.acked, acknowledged{first, last, batch})
			} else if _, err := fmt.Sscanf(line, "handled %d %d", &first, &last); err == nil {
				for number := first; number <= last; number++ {
					m.handled[number] = true
				}
			} else {
				t.Fatalf("life %d said %q", m.life, line)
			}
		}
		m.batches += len(m.acked)
		m.check(t)
	}
	t.Logf("%d lives, %d batches acknowledged", lives, m.batches)
}

// check opens the store as the next process would. It reads the whole log after every life, but
// decodes each fact once: what was checked after an earlier life must be the same to the last byte,
// so whatever held for it still holds, such as that a batch acknowledged then is there.
func (m *crashModel) check(t *testing.T) {
	t.Helper()
	ctx := context.Background()
	store, err := Open(ctx, m.path, Options{})
	if err != nil {
		t.Fatalf("life %d: %v", m.life, err)
	}
	defer func() { _ = store.Close(ctx) }()
	result, err := store.Query(ctx, factstr.AllEvents())
	if err != nil {
		t.Fatalf("life %d: %v", m.life, err)
	}
	m.checkRecords(t, result.EventRecords)
	for _, batch := range m.acked {
		if batch.last > uint64(len(m.facts)) || m.facts[batch.first-1] != (numbered{m.life, batch.batch, 0, int(batch.last - batch.first + 1)}) {
			t.Fatalf("life %d: the batch acknowledged at %d to %d is not there", m.life, batch.first, batch.last)
		}
	}
	// A pull stream of the name starts after the cursor. It acknowledges nothing, so the cursor
	// stays.
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "model"}, nil)
	if err != nil {
		t.Fatalf("life %d: the durable name: %v", m.life, err)
	}
	for m.handled[m.handledTo+1] {
		m.handledTo++
		delete(m.handled, m.handledTo)
	}
	cursor := stream.Progress().StoredCursor
	if cursor > m.handledTo {
		t.Fatalf("life %d: the cursor is at %d, but %d was never handled", m.life, cursor, m.handledTo+1)
	}
	if cursor < uint64(len(m.facts)) {
		batch, err := stream.Next(ctx)
		if err != nil || batch.Records[0].SequenceNumber != cursor+1 {
			t.Fatalf("life %d: the stream goes on with %v, %v; its cursor is %d", m.life, batch, err, cursor)
		}
	}
}

// checkRecords wants what was there before unchanged, and whole batches behind it without a gap.
func (m *crashModel) checkRecords(t *testing.T, records []factstr.EventRecord) {
	t.Helper()
	known := len(m.records)
	if len(records) < known {
		t.Fatalf("life %d: %d facts of %d are left", m.life, len(records), known)
	}
	for i, was := range m.records {
		is := records[i]
		if is.SequenceNumber != was.SequenceNumber || is.OccurredAt != was.OccurredAt || is.EventType != was.EventType || !bytes.Equal(is.Payload, was.Payload) {
			t.Fatalf("life %d: fact %d is %+v, it was %+v", m.life, i+1, is, was)
		}
	}
	for i, record := range records[known:] {
		if record.SequenceNumber != uint64(known+i+1) {
			t.Fatalf("life %d: fact %d has number %d", m.life, known+i+1, record.SequenceNumber)
		}
		var fact numbered
		if err := json.Unmarshal(record.Payload, &fact); err != nil {
			t.Fatal(err)
		}
		m.facts = append(m.facts, fact)
	}
	for i := known; i < len(m.facts); i += m.facts[i].Of {
		first := m.facts[i]
		for place := range first.Of {
			if i+place >= len(m.facts) || m.facts[i+place] != (numbered{first.Life, first.Batch, place, first.Of}) {
				t.Fatalf("life %d: the batch at %d is not whole", m.life, i+1)
			}
		}
	}
	m.records = records
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

// A killed process leaves its newest facts in the -wal file. The next process finds them, also in a
// copy of the two files taken while the first one lives.
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
