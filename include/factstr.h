/*
 * FACTSTR: an embeddable event store of immutable facts. The C API.
 *
 * This header is the authority for the C ABI of libfactstr. It compiles as C99, C11 and C++17.
 *
 * Conventions
 * - Every function that can fail returns a factstr_status. FACTSTR_OK is 0, notices are 1 to 9,
 *   errors are 10 and above.
 * - Ownership. A `factstr_buffer *` parameter is where a call puts its text. The call first sets it
 *   to {NULL, 0}. With FACTSTR_OK it holds the result as JSON, where the function has one; with an
 *   error it holds an InteropError as JSON. The text is UTF-8, and a NUL that `len` does not count
 *   follows it. The caller owns the text and releases it with factstr_buffer_free. Pass NULL if the
 *   text is not wanted.
 * - Text goes in as a pointer and a length in bytes. The library copies input before it returns.
 * - Handles are integers, unique within the process and never reused. 0 is never a handle. A handle
 *   that is unknown, closed or of another kind is FACTSTR_INVALID_HANDLE.
 * - Threads. All functions may be called from any thread, also inside callbacks, unless stated
 *   otherwise.
 * - Times are milliseconds. 0 does not wait, a negative value waits without limit.
 * - Signals belong to the host: its handlers run on its own threads, also while a call waits, never
 *   on the library's threads and never inside the library. Callbacks run with signals blocked. No
 *   handler may leave a call by siglongjmp. docs/c-api.md has the details.
 * - A process that was forked after the library was loaded must not use it: every function returns
 *   FACTSTR_FORKED there. exec() after fork() is fine.
 *
 * Statuses
 *   Under "Statuses", each function lists every status that it can return, and what each means
 *   there. FACTSTR_OK names what the buffer holds. Every error leaves an InteropError in the
 *   buffer, unless "(empty)" stands behind it; a notice leaves the buffer empty. Two statuses can
 *   come from every function and are not repeated: FACTSTR_FORKED, and FACTSTR_INTERNAL for a
 *   defect of the library. After FACTSTR_INTERNAL the handle takes no further call but its close.
 *
 * JSON shapes (field names are exact and unknown fields are refused; null in an optional field
 * means absent; sequence numbers are integers of up to 63 bits)
 *   InteropNewEvent                    {"event_type": string, "payload": any JSON value}
 *   InteropEventRecord                 {"sequence_number": n, "occurred_at": string,
 *                                       "event_type": string, "payload": any}
 *   InteropEventFilter                 {"event_types"?: [string], "payload_predicates"?: [any]}
 *   InteropEventQuery                  {"filters"?: [InteropEventFilter],
 *                                       "min_sequence_number"?: n, "limit"?: n,
 *                                       "backwards"?: bool}
 *   InteropQueryResult                 {"event_records": [InteropEventRecord],
 *                                       "last_returned_sequence_number": n|null,
 *                                       "current_context_version": n|null}
 *   InteropPage                        {"event_records": [InteropEventRecord], "more": bool}
 *   InteropAppendResult                {"first_sequence_number": n, "last_sequence_number": n,
 *                                       "committed_count": n}
 *   InteropConditionalAppendConflict   {"expected_context_version": n|null,
 *                                       "actual_context_version": n|null,
 *                                       "condition_index"?: n}
 *   InteropDelivery                    {"position": n, "event_records": [InteropEventRecord]}
 *   InteropError                       {"code": string, "message": string, "reason"?: string,
 *                                       "store"?: string, "operation"?: string,
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

#if defined(_WIN32) && defined(FACTSTR_BUILDING_LIBRARY)
#define FACTSTR_API /* the library exports what its list of symbols says */
#elif defined(_WIN32)
#define FACTSTR_API __declspec(dllimport)
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
typedef uint64_t factstr_reading;

enum {
  FACTSTR_OK = 0,

  /* Notices: no error, and nothing in the buffer. */
  FACTSTR_CLOSING =
      1, /* the close has begun and goes on when the calling thread's callback returns */
  FACTSTR_ENDED = 2, /* the stream has ended without an error; no batch will come */

