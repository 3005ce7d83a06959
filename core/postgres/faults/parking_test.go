package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/postgres"
	"github.com/factstr/factstr-go/core/postgres/faulttest"
	"github.com/factstr/factstr-go/core/postgres/pgtest"
)

func init() {
	roles["parker"] = askAboutEachFact
	roles["meddler"] = changeParkedUntilKilled
}

// askAboutEachFact handles the facts of a log as "model", and parks what fails. It says which fact
// has come, and the test tells it "ok" or "fail".
func askAboutEachFact(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := postgres.Open(ctx, arguments[0], postgres.Options{})
	if err != nil {
		return err
	}
	ask := func(_ context.Context, batch []factstr.EventRecord) error {
		side.Say("%d", batch[0].SequenceNumber)
		if answer, _ := side.Await(); answer != "ok" {
			return errors.New("poison")
		}
		return nil
	}
	stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "model"}, factstr.HandleFunc(ask),
		factstr.WithRetry(factstr.RetryPolicy{GiveUp: factstr.GiveUpPark}))
	if err != nil {
		return err
	}
	<-stream.Done()
	return stream.Err()
}

// changeParkedUntilKilled marks, discards and copies what "model" has parked. It says what it is
// about to discard, and when it has.
func changeParkedUntilKilled(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	store, err := postgres.Open(ctx, arguments[0], postgres.Options{})
	if err != nil {
		return err
	}
	side.Say("ready")
	for {
		parked, err := store.Parked(ctx, "model")
		if err != nil {
			return err
		}
		var one []uint64
		if len(parked) > 0 {
			one = []uint64{parked[rand.IntN(len(parked))].Position}
		}
		switch rand.IntN(6) {
		case 0:
			_, err = store.RedeliverAllParked(ctx, "model")
		case 1, 2:
			_, err = store.RedeliverParked(ctx, "model", one)
		case 3:
			if one != nil {
				side.Say("discards %d", one[0])
				if _, err = store.DiscardParked(ctx, "model", one); err == nil {
					side.Say("discarded %d", one[0])
				}
			}
		case 4:
			err = store.CursorCopy(ctx, "model", "copy")
		case 5:
			if _, err = store.DiscardAllParked(ctx, "copy"); err == nil {
				err = store.CursorDelete(ctx, "copy")
			}
		}
		switch factstr.CodeOf(err) {
		case "", factstr.CodeDurableStreamActive, factstr.CodeInvalidArgument, factstr.CodeInvalidState:
		default:
			return err
		}
	}
}

// poisonEvery is how often a fact fails that comes for the first time.
const poisonEvery = 3

// killed names the sessions of processes that are killed.
const killed = "killed"

// parkedLives are the lives of processes that park, one after the other, and what is known of the
// facts of their log.
type parkedLives struct {
	t        *testing.T
	url      string
	store    *factstr.Store
	proxy    *pgtest.Proxy
	sessions faulttest.SQL     // tells which sessions the server still has
	cursor   uint64            // between two lives
	parked   []uint64          // between two lives, too
	marked   []uint64          // of them, to be redelivered
	failed   map[uint64]bool   // when they came for the first time
	gone     map[uint64]string // certainly not parked any more, and why
	maybe    map[uint64]bool   // perhaps not parked any more
	asked    map[string]int    // how many deliveries of a kind there were
}

// killing says when the holder dies: after it was told to answer so many deliveries, or, unless at
// is 0, at a message between it and the server behind the next answer that changes what is parked.
type killing struct {
	deliveries int
	at         int32
	from       pgtest.Direction
	verdict    pgtest.Verdict
}

func (k killing) String() string {
	if k.at == 0 {
		return fmt.Sprintf("after %d deliveries", k.deliveries)
	}
	return fmt.Sprintf("after %d deliveries, at message %d of direction %d, which is lost: %v", k.deliveries, k.at, k.from,
		k.verdict == pgtest.CutBefore)
}

