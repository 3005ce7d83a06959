package factstr

import (
	"errors"
	"fmt"
)

// String names the stream in messages.
func (st *EventStream) String() string {
	if st.durable != nil {
		return fmt.Sprintf("durable stream %q", st.durable.name)
	}
	if st.complete {
		return fmt.Sprintf("stream %d", st.number)
	}
	return fmt.Sprintf("live stream %d", st.number)
}

func (st *EventStream) attributes() []any {
	attributes := []any{"stream", st.number}
	if st.durable != nil {
		attributes = append(attributes, "durable_name", st.durable.name)
	}
	return attributes
}

// tellFailed logs a failure of the handler that does not end the stream, one a second at most.
func (st *EventStream) tellFailed(err error, batch []EventRecord, attempt int, goesOn string) {
	tell, skipped := st.failed.pass()
	if !tell {
		return
	}
	attributes := append(st.attributes(), "error", err.Error(), "first", batch[0].SequenceNumber,
		"last", batch[len(batch)-1].SequenceNumber, "attempt", attempt+1)
	if stack := stackOf(err); stack != "" {
		attributes = append(attributes, "stack", stack)
	}
	if skipped > 0 {
		attributes = append(attributes, "untold", skipped)
	}
	st.store.tells.Tell(LogHandlerFailed, fmt.Sprintf("%s: %v, at the batch of %d to %d%s", st, err,
		batch[0].SequenceNumber, batch[len(batch)-1].SequenceNumber, goesOn), attributes...)
}

// tellRest logs how many failures tellFailed has skipped.
func (st *EventStream) tellRest(now string) {
	if untold := st.failed.rest(); untold > 0 {
		st.store.tells.Tell(LogHandlerFailed, fmt.Sprintf("%s: the handler failed %d more times%s", st, untold, now),
			append(st.attributes(), "untold", untold)...)
	}
}

// tellEnd logs an end by failure.
func (st *EventStream) tellEnd(reason error) {
	st.tellRest(" before the stream ended")
	if reason == nil || CodeOf(reason) == CodeStoreClosed {
		return
	}
	attributes := append(st.attributes(), "code", string(CodeOf(reason)), "error", reason.Error(),
		"position", st.position.Load(), "stored_cursor", st.stored.Load())
	if CodeOf(reason) == CodeDurableStreamLost {
		st.store.tells.Tell(LogLeaseLost, reason.Error(), st.attributes()...)
	}
	if stack := stackOf(reason); stack != "" {
		attributes = append(attributes, "stack", stack)
	}
	st.store.tells.Tell(LogStreamEnded, fmt.Sprintf("%s ended: %v", st, reason), attributes...)
}

func stackOf(err error) string {
	var failure *StreamHandlerError
	if errors.As(err, &failure) {
		return failure.stack
	}
	return ""
}
