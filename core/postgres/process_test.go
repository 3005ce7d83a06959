package postgres

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/childtest"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

func init() {
	roles["racer"] = raceForRounds
	roles["writer"] = writeWithoutPause
	roles["opener"] = openOnce
	roles["holder"] = holdDurableName
}

func versionText(version *uint64) string {
	if version == nil {
		return "none"
	}
	return strconv.FormatUint(*version, 10)
}

func versionOf(text string) *uint64 {
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return nil
	}
	return &number
}

func ofPayload(predicate string) factstr.EventQuery {
	return factstr.EventQuery{Filters: []factstr.EventFilter{{PayloadPredicates: []json.RawMessage{json.RawMessage(predicate)}}}}
}

// contextOf is what the racers of a round have in common. The context of types is the same in every third round, so it has a version; the others are new.
func contextOf(round int) factstr.EventQuery {
	switch predicate := fmt.Sprintf(`{"round":%d}`, round); round % 3 {
	case 0:
		return factstr.OfTypes("Won", "Lost")
	case 1:
		return ofPayload(predicate)
	default:
		query := ofPayload(predicate)
		query.Filters[0].EventTypes = []string{"Won"}
		return query
	}
}

// raceForRounds appends to the context of each round that it is told, and says how it went. A crowd of other batches goes along, so that groups are large.
func raceForRounds(side *childtest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{LockTimeout: time.Minute})
	if err != nil {
		return err
	}
	crowd, err := strconv.Atoi(arguments[2])
	if err != nil {
		return err
	}
	side.Say("ready")
	var own *uint64
	for {
		line, ok := side.Await()
		if !ok {
			return store.Close(ctx)
		}
		round, expected, _ := strings.Cut(line, " ")
		number, err := strconv.Atoi(round)
		if err != nil {
			return err
		}
		said := make(chan string, crowd+1)
		answer := func(what string) func(factstr.AppendResult, error) {
			return func(result factstr.AppendResult, err error) {
				var failure *factstr.Error
				switch {
				case err == nil:
					said <- fmt.Sprintf("%swon %d", what, result.LastSequenceNumber)
				case errors.As(err, &failure) && failure.Code == factstr.CodeConditionalAppendConflict:
					said <- fmt.Sprintf("%slost %s %s", what, versionText(failure.Conflict.ExpectedContextVersion), versionText(failure.Conflict.ActualContextVersion))
				default:
					said <- what + err.Error()
				}
			}
		}
		for member := range crowd {
			if member == crowd/2 {
				query := factstr.OfTypes("Own " + arguments[1])
				err = store.AppendIfAsync(ctx, facttest.Batch(1, "Own "+arguments[1]), query, own, answer("own "))
			} else {
				err = store.AppendAsync(ctx, facttest.Batch(1+member%25, "Crowd"), answer("crowd "))
			}
			if err != nil {
				return err
			}
		}
		event := facttest.Fact("Won", fmt.Sprintf(`{"round":%s,"by":%s}`, round, arguments[1]))
		if err := store.AppendIfAsync(ctx, []factstr.NewEvent{event}, contextOf(number), versionOf(expected), answer("")); err != nil {
			return err
		}
		var mine string
		for range crowd + 1 {
			text := <-said
			switch what, rest, _ := strings.Cut(text, " "); {
			case what == "own" && strings.HasPrefix(rest, "won "):
				own = versionOf(strings.TrimPrefix(rest, "won "))
			case what == "crowd" && strings.HasPrefix(rest, "won "):
			case what == "own" || what == "crowd":
				return errors.New(text)
			default:
				mine = text
			}
		}
		side.Say("%s", mine)
	}
}

// race lets processes race for rounds, and checks that each has one winner of whom all others are told.
func race(t *testing.T, url string, processes, rounds, crowd int) {
	t.Helper()
	racers := make([]*childtest.Child, processes)
	for i := range racers {
		racers[i] = childtest.Start(t, "racer", url, strconv.Itoa(i), strconv.Itoa(crowd))
	}
	for _, racer := range racers {
		racer.Expect("ready")
	}
	var ofTypes *uint64
	for round := range rounds {
		var expected *uint64
		if round%3 == 0 {
			expected = ofTypes
		}
		for _, racer := range racers {
			racer.Tell(fmt.Sprintf("%d %s", round, versionText(expected)))
		}
		var winner *uint64
		var losers []string
		for _, racer := range racers {
			answer, _ := racer.Hear()
			if number, won := strings.CutPrefix(answer, "won "); !won {
				losers = append(losers, answer)
			} else if winner != nil {
				t.Fatalf("round %d has the winners %d and %s", round, *winner, number)
			} else {
				winner = versionOf(number)
			}
		}
		if winner == nil {
			t.Fatalf("round %d has no winner: %q", round, losers)
		}
		for _, answer := range losers {
			if want := "lost " + versionText(expected) + " " + versionText(winner); answer != want {
				t.Fatalf("round %d: a loser was told %q, want %q", round, answer, want)
			}
		}
		ofTypes = winner // every winner's fact has the type
	}
	for _, racer := range racers {
		racer.Finish()
	}
}