  /* Errors: a closed set. */
  FACTSTR_EMPTY_APPEND = 10,
  FACTSTR_CONDITIONAL_APPEND_CONFLICT = 11,
  FACTSTR_NOT_IMPLEMENTED = 12, /* names the store and the operation */
  /*
   * certainly not committed; "reason": missing_path, permission, disk_full, connection, io, other
   */
  FACTSTR_BACKEND_FAILURE = 13,
  FACTSTR_INVALID_ARGUMENT = 14, /* names the argument or the field */
  FACTSTR_INVALID_HANDLE = 15,
  FACTSTR_INVALID_STATE = 16,
  FACTSTR_READ_ONLY = 17, /* the file or the server cannot be written: certainly not committed */
  FACTSTR_STORE_CLOSED = 18,
  FACTSTR_BUSY = 19,           /* queue full or lock timeout: certainly not committed, try again */
  FACTSTR_TIMEOUT = 20,        /* certainly not committed */
  FACTSTR_CANCELLED = 21,      /* certainly not committed */
  FACTSTR_COMMIT_UNKNOWN = 22, /* it may or may not be committed: look before appending it again */
  FACTSTR_UNSUPPORTED_FORMAT = 23, /* no store, or one of a newer format */
  FACTSTR_CORRUPT = 24,            /* a stored fact or the database is damaged */
  FACTSTR_LOG_TRUNCATED = 25,      /* the log lost facts or was replaced, as by a restored backup */
  FACTSTR_DURABLE_STREAM_ACTIVE = 26,
  FACTSTR_DURABLE_STREAM_QUERY_MISMATCH = 27,
  FACTSTR_DURABLE_STREAM_LOST = 28, /* another process may have taken the name over */
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
 * Releases the text that a call put into `buffer` and sets it to {NULL, 0}. `buffer` may be empty
 * or NULL.
 */
FACTSTR_API void factstr_buffer_free(factstr_buffer *buffer);

/* ---- The library ---- */

/* Returns the version of the loaded library, such as "0.6.0". Static text. */
FACTSTR_API const char *factstr_version(void);
/* Returns FACTSTR_ABI_VERSION of the loaded library. */
FACTSTR_API uint32_t factstr_abi_version(void);
/*
 * Returns the code of a status, such as "EmptyAppend", "Ok", "Closing" or "Ended", and "Unknown"
 * for any other number. Static text.
 */
FACTSTR_API const char *factstr_status_name(factstr_status status);

/*
 * Sets limits for the whole process. Call it before the first store is opened.
 * options_json: {"memory_limit_bytes"?: n, "processors_max"?: n}. The library does not see
 * environment variables such as GOMEMLIMIT that are set after the process started, so set limits
 * here. processors_max is how many threads run the library's code at a time at most; without it
 * twice as many do as the process may use processors, unless that is one.
 *
 * Statuses
 *   FACTSTR_OK                  (empty)
 *   FACTSTR_INVALID_ARGUMENT    options_json cannot be used
 *   FACTSTR_INVALID_STATE       a store was opened before
 */
FACTSTR_API factstr_status factstr_configure(const char *options_json, size_t options_len,
                                             factstr_buffer *error);

/* ---- Stores ---- */

/*
 * Opens a store in memory. `options_json` may be NULL (with length 0) for the defaults. Every store
 * takes these options:
 *   "close_timeout_ms": n       the longest that factstr_store_close waits; default 5000
 *   "queue_timeout_ms": n       how long a blocking append waits for room in a full queue before it
 *                               returns FACTSTR_BUSY; default 5000. A submitted one does not wait
 *                               for room
 *   "sequence_numbers": "number" | "string"
 *                               how results and deliveries spell sequence numbers and counts;
 *                               "string" is for JSON parsers that cannot hold 64-bit integers;
 *                               default "number"
 *   "payload_bytes_max", "batch_events_max", "batch_bytes_max", "result_bytes_max": n
 *                               limits; defaults 16 MiB, 10000, 64 MiB, 256 MiB
 *   "predicate_bytes_max": n    limit of all payload predicates of a query together; default 16 MiB
 * With FACTSTR_OK *store is the handle, else 0. This holds for every function that opens a store.
 *
 * Statuses
 *   FACTSTR_OK                  (empty)
 *   FACTSTR_INVALID_ARGUMENT    store is NULL, or options_json cannot be used
 */
FACTSTR_API factstr_status factstr_memory_open(const char *options_json, size_t options_len,
                                               factstr_store *store, factstr_buffer *error);

/*
 * Opens the SQLite database at `path`, a NUL-terminated file system path in UTF-8, and creates it
 * (and missing parent directories) when it does not exist. "" and ":memory:" are refused. Further
 * options:
 *   "busy_timeout_ms": n        how long a write waits for other processes before it returns
 *                               FACTSTR_BUSY; default 5000
 *   "full_fsync": true | false  on macOS a commit waits until the drive has emptied its cache, and
 *                               so survives a loss of power; default false. Elsewhere every commit
 *                               waits for the drive, and this changes nothing
 *   "read_only": true | false   opens an existing database without writing to it: appends, durable
 *                               streams and changes of cursors are FACTSTR_READ_ONLY; default false.
 *                               In a folder that cannot be written the log must be in use or empty
 *
 * Statuses
 *   FACTSTR_OK                    (empty)
 *   FACTSTR_INVALID_ARGUMENT      an argument is NULL, or path or options_json cannot be used
 *   FACTSTR_INVALID_STATE         the file has several names, lies beside the log of another file,
 *                                 or is open by another copy of the library in this process
 *   FACTSTR_BACKEND_FAILURE       the file or a folder cannot be opened or created
 *   FACTSTR_READ_ONLY             the file or its folder cannot be written
 *   FACTSTR_BUSY                  another process held the lock for busy_timeout_ms
 *   FACTSTR_UNSUPPORTED_FORMAT    the file is no store, or of a newer format
 *   FACTSTR_CORRUPT               the database is damaged
 *   FACTSTR_NOT_IMPLEMENTED       this system has no file locks that the store can use
 */
FACTSTR_API factstr_status factstr_sqlite_open(const char *path, const char *options_json,
                                               size_t options_len, factstr_store *store,
                                               factstr_buffer *error);

/*
 * Opens the PostgreSQL database at `url`, NUL-terminated text in UTF-8: a URL such as
 * postgres://user:password@host:5432/database?sslmode=require, or keywords and values as libpq
 * takes them. Creates the schema, tables, indexes and functions of the store when they are missing,
 * but never the database. Any number of processes on any number of hosts may have it open. Further
 * options; text must not be empty, and numbers are at least 1 unless stated otherwise:
 *   "schema": s                 the schema that holds the tables, created when it does not exist;
 *                               default: the connection's current schema
 *   "application_name": s       how the server lists the connections; default what the URL says,
 *                               else "factstr"
 *   "direct_url": s             leads past a connection pooler in transaction mode to the same
 *                               database on the server itself, for the connections that hold
 *                               durable names and listen; default: `url`
 *   "connections_max": n        how many connections read; default 4. One more appends, and while
 *                               streams are open one listens and one holds durable names
 *   "connect_timeout_ms": n     how long one attempt to connect may take; default 5000
 *   "lock_timeout_ms": n        how long a write or the opening waits for other processes before it
 *                               returns FACTSTR_BUSY; default 5000; 0 does not wait, a negative
 *                               value waits without limit
 *   "response_timeout_ms": n    how long the server may take to respond before FACTSTR_TIMEOUT;
 *                               default 30000
 *   "poll_interval_ms": n       how often streams look at the log in case a notification got lost;
 *                               default 250
 *   "index_bytes_max": n        how much memory the index of terms of a store that is asked much
 *                               may take; default 256 MiB. A log that needs more is left to the
 *                               server's own index, and so are all with 0
 *   "read_only": true | false   writes nothing to the database, so that a role that may only read is
 *                               enough: appends, durable streams and changes of cursors are
 *                               FACTSTR_READ_ONLY; default false
 * No message holds a password or a whole URL.
 *
 * A lost server does not end the store. Calls return FACTSTR_BACKEND_FAILURE with reason
 * "connection", or FACTSTR_COMMIT_UNKNOWN when the connection broke during a commit and its outcome
 * cannot be found out. Streams wait. Both go on when the server is back, without opening the store
 * again. Only a durable stream whose name another process may have taken over meanwhile ends, with
 * FACTSTR_DURABLE_STREAM_LOST.
 *
 * Statuses
 *   FACTSTR_OK                    (empty)
 *   FACTSTR_INVALID_ARGUMENT      an argument is NULL, or url or options_json cannot be used
 *   FACTSTR_BACKEND_FAILURE       the server cannot be reached (reason "connection"), refuses the
 *                                 user or the password or lacks a right ("permission"), or does not
 *                                 have the database ("missing_path")
 *   FACTSTR_READ_ONLY             the server is a standby or otherwise read-only
 *   FACTSTR_BUSY                  others held a lock on the tables for `lock_timeout_ms`; try again
 *   FACTSTR_TIMEOUT               the server gave a statement up, as by its statement_timeout
 *   FACTSTR_UNSUPPORTED_FORMAT    the tables are not a store's, or of a newer format
 */
FACTSTR_API factstr_status factstr_postgres_open(const char *url, const char *options_json,
                                                 size_t options_len, factstr_store *store,
                                                 factstr_buffer *error);

/*
 * Creates the database `database_name` if it is missing and opens it as factstr_postgres_open does,
 * with the same options. `server_url` names the server and a database that exists, from which the
 * other is created. Several processes may do so at once. `database_name` must match
 * [A-Za-z_][A-Za-z0-9_]* and have at most 63 bytes. Case counts.
 *
 * Statuses: those of factstr_postgres_open. A user that may not create databases gets
 * FACTSTR_BACKEND_FAILURE with reason "permission".
 */
FACTSTR_API factstr_status factstr_postgres_bootstrap(const char *server_url,
                                                      const char *database_name,
                                                      const char *options_json, size_t options_len,
                                                      factstr_store *store, factstr_buffer *error);

/*
 * Called once, from a thread of the library, when a submitted opening has ended. With FACTSTR_OK
 * `store` is the handle, which the receiver closes, and `error` is NULL. Else `store` is 0 and
 * `error` is the InteropError that the blocking call would have put into its buffer, valid during
 * the call only. Any function may be called inside, also factstr_store_close with the new store.
 * The callback may take its time: nothing waits behind it.
 *
 * Statuses it is called with: those of the blocking call, and FACTSTR_CANCELLED.
 */
typedef void (*factstr_open_callback)(void *user_data, factstr_status status, factstr_store store,
                                      const char *error, size_t error_len);

/*
 * Submits an opening and returns at once. The parameters mean what they mean in the blocking call.
 * An error means that nothing was submitted and the callback is not called. *opening, where it is
 * not NULL, is a handle for factstr_opening_cancel, which is set before the callback is called. The
 * handle ends when the callback is called; there is nothing to release. The three functions have
 * the same statuses.
 *
 * Statuses
 *   FACTSTR_OK                  (empty); the callback gets the outcome
 *   FACTSTR_INVALID_ARGUMENT    the callback or another argument is NULL, or an argument can be
 *                               known to be wrong without looking at the file or asking the server,
 *                               such as an unknown option or a URL that cannot be read
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
 * Asks the library to give up an opening, and returns at once. The callback then gets
 * FACTSTR_CANCELLED, or the outcome of the opening if it was just about to be reported. A store
 * that was opened meanwhile is either given to the callback or closed. Everything created until
 * then, such as a file, a database or tables, stays.
 *
 * Statuses
 *   FACTSTR_OK                the callback is still to come
 *   FACTSTR_INVALID_HANDLE    the callback was called already, or is being called
 */
FACTSTR_API factstr_status factstr_opening_cancel(factstr_opening opening);

/*
 * Closes a store and all its streams. New calls and queued requests get FACTSTR_STORE_CLOSED. The
 * running group of appends finishes and is answered. Streams store their cursors and end, with
 * their on_end. Completions that nobody took are dropped.
 *
 * A live stream whose callback answers by itself first gets the batches that were committed, within
 * close_timeout_ms; those that could not be delivered in that time are logged as "deliveries_cut".
 * A live stream whose deliveries are pulled, or of which one is pending, ends at once: call
 * factstr_stream_drain beforehand to let it have the rest. Durable streams leave the rest to their
 * cursor.
 *
 * Waits at most close_timeout_ms, and never for a callback that the calling thread is in. Whatever
 * the status, the handles of the store, its streams and its requests are released.
 *
 * Statuses
 *   FACTSTR_OK                 (empty)
 *   FACTSTR_CLOSING            the calling thread is inside a callback of the store; the rest
 *                              happens when that has returned
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_TIMEOUT            a handler or a call is still running; the store is closed all the
 *                              same, and the handler's on_end follows
 */
FACTSTR_API factstr_status factstr_store_close(factstr_store store, factstr_buffer *error);

/* ---- Append and query, blocking ---- */

/*
 * Appends a batch. `events` is a JSON array of InteropNewEvent. Returns after the batch is as
 * durable as the store promises. Unless the status is FACTSTR_OK or FACTSTR_COMMIT_UNKNOWN, nothing
 * was committed.
 *
 * Statuses
 *   FACTSTR_OK                    out: InteropAppendResult
 *   FACTSTR_EMPTY_APPEND          events is an empty array; this comes before any other check
 *   FACTSTR_INVALID_ARGUMENT      events is NULL or cannot be used; the message names the field
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_INVALID_STATE         an earlier commit ended in an unknown state: open the store again
 *   FACTSTR_READ_ONLY             the file or the server cannot be written
 *   FACTSTR_STORE_CLOSED          the store began to close before the batch was committed
 *   FACTSTR_BUSY                  the queue stayed full, or others held the lock, for too long
 *   FACTSTR_TIMEOUT               the server gave the statement up or did not respond in time
 *   FACTSTR_COMMIT_UNKNOWN        the batch may or may not be committed: query for it
 *   FACTSTR_BACKEND_FAILURE       such as a full disk or a lost server
 *   FACTSTR_UNSUPPORTED_FORMAT    tables of the store were dropped while it was open
 *   FACTSTR_CORRUPT               the database is damaged
 *   FACTSTR_LOG_TRUNCATED         the file was removed, replaced or written over while it was open
 */
FACTSTR_API factstr_status factstr_append(factstr_store store, const char *events,
                                          size_t events_len, factstr_buffer *out);

/*
 * Appends a batch only if the context version of `query` (InteropEventQuery; its
 * min_sequence_number, limit and backwards are ignored) equals *expected; expected == NULL expects
 * that no event matches. `query` must not be NULL: {} makes all events the context.
 *
 * Statuses: those of factstr_append, and
 *   FACTSTR_CONDITIONAL_APPEND_CONFLICT    the context has another version; the InteropError has
 *                                          "conflict", and nothing happened
 */
FACTSTR_API factstr_status factstr_append_if(factstr_store store, const char *events,
                                             size_t events_len, const char *query, size_t query_len,
                                             const uint64_t *expected, factstr_buffer *out);

/*
 * Appends a batch only if every condition holds. `conditions` is a JSON array of at most 100
 * InteropAppendCondition: {"fail_if_events_match": InteropEventQuery, "after": number}. A condition
 * fails if an event that its query matches has a number above `after` (absent: 0), which may itself
 * lie above the newest event. An empty array appends as factstr_append; NULL is refused.
 *
 * Statuses: those of factstr_append, and
 *   FACTSTR_CONDITIONAL_APPEND_CONFLICT    a condition does not hold; the "conflict" of the
 *                                          InteropError has the "condition_index" of the first one,
 *                                          and nothing happened
 */
FACTSTR_API factstr_status factstr_append_when(factstr_store store, const char *events,
                                               size_t events_len, const char *conditions,
                                               size_t conditions_len, factstr_buffer *out);

/*
 * Reads the events that match. `query` is an InteropEventQuery; NULL (with length 0) asks for all
 * events.
 *
 * Statuses
 *   FACTSTR_OK                    out: InteropQueryResult
 *   FACTSTR_INVALID_ARGUMENT      query cannot be used, or the result would exceed result_bytes_max
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_READ_ONLY             only a standby can be reached, and the primary is required
 *   FACTSTR_STORE_CLOSED          the store began to close
 *   FACTSTR_BUSY                  another process held the lock
 *   FACTSTR_TIMEOUT               the server gave the statement up or did not respond in time
 *   FACTSTR_BACKEND_FAILURE       such as an unreadable disk or a lost server
 *   FACTSTR_UNSUPPORTED_FORMAT    tables of the store were dropped while it was open
 *   FACTSTR_CORRUPT               a stored event or the database is damaged
 *   FACTSTR_LOG_TRUNCATED         the log was removed or replaced while it was read
 */
FACTSTR_API factstr_status factstr_query(factstr_store store, const char *query, size_t query_len,
                                         factstr_buffer *out);

/*
 * As factstr_append, for a thread that must come back soon, such as one that looks after the
 * signals of its program: it waits for the disk, and for nobody else. If another append, another
 * process or a server would have to be waited for, or there is more to do than takes about a
 * millisecond, it returns FACTSTR_TIMEOUT with an empty buffer, and nothing was appended: submit
 * the request then.
 *
 * Statuses: those of factstr_append, without FACTSTR_BUSY, FACTSTR_READ_ONLY, and
 *   FACTSTR_TIMEOUT (empty)    not answered; nothing was appended
 */
FACTSTR_API factstr_status factstr_append_at_once(factstr_store store, const char *events,
                                                  size_t events_len, factstr_buffer *out);
/*
 * As factstr_append_at_once, for factstr_append_if.
 *
 * Statuses: those of factstr_append_if, without FACTSTR_BUSY, FACTSTR_READ_ONLY, and
 *   FACTSTR_TIMEOUT (empty)    not answered; nothing was appended
 */
FACTSTR_API factstr_status factstr_append_if_at_once(factstr_store store, const char *events,
                                                     size_t events_len, const char *query,
                                                     size_t query_len, const uint64_t *expected,
                                                     factstr_buffer *out);
/*
 * As factstr_append_at_once, for factstr_append_when.
 *
 * Statuses: those of factstr_append_when, without FACTSTR_BUSY, FACTSTR_READ_ONLY, and
 *   FACTSTR_TIMEOUT (empty)    not answered; nothing was appended
 */
FACTSTR_API factstr_status factstr_append_when_at_once(factstr_store store, const char *events,
                                                       size_t events_len, const char *conditions,
                                                       size_t conditions_len, factstr_buffer *out);
/*
 * As factstr_append_at_once, for factstr_query. What would be an error of the disk or of what is
 * stored is no answer, either: factstr_query reports it.
 *
 * Statuses
 *   FACTSTR_OK                  out: InteropQueryResult
 *   FACTSTR_INVALID_ARGUMENT    query cannot be used, or the result would exceed result_bytes_max
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_STORE_CLOSED        the store began to close
 *   FACTSTR_TIMEOUT (empty)     not answered
 */
FACTSTR_API factstr_status factstr_query_at_once(factstr_store store, const char *query,
                                                 size_t query_len, factstr_buffer *out);

/* ---- The same, asynchronous ---- */

/*
 * Called once, from a thread of the library, when a submitted request is answered. `status` and
 * `result` are those of factstr_request_wait; `result` is valid during the call only. The callback
 * must not block for long: other completions may wait behind it.
 */
typedef void (*factstr_completion_callback)(void *user_data, uint64_t tag, factstr_status status,
                                            const char *result, size_t result_len);

/*
 * Submits a request and returns at once. An error means that nothing was submitted and no
 * completion follows. The answer goes to one of three places:
 *   callback != NULL                     to the callback
 *   callback == NULL, request != NULL    *request is a handle for factstr_request_wait
 *   both NULL                            into the store's completion queue, for
 *                                        factstr_completions_next
 * `tag` is the caller's: it comes back with the answer, and names the request for factstr_cancel.
 *
 * Statuses
 *   FACTSTR_OK                  (empty); the answer follows
 *   FACTSTR_EMPTY_APPEND        events is an empty array
 *   FACTSTR_INVALID_ARGUMENT    events cannot be used
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_INVALID_STATE       an earlier commit ended in an unknown state: open the store again
 *   FACTSTR_STORE_CLOSED        the store began to close
 *   FACTSTR_BUSY                65536 requests of the store are unanswered or untaken, or the queue
 *                               of appends is full
 */
FACTSTR_API factstr_status factstr_append_submit(factstr_store store, const char *events,
                                                 size_t events_len, uint64_t tag,
                                                 factstr_completion_callback callback,
                                                 void *user_data, factstr_request *request,
                                                 factstr_buffer *error);
/*
 * As factstr_append_submit, for factstr_append_if. A conflict is an answer and comes later.
 *
 * Statuses: those of factstr_append_submit. FACTSTR_INVALID_ARGUMENT is also for query.
 */
FACTSTR_API factstr_status factstr_append_if_submit(
    factstr_store store, const char *events, size_t events_len, const char *query, size_t query_len,
    const uint64_t *expected, uint64_t tag, factstr_completion_callback callback, void *user_data,
    factstr_request *request, factstr_buffer *error);
/*
 * As factstr_append_submit, for factstr_append_when. A conflict is an answer and comes later.
 *
 * Statuses: those of factstr_append_submit. FACTSTR_INVALID_ARGUMENT is also for conditions.
 */
FACTSTR_API factstr_status factstr_append_when_submit(factstr_store store, const char *events,
                                                      size_t events_len, const char *conditions,
                                                      size_t conditions_len, uint64_t tag,
                                                      factstr_completion_callback callback,
                                                      void *user_data, factstr_request *request,
                                                      factstr_buffer *error);
/*
 * As factstr_append_submit, for factstr_query.
 *
 * Statuses
 *   FACTSTR_OK                  (empty); the answer follows
 *   FACTSTR_INVALID_ARGUMENT    query cannot be used
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_STORE_CLOSED        the store began to close
 *   FACTSTR_BUSY                65536 requests of the store are unanswered or untaken
 */
FACTSTR_API factstr_status factstr_query_submit(factstr_store store, const char *query,
                                                size_t query_len, uint64_t tag,
                                                factstr_completion_callback callback,
                                                void *user_data, factstr_request *request,
                                                factstr_buffer *error);

/* ---- Reading page by page ---- */

/*
 * Begins to read the events of a query page by page, in its order, in memory that does not grow
 * with their number. `query` is as for factstr_query. Nothing is read yet: the first page fixes how
 * far the log is read, and all pages are of the log as it was then. Close the reading by
 * factstr_read_close; factstr_store_close does that for all readings of the store.
 *
 * Statuses
 *   FACTSTR_OK                  (empty); *reading is the handle, else 0
 *   FACTSTR_INVALID_ARGUMENT    reading is NULL, or query cannot be used
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_STORE_CLOSED        the store began to close
 */
FACTSTR_API factstr_status factstr_read_open(factstr_store store, const char *query,
                                             size_t query_len, factstr_reading *reading,
                                             factstr_buffer *error);
/*
 * Reads the next page: up to 1000 events, and up to 1 MiB or a single event. Without "more" it was
 * the last one; further pages are empty. After an error the next call reads the same page again,
 * but after FACTSTR_LOG_TRUNCATED the reading is over: what was read is of a log that is not there
 * any more. One thread at a time may read.
 *
 * Statuses: those of factstr_query, without FACTSTR_INVALID_ARGUMENT, and
 *   FACTSTR_OK                    out: InteropPage
 *   FACTSTR_INVALID_STATE         another call reads a page
 *   FACTSTR_INVALID_HANDLE        the reading, or its store, was closed
 */
FACTSTR_API factstr_status factstr_read_next(factstr_reading reading, factstr_buffer *out);
/*
 * As factstr_append_submit, for factstr_read_next. If the request is cancelled before it is
 * answered, the page is still to be read.
 *
 * Statuses: those of factstr_query_submit, without FACTSTR_INVALID_ARGUMENT.
 */
FACTSTR_API factstr_status factstr_read_next_submit(factstr_reading reading, uint64_t tag,
                                                    factstr_completion_callback callback,
                                                    void *user_data, factstr_request *request,
                                                    factstr_buffer *error);
/*
 * Releases a reading. A page that is being read is still answered.
 *
 * Statuses
 *   FACTSTR_OK
 *   FACTSTR_INVALID_HANDLE
 */
FACTSTR_API factstr_status factstr_read_close(factstr_reading reading);

/* ---- Answers of submitted requests ---- */

/*
 * Waits until a stream has come to a sequence number: everything up to there was handled or does
 * not match. So a program that has appended reads what a stream makes of it. `wait_for` is JSON:
 *   {"stream": n,                   a handle of this store, or
 *    "durable": {"name": string},   the name of a durable stream, which may be active in another
 *                                   process: its stored cursor is read until it has come so far. The
 *                                   name need not be active, or known
 *    "number": n,
 *    "timeout_ms"?: n}              absent or negative: without limit
 * The stored cursor follows what is handled within cursor_every, and what does not match within a
 * few seconds. While it cannot be read, as from a lost server, the call goes on.
 *
 * Statuses
 *   FACTSTR_OK                     (empty)
 *   FACTSTR_TIMEOUT                the stream has not come so far within timeout_ms
 *   FACTSTR_CANCELLED              the stream was unsubscribed before
 *   FACTSTR_INVALID_ARGUMENT       wait_for cannot be used
 *   FACTSTR_INVALID_HANDLE         also of the stream
 *   FACTSTR_INVALID_STATE          called inside a callback of the stream, which would wait for itself
 *   FACTSTR_STORE_CLOSED           the store was closed before
 *   FACTSTR_HANDLER_FAILED, FACTSTR_DURABLE_STREAM_LOST, FACTSTR_LOG_TRUNCATED, FACTSTR_CORRUPT,
 *   FACTSTR_UNSUPPORTED_FORMAT     the stream ended before, as on_end says
 */
FACTSTR_API factstr_status factstr_wait_for(factstr_store store, const char *wait_for,
                                            size_t wait_for_len, factstr_buffer *error);

/*
 * As factstr_append_submit, for factstr_wait_for, whose statuses the answer has. The result is
 * empty. factstr_cancel gives it up.
 *
 * Statuses
 *   FACTSTR_OK                  (empty); the answer follows
 *   FACTSTR_INVALID_ARGUMENT    wait_for cannot be used
 *   FACTSTR_INVALID_HANDLE      also of the stream
 *   FACTSTR_STORE_CLOSED        the store began to close
 *   FACTSTR_BUSY                65536 requests of the store are unanswered or untaken
 */
FACTSTR_API factstr_status factstr_wait_for_submit(factstr_store store, const char *wait_for,
                                                   size_t wait_for_len, uint64_t tag,
                                                   factstr_completion_callback callback,
                                                   void *user_data, factstr_request *request,
                                                   factstr_buffer *error);

/*
 * Lists and changes the cursors of durable names, in whatever process they are active. `call` is
 * JSON with exactly one of these fields:
 *   {"cursors": {}}                                 lists them
 *   {"cursor_reset": {"name": string, "to": n}}     sets the cursor: the next registration delivers
 *                                                   what matches above `to`, which is 0 for all and
 *                                                   the head at most. Within a batch the rest of the
 *                                                   batch is delivered
 *   {"cursor_copy": {"from": string, "to": string}} gives a new name the query and the cursor of
 *                                                   another one
 *   {"cursor_delete": {"name": string}}             forgets the cursor and the query of a name, which
 *                                                   has no parked batches
 *   {"parked": {"name": string}}                    lists the batches that a stream has put aside
 *   {"redeliver_parked": {"name": string, "positions"?: [n]}}
 *                                                   lets them be delivered again, all or those: by
 *                                                   whoever holds the name, within a second or so,
 *                                                   else by its next registration, before its replay.
 *                                                   One that fails again stays parked
 *   {"discard_parked": {"name": string, "positions"?: [n]}}
 *                                                   removes them: nobody will handle them
 * A cursor is changed only while nobody holds the name, and a copy is made only while nobody holds
 * either: else FACTSTR_DURABLE_STREAM_ACTIVE. A delivery of a former stream of the name that is
 * still being handled moves it no more.
 *
 * out is a list, {"batches": n} with the number of parked batches that were found, or empty for a
 * change of a cursor. The lists:
 *   {"cursors": [{"name": string,
 *       "query": InteropEventQuery | null,   null: the stored text is none
 *       "cursor": n,                         everything up to it was handled or does not match
 *       "lag_events": n,                     facts above it, matching or not
 *       "lag_seconds": number | null,        the age of the oldest fact above it that matches, by
 *                                            this machine's clock; 0: none does
 *       "held_by": string | null,            who has the name, for people to read: "this store", or
 *                                            what is known of another holder; null: nobody
 *       "parked": n}]}                       batches that were put aside
 *   {"parked": [{"first_sequence_number": n,   of the first fact that matches
 *       "position": n,                         the batch's last number, which names it
 *       "error": string, "attempts": n,        what the handler said last
 *       "parked_at": string,
 *       "redelivering": bool}]}                it is to be delivered again
 * in the order of the names, and of the log. The cursors of this store's own streams are stored
 * first.
 *
 * Statuses
 *   FACTSTR_OK                       out: the list, or nothing
 *   FACTSTR_DURABLE_STREAM_ACTIVE    somebody holds the name
 *   FACTSTR_INVALID_STATE            a name with parked batches is to be deleted
 *   FACTSTR_INVALID_ARGUMENT         call cannot be used, a name is not known, that of a copy is, or
 *                                    the log does not reach `to`
 *   FACTSTR_READ_ONLY, FACTSTR_BUSY, FACTSTR_TIMEOUT, FACTSTR_BACKEND_FAILURE, FACTSTR_CORRUPT,
 *   FACTSTR_UNSUPPORTED_FORMAT, FACTSTR_LOG_TRUNCATED   as for factstr_append; nothing was changed
 *   FACTSTR_COMMIT_UNKNOWN           a change may or may not have been made: list the cursors
 *   FACTSTR_STORE_CLOSED, FACTSTR_INVALID_HANDLE
 */
FACTSTR_API factstr_status factstr_cursors(factstr_store store, const char *call, size_t call_len,
                                           factstr_buffer *out);

/*
 * As factstr_append_submit, for factstr_cursors, whose statuses and text the answer has.
 * factstr_cancel gives it up: FACTSTR_CANCELLED means that nothing was changed.
 *
 * Statuses
 *   FACTSTR_OK                  (empty); the answer follows
 *   FACTSTR_INVALID_ARGUMENT    call cannot be used
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_STORE_CLOSED        the store began to close
 *   FACTSTR_BUSY                65536 requests of the store are unanswered or untaken
 */
FACTSTR_API factstr_status factstr_cursors_submit(factstr_store store, const char *call,
                                                  size_t call_len, uint64_t tag,
                                                  factstr_completion_callback callback,
                                                  void *user_data, factstr_request *request,
                                                  factstr_buffer *error);

/*
 * Waits for the answer of a request: the status and the text of the blocking call. An answer
 * releases the request. FACTSTR_TIMEOUT with an empty buffer means not answered yet: wait again. (A
 * request that itself timed out has an InteropError in the buffer.)
 *
 * An append that nobody has begun when its submitter waits may be carried out on the waiting
 * thread, as by factstr_append_at_once, which saves two switches of threads. That is so without a
 * time limit, and with one of at least eight times what commits took lately: only a disk that
 * suddenly becomes slow makes the wait longer than timeout_ms.
 *
 * Statuses: those of factstr_append_if and factstr_query, without FACTSTR_EMPTY_APPEND, and
 *   FACTSTR_TIMEOUT (empty)    not answered within timeout_ms
 *   FACTSTR_CANCELLED          given up by factstr_cancel; nothing was written
 *   FACTSTR_NOT_IMPLEMENTED    as from factstr_backup
 */
FACTSTR_API factstr_status factstr_request_wait(factstr_request request, int64_t timeout_ms,
                                                factstr_buffer *out);

typedef struct factstr_completion {
  uint64_t tag;
  factstr_status status;
  factstr_buffer result; /* release each with factstr_buffer_free */
} factstr_completion;

/*
 * Takes up to out_max answered requests from the store's completion queue. Waits until there is at
 * least one. As factstr_request_wait says, the waiting thread may carry out an append.
 *
 * Statuses
 *   FACTSTR_OK                  *out_len of them were taken
 *   FACTSTR_TIMEOUT             none came within timeout_ms
 *   FACTSTR_INVALID_ARGUMENT    out or out_len is NULL, or out_max is 0
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_STORE_CLOSED        the store began to close, also during the wait
 */
FACTSTR_API factstr_status factstr_completions_next(factstr_store store, factstr_completion *out,
                                                    size_t out_max, size_t *out_len,
                                                    int64_t timeout_ms);

/*
 * Asks the library to give up the submitted requests with this tag. A request that still waits is
 * answered with FACTSTR_CANCELLED, and nothing was written. An append that its group has taken goes
 * on and is answered as it ends.
 *
 * Statuses
 *   FACTSTR_OK                whether or not there is such a request
 *   FACTSTR_INVALID_HANDLE
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
   * Takes a batch and returns FACTSTR_HANDLED, FACTSTR_FAILED, or FACTSTR_PENDING to answer later
   * by factstr_stream_acknowledge or factstr_stream_refuse. Any other value counts as failed.
   * `batch` is valid during the call only. Callbacks of one stream come one at a time, never on the
   * thread that opened the stream, and possibly on a different thread each time; each sees
   * everything that the one before it did. All functions may be called inside.
   *
   * If the registration has batches_max, `batch` holds several batches in the form of
   * factstr_stream_next_many, with the numbers from delivery on. FACTSTR_HANDLED is the outcome of
   * all. With FACTSTR_FAILED the one behind those that factstr_stream_advance was called for has
   * failed, which else is the first one, and those behind it come again.
   */
  int32_t (*on_batch)(void *user_data, factstr_stream stream, factstr_delivery delivery,
                      const char *batch, size_t batch_len);
  /*
   * Replay is done: factstr_stream_wait_ready returns FACTSTR_OK. When replay fails, only on_end is
   * called. May be NULL.
   */
  void (*on_ready)(void *user_data, factstr_stream stream);
  /*
   * The stream has ended. This is the last callback and comes exactly once; user data may be freed
   * in it. `reason` is an InteropError, and NULL with FACTSTR_OK. May be NULL.
   *
   * Statuses it is called with
   *   FACTSTR_OK                     the stream was unsubscribed, closed or drained
   *   FACTSTR_STORE_CLOSED           its store was closed
   *   FACTSTR_HANDLER_FAILED         a delivery of a stream that is not live failed
   *   FACTSTR_DURABLE_STREAM_LOST    another process may have taken the durable name over
   *   FACTSTR_LOG_TRUNCATED          the log lost facts that the stream had delivered
   *   FACTSTR_CORRUPT                a stored event is damaged
   *   FACTSTR_UNSUPPORTED_FORMAT     tables of the store were dropped
   */
  void (*on_end)(void *user_data, factstr_stream stream, factstr_status status, const char *reason,
                 size_t reason_len);
} factstr_stream_callbacks;

