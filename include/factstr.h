/*
 * FACTSTR: an embeddable event store of immutable facts. The C API.
 *
 * This header is the authority for the C ABI of libfactstr. It compiles as C99, C11 and C++17.
 *
 * Conventions
 * - Every function that can fail returns a factstr_status. FACTSTR_OK is 0, notices are 1 to 9,
 *   errors are 10 and above.
 * - A `factstr_buffer *` parameter is the one place where a call puts what it answers: the result
 *   as JSON when the status is FACTSTR_OK, an InteropError as JSON when it is an error. It is set
 *   to {NULL, 0} before anything else happens. The text is UTF-8, not NUL-terminated within `len`
 *   (one NUL follows it). The caller owns it and releases it with factstr_buffer_free and nothing
 *   else. The pointer itself may be NULL when the caller does not want the text.
 * - Text goes in as pointer and length in bytes. Input is copied before the call returns.
 * - Handles are integers, unique within the process, never reused. 0 is never a handle. A handle
 *   that is unknown, closed or of another kind answers FACTSTR_INVALID_HANDLE.
 * - All functions may be called from any thread, also from inside callbacks, unless said otherwise.
 * - Times are milliseconds: 0 does not wait, a negative value waits without limit. FACTSTR_TIMEOUT
 *   of a wait leaves the buffer empty.
 * - Signals are the host's: its handlers run on its own threads, also while a call waits, never on
 *   the library's and never inside it. Callbacks run with signals blocked. No handler may leave a
 *   call by siglongjmp. docs/c-api.md has the details.
 * - After fork() the child must not use the library: every function answers FACTSTR_FORKED there.
 *   exec() after fork() is fine.
 *
 * JSON shapes (field names exact, unknown fields refused; null in an optional field means absent;
 * sequence numbers are integers of up to 63 bits)
 *   InteropNewEvent                    {"event_type": string, "payload": any JSON value}
 *   InteropEventRecord                 {"sequence_number": n, "occurred_at": string, "event_type": string, "payload": any}
 *   InteropEventFilter                 {"event_types"?: [string], "payload_predicates"?: [any]}
 *   InteropEventQuery                  {"filters"?: [InteropEventFilter], "min_sequence_number"?: n, "limit"?: n}
 *   InteropQueryResult                 {"event_records": [InteropEventRecord], "last_returned_sequence_number": n|null,
 *                                       "current_context_version": n|null}
 *   InteropAppendResult                {"first_sequence_number": n, "last_sequence_number": n, "committed_count": n}
 *   InteropConditionalAppendConflict   {"expected_context_version": n|null, "actual_context_version": n|null}
 *   InteropError                       {"code": string, "message": string, "reason"?: string, "store"?: string, "operation"?: string,
 *                                       "conflict"?: InteropConditionalAppendConflict}
 * `code` is the text of factstr_status_name. Act on the status or the code, never on the message.
 */
#ifndef FACTSTR_H
#define FACTSTR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#define FACTSTR_API
#else
#define FACTSTR_API __attribute__((visibility("default")))
#endif

#define FACTSTR_VERSION "0.6.0"
/*
 * Rises when a binding built against another header could misread this library. Compare with
 * factstr_abi_version().
 */
#define FACTSTR_ABI_VERSION 1

typedef int32_t factstr_status;
typedef uint64_t factstr_store;
typedef uint64_t factstr_stream;
typedef uint64_t factstr_request;
typedef uint64_t factstr_opening;

enum {
  FACTSTR_OK = 0,

  /* Notices: no error, and nothing in the buffer. */
  FACTSTR_CLOSING = 1, /* the close has begun; it waits for the callback of the calling thread */
  FACTSTR_ENDED = 2,   /* the stream has ended without error; no batch will come */

