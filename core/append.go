package factstr

import (
	"context"

	"github.com/factstr/factstr-go/core/internal/commit"
	"github.com/factstr/factstr-go/core/internal/match"
)

// Append appends a batch and returns when it is as durable as the store kind promises.
func (s *Store) Append(ctx context.Context, events []NewEvent) (AppendResult, error) {
	request, err := s.appendRequest(events)
	if err != nil {
		return AppendResult{}, err
	}
	return s.append(ctx, request)
}

// AppendIf appends a batch only if the context version of the query equals expected; nil expects
// that no fact matches. Otherwise nothing is appended and the error is
// CodeConditionalAppendConflict, with both versions in Error.Conflict.
func (s *Store) AppendIf(ctx context.Context, events []NewEvent, query EventQuery, expected *uint64) (AppendResult, error) {
	request, err := s.appendIfRequest(events, query, expected)
	if err != nil {
		return AppendResult{}, err
	}
	return s.appendConditional(ctx, request)
}

// AppendWhen appends a batch only if every condition holds. They are checked in one step with the
// append, so nothing comes in between. Otherwise nothing is appended and the error is
// CodeConditionalAppendConflict, with the index of the first condition that does not hold and the
// version of its context in Error.Conflict. Without conditions it appends as [Store.Append].
//
// Two conditions at once serve an idempotent command, for example: "nothing new since I read" with
// After, and "no fact has this command's id" without.
func (s *Store) AppendWhen(ctx context.Context, events []NewEvent, conditions []AppendCondition) (AppendResult, error) {
	request, err := s.appendWhenRequest(events, conditions)
	if err != nil {
		return AppendResult{}, err
	}
	return s.appendConditional(ctx, request)
}

func (s *Store) appendConditional(ctx context.Context, request *appendRequest) (AppendResult, error) {
	if work := match.WorkUntil(ctx.Done(), tailWork); !s.lookAheadInTail(request.conditions, &work) {
		if err := s.lookAhead(ctx, request.conditions); err != nil {
			return AppendResult{}, err
		}
	}
	return s.append(ctx, request)
}

// AppendAsync queues a batch and returns at once. done is called once with the result, on a
// goroutine of the store that it must not block. If AppendAsync returns an error, nothing was
// queued and done is not called. If ctx ends before a group has taken the batch, nothing is
// appended.
func (s *Store) AppendAsync(ctx context.Context, events []NewEvent, done func(AppendResult, error)) error {
	request, err := s.appendRequest(events)
	if err != nil {
		return err
	}
	return s.submit(ctx, request, done)
}

// AppendIfAsync queues a conditional batch and returns at once, see [Store.AppendIf] and
// [Store.AppendAsync].
func (s *Store) AppendIfAsync(ctx context.Context, events []NewEvent, query EventQuery, expected *uint64, done func(AppendResult, error)) error {
	request, err := s.appendIfRequest(events, query, expected)
	if err != nil {
		return err
	}
	return s.submitConditional(ctx, request, done)
}

// AppendWhenAsync queues a batch with its conditions and returns at once, see [Store.AppendWhen]
// and [Store.AppendAsync].
func (s *Store) AppendWhenAsync(ctx context.Context, events []NewEvent, conditions []AppendCondition,
	done func(AppendResult, error)) error {
	request, err := s.appendWhenRequest(events, conditions)
	if err != nil {
		return err
	}
	return s.submitConditional(ctx, request, done)
}

func (s *Store) submitConditional(ctx context.Context, request *appendRequest, done func(AppendResult, error)) error {
	if !s.looksAheadApart(request.conditions) {
		return s.submit(ctx, request, done)
	}
	leave, err := s.enterAppend()
	if err != nil {
		return err
	}
	if !s.submitAhead(ctx, request, done, leave) {
		leave()
		return errQueueFull()
	}
	return nil
}

// looksAheadApart looks ahead in the tail, and reports whether that was not enough. A condition
// that takes long is looked at on a goroutine of its own, since a submitting goroutine must not
// wait; only a lone append of AppendTogether looks a few facts up before that. A log that is in
// memory itself (no tail) is read quickly enough in the group.
func (s *Store) looksAheadApart(conditions []condition) bool {
	work := match.WorkUntil(nil, aheadWork)
	return !s.lookAheadInTail(conditions, &work) && s.options.TailEvents >= 0
}

