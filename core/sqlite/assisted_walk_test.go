package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	. "github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

// assistAlways lets scans of a few rows have an assistant. No test runs beside one that calls it.
func assistAlways(t testing.TB) {
	if runtime.GOMAXPROCS(0) == 1 {
		t.Skip("needs two processors: on one no scan has an assistant")
	}
	usual := sizesOfWalk
	sizesOfWalk = walkSizes{alone: 1, block: 3, bytes: 600}
	t.Cleanup(func() { sizesOfWalk = usual })
}

// assistedStore opens a store without a tail, so that each query reads the database.
func assistedStore(t *testing.T, path string) (*factstr.Store, *readerPool) {
	t.Helper()
	assistAlways(t)
	b, err := openBackend(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	store, err := factstr.OpenStore(t.Context(), b, factstr.Options{TailEvents: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		Close(t, store)
		if n := len(b.readers.permits); n > 0 {
			t.Errorf("%d permits are not given back", n)
		}
	})
	return store, &b.readers
}

// idleConnections returns how many connections have read.
func (p *readerPool) idleConnections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.idle)
}

// G1 G8: rows come complete and in order, whatever range and types are asked for, also across large
// holes, and where rows are longer than an assistant reads.
func TestAWalkByTwoConnectionsIsThatOfOne(t *testing.T) {
	path := batched(t, 400)
	alone := openWithoutTail(t, path)
	err := testBackend(t, path).writer.script(
		`DELETE FROM events WHERE sequence_number BETWEEN 70 AND 95 OR sequence_number IN (3, 200, 202);
		INSERT INTO events SELECT sequence_number + (1 << 40), occurred_at, event_type, payload
		FROM events WHERE sequence_number > 350`)
	if err != nil {
		t.Fatal(err)
	}
	store, pool := assistedStore(t, path)
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		query := factstr.AllEvents()
		if random.IntN(2) == 0 {
			query = factstr.OfTypes("type 1", fmt.Sprint("type ", random.IntN(9)))
		}
		if random.IntN(4) > 0 {
			query = query.After(random.Uint64N(400) + random.Uint64N(2)<<40)
		}
		if random.IntN(4) == 0 {
			query = query.AtMost(1 + random.Uint64N(400))
		}
		read := Query
		if random.IntN(2) == 0 {
			read = QueryInto
		}
		if want, got := read(t, alone, query), read(t, store, query); !reflect.DeepEqual(got, want) {
			t.Fatalf("%+v: %d rows in place of %d, or others", query, len(got.EventRecords), len(want.EventRecords))
		}
	}
	if pool.idleConnections() < 2 {
		t.Error("no scan had an assistant")
	}
}

// G8: the rows of a query are those up to its version while others append.
func TestAWalkByTwoConnectionsEndsAtTheHead(t *testing.T) {
	path := batched(t, 100)
	store, _ := assistedStore(t, path)
	other := openStore(t, path)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range 200 {
			_, _ = other.Append(t.Context(), BatchOf("a", "b", "c", "d", "e"))
		}
	}()
	for more := true; more; {
		select {
		case <-ended:
			more = false
		default:
		}
		found := Query(t, store, factstr.AllEvents())
		n := len(found.EventRecords)
		if uint64(n) != *found.CurrentContextVersion || found.EventRecords[n-1].SequenceNumber != uint64(n) {
			t.Fatalf("%d rows up to %d", n, *found.CurrentContextVersion)
		}
	}
}

// G8 G14: an assistant reads nothing of another log, though its transaction begins after the log
// was replaced in its file.
func TestAnAssistantReadsNoOtherLog(t *testing.T) {
	for name, change := range map[string]string{
		"shorter":               "DELETE FROM events WHERE sequence_number > 20",
		"one of the same times": "UPDATE events SET event_type = 'of another log'",
		"another one":           "UPDATE events SET occurred_at = '2020-01-01T00:00:00.000000Z', event_type = 'of another log'",
		"another, longer one": "UPDATE events SET sequence_number = 1000 + sequence_number; " +
			"INSERT INTO events SELECT sequence_number - 900, occurred_at, 'of another log', payload FROM events",
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			filled(t, path, 100)
			store, _ := assistedStore(t, path)
			raw := openRaw(t, path)
			taker := &changingTaker{change: func() {
				for statement := range strings.SplitSeq(change, "; ") {
					raw.exec(statement)
				}
			}}
			found, err := store.QueryInto(t.Context(), factstr.AllEvents(), taker)
			if err != nil {
				t.Fatal(err)
			}
			first, last := taker.rows[0], taker.rows[len(taker.rows)-1]
			if first.EventType != last.EventType || last.SequenceNumber != *found.CurrentContextVersion {
				t.Errorf("rows from %+v to %+v, version %d", first, last, *found.CurrentContextVersion)
			}
			for i, row := range taker.rows {
				if row.SequenceNumber != first.SequenceNumber+uint64(i) || row.EventType != first.EventType {
					t.Fatalf("row %d is %+v", i, row)
				}
			}
		})
	}
}

// changingTaker keeps rows without their payloads, and replaces the log at the third one.
type changingTaker struct {
	change func()
	rows   []factstr.EventRecord
}

func (c *changingTaker) Begin() { c.rows = nil }

func (c *changingTaker) Take(record *factstr.EventRecord) error {
	c.rows = append(c.rows, *record)
	if len(c.rows) == 3 && c.change != nil {
		c.change()
		c.change = nil
	}
	return nil
}