  /* Errors: a closed set. */
  FACTSTR_EMPTY_APPEND = 10,
  FACTSTR_CONDITIONAL_APPEND_CONFLICT = 11,
  FACTSTR_NOT_IMPLEMENTED = 12,
  /* certainly not committed; "reason": missing_path, permission, disk_full, connection, io, other */
  FACTSTR_BACKEND_FAILURE = 13,
  FACTSTR_INVALID_ARGUMENT = 14,
  FACTSTR_INVALID_HANDLE = 15,
  FACTSTR_INVALID_STATE = 16,
  FACTSTR_READ_ONLY = 17,
  FACTSTR_STORE_CLOSED = 18,
  FACTSTR_BUSY = 19,           /* queue full or lock timeout: certainly not committed, try again */
  FACTSTR_TIMEOUT = 20,        /* certainly not committed */
  FACTSTR_CANCELLED = 21,      /* certainly not committed */
  FACTSTR_COMMIT_UNKNOWN = 22, /* it may or may not be committed: look before appending it again */
  FACTSTR_UNSUPPORTED_FORMAT = 23,
  FACTSTR_CORRUPT = 24,
  FACTSTR_LOG_TRUNCATED = 25,
  FACTSTR_DURABLE_STREAM_ACTIVE = 26,
  FACTSTR_DURABLE_STREAM_QUERY_MISMATCH = 27,
  FACTSTR_DURABLE_STREAM_LOST = 28,
  FACTSTR_HANDLER_FAILED = 29,
  FACTSTR_FORKED = 30,
  FACTSTR_INTERNAL = 31
};

/* Text that the library gives to the caller; see the conventions above. */
typedef struct factstr_buffer {
  char *data;
  size_t len;
} factstr_buffer;

/*
 * Releases what a call put into `buffer` and sets it to {NULL, 0}. An empty buffer and NULL are
 * fine.
 */
FACTSTR_API void factstr_buffer_free(factstr_buffer *buffer);

/* ---- The library ---- */

/* The version of the library that runs, such as "0.6.0". Static text. */
FACTSTR_API const char *factstr_version(void);
/* FACTSTR_ABI_VERSION of the library that runs. */
FACTSTR_API uint32_t factstr_abi_version(void);
/*
 * The code of a status, such as "EmptyAppend", "Ok", "Closing" or "Ended"; "Unknown" for any other
 * number. Static text.
 */
FACTSTR_API const char *factstr_status_name(factstr_status status);

/*
 * Settings of the whole process, to be made before the first store is opened (later:
 * FACTSTR_INVALID_STATE). options_json: {"memory_limit_bytes"?: n, "processors_max"?: n}.
 * Environment variables such as GOMEMLIMIT that are set after the process started are not seen by
 * the library, so set limits here.
 */
FACTSTR_API factstr_status factstr_configure(const char *options_json, size_t options_len,
                                             factstr_buffer *error);

/* ---- Stores ---- */

/*
 * Opens a store. `options_json` may be NULL (with length 0) for the defaults. Options that every
 * store takes:
 *   "close_timeout_ms": n       how long factstr_store_close waits at most; default 5000
 *   "queue_timeout_ms": n       how long a blocking append waits for room in a full queue before it answers FACTSTR_BUSY;
 *                               default 5000. A submitted one does not wait for room
 *   "sequence_numbers": "number" | "string"   how the results and deliveries of this store spell sequence numbers and counts; "string" is for
 *                               JSON parsers that cannot hold 64-bit integers; default "number"
 *   "payload_bytes_max", "batch_events_max", "batch_bytes_max", "result_bytes_max": n   limits; defaults 16 MiB, 10000, 64 MiB, 256 MiB
 *   "predicate_bytes_max": n    of all payload predicates of a query together; default 16 MiB
 * On success *store is the handle, on failure 0.
 */
FACTSTR_API factstr_status factstr_memory_open(const char *options_json, size_t options_len,
                                               factstr_store *store, factstr_buffer *error);

/*
 * Opens the SQLite database at `path`, a NUL-terminated file system path in UTF-8, and creates it
 * (and missing parent directories) when it does not exist. "" and ":memory:" are refused. Further
 * options:
 *   "busy_timeout_ms": n        how long a write waits for other processes before it answers FACTSTR_BUSY; default 5000
 */
FACTSTR_API factstr_status factstr_sqlite_open(const char *path, const char *options_json,
                                               size_t options_len, factstr_store *store,
                                               factstr_buffer *error);