// submitAhead looks ahead and submits, on another goroutine. leave ends the call that it belongs
// to. It reports false if there is no room for it.
func (s *Store) submitAhead(ctx context.Context, request *appendRequest, done func(AppendResult, error),
	leave func()) bool {
	var err error
	return s.ahead.add(ctx, &aheadJob{
		size: request.size,
		look: func() { err = s.lookAheadGuarded(ctx, request.conditions) },
		then: func() {
			if err == nil {
				err = s.submit(ctx, request, done)
			}
			leave() // before done, which may close the store
			if err != nil {
				s.answer(done, AppendResult{}, err)
			}
		},
	})
}

// answer calls a caller's function. A panic in it is logged.
func (s *Store) answer(done func(AppendResult, error), result AppendResult, err error) {
	s.tells.Once(TaskCallback, func() { done(result, err) })
}

// append queues a request, waits for its result, and looks ahead again whenever it was set aside.
func (s *Store) append(ctx context.Context, request *appendRequest) (AppendResult, error) {
	done, err := s.enterAppend()
	if err != nil {
		return AppendResult{}, err
	}
	defer done()
	_, outcome := s.queue.Do(ctx, request, request.size, s.options.QueueTimeout)
	for outcome == commit.Answered && request.aside {
		if err := request.setAside(); err != nil {
			return AppendResult{}, err
		}
		if err := s.lookAhead(ctx, request.conditions); err != nil {
			return AppendResult{}, err
		}
		_, outcome = s.queue.Do(ctx, request, request.size, s.options.QueueTimeout)
	}
	switch outcome {
	case commit.Answered:
		return request.result, request.err
	case commit.Removed:
		return AppendResult{}, interrupted(ctx, "append")
	case commit.Abandoned:
		return AppendResult{}, NewError(CodeCommitUnknown,
			"the caller stopped waiting while the batch was being committed; query for it before appending it again").because(ctx.Err())
	case commit.NoRoom:
		return AppendResult{}, errQueueFull().because(ctx.Err())
	default:
		return AppendResult{}, ErrStoreClosed()
	}
}

// submit queues a request that nobody waits for.
func (s *Store) submit(ctx context.Context, request *appendRequest, done func(AppendResult, error)) error {
	leave, err := s.enterAppend()
	if err != nil {
		return err
	}
	stopWatching := func() bool { return true }
	ready := make(chan struct{})
	cancel, outcome := s.queue.Submit(request, request.size, func(_ *commit.Ticket[*appendRequest], outcome commit.Outcome) {
		<-ready
		stopWatching()
		result, err := AppendResult{}, error(ErrStoreClosed())
		switch {
		case outcome == commit.Removed:
			err = interrupted(ctx, "append")
		case outcome == commit.Answered && request.aside:
			if err = request.setAside(); err == nil {
				if s.submitAhead(ctx, request, done, leave) {
					return
				}
				err = errQueueFull()
			}
		case outcome == commit.Answered:
			result, err = request.result, request.err
		}
		leave()
		s.answer(done, result, err)
	})
	defer close(ready)
	switch outcome {
	case commit.Answered:
		if ctx.Done() != nil {
			stopWatching = context.AfterFunc(ctx, cancel)
		}
		return nil
	case commit.NoRoom:
		leave()
		return errQueueFull()
	default:
		leave()
		return ErrStoreClosed()
	}
}

func errQueueFull() *Error {
	return NewError(CodeBusy, "the queue of appends is full; nothing was written: try again later")
}

// newQueue makes the queue of appends, with bounds of what may wait and of what one transaction
// holds.
func newQueue(run func([]*commit.Ticket[*appendRequest]), answer func([]*commit.Ticket[*appendRequest], commit.Outcome)) *commit.Queue[*appendRequest] {
	return commit.New(commit.Bounds{
		CountMax: requestsPending, SizeMax: bytesPending,
		GroupCountMax: 2048, GroupSizeMax: 8 << 20,
	}, run, answer)
}
