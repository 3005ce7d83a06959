package factstr

import (
	"context"
	"sync"
	"sync/atomic"
)

// streams are the open streams of a store.
//
// mu guards the fields below it, and also orders failure.set against the end of watching: looked
// takes no notice of a read that ends after its watch was stopped. outage.mu is taken under it.
type streams struct {
	numbers atomic.Uint64 // the number of the newest stream
	mu      sync.Mutex
	open    map[*EventStream]struct{}
	closed  bool
	empty   chan struct{}      // closed when closed and open is empty
	unwatch context.CancelFunc // stops watching for other processes' commits; nil without open streams
	watched <-chan struct{}    // closed when the newest watch has ended; nil before the first
	watches sync.WaitGroup     // the calls of Watch that have not returned
	failure failure            // why the watch cannot read the log at the moment

	unreadable outage // of all streams and the watch
}

func (r *streams) init(s *Store) {
	r.unreadable.tells = s.tells
	r.failure.outage = &r.unreadable
	r.open = map[*EventStream]struct{}{}
	r.empty = make(chan struct{})
}

// add starts a stream, and the watch with the first one.
func (r *streams) add(s *Store, stream *EventStream) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return ErrStoreClosed()
	}
	r.open[stream] = struct{}{}
	if watcher, ok := s.backend.(Watcher); ok && r.unwatch == nil {
		// One watch at a time: it has a connection, and a program may open and close streams faster
		// than a watch begins and ends.
		var ctx context.Context
		ctx, r.unwatch = context.WithCancel(s.context)
		before, ended := r.watched, make(chan struct{})
		r.watched = ended
		r.watches.Go(func() {
			defer close(ended)
			if before != nil {
				<-before
			}
			if ctx.Err() == nil {
				s.watch(ctx, watcher)
			}
		})
	}
	go stream.run()
	return nil
}

// remove forgets a stream that has ended, and stops the watch with the last one.
func (r *streams) remove(stream *EventStream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, stream)
	if len(r.open) > 0 {
		return
	}
	if r.unwatch != nil {
		r.unwatch()
		r.unwatch = nil
		r.failure.set(nil)
	}
	if r.closed {
		close(r.empty)
	}
}

// looked notes how a read of the watch ended. It reports false if that watch has been stopped.
func (r *streams) looked(ctx context.Context, err error) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	r.failure.set(err)
	return true
}

// close lets no further stream start and stops the complete ones: their cursors, or the numbers
// that their callers keep, remember what they have not delivered yet.
func (r *streams) close(reason error) {
	r.mu.Lock()
	if !r.closed && len(r.open) == 0 {
		close(r.empty)
	}
	r.closed = true
	r.mu.Unlock()
	for _, stream := range r.list() {
		if stream.complete {
			stream.halt(reason)
		}
	}
}

// drain ends every stream when it has delivered everything up to a number, or when late is closed.
// It waits until all streams have stored their cursors and freed their names.
func (r *streams) drain(through uint64, reason error, late <-chan struct{}) {
	for _, stream := range r.list() {
		stream.drain(draining{through: through, known: true, reason: reason})
	}
	select {
	case <-r.empty:
		return
	case <-late:
	}
	for _, stream := range r.list() {
		stream.cutShort(reason)
	}
	<-r.empty
}

// list returns the open streams.
func (r *streams) list() []*EventStream {
	r.mu.Lock()
	defer r.mu.Unlock()
	open := make([]*EventStream, 0, len(r.open))
	for stream := range r.open {
		open = append(open, stream)
	}
	return open
}

// end stops every open stream.
func (r *streams) end(reason error) {
	for _, stream := range r.list() {
		stream.halt(reason)
	}
}
