package objects

import (
	"errors"
	"fmt"
	"testing"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// placeless has no place for any stream, so every advance comes to Stream.Advance.
type placeless struct{}

func (placeless) Open(uint64, uint64, int) bool { return false }
func (placeless) Handled(uint64) int            { panic("no place was given") }
func (placeless) Close(uint64) int              { panic("no place was given") }

// onePlace is the place of one stream.
type onePlace struct {
	stream uint64
	marked int
}

func (p *onePlace) Open(stream, _ uint64, _ int) bool {
	if p.stream != 0 {
		return false
	}
	p.stream, p.marked = stream, 0
	return true
}

func (p *onePlace) Handled(uint64) int { return p.marked }

func (p *onePlace) Close(uint64) int {
	p.stream = 0
	return p.marked
}

// G23: the cursor follows what is handled although others of the same crossing are still held, also
// where there is no place for marks.
func TestTheCursorFollowsWithinACrossing(t *testing.T) {
	for _, marks := range []Marks{nil, placeless{}} {
		process, store := open(t, `{}`)
		process.Marks = marks
		for range 5 {
			appendOne(t, store)
		}
		stream := openStream(t, store, `{"durable":{"name":"d"},"cursor_every":{"ms":20}}`, Callbacks{})
		first, batches, err := stream.NextMany(100, -1)
		if err != nil || len(batches) != 5 {
			t.Fatalf("%d batches, %v", len(batches), err)
		}
		for handled := uint64(1); handled <= 4; handled++ {
			if err := stream.Advance(first + handled - 1); err != nil {
				t.Fatal(err)
			}
			// Of core, since Stream.Progress reads what is marked.
			for begun := time.Now(); stream.core.Progress().StoredCursor < handled; time.Sleep(time.Millisecond) {
				if time.Since(begun) > 10*time.Second {
					t.Fatalf("the stored cursor stays before %d", handled)
				}
			}
		}
		closeNow(t, store)
	}
}

// G22 G24: once a stream may not go on, the batch that is being handled still counts, and its
// handler is told to leave the rest.
func TestAHandlerIsToldToLeaveTheRest(t *testing.T) {
	place := &onePlace{}
	process, store := open(t, `{}`)
	process.Marks = place
	stream := &Stream{handle: 7, store: store, most: takenMost, mostEver: takenMost, followEvery: time.Hour}
	more, told := true, 0
	batches := make([]factstr.Delivery, 4)
	d := newDelivery(batches, func(handled int) bool {
		told = handled
		return more
	})
	if !stream.begin(d, 100) || d.count != 4 {
		t.Fatalf("%d batches", d.count)
	}
	place.marked = 1
	if stream.follow(d); told != 1 || place.stream == 0 {
		t.Fatalf("%d are told to be handled", told)
	}
	place.marked, more = 2, false
	if stream.follow(d); told != 2 || place.stream != 0 {
		t.Fatalf("%d are told to be handled, the place is of %d", told, place.stream)
	}
	if err := stream.Advance(3); factstr.CodeOf(err) != factstr.CodeInvalidHandle {
		t.Errorf("the next one may begin: %v", err)
	}
	if answer := receive(t, d.answer); answer.handled != 3 || answer.err != nil {
		t.Errorf("the answer is %+v", answer)
	}
	closeNow(t, store)
}

// G17 G22: what was handled counts when the stream is stopped, and no delivery is begun once its
// handler has returned.
func TestADeliveryWhoseHandlerReturnedIsNotBegun(t *testing.T) {
	_, store := open(t, `{}`)
	stream := &Stream{store: store, most: takenMost, mostEver: takenMost}
	d := newDelivery(make([]factstr.Delivery, 2), nil)
	stream.abandon(d)
	if stream.begin(d, 100) {
		t.Error("it is begun")
	}
	closeNow(t, store)
}

// G19 G21: whatever is answered in a crossing, at every position, nothing is skipped and what was
// handled does not come again.
func TestEveryAnswerAtEveryPlaceOfACrossing(t *testing.T) {
	const events, retry = 6, `"retry":{"max_attempts":1,"delay_ms":1}`
	for _, how := range []string{"acknowledge", "refuse", "unsubscribe", "close", "advance"} {
		for at := 1; at <= events; at++ {
			t.Run(fmt.Sprint(how, at), func(t *testing.T) {
				_, store := open(t, `{}`)
				for range events {
					appendOne(t, store)
				}
				registration := `{"durable":{"name":"d"},` + retry + `}`
				stream := openStream(t, store, registration, Callbacks{})
				first, _, err := stream.NextMany(events, -1)
				if err != nil || first != 1 {
					t.Fatal(first, err)
				}
				for handled := 1; handled < at; handled++ {
					if err := stream.Advance(uint64(handled)); err != nil {
						t.Fatal(err)
					}
				}
				next := uint64(at) // the number that comes next
				switch how {
				case "acknowledge":
					err = stream.Acknowledge(uint64(at))
					next++
				case "advance": // which answers by itself behind the last one
					if err = stream.Advance(uint64(at)); at < events {
						err = errors.Join(err, stream.Acknowledge(uint64(at)))
					} else if again := stream.Acknowledge(uint64(at)); factstr.CodeOf(again) != factstr.CodeInvalidHandle {
						t.Errorf("the last one is open after it was handled: %v", again)
					}
					next++
				case "refuse":
					err = stream.Refuse(uint64(at), "no")
				case "unsubscribe":
					stream.Unsubscribe()
					stream = openStream(t, store, registration, Callbacks{})
				case "close":
					err = stream.Close(false)
					stream = openStream(t, store, registration, Callbacks{})
				}
				if err != nil {
					t.Fatal(err)
				}
				for next <= events {
					number, batches, err := stream.NextMany(100, -1)
					if err != nil || batches[0].Records[0].SequenceNumber != next {
						t.Fatalf("%v, %v, want %d", batches, err, next)
					}
					next += uint64(len(batches))
					if err := stream.Acknowledge(number + uint64(len(batches)) - 1); err != nil {
						t.Fatal(err)
					}
				}
				if err := stream.WaitReady(-1, false); err != nil {
					t.Error(err)
				}
				closeNow(t, store)
			})
		}
	}
}

// G21: a callback that said how many batches it had handled, and then fails, gets those behind them
// again and no other.
func TestACallbackThatFailsGetsNothingAgainThatItHandled(t *testing.T) {
	const events = 6
	for handled := range events {
		_, store := open(t, `{}`)
		for range events {
			appendOne(t, store)
		}
		var firsts []uint64
		calls := make(chan uint64, 2*events)
		stream := openStream(t, store, `{"durable":{"name":"d"},"batches_max":100,"retry":{"max_attempts":1,"delay_ms":1}}`,
			Callbacks{Batches: func(st *Stream, number uint64, batches []factstr.Delivery) Outcome {
				firsts = append(firsts, batches[0].Records[0].SequenceNumber)
				if len(firsts) > 1 {
					calls <- firsts[len(firsts)-1]
					return Handled
				}
				for i := range handled {
					if err := st.Advance(number + uint64(i)); err != nil {
						t.Error(err)
					}
				}
				return Failed
			}})
		if err := stream.WaitReady(-1, false); err != nil {
			t.Fatal(err)
		}
		if again := receive(t, calls); again != uint64(handled)+1 {
			t.Errorf("%d were handled, and %d comes again", handled, again)
		}
		closeNow(t, store)
	}
}