/*
 * Opens the PostgreSQL database at `url`, NUL-terminated text in UTF-8: a URL such as
 * postgres://user:password@host:5432/database?sslmode=require, or keywords and values as libpq
 * takes them. What the store needs is created in it when it is missing: the schema, tables, indexes
 * and functions; the database itself never is. Any number of processes on any number of hosts may
 * have it open. Further options; text must not be empty, numbers are at least 1 unless said
 * otherwise:
 *   "schema": s                 the schema that holds the tables, created when it does not exist; default: the connection's current schema
 *   "application_name": s       how the server lists the connections; default what the URL says, else "factstr"
 *   "direct_url": s             leads past a connection pooler in transaction mode to the same database on the server itself, for the connections that hold durable names
 *                               and listen; default: `url`
 *   "connections_max": n        how many connections read; default 4. One more appends, and while streams are open one listens and one holds
 *                               durable names
 *   "connect_timeout_ms": n     how long one attempt to connect may take; default 5000
 *   "lock_timeout_ms": n        how long a write waits for other processes before it answers FACTSTR_BUSY; default 5000; 0 does not wait, a negative
 *                               value waits without limit
 *   "response_timeout_ms": n    how long the server may take to answer before FACTSTR_TIMEOUT; default 30000
 *   "poll_interval_ms": n       how often the log is looked at while streams are open, should a notification get lost; default 250
 * Errors: FACTSTR_INVALID_ARGUMENT: the url or an option cannot be used. FACTSTR_BACKEND_FAILURE:
 * the server cannot be reached (reason "connection"), refuses the user or the password or lacks a
 * right ("permission"), or does not have the database ("missing_path"). FACTSTR_READ_ONLY: it is a
 * standby. FACTSTR_UNSUPPORTED_FORMAT: the tables are not a store's, or of a newer format. No
 * message holds a password or a whole url.
 *
 * A lost server is no end of the store: calls answer FACTSTR_BACKEND_FAILURE with reason
 * "connection" (or FACTSTR_COMMIT_UNKNOWN when it was lost during a commit and what became of that
 * cannot be found out), streams wait, and both go on when the server is back, without being opened
 * again. Only a durable stream whose name another process may have taken meanwhile ends, with
 * FACTSTR_DURABLE_STREAM_LOST.
 */
FACTSTR_API factstr_status factstr_postgres_open(const char *url, const char *options_json,
                                                 size_t options_len, factstr_store *store,
                                                 factstr_buffer *error);

/*
 * Creates the database `database_name` if it is missing and opens it as factstr_postgres_open does,
 * with the same options. `server_url` leads to the server and names a database that exists, from
 * which the other is created. Two processes may do so at once. `database_name` must match
 * [A-Za-z_][A-Za-z0-9_]* and have at most 63 bytes; else FACTSTR_INVALID_ARGUMENT. Case counts. A
 * user that may not create databases gets FACTSTR_BACKEND_FAILURE with reason "permission".
 */
FACTSTR_API factstr_status factstr_postgres_bootstrap(const char *server_url,
                                                      const char *database_name,
                                                      const char *options_json, size_t options_len,
                                                      factstr_store *store, factstr_buffer *error);

/*
 * Called once, from a thread of the library, when a submitted opening has ended. FACTSTR_OK:
 * `store` is the handle, which is the receiver's to close; error is NULL. Else `store` is 0 and
 * `error` is the InteropError that the blocking call would have put into its buffer; it is valid
 * during the call only. Any function may be called inside, also factstr_store_close with the new
 * store. It may take its time: nothing waits behind it.
 */
typedef void (*factstr_open_callback)(void *user_data, factstr_status status, factstr_store store,
                                      const char *error, size_t error_len);

/*
 * The same without waiting: takes the opening on and returns at once; all parameters mean what they
 * mean above. An error status means that nothing was submitted and the callback is not called:
 * FACTSTR_INVALID_ARGUMENT for what can be known to be wrong without looking at the file or asking
 * the server, such as an unknown option, a url that cannot be read, or a callback that is NULL.
 * Everything else is told to the callback. *opening, where it is not NULL, is a handle for
 * factstr_opening_cancel, and is set before the callback is called. It ends by itself when the
 * callback is called; there is nothing to release.
 */
FACTSTR_API factstr_status factstr_sqlite_open_submit(const char *path, const char *options_json,
                                                      size_t options_len,
                                                      factstr_open_callback callback,
                                                      void *user_data, factstr_opening *opening,
                                                      factstr_buffer *error);
