package factstr

import (
	"context"
	"slices"

	"github.com/factstr/factstr-go/core/internal/commit"
)

// PreparedAppend is a batch for [Store.AppendTogether].
type PreparedAppend struct {
	// Err is set by AppendTogether if the batch was not queued. No answer follows then.
	Err error

	request *appendRequest
	ahead   bool // facts that are not in memory must be read before it is queued
}

// AppendAnswer is the result of one batch of [Store.AppendTogether].
type AppendAnswer struct {
	Tag    any
	Result AppendResult
	Err    error
}

// AnswerTaker takes the answers of [Store.AppendTogether].
type AnswerTaker interface {
	// GroupTaken is called before a group with one or more of its batches is committed: batches
	// that are queued from now on are answered later. It must be as quick as TakeAnswers. A lone
	// batch that is committed at once is not announced.
	GroupTaken()

	// TakeAnswers takes answers, usually all of a group at once. It is called on the goroutine that
	// commits, and the next group waits for it: it must be quick, and must not call the store. Its
	// callers wait for their answers elsewhere, and those that it wakes may be in the next group.
	TakeAnswers(answers []AppendAnswer)
}

// PrepareAppend validates a batch for [Store.AppendTogether]. The answer goes to taker, with the
// tag. Takers are compared, and so must be comparable.
func (s *Store) PrepareAppend(events []NewEvent, tag any, taker AnswerTaker) (*PreparedAppend, error) {
	request, err := s.appendRequest(events)
	if err != nil {
		return nil, err
	}
	request.tag, request.taker = tag, taker
	return &PreparedAppend{request: request}, nil
}

// PrepareAppendIf validates a conditional batch, see [Store.AppendIf] and [Store.PrepareAppend].
func (s *Store) PrepareAppendIf(events []NewEvent, query EventQuery, expected *uint64, tag any, taker AnswerTaker) (*PreparedAppend, error) {
	request, err := s.appendIfRequest(events, query, expected)
	if err != nil {
		return nil, err
	}
	return s.preparedConditional(request, tag, taker), nil
}

// PrepareAppendWhen validates a batch and its conditions, see [Store.AppendWhen] and
// [Store.PrepareAppend].
func (s *Store) PrepareAppendWhen(events []NewEvent, conditions []AppendCondition, tag any,
	taker AnswerTaker) (*PreparedAppend, error) {
	request, err := s.appendWhenRequest(events, conditions)
	if err != nil {
		return nil, err
	}
	return s.preparedConditional(request, tag, taker), nil
}

func (s *Store) preparedConditional(request *appendRequest, tag any, taker AnswerTaker) *PreparedAppend {
	request.tag, request.taker = tag, taker
	return &PreparedAppend{request: request, ahead: s.looksAheadApart(request.conditions)}
}

// AppendTogether queues batches, each of which is appended or fails by itself, and returns at once.
// It is for a program whose callers wait outside of Go and are woken in bulk, as those of a C
// library.
//
// A lone batch may be committed before it returns, on the goroutine that calls. Then woken is how
// many streams began to wait for a processor because of it, and a thread that leaves Go next should
// yield its own to them, if they are few: the runtime may take milliseconds to notice that nobody
// uses it.
func (s *Store) AppendTogether(batches []*PreparedAppend) (woken int) {
	requests := make([]*appendRequest, 0, len(batches))
	for _, batch := range batches {
		if _, batch.Err = s.enterAppend(); batch.Err != nil {
			continue
		}
		if batch.ahead && !(len(batches) == 1 && s.lookAheadAtOnce(batch.request.conditions)) {
			if !s.aheadTogether(batch.request) {
				s.leave()
				batch.Err = errQueueFull()
			}
		} else {
			requests = append(requests, batch.request)
		}
	}
	queued, outcome := s.queueTogether(requests)
	for _, batch := range batches {
		if slices.Contains(requests[queued:], batch.request) {
			s.leave()
			batch.Err = notQueued(outcome)
		}
	}
	for _, batch := range batches {
		woken += int(batch.request.woken.Load())
	}
	return woken
}

func (s *Store) queueTogether(requests []*appendRequest) (queued int, outcome commit.Outcome) {
	if len(requests) == 0 {
		return 0, commit.Answered
	}
	return s.queue.SubmitTogether(requests, func(request *appendRequest) int { return request.size })
}

func notQueued(outcome commit.Outcome) error {
	if outcome == commit.NoRoom {
		return errQueueFull()
	}
	return ErrStoreClosed()
}

// aheadTogether looks ahead for a request, queues it, and answers it if that fails, all on another
// goroutine. It reports false if there is no room for it.
func (s *Store) aheadTogether(request *appendRequest) bool {
	var err error
	return s.ahead.add(context.Background(), &aheadJob{
		size: request.size,
		look: func() { err = s.lookAheadGuarded(context.Background(), request.conditions) },
		then: func() {
			if err == nil {
				queued, outcome := s.queueTogether([]*appendRequest{request})
				if queued == 1 {
					return
				}
				err = notQueued(outcome)
			}
			s.tell([]AppendAnswer{{Tag: request.tag, Err: err}}, request.taker)
		},
	})
}

// answerTogether answers the requests of AppendTogether in a group. Those that were set aside are
// looked at once more.
func (s *Store) answerTogether(tickets []*commit.Ticket[*appendRequest], outcome commit.Outcome) {
	answers := make([]AppendAnswer, 0, len(tickets))
	var taker AnswerTaker
	for _, ticket := range tickets {
		request := ticket.Request
		answer := AppendAnswer{Tag: request.tag, Result: request.result, Err: request.err}
		if outcome != commit.Answered {
			answer = AppendAnswer{Tag: request.tag, Err: ErrStoreClosed()}
		} else if request.aside {
			err := request.setAside()
			if err == nil {
				if s.aheadTogether(request) {
					continue
				}
				err = errQueueFull()
			}
			answer = AppendAnswer{Tag: request.tag, Err: err}
		}
		if taker != request.taker {
			s.tell(answers, taker)
			answers, taker = nil, request.taker
		}
		answers = append(answers, answer)
	}
	s.tell(answers, taker)
}

// tell hands answers over and ends their calls. A panic in the taker is logged.
func (s *Store) tell(answers []AppendAnswer, taker AnswerTaker) {
	if len(answers) == 0 {
		return
	}
	s.tells.Once(TaskCallback, func() { taker.TakeAnswers(answers) })
	s.life.Lock()
	defer s.life.Unlock()
	s.calls -= len(answers)
	if s.closing && s.calls == 0 {
		close(s.lastCall)
	}
}
