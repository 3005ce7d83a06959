package factstr

import (
	"context"
	"errors"
	"fmt"
)

// The errors that backends make. Core and all stores use the same ones, so that a failure reads the
// same wherever it happens.

// NewError makes an Error from a code and a formatted message. An error formatted with %w is kept
// as the cause.
func NewError(code Code, format string, args ...any) *Error {
	wrapped := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: wrapped.Error(), Cause: errors.Unwrap(wrapped)}
}

// BackendFailure makes a CodeBackendFailure error: the backend could not do what was asked, and
// certainly committed nothing.
func BackendFailure(reason Reason, format string, args ...any) *Error {
	failure := NewError(CodeBackendFailure, format, args...)
	failure.Reason = reason
	return failure
}

// ContextEnded makes the error of a call whose context ended before the call was done. err is the
// context's error, which it wraps: CodeTimeout for context.DeadlineExceeded, else CodeCancelled.
func ContextEnded(err error, format string, args ...any) *Error {
	code := CodeCancelled
	if errors.Is(err, context.DeadlineExceeded) {
		code = CodeTimeout
	}
	return NewError(code, format, args...).because(err)
}

// ErrStoreClosed makes the error of every call of a store that closes or is closed.
func ErrStoreClosed() *Error {
	return NewError(CodeStoreClosed, "the store is closed; open it again")
}

// ErrStreamActive makes the error of Backend.ClaimStream for a name that is active.
func ErrStreamActive(name string) *Error {
	return NewError(CodeDurableStreamActive, "durable stream %q is already active; unsubscribe it there first, or use another name", name)
}

// ErrStreamLost makes the error that ends a stream whose name was taken over.
func ErrStreamLost(name string) *Error {
	return NewError(CodeDurableStreamLost, "durable stream %q was taken over by another store while this one was cut off; its cursor is that one's now", name)
}

// ErrQueryMismatch makes the error of Backend.ClaimStream for a name whose cursor belongs to
// another query.
func ErrQueryMismatch(name string) *Error {
	return NewError(CodeDurableStreamQueryMismatch,
		"durable stream %q was resumed with a different query; use the query it was registered with, or another name", name)
}