FACTSTR_API factstr_status factstr_postgres_open_submit(const char *url, const char *options_json,
                                                        size_t options_len,
                                                        factstr_open_callback callback,
                                                        void *user_data, factstr_opening *opening,
                                                        factstr_buffer *error);
FACTSTR_API factstr_status factstr_postgres_bootstrap_submit(
    const char *server_url, const char *database_name, const char *options_json, size_t options_len,
    factstr_open_callback callback, void *user_data, factstr_opening *opening,
    factstr_buffer *error);

/*
 * Asks that an opening be given up, and returns at once. FACTSTR_OK: the callback will say
 * FACTSTR_CANCELLED, or how the opening ended if that was just about to be told; a store that was
 * opened meanwhile is then either given to the callback or closed. FACTSTR_INVALID_HANDLE: the
 * callback was called already, or is being called. What was created until then, such as a file, a
 * database or tables, stays.
 */
FACTSTR_API factstr_status factstr_opening_cancel(factstr_opening opening);

/*
 * Closes a store and all its streams. New calls and queued requests get FACTSTR_STORE_CLOSED, the
 * running group of appends finishes and is answered, streams store their cursors and end (their
 * on_end is called), unread completions are dropped. A live stream whose callback answers by itself
 * gets what was committed before it ends, within close_timeout_ms; what could not be delivered in
 * that time is logged as "deliveries_cut". One whose deliveries are pulled, or of which one is
 * pending, ends at once: factstr_stream_drain beforehand lets it have the rest. Durable streams
 * leave the rest to their cursor. Waits at most close_timeout_ms; never for a callback that the
 * calling thread is in (then FACTSTR_CLOSING, and the rest happens when the callback has returned).
 * FACTSTR_TIMEOUT: a handler is still running; the store is closed all the same and its on_end
 * follows. Whatever it answers, the handles of the store, its streams and its requests are
 * released.
 */
FACTSTR_API factstr_status factstr_store_close(factstr_store store, factstr_buffer *error);

/* ---- Append and query, blocking ---- */

/*
 * events: JSON array of InteropNewEvent. out: InteropAppendResult. Returns after the batch is as
 * durable as the store promises.
 */
FACTSTR_API factstr_status factstr_append(factstr_store store, const char *events,
                                          size_t events_len, factstr_buffer *out);

/*
 * Appends only if the context version of `query` (InteropEventQuery; its min_sequence_number and
 * limit are ignored) equals *expected; expected == NULL expects that no event matches. query must
 * be given: {} makes all events the context. On FACTSTR_CONDITIONAL_APPEND_CONFLICT nothing
 * happened and out holds an InteropError with "conflict".
 */
FACTSTR_API factstr_status factstr_append_if(factstr_store store, const char *events,
                                             size_t events_len, const char *query, size_t query_len,
                                             const uint64_t *expected, factstr_buffer *out);

/* query: InteropEventQuery; NULL (with length 0) asks for all events. out: InteropQueryResult. */
FACTSTR_API factstr_status factstr_query(factstr_store store, const char *query, size_t query_len,
                                         factstr_buffer *out);

/* ---- The same, asynchronous ---- */

/*
 * Called once, from a thread of the library, when a submitted request is answered. `result` is what
 * the blocking call would have put into its buffer; it is valid during the call only. The callback
 * must not block for long: other completions may wait behind it.
 */
typedef void (*factstr_completion_callback)(void *user_data, uint64_t tag, factstr_status status,
                                            const char *result, size_t result_len);

/*
 * Submits a request and returns at once. An error status means that nothing was submitted and no
 * completion follows (bad input is reported here, and FACTSTR_BUSY when 65536 requests of the store
 * are unanswered or untaken). Where the answer goes:
 *   callback != NULL                     to the callback
 *   callback == NULL, request != NULL    *request is a handle for factstr_request_wait
 *   both NULL                            into the store's completion queue, for factstr_completions_next
 * `tag` is the caller's and comes back with the answer; it also names the request for
 * factstr_cancel.
 */
FACTSTR_API factstr_status factstr_append_submit(factstr_store store, const char *events,
                                                 size_t events_len, uint64_t tag,
                                                 factstr_completion_callback callback,
                                                 void *user_data, factstr_request *request,
                                                 factstr_buffer *error);
