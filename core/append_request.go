package factstr

import "github.com/factstr/factstr-go/core/internal/terms"

// appendRequest is one batch on its way through the queue. The group that takes it owns it until it
// is answered.
type appendRequest struct {
	events    []NewEvent
	facts     [][]terms.Term // the terms of each event; nil if nobody is likely to ask for them
	size      int
	condition *condition

	result   AppendResult
	err      error
	accepted bool // its facts are part of what the group writes
	onGroup  bool // it conflicts with facts of its own group, which may yet fail to commit
	again    bool // to be decided again in another group: its conflict does not stand, or the group had no time left
	aside    bool // set aside: its condition costs too much under the lock, so its caller looks ahead once more
	asides   int  // how often it was set aside

	// of a request of AppendTogether
	tag   any
	taker AnswerTaker
}

// appendRequest validates a batch. It also reads the terms of its events if the tail will index
// them: here, since the leader of a group would do it for all of its callers.
func (s *Store) appendRequest(events []NewEvent) (*appendRequest, error) {
	size, err := validateEvents(events, s.options.Limits)
	if err != nil {
		return nil, err
	}
	request := &appendRequest{events: events, size: size}
	if s.options.TailEvents >= 0 {
		request.facts = termsOf(events)
	}
	return request, nil
}

// appendIfRequest validates a conditional batch and compiles its condition.
func (s *Store) appendIfRequest(events []NewEvent, query EventQuery, expected *uint64) (*appendRequest, error) {
	request, err := s.appendRequest(events)
	if err != nil {
		return nil, err
	}
	if err := validateExpected(expected); err != nil {
		return nil, err
	}
	plan, err := validateQuery("query", query, s.options.Limits)
	if err != nil {
		return nil, err
	}
	request.condition = &condition{plan: plan, expected: expected}
	if request.facts == nil {
		request.facts = termsOf(events) // the conditions of others in the group will ask for them
	}
	return request, nil
}

// setAside counts how often the request was set aside, and fails after asidesMax times.
func (r *appendRequest) setAside() error {
	if r.asides++; r.asides <= asidesMax {
		return nil
	}
	return NewError(CodeBusy, "append_if: what others append meanwhile takes too long to be compared with the query's payload_predicates; nothing was written: try again, or ask for event_types or less")
}