// live plays one life of a holder.
func (p *parkedLives) live(k killing) {
	t := p.t
	t.Helper()
	for range k.deliveries + poisonEvery {
		facttest.Append(t, p.store, facttest.Fact("a", "1"))
	}
	if rand.IntN(2) == 0 {
		found, err := p.store.RedeliverAllParked(t.Context(), "model")
		if factstr.CodeOf(err) != factstr.CodeInvalidArgument { // nobody had the name before
			faulttest.Must(t, err)
		}
		if p.marked = p.parked; found != len(p.parked) {
			t.Fatalf("%d of %d are marked", found, len(p.parked))
		}
	}
	url := pgtest.WithParam(p.url, "application_name", killed)
	parker := proctest.Start(t, "parker", faulttest.Through(p.proxy, url))
	var meddler *proctest.Child
	front, answered, first := p.cursor, uint64(0), p.marked
	var skipped []uint64 // of the first ones
	struck := make(chan struct{})
	for asked := 1; ; asked++ {
		line, ok := parker.Hear()
		if !ok {
			t.Fatalf("%v: the holder ended by itself", k)
		}
		var number uint64
		if _, err := fmt.Sscan(line, &number); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		p.settled(answered)
		if meddler == nil {
			meddler = proctest.Start(t, "meddler", url)
			meddler.Expect("ready")
		}
		answer := "ok"
		switch {
		case number == front+1: // for the first time, in the order of the log
			front, skipped, first = number, append(skipped, first...), nil
			p.asked["new"]++
			if number%poisonEvery == 0 {
				answer = "fail"
				p.failed[number] = true
			}
		case number > front:
			t.Fatalf("%v: fact %d came after %d", k, number, front)
		default: // again
			p.asked["again"]++
			if !p.failed[number] || p.gone[number] != "" {
				t.Fatalf("%v: fact %d came again, which is not parked: %s", k, number, p.gone[number])
			}
			for len(first) > 0 && first[0] < number {
				skipped, first = append(skipped, first[0]), first[1:]
			}
			if len(first) > 0 && first[0] == number {
				first = first[1:]
			}
			if rand.IntN(2) == 0 {
				answer = "fail"
			} else {
				p.maybe[number] = true
			}
		}
		answered = number
		if answer == "fail" {
			answered = 0
		}
		last := asked >= k.deliveries && (k.at == 0 || answer == "fail" || p.failed[number])
		if last && k.at > 0 {
			messages := atomic.Int32{}
			p.proxy.Hook(func(from pgtest.Direction, _ []byte) pgtest.Verdict {
				if from == k.from && messages.Add(1) == k.at {
					close(struck)
					return k.verdict
				}
				return pgtest.Pass
			})
		}
		parker.Tell(answer)
		if last {
			break
		}
	}
	if k.at > 0 {
		// What the holder says meanwhile may be answered or not: nobody tells it to.
		faulttest.Within(t, fmt.Sprint(k), struck)
	} else {
		time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond) // any moment
	}
	rest := parker.Kill()
	p.proxy.Hook(nil)
	p.proxy.Heal()
	for _, line := range rest {
		var number uint64
		if _, err := fmt.Sscan(line, &number); err == nil { // it came, and nobody answered
			p.settled(answered)
			if number > front {
				front = number
			}
			answered = 0
		}
	}
	discards := map[uint64]bool{}
	for _, line := range meddler.Kill() {
		var number uint64
		if _, err := fmt.Sscanf(line, "discards %d", &number); err == nil {
			p.maybe[number], discards[number] = true, true
		}
		if _, err := fmt.Sscanf(line, "discarded %d", &number); err == nil {
			p.gone[number] = "discarded"
		}
	}
	for _, number := range skipped {
		if !discards[number] {
			t.Fatalf("%v: fact %d was to come again before all others, and did not", k, number)
		}
	}
	p.look(k, front)
}

// settled notes that a batch that came again was handled, and the next one has come.
func (p *parkedLives) settled(number uint64) {
	if p.failed[number] {
		p.gone[number] = "handled when it came again"
	}
}

func (p *parkedLives) model() factstr.DurableCursor {
	p.t.Helper()
	all, err := p.store.Cursors(p.t.Context())
	faulttest.Must(p.t, err)
	for _, one := range all {
		if one.Name == "model" {
			return one
		}
	}
	return factstr.DurableCursor{} // killed before it was registered
}

