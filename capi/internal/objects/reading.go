package objects

import (
	"context"
	"sync/atomic"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"
)

// Reading is the handle of a factstr.Reading, which one call at a time may use. Between two calls
// it holds nothing, so nobody waits for it: closing the store removes its handle.
type Reading struct {
	handle uint64
	store  *Store
	core   *factstr.Reading
	busy   atomic.Bool
}

// OpenReading begins to read the facts of a query in pages; a nil query asks for all of them.
func (s *Store) OpenReading(query []byte) (handle uint64, err error) {
	decoded, err := s.decodeQuery(query)
	if err != nil {
		return 0, err
	}
	core, err := s.core.OpenReading(decoded)
	if err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return 0, errStoreClosed()
	}
	r := &Reading{handle: s.process.readings.Reserve(), store: s, core: core}
	s.process.readings.Put(r.handle, r)
	s.readings[r.handle] = struct{}{}
	return r.handle, nil
}

// Store returns the store that is read.
func (r *Reading) Store() *Store { return r.store }

// Next reads the next page.
func (r *Reading) Next() Answer { return r.page(context.Background()) }

// SubmitNext submits Next.
func (r *Reading) SubmitNext(target Target) (request uint64, err error) {
	sub := &submission{target: target, isQuery: true, page: r.page}
	return r.store.submit(sub, func() error { return r.store.queries.add(sub) })
}

func (r *Reading) page(ctx context.Context) Answer {
	if !r.busy.CompareAndSwap(false, true) {
		return r.store.failed(factstr.NewError(factstr.CodeInvalidState, "another call reads a page of reading %d; ask for the next one when it is there", r.handle))
	}
	defer r.busy.Store(false)
	answer, _ := r.store.written(func(text *interop.QueryText) (finish func() error, answered bool, err error) {
		more, err := r.core.Next(ctx, text)
		return func() error { return text.FinishPage(more) }, true, err
	})
	return answer
}

// Close releases the handle. A page that is being read is still answered.
func (r *Reading) Close() {
	r.store.mu.Lock()
	defer r.store.mu.Unlock()
	delete(r.store.readings, r.handle)
	r.store.process.readings.Remove(r.handle)
}