FACTSTR_API factstr_status factstr_append_if_submit(
    factstr_store store, const char *events, size_t events_len, const char *query, size_t query_len,
    const uint64_t *expected, uint64_t tag, factstr_completion_callback callback, void *user_data,
    factstr_request *request, factstr_buffer *error);
FACTSTR_API factstr_status factstr_query_submit(factstr_store store, const char *query,
                                                size_t query_len, uint64_t tag,
                                                factstr_completion_callback callback,
                                                void *user_data, factstr_request *request,
                                                factstr_buffer *error);

/*
 * Waits for the answer of one request: the status and the text of the blocking call.
 * FACTSTR_TIMEOUT with an empty buffer means not answered yet: wait again. (A request that itself
 * timed out answers FACTSTR_TIMEOUT with an InteropError in the buffer.) Any answer releases the
 * request.
 */
FACTSTR_API factstr_status factstr_request_wait(factstr_request request, int64_t timeout_ms,
                                                factstr_buffer *out);

typedef struct factstr_completion {
  uint64_t tag;
  factstr_status status;
  factstr_buffer result; /* release each with factstr_buffer_free */
} factstr_completion;

/*
 * Takes up to out_max answered requests from the store's completion queue, waiting until there is
 * at least one. FACTSTR_OK: *out_len of them; FACTSTR_TIMEOUT: none came in time. Wakes with
 * FACTSTR_STORE_CLOSED when the store is closed.
 */
FACTSTR_API factstr_status factstr_completions_next(factstr_store store, factstr_completion *out,
                                                    size_t out_max, size_t *out_len,
                                                    int64_t timeout_ms);

/*
 * Asks that the submitted requests with this tag be given up. One that still waits is answered
 * FACTSTR_CANCELLED (nothing was written); one that its group has taken goes on and answers as it
 * ends. Always FACTSTR_OK for a known store.
 */
FACTSTR_API factstr_status factstr_cancel(factstr_store store, uint64_t tag);

/* ---- Streams ---- */

/*
 * A stream delivers committed batches in commit order, one delivery per batch that has a matching
 * event. A batch is a JSON array of the matching InteropEventRecords in ascending order. One
 * delivery of a stream is open at a time; it stays open until it is answered.
 */
typedef uint64_t factstr_delivery; /* rises within a stream, from 1 */

enum { FACTSTR_HANDLED = 0, FACTSTR_FAILED = 1, FACTSTR_PENDING = 2 };

typedef struct factstr_stream_callbacks {
  size_t size; /* sizeof(factstr_stream_callbacks) */
  /*
   * A batch. Answer FACTSTR_HANDLED, FACTSTR_FAILED, or FACTSTR_PENDING to answer later by
   * factstr_stream_acknowledge or factstr_stream_refuse. `batch` is valid during the call only.
   * Callbacks of one stream come one at a time, each after the one before has returned, never on
   * the thread that opened the stream, possibly on a different thread each time. Appends and
   * queries may be made inside.
   */
  int32_t (*on_batch)(void *user_data, factstr_stream stream, factstr_delivery delivery,
                      const char *batch, size_t batch_len);
  /*
   * Replay is done (FACTSTR_OK). A registration that fails is reported by on_end alone. May be
   * NULL.
   */
  void (*on_ready)(void *user_data, factstr_stream stream);
  /*
   * The stream has ended: the last callback, exactly once; user data may be freed in it.
   * FACTSTR_OK: unsubscribed or closed; FACTSTR_STORE_CLOSED: its store was closed; else an error
   * with `reason`, an InteropError. May be NULL.
   */
  void (*on_end)(void *user_data, factstr_stream stream, factstr_status status, const char *reason,
                 size_t reason_len);
} factstr_stream_callbacks;

/*
 * Registers a stream and returns its handle at once; replay of a durable stream starts by itself.
 * registration: JSON
 *   {"query"?: InteropEventQuery,      absent: all events; min_sequence_number and limit are ignored
 *    "durable"?: {"name": string},     absent: a live stream, which sees what is committed from now on
 *    "retry"?: {"max_attempts": n, "delay_ms": n, "delay_max_ms": n},   redelivery of a failed batch of a durable stream; default none
 *    "cursor_every"?: {"batches": n, "ms": n}}                          how often the cursor of a durable stream is stored at least; 1000 and 100
 * retry and cursor_every without durable are FACTSTR_INVALID_ARGUMENT. callbacks == NULL: batches
 * are taken by factstr_stream_next. Errors here: FACTSTR_INVALID_ARGUMENT,
 * FACTSTR_DURABLE_STREAM_ACTIVE, FACTSTR_DURABLE_STREAM_QUERY_MISMATCH, FACTSTR_LOG_TRUNCATED, ...:
 * then no stream exists and no callback is made.
 */