// look checks what a life has left: each fact up to the cursor was handled or is parked, not both,
// and nothing above it is parked.
func (p *parkedLives) look(k killing, front uint64) {
	t := p.t
	t.Helper()
	// What the server got of them last, it may still be doing.
	faulttest.Eventually(t, "the sessions of killed processes end", func() bool {
		return p.sessions.One("SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", killed) == "0"
	})
	model := p.model()
	parked, err := p.store.Parked(t.Context(), "model")
	faulttest.Must(t, err)
	there := map[uint64]bool{}
	p.parked, p.marked = nil, nil
	for _, batch := range parked {
		there[batch.Position] = true
		p.parked = append(p.parked, batch.Position)
		if batch.Redelivering {
			p.marked = append(p.marked, batch.Position)
		}
		if batch.First != batch.Position || batch.Attempts < 1 || !strings.Contains(batch.Error, "poison") {
			t.Errorf("%v: %+v", k, batch)
		}
	}
	if model.Cursor < p.cursor || model.Cursor > front || model.Parked != len(parked) {
		t.Fatalf("%v: the cursor went from %d to %d, and %d came: %+v", k, p.cursor, model.Cursor, front, model)
	}
	p.cursor = model.Cursor
	for number := uint64(1); number <= front; number++ {
		switch poison, why := number%poisonEvery == 0, p.gone[number]; {
		case there[number] && (!poison || number > p.cursor || why != ""):
			t.Fatalf("%v: fact %d is parked, the cursor is %d; %s", k, number, p.cursor, why)
		case !there[number] && poison && number <= p.cursor && why == "" && !p.maybe[number]:
			t.Fatalf("%v: fact %d was lost, the cursor is %d", k, number, p.cursor)
		}
	}
}

// G19 G21 G22 G23: whenever a process is killed that parks batches, or one that marks, discards and
// copies them beside it, no batch is lost and none is both parked and handled; new ones come in the
// order of the log, and only parked ones come again.
func TestKilledProcessesLoseNoParkedBatch(t *testing.T) {
	var kills []killing
	add := func(at int32, from pgtest.Direction, verdict pgtest.Verdict) {
		kills = append(kills, killing{1 + rand.IntN(8), at, from, verdict})
	}
	for range 4 {
		add(0, 0, 0)
	}
	for at := range int32(6) {
		add(at+1, pgtest.FromClient, []pgtest.Verdict{pgtest.CutBefore, pgtest.HoldBack}[at%2])
	}
	if faulttest.Long(t, "10 lives") {
		for range 10 {
			for at := range int32(16) {
				for _, from := range []pgtest.Direction{pgtest.FromClient, pgtest.FromServer} {
					add(at+1, from, pgtest.CutBefore)
					add(at+1, from, pgtest.HoldBack)
				}
				add(0, 0, 0)
			}
		}
		rand.Shuffle(len(kills), func(i, j int) { kills[i], kills[j] = kills[j], kills[i] })
	}
	url := pgtest.Database(t)
	p := &parkedLives{t: t, url: url, store: openStore(t, url), proxy: pgtest.NewProxy(t, faulttest.AddressOf(t, url)),
		sessions: faulttest.OpenSQL(t, url),
		failed:   map[uint64]bool{}, gone: map[uint64]string{}, maybe: map[uint64]bool{}, asked: map[string]int{}}
	for _, k := range kills {
		p.live(k)
	}
	// In the end somebody handles all that is left.
	head := facttest.Append(t, p.store, facttest.Fact("a", "1")).LastSequenceNumber
	waiting, err := p.store.Parked(t.Context(), "model")
	faulttest.Must(t, err)
	if found, err := p.store.RedeliverAllParked(t.Context(), "model"); err != nil || found != len(waiting) {
		t.Fatalf("%d batches are parked, %d were marked: %v", len(waiting), found, err)
	}
	deliveries := facttest.NewDeliveries(t)
	stream := facttest.DurableStream(t, p.store, "model", factstr.AllEvents(), deliveries)
	for _, batch := range waiting {
		if got := deliveries.Next(); got[0] != batch.Position {
			t.Fatalf("%v came, and %d is the next that is parked", got, batch.Position)
		}
	}
	for number := p.cursor + 1; number <= head; number++ {
		if got := deliveries.Next(); got[0] != number {
			t.Fatalf("%v came, not %d", got, number)
		}
	}
	faulttest.Must(t, stream.WaitFor(t.Context(), head))
	if left, err := p.store.Parked(t.Context(), "model"); err != nil || len(left) > 0 {
		t.Fatalf("%v are parked, %v", left, err)
	}
	faulttest.End(t, stream)
	t.Logf("%d lives: %v deliveries, %d facts failed, %d are known to be handled or discarded later", len(kills), p.asked,
		len(p.failed), len(p.gone))
	if len(p.failed) == 0 || p.asked["again"] == 0 {
		t.Fatal("nothing was parked, or nothing came again")
	}
}