/*
 * Registers a stream. Replay starts by itself; this call does not wait for it.
 * With callbacks == NULL batches are taken by factstr_stream_next. Unless the status is FACTSTR_OK,
 * no stream exists, no callback is made and *stream is 0. registration is JSON:
 *   {"query"?: InteropEventQuery,      absent: all events; min_sequence_number, limit and
 *                                      backwards are ignored
 *    "durable"?: {"name": string},     the stream goes on where the cursor of this name stands
 *    "after"?: n,                      instead of durable: replays what is above this number, and
 *                                      goes on live. The caller keeps the number: the position of
 *                                      the last delivery that it handled. Without durable and after
 *                                      it is a live stream, which sees what is committed from now on
 *    "retry"?: {"max_attempts": n, "delay_ms": n, "delay_max_ms": n,
 *               "give_up"?: "end" | "park"},   "park", of a durable stream: a batch that failed in its
 *                                              last attempt is put aside, and the stream goes on
 *                                              (factstr_cursors); "end" is the default
 *                                      redelivery of a failed batch of a stream that is not live;
 *                                      default none
 *    "cursor_every"?: {"batches": n, "ms": n},
 *                                      how often the cursor of a durable stream is stored at least;
 *                                      1000 and 100
 *    "batches_max"?: n,                with callbacks: on_batch takes up to so many batches at once
 *    "positions"?: bool}               true: each batch is an InteropDelivery, also in an array of
 *                                      batches, in place of an array of records. Its position is the
 *                                      last number of the committed batch, whether that event
 *                                      matches or not
 *
 * Statuses
 *   FACTSTR_OK                     (empty)
 *   FACTSTR_INVALID_ARGUMENT       an argument is NULL, or registration cannot be used, such as
 *                                  cursor_every without durable
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_STORE_CLOSED           the store began to close
 *   FACTSTR_DURABLE_STREAM_ACTIVE
 *                                  the name is in use, here or in another process
 *   FACTSTR_DURABLE_STREAM_QUERY_MISMATCH
 *                                  the name was registered with another query
 *   FACTSTR_LOG_TRUNCATED          the cursor of the name, or after, is beyond the end of the log
 *   FACTSTR_READ_ONLY              the file or the server cannot be written
 *   FACTSTR_BUSY                   others held the lock
 *   FACTSTR_TIMEOUT                the server gave the statement up or did not respond in time
 *   FACTSTR_BACKEND_FAILURE        such as a lost server
 *   FACTSTR_UNSUPPORTED_FORMAT     tables of the store were dropped while it was open
 *   FACTSTR_CORRUPT                the database or the stored cursor is damaged
 */
