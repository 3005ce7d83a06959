package factstr

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// Code tells what kind of error happened. The set is closed; callers act on the code, never on the
// message. A Code is itself an error, so that errors.Is(err, factstr.CodeBusy) holds for every
// *Error with that code.
type Code string

const (
	CodeEmptyAppend                Code = "EmptyAppend"
	CodeConditionalAppendConflict  Code = "ConditionalAppendConflict"
	CodeNotImplemented             Code = "NotImplemented"
	CodeBackendFailure             Code = "BackendFailure"
	CodeInvalidArgument            Code = "InvalidArgument"
	CodeInvalidHandle              Code = "InvalidHandle"
	CodeInvalidState               Code = "InvalidState"
	CodeReadOnly                   Code = "ReadOnly"
	CodeStoreClosed                Code = "StoreClosed"
	CodeBusy                       Code = "Busy"
	CodeTimeout                    Code = "Timeout"
	CodeCancelled                  Code = "Cancelled"
	CodeCommitUnknown              Code = "CommitUnknown"
	CodeUnsupportedFormat          Code = "UnsupportedFormat"
	CodeCorrupt                    Code = "Corrupt"
	CodeLogTruncated               Code = "LogTruncated"
	CodeDurableStreamActive        Code = "DurableStreamActive"
	CodeDurableStreamQueryMismatch Code = "DurableStreamQueryMismatch"
	CodeDurableStreamLost          Code = "DurableStreamLost"
	CodeHandlerFailed              Code = "HandlerFailed"
	CodeForked                     Code = "Forked"
	CodeInternal                   Code = "Internal"
)

func (c Code) Error() string { return string(c) }

// Reason says more about a BackendFailure. The set is closed.
type Reason string

const (
	ReasonMissingPath Reason = "missing_path"
	ReasonPermission  Reason = "permission"
	ReasonDiskFull    Reason = "disk_full"
	ReasonConnection  Reason = "connection"
	ReasonIO          Reason = "io"
	ReasonOther       Reason = "other"
)

// Error is the one error type of the package and its stores.
type Error struct {
	Code    Code
	Message string
	// Reason is set with CodeBackendFailure.
	Reason Reason
	// Conflict is set with CodeConditionalAppendConflict.
	Conflict *ConditionalAppendConflict
	// Store and Operation are set with CodeNotImplemented.
	Store, Operation string
	// Cause is the error underneath, if any.
	Cause error
}

// ConditionalAppendConflict holds the context version that the caller expected and the one that was
// found. nil means that no fact matches.
type ConditionalAppendConflict struct {
	ExpectedContextVersion *uint64
	ActualContextVersion   *uint64
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is(err, CodeX) work.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// CodeOf returns the code of an error; CodeInternal for errors that are not this package's, "" for
// nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var known *Error
	if errors.As(err, &known) {
		return known.Code
	}
	var code Code
	if errors.As(err, &code) {
		return code
	}
	return CodeInternal
}

func conflictError(expected, actual *uint64) *Error {
	return &Error{
		Code:     CodeConditionalAppendConflict,
		Message:  fmt.Sprintf("context version mismatch: expected %s, actual %s", versionText(expected), versionText(actual)),
		Conflict: &ConditionalAppendConflict{ExpectedContextVersion: expected, ActualContextVersion: actual},
	}
}

func isConflict(err error) bool { return CodeOf(err) == CodeConditionalAppendConflict }

func versionText(version *uint64) string {
	if version == nil {
		return "none"
	}
	return strconv.FormatUint(*version, 10)
}

// interrupted is the answer to a caller whose context ended while nothing was committed for it.
func interrupted(ctx context.Context, what string) *Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ended(ctx, "%s did not start within the caller's time limit; nothing was written: try again", what)
	}
	return ended(ctx, "%s was cancelled before it started; nothing was written", what)
}

// ended is the answer to a caller whose context ended, with that as the cause: CodeTimeout at its
// deadline, else CodeCancelled.
func ended(ctx context.Context, format string, args ...any) *Error {
	code := CodeCancelled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = CodeTimeout
	}
	return NewError(code, format, args...).because(ctx.Err())
}

// because adds what errors.Is and errors.As find underneath.
func (e *Error) because(cause error) *Error {
	e.Cause = errors.Join(e.Cause, cause)
	return e
}
