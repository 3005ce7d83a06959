package objects

import (
	"context"
	"sync"
	"time"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"

	"github.com/factstr/factstr-go/capi/internal/guard"
	"github.com/factstr/factstr-go/capi/internal/hostlog"
)

// Store is an open store with its handle, codec, streams and submitted requests.
type Store struct {
	guard.Poison
	handle       uint64
	process      *Process
	core         *factstr.Store
	codec        interop.Codec
	limits       factstr.Limits
	closeTimeout time.Duration

	// InMemory is set before the caller gets the handle. Calls on a memory store wait for nothing
	// but each other.
	InMemory bool

	submissions submissions
	completions completions
	dispatcher  dispatcher
	queries     queries
	known       knownQueries

	mu       sync.Mutex
	closing  bool
	streams  map[*Stream]struct{} // those with an open handle
	readings map[uint64]struct{}  // the open handles
	// active counts streams whose end was not reported yet. It grows under mu, and only before
	// closing.
	active   sync.WaitGroup
	ending   chan struct{} // closed when the close begins
	closed   chan struct{} // closed when core is closed and every callback has returned
	closeErr error
}

// Add wraps an opened store and gives it a handle.
func (p *Process) Add(core *factstr.Store, options interop.StoreOptions) *Store {
	s := &Store{process: p, core: core, codec: options.Codec, limits: options.Store.Limits, closeTimeout: options.Store.CloseTimeout,
		streams: map[*Stream]struct{}{}, readings: map[uint64]struct{}{}, ending: make(chan struct{}), closed: make(chan struct{})}
	if s.limits.BatchEventsMax == 0 {
		s.limits.BatchEventsMax = factstr.DefaultLimits().BatchEventsMax
	}
	if s.limits.PredicateBytesMax == 0 {
		s.limits.PredicateBytesMax = factstr.DefaultLimits().PredicateBytesMax
	}
	if s.closeTimeout == 0 {
		s.closeTimeout = 5 * time.Second
	}
	s.submissions.init()
	s.dispatcher.init()
	s.handle = p.stores.Reserve()
	if logger := options.Store.Logger; logger != nil {
		if told, ok := logger.Handler().(*hostlog.Store); ok {
			told.Opened(s.handle)
		}
	}
	p.stores.Put(s.handle, s)
	return s
}

// Handle returns the store's handle.
func (s *Store) Handle() uint64 { return s.handle }

// Codec returns the codec for this store's results.
func (s *Store) Codec() interop.Codec { return s.codec }

// Query reads facts; a nil query asks for all of them.
func (s *Store) Query(query []byte) Answer {
	decoded, err := s.decodeQuery(query)
	if err != nil {
		return s.failed(err)
	}
	return s.read(context.Background(), decoded)
}

// QueryAtOnce runs a query that can be answered without waiting, such as any query of a memory
// store. If answered is false, call Query.
func (s *Store) QueryAtOnce(query []byte) (answer Answer, answered bool) {
	if s.InMemory {
		return s.Query(query), true
	}
	const short = 64 << 10 // bytes of text, which are decoded within a millisecond
	if len(query) > short {
		return Answer{}, false
	}
	decoded, err := s.decodeQuery(query)
	if err != nil {
		return s.failed(err), true
	}
	return s.readAtOnce(decoded)
}

func (s *Store) readAtOnce(query factstr.EventQuery) (answer Answer, answered bool) {
	return s.written(func(text *interop.QueryText) (finish func() error, answered bool, err error) {
		result, answered, err := s.core.QueryIntoAtOnce(query, text)
		return func() error { return text.Finish(result) }, answered, err
	})
}

func (s *Store) read(ctx context.Context, query factstr.EventQuery) Answer {
	answer, _ := s.written(func(text *interop.QueryText) (finish func() error, answered bool, err error) {
		result, err := s.core.QueryInto(ctx, query, text)
		return func() error { return text.Finish(result) }, true, err
	})
	return answer
}

