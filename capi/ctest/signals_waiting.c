/* Handlers run, and default actions happen, while a call waits. */
#define _GNU_SOURCE
#include "signals.h"

#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* A call that a program waits in. */
typedef struct waiting {
  factstr_store store;
  factstr_stream stream;
  factstr_request request;
  const char *path;
  int gate;
  counter began, proceed;
} waiting;

static atomic_int about_to_wait;
static pid_t waiting_thread;

/* Reports whether the thread sleeps. */
static int sleeps(pid_t process, pid_t thread) {
  char path[64], state = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/stat", process, thread);
  FILE *file = fopen(path, "r");
  if (file != NULL) {
    if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1) {
      state = 0;
    }
    fclose(file);
  }
  return state == 'S';
}

/* Waits until the thread has slept for some milliseconds, at most 10 seconds. */
void await_sleep(pid_t process, pid_t thread) {
  const struct timespec millisecond = {0, 1000000};
  for (int in_a_row = 0, tries = 0; in_a_row < 5 && tries < 10000; tries++) {
    in_a_row = sleeps(process, thread) ? in_a_row + 1 : 0;
    nanosleep(&millisecond, NULL);
  }
}

static int await_taken(long wanted) {
  const struct timespec millisecond = {0, 1000000};
  for (int tries = 0; taken < wanted && tries < 10000; tries++) {
    nanosleep(&millisecond, NULL);
  }
  return taken >= wanted;
}

static int32_t stuck(void *user_data, factstr_stream stream, factstr_delivery delivery,
                     const char *batch, size_t len) {
  waiting *it = user_data;
  (void)stream, (void)delivery, (void)batch, (void)len;
  raise_counter(&it->began);
  await_counter(&it->proceed, 1);
  return FACTSTR_HANDLED;
}

static const factstr_stream_callbacks stuck_callbacks = {sizeof stuck_callbacks, stuck, NULL, NULL};

static void open_stuck(waiting *it) {
  it->store = open_memory("{\"close_timeout_ms\":60000}");
  it->stream = open_stream(it->store, "{}", &stuck_callbacks, it);
  append_one(it->store, "a", 1);
  await_counter(&it->began, 1);
}

static void let_go(waiting *it) { raise_counter(&it->proceed); }

static void in_stream_close(waiting *it) { MUST(factstr_stream_close(it->stream) == FACTSTR_OK); }
static void in_store_close(waiting *it) {
  MUST(factstr_store_close(it->store, NULL) == FACTSTR_OK);
}

static void open_pulled(waiting *it) {
  it->store = open_memory(NULL);
  it->stream = open_stream(it->store, "{}", NULL, NULL);
}
static void in_stream_next(waiting *it) {
  factstr_delivery delivery;
  MUST(factstr_stream_next(it->stream, -1, &delivery, NULL) == FACTSTR_OK);
}
static void append_there(waiting *it) { append_one(it->store, "a", 1); }

static void open_replaying(waiting *it) {
  it->store = open_memory(NULL);
  append_one(it->store, "a", 1);
  it->stream = open_stream(it->store, "{\"durable\":{\"name\":\"d\"}}", &stuck_callbacks, it);
  await_counter(&it->began, 1);
}
static void in_wait_ready(waiting *it) {
  MUST(factstr_stream_wait_ready(it->stream, -1, NULL) == FACTSTR_OK);
}

static void open_empty(waiting *it) { it->store = open_memory(NULL); }
static void in_completions_next(waiting *it) {
  factstr_completion completion;
  size_t count;
  MUST(factstr_completions_next(it->store, &completion, 1, &count, -1) == FACTSTR_OK && count == 1);
  factstr_buffer_free(&completion.result);
}
static void submit_there(waiting *it) {
  MUST(factstr_append_submit(it->store, JSON(ONE_EVENT), 1, NULL, NULL, NULL, NULL) == FACTSTR_OK);
}

/* Opens a SQLite store whose log another process locks. */
static void open_locked(waiting *it) {
  int ready[2], gate[2];
  char byte;
  it->store = open_sqlite(it->path, "{\"busy_timeout_ms\":60000}");
  append_one(it->store, "a", 1);
  MUST(pipe(ready) == 0 && pipe(gate) == 0);
  if (fork() == 0) {
    close(gate[1]);
    block_all();
    hold_write_lock(it->path, ready[1], gate[0]);
  }
  close(gate[0]);
  it->gate = gate[1];
  MUST(read(ready[0], &byte, 1) == 1);
}
static void unlock(waiting *it) { close(it->gate); }
static void in_append(waiting *it) { append_one(it->store, "a", 2); }
static void in_append_if(waiting *it) {
  MUST(factstr_append_if(it->store, JSON(ONE_EVENT), JSON("{\"filters\":[]}"), NULL, NULL) !=
       FACTSTR_BUSY);
}

static void submit_locked(waiting *it) {
  open_locked(it);
  MUST(factstr_append_submit(it->store, JSON(ONE_EVENT), 1, NULL, NULL, &it->request, NULL) ==
       FACTSTR_OK);
}
static void in_request_wait(waiting *it) {
  MUST(factstr_request_wait(it->request, -1, NULL) == FACTSTR_OK);
}

static const struct {
  const char *name;
  void (*prepare)(waiting *), (*wait)(waiting *), (*end)(waiting *);
} waits[] = {
    {"factstr_stream_next", open_pulled, in_stream_next, append_there},
    {"factstr_stream_wait_ready", open_replaying, in_wait_ready, let_go},
    {"factstr_stream_close", open_stuck, in_stream_close, let_go},
    {"factstr_store_close", open_stuck, in_store_close, let_go},
    {"factstr_completions_next", open_empty, in_completions_next, submit_there},
    {"factstr_request_wait", submit_locked, in_request_wait, unlock},
    {"factstr_append", open_locked, in_append, unlock},
    {"factstr_append_if", open_locked, in_append_if, unlock},
};

typedef struct ending {
  waiting *it;
  int number;
} ending;

static void *interrupt(void *data) {
  ending *mine = data;
  block_all();
  while (!about_to_wait) {
    sched_yield();
  }
  await_sleep(getpid(), waiting_thread);
  long before = taken;
  kill(getpid(), SIGALRM);
  int came = await_taken(before + 1);
  waits[mine->number].end(mine->it);
  if (!came) {
    fprintf(stderr, "  the handler did not run while %s was waiting\n", waits[mine->number].name);
    _exit(1);
  }
  return NULL;
}

/* The only other thread blocks the signal, so the waiting one must take it. */
void handlers_run_while_a_call_waits(const char *path) {
  install_handlers();
  waiting_thread = getpid();
  for (int i = 0; i < (int)(sizeof waits / sizeof *waits); i++) {
    char own_path[700];
    snprintf(own_path, sizeof own_path, "%s-%d.db", path, i);
    waiting it = {.path = own_path, .began = COUNTER, .proceed = COUNTER};
    ending other = {&it, i};
    about_to_wait = 0;
    waits[i].prepare(&it);
    pthread_t thread = start_thread(interrupt, &other);
    about_to_wait = 1;
    waits[i].wait(&it);
    MUST(pthread_join(thread, NULL) == 0);
    factstr_store_close(it.store, NULL); /* some are closed already */
  }
}

void wait_for_ever(const char *argument) {
  waiting it;
  (void)argument;
  open_pulled(&it);
  in_stream_next(&it);
}
