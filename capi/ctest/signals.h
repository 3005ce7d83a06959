/*
 * The parts of the tests of signals. Each runs in its own process: see signals.c.
 */
#ifndef SIGNALS_H
#define SIGNALS_H

#include "tests.h"

#include <signal.h>
#include <stdatomic.h>

/* Ends the process of a part. */
#define MUST(condition)                                                                            \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "  %s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);              \
      _exit(1);                                                                                    \
    }                                                                                              \
  } while (0)

/* Reports whether the host may install a handler for a signal. */
int is_hosts(int number);
void block_all(void);
/* Makes a thread that takes signals once it is known as this program's own. */
pthread_t start_thread(void *(*run)(void *), void *argument);

void on_signal(int number);
/* Installs on_signal for every signal of the host. */
void install_handlers(void);
/* How many signals on_signal took, and how many of them on threads of the library. */
extern atomic_long taken, taken_elsewhere;

/* Makes calls of every kind. */
void call_all(factstr_store store);
int32_t handle_batch(void *user_data, factstr_stream stream, factstr_delivery delivery,
                     const char *batch, size_t len);

/* Waits until the thread has slept for some milliseconds, at most 10 seconds. */
void await_sleep(pid_t process, pid_t thread);

void storm_on_memory(const char *argument);
void storm_on_sqlite(const char *path);
void every_thread_of_the_library_blocks_them(const char *path);
void what_all_threads_block_stays_pending(const char *path);
void a_call_leaves_the_thread_as_it_was(const char *path);
void handlers_run_while_a_call_waits(const char *path);
void wait_for_ever(const char *argument);
void loading_changes_nothing(const char *library);
void loading_amid_signals_changes_nothing(const char *library);
void a_linked_library_leaves_the_defaults(const char *argument);
void a_child_of_a_callback_blocks_nothing(const char *argument);

#endif