func expectGapless(t *testing.T, store *factstr.Store, count int) {
	t.Helper()
	for i, record := range facttest.All(t, store) {
		if record.SequenceNumber != uint64(i+1) {
			t.Fatalf("fact %d has number %d", i+1, record.SequenceNumber)
		}
		count--
	}
	if count != 0 {
		t.Fatalf("%d facts are missing", count)
	}
}

// G11 G10 G2
func TestSixteenProcessesRacingOneContextHaveOneWinnerEachRound(t *testing.T) {
	const processes, rounds = 16, 200
	url := pgtest.Database(t)
	race(t, url, processes, rounds, 0)
	expectGapless(t, openStore(t, url), rounds)
}

// G11 G10 G2: a condition in the middle of a group of thousands of facts holds no less.
func TestProcessesThatRaceWithinLargeGroupsHaveOneWinnerEachRound(t *testing.T) {
	const processes, rounds, crowd = 6, 20, 40
	url := pgtest.Database(t)
	race(t, url, processes, rounds, crowd)
	facts := 1 // of a round: the winner's
	for member := range crowd {
		if member == crowd/2 {
			facts += processes
		} else {
			facts += processes * (1 + member%25)
		}
	}
	expectGapless(t, openStore(t, url), rounds*facts)
}

// openOnce opens a store as soon as it is told, which creates what is missing if it is the first, and appends one fact.
func openOnce(side *childtest.Side, arguments []string) error {
	ctx := context.Background()
	side.Say("ready")
	side.Await()
	var store *factstr.Store
	var err error
	if url, database := arguments[0], arguments[1]; database != "" {
		store, err = Bootstrap(ctx, url, database, Options{})
	} else {
		store, err = Open(ctx, url, Options{Schema: arguments[2]})
	}
	if err != nil {
		return err
	}
	if _, err := store.Append(ctx, []factstr.NewEvent{facttest.Fact("Opened", `{}`)}); err != nil {
		return err
	}
	return store.Close(ctx)
}

// G2
func TestProcessesThatCreateOneStoreAtOnceAllSucceed(t *testing.T) {
	const processes, rounds = 6, 3
	url := pgtest.Database(t)
	openAtOnce := func(database, schema string) {
		var openers []*childtest.Child
		for range processes {
			openers = append(openers, childtest.Start(t, "opener", url, database, schema))
		}
		for _, opener := range openers {
			opener.Expect("ready")
		}
		for _, opener := range openers {
			opener.Tell("go")
		}
		for _, opener := range openers {
			opener.Finish()
		}
	}
	for round := range rounds {
		schema := fmt.Sprintf("New %d", round)
		openAtOnce("", schema)
		expectGapless(t, openStoreWith(t, url, Options{Schema: schema}), processes)
	}
	raw := openRaw(t, url)
	for round := range rounds {
		database := raw.one("SELECT current_database()") + fmt.Sprintf("_new_%d", round)
		t.Cleanup(func() { raw.exec("DROP DATABASE IF EXISTS " + database + " WITH (FORCE)") })
		openAtOnce(database, "")
		expectGapless(t, openStore(t, pgtest.WithDatabase(url, database)), processes)
	}
}

// writeWithoutPause appends batches of one, two and three facts from several callers until it is told to stop, and says how many it appended.
func writeWithoutPause(side *childtest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{LockTimeout: time.Minute})
	if err != nil {
		return err
	}
	callers, err := strconv.Atoi(arguments[2])
	if err != nil {
		return err
	}
	side.Say("ready")
	if _, ok := side.Await(); !ok {
		return store.Close(ctx)
	}
	var stopped atomic.Bool
	go func() {
		side.Await()
		stopped.Store(true)
	}()
	var batches atomic.Int64
	var failure error
	var mu sync.Mutex
	var writing sync.WaitGroup
	for caller := range callers {
		writing.Go(func() {
			var own *uint64
			for n := caller; !stopped.Load(); n++ {
				batch := facttest.Batch(n%3+1, arguments[1])
				var err error
				if n%2 == 0 {
					_, err = store.Append(ctx, batch)
				} else {
					// A context of the caller's own: what most commands have.
					context := fmt.Sprintf("%s %d", arguments[1], caller)
					batch[0].EventType = context
					var result factstr.AppendResult
					result, err = store.AppendIf(ctx, batch, factstr.OfTypes(context), own)
					own = &result.FirstSequenceNumber
				}
				if err != nil {
					mu.Lock()
					failure = errors.Join(failure, err)
					mu.Unlock()
					return
				}
				batches.Add(1)
			}
		})
	}
	writing.Wait()
	if failure != nil {
		return failure
	}
	side.Say("%d", batches.Load())
	return store.Close(ctx)
}