FACTSTR_API factstr_status factstr_stream_open(factstr_store store, const char *registration,
                                               size_t registration_len,
                                               const factstr_stream_callbacks *callbacks,
                                               void *user_data, factstr_stream *stream,
                                               factstr_buffer *error);

/*
 * Waits until replay has reached the head that the registration saw; a live stream is ready at
 * once. With pull delivery somebody must take the replayed batches meanwhile.
 *
 * Statuses
 *   FACTSTR_OK                     ready, also when the stream has ended since
 *   FACTSTR_ENDED                  the stream ended before, without an error
 *   FACTSTR_TIMEOUT (empty)        not ready within timeout_ms
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_INVALID_STATE          called inside a callback of this stream before it is ready
 *   FACTSTR_STORE_CLOSED, FACTSTR_HANDLER_FAILED, FACTSTR_DURABLE_STREAM_LOST,
 *   FACTSTR_LOG_TRUNCATED, FACTSTR_CORRUPT, FACTSTR_UNSUPPORTED_FORMAT
 *                                  the stream ended before, as on_end says
 */
FACTSTR_API factstr_status factstr_stream_wait_ready(factstr_stream stream, int64_t timeout_ms,
                                                     factstr_buffer *error);

/*
 * Reports where a stream stands:
 *   {"number": n, "state": "replaying" | "live" | "ended", "position": n, "replay_target": n,
 *    "stored_cursor": n, "failure": InteropError | null}
 * number is the stream's number in its store, as in the log and in factstr_statistics. failure is
 * why the log cannot be read at the moment; the stream tries again until it can. A live stream is
 * never replaying, and a stream that has ended has no failure.
 *
 * Statuses
 *   FACTSTR_OK                out: the object above
 *   FACTSTR_INVALID_HANDLE
 */
