package objects

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	factstr "github.com/factstr/factstr-go/core"

	"github.com/factstr/factstr-go/capi/internal/guard"
)

// outstandingMax limits the submitted requests of one store that are unanswered or whose answers
// nobody has taken.
const outstandingMax = 65_536

// Target says where the answer of a submitted request goes: to Callback, to a handle if WantHandle,
// else to the completion queue.
type Target struct {
	Tag        uint64
	Callback   func(tag uint64, answer *Answer)
	WantHandle bool
}

// submission is a submitted request that is not answered yet.
type submission struct {
	store    *Store
	target   Target
	request  *Request // with WantHandle
	context  context.Context
	cancel   context.CancelFunc
	answered atomic.Bool
	isQuery  bool
	query    factstr.EventQuery               // if isQuery
	page     func(ctx context.Context) Answer // of a reading, instead of query
}

// Request is a submitted request that has a handle.
type Request struct {
	handle uint64
	store  *Store
	answer Answer
	done   chan struct{} // closed when answer is set
	taken  atomic.Bool
}

// submissions are the submitted requests of a store.
type submissions struct {
	mu          sync.Mutex
	byTag       map[uint64]map[*submission]struct{}
	requests    map[uint64]*Request // with open handles
	outstanding int
	unanswered  int
	quiet       chan struct{} // closed when all are answered; nil if nobody waits for that
}

func (s *submissions) init() {
	s.byTag = map[uint64]map[*submission]struct{}{}
	s.requests = map[uint64]*Request{}
}

// SubmitQuery submits a query. One whose answer somebody will ask for by its handle is tried at
// once, as far as it takes no wait and little work: a goroutine would cost many times such a query.
func (s *Store) SubmitQuery(query []byte, target Target) (request uint64, err error) {
	decoded, err := s.decodeQuery(query)
	if err != nil {
		return 0, err
	}
	sub := &submission{target: target, query: decoded, isQuery: true}
	return s.submit(sub, func() error {
		if target.WantHandle {
			if answer, answered := s.readAtOnce(decoded); answered {
				answer.dropWhenLost()
				sub.finish(answer)
				return nil
			}
		}
		return s.queries.add(sub)
	})
}

// submit lists a submission and starts it. It can be cancelled from the moment it is listed, so its
// other fields are set before.
func (s *Store) submit(sub *submission, start func() error) (request uint64, err error) {
	sub.store = s
	sub.context, sub.cancel = context.WithCancel(context.Background())
	if err := s.enter(sub); err != nil {
		sub.cancel()
		return 0, err
	}
	started := false
	defer func() {
		if !started { // also after a panic
			s.leave(sub)
		}
	}()
	if err := start(); err != nil {
		return 0, err
	}
	started = true
	if sub.request != nil {
		return sub.request.handle, nil
	}
	return 0, nil
}

// submitOnGoroutine submits a call that may take long or wait for others, on a goroutine of its
// own: a store has no more of them than requests. do returns the text of the answer, empty if it
// has none.
func (s *Store) submitOnGoroutine(
	target Target, do func(ctx context.Context) (text []byte, err error),
) (request uint64, err error) {
	sub := &submission{target: target}
	return s.submit(sub, func() error {
		go func() {
			answer := Answer{codec: s.codec}
			answer.Err = guard.Call(&s.Poison, func() (err error) {
				answer.Plain, err = do(sub.context)
				return err
			})
			answer.Nothing = len(answer.Plain) == 0
			sub.finish(answer)
		}()
		return nil
	})
}

// enter lists a submission. It checks closing under the lock that the close takes first, so the
// close sees every submission that was let in.
func (s *Store) enter(sub *submission) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing {
		return errStoreClosed()
	}
	all := &s.submissions
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.outstanding >= outstandingMax {
		return factstr.NewError(factstr.CodeBusy, "%d submitted requests wait for their answers to be taken; take some, then submit again", outstandingMax)
	}
	all.outstanding++
	all.unanswered++
	all.list(sub)
	if sub.target.WantHandle {
		sub.request = &Request{handle: s.process.requests.Reserve(), store: s, done: make(chan struct{})}
		all.requests[sub.request.handle] = sub.request
		s.process.requests.Put(sub.request.handle, sub.request)
	}
	return nil
}

// leave undoes enter for a submission that could not be started.
func (s *Store) leave(sub *submission) {
	sub.cancel()
	all := &s.submissions
	all.mu.Lock()
	all.unlist(sub)
	all.outstanding--
	all.answeredOne()
	if sub.request != nil {
		delete(all.requests, sub.request.handle)
	}
	all.mu.Unlock()
	if sub.request != nil {
		s.process.requests.Remove(sub.request.handle)
	}
}

