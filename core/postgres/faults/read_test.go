package faults

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

// openCounted opens a store whose round trips are counted.
func openCounted(t *testing.T, url string, options postgres.Options) (store *factstr.Store, trips *atomic.Int32) {
	t.Helper()
	proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
	trips = new(atomic.Int32)
	store = openStoreWith(t, pgtest.WithAddress(url, proxy.Address()), options)
	proxy.Hook(func(from pgtest.Direction, data []byte) pgtest.Verdict {
		if from == pgtest.FromClient {
			trips.Add(1)
		}
		return pgtest.Pass
	})
	return store, trips
}

// G3 G7 G8: what others have appended comes with its batches in one more round trip, also when the
// tail drops facts for it.
func TestAQueryCatchesUpWithOthersInOneRoundTrip(t *testing.T) {
	url := pgtest.WithParam(pgtest.Database(t), "sslmode", "disable")
	other := openStore(t, url)
	facttest.Append(t, other, facttest.Batch(50, "a")...)
	store, trips := openCounted(t, url, postgres.Options{Options: factstr.Options{TailEvents: 20}})
	sizes := make(batchSizes, 1)
	head := uint64(50)
	query := func() int {
		t.Helper()
		trips.Store(0)
		result := facttest.Query(t, store, factstr.AllEvents())
		if got := facttest.VersionText(result.CurrentContextVersion); len(result.EventRecords) != int(head) ||
			got != fmt.Sprint(head) {
			t.Errorf("%d rows at version %s, want %d", len(result.EventRecords), got, head)
		}
		for i, record := range result.EventRecords {
			if record.SequenceNumber != uint64(i+1) {
				t.Fatalf("row %d is fact %d", i+1, record.SequenceNumber)
			}
		}
		return int(trips.Load())
	}
	more := func(facts int) {
		facttest.Append(t, other, facttest.Batch(facts, "b")...)
		head += uint64(facts)
	}
	query()
	more(1)
	query() // prepares
	for round := range 30 {
		more(1 + round%7)
		if got := query(); got > 2 {
			t.Errorf("round %d: %d round trips", round, got)
		}
		if got := query(); got > 1 {
			t.Errorf("round %d: %d round trips for what is known", round, got)
		}
	}
	_, err := store.StreamAll(t.Context(), sizes)
	faulttest.Must(t, err)
	more(3)
	query() // catches up before the stream does, or after it
	if got := <-sizes; got != 3 {
		t.Errorf("a batch of 3 was delivered as %d facts", got)
	}
}

// batchSizes handles a stream and takes the sizes of its batches.
type batchSizes chan int

func (b batchSizes) HandleStream(_ context.Context, batch []factstr.EventRecord) error {
	b <- len(batch)
	return nil
}

// G7: a query asks for head and rows in one round trip, even right after others appended, and gets
// both right.
func TestAQueryOfALogThatIsKnownTakesOneRoundTrip(t *testing.T) {
	url := pgtest.WithParam(pgtest.Database(t), "sslmode", "disable")
	other := openStore(t, url)
	facttest.Append(t, other, facttest.Batch(50, "a")...)
	store, trips := openCounted(t, url, postgres.Options{Options: factstr.Options{TailEvents: -1}})
	want := func(query factstr.EventQuery, rows int, version uint64, most int) {
		t.Helper()
		trips.Store(0)
		result := facttest.Query(t, store, query)
		if got := facttest.VersionText(result.CurrentContextVersion); len(result.EventRecords) != rows || got != fmt.Sprint(version) {
			t.Errorf("%d rows at version %s, want %d at %d", len(result.EventRecords), got, rows, version)
		}
		if got := int(trips.Load()); got > most {
			t.Errorf("%d round trips, want at most %d", got, most)
		}
	}
	all := factstr.AllEvents()
	selective := facttest.PayloadQuery(`{"at":1}`)
	selective.Filters[0].EventTypes = []string{"a"}
	for _, query := range []factstr.EventQuery{all, all.AtMost(1), selective} {
		facttest.Query(t, store, query) // prepares
	}
	found := len(facttest.Query(t, other, selective).EventRecords)
	want(all, 50, 50, 1)
	want(all.After(20), 30, 50, 1)
	want(selective, found, *facttest.Query(t, other, selective).CurrentContextVersion, 1)
	want(all.AtMost(1), 1, 50, 1)
	facttest.Append(t, other, facttest.Batch(2, "b")...)
	// One round trip each for the head, the new facts, their batches, and the facts that are not in
	// memory.
	want(all, 52, 52, 4)
	want(all, 52, 52, 1)
}

// A connection with much unwanted data on its way is closed, and the next query uses another one.
func TestAQueryThatHasEnoughDoesNotReadTheRest(t *testing.T) {
	url := pgtest.WithParam(pgtest.Database(t), "sslmode", "disable")
	proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
	store := openStoreWith(t, pgtest.WithAddress(url, proxy.Address()), postgres.Options{ConnectionsMax: 1, Options: factstr.Options{TailEvents: -1}})
	const facts, size = 40, 1 << 20
	for range facts {
		facttest.Append(t, store, facttest.Fact("a", `"`+strings.Repeat("x", size)+`"`))
	}
	var read atomic.Int64
	proxy.Hook(func(from pgtest.Direction, data []byte) pgtest.Verdict {
		if from == pgtest.FromServer {
			read.Add(int64(len(data)))
		}
		return pgtest.Pass
	})
	for after := range uint64(3) {
		result := facttest.Query(t, store, factstr.AllEvents().After(after).AtMost(1))
		if got, version := facttest.Numbers(result.EventRecords), result.CurrentContextVersion; len(got) != 1 || got[0] != after+1 || version == nil || *version != facts {
			t.Fatalf("facts %v at version %s", got, facttest.VersionText(version))
		}
	}
	// Only what was in buffers on the way is read in vain.
	if got := read.Load(); got > 3*10*size {
		t.Errorf("three queries for a fact of a megabyte each read %d bytes", got)
	}
}

