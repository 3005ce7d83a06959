/*
 * The public functions. They check what can be checked without Go, above all that this is no forked
 * child, where entering Go would hang, and call the Go exports.
 */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "_cgo_export.h"
#include "signals.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t forked;

static void after_fork_in_child(void) {
  forked = 1;
  fs_close_descriptors();
  if (fs_inside_callback()) {
    fs_unblock_in_child();
  }
}

__attribute__((constructor)) static void watch_forks(void) {
  pthread_atfork(NULL, NULL, after_fork_in_child);
}

char *fs_allocate(size_t len) { return malloc(len + 1); }

void fs_release(char *memory) { free(memory); }

static void clear(factstr_buffer *buffer) {
  if (buffer != NULL) {
    buffer->data = NULL;
    buffer->len = 0;
  }
}

/* Answers an error that Go was not asked about. */
static factstr_status refuse(factstr_status status, const char *error, factstr_buffer *buffer) {
  size_t len = strlen(error);
  if (buffer != NULL && (buffer->data = malloc(len + 1)) != NULL) {
    memcpy(buffer->data, error, len + 1);
    buffer->len = len;
  }
  return status;
}

static factstr_status refuse_child(factstr_buffer *buffer) {
  return refuse(FACTSTR_FORKED,
                "{\"code\":\"Forked\",\"message\":\"the library cannot be used in a forked child "
                "process; start the process by exec or spawn, "
                "and open the store there\"}",
                buffer);
}

#define INVALID_ARGUMENT(message) "{\"code\":\"InvalidArgument\",\"message\":\"" message "\"}"

#define REFUSE_CHILD(buffer)                                                                       \
  do {                                                                                             \
    clear(buffer);                                                                                 \
    if (forked) {                                                                                  \
      return refuse_child(buffer);                                                                 \
    }                                                                                              \
  } while (0)

#define REQUIRE(condition, message, buffer)                                                        \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      return refuse(FACTSTR_INVALID_ARGUMENT, INVALID_ARGUMENT(message), (buffer));                \
    }                                                                                              \
  } while (0)

