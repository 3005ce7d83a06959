/* Loading the library, and forking inside a callback, leave the signals as the host set them. */
#define _GNU_SOURCE
#include "signals.h"

#include <dlfcn.h>
#include <errno.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static atomic_int threads_over;

/*
 * Loading the library changes neither the handlers that were installed before nor the mask, except
 * for the signals of faults.
 */
void loading_changes_nothing(const char *library) {
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
  while (!threads_over) {
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

/* The same while other threads get signals. */
void loading_amid_signals_changes_nothing(const char *library) {
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
  threads_over = 1;
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

void a_linked_library_leaves_the_defaults(const char *argument) {
  (void)argument;
  for (int number = 1; number <= SIGRTMAX; number++) {
    struct sigaction now;
    MUST(!is_hosts(number) || (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL));
  }
}

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

void a_child_of_a_callback_blocks_nothing(const char *argument) {
  (void)argument;
  counter forked = COUNTER;
  factstr_stream_callbacks callbacks = {sizeof callbacks, fork_here, NULL, NULL};
  factstr_store store = open_memory(NULL);
  open_stream(store, "{}", &callbacks, &forked);
  append_one(store, "a", 1);
  await_counter(&forked, 1);
  close_store(store);
}
