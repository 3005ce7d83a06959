/*
 * The signals of the process stay the host's, whatever handlers it installs and wherever its
 * threads are. Each part runs in its own process, since a failure may end that process.
 */
#define _GNU_SOURCE
#include "signals.h"

#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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
  for (int i = 0; i < 12; i++) { /* without the fix about every third one failed */
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