FACTSTR_API factstr_status factstr_stream_progress(factstr_stream stream, factstr_buffer *out);

/*
 * Takes the next batch of a stream that was opened without callbacks. Answer it by
 * factstr_stream_acknowledge or factstr_stream_refuse. *delivery is 0 unless the status is
 * FACTSTR_OK.
 *
 * Statuses
 *   FACTSTR_OK                     batch: a JSON array of InteropEventRecord
 *   FACTSTR_ENDED                  the stream has ended without an error
 *   FACTSTR_TIMEOUT (empty)        no batch came within timeout_ms
 *   FACTSTR_INVALID_ARGUMENT       delivery is NULL
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_INVALID_STATE          a delivery is open, or the stream delivers to callbacks
 *   FACTSTR_STORE_CLOSED, FACTSTR_HANDLER_FAILED, FACTSTR_DURABLE_STREAM_LOST,
 *   FACTSTR_LOG_TRUNCATED, FACTSTR_CORRUPT, FACTSTR_UNSUPPORTED_FORMAT
 *                                  the stream has ended, as on_end says
 */
FACTSTR_API factstr_status factstr_stream_next(factstr_stream stream, int64_t timeout_ms,
                                               factstr_delivery *delivery, factstr_buffer *batch);

/*
 * Takes the next batches of a stream that was opened without callbacks: at least one, at most
 * batches_max, as many as are at hand and together have about a mebibyte of text. They have the
 * numbers *first to *first + *count - 1. Handle them in their order. Call factstr_stream_advance
 * between two of them, and answer once for all: factstr_stream_acknowledge with the last one that
 * was handled, or factstr_stream_refuse with the one that failed. What comes before that one counts
 * as handled; those behind it are given back and come again. A stream whose cursor_every names
 * fewer batches hands over no more than those, and one in which one was refused only one.
 *
 * Statuses
 *   FACTSTR_OK                     batches: a JSON array of batches, each an array of
 *                                  InteropEventRecord
 *   FACTSTR_ENDED                  the stream has ended without an error
 *   FACTSTR_TIMEOUT (empty)        no batch came within timeout_ms
 *   FACTSTR_INVALID_ARGUMENT       first or count is NULL, or batches_max is 0
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_INVALID_STATE          a delivery is open, or the stream delivers to callbacks
 *   FACTSTR_STORE_CLOSED, FACTSTR_HANDLER_FAILED, FACTSTR_DURABLE_STREAM_LOST,
 *   FACTSTR_LOG_TRUNCATED, FACTSTR_CORRUPT, FACTSTR_UNSUPPORTED_FORMAT
 *                                  the stream has ended, as on_end says
 */
