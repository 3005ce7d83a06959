package factstr

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