// Fairness: it is counted in batches, since times also hold what the machine does.
func TestProcessesGetTheirShareOfTheLog(t *testing.T) {
	const processes, callers = 4, 16
	duration := 5 * time.Second
	url := pgtest.Database(t)
	var writers []*childtest.Child
	for i := range processes {
		writers = append(writers, childtest.Start(t, "writer", url, fmt.Sprint("Of ", i), strconv.Itoa(callers)))
	}
	for _, writer := range writers {
		writer.Expect("ready")
	}
	for _, writer := range writers {
		writer.Tell("go")
	}
	<-time.After(duration)
	for _, writer := range writers {
		writer.Tell("stop")
	}
	var counts []int
	total := 0
	for _, writer := range writers {
		rest := writer.Finish()
		count, err := strconv.Atoi(rest[len(rest)-1])
		if err != nil {
			t.Fatalf("a writer said %q", rest)
		}
		counts, total = append(counts, count), total+count
	}
	fewest, most := slices.Min(counts), slices.Max(counts)
	t.Logf("%v batches in %v, fewest to most %.2f", counts, duration, float64(fewest)/float64(most))
	if total < 100 || fewest < most/4 {
		t.Errorf("of %d processes with %d callers each the slowest committed %d batches, the fastest %d", processes, callers, fewest, most)
	}
}

// arrivals is a handler that keeps what it gets, and when.
type arrivals struct {
	mu      sync.Mutex
	batches [][]factstr.EventRecord
	times   []time.Time
	grown   chan struct{} // closed at the next batch
}

func newArrivals() *arrivals { return &arrivals{grown: make(chan struct{})} }

func (a *arrivals) HandleStream(_ context.Context, batch []factstr.EventRecord) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.batches, a.times = append(a.batches, batch), append(a.times, time.Now())
	close(a.grown)
	a.grown = make(chan struct{})
	return nil
}

// await waits until what was delivered is enough.
func (a *arrivals) await(t *testing.T, what string, enough func(batches [][]factstr.EventRecord) bool) {
	t.Helper()
	limit := time.After(facttest.WaitMax)
	for {
		a.mu.Lock()
		done, grown := enough(a.batches), a.grown
		count := len(a.batches)
		a.mu.Unlock()
		if done {
			return
		}
		select {
		case <-grown:
		case <-limit:
			t.Fatalf("%s: %d batches came within %v", what, count, facttest.WaitMax)
		}
	}
}

func reaches(number uint64) func([][]factstr.EventRecord) bool {
	return func(batches [][]factstr.EventRecord) bool {
		n := len(batches)
		return n > 0 && batches[n-1][len(batches[n-1])-1].SequenceNumber >= number
	}
}

// G15 G16 G19: what other processes append comes in order, once, whole; whether the server tells of it or the store has to look.
func TestStreamsReceiveWhatOtherProcessesAppendInOrderAndOnce(t *testing.T) {
	t.Run("by notifications alone", func(t *testing.T) {
		// Nobody looks of his own accord.
		streamAcrossProcesses(t, pgtest.Database(t), Options{PollInterval: time.Hour})
	})
	t.Run("by looking alone", func(t *testing.T) {
		url := pgtest.Database(t)
		proxy := pgtest.NewProxy(t, addressOf(t, url))
		var cut atomic.Int64
		proxy.Hook(func(from pgtest.Direction, data []byte) pgtest.Verdict {
			if from == pgtest.FromClient && bytes.Contains(data, []byte("LISTEN factstr_")) {
				cut.Add(1)
				return pgtest.CutBefore
			}
			return pgtest.Pass
		})
		// Without TLS the proxy can read along.
		streamAcrossProcesses(t, pgtest.WithParam(pgtest.WithAddress(url, proxy.Address()), "sslmode", "disable"), Options{})
		if cut.Load() == 0 {
			t.Error("the store never tried to listen, so nothing kept it from it")
		}
	})
}

