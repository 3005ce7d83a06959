package factstr

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/factstr/factstr-go/core/jsonvalue"
)

// validateEvents checks a batch against the limits and returns its size in bytes.
func validateEvents(events []NewEvent, limits Limits) (size int, err error) {
	if len(events) == 0 {
		return 0, NewError(CodeEmptyAppend, "append requires at least one event")
	}
	if len(events) > limits.BatchEventsMax {
		return 0, NewError(CodeInvalidArgument, "events: %d events exceed the limit of %d events a batch; append them in several batches", len(events), limits.BatchEventsMax)
	}
	for i := range events {
		event := &events[i]
		if problem := textProblem(event.EventType, NameBytesMax); problem != "" {
			return 0, NewError(CodeInvalidArgument, "events[%d].event_type %s", i, problem)
		}
		if len(event.Payload) > limits.PayloadBytesMax {
			return 0, NewError(CodeInvalidArgument, "events[%d].payload has %d bytes; the limit is %d bytes a payload",
				i, len(event.Payload), limits.PayloadBytesMax)
		}
		if event.payloadIsProven() {
			// The caller checked it as a part of a larger text.
		} else if err := jsonvalue.Check(event.Payload, NestingMax); err != nil {
			return 0, NewError(CodeInvalidArgument, "events[%d].payload is not a JSON value that can be stored: %w", i,
				err)
		}
		size += len(event.EventType) + len(event.Payload)
	}
	if size > limits.BatchBytesMax {
		return 0, NewError(CodeInvalidArgument, "events: %d bytes exceed the limit of %d bytes a batch; append them in several batches", size, limits.BatchBytesMax)
	}
	return size, nil
}

// validateQuery checks a query against the limits and compiles it.
func validateQuery(field string, query EventQuery, limits Limits) (*Plan, error) {
	if query.fault != nil {
		return nil, NewError(CodeInvalidArgument, "%s: %w", field, query.fault)
	}
	if plan := query.knownPlan(); plan != nil {
		return plan, validateCursor(field, query)
	}
	// Counting comes first, so that refusing a large query costs little.
	if err := sizeOf(query).within(field+".filters", "a query", limits); err != nil {
		return nil, err
	}
	for i, filter := range query.Filters {
		for j, eventType := range filter.EventTypes {
			if problem := textProblem(eventType, NameBytesMax); problem != "" {
				return nil, NewError(CodeInvalidArgument, "%s.filters[%d].event_types[%d] %s", field, i, j, problem)
			}
		}
		for j, predicate := range filter.PayloadPredicates {
			if err := jsonvalue.Check(predicate, NestingMax); err != nil {
				return nil, NewError(CodeInvalidArgument,
					"%s.filters[%d].payload_predicates[%d] is not a JSON value: %w", field, i, j, err)
			}
		}
	}
	if err := validateCursor(field, query); err != nil {
		return nil, err
	}
	return compilePlan(query)
}

func validateCursor(field string, query EventQuery) error {
	if query.MinSequenceNumber != nil && *query.MinSequenceNumber > SequenceMax {
		return NewError(CodeInvalidArgument, "%s.min_sequence_number %d exceeds the highest sequence number %d",
			field, *query.MinSequenceNumber, uint64(SequenceMax))
	}
	return nil
}

// validateExpected checks an expected context version.
func validateExpected(expected *uint64) error {
	if expected != nil && *expected > SequenceMax {
		return NewError(CodeInvalidArgument, "expected context version %d exceeds the highest sequence number %d",
			*expected, uint64(SequenceMax))
	}
	return nil
}

// validateDurableName checks the name of a durable stream.
func validateDurableName(name string) error { return validateNameIn("durable.name", name) }

// validateNameIn checks the name of a durable stream in a field of that name.
func validateNameIn(field, name string) error {
	if name == "" {
		return NewError(CodeInvalidArgument, "%s is empty; give the stream a name", field)
	}
	if problem := textProblem(name, NameBytesMax); problem != "" {
		return NewError(CodeInvalidArgument, "%s %s", field, problem)
	}
	return nil
}

// textProblem returns what is wrong with a name or type, "" if nothing is.
func textProblem(text string, bytesMax int) string {
	switch {
	case len(text) > bytesMax:
		return fmt.Sprintf("is longer than %d bytes of UTF-8", bytesMax)
	case !utf8.ValidString(text):
		return "is not valid UTF-8"
	case strings.IndexByte(text, 0) >= 0:
		return "holds U+0000, which cannot be stored"
	}
	return ""
}
