package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
)

// Appenders are processes that report what each of their appends returned. The tests compare their
// accounts with the log.

func init() { roles["appender"] = appendUntilTold }

// numbered is the payload that appenders append: whose batch the fact belongs to, and its place
// there.
type numbered struct {
	By    string `json:"by"`
	Batch int    `json:"batch"`
	Place int    `json:"place"`
	Of    int    `json:"of"`
	Third bool   `json:"third"` // one in three facts of each batch
}

func numberedBatch(by string, batch, of int, first string) []factstr.NewEvent {
	events := make([]factstr.NewEvent, of)
	for place := range events {
		text, _ := json.Marshal(numbered{by, batch, place, of, place%3 == 0})
		events[place] = factstr.NewEvent{EventType: "Plain", Payload: text}
	}
	events[0].EventType = first
	return events
}

// downMax is how long a server may be down.
const downMax = time.Minute

// untilUp tries again while the server is down, or too slow for a short response timeout.
func untilUp(try func() error) error {
	for begun := time.Now(); ; <-time.After(50 * time.Millisecond) {
		err := try()
		var failure *factstr.Error
		passing := errors.As(err, &failure) && failure.Reason == factstr.ReasonConnection || errors.Is(err, factstr.CodeDurableStreamActive) || errors.Is(err, factstr.CodeTimeout)
		if err == nil || !passing || time.Since(begun) > downMax {
			return err
		}
	}
}

func openWhenUp(url string, options postgres.Options) (store *factstr.Store, err error) {
	err = untilUp(func() error {
		store, err = postgres.Open(context.Background(), url, options)
		return err
	})
	return store, err
}

// appendUntilTold appends from several goroutines, whatever happens to the server, until it is told
// to stop.
func appendUntilTold(side *proctest.Side, arguments []string) error {
	callers, err := strconv.Atoi(arguments[2])
	if err != nil {
		return err
	}
	responseTimeout, err := time.ParseDuration(arguments[3])
	if err != nil {
		return err
	}
	store, err := openWhenUp(arguments[0], postgres.Options{ResponseTimeout: responseTimeout})
	if err != nil {
		return err
	}
	side.Say("ready")
	var told atomic.Bool
	go func() {
		side.Await()
		told.Store(true)
	}()
	var appending sync.WaitGroup
	for number := range callers {
		appending.Go(func() {
			a := caller{store: store, side: side, by: fmt.Sprintf("%s.%d", arguments[1], number)}
			for batch := 1; !told.Load(); batch++ {
				a.append(batch)
			}
		})
	}
	appending.Wait()
	return store.Close(context.Background())
}

// caller is one goroutine of an appender.
type caller struct {
	store    *factstr.Store
	side     *proctest.Side
	by       string
	own      *uint64 // the version of its own facts
	ownStale bool    // own may be too old
}

// append appends one batch and reports the outcome. Sizes, conditions and deadlines are random.
func (a *caller) append(batch int) {
	ctx, cancel := context.Background(), context.CancelFunc(func() {})
	if rand.IntN(20) == 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(20))*time.Millisecond)
	}
	defer cancel()
	size := 1 + rand.IntN(5)
	if rand.IntN(4) == 0 {
		size = 1 + rand.IntN(100)
	}
	condition, first, expected := "any", "Plain", (*uint64)(nil)
	var result factstr.AppendResult
	var err error
	switch rand.IntN(4) {
	case 0:
		condition, first = "shared", "Shared"
		if expected, err = a.version(factstr.OfTypes("Shared")); err != nil {
			return
		}
		result, err = a.store.AppendIf(ctx, numberedBatch(a.by, batch, size, first), factstr.OfTypes("Shared"), expected)
	case 1:
		condition = "own"
		mine := facttest.PayloadQuery(fmt.Sprintf(`{"by":%q}`, a.by))
		if a.ownStale {
			if a.own, err = a.version(mine); err != nil {
				return
			}
			a.ownStale = false
		}
		expected = a.own
		result, err = a.store.AppendIf(ctx, numberedBatch(a.by, batch, size, first), mine, expected)
	default:
		result, err = a.store.Append(ctx, numberedBatch(a.by, batch, size, first))
	}
	var failure *factstr.Error
	switch {
	case err == nil:
		a.own = &result.LastSequenceNumber
		a.side.Say("acked %s %d %d %d %s %s", a.by, batch, result.FirstSequenceNumber, result.LastSequenceNumber, condition, facttest.VersionText(expected))
		return
	case errors.As(err, &failure) && failure.Conflict != nil:
		a.ownStale = a.ownStale || condition == "own"
		a.side.Say("conflict %s %d %s %s %s", a.by, batch, condition, facttest.VersionText(failure.Conflict.ExpectedContextVersion), facttest.VersionText(failure.Conflict.ActualContextVersion))
		return
	case errors.Is(err, factstr.CodeCommitUnknown):
		a.ownStale = true
		a.side.Say("unknown %s %d", a.by, batch)
	default:
		a.side.Say("failed %s %d %s", a.by, batch, strings.ReplaceAll(err.Error(), "\n", " "))
	}
	<-time.After(10 * time.Millisecond) // spares a server that is down
}

