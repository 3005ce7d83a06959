package objects

import (
	"context"

	factstr "github.com/factstr/factstr-go/core"
	"github.com/factstr/factstr-go/interop"

	"github.com/factstr/factstr-go/capi/internal/guard"
)

// Append is an append of any kind, as the caller gave it. Its texts are the caller's memory.
type Append struct {
	kind     appendKind
	events   []byte
	about    []byte  // the query of an append_if, the conditions of an append_when
	expected *uint64 // of an append_if
}

type appendKind uint8

const (
	plain appendKind = iota
	onVersion
	onConditions
)

// PlainAppend is an append without conditions.
func PlainAppend(events []byte) Append { return Append{kind: plain, events: events} }

// AppendIf is an append on the version of a context.
func AppendIf(events, query []byte, expected *uint64) Append {
	return Append{kind: onVersion, events: events, about: query, expected: expected}
}

// AppendWhen is an append on conditions.
func AppendWhen(events, conditions []byte) Append {
	return Append{kind: onConditions, events: events, about: conditions}
}

// decodedAppend is an Append without its texts.
type decodedAppend struct {
	kind       appendKind
	batch      []factstr.NewEvent
	query      factstr.EventQuery
	expected   *uint64
	conditions []factstr.AppendCondition
}

// decode reads the texts. The events come first, so that an empty batch is CodeEmptyAppend whatever
// else is wrong (G4).
func (s *Store) decode(given Append) (decoded decodedAppend, err error) {
	decoded = decodedAppend{kind: given.kind, expected: given.expected}
	if decoded.batch, err = interop.DecodeEvents(given.events, s.limits); err != nil {
		return decoded, err
	}
	switch given.kind {
	case onVersion:
		if given.about == nil {
			return decoded, factstr.NewError(factstr.CodeInvalidArgument,
				"query is NULL; pass {} to make all events the context")
		}
		decoded.query, err = s.decodeQuery(given.about)
	case onConditions:
		if given.about == nil {
			return decoded, factstr.NewError(factstr.CodeInvalidArgument,
				"conditions is NULL; pass an array of conditions")
		}
		decoded.conditions, err = interop.DecodeConditions(given.about, s.limits)
	}
	return decoded, err
}

// Append appends a batch and waits for the answer.
func (s *Store) Append(given Append) Answer {
	decoded, err := s.decode(given)
	if err != nil {
		return s.failed(err)
	}
	var result factstr.AppendResult
	switch ctx := context.Background(); decoded.kind {
	case onVersion:
		result, err = s.core.AppendIf(ctx, decoded.batch, decoded.query, decoded.expected)
	case onConditions:
		result, err = s.core.AppendWhen(ctx, decoded.batch, decoded.conditions)
	default:
		result, err = s.core.Append(ctx, decoded.batch)
	}
	return Answer{Append: result, Err: err, codec: s.codec}
}

// SubmitAppend submits an append and returns at once, with the handle of the request if the target
// wants one.
func (s *Store) SubmitAppend(given Append, target Target) (request uint64, err error) {
	decoded, err := s.decode(given)
	if err != nil {
		return 0, err
	}
	sub := &submission{target: target}
	return s.submit(sub, func() error {
		switch decoded.kind {
		case onVersion:
			return s.core.AppendIfAsync(sub.context, decoded.batch, decoded.query, decoded.expected, sub.appended)
		case onConditions:
			return s.core.AppendWhenAsync(sub.context, decoded.batch, decoded.conditions, sub.appended)
		default:
			return s.core.AppendAsync(sub.context, decoded.batch, sub.appended)
		}
	})
}

// PrepareAppend decodes and validates a batch for AppendTogether.
func (s *Store) PrepareAppend(given Append, tag any, taker factstr.AnswerTaker) (prepared *factstr.PreparedAppend, err error) {
	err = guard.Call(&s.Poison, func() error {
		if err := s.Err(); err != nil {
			return err
		}
		decoded, err := s.decode(given)
		if err != nil {
			return err
		}
		switch decoded.kind {
		case onVersion:
			prepared, err = s.core.PrepareAppendIf(decoded.batch, decoded.query, decoded.expected, tag, taker)
		case onConditions:
			prepared, err = s.core.PrepareAppendWhen(decoded.batch, decoded.conditions, tag, taker)
		default:
			prepared, err = s.core.PrepareAppend(decoded.batch, tag, taker)
		}
		return err
	})
	return prepared, err
}

// AppendTogether queues batches and returns. Their taker gets the answers, except where Err of a
// batch is set. woken is how many streams it has woken.
func (s *Store) AppendTogether(batches []*factstr.PreparedAppend) (woken int) {
	return s.core.AppendTogether(batches)
}

// AppendAtOnce appends a batch if nobody but the disk must be waited for; else answered is false,
// and nothing was appended.
func (s *Store) AppendAtOnce(given Append) (answer Answer, woken int, answered bool) {
	if s.InMemory {
		return s.Append(given), 0, true
	}
	prepared, err := s.PrepareAppend(given, nil, nil)
	if err != nil {
		return s.failed(err), 0, true
	}
	result, woken, answered, err := s.core.AppendAtOnce(prepared)
	return Answer{Append: result, Err: err, codec: s.codec}, woken, answered
}

// Answered makes the Answer of an append.
func (s *Store) Answered(answer *factstr.AppendAnswer) Answer {
	return Answer{Append: answer.Result, Err: answer.Err, codec: s.codec}
}