// G8 G24: a connection is cut in the middle of a query's result, and the next one leads to another
// log. Rows and version belong to one of the two logs.
func TestAQueryThatIsCutDoesNotMixTwoLogs(t *testing.T) {
	url := pgtest.WithParam(pgtest.Database(t), "sslmode", "disable")
	proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
	proxy.Hook(faulttest.WithoutCancelling)
	other, raw := openStore(t, url), faulttest.OpenSQL(t, url)
	// fill replaces the log by one of small batches.
	fill := func(eventType string, facts int) {
		raw.Run("DELETE FROM events; DELETE FROM append_batches")
		for range facts {
			facttest.Append(t, other, facttest.Batch(1, eventType)...)
		}
	}
	step := 23
	if faulttest.Long(t, "cuts at every byte") {
		step = 1
	}
	for _, query := range []factstr.EventQuery{factstr.AllEvents(), factstr.AllEvents().AtMost(2), facttest.PayloadQuery(`{"at":0}`)} {
		for _, facts := range []int{0, 3, 6} {
			cuts := 0
			for at := 1; ; at += step {
				fill("old", 4)
				store := openStoreWith(t, faulttest.Through(proxy, url), postgres.Options{Options: factstr.Options{TailEvents: -1}})
				facttest.Query(t, store, query) // prepares
				var cut atomic.Bool
				proxy.Hook(func(from pgtest.Direction, data []byte) pgtest.Verdict {
					if from == pgtest.FromServer && len(data) >= at && cut.CompareAndSwap(false, true) {
						fill("new", facts)
						proxy.CutAfter(from, at)
					}
					return faulttest.WithoutCancelling(from, data)
				})
				result := facttest.Query(t, store, query)
				proxy.Hook(faulttest.WithoutCancelling)
				facttest.Close(t, store)
				if !cut.Load() {
					break // the answer is shorter
				}
				cuts++
				eventType, version := "new", facts
				if n := len(result.EventRecords); n > 0 {
					eventType = result.EventRecords[0].EventType
				}
				if eventType == "old" {
					version = 4
				}
				want := version
				if query.Limit != nil {
					want = min(want, int(*query.Limit))
				}
				wrong := len(result.EventRecords) != want || facttest.VersionOrZero(result.CurrentContextVersion) != uint64(version)
				for _, record := range result.EventRecords {
					wrong = wrong || record.EventType != eventType
				}
				if wrong {
					t.Errorf("cut after %d bytes: facts %v at version %s, beginning with one of the %s log, of %d facts", at, facttest.Numbers(result.EventRecords),
						facttest.VersionText(result.CurrentContextVersion), eventType, version)
				}
			}
			if cuts < 5 {
				t.Errorf("%d cuts", cuts)
			}
		}
	}
}

// G8 G9 G24: the second round trip of a query, which asks for the version, meets another log.
func TestRowsAndVersionOfAQueryAreOfOneLog(t *testing.T) {
	url := pgtest.WithParam(pgtest.Database(t), "sslmode", "disable")
	proxy := pgtest.NewProxy(t, faulttest.AddressOf(t, url))
	other, raw := openStore(t, url), faulttest.OpenSQL(t, url)
	query := facttest.PayloadQuery(`{"at":0}`)
	for _, query := range []factstr.EventQuery{query.AtMost(1), query.AtMost(0), query.After(6)} {
		for _, facts := range []int{3, 4, 7} {
			raw.Run("DELETE FROM events; DELETE FROM append_batches")
			for range 4 {
				facttest.Append(t, other, facttest.Batch(1, "old")...)
			}
			store := openStoreWith(t, faulttest.Through(proxy, url), postgres.Options{Options: factstr.Options{TailEvents: -1}})
			facttest.Query(t, store, query) // prepares
			var questions atomic.Int32
			proxy.Hook(func(from pgtest.Direction, data []byte) pgtest.Verdict {
				if from != pgtest.FromClient || questions.Add(1) != 2 {
					return pgtest.Pass
				}
				raw.Run("DELETE FROM events; DELETE FROM append_batches")
				for range facts {
					facttest.Append(t, other, facttest.Batch(1, "new")...)
				}
				return pgtest.CutBefore
			})
			result := facttest.Query(t, store, query)
			proxy.Hook(nil)
			if questions.Load() < 2 {
				t.Fatal("the query asked once")
			}
			if version := facttest.VersionOrZero(result.CurrentContextVersion); version != uint64(facts) {
				t.Errorf("version %d of a log of %d facts", version, facts)
			}
			for _, record := range result.EventRecords {
				if record.EventType != "new" {
					t.Errorf("fact %d is of the log that is gone", record.SequenceNumber)
				}
			}
		}
	}
}
