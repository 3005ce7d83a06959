package faults

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
	"github.com/factstr/factstr-go/core/postgres"
)

// Followers are processes that report what their durable stream delivered. The tests compare that
// with the batches of the log.

func init() { roles["follower"] = followUntilTold }

// followUntilTold follows the log by a durable stream and reports each delivery. Arguments after
// url and name: "third" streams only facts whose third is true, "hold" waits at its first batch
// until it is told to go on, "slow" handles batches slowly, "every=N" stores the cursor after N
// batches and at no other time.
func followUntilTold(side *proctest.Side, arguments []string) error {
	ctx := context.Background()
	query, every, holding, pause := factstr.AllEvents(), factstr.CursorEvery{}, false, time.Duration(0)
	for _, argument := range arguments[2:] {
		number, isEvery := strings.CutPrefix(argument, "every=")
		switch {
		case argument == "third":
			query = facttest.PayloadQuery(`{"third":true}`)
		case argument == "hold":
			holding = true
		case argument == "slow":
			pause = 3 * time.Millisecond
		case isEvery:
			every.Batches, _ = strconv.Atoi(number)
			every.Time = time.Hour
		}
	}
	store, err := openWhenUp(arguments[0], postgres.Options{})
	if err != nil {
		return err
	}
	told, goOn := make(chan struct{}), make(chan struct{})
	go func() {
		if line, _ := side.Await(); line == "go on" {
			close(goOn)
			side.Await()
		}
		close(told)
	}()
	resumed := make(chan struct{})
	handler := factstr.HandleFunc(func(ctx context.Context, batch []factstr.EventRecord) error {
		<-resumed
		if holding {
			side.Say("holding")
			select {
			case <-goOn:
			case <-ctx.Done():
				return ctx.Err()
			}
			holding = false
		}
		time.Sleep(pause) // paces it, so that whoever watches can cut it off between two writes of its cursor
		numbers := make([]string, len(batch))
		for i := range batch {
			numbers[i] = strconv.FormatUint(batch[i].SequenceNumber, 10)
		}
		side.Say("got %s", strings.Join(numbers, ","))
		return nil
	})
	side.Say("waiting")
	var stream *factstr.EventStream
	err = untilUp(func() error {
		stream, err = store.StreamToDurable(ctx, factstr.DurableStream{Name: arguments[1]}, query, handler, factstr.WithCursorEvery(every))
		return err
	})
	if err != nil {
		return err
	}
	side.Say("resumed %d", stream.Progress().StoredCursor)
	close(resumed)
	select {
	case <-stream.Done():
		side.Say("ended %s", factstr.CodeOf(stream.Err()))
		<-told
	case <-told:
		if err := stream.Close(ctx); err != nil {
			return err
		}
		side.Say("stored %d", stream.Progress().StoredCursor)
	}
	return store.Close(ctx)
}

// following is what the processes of a follower, one after the other, have reported.
type following struct {
	lives []life
}

// life is what one process has reported.
type life struct {
	waiting bool // it waits for the name
	resumed bool
	cursor  uint64 // after which it resumed
	holding bool   // it waits at its first batch
	batches [][]uint64
	ended   string
	stored  uint64 // the cursor when it was told to end
}

// note reads a line of a follower.
func (f *following) note(t *testing.T, line string) {
	t.Helper()
	what, rest, _ := strings.Cut(line, " ")
	now := f.now()
	switch what {
	case "waiting":
		now.waiting = true
	case "resumed":
		now.resumed, now.cursor = true, facttest.VersionOrZero(facttest.VersionOf(rest))
	case "got":
		var batch []uint64
		for number := range strings.SplitSeq(rest, ",") {
			batch = append(batch, facttest.VersionOrZero(facttest.VersionOf(number)))
		}
		now.batches = append(now.batches, batch)
	case "ended":
		now.ended = rest
	case "stored":
		now.stored = facttest.VersionOrZero(facttest.VersionOf(rest))
	case "holding":
		now.holding = true
	default:
		t.Fatalf("a follower said %q", line)
	}
}

func (f *following) now() *life { return &f.lives[len(f.lives)-1] }

// reached returns the last fact that was delivered in the present life.
func (l *life) reached() uint64 {
	if len(l.batches) == 0 {
		return 0
	}
	batch := l.batches[len(l.batches)-1]
	return batch[len(batch)-1]
}

// check compares the deliveries with the batches of the log: each life got all batches after its
// cursor, in order and once, and its cursor was never ahead of what earlier lives had handled. The
// last life got everything to the end.
func (f *following) check(t *testing.T, name string, batches [][]factstr.EventRecord, matches func(factstr.EventRecord) bool) (repeated int) {
	t.Helper()
	var wanted [][]uint64
	for _, batch := range batches {
		var numbers []uint64
		for _, record := range batch {
			if matches(record) {
				numbers = append(numbers, record.SequenceNumber)
			}
		}
		if len(numbers) > 0 {
			wanted = append(wanted, numbers)
		}
	}
	handled := 0 // how many of wanted were handled by any life
	for i, life := range f.lives {
		if !life.resumed {
			continue // killed before it resumed
		}
		next := 0
		for next < len(wanted) && wanted[next][0] <= life.cursor {
			next++
		}
		if next > handled { // G21 G23
			t.Errorf("life %d of %s resumed at %d, ahead of what was handled", i, name, life.cursor)
		}
		repeated += max(0, min(handled-next, len(life.batches)))
		for _, batch := range life.batches { // G15 G19
			if next >= len(wanted) || !slices.Equal(batch, wanted[next]) {
				t.Fatalf("life %d of %s, from %d on, got %v where %v was next", i, name, life.cursor, batch, wanted[min(next, len(wanted)-1)])
			}
			next++
		}
		handled = max(handled, next)
	}
	if handled != len(wanted) {
		t.Errorf("%s got %d of %d batches", name, handled, len(wanted))
	}
	return repeated
}

func everything(factstr.EventRecord) bool { return true }

func third(record factstr.EventRecord) bool {
	var fact numbered
	_ = json.Unmarshal(record.Payload, &fact)
	return fact.Third
}
