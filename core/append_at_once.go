package factstr

import "time"

// AppendAtOnce appends a batch on this goroutine if that takes no wait but for the disk. Otherwise
// done is false and nothing was appended: another append or another process is in the way, a
// server must be asked, or a condition takes long to compare. It is for a caller that must come
// back soon, such as a thread that looks after the signals of its program. The taker of the batch
// is not asked. woken is how many streams the append has woken, as of AppendTogether.
func (s *Store) AppendAtOnce(batch *PreparedAppend) (result AppendResult, woken int, done bool, err error) {
	before := s.log.waker.woken.Load()
	leave, err := s.enterAppend()
	if err != nil {
		return AppendResult{}, 0, true, err
	}
	defer leave()
	request := batch.request
	if batch.ahead && !s.lookAheadAtOnce(request.conditions) {
		return AppendResult{}, 0, false, nil
	}
	if !s.queue.TryAtOnce(request) || request.aside {
		return AppendResult{}, 0, false, nil
	}
	return request.result, int(s.log.waker.woken.Load() - before), true, request.err
}

// CommitSubmitted appends a lone batch that AppendAsync or a conditional form has queued and that
// nobody has begun to append, on this goroutine, and reports whether it did. Like AppendAtOnce it
// waits for the disk and for nobody else. It is for a caller that submits a batch and then waits
// for its answer. within is how long that wait may take, negative without limit: if commits took
// more than an eighth of it lately, nothing is done. The batch's function is called on this
// goroutine. woken is how many streams the append has woken, as of AppendTogether.
func (s *Store) CommitSubmitted(within time.Duration) (woken int, done bool) {
	if within >= 0 && (s.commitTime.Load() == 0 || within < 8*time.Duration(s.commitTime.Load())) {
		return 0, false
	}
	before := s.log.waker.woken.Load()
	if !s.queue.CarryOut() {
		return 0, false
	}
	return int(s.log.waker.woken.Load() - before), true
}

// timed notes how long a commit took that wrote something: the longest lately, which fades by an
// eighth a commit.
func (s *Store) timed(took time.Duration) {
	s.commitTime.Store(max(int64(took), s.commitTime.Load()*7/8))
}