// written makes the answer of a query that is written while it is read; finish ends its text. The
// text is freed if the query fails, is not answered or panics.
func (s *Store) written(read func(*interop.QueryText) (finish func() error, answered bool, err error)) (answer Answer,
	answered bool) {
	text := s.codec.NewQueryText(s.process.newMemory())
	whole := false
	defer func() {
		if !whole {
			text.Free()
		}
	}()
	finish, answered, err := read(text)
	if answered && err == nil {
		err = finish()
	}
	if !answered || err != nil {
		return s.failed(err), answered
	}
	whole = true
	return Answer{Text: text, codec: s.codec}, true
}

// Explain returns the InteropExplanation of a query.
func (s *Store) Explain(query []byte) ([]byte, error) {
	decoded, err := s.decodeQuery(query)
	if err != nil {
		return nil, err
	}
	explanation, err := s.core.Explain(context.Background(), decoded)
	if err != nil {
		return nil, err
	}
	return s.codec.AppendExplanation(nil, explanation), nil
}

// Statistics returns the JSON of factstr_statistics.
func (s *Store) Statistics() ([]byte, error) {
	s.advanceAll()
	statistics, err := s.core.Statistics(context.Background())
	if err != nil {
		return nil, err
	}
	handles := map[uint64]uint64{}
	s.mu.Lock()
	for stream := range s.streams {
		if number := stream.number.Load(); number != 0 {
			handles[number] = stream.handle
		}
	}
	s.mu.Unlock()
	return s.codec.AppendStatistics(nil, statistics, handles), nil
}

// advanceAll lets count what callbacks have handled of the batches that they hold.
func (s *Store) advanceAll() {
	var streams []*Stream
	s.mu.Lock()
	for stream := range s.streams {
		streams = append(streams, stream)
	}
	s.mu.Unlock()
	for _, stream := range streams {
		stream.advanceNow()
	}
}

func (s *Store) failed(err error) Answer { return Answer{Err: err, codec: s.codec} }

// Close closes the store and removes its handle and those of its streams and requests. inside is
// whether the calling thread is inside a callback of the store: then Close does not wait, and
// returns ErrClosing. A second call that comes before the first has returned waits as well.
func (s *Store) Close(inside bool) error {
	s.beginClose()
	defer s.release()
	if inside {
		return ErrClosing
	}
	timer := time.NewTimer(s.closeTimeout)
	defer timer.Stop()
	select {
	case <-s.closed:
		return s.closeErr
	case <-timer.C:
		return factstr.NewError(factstr.CodeTimeout, "the store is closed, but a callback or a call is still running; what it holds is released when it returns")
	}
}

func (s *Store) beginClose() {
	s.mu.Lock()
	first := !s.closing
	s.closing = true
	s.mu.Unlock()
	if !first {
		return
	}
	close(s.ending)
	s.completions.close()
	s.queries.close()
	go s.shutDown()
}

// shutDown waits for everything under way, however long that takes: core first, then the ends of
// streams, the answers of requests, and their callbacks.
func (s *Store) shutDown() {
	defer close(s.closed)
	s.closeErr = guard.Call(nil, func() error {
		_ = s.core.Close(context.Background()) // begins the close, and waits for a limited time only
		<-s.core.Closed()
		s.active.Wait()
		s.submissions.wait()
		s.dispatcher.close()
		return s.core.Close(context.Background())
	})
}

// release removes the handles. The objects live on while they are needed.
func (s *Store) release() {
	s.process.stores.Remove(s.handle)
	s.mu.Lock()
	for stream := range s.streams {
		s.process.streams.Remove(stream.handle)
		delete(s.streams, stream)
	}
	for number := range s.readings {
		s.process.readings.Remove(number)
		delete(s.readings, number)
	}
	s.mu.Unlock()
	s.submissions.releaseRequests(s.process)
}

func errStoreClosed() error {
	return factstr.ErrStoreClosed()
}