// A damaged row is reported by its number, and hidden from nobody who asks for its type, also if an
// assistant comes to it.
func TestADamagedRowOfAnAssistantIsReported(t *testing.T) {
	path := batched(t, 100)
	err := testBackend(t, path).writer.script("UPDATE events SET payload = '{' WHERE sequence_number = 6")
	if err != nil {
		t.Fatal(err)
	}
	store, _ := assistedStore(t, path) // a block begins at 5
	_, err = store.Query(t.Context(), factstr.AllEvents())
	WantError(t, err, factstr.CodeCorrupt, "event 6")
	_, err = store.Query(t.Context(), factstr.OfTypes("type 5"))
	WantError(t, err, factstr.CodeCorrupt, "event 6")
	if found := Query(t, store, factstr.OfTypes("type 4")); len(found.EventRecords) != 14 {
		t.Errorf("%d rows of another type", len(found.EventRecords))
	}
}

// G1: a damaged file is read as if there were no assistant: as many rows, or the same error.
func TestADamagedFileIsReadAsWithoutAnAssistant(t *testing.T) {
	whole, err := os.ReadFile(batched(t, 240)) // too few for an index of terms
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(5, 6))
	var paths []string
	for range proctest.Rounds(60) {
		damaged := bytes.Clone(whole)
		for range 1 + random.IntN(4) {
			page := damaged[4096*(1+random.IntN(len(damaged)/4096-1)):][:4096]
			switch random.IntN(3) {
			case 0:
				page[random.IntN(4096)] = byte(random.Uint32())
			case 1: // where a page tells what it is, and where its rows are
				page[random.IntN(16)] = byte(random.Uint32())
			case 2: // its rows in another order
				a, b := page[8+2*random.IntN(6):][:2], page[8+2*random.IntN(6):][:2]
				a[0], a[1], b[0], b[1] = b[0], b[1], a[0], a[1]
			}
		}
		paths = append(paths, newPath(t))
		if err := os.WriteFile(paths[len(paths)-1], damaged, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	answers := func(path string) (answers []string) {
		store, err := Open(t.Context(), path, Options{Options: factstr.Options{TailEvents: -1}})
		if err != nil {
			return nil
		}
		defer Close(t, store)
		for _, query := range []factstr.EventQuery{
			factstr.AllEvents(), factstr.OfTypes("type 4", "type 2"), factstr.AllEvents().AtMost(77), factstr.AllEvents().After(100),
		} {
			found, err := store.Query(t.Context(), query)
			if err != nil {
				found = &factstr.QueryResult{}
			}
			answers = append(answers, fmt.Sprint(err, found.EventRecords))
		}
		return answers
	}
	var alone [][]string
	for _, path := range paths {
		alone = append(alone, answers(path))
	}
	assistAlways(t)
	for i, path := range paths {
		for k, answer := range answers(path) {
			if want := alone[i][k]; answer != want {
				t.Errorf("file %d, query %d: %.150s\nwithout an assistant: %.150s", i, k, answer, want)
			}
		}
	}
}

// What cannot be read of the newest fact concerns nobody who asks for others.
func TestAnUnreadableNewestFactHidesNoOther(t *testing.T) {
	path := batched(t, 100)
	writer := openStore(t, path)
	Append(t, writer, Fact("last", `"`+strings.Repeat("z", 50_000)+`"`))
	Close(t, writer)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	filler := bytes.Repeat([]byte("z"), 4000)
	for page := range slices.Chunk(content, 4096) {
		if bytes.HasPrefix(page[4:], filler) {
			copy(page, "\x7f\xff\xff\xff") // the number of the page with the rest
		}
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	store, _ := assistedStore(t, path)
	if n := len(Query(t, store, factstr.AllEvents().AtMost(50)).EventRecords); n != 50 {
		t.Errorf("%d rows", n)
	}
	_, err = store.Query(t.Context(), factstr.AllEvents())
	WantError(t, err, factstr.CodeCorrupt, "malformed")
}

// An assistant is never needed: not where nobody may help, and not after a panic.
func TestAScanReadsWhatItsAssistantDoesNot(t *testing.T) {
	store, pool := assistedStore(t, batched(t, 100))
	wantAll := func() {
		t.Helper()
		if n := len(Query(t, store, factstr.AllEvents()).EventRecords); n != 100 {
			t.Errorf("%d rows", n)
		}
	}
	for range readersMax - 2 {
		pool.permits <- struct{}{}
	}
	wantAll()
	if n := pool.idleConnections(); n != 1 {
		t.Errorf("%d connections read, though one permit is for others", n)
	}
	for range readersMax - 2 {
		<-pool.permits
	}
	wantAll()
	if n := pool.idleConnections(); n != 2 {
		t.Fatalf("%d connections read", n)
	}
	pool.mu.Lock()
	assistant := pool.idle[0].conn // the scan takes the last one
	for _, s := range assistant.statements {
		s.close()
	}
	clear(assistant.statements)
	assistant.beforeParse = func(string) { panic("from a test") }
	pool.mu.Unlock()
	wantAll()
	if n := pool.idleConnections(); n != 1 || pool.idle[0].conn == assistant {
		t.Errorf("%d connections are left; the one that was used in a panic is not to be used again", n)
	}
}

// Whoever wants all connections for himself waits for a scan, and the scan not for him.
func TestAnAssistantDoesNotWaitForTheConnectionsLock(t *testing.T) {
	store, pool := assistedStore(t, batched(t, 100))
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			pool.backend.connections.using.Lock()
			runtime.Gosched()
			pool.backend.connections.using.Unlock()
		}
	}()
	for range 300 {
		if n := len(Query(t, store, factstr.AllEvents()).EventRecords); n != 100 {
			t.Fatalf("%d rows", n)
		}
	}
	end()
	<-ended
}
