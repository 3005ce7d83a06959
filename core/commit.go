package factstr

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/factstr/factstr-go/core/internal/commit"
)

// runGroup commits a group, puts the results into its requests, and commits those that are to be
// decided again. The goroutine that leads the queue calls it, one at a time.
func (s *Store) runGroup(tickets []*commit.Ticket[*appendRequest]) {
	requests := make([]*appendRequest, len(tickets))
	var told AnswerTaker
	for i, ticket := range tickets {
		requests[i] = ticket.Request
		if taker := ticket.Request.taker; taker != nil && taker != told {
			s.tells.Once(TaskCallback, taker.GroupTaken)
			told = taker
		}
	}
	for len(requests) > 0 {
		s.runRequests(requests)
		requests = slices.DeleteFunc(requests, func(request *appendRequest) bool { return !request.again })
	}
}

// runAtOnce is runGroup for one request, on a thread that must not wait for anything but the disk.
// It reports false if runGroup must carry it out.
func (s *Store) runAtOnce(ticket *commit.Ticket[*appendRequest]) (done bool) {
	backend, can := s.backend.(NearCommitter)
	if !can || s.poison.Load() != nil {
		return false
	}
	requests := []*appendRequest{ticket.Request}
	group := &Group{store: s, requests: requests, atOnce: true}
	woken := s.log.waker.woken.Load()
	err := s.commitGuarded(group, backend.CommitAtOnce)
	if errors.Is(err, ErrWouldWait) {
		return false
	}
	_ = s.settleGroup(group, err)
	ticket.Request.woken.Store(int32(s.log.waker.woken.Load() - woken))
	return !ticket.Request.again
}

func (s *Store) runRequests(requests []*appendRequest) {
	err := s.commitGroup(requests)
	if err == nil || len(requests) == 1 || s.poison.Load() != nil || !mayBeOneRequests(err) {
		return
	}
	s.counters.groupsRetried.Add(1)
	if tell, untold := s.retried.pass(); tell {
		s.tells.Tell(LogGroupRetried, fmt.Sprintf("a group of %d appends failed and is tried again one by one: %v",
			len(requests), err),
			"appends", len(requests), "code", string(err.Code), "error", err.Error(), "untold", untold)
	}
	// The group was rolled back. The cause may be one request, or the group's size: now each
	// request gets a transaction and a result of its own.
	for _, request := range requests {
		_ = s.commitGroup([]*appendRequest{request})
	}
}

// mayBeOneRequests reports whether one request of a group may be the cause of its failure. A lock
// that could not be taken, a lost connection or a read-only server concerns all of them.
func mayBeOneRequests(err *Error) bool {
	switch err.Code {
	case CodeBusy, CodeStoreClosed, CodeTimeout, CodeReadOnly:
		return false
	}
	return err.Reason != ReasonConnection && err.Reason != ReasonPermission
}

// commitGroup commits one group. It returns an error if the group as a whole failed and nothing was
// written; its requests then hold that error.
func (s *Store) commitGroup(requests []*appendRequest) *Error {
	if poison := s.poison.Load(); poison != nil {
		answerAll(requests, *poison)
		return *poison
	}
	group := &Group{store: s, requests: requests}
	return s.settleGroup(group, s.commitGuarded(group, s.backend.Commit))
}

// settleGroup puts the outcome of a commit into the group's requests.
func (s *Store) settleGroup(group *Group, err error) *Error {
	if err == nil {
		if len(group.write.Records) > 0 {
			s.log.publish(group.write.Records[0].SequenceNumber-1, group.write.Records, group.write.Boundaries, group.facts)
			s.counters.committed(group.requests)
		}
		return nil
	}
	if group.committing && certainlyNotCommitted(err) == nil {
		s.commitUnknown(group, err)
		return nil
	}
	answer := certainlyNotCommitted(err)
	if answer == nil {
		answer = NewError(CodeInternal, "%s store: %w", s.backend.Kind(), err)
	}
	for _, request := range group.requests {
		// A conflict with committed facts stands, whatever became of the group.
		if request.err == nil || request.onGroup || group.proposed {
			request.result, request.err, request.again, request.aside = AppendResult{}, answer, false, false
		}
	}
	return answer
}

// commitUnknown answers a group whose commit may or may not have happened. Unless the backend finds
// out by itself what the log holds (Recoverer), the store is poisoned: appends fail until it is
// opened again.
func (s *Store) commitUnknown(group *Group, cause error) {
	const unknown = "the commit ended in an unknown state (%w); query for the batch before appending it again"
	if _, goesOn := s.backend.(Recoverer); goesOn {
		s.tells.Tell(LogCommitInDoubt, fmt.Sprintf("a commit ended in an unknown state: %v", cause),
			"error", cause.Error(), "unresolved", true)
		for _, request := range group.requests {
			if request.accepted {
				request.result, request.err = AppendResult{}, NewError(CodeCommitUnknown, unknown, cause)
			} else {
				request.again = request.again || isConflict(request.err) && (request.onGroup || group.proposed)
			}
		}
		return
	}
	poison := NewError(CodeInvalidState, "an earlier commit ended in an unknown state (%v); close the store and open it again", cause)
	s.poison.CompareAndSwap(nil, &poison)
	s.tells.Tell(LogStorePoisoned, fmt.Sprintf("a commit ended in an unknown state: %v; appends are refused until the store is opened again", cause), "error", cause.Error())
	for _, request := range group.requests {
		switch {
		case request.accepted:
			request.result = AppendResult{}
			request.err = NewError(CodeCommitUnknown, "open the store again: "+unknown, cause)
		case request.onGroup:
			request.err = poison
		}
	}
}

// commitGuarded calls the backend and turns a panic into an error: before EnterCommit nothing was
// written, after it the outcome is unknown.
func (s *Store) commitGuarded(group *Group, commit func(context.Context, *Group) error) (err error) {
	defer func() {
		if reason := recover(); reason != nil {
			failure := s.panicked(TaskAppend, reason)
			if group.committing {
				failure.Code = CodeCommitUnknown
			}
			err = failure
		}
	}()
	begun := time.Now()
	err = commit(s.context, group)
	if err == nil && group.committing {
		s.timed(time.Since(begun))
	}
	return err
}

// certainlyNotCommitted returns err as an *Error if its code says that nothing was committed, else
// nil.
func certainlyNotCommitted(err error) *Error {
	var known *Error
	if errors.As(err, &known) && known.Code != CodeCommitUnknown {
		return known
	}
	return nil
}

// answerAll gives all requests the same error.
func answerAll(requests []*appendRequest, answer *Error) {
	for _, request := range requests {
		request.result, request.err = AppendResult{}, answer
	}
}
