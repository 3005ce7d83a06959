package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/core/internal/facttest"
	"github.com/factstr/factstr-go/core/internal/proctest"
)

var decideTests = tests{
	{"eighty callers sell a stock of fifty, and none gives up", func(t *testing.T, log Log) { // G9 G10 G11
		proctest.NotUnder(t, proctest.Wine, "a commit takes so long there that the pauses between attempts are nothing")
		store := open(t, log)
		const stock, callers = 50, 80
		var sold, soldOut atomic.Int64
		var running sync.WaitGroup
		for caller := range callers {
			running.Go(func() {
				sell := func(seen *factstr.QueryResult) ([]factstr.NewEvent, error) {
					if len(seen.EventRecords) >= stock {
						return nil, nil
					}
					return []factstr.NewEvent{facttest.Fact("sold", fmt.Sprintf(`{"to":%d}`, caller))}, nil
				}
				result, err := store.Decide(t.Context(), factstr.OfTypes("sold"), sell, factstr.DecideOptions{})
				switch {
				case err != nil:
					t.Error(err)
				case result.CommittedCount == 0:
					soldOut.Add(1)
				default:
					sold.Add(1)
				}
			})
		}
		running.Wait()
		if sold.Load() != stock || soldOut.Load() != callers-stock {
			t.Errorf("%d of %d sold, %d found none left", sold.Load(), stock, soldOut.Load())
		}
		wantHead(t, store, stock)
	}},
	{"a decision is made anew on each conflict, until the attempts are spent", func(t *testing.T, log Log) { // G9 G10
		store := open(t, log)
		for _, attempts := range []int{1, 3} {
			calls := 0
			var seen []int
			decide := func(result *factstr.QueryResult) ([]factstr.NewEvent, error) {
				calls++
				seen = append(seen, len(result.EventRecords))
				appendTypes(t, store, "a") // another caller is quicker each time
				return facttest.BatchOf("mine"), nil
			}
			_, err := store.Decide(t.Context(), factstr.OfTypes("a"), decide, factstr.DecideOptions{Attempts: attempts})
			facttest.WantError(t, err, factstr.CodeConditionalAppendConflict)
			if calls != attempts || seen[calls-1] != seen[0]+calls-1 {
				t.Errorf("of %d attempts %d were made, on contexts of %v facts", attempts, calls, seen)
			}
		}
		wantHead(t, store, 4)
	}},
	{"what ends a decision is returned as it is, and nothing is written", func(t *testing.T, log Log) { // G13
		store := open(t, log)
		refused := errors.New("the account has too little")
		decide := func(attempts int, events []factstr.NewEvent, err error) (factstr.AppendResult, error) {
			return store.Decide(t.Context(), factstr.AllEvents(),
				func(*factstr.QueryResult) ([]factstr.NewEvent, error) { return events, err },
				factstr.DecideOptions{Attempts: attempts})
		}
		if _, err := decide(1, facttest.BatchOf("a"), refused); !errors.Is(err, refused) {
			t.Errorf("got %v", err)
		}
		if result, err := decide(0, nil, nil); err != nil || result.CommittedCount != 0 {
			t.Errorf("%+v, %v", result, err)
		}
		_, err := decide(-1, facttest.BatchOf("a"), nil)
		facttest.WantError(t, err, factstr.CodeInvalidArgument)
		// A caller that leaves during a pause.
		ctx, cancel := context.WithCancel(t.Context())
		_, err = store.Decide(ctx, factstr.OfTypes("a"), func(*factstr.QueryResult) ([]factstr.NewEvent, error) {
			appendTypes(t, store, "a")
			cancel()
			return facttest.BatchOf("mine"), nil
		}, factstr.DecideOptions{})
		facttest.WantError(t, err, factstr.CodeCancelled)
		wantHead(t, store, 1)
	}},
}
