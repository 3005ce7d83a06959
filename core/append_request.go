package factstr

import (
	"fmt"
	"sync/atomic"

	"github.com/factstr/factstr-go/core/internal/terms"
)

// appendRequest is one batch on its way through the queue. The group that takes it owns it until it
// is answered.
type appendRequest struct {
	events     []NewEvent
	facts      [][]terms.Term // the terms of each event; nil if nobody is likely to ask for them
	size       int
	conditions []condition

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
	// how many streams its commit has woken, if that was done at once; one that is looked ahead for
	// may be at that meanwhile, on another goroutine
	woken atomic.Int32
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
	request.expect(sizeOf(query), condition{plan: plan, expected: expected})
	return request, nil
}

// appendWhenRequest validates a batch and compiles its conditions.
func (s *Store) appendWhenRequest(events []NewEvent, conditions []AppendCondition) (*appendRequest, error) {
	request, err := s.appendRequest(events)
	if err != nil {
		return nil, err
	}
	if len(conditions) > ConditionsMax {
		return nil, NewError(CodeInvalidArgument, "conditions: %d conditions exceed the limit of %d",
			len(conditions), ConditionsMax)
	}
	size := sizeOfConditions(conditions)
	if err := size.within("conditions", "an append", s.options.Limits); err != nil {
		return nil, err
	}
	compiled := make([]condition, len(conditions))
	for i := range conditions {
		plan, err := validateQuery(fmt.Sprintf("conditions[%d].fail_if_events_match", i),
			conditions[i].FailIfEventsMatch, s.options.Limits)
		if err != nil {
			return nil, err
		}
		if conditions[i].After > SequenceMax {
			return nil, NewError(CodeInvalidArgument, "conditions[%d].after %d exceeds the highest sequence number %d", i,
				conditions[i].After, uint64(SequenceMax))
		}
		compiled[i] = condition{plan: plan, bounded: true, after: conditions[i].After, index: i}
	}
	request.expect(size, compiled...)
	return request, nil
}

// expect sets the conditions, which have that size together. The conditions of others in its group
// will ask for its terms, too.
func (r *appendRequest) expect(size querySize, conditions ...condition) {
	r.conditions = conditions
	r.size += size.bytes()
	if r.facts == nil && len(conditions) > 0 {
		r.facts = termsOf(r.events)
	}
}

// setAside counts how often the request was set aside, and fails after asidesMax times.
func (r *appendRequest) setAside() error {
	if r.asides++; r.asides <= asidesMax {
		return nil
	}
	return NewError(CodeBusy, "conditional append: what others append meanwhile takes too long to be compared with the payload_predicates of its condition; nothing was written: try again, or ask for event_types or less")
}