FACTSTR_API factstr_status factstr_stream_next_many(factstr_stream stream, size_t batches_max,
                                                    int64_t timeout_ms, factstr_delivery *first,
                                                    size_t *count, factstr_buffer *batches);

/*
 * Says that a delivery is handled, with those before it that came along, and asks whether to
 * begin the next one. The position moves within 20 ms, at once for factstr_stream_progress, and the
 * stored cursor follows it. The call is cheap, so make it for each
 * batch before the handler of the next one, which may take long. For the last one it is
 * factstr_stream_acknowledge.
 *
 * Statuses
 *   FACTSTR_OK                go on with the next one
 *   FACTSTR_INVALID_HANDLE    leave the others, take the next ones: the stream is closed, was
 *                             unsubscribed or has to look whether it may go on, or the delivery is
 *                             not open
 */
FACTSTR_API factstr_status factstr_stream_advance(factstr_stream stream, factstr_delivery delivery);

/*
 * Answers a pulled or pending delivery as handled, with those before it that came along.
 * Those behind it are given back.
 *
 * Statuses
 *   FACTSTR_OK                the answer counts, however soon the stream ends
 *   FACTSTR_INVALID_HANDLE    the stream is closed, or the delivery is not open (any more)
 */
FACTSTR_API factstr_status factstr_stream_acknowledge(factstr_stream stream,
                                                      factstr_delivery delivery);
