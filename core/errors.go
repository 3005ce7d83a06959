package factstr

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// Code is the kind of an error. The set is closed; callers act on the code, never on the message. A
// Code is itself an error, so that errors.Is(err, factstr.CodeBusy) holds for every *Error with
// that code.
type Code string

const (
	// CodeEmptyAppend: an append without events.
	CodeEmptyAppend Code = "EmptyAppend"
	// CodeConditionalAppendConflict: the context has changed; Error.Conflict has both versions.
	CodeConditionalAppendConflict Code = "ConditionalAppendConflict"
	// CodeNotImplemented: the store kind cannot do this; see Error.Store and Error.Operation.
	CodeNotImplemented Code = "NotImplemented"
	// CodeBackendFailure: the store's file or server failed; Error.Reason says more.
	CodeBackendFailure Code = "BackendFailure"
	// CodeInvalidArgument: an argument is malformed or exceeds a limit.
	CodeInvalidArgument Code = "InvalidArgument"
	// CodeInvalidHandle: a handle of the C library is unknown or closed.
	CodeInvalidHandle Code = "InvalidHandle"
	// CodeInvalidState: the call does not fit the state of the store, stream or file.
	CodeInvalidState Code = "InvalidState"
	// CodeReadOnly: the database cannot be written.
	CodeReadOnly Code = "ReadOnly"
	// CodeStoreClosed: the store is closed or closes.
	CodeStoreClosed Code = "StoreClosed"
	// CodeBusy: a queue was full or a lock was held for too long. Try again.
	CodeBusy Code = "Busy"
	// CodeTimeout: the caller's deadline passed before the call did anything.
	CodeTimeout Code = "Timeout"
	// CodeCancelled: the caller's context was cancelled before the call did anything.
	CodeCancelled Code = "Cancelled"
	// CodeCommitUnknown: the batch may or may not be in the log. Query for it before appending it
	// again.
	CodeCommitUnknown Code = "CommitUnknown"
	// CodeUnsupportedFormat: the database is not a store of a version that this one can open.
	CodeUnsupportedFormat Code = "UnsupportedFormat"
	// CodeCorrupt: a stored fact cannot be read.
	CodeCorrupt Code = "Corrupt"
	// CodeLogTruncated: the log was replaced, or ends before a fact that was known.
	CodeLogTruncated Code = "LogTruncated"
	// CodeDurableStreamActive: another stream, maybe of another process, holds the durable name.
	CodeDurableStreamActive Code = "DurableStreamActive"
	// CodeDurableStreamQueryMismatch: the durable name was registered with another query.
	CodeDurableStreamQueryMismatch Code = "DurableStreamQueryMismatch"
	// CodeDurableStreamLost: another store took the durable name over.
	CodeDurableStreamLost Code = "DurableStreamLost"
	// CodeHandlerFailed: a durable stream's handler failed, and no redelivery is left.
	CodeHandlerFailed Code = "HandlerFailed"
	// CodeForked: the process was forked after the store was opened.
	CodeForked Code = "Forked"
	// CodeInternal: a defect of the library.
	CodeInternal Code = "Internal"
)

func (c Code) Error() string { return string(c) }

// Reason says more about a CodeBackendFailure. The set is closed.
type Reason string

const (
	ReasonMissingPath Reason = "missing_path" // a folder, file, schema or table is missing
	ReasonPermission  Reason = "permission"   // the user or the role lacks a right
	ReasonDiskFull    Reason = "disk_full"    // there is no space left
	ReasonConnection  Reason = "connection"   // the server cannot be reached, or the connection broke
	ReasonIO          Reason = "io"           // reading or writing a file failed
	ReasonOther       Reason = "other"        // something else, see the message
)

// Error is the one error type of this package and of all stores.
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

// ConditionalAppendConflict holds the context version that the caller expected and the version that
// was found. nil stands for a context without facts.
type ConditionalAppendConflict struct {
	ExpectedContextVersion *uint64
	ActualContextVersion   *uint64
	// ConditionIndex says which condition of AppendWhen did not hold; nil for AppendIf.
	ConditionIndex *int
}

func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

func (e *Error) Unwrap() error { return e.Cause }

// Is makes errors.Is(err, CodeX) work.
func (e *Error) Is(target error) bool {
	code, ok := target.(Code)
	return ok && code == e.Code
}

// CodeOf returns the code of an error: CodeInternal for an error of another package, "" for nil.
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
		Code: CodeConditionalAppendConflict,
		Message: fmt.Sprintf("context version mismatch: expected %s, actual %s", versionText(expected),
			versionText(actual)),
		Conflict: &ConditionalAppendConflict{ExpectedContextVersion: expected, ActualContextVersion: actual},
	}
}

// brokenCondition is the conflict of a condition of AppendWhen.
func brokenCondition(index int, after, newest uint64) *Error {
	return &Error{
		Code: CodeConditionalAppendConflict,
		Message: fmt.Sprintf("conditions[%d] does not hold: a fact after %d matches, the newest one is %d", index,
			after, newest),
		Conflict: &ConditionalAppendConflict{ActualContextVersion: &newest, ConditionIndex: &index},
	}
}

func isConflict(err error) bool { return CodeOf(err) == CodeConditionalAppendConflict }

func versionText(version *uint64) string {
	if version == nil {
		return "none"
	}
	return strconv.FormatUint(*version, 10)
}

// interrupted makes the error of a call whose context ended before anything was committed for it.
func interrupted(ctx context.Context, what string) *Error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ended(ctx, "%s did not start within the caller's time limit; nothing was written: try again", what)
	}
	return ended(ctx, "%s was cancelled before it started; nothing was written", what)
}

// ended makes the error of a call whose context ended, with the context's error as its cause:
// CodeTimeout after its deadline, else CodeCancelled.
func ended(ctx context.Context, format string, args ...any) *Error {
	code := CodeCancelled
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = CodeTimeout
	}
	return NewError(code, format, args...).because(ctx.Err())
}

// because adds a cause, which errors.Is and errors.As find.
func (e *Error) because(cause error) *Error {
	e.Cause = errors.Join(e.Cause, cause)
	return e
}
