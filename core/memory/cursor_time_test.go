package memory

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	factstr "github.com/factstr/factstr-go/core"
)

// slowCursors is a backend whose cursor writes take a while.
type slowCursors struct {
	*backend
	takes  time.Duration
	stored chan storedCursor
}

type storedCursor struct {
	number uint64
	at     time.Time
}

func (s slowCursors) WriteCursors(ctx context.Context, writes []factstr.CursorWrite) error {
	time.Sleep(s.takes)
	err := s.backend.WriteCursors(ctx, writes)
	for _, write := range writes {
		s.stored <- storedCursor{write.SequenceNumber, time.Now()}
	}
	return err
}

// G23: the time within which a cursor is stored counts to the end of the write. The clock is the
// bubble's own.
func TestACursorIsStoredWithinItsTimeAlsoWhenAWriteTakesAWhile(t *testing.T) {
	for _, every := range []factstr.CursorEvery{{}, {Time: 20 * time.Millisecond}} {
		within := every.Time
		if within == 0 {
			within = 100 * time.Millisecond
		}
		synctest.Test(t, func(t *testing.T) {
			ctx := t.Context()
			slow := slowCursors{newBackend(nil), within / 5, make(chan storedCursor, 1000)}
			store, err := factstr.OpenStore(ctx, slow, factstr.Options{})
			if err != nil {
				t.Fatal(err)
			}
			handled := make(map[uint64]time.Time)
			stream, err := store.StreamAllDurable(ctx, factstr.DurableStream{Name: "model"}, factstr.HandleFunc(func(_ context.Context, batch []factstr.EventRecord) error {
				handled[batch[0].SequenceNumber] = time.Now()
				return nil
			}), factstr.WithCursorEvery(every))
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.WaitReady(ctx); err != nil {
				t.Fatal(err)
			}
			const facts = 100
			for range facts {
				if _, err := store.Append(ctx, []factstr.NewEvent{{EventType: "a", Payload: []byte(`1`)}}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(within / 10)
			}
			time.Sleep(within)
			if err := store.Close(ctx); err != nil {
				t.Error(err)
			}
			close(slow.stored)
			next := uint64(1)
			for write := range slow.stored {
				for ; next <= write.number; next++ {
					if late := write.at.Sub(handled[next]); late > within {
						t.Errorf("the cursor of batch %d was stored %v after it was handled, later than %v", next, late,
							within)
					}
				}
			}
			if next <= facts {
				t.Errorf("the cursor was not stored beyond %d of %d", next-1, facts)
			}
		})
	}
}