func (s *submissions) list(sub *submission) {
	tagged := s.byTag[sub.target.Tag]
	if tagged == nil {
		tagged = map[*submission]struct{}{}
		s.byTag[sub.target.Tag] = tagged
	}
	tagged[sub] = struct{}{}
}

func (s *submissions) unlist(sub *submission) {
	tagged := s.byTag[sub.target.Tag]
	delete(tagged, sub)
	if len(tagged) == 0 {
		delete(s.byTag, sub.target.Tag)
	}
}

func (s *submissions) answeredOne() {
	if s.unanswered--; s.unanswered == 0 && s.quiet != nil {
		close(s.quiet)
		s.quiet = nil
	}
}

// taken notes that somebody took that many answers.
func (s *submissions) taken(count int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.outstanding -= count
}

// wait waits until every submission is answered.
func (s *submissions) wait() {
	s.mu.Lock()
	if s.unanswered == 0 {
		s.mu.Unlock()
		return
	}
	if s.quiet == nil {
		s.quiet = make(chan struct{})
	}
	quiet := s.quiet
	s.mu.Unlock()
	<-quiet
}

func (s *submissions) releaseRequests(process *Process) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for number := range s.requests {
		process.requests.Remove(number)
		delete(s.requests, number)
	}
}

// appended is called on the goroutine that committed, so it only passes the answer on.
func (sub *submission) appended(result factstr.AppendResult, err error) {
	_ = guard.Call(&sub.store.Poison, func() error {
		sub.finish(Answer{Append: result, Err: err, codec: sub.store.codec})
		return nil
	})
}

// finish passes the answer to the target. Only the first call counts.
func (sub *submission) finish(answer Answer) {
	if !sub.answered.CompareAndSwap(false, true) {
		return
	}
	sub.cancel()
	s := sub.store
	switch {
	case sub.request != nil:
		sub.request.answer = answer
		close(sub.request.done)
	case sub.target.Callback != nil:
		s.dispatcher.push(func() {
			defer s.submissions.taken(1)
			defer answer.Drop()
			_ = guard.Call(&s.Poison, func() error {
				sub.target.Callback(sub.target.Tag, &answer)
				return nil
			})
		})
	default:
		if !s.completions.push(Completion{Tag: sub.target.Tag, Answer: answer}) {
			answer.Drop()
			s.submissions.taken(1)
		}
	}
	all := &s.submissions
	all.mu.Lock()
	defer all.mu.Unlock()
	all.unlist(sub)
	all.answeredOne()
}

// Cancel cancels the submitted requests with a tag that nothing was done for yet.
func (s *Store) Cancel(tag uint64) {
	s.submissions.mu.Lock()
	list := slices.Collect(maps.Keys(s.submissions.byTag[tag]))
	s.submissions.mu.Unlock()
	for _, sub := range list {
		sub.cancel()
		if sub.isQuery {
			s.queries.drop(sub)
		}
	}
}

// CarryOut appends what was submitted alone and nobody has begun to append, on the caller's thread,
// which is about to wait for answers for that long: see factstr.Store.CommitSubmitted. A panic is
// one of the store.
func (s *Store) CarryOut(within time.Duration) (woken int, done bool) {
	_ = guard.Call(&s.Poison, func() error {
		woken, done = s.core.CommitSubmitted(within)
		return nil
	})
	return woken, done
}

// CarryOut is CarryOut of the request's store.
func (r *Request) CarryOut(within time.Duration) (woken int, done bool) {
	return r.store.CarryOut(within)
}

// Wait waits for the answer. The first caller that gets it releases the request. ErrNotYet means
// that the request is not answered.
func (r *Request) Wait(timeout time.Duration) (*Answer, error) {
	if !waitFor(r.done, timeout) {
		return nil, ErrNotYet
	}
	if !r.taken.CompareAndSwap(false, true) {
		return nil, invalidHandle("request", r.handle)
	}
	r.store.process.requests.Remove(r.handle)
	all := &r.store.submissions
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.requests, r.handle)
	all.outstanding--
	return &r.answer, nil
}

// waitFor waits for a channel to be closed: 0 does not wait, a negative time waits without limit.
func waitFor(done <-chan struct{}, timeout time.Duration) bool {
	expired, stop := timer(timeout)
	defer stop()
	select {
	case <-done:
	case <-expired:
	}
	return closed(done)
}

func closed(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}

// timer returns a channel that receives when the time is over. For a negative time it is nil, which
// never receives.
func timer(timeout time.Duration) (expired <-chan time.Time, stop func()) {
	if timeout < 0 {
		return nil, func() {}
	}
	t := time.NewTimer(timeout)
	return t.C, func() { t.Stop() }
}
