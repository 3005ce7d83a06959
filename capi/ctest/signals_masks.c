/* No thread of the library takes a signal of the host, and a call leaves the mask of its thread. */
#define _GNU_SOURCE
#include "signals.h"

#include <dirent.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Returns the signals that a thread of this process blocks; bit n-1 is signal n. */
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

/* Only faults and the signals of the C library are open. */
void every_thread_of_the_library_blocks_them(const char *path) {
  factstr_store stores[] = {open_memory(NULL), open_sqlite(path, NULL)};
  factstr_stream_callbacks callbacks = {sizeof callbacks, handle_batch, NULL, NULL};
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
void what_all_threads_block_stays_pending(const char *path) {
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

void a_call_leaves_the_thread_as_it_was(const char *path) {
  factstr_store store = open_sqlite(path, NULL);
  pthread_t thread;
  MUST(pthread_create(&thread, NULL, compare_thread, &store) == 0 &&
       pthread_join(thread, NULL) == 0);
  close_store(store);
}