/* Text that may be absent is NULL with length 0. */
#define REQUIRE_OPTIONAL(text, len, buffer)                                                        \
  REQUIRE((text) != NULL || (len) == 0,                                                            \
          #text " is NULL, but " #len " is not 0; pass the text, or NULL with length 0", buffer)

#define REQUIRE_TEXT(text, buffer) REQUIRE((text) != NULL, #text " is NULL; pass JSON text", buffer)

/*
 * The only way into Go: the host's signals are blocked inside. A test sees to it that nothing else
 * in C names an export.
 */
#define FROM_GO(result, export)                                                                    \
  do {                                                                                             \
    struct fs_hosts hosts;                                                                         \
    fs_enter(&hosts);                                                                              \
    (result) = go_factstr_##export;                                                                \
    fs_leave(&hosts);                                                                              \
  } while (0)

/*
 * Returns what a Go export answers. One that may have to wait takes `wait`, answers FS_LATER and
 * goes on elsewhere, so that the host's thread waits in C and with its own mask. A thread that has
 * its turn waits for nobody, and carries it out itself.
 */
#define IN_GO_IN_TURN(own_turn, export)                                                            \
  do {                                                                                             \
    struct fs_turn *turn = (own_turn);                                                             \
    struct fs_wait until = {0, 0}, *wait = turn != NULL ? NULL : &until;                           \
    factstr_status status;                                                                         \
    (void)wait;                                                                                    \
    FROM_GO(status, export);                                                                       \
    fs_end_turn(turn);                                                                             \
    return fs_await(&until, status);                                                               \
  } while (0)

#define IN_GO(export) IN_GO_IN_TURN(NULL, export)

/* cgo's prototypes know no const. Nothing is written through it. */
#define MUTABLE(pointer) ((char *)(pointer))

void factstr_buffer_free(factstr_buffer *buffer) {
  if (buffer != NULL) {
    free(buffer->data);
    clear(buffer);
  }
}

const char *factstr_version(void) { return FACTSTR_VERSION; }

uint32_t factstr_abi_version(void) { return FACTSTR_ABI_VERSION; }

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

factstr_status factstr_configure(const char *options_json, size_t options_len,
                                 factstr_buffer *error) {
  REFUSE_CHILD(error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(configure(MUTABLE(options_json), options_len, error));
}

factstr_status factstr_memory_open(const char *options_json, size_t options_len,
                                   factstr_store *store, factstr_buffer *error) {
  if (store != NULL) {
    *store = 0;
  }
  REFUSE_CHILD(error);
  REQUIRE(store != NULL, "store is NULL; pass where the handle goes", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(memory_open(MUTABLE(options_json), options_len, store, error));
}

factstr_status factstr_sqlite_open(const char *path, const char *options_json, size_t options_len,
                                   factstr_store *store, factstr_buffer *error) {
  if (store != NULL) {
    *store = 0;
  }
  REFUSE_CHILD(error);
  REQUIRE(store != NULL, "store is NULL; pass where the handle goes", error);
  REQUIRE(path != NULL, "path is NULL; pass the path of the database file", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(sqlite_open(MUTABLE(path), MUTABLE(options_json), options_len, store, error, wait));
}

factstr_status factstr_postgres_open(const char *url, const char *options_json, size_t options_len,
                                     factstr_store *store, factstr_buffer *error) {
  if (store != NULL) {
    *store = 0;
  }
  REFUSE_CHILD(error);
  REQUIRE(store != NULL, "store is NULL; pass where the handle goes", error);
  REQUIRE(url != NULL, "url is NULL; pass the URL of the database", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(postgres_open(MUTABLE(url), MUTABLE(options_json), options_len, store, error, wait));
}

factstr_status factstr_postgres_bootstrap(const char *server_url, const char *database_name,
                                          const char *options_json, size_t options_len,
                                          factstr_store *store, factstr_buffer *error) {
  if (store != NULL) {
    *store = 0;
  }
  REFUSE_CHILD(error);
  REQUIRE(store != NULL, "store is NULL; pass where the handle goes", error);
  REQUIRE(server_url != NULL, "server_url is NULL; pass the URL of the server", error);
  REQUIRE(database_name != NULL, "database_name is NULL; pass the name of the database", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(postgres_bootstrap(MUTABLE(server_url), MUTABLE(database_name), MUTABLE(options_json),
                           options_len, store, error, wait));
}

factstr_status factstr_sqlite_open_submit(const char *path, const char *options_json,
                                          size_t options_len, factstr_open_callback callback,
                                          void *user_data, factstr_opening *opening,
                                          factstr_buffer *error) {
  if (opening != NULL) {
    *opening = 0;
  }
  REFUSE_CHILD(error);
  REQUIRE(callback != NULL, "callback is NULL; pass the function that takes the store", error);
  REQUIRE(path != NULL, "path is NULL; pass the path of the database file", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(sqlite_open_submit(MUTABLE(path), MUTABLE(options_json), options_len, callback,
                           (uintptr_t)user_data, opening, error));
}

factstr_status factstr_postgres_open_submit(const char *url, const char *options_json,
                                            size_t options_len, factstr_open_callback callback,
                                            void *user_data, factstr_opening *opening,
                                            factstr_buffer *error) {
  if (opening != NULL) {
    *opening = 0;
  }
  REFUSE_CHILD(error);
  REQUIRE(callback != NULL, "callback is NULL; pass the function that takes the store", error);
  REQUIRE(url != NULL, "url is NULL; pass the URL of the database", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(postgres_open_submit(MUTABLE(url), MUTABLE(options_json), options_len, callback,
                             (uintptr_t)user_data, opening, error));
}

factstr_status factstr_postgres_bootstrap_submit(const char *server_url, const char *database_name,
                                                 const char *options_json, size_t options_len,
                                                 factstr_open_callback callback, void *user_data,
                                                 factstr_opening *opening, factstr_buffer *error) {
  if (opening != NULL) {
    *opening = 0;
  }
  REFUSE_CHILD(error);
  REQUIRE(callback != NULL, "callback is NULL; pass the function that takes the store", error);
  REQUIRE(server_url != NULL, "server_url is NULL; pass the URL of the server", error);
  REQUIRE(database_name != NULL, "database_name is NULL; pass the name of the database", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(postgres_bootstrap_submit(MUTABLE(server_url), MUTABLE(database_name),
                                  MUTABLE(options_json), options_len, callback,
                                  (uintptr_t)user_data, opening, error));
}

factstr_status factstr_opening_cancel(factstr_opening opening) {
  REFUSE_CHILD(NULL);
  IN_GO(opening_cancel(opening));
}

factstr_status factstr_store_close(factstr_store store, factstr_buffer *error) {
  REFUSE_CHILD(error);
  IN_GO(store_close(store, fs_inside_store(store), error, wait));
}

factstr_status factstr_append(factstr_store store, const char *events, size_t events_len,
                              factstr_buffer *out) {
  REFUSE_CHILD(out);
  REQUIRE_TEXT(events, out);
  IN_GO_IN_TURN(fs_take_turn(store), append(store, MUTABLE(events), events_len, out, wait));
}

factstr_status factstr_append_if(factstr_store store, const char *events, size_t events_len,
                                 const char *query, size_t query_len, const uint64_t *expected,
                                 factstr_buffer *out) {
  REFUSE_CHILD(out);
  REQUIRE_TEXT(events, out);
  IN_GO_IN_TURN(fs_take_turn(store), append_if(store, MUTABLE(events), events_len, MUTABLE(query),
                                               query_len, (uint64_t *)expected, out, wait));
}

factstr_status factstr_query(factstr_store store, const char *query, size_t query_len,
                             factstr_buffer *out) {
  REFUSE_CHILD(out);
  REQUIRE_OPTIONAL(query, query_len, out);
  IN_GO(query(store, MUTABLE(query), query_len, out, wait));
}

factstr_status factstr_append_submit(factstr_store store, const char *events, size_t events_len,
                                     uint64_t tag, factstr_completion_callback callback,
                                     void *user_data, factstr_request *request,
                                     factstr_buffer *error) {
  if (request != NULL) {
    *request = 0;
  }
  REFUSE_CHILD(error);
  REQUIRE_TEXT(events, error);
  IN_GO(append_submit(store, MUTABLE(events), events_len, tag, callback, (uintptr_t)user_data,
                      request, error));
}

factstr_status factstr_append_if_submit(factstr_store store, const char *events, size_t events_len,
                                        const char *query, size_t query_len,
                                        const uint64_t *expected, uint64_t tag,
                                        factstr_completion_callback callback, void *user_data,
                                        factstr_request *request, factstr_buffer *error) {
  if (request != NULL) {
    *request = 0;
  }
  REFUSE_CHILD(error);
  REQUIRE_TEXT(events, error);
  IN_GO(append_if_submit(store, MUTABLE(events), events_len, MUTABLE(query), query_len,
                         (uint64_t *)expected, tag, callback, (uintptr_t)user_data, request,
                         error));
}

factstr_status factstr_query_submit(factstr_store store, const char *query, size_t query_len,
                                    uint64_t tag, factstr_completion_callback callback,
                                    void *user_data, factstr_request *request,
                                    factstr_buffer *error) {
  if (request != NULL) {
    *request = 0;
  }
  REFUSE_CHILD(error);
  REQUIRE_OPTIONAL(query, query_len, error);
  IN_GO(query_submit(store, MUTABLE(query), query_len, tag, callback, (uintptr_t)user_data, request,
                     error));
}

factstr_status factstr_request_wait(factstr_request request, int64_t timeout_ms,
                                    factstr_buffer *out) {
  REFUSE_CHILD(out);
  IN_GO(request_wait(request, timeout_ms, out, wait));
}

factstr_status factstr_completions_next(factstr_store store, factstr_completion *out,
                                        size_t out_max, size_t *out_len, int64_t timeout_ms) {
  if (out_len != NULL) {
    *out_len = 0;
  }
  REFUSE_CHILD(NULL);
  if (out == NULL || out_len == NULL || out_max == 0) {
    return FACTSTR_INVALID_ARGUMENT;
  }
  IN_GO(completions_next(store, out, out_max, out_len, timeout_ms, wait));
}

factstr_status factstr_cancel(factstr_store store, uint64_t tag) {
  REFUSE_CHILD(NULL);
  IN_GO(cancel(store, tag));
}

factstr_status factstr_stream_open(factstr_store store, const char *registration,
                                   size_t registration_len,
                                   const factstr_stream_callbacks *callbacks, void *user_data,
                                   factstr_stream *stream, factstr_buffer *error) {
  if (stream != NULL) {
    *stream = 0;
  }
  REFUSE_CHILD(error);
  REQUIRE(stream != NULL, "stream is NULL; pass where the handle goes", error);
  REQUIRE(registration != NULL, "registration is NULL; pass {} for a live stream of all events",
          error);
  if (callbacks != NULL) {
    REQUIRE(callbacks->size >= sizeof *callbacks,
            "callbacks.size is too small; set it to sizeof(factstr_stream_callbacks)", error);
    REQUIRE(callbacks->on_batch != NULL,
            "callbacks.on_batch is NULL; set it, or pass no callbacks to take batches by "
            "factstr_stream_next",
            error);
  }
  IN_GO(stream_open(store, MUTABLE(registration), registration_len,
                    (factstr_stream_callbacks *)callbacks, (uintptr_t)user_data, stream, error,
                    wait));
}

factstr_status factstr_stream_wait_ready(factstr_stream stream, int64_t timeout_ms,
                                         factstr_buffer *error) {
  REFUSE_CHILD(error);
  IN_GO(stream_wait_ready(stream, timeout_ms, fs_inside_stream(stream), error, wait));
}

factstr_status factstr_stream_progress(factstr_stream stream, factstr_buffer *out) {
  REFUSE_CHILD(out);
  IN_GO(stream_progress(stream, out));
}

factstr_status factstr_stream_next(factstr_stream stream, int64_t timeout_ms,
                                   factstr_delivery *delivery, factstr_buffer *batch) {
  if (delivery != NULL) {
    *delivery = 0;
  }
  REFUSE_CHILD(batch);
  REQUIRE(delivery != NULL, "delivery is NULL; pass where its number goes", batch);
  IN_GO(stream_next(stream, timeout_ms, delivery, batch, wait));
}

factstr_status factstr_stream_acknowledge(factstr_stream stream, factstr_delivery delivery) {
  REFUSE_CHILD(NULL);
  IN_GO(stream_acknowledge(stream, delivery));
}

factstr_status factstr_stream_refuse(factstr_stream stream, factstr_delivery delivery,
                                     const char *message, size_t message_len) {
  REFUSE_CHILD(NULL);
  const size_t absurd = (size_t)1 << 30;
  if ((message == NULL && message_len != 0) || message_len > absurd) {
    return FACTSTR_INVALID_ARGUMENT;
  }
  IN_GO(stream_refuse(stream, delivery, MUTABLE(message), message_len));
}

factstr_status factstr_stream_unsubscribe(factstr_stream stream) {
  REFUSE_CHILD(NULL);
  IN_GO(stream_unsubscribe(stream, wait));
}

factstr_status factstr_stream_drain(factstr_stream stream) {
  REFUSE_CHILD(NULL);
  IN_GO(stream_drain(stream));
}

factstr_status factstr_stream_close(factstr_stream stream) {
  REFUSE_CHILD(NULL);
  IN_GO(stream_close(stream, fs_inside_stream(stream), wait));
}

factstr_status factstr_statistics(factstr_store store, factstr_buffer *out) {
  REFUSE_CHILD(out);
  IN_GO(statistics(store, out, wait));
}

factstr_status factstr_log_set(factstr_log_callback callback, void *user_data, int32_t min_level) {
  REFUSE_CHILD(NULL);
  if (min_level < FACTSTR_LOG_INFO || min_level > FACTSTR_LOG_OFF) {
    return FACTSTR_INVALID_ARGUMENT;
  }
  IN_GO(log_set(callback, (uintptr_t)user_data, min_level, fs_inside_log(), wait));
}

uint64_t factstr_open_handles(void) {
  uint64_t open = 0;
  if (!forked) {
    FROM_GO(open, open_handles());
  }
  return open;
}
