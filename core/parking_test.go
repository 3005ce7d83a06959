package factstr

import (
	"context"
	"testing"
	"testing/synctest"
)

// unlistedLog has a batch that is marked for redelivery, and cannot tell the first times.
type unlistedLog struct {
	namedLog
	failures int // from now on
	settled  bool
}

func (l *unlistedLog) ListParked(context.Context, string) ([]ParkedBatch, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failures > 0 {
		l.failures--
		return nil, NewError(CodeBackendFailure, "the connection was cut")
	}
	if l.settled {
		return nil, nil
	}
	return []ParkedBatch{{First: 1, Position: 1, Redelivering: true}}, nil
}

func (l *unlistedLog) SettleParked(context.Context, string, uint64, uint64, *ParkedBatch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settled = true
	return nil
}

// G21 G24: a durable stream that cannot find out at first what it has parked delivers, and finds it
// later.
func TestAStreamFindsLaterWhatItHasParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &unlistedLog{namedLog: namedLog{cursors: map[string]uint64{}}}
		store, err := OpenStore(t.Context(), log, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := store.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		for range 2 {
			if _, err := store.Append(t.Context(), []NewEvent{{EventType: "a", Payload: []byte(`1`)}}); err != nil {
				t.Fatal(err)
			}
		}
		log.cursors["orders"], log.failures = 1, 3 // the first fact is parked
		delivered := make(chan uint64, 10)
		if _, err := store.StreamAllDurable(t.Context(), DurableStream{Name: "orders"},
			HandleFunc(func(_ context.Context, batch []EventRecord) error {
				delivered <- batch[0].SequenceNumber
				return nil
			})); err != nil {
			t.Fatal(err)
		}
		if first, second := <-delivered, <-delivered; first != 2 || second != 1 {
			t.Errorf("%d and %d were delivered, not 2 and then the parked 1", first, second)
		}
	})
}