FACTSTR_API factstr_status factstr_stream_open(factstr_store store, const char *registration,
                                               size_t registration_len,
                                               const factstr_stream_callbacks *callbacks,
                                               void *user_data, factstr_stream *stream,
                                               factstr_buffer *error);

/*
 * Waits until replay has reached the head that the registration saw (at once for a live stream).
 * FACTSTR_TIMEOUT: not yet. When the stream ended before: its end status (FACTSTR_ENDED or the
 * error, with the InteropError in `error`). With pull delivery somebody must take the replayed
 * batches meanwhile.
 */
FACTSTR_API factstr_status factstr_stream_wait_ready(factstr_stream stream, int64_t timeout_ms,
                                                     factstr_buffer *error);

/*
 * Where a stream stands: {"state": "replaying"|"live"|"ended", "position": n, "replay_target": n,
 * "stored_cursor": n, "failure": InteropError|null}. failure is why the log cannot be read at the
 * moment; the stream tries again until it can. A live stream is never replaying, and one that has
 * ended has no failure.
 */
FACTSTR_API factstr_status factstr_stream_progress(factstr_stream stream, factstr_buffer *out);

/*
 * Pull delivery: the next batch, for a stream opened without callbacks. FACTSTR_OK: *delivery and
 * the batch; answer it by acknowledge or refuse. FACTSTR_TIMEOUT: none yet. After the end:
 * FACTSTR_ENDED or the error of the end. While a delivery is open: FACTSTR_INVALID_STATE. *delivery
 * is set to 0 first, and stays 0 unless the answer is FACTSTR_OK.
 */
FACTSTR_API factstr_status factstr_stream_next(factstr_stream stream, int64_t timeout_ms,
                                               factstr_delivery *delivery, factstr_buffer *batch);

/*
 * Answers a pulled or pending delivery as handled. FACTSTR_INVALID_HANDLE: that delivery is not
 * open (any more).
 */
FACTSTR_API factstr_status factstr_stream_acknowledge(factstr_stream stream,
                                                      factstr_delivery delivery);
/*
 * Answers it as failed; `message` (may be NULL), or the first 64 KiB of it, becomes part of the
 * end's reason.
 */
FACTSTR_API factstr_status factstr_stream_refuse(factstr_stream stream, factstr_delivery delivery,
                                                 const char *message, size_t message_len);

/*
 * No further delivery starts after this returned; a durable name is free at once. Never waits; may
 * be called again. A callback that is running goes on and on_end follows it. The handle stays valid
 * until it is closed.
 */
FACTSTR_API factstr_status factstr_stream_unsubscribe(factstr_stream stream);

/*
 * Lets the stream end when it has delivered what was committed before the call: FACTSTR_ENDED, and
 * on_end with FACTSTR_OK. Never waits; may be called again. Go on taking and answering deliveries
 * until the end, then close the handle. factstr_stream_unsubscribe ends it at once all the same.
 */
FACTSTR_API factstr_status factstr_stream_drain(factstr_stream stream);

/*
 * Unsubscribes, waits for a running callback and on_end, and releases the handle. On a thread that
 * is inside a callback of this stream it does not wait: FACTSTR_CLOSING, and on_end follows. The
 * handle is released whatever it answers.
 */
FACTSTR_API factstr_status factstr_stream_close(factstr_stream stream);

/* ---- Operating ---- */

