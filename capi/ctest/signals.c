/*
 * The signals of the process stay the host's: whatever handlers it installs, wherever its threads
 * are. Each part runs in a process of its own, since one that fails may be ended.
 */
#define _GNU_SOURCE
#include "tests.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Ends the process of a part. */
#define MUST(condition)                                                                            \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      fprintf(stderr, "  %s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);              \
      _exit(1);                                                                                    \
    }                                                                                              \
  } while (0)

/*
 * What no handler is installed for: not possible, the C library's own, or raised by what a thread
 * itself does.
 */
static int is_hosts(int number) {
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
static atomic_long taken, taken_elsewhere;

/* Uses as much stack as handlers that write a log do. */
static void on_signal(int number) {
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
 * For every signal. Most programs do not ask for the alternate stack, some do although they have
 * none.
 */
static void install_handlers(void) {
  struct sigaction action = {.sa_handler = on_signal};
  /*
   * Real-time signals that come faster than they are handled would fill the queue that all
   * processes of the user share: then setuid() of another one leaves out threads.
   */
  const struct rlimit queued = {1000, 1000};
  MUST(setrlimit(RLIMIT_SIGPENDING, &queued) == 0);
  own_thread = 1;
  for (int number = 1; number <= SIGRTMAX; number++) {
    action.sa_flags = SA_RESTART | (number % 2 == 0 ? SA_ONSTACK : 0);
    MUST(!is_hosts(number) || sigaction(number, &action, NULL) == 0);
  }
}

static void block_all(void) {
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
static pthread_t start_thread(void *(*run)(void *), void *argument) {
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

/* ---- Storm ---- */

static atomic_int storm_over;

static int32_t handle(void *user_data, factstr_stream stream, factstr_delivery delivery,
                      const char *batch, size_t len) {
  (void)user_data, (void)stream, (void)delivery, (void)batch, (void)len;
  return FACTSTR_HANDLED;
}

static void ignore_answer(void *user_data, uint64_t tag, factstr_status status, const char *result,
                          size_t len) {
  (void)user_data, (void)tag, (void)status, (void)result, (void)len;
}

/*
 * Calls of every kind; a request that is answered by callback is answered before the one behind it.
 */
static void call_all(factstr_store store) {
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

/*
 * The first call of a thread is another one than the second: it makes the thread known to the
 * runtime.
 */
static void *call_once(void *store) {
  append_one(*(factstr_store *)store, "a", 1);
  return NULL;
}

static void *call_until_over(void *store) {
  while (!storm_over) {
    call_all(*(factstr_store *)store);
    MUST(pthread_join(start_thread(call_once, store), NULL) == 0);
  }
  return NULL;
}

enum { STORM_THREADS = 2 };

/* A thread that gets signals faster than it handles them does nothing else. */
static const struct timespec storm_pause = {0, 200000};

static void *direct_signals(void *threads) {
  block_all();
  while (!storm_over) {
    for (int i = 0; i < STORM_THREADS; i++) {
      pthread_kill(((pthread_t *)threads)[i], SIGPROF);
      pthread_kill(((pthread_t *)threads)[i], SIGCHLD);
    }
    nanosleep(&storm_pause, NULL);
  }
  return NULL;
}

/* Whether the process has handled what was sent to it as a whole. Who cannot tell says yes. */
static int has_handled_all(const char *status_path) {
  char line[256];
  FILE *status = fopen(status_path, "r");
  unsigned long long pending = 0;
  while (status != NULL && fgets(line, sizeof line, status) != NULL &&
         sscanf(line, "ShdPnd: %llx", &pending) != 1) {
  }
  if (status != NULL) {
    fclose(status);
  }
  return pending == 0;
}

/*
 * Sends every signal to the process, over and over, from a process that ends with it. The next
 * round waits until the last one is handled: on a busy machine, or with slow handlers, the rounds
 * would pile up, and the process would do nothing but handle them.
 */
static pid_t send_signals(void) {
  pid_t host = getpid(), process = fork();
  if (process != 0) {
    return process;
  }
  block_all();
  char status[64];
  snprintf(status, sizeof status, "/proc/%d/status", (int)host);
  while (getppid() == host) {
    int all_handled = has_handled_all(status);
    for (int number = 1; all_handled && number <= SIGRTMAX; number++) {
      if (is_hosts(number)) {
        kill(host, number);
      }
    }
    nanosleep(&storm_pause, NULL);
  }
  _exit(0);
}

static void storm(factstr_store store) {
  const long wanted = getenv("FACTSTR_TORTURE") != NULL ? 2000000 : 200000;
  factstr_stream_callbacks callbacks = {sizeof callbacks, handle, NULL, NULL};
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &callbacks, NULL);
  pthread_t threads[STORM_THREADS], director;
  install_handlers();
  pid_t sender = send_signals();
  MUST(sender > 0);
  for (int i = 0; i < STORM_THREADS; i++) {
    threads[i] = start_thread(call_until_over, &store);
  }
  director = start_thread(direct_signals, threads);
  for (long calls = 0; taken < wanted || calls < 100; calls++) {
    call_all(store);
  }
  storm_over = 1;
  MUST(pthread_join(director, NULL) == 0);
  for (int i = 0; i < STORM_THREADS; i++) {
    MUST(pthread_join(threads[i], NULL) == 0);
  }
  kill(sender, SIGKILL);
  while (waitpid(sender, NULL, 0) < 0 && errno == EINTR) {
  }
  MUST(taken_elsewhere == 0);
  MUST(factstr_stream_close(stream) == FACTSTR_OK);
  close_store(store);
}

static void storm_on_memory(const char *argument) {
  (void)argument;
  storm(open_memory(NULL));
}

static void storm_on_sqlite(const char *path) { storm(open_sqlite(path, NULL)); }

/* ---- Masks ---- */

/* The signals that a thread of this process blocks; bit n-1 is signal n. */
static unsigned long long mask_of(const char *task) {
  char path[64], line[200];
  unsigned long long mask = 0;
  snprintf(path, sizeof path, "/proc/self/task/%.20s/status", task);
  FILE *file = fopen(path, "r");
  if (file == NULL) {
    return ~0ull; /* it has ended */
  }
  while (fgets(line, sizeof line, file) != NULL) {
    sscanf(line, "SigBlk: %llx", &mask);
  }
  fclose(file);
  return mask;
}

/* Only faults are open, and what the C library needs itself. */
static void every_thread_of_the_library_blocks_them(const char *path) {
  factstr_store stores[] = {open_memory(NULL), open_sqlite(path, NULL)};
  factstr_stream_callbacks callbacks = {sizeof callbacks, handle, NULL, NULL};
  for (int i = 0; i < 2; i++) {
    open_stream(stores[i], "{\"durable\":{\"name\":\"d\"}}", &callbacks, NULL);
    for (int n = 0; n < 100; n++) {
      call_all(stores[i]);
    }
  }
  unsigned long long hosts = 0;
  for (int number = 1; number <= SIGRTMAX; number++) {
    hosts |= is_hosts(number) ? 1ull << (number - 1) : 0;
  }
  DIR *tasks = opendir("/proc/self/task");
  MUST(tasks != NULL);
  int others = 0;
  for (struct dirent *task; (task = readdir(tasks)) != NULL;) {
    if (task->d_name[0] != '.' && atoi(task->d_name) != getpid()) {
      others++;
      if ((mask_of(task->d_name) & hosts) != hosts) {
        fprintf(stderr,
                "  a thread of the library takes signals: it blocks %llx, not all of %llx\n",
                mask_of(task->d_name), hosts);
        _exit(1);
      }
    }
  }
  MUST(others >= 2);
  closedir(tasks);
  close_store(stores[0]);
  close_store(stores[1]);
}

/*
 * A program that blocks signals in all its threads, to take them by sigwait or from a descriptor,
 * gets them so.
 */
static void what_all_threads_block_stays_pending(const char *path) {
  sigset_t all;
  sigfillset(&all);
  block_all();
  factstr_store store = open_sqlite(path, NULL);
  call_all(store);
  for (int number = 1; number <= SIGRTMAX; number++) {
    if (is_hosts(number) && number != SIGCONT) {
      const struct timespec limit = {10, 0};
      MUST(kill(getpid(), number) == 0);
      MUST(sigtimedwait(&all, NULL, &limit) == number);
    }
  }
  close_store(store);
}

static void *compare_thread(void *store) {
  static char own[65536];
  sigset_t odd, now;
  stack_t stack, wanted = {.ss_flags = SS_DISABLE};
  sigemptyset(&odd);
  sigaddset(&odd, SIGUSR2);
  sigaddset(&odd, SIGCHLD);
  pthread_sigmask(SIG_SETMASK, &odd, NULL);
  for (int i = 0; i < 3; i++) {
    call_all(*(factstr_store *)store);
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    for (int number = 1; number <= SIGRTMAX; number++) {
      MUST(sigismember(&now, number) == sigismember(&odd, number));
    }
    MUST(sigaltstack(NULL, &stack) == 0 && stack.ss_sp == wanted.ss_sp &&
         stack.ss_flags == wanted.ss_flags);
    if (i == 0) {
      wanted = (stack_t){.ss_sp = own, .ss_size = sizeof own};
      MUST(sigaltstack(&wanted, NULL) == 0);
    }
  }
  return NULL;
}

static void a_call_leaves_the_thread_as_it_was(const char *path) {
  factstr_store store = open_sqlite(path, NULL);
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, compare_thread, &store) == 0 &&
       pthread_join(thread, NULL) == 0);
  close_store(store);
}

/* ---- Waiting ---- */

/* Something that a program waits for, and what ends that. */
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

/* Whether the thread sleeps. */
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
static void await_sleep(pid_t process, pid_t thread) {
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

/* A SQLite store whose log another process locks. */
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

/* The only other thread that could take it blocks it. */
static void handlers_run_while_a_call_waits(const char *path) {
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
    factstr_store_close(it.store, NULL); /* some are */
  }
}

static void wait_for_ever(const char *argument) {
  waiting it;
  (void)argument;
  open_pulled(&it);
  in_stream_next(&it);
}

/* ---- Loading ---- */

/*
 * Handlers that were installed before the library was loaded are as they were, and so is the mask;
 * what Go wants is what Go needs.
 */
static void loading_changes_nothing(const char *library) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, now;
  sigset_t before, after;
  for (int number = 1; number <= SIGRTMAX; number++) {
    MUST(!is_hosts(number) || number == SIGTERM || sigaction(number, &action, NULL) == 0);
  }
  sigemptyset(&before);
  sigaddset(&before, SIGUSR2);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  MUST(dlopen(library, RTLD_NOW | RTLD_LOCAL) != NULL);
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  for (int number = 1; number <= SIGRTMAX; number++) {
    MUST(sigismember(&before, number) == sigismember(&after, number));
    if (is_hosts(number)) {
      MUST(sigaction(number, NULL, &now) == 0);
      MUST(now.sa_handler == (number == SIGTERM ? SIG_DFL : on_signal) &&
           (now.sa_flags & SA_ONSTACK) == 0);
    }
  }
}

static void *idle(void *data) {
  const struct timespec moment = {0, 50000};
  while (!storm_over) {
    nanosleep(&moment, NULL);
  }
  return data;
}

static pid_t send_urgent(void) {
  const struct timespec moment = {0, 20000};
  pid_t host = getpid(), process = fork();
  if (process != 0) {
    return process;
  }
  block_all();
  while (getppid() == host) {
    kill(host, SIGURG);
    kill(host, SIGPIPE);
    nanosleep(&moment, NULL);
  }
  _exit(0);
}

/* Signals that come to other threads meanwhile. */
static void loading_amid_signals_changes_nothing(const char *library) {
  const struct timespec longer_than_the_runtime_waits = {0, 20000000};
  pthread_t threads[4];
  struct sigaction now;
  install_handlers();
  pid_t sender = send_urgent();
  MUST(sender > 0);
  for (int i = 0; i < 4; i++) {
    threads[i] = start_thread(idle, NULL);
  }
  MUST(dlopen(library, RTLD_NOW | RTLD_LOCAL) != NULL);
  nanosleep(&longer_than_the_runtime_waits, NULL);
  storm_over = 1;
  for (int i = 0; i < 4; i++) {
    MUST(pthread_join(threads[i], NULL) == 0);
  }
  kill(sender, SIGKILL);
  while (waitpid(sender, NULL, 0) < 0 && errno == EINTR) {
  }
  for (int number = 1; number <= SIGRTMAX; number++) {
    if (is_hosts(number)) {
      MUST(sigaction(number, NULL, &now) == 0 && now.sa_handler == on_signal &&
           ((now.sa_flags & SA_ONSTACK) != 0) == (number % 2 == 0));
    }
  }
}

static void a_linked_library_leaves_the_defaults(const char *argument) {
  (void)argument;
  for (int number = 1; number <= SIGRTMAX; number++) {
    struct sigaction now;
    MUST(!is_hosts(number) || (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL));
  }
}

/* ---- Children ---- */

static int32_t fork_here(void *user_data, factstr_stream stream, factstr_delivery delivery,
                         const char *batch, size_t len) {
  (void)stream, (void)delivery, (void)batch, (void)len;
  pid_t process = fork();
  if (process == 0) {
    sigset_t now;
    pthread_sigmask(SIG_BLOCK, NULL, &now);
    for (int number = 1; number <= SIGRTMAX; number++) {
      if (sigismember(&now, number)) {
        _exit(number);
      }
    }
    _exit(0);
  }
  int status;
  MUST(process > 0 && waitpid(process, &status, 0) == process && status == 0);
  raise_counter(user_data);
  return FACTSTR_HANDLED;
}

static void a_child_of_a_callback_blocks_nothing(const char *argument) {
  (void)argument;
  counter forked = COUNTER;
  factstr_stream_callbacks callbacks = {sizeof callbacks, fork_here, NULL, NULL};
  factstr_store store = open_memory(NULL);
  open_stream(store, "{}", &callbacks, &forked);
  append_one(store, "a", 1);
  await_counter(&forked, 1);
  close_store(store);
}

/* ---- The parts ---- */

static const struct {
  const char *name;
  void (*run)(const char *argument);
} parts[] = {
    {"storm-memory", storm_on_memory},
    {"storm-sqlite", storm_on_sqlite},
    {"masks", every_thread_of_the_library_blocks_them},
    {"pending", what_all_threads_block_stays_pending},
    {"own-mask", a_call_leaves_the_thread_as_it_was},
    {"waiting", handlers_run_while_a_call_waits},
    {"for-ever", wait_for_ever},
    {"loading", loading_changes_nothing},
    {"loading-amid", loading_amid_signals_changes_nothing},
    {"linked", a_linked_library_leaves_the_defaults},
    {"children", a_child_of_a_callback_blocks_nothing},
};

int signal_part(const char *part, const char *argument) {
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    if (strcmp(parts[i].name, part) == 0) {
      parts[i].run(argument);
      return 0;
    }
  }
  return 2;
}