func streamAcrossProcesses(t *testing.T, url string, options Options) {
	store := openStoreWith(t, url, options)
	const wanted = 300
	handlers := map[string]*arrivals{"live": newArrivals(), "durable": newArrivals()}
	ctx := t.Context()
	if _, err := store.StreamAll(ctx, handlers["live"]); err != nil {
		t.Fatal(err)
	}
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "across"}, handlers["durable"])
	if err != nil {
		t.Fatal(err)
	}
	writers := []*childtest.Child{childtest.Start(t, "writer", url, "A", "2"), childtest.Start(t, "writer", url, "B", "2")}
	for _, writer := range writers {
		writer.Expect("ready")
		writer.Tell("go")
	}
	for name, handler := range handlers {
		handler.await(t, name, func(batches [][]factstr.EventRecord) bool { return len(batches) >= wanted })
	}
	total := 0
	for _, writer := range writers {
		rest := writer.Finish()
		count, err := strconv.Atoi(rest[len(rest)-1])
		if err != nil {
			t.Fatalf("a writer said %q", rest)
		}
		total += count
	}
	// The last batches come although nothing follows them that could wake the streams.
	head := openStoreWith(t, url, Options{})
	end := versionOr(facttest.Query(t, head, factstr.AllEvents().AtMost(0)).CurrentContextVersion)
	for name, handler := range handlers {
		handler.await(t, name, reaches(end))
	}
	// One more batch shows how long the way is, and that nothing comes again after the end.
	appended := time.Now()
	last := facttest.Append(t, head, facttest.Fact("Last", `{"at":0}`))
	for name, handler := range handlers {
		handler.await(t, name, reaches(last.LastSequenceNumber))
		expectWhole(t, name, handler.batches, total+1)
		t.Logf("the %s stream got %d batches; the last one %v after its append began", name, len(handler.batches), handler.times[len(handler.times)-1].Sub(appended))
	}
	if err := stream.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if stored := stream.Progress().StoredCursor; stored != last.LastSequenceNumber {
		t.Fatalf("the cursor is at %d, the log ends at %d", stored, last.LastSequenceNumber)
	}
}

func versionOr(version *uint64) uint64 {
	if version == nil {
		return 0
	}
	return *version
}

// expectWhole checks batches of batchOf: they are there from the log's beginning, in order, whole, and as many as were appended.
func expectWhole(t *testing.T, name string, batches [][]factstr.EventRecord, count int) {
	t.Helper()
	if len(batches) != count {
		t.Fatalf("the %s stream got %d batches, %d were appended", name, len(batches), count)
	}
	next := uint64(1)
	for _, batch := range batches {
		for i := range batch {
			if batch[i].SequenceNumber != next {
				t.Fatalf("the %s stream got %d where %d was next", name, batch[i].SequenceNumber, next)
			}
			if want := fmt.Sprintf(`{"at": %d}`, i); string(batch[i].Payload) != want {
				t.Fatalf("the %s stream got a batch that is not whole: %s at place %d", name, batch[i].Payload, i)
			}
			next++
		}
	}
}

// holdDurableName registers a durable stream, says so, and keeps it.
func holdDurableName(side *childtest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := Open(ctx, arguments[0], Options{})
	if err != nil {
		return err
	}
	stream, err := register(store, arguments[1])
	if err != nil {
		return err
	}
	if err := stream.WaitReady(ctx); err != nil {
		return err
	}
	side.Say("held")
	side.Await()
	return store.Close(ctx)
}

func register(store *factstr.Store, name string) (*factstr.EventStream, error) {
	return store.StreamAllDurable(context.Background(), factstr.DurableStream{Name: name}, factstr.HandleFunc(func(context.Context, []factstr.EventRecord) error { return nil }))
}

// G22
func TestADurableNameIsActiveOnceAcrossProcessesAndFreeWhenItsHolderIsKilled(t *testing.T) {
	url := pgtest.Database(t)
	store := openStore(t, url)
	holder := childtest.Start(t, "holder", url, "projection")
	holder.Expect("held")
	if _, err := register(store, "projection"); !errors.Is(err, factstr.CodeDurableStreamActive) {
		t.Fatalf("registering a name that another process holds: %v", err)
	}
	if other, err := register(store, "another"); err != nil {
		t.Fatalf("another name: %v", err)
	} else {
		other.Unsubscribe()
	}
	holder.Kill()
	stream, err := register(store, "projection")
	if err != nil {
		t.Fatalf("after the holder was killed: %v", err)
	}
	stream.Unsubscribe()
	successor := childtest.Start(t, "holder", url, "projection")
	successor.Expect("held")
	successor.Finish()
}