/*
 * out: what the store counts, since it was opened and for this process alone. It reads the head of
 * the log; if that cannot be read, the answer is FACTSTR_OK with "failure", and head and facts are
 * as last known.
 *   {"store_kind": "memory" | "sqlite" | "postgres",
 *    "head": n, "facts": n,              the newest sequence number, and how many facts there are as far as the numbers tell, which have no gaps
 *    "failure": InteropError | null,
 *    "database_bytes": n | null,         SQLite's database file, or PostgreSQL's table of facts with its indexes
 *    "log_file_bytes": n | null,         SQLite's write-ahead log file
 *    "appends": n, "groups": n,          batches committed, and the transactions that committed them: their ratio is the size of a group
 *    "group_appends_max": n,             batches in the largest group
 *    "groups_retried": n,                groups that failed and were tried again one by one
 *    "queue_appends": n, "queue_bytes": n,   appends that wait for the group before them
 *    "read_retries": n,                  reads of streams that failed and were tried again
 *    "redeliveries": n,                  deliveries that were repeated after a failure
 *    "reconnects": n,                    connections to a server that took the place of lost ones
 *    "tail_events": n, "tail_bytes": n,  the newest facts that are kept in memory
 *    "index_watermark": n | null,        up to where the payload index holds the log; null without an index
 *    "streams": [                        those that are open, in the order of their registration
 *      {"number": n,                     the stream's in its store, as "stream" in what is logged
 *       "handle": n | null, "durable_name": string | null,
 *       "lag": n,                        facts between its position and the head, matching or not
 *       "state": ..., "position": n, "replay_target": n, "stored_cursor": n, "failure": ...   as in factstr_stream_progress
 *      }]}
 * More fields may be added. head, facts, index_watermark and the numbers of streams' places (lag,
 * position, replay_target, stored_cursor) are spelled as "sequence_numbers" says; all others are
 * JSON numbers.
 */
FACTSTR_API factstr_status factstr_statistics(factstr_store store, factstr_buffer *out);

/* Levels of records. FACTSTR_LOG_OFF is above all of them. */
enum { FACTSTR_LOG_INFO = 1, FACTSTR_LOG_WARNING = 2, FACTSTR_LOG_ERROR = 3, FACTSTR_LOG_OFF = 4 };

/*
 * A record: what nobody else is told of, such as a handler's failure, a stream that ended by one, a
 * recovered panic, or a lost connection. `record` is a JSON object, valid during the call only:
 *   {"time": "YYYY-MM-DDTHH:MM:SS.ffffffZ",
 *    "level": "info" | "warning" | "error",
 *    "event": s,                   what happened, of the closed set in docs/operating.md: act on this, never on the message
 *    "message": s,
 *    "store": n | null,            the handle of the store; null for what belongs to none, and while a store is being opened
 *    "store_kind"?: "memory" | "sqlite" | "postgres",
 *    ...}                          attributes of the event: "durable_name", "stream" (its number in the store, no handle), "code", "error", "stack", ... Times are
 *                                  milliseconds, numbers integers of up to 63 bits, however "sequence_numbers" is set. More may be added
 * Called from a thread of the library, one call at a time for the whole process, a little after the
 * fact. It may take its time and call any function: nothing of the library waits for it, except
 * that factstr_store_close waits up to a second until what the store had told is handed over. While
 * it does not return, 1,024 records of each store are kept; further ones are dropped, counted, and
 * told as "records_dropped".
 */
typedef void (*factstr_log_callback)(void *user_data, const char *record, size_t record_len);

/*
 * Sets where the records of min_level and above go, for the whole process; one setting replaces the
 * one before. It may be made at any time. callback == NULL: to standard error, one line each.
 * Before the first call that is what happens with FACTSTR_LOG_WARNING. FACTSTR_LOG_OFF is silence.
 *
 * When it has returned, the callback that was set before is not running and is not called again, so
 * what `user_data` points to may be freed. For that it waits for one that is running: do not hold
 * what the callback waits for. Inside the callback it does not wait, and the call that it is in
 * goes on. A program that is about to end, or to unload the code of its callback, calls it with
 * NULL and FACTSTR_LOG_OFF first.
 *
 * FACTSTR_INVALID_ARGUMENT: min_level is none of the levels. FACTSTR_FORKED in a forked child, in
 * which nothing is told.
 */
FACTSTR_API factstr_status factstr_log_set(factstr_log_callback callback, void *user_data,
                                           int32_t min_level);

/* ---- For tests ---- */

/* How many handles of stores, streams, requests and openings are open in this process. */
FACTSTR_API uint64_t factstr_open_handles(void);

#ifdef __cplusplus
}
#endif

#endif
