package main

// #include "bridge.h"
import "C"

import (
	"errors"

	factstr "github.com/factstr/factstr-go/core"

	"github.com/factstr/factstr-go/capi/internal/objects"
)

var statuses = map[factstr.Code]C.factstr_status{
	factstr.CodeEmptyAppend:                C.FACTSTR_EMPTY_APPEND,
	factstr.CodeConditionalAppendConflict:  C.FACTSTR_CONDITIONAL_APPEND_CONFLICT,
	factstr.CodeNotImplemented:             C.FACTSTR_NOT_IMPLEMENTED,
	factstr.CodeBackendFailure:             C.FACTSTR_BACKEND_FAILURE,
	factstr.CodeInvalidArgument:            C.FACTSTR_INVALID_ARGUMENT,
	factstr.CodeInvalidHandle:              C.FACTSTR_INVALID_HANDLE,
	factstr.CodeInvalidState:               C.FACTSTR_INVALID_STATE,
	factstr.CodeReadOnly:                   C.FACTSTR_READ_ONLY,
	factstr.CodeStoreClosed:                C.FACTSTR_STORE_CLOSED,
	factstr.CodeBusy:                       C.FACTSTR_BUSY,
	factstr.CodeTimeout:                    C.FACTSTR_TIMEOUT,
	factstr.CodeCancelled:                  C.FACTSTR_CANCELLED,
	factstr.CodeCommitUnknown:              C.FACTSTR_COMMIT_UNKNOWN,
	factstr.CodeUnsupportedFormat:          C.FACTSTR_UNSUPPORTED_FORMAT,
	factstr.CodeCorrupt:                    C.FACTSTR_CORRUPT,
	factstr.CodeLogTruncated:               C.FACTSTR_LOG_TRUNCATED,
	factstr.CodeDurableStreamActive:        C.FACTSTR_DURABLE_STREAM_ACTIVE,
	factstr.CodeDurableStreamQueryMismatch: C.FACTSTR_DURABLE_STREAM_QUERY_MISMATCH,
	factstr.CodeDurableStreamLost:          C.FACTSTR_DURABLE_STREAM_LOST,
	factstr.CodeHandlerFailed:              C.FACTSTR_HANDLER_FAILED,
	factstr.CodeForked:                     C.FACTSTR_FORKED,
	factstr.CodeInternal:                   C.FACTSTR_INTERNAL,
}

// noticeStatus maps nil and the notices (closing, ended, not yet) to their status.
func noticeStatus(err error) (status C.factstr_status, notice bool) {
	switch {
	case err == nil:
		return C.FACTSTR_OK, true
	case errors.Is(err, objects.ErrClosing):
		return C.FACTSTR_CLOSING, true
	case errors.Is(err, objects.ErrEnded):
		return C.FACTSTR_ENDED, true
	case errors.Is(err, objects.ErrNotYet):
		return C.FACTSTR_TIMEOUT, true
	}
	return 0, false
}

func statusOf(err error) C.factstr_status {
	if status, notice := noticeStatus(err); notice {
		return status
	}
	if status, known := statuses[factstr.CodeOf(err)]; known {
		return status
	}
	return C.FACTSTR_INTERNAL
}
