package factstr

import (
	"context"
	"errors"
	"fmt"
)

// NewError makes an Error of a code and a formatted message. A trailing %w is kept as the cause.
func NewError(code Code, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: wrapped.Error(), Cause: errors.Unwrap(wrapped)}
}

// BackendFailure makes the error of a backend that could not do what was asked, and certainly did
// not commit.
func BackendFailure(reason Reason, format string, args ...any) *Error {
	failure := NewError(CodeBackendFailure, format, args...)
	failure.Reason = reason
	return failure
}

// ContextEnded makes the error of a call whose context ended before it was done: context.Canceled
// or context.DeadlineExceeded, which it wraps.
func ContextEnded(err error, format string, args ...any) *Error {
	code := CodeCancelled
	if errors.Is(err, context.DeadlineExceeded) {
		code = CodeTimeout
	}
	return NewError(code, format, args...).because(err)
}

// ErrStoreClosed is the answer to every call of a store that closes or is closed.
func ErrStoreClosed() *Error {
	return NewError(CodeStoreClosed, "the store is closed; open it again")
}

// ErrStreamActive is the answer of ClaimStream when the name is active.
func ErrStreamActive(name string) *Error {
	return NewError(CodeDurableStreamActive, "durable stream %q is already active; unsubscribe it there first, or use another name", name)
}

// ErrStreamLost is why a stream ends whose name was taken over.
func ErrStreamLost(name string) *Error {
	return NewError(CodeDurableStreamLost, "durable stream %q was taken over by another store while this one was cut off; its cursor is that one's now", name)
}

// ErrQueryMismatch is the answer of ClaimStream when the name's cursor belongs to another query.
func ErrQueryMismatch(name string) *Error {
	return NewError(CodeDurableStreamQueryMismatch, "durable stream %q was resumed with a different query; use the query it was registered with, or another name", name)
}
