/*
 * The interface between the Go side and the C side of the library. Names begin with go_ (Go,
 * called from the public functions) or fs_ (C), so that the version script keeps them inside.
 */
#ifndef FACTSTR_BRIDGE_H
#define FACTSTR_BRIDGE_H

#include "../include/factstr.h"

/*
 * A call that runs on a goroutine while the host's thread waits for it in C. The goroutine ends it
 * with fs_finish; until then it may use the caller's memory. The thread sleeps at `shared`, or at
 * `state` if that is NULL.
 */
struct fs_wait {
  uint32_t state;
  factstr_status status;
  uint32_t *shared;
};
void fs_finish(struct fs_wait *wait, factstr_status status);
enum { FS_LATER = -1 }; /* instead of a status: fs_finish delivers it */

/*
 * A blocking append. It lies on the stack of its caller, who waits until it is finished, so nothing
 * may look at it after that.
 */
struct fs_append {
  struct fs_wait wait;
  factstr_store store;
  enum { FS_APPEND, FS_APPEND_IF, FS_APPEND_WHEN } kind;
  const char *events;
  const char *context; /* the query of an append_if, the conditions of an append_when */
  size_t events_len, context_len;
  const uint64_t *expected; /* of an append_if */
  factstr_buffer *out;
  struct fs_append *next;
};
/* Takes the appends that joined since the last time, oldest first: blocking_calls.c. */
struct fs_append *fs_take_joined(void);
/* Ends appends with the statuses in them, and wakes their callers. */
void fs_finish_all(struct fs_append *appends);

/*
 * The word at which those sleep whose appends the store's next group will take: waits.c. A group
 * says when it was taken, since whoever comes from then on is in a later one.
 */
uint32_t *fs_word_of(factstr_store store);
void fs_group_taken(factstr_store store);

/*
 * Turns at a memory store. An append there waits for nothing but another append, and a goroutine
 * would cost many times the append itself. So threads take turns here, in C, and each runs its own
 * append. fs_take_turn returns NULL if the store has no turns (it is no memory store, or another
 * one has its place in the table), and if the turn does not come soon, since a condition may take
 * long to compare. The append then runs on a goroutine as usual: turns only make it faster.
 */
struct fs_turn;
void fs_turns_begin(factstr_store store);
void fs_turns_end(factstr_store store);
struct fs_turn *fs_take_turn(factstr_store store);
void fs_end_turn(struct fs_turn *turn); /* NULL is fine */

/*
 * Where callers mark batches of an open delivery as handled: marks.c. fs_marks_open gives a stream
 * a place for the batches from number first on, or returns 0 if its place is in use.
 * fs_marks_handled returns how many of them are marked, and so does fs_marks_close, which takes the
 * place back.
 */
int fs_marks_open(factstr_stream stream, factstr_delivery first, uint32_t count);
uint32_t fs_marks_handled(factstr_stream stream);
uint32_t fs_marks_close(factstr_stream stream);
/* Returns 0 if the stream has no place, or the delivery is not one that can be marked. */
int fs_mark(factstr_stream stream, factstr_delivery delivery);

/*
 * Allocates memory for the caller's buffer, with room for a NUL behind `len`; NULL without memory.
 */
char *fs_allocate(size_t len);
/* Makes such memory `len` bytes long, which is not 0, or allocates it; NULL leaves it as it is. */
char *fs_resize(char *memory, size_t len);
void fs_release(char *memory);

/*
 * Calls a callback of the caller. While it runs, fs_inside_store and its like know that the thread
 * is in it. user_data may be any integer; as a Go pointer it would make the garbage collector
 * crash, so it travels as a number.
 */
int32_t fs_call_on_batch(const factstr_stream_callbacks *callbacks, uintptr_t user_data,
                         factstr_store store, factstr_stream stream, factstr_delivery delivery,
                         const char *batch, size_t batch_len);
void fs_call_on_ready(const factstr_stream_callbacks *callbacks, uintptr_t user_data,
                      factstr_store store, factstr_stream stream);
void fs_call_on_end(const factstr_stream_callbacks *callbacks, uintptr_t user_data,
                    factstr_store store, factstr_stream stream, factstr_status status,
                    const char *reason, size_t reason_len);
void fs_call_completion(factstr_completion_callback callback, uintptr_t user_data,
                        factstr_store store, uint64_t tag, factstr_status status,
                        const char *result, size_t result_len);

/*
 * Nothing waits for this callback, so it does not count as one of the store: it may close the store
 * and wait for the close.
 */
void fs_call_open(factstr_open_callback callback, uintptr_t user_data, factstr_status status,
                  factstr_store store, const char *error, size_t error_len);

/*
 * Passes a record to the host's log function. fs_inside_log reports whether the calling thread is
 * inside that function.
 */
void fs_call_log(factstr_log_callback callback, uintptr_t user_data, const char *record,
                 size_t record_len);
int fs_inside_log(void);
/*
 * Writes to standard error, and gives up where that does not take it. Does not write if the host
 * has closed standard error and the library got its number for a file or a connection.
 */
void fs_write_stderr(const char *text, size_t len);

/* Reports whether the calling thread is inside any callback. */
int fs_inside_callback(void);
/*
 * Report whether the calling thread is inside a callback of that store (or of one of its streams),
 * or of that stream.
 */
int fs_inside_store(factstr_store store);
int fs_inside_stream(factstr_stream stream);
/* The stream whose callback the calling thread is in, 0 if it is in none. */
factstr_stream fs_innermost_stream(void);

/*
 * The descriptors of databases and of connections to servers. A child after fork() must close its
 * copies, or they would keep the parent's locks and sessions after the parent has ended.
 */
void fs_descriptor_opened(int descriptor);
void fs_descriptor_closed(int descriptor);
int fs_holds_descriptor(int descriptor);
void fs_close_descriptors(void);

#endif
