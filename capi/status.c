/* The names of statuses. */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "public.h"

const char *factstr_status_name(factstr_status status) {
  switch (status) {
  case FACTSTR_OK:
    return "Ok";
  case FACTSTR_CLOSING:
    return "Closing";
  case FACTSTR_ENDED:
    return "Ended";
  case FACTSTR_EMPTY_APPEND:
    return "EmptyAppend";
  case FACTSTR_CONDITIONAL_APPEND_CONFLICT:
    return "ConditionalAppendConflict";
  case FACTSTR_NOT_IMPLEMENTED:
    return "NotImplemented";
  case FACTSTR_BACKEND_FAILURE:
    return "BackendFailure";
  case FACTSTR_INVALID_ARGUMENT:
    return "InvalidArgument";
  case FACTSTR_INVALID_HANDLE:
    return "InvalidHandle";
  case FACTSTR_INVALID_STATE:
    return "InvalidState";
  case FACTSTR_READ_ONLY:
    return "ReadOnly";
  case FACTSTR_STORE_CLOSED:
    return "StoreClosed";
  case FACTSTR_BUSY:
    return "Busy";
  case FACTSTR_TIMEOUT:
    return "Timeout";
  case FACTSTR_CANCELLED:
    return "Cancelled";
  case FACTSTR_COMMIT_UNKNOWN:
    return "CommitUnknown";
  case FACTSTR_UNSUPPORTED_FORMAT:
    return "UnsupportedFormat";
  case FACTSTR_CORRUPT:
    return "Corrupt";
  case FACTSTR_LOG_TRUNCATED:
    return "LogTruncated";
  case FACTSTR_DURABLE_STREAM_ACTIVE:
    return "DurableStreamActive";
  case FACTSTR_DURABLE_STREAM_QUERY_MISMATCH:
    return "DurableStreamQueryMismatch";
  case FACTSTR_DURABLE_STREAM_LOST:
    return "DurableStreamLost";
  case FACTSTR_HANDLER_FAILED:
    return "HandlerFailed";
  case FACTSTR_FORKED:
    return "Forked";
  case FACTSTR_INTERNAL:
    return "Internal";
  default:
    return "Unknown";
  }
}