/*
 * Answers a pulled or pending delivery as failed, and those before it that came along as
 * handled. Those behind it are given back. `message` (may be NULL), or the first 64 KiB of it,
 * becomes part of the end's reason.
 *
 * Statuses: those of factstr_stream_acknowledge, and
 *   FACTSTR_INVALID_ARGUMENT    message is NULL with a length, or message_len is above 1 GiB
 */
FACTSTR_API factstr_status factstr_stream_refuse(factstr_stream stream, factstr_delivery delivery,
                                                 const char *message, size_t message_len);

/*
 * Unsubscribes a stream: no further delivery starts after this returned, and a durable name is free
 * at once. Never waits for a callback; one that is running goes on, and on_end follows it. May be
 * called again. The handle stays valid until it is closed.
 *
 * Statuses
 *   FACTSTR_OK                also for a stream that has ended
 *   FACTSTR_INVALID_HANDLE
 */
FACTSTR_API factstr_status factstr_stream_unsubscribe(factstr_stream stream);

/*
 * Lets the stream end after it has delivered the batches that were committed before this call:
 * FACTSTR_ENDED, and on_end with FACTSTR_OK. Never waits, and may be called again. Go on taking and
 * answering deliveries until the end, then close the handle. factstr_stream_unsubscribe still ends
 * it at once.
 *
 * Statuses
 *   FACTSTR_OK                also for a stream that has ended
 *   FACTSTR_INVALID_HANDLE
 */
FACTSTR_API factstr_status factstr_stream_drain(factstr_stream stream);

/*
 * Unsubscribes a stream, waits for a running callback and on_end, and releases the handle.
 *
 * Statuses
 *   FACTSTR_OK
 *   FACTSTR_CLOSING           the calling thread is inside a callback of this stream; on_end
 *                             follows, and the handle is released
 *   FACTSTR_INVALID_HANDLE
 */
FACTSTR_API factstr_status factstr_stream_close(factstr_stream stream);

/* ---- Operating ---- */

/*
 * Reports what the store counted since it was opened, for this process alone. It reads the head of
 * the log; if that fails, the result has "failure", and head and facts are as last known.
 *   {"store_kind": "memory" | "sqlite" | "postgres",
 *    "head": n, "facts": n,              the newest sequence number, and how many facts there are,
 *                                        by the numbers, which have no gaps
 *    "failure": InteropError | null,
 *    "database_bytes": n | null,         SQLite's database file, or PostgreSQL's table of facts
 *                                        with its indexes
 *    "log_file_bytes": n | null,         SQLite's write-ahead log file
 *    "appends": n, "groups": n,          batches committed, and the transactions that committed
 *                                        them: their ratio is the size of a group
 *    "group_appends_max": n,             batches in the largest group
 *    "groups_retried": n,                groups that failed and were tried again one by one
 *    "queue_appends": n, "queue_bytes": n,   appends that wait for the group before them
 *    "read_retries": n,                  reads of streams that failed and were tried again
 *    "redeliveries": n,                  deliveries that were repeated after a failure
 *    "reconnects": n,                    connections to a server that took the place of lost ones
 *    "tail_events": n, "tail_bytes": n,  the newest facts that are kept in memory
 *    "index_watermark": n | null,        up to where the payload index holds the log; null without
 *                                        an index
 *    "streams": [                        those that are open, in the order of their registration
 *      {"number": n,                     the stream's in its store, as "stream" in what is logged
 *       "handle": n | null, "durable_name": string | null,
 *       "lag": n,                        facts between its position and the head, matching or not
 *       "parked": n,                     batches of a durable stream that were put aside
 *       "state": ..., "position": n, "replay_target": n, "stored_cursor": n, "failure": ...
 *                                        as in factstr_stream_progress
 *      }]}
 * More fields may be added. head, facts, index_watermark and the numbers of streams' places (lag,
 * position, replay_target, stored_cursor) are spelled as "sequence_numbers" says; all others are
 * JSON numbers.
 *
 * Statuses
 *   FACTSTR_OK                out: the object above
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_STORE_CLOSED      the store began to close
 */
FACTSTR_API factstr_status factstr_statistics(factstr_store store, factstr_buffer *out);

/*
 * Runs a query, and reports how it was answered instead of its events. `query` is as for
 * factstr_query.
 *   {"plan": "nothing"                   no event can match
 *          | "everything"                every event matches
 *          | "types"                     event types alone narrow the events
 *          | "terms"                     scalars of predicates do, with types or without
 *          | "walk",                     nothing does: every event is looked at
 *    "alternatives": [                   the ways to match, one for each predicate of a filter; at
 *                                        most 32, and "alternatives_more" is how many more
 *      {"terms": [                       types, of which one, and scalars, all of which an event has
 *         {"term": s,                    such as 'event_type = "a"' or 'payload.tags[] = "x"'
 *          "facts": n | null,            in how many events the indexes have it; null without one
 *          "drives": bool}],             whether the events that have it are looked through
 *       "terms_more": n}],               terms that are not listed
 *    "alternatives_more": n,
 *    "steps": [                          what was read, in order
 *      {"purpose": "rows" | "version",   for the events, or for the context's version alone
 *       "source": "tail" | "log",        the newest events, which are in memory, or the database
 *       "access": "terms"                an index of terms proposed events
 *               | "types"                an index on types has them in order
 *               | "walk"                 each event of the range was looked at
 *               | "server",              the server found them as its planner chose
 *       "after": n, "up_to": n,          the range that was asked for
 *       "rows_read": n, "candidates": n,
 *       "server_plan": [s] | null}],     what the server's EXPLAIN ANALYZE says, line by line
 *    "rows_read": n,                     events that were fetched from where they are kept
 *    "candidates": n,                    those of them that were matched: at least "matches"
 *    "matches": n,                       events that the query returns
 *    "current_context_version": n | null,
 *    "microseconds": n}                  that the query took
 * More fields may be added. after, up_to and current_context_version are spelled as
 * "sequence_numbers" says; all others are JSON numbers.
 *
 * Statuses: those of factstr_query, and
 *   FACTSTR_OK    out: the object above
 */
