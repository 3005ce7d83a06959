/* Handlers of all signals run on the host's stacks, while it calls the library on many threads. */
#define _GNU_SOURCE
#include "signals.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_int storm_over;

/*
 * The first call of a thread takes another path than later ones: it makes the thread known to the
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

/* Reports whether the process has handled the signals sent to it; true if that is not known. */
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
  factstr_stream_callbacks callbacks = {sizeof callbacks, handle_batch, NULL, NULL};
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

void storm_on_memory(const char *argument) {
  (void)argument;
  storm(open_memory(NULL));
}

void storm_on_sqlite(const char *path) { storm(open_sqlite(path, NULL)); }