func (a *caller) version(query factstr.EventQuery) (*uint64, error) {
	result, err := a.store.Query(context.Background(), query.AtMost(0))
	if err != nil {
		<-time.After(10 * time.Millisecond)
		return nil, err
	}
	return result.CurrentContextVersion, nil
}

// accounts are what the appends of all appenders returned.
type accounts struct {
	answers map[batchOfOne]answer
	newest  map[string]int // by caller: the newest batch with an account, from 1
	acked   map[string]int // by caller: the newest acknowledged batch
	last    uint64         // the newest acknowledged fact
	counts  map[string]int
}

type batchOfOne struct {
	by    string
	batch int
}

type answer struct {
	what, condition  string
	first, last      uint64
	expected, actual *uint64
}

func newAccounts() *accounts {
	return &accounts{answers: map[batchOfOne]answer{}, newest: map[string]int{}, acked: map[string]int{}, counts: map[string]int{}}
}

// note reads a line of an appender.
func (book *accounts) note(t *testing.T, line string) {
	t.Helper()
	words := strings.Fields(line)
	at := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	number := func(i int) uint64 { return facttest.VersionOrZero(facttest.VersionOf(at(i))) }
	a := answer{what: at(0)}
	switch a.what {
	case "acked":
		a.first, a.last, a.condition, a.expected = number(3), number(4), at(5), facttest.VersionOf(at(6))
	case "conflict":
		a.condition, a.expected, a.actual = at(3), facttest.VersionOf(at(4)), facttest.VersionOf(at(5))
	case "unknown":
	case "failed":
		code := strings.TrimSuffix(at(3), ":")
		if !slices.Contains([]factstr.Code{factstr.CodeBackendFailure, factstr.CodeBusy, factstr.CodeTimeout}, factstr.Code(code)) {
			t.Errorf("an appender was answered what no fault of the server explains: %s", line)
		}
	default:
		t.Fatalf("an appender said %q", line)
	}
	key := batchOfOne{at(1), int(number(2))}
	if _, twice := book.answers[key]; twice {
		t.Fatalf("an appender was answered twice: %q", line)
	}
	if a.what == "acked" {
		book.acked[key.by], book.last = key.batch, max(book.last, a.last)
	}
	book.answers[key], book.newest[key.by] = a, key.batch
	book.counts[a.what]++
}

// readLog reads all facts.
func readLog(t *testing.T, store *factstr.Store) (records []factstr.EventRecord) {
	t.Helper()
	for {
		page := facttest.Query(t, store, factstr.AllEvents().After(uint64(len(records))).AtMost(10_000))
		records = append(records, page.EventRecords...)
		if len(page.EventRecords) < 10_000 {
			return records
		}
	}
}