FACTSTR_API factstr_status factstr_explain(factstr_store store, const char *query, size_t query_len,
                                           factstr_buffer *out);

/*
 * Reads the whole log, and reports what is wrong with it. It changes nothing, takes bounded memory,
 * and runs beside appends, queries and streams; every ten seconds its progress is logged
 * ("verifying"). A damaged log gives findings and no error.
 *   {"head": n,                          the newest event when the call began, up to which was read
 *    "facts": n, "batches": n,           how many events were read, and in how many batches they were
 *                                        committed
 *    "cursors": n,                       durable names
 *    "index_through": n | null,          up to where the index of terms was compared; null without
 *                                        an index
 *    "findings": [                       what is wrong; at most 100, and "findings_more" is how many
 *                                        more there are. Empty: the log is sound
 *      {"kind": "missing_facts"          numbers that no event has
 *             | "damaged_fact"           an event that cannot be returned
 *             | "wrong_batch"            a range of a batch that cannot have been committed
 *             | "wrong_cursor"           a durable name whose cursor cannot be used
 *             | "wrong_index"            the index of terms leaves events out, or cannot be read
 *             | "damaged_storage",       SQLite's own check of the file found it damaged
 *       "first": n | null, "last": n | null,   the events that are concerned
 *       "durable_name": s | null,
 *       "message": s}],                  what is wrong, and what to do
 *    "findings_more": n,
 *    "microseconds": n}
 * More fields may be added. head, facts, batches, index_through, first and last are spelled as
 * "sequence_numbers" says; all others are JSON numbers.
 *
 * Statuses: those of factstr_query, without FACTSTR_INVALID_ARGUMENT, and
 *   FACTSTR_OK         out: the object above
 *   FACTSTR_CORRUPT    not even the newest event can be read; all other damage is a finding
 */
FACTSTR_API factstr_status factstr_verify(factstr_store store, factstr_buffer *out);
/*
 * As factstr_append_submit, for factstr_verify. factstr_cancel gives it up.
 *
 * Statuses: those of factstr_query_submit, without FACTSTR_INVALID_ARGUMENT.
 */
FACTSTR_API factstr_status factstr_verify_submit(factstr_store store, uint64_t tag,
                                                 factstr_completion_callback callback,
                                                 void *user_data, factstr_request *request,
                                                 factstr_buffer *error);

/*
 * Copies the log of a SQLite store into a new file at `path`, a path of the file system in UTF-8,
 * while appends, queries and streams go on: a database that can be opened as a store, with
 * everything up to one moment during the call, batches and durable cursors included. It is synced,
 * and has its name when it is whole: a backup that is cancelled, fails or is killed leaves no file
 * under that name. Every ten seconds its progress is logged ("backing_up").
 *   {"head": n,           the newest event in the copy
 *    "bytes": n, "microseconds": n}
 * More fields may be added. head is spelled as "sequence_numbers" says, the others are JSON
 * numbers.
 *
 * Statuses
 *   FACTSTR_OK                    out: the object above
 *   FACTSTR_INVALID_ARGUMENT      path cannot be used, or something is there already
 *   FACTSTR_INVALID_HANDLE
 *   FACTSTR_NOT_IMPLEMENTED       the store is no SQLite store; the message says what to do instead
 *   FACTSTR_STORE_CLOSED          the store began to close
 *   FACTSTR_BUSY                  another backup is just being written to this path, or another
 *                                 process held the database's lock
 *   FACTSTR_BACKEND_FAILURE       such as a folder that does not exist, or a full disk
 *   FACTSTR_UNSUPPORTED_FORMAT    the database is no store any more
 *   FACTSTR_CORRUPT               the database is damaged
 *   FACTSTR_LOG_TRUNCATED         the database was removed or replaced
 */
FACTSTR_API factstr_status factstr_backup(factstr_store store, const char *path,
                                          factstr_buffer *out);
/*
 * As factstr_append_submit, for factstr_backup. factstr_cancel gives it up.
 *
 * Statuses: those of factstr_query_submit.
 */
FACTSTR_API factstr_status factstr_backup_submit(factstr_store store, const char *path,
                                                 uint64_t tag, factstr_completion_callback callback,
                                                 void *user_data, factstr_request *request,
                                                 factstr_buffer *error);

/* Levels of records. FACTSTR_LOG_OFF is above all of them. */
enum { FACTSTR_LOG_INFO = 1, FACTSTR_LOG_WARNING = 2, FACTSTR_LOG_ERROR = 3, FACTSTR_LOG_OFF = 4 };

/*
 * Takes one record of the log: something that no call returns, such as a handler's failure, the end
 * of a stream by it, a recovered panic, or a lost connection. `record` is a JSON object, valid
 * during the call only:
 *   {"time": "YYYY-MM-DDTHH:MM:SS.ffffffZ",
 *    "level": "info" | "warning" | "error",
 *    "event": s,                   what happened, from the closed set in docs/operating.md: act on
 *                                  this, never on the message
 *    "message": s,
 *    "store": n | null,            the handle of the store; null if none is concerned, and while a
 *                                  store is being opened
 *    "store_kind"?: "memory" | "sqlite" | "postgres",
 *    ...}                          attributes of the event: "durable_name", "stream" (its number in
 *                                  the store, no handle), "code", "error", "stack", ... Times are
 *                                  milliseconds, numbers integers of up to 63 bits, however
 *                                  "sequence_numbers" is set. More may be added
 * Called from a thread of the library, one call at a time for the whole process, shortly after the
 * event. It may take its time and call any function: nothing in the library waits for it, except
 * that factstr_store_close waits up to a second until the records of its store are handed over.
 * While it does not return, 1,024 records of each store are kept; further ones are dropped,
 * counted, and reported as "records_dropped".
 */
typedef void (*factstr_log_callback)(void *user_data, const char *record, size_t record_len);

/*
 * Sets where the records of min_level and above go, for the whole process and at any time. It
 * replaces the setting before it. callback == NULL: to standard error, one line each, which is the
 * default with FACTSTR_LOG_WARNING. FACTSTR_LOG_OFF is silence.
 *
 * When it has returned, the callback that was set before is not running and is not called again, so
 * its `user_data` may be freed. For that it waits for a running callback: do not hold a lock that
 * the callback waits for. Inside the callback it does not wait. A program that is about to end, or
 * to unload the code of its callback, first calls this with NULL and FACTSTR_LOG_OFF.
 *
 * Statuses
 *   FACTSTR_OK
 *   FACTSTR_INVALID_ARGUMENT    min_level is none of the levels
 */
FACTSTR_API factstr_status factstr_log_set(factstr_log_callback callback, void *user_data,
                                           int32_t min_level);

/* ---- For tests ---- */

/* Returns how many handles of stores, streams, requests and openings are open in this process. */
FACTSTR_API uint64_t factstr_open_handles(void);

#ifdef __cplusplus
}
#endif

#endif
