/* What all tests of signals share: the handlers of a host, its threads, and calls of every kind. */
#define _GNU_SOURCE
#include "signals.h"

#include <stdlib.h>
#include <sys/resource.h>

/*
 * No handler is installed for signals that cannot have one, for those of the C library, and for
 * faults.
 */
int is_hosts(int number) {
  switch (number) {
  case SIGKILL:
  case SIGSTOP:
  case 32:
  case 33:
  case SIGSEGV:
  case SIGBUS:
  case SIGFPE:
  case SIGILL:
  case SIGTRAP:
  case SIGSYS:
    return 0;
  default:
    return 1;
  }
}

static _Thread_local int own_thread; /* made by this program, not by the library */
atomic_long taken, taken_elsewhere;

/* Uses as much stack as handlers that write a log do. */
void on_signal(int number) {
  volatile char room[16384];
  for (size_t i = 0; i < sizeof room; i += 64) {
    room[i] = (char)number;
  }
  atomic_fetch_add(&taken, 1);
  if (!own_thread) {
    atomic_fetch_add(&taken_elsewhere, 1);
  }
}

/*
 * Half of the handlers ask for the alternate stack: some programs do so although they have none.
 */
void install_handlers(void) {
  struct sigaction action = {.sa_handler = on_signal};
  /*
   * Real-time signals that come faster than they are handled would fill the queue that all
   * processes of the user share, and then setuid() of another process misses threads.
   */
  const struct rlimit queued = {1000, 1000};
  MUST(setrlimit(RLIMIT_SIGPENDING, &queued) == 0);
  own_thread = 1;
  for (int number = 1; number <= SIGRTMAX; number++) {
    action.sa_flags = SA_RESTART | (number % 2 == 0 ? SA_ONSTACK : 0);
    MUST(!is_hosts(number) || sigaction(number, &action, NULL) == 0);
  }
}

void block_all(void) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL);
}

typedef struct start_of_thread {
  void *(*run)(void *);
  void *argument;
} start_of_thread;

static void *run_thread(void *data) {
  start_of_thread start = *(start_of_thread *)data;
  sigset_t none;
  free(data);
  own_thread = 1;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
  return start.run(start.argument);
}

/* Makes a thread that takes signals once it is known as this program's own. */
pthread_t start_thread(void *(*run)(void *), void *argument) {
  pthread_t thread;
  sigset_t own;
  start_of_thread *start = malloc(sizeof *start);
  MUST(start != NULL);
  *start = (start_of_thread){run, argument};
  pthread_sigmask(SIG_BLOCK, NULL, &own);
  block_all();
  MUST(pthread_create(&thread, NULL, run_thread, start) == 0);
  pthread_sigmask(SIG_SETMASK, &own, NULL);
  return thread;
}

int32_t handle_batch(void *user_data, factstr_stream stream, factstr_delivery delivery,
                     const char *batch, size_t len) {
  (void)user_data, (void)stream, (void)delivery, (void)batch, (void)len;
  return FACTSTR_HANDLED;
}

static void ignore_answer(void *user_data, uint64_t tag, factstr_status status, const char *result,
                          size_t len) {
  (void)user_data, (void)tag, (void)status, (void)result, (void)len;
}

/*
 * Makes calls of every kind. A request with a callback is answered before the one behind it.
 */
void call_all(factstr_store store) {
  factstr_buffer out;
  factstr_request request;
  factstr_stream stream;
  factstr_delivery delivery;
  factstr_completion completion;
  size_t count;
  MUST(factstr_append(store,
                      JSON("[{\"event_type\":\"a\",\"payload\":{\"k\":[1,2,{\"deep\":[3]}]}}]"),
                      &out) == FACTSTR_OK);
  factstr_buffer_free(&out);
  factstr_status status = factstr_append_if(
      store, JSON(ONE_EVENT), JSON("{\"filters\":[{\"payload_predicates\":[{\"none\":1}]}]}"), NULL,
      &out);
  MUST(status == FACTSTR_OK);
  factstr_buffer_free(&out);
  MUST(factstr_query(store,
                     JSON("{\"filters\":[{\"payload_predicates\":[{\"k\":[3]}]}],\"limit\":2}"),
                     &out) == FACTSTR_OK);
  factstr_buffer_free(&out);
  MUST(factstr_stream_open(store, JSON("{}"), NULL, NULL, &stream, NULL) == FACTSTR_OK);
  MUST(factstr_append_submit(store, JSON(ONE_EVENT), 1, ignore_answer, NULL, NULL, NULL) ==
       FACTSTR_OK);
  MUST(factstr_append_submit(store, JSON(ONE_EVENT), 1, NULL, NULL, &request, NULL) == FACTSTR_OK);
  MUST(factstr_request_wait(request, -1, NULL) == FACTSTR_OK);
  MUST(factstr_query_submit(store, JSON("{\"limit\":1}"), 1, NULL, NULL, NULL, NULL) == FACTSTR_OK);
  MUST(factstr_completions_next(store, &completion, 1, &count, -1) == FACTSTR_OK && count == 1);
  factstr_buffer_free(&completion.result);
  MUST(factstr_stream_wait_ready(stream, -1, NULL) == FACTSTR_OK);
  MUST(factstr_stream_next(stream, -1, &delivery, &out) == FACTSTR_OK);
  factstr_buffer_free(&out);
  MUST(factstr_stream_acknowledge(stream, delivery) == FACTSTR_OK);
  MUST(factstr_stream_unsubscribe(stream) == FACTSTR_OK);
  MUST(factstr_stream_close(stream) == FACTSTR_OK);
}