// check compares the log with the accounts and returns the log's batches. The last batch of a
// caller whose process was killed may be there without an account.
func (book *accounts) check(t *testing.T, records []factstr.EventRecord, killed func(by string) bool) (batches [][]factstr.EventRecord) {
	t.Helper()
	facts := make([]numbered, len(records))
	for i, record := range records {
		if record.SequenceNumber != uint64(i+1) { // G2
			t.Fatalf("fact %d has number %d", i+1, record.SequenceNumber)
		}
		if err := json.Unmarshal(record.Payload, &facts[i]); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[batchOfOne]bool{}
	shared, own := (*uint64)(nil), map[string]*uint64{}
	for i := 0; i < len(facts); i += facts[i].Of {
		first := facts[i]
		for place := range first.Of { // G3 G5
			if i+place >= len(facts) || facts[i+place] != (numbered{first.By, first.Batch, place, first.Of, place%3 == 0}) {
				t.Fatalf("the batch at %d is not whole", i+1)
			}
		}
		key, number := batchOfOne{first.By, first.Batch}, uint64(i+1)
		if seen[key] {
			t.Fatalf("the batch at %d is there twice", number)
		}
		seen[key] = true
		switch a, answered := book.answers[key]; {
		case answered && a.what == "acked":
			if a.first != number || a.last != number+uint64(first.Of)-1 {
				t.Errorf("the batch at %d was acknowledged as %d to %d", number, a.first, a.last)
			}
			// G9: the context had the expected version.
			if is := map[string]*uint64{"shared": shared, "own": own[first.By]}[a.condition]; a.condition != "any" && facttest.VersionText(is) != facttest.VersionText(a.expected) {
				t.Errorf("the batch at %d was accepted on the version %s of its %s context, which was at %s", number, facttest.VersionText(a.expected), a.condition, facttest.VersionText(is))
			}
		case answered && a.what != "unknown":
			t.Errorf("the batch at %d is there, and was answered %q", number, a.what) // G5
		case !answered && !(killed(first.By) && first.Batch > book.newest[first.By]):
			t.Errorf("nobody was answered for the batch of %s at %d", first.By, number)
		}
		last := number + uint64(first.Of) - 1
		own[first.By] = &last
		if records[i].EventType == "Shared" {
			shared = &number
		}
		batches = append(batches, records[i:i+first.Of])
	}
	for key, a := range book.answers {
		switch {
		case a.what == "acked" && !seen[key]:
			t.Errorf("the batch acknowledged at %d to %d is not there", a.first, a.last)
		case a.what == "conflict":
			book.checkConflict(t, key.by, a, records, facts)
		}
	}
	return batches
}

// checkConflict wants a conflict to name a fact that is in the log and in the context. G10 G11
func (book *accounts) checkConflict(t *testing.T, by string, a answer, records []factstr.EventRecord, facts []numbered) {
	t.Helper()
	actual, expected := facttest.VersionOrZero(a.actual), facttest.VersionOrZero(a.expected)
	switch {
	case actual <= expected || actual > uint64(len(records)):
		t.Errorf("a conflict of %s names the versions %d and %d; the log ends at %d", by, expected, actual, len(records))
	case a.condition == "shared" && records[actual-1].EventType != "Shared":
		t.Errorf("a conflict of %s names the fact %d, which is not of its context", by, actual)
	case a.condition == "own":
		fact := facts[actual-1]
		// Only a batch without an account can have caused it.
		if cause := book.answers[batchOfOne{fact.By, fact.Batch}]; fact.By != by || cause.what != "unknown" {
			t.Errorf("a conflict of %s names the fact %d, which it knew: %+v", by, actual, fact)
		}
	}
}

// expectBoundaries wants the stored boundaries to match the batches. G3
func expectBoundaries(t *testing.T, raw faulttest.SQL, batches [][]factstr.EventRecord) {
	t.Helper()
	var want []string
	for _, batch := range batches {
		if len(batch) > 1 {
			want = append(want, fmt.Sprintf("%d|%d", batch[0].SequenceNumber, batch[len(batch)-1].SequenceNumber))
		}
	}
	if got := raw.Rows("SELECT first_sequence_number, last_sequence_number FROM append_batches ORDER BY 1"); !slices.Equal(got, want) {
		t.Errorf("%d boundaries are stored for %d batches of several facts, or other ones", len(got), len(want))
	}
}