static pid_t start(const char *part, const char *argument) {
  pid_t process = fork();
  if (process == 0) {
    execl("/proc/self/exe", "ctest", "--signals", part, argument, (char *)NULL);
    _exit(101);
  }
  return process;
}

static void run(const char *part, const char *argument) {
  int status;
  pid_t process = start(part, argument);
  CHECK(waitpid(process, &status, 0) == process);
  if (WIFSIGNALED(status)) {
    FAIL("the process was ended by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
  }
  if (status != 0) {
    FAIL("the process ended with %d", WEXITSTATUS(status));
  }
}

static void storm_memory(void) { run("storm-memory", ""); }
static void storm_sqlite(void) { run("storm-sqlite", fresh_path("storm.db")); }
static void masks(void) { run("masks", fresh_path("masks.db")); }
static void pending(void) { run("pending", fresh_path("pending.db")); }
static void own_mask(void) { run("own-mask", fresh_path("mask.db")); }
static void waiting_calls(void) { run("waiting", fresh_path("waiting")); }
static void linked(void) { run("linked", ""); }
static void children(void) { run("children", ""); }

static void loading(void) {
  char copy[700];
  snprintf(copy, sizeof copy, "%s", fresh_path("libfactstr-copy.so"));
  copy_file(library_path(), copy);
  run("loading", copy);
  for (int i = 0; i < 12; i++) { /* of which four failed */
    run("loading-amid", copy);
  }
}

static void a_default_ends_a_waiting_program(void) {
  const struct timespec millisecond = {0, 1000000};
  int status = 0;
  pid_t process = start("for-ever", "");
  await_sleep(process, process);
  kill(process, SIGTERM);
  pid_t ended = 0;
  for (int tries = 0; ended == 0 && tries < 10000; tries++) {
    ended = waitpid(process, &status, WNOHANG);
    nanosleep(&millisecond, NULL);
  }
  if (ended == 0) {
    kill(process, SIGKILL);
    waitpid(process, &status, 0);
    FAIL("SIGTERM did not end a program that waits in factstr_stream_next");
  }
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

void signal_tests(void) {
  RUN(linked, "a program that is linked with the library has the default actions of its signals");
  RUN(loading, "loading the library changes neither handlers nor the mask");
  RUN(masks, "no thread of the library takes a signal of the host");
  RUN(pending, "signals that all threads of a program block are left to it");
  RUN(own_mask, "a call leaves the mask and the alternate stack of its thread as they were");
  RUN(waiting_calls, "signal handlers run while a call waits");
  RUN(a_default_ends_a_waiting_program, "SIGTERM ends a program that waits in a call");
  RUN(children, "a child that is forked inside a callback blocks no signals");
  RUN(storm_memory, "handlers of all signals run on the host's stacks, in memory");
  RUN(storm_sqlite, "handlers of all signals run on the host's stacks, in SQLite");
}
