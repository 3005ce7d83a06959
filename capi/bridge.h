/*
 * What the Go side and the C side of the library know of each other. Names begin with go_ (Go,
 * called from the public functions) or fs_ (C), so that the version script keeps them inside.
 */
#ifndef FACTSTR_BRIDGE_H
#define FACTSTR_BRIDGE_H

#include "../include/factstr.h"

/*
 * A call that the host's thread waits for in C while Go carries it out on a goroutine, which ends
 * with fs_finish. Until then the caller's memory may be used.
 */
struct fs_wait {
  uint32_t done;
  factstr_status status;
};
void fs_finish(struct fs_wait *wait, factstr_status status);
enum { FS_LATER = -1 }; /* instead of a status: fs_finish will bring it */

/*
 * Turns at a memory store: an append there waits for nothing but another append, and handing it
 * over to a goroutine would cost many times what it takes. So threads wait for each other here and
 * carry their appends out themselves. fs_take_turn returns NULL when the store has no turns (no
 * memory store, or one too many), and when the turn does not come soon: a condition may take long
 * to compare.
 */
struct fs_turn;
void fs_turns_begin(factstr_store store);
void fs_turns_end(factstr_store store);
struct fs_turn *fs_take_turn(factstr_store store);
void fs_end_turn(struct fs_turn *turn); /* NULL is fine */

/*
 * Memory that goes to the caller, with room for one NUL behind `len`. NULL if there is none.
 */
char *fs_allocate(size_t len);
void fs_release(char *memory);

/*
 * A callback of the caller. While it runs, the thread knows whose callback it is in. user_data
 * travels as a number, since callers put in what is no pointer, which Go's collector would not
 * bear.
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
 * Nothing waits for this one, so it counts as no callback of the store: it may close it, and wait
 * for that.
 */
void fs_call_open(factstr_open_callback callback, uintptr_t user_data, factstr_status status,
                  factstr_store store, const char *error, size_t error_len);

/*
 * Hands one record to the function that takes the log. fs_inside_log: whether the calling thread is
 * inside of it.
 */
void fs_call_log(factstr_log_callback callback, uintptr_t user_data, const char *record,
                 size_t record_len);
int fs_inside_log(void);
/*
 * Writes to standard error, as far as it takes it. In a program that has closed it, its number may
 * be that of a connection to a server.
 */
void fs_write_stderr(const char *text, size_t len);

/* Whether the calling thread is inside any callback. */
int fs_inside_callback(void);
/*
 * Whether the calling thread is inside a callback of that store or of one of its streams, or of
 * that stream.
 */
int fs_inside_store(factstr_store store);
int fs_inside_stream(factstr_stream stream);

/*
 * Descriptors of databases and of connections to servers: a child after fork() must close its
 * copies, or they would hold the parent's locks and sessions when the parent is gone.
 */
void fs_descriptor_opened(int descriptor);
void fs_descriptor_closed(int descriptor);
int fs_holds_descriptor(int descriptor);
void fs_close_descriptors(void);

#endif
