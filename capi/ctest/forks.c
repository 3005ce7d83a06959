/* A forked child: every function returns Forked, and the child does not keep the parent's locks. */
#define _GNU_SOURCE
#include "tests.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Runs in the child; the exit status is the line of the first check that failed, modulo 200, plus
 * one.
 */
#define IN_CHILD(condition)                                                                        \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      _exit(__LINE__ % 200 + 1);                                                                   \
    }                                                                                              \
  } while (0)

static int32_t never(void *user_data, factstr_stream stream, factstr_delivery delivery,
                     const char *batch, size_t len) {
  (void)user_data, (void)stream, (void)delivery, (void)batch, (void)len;
  return FACTSTR_HANDLED;
}

static void never_opened(void *user_data, factstr_status status, factstr_store store,
                         const char *error, size_t len) {
  (void)user_data, (void)status, (void)store, (void)error, (void)len;
}

static void child(factstr_store store, factstr_stream stream) {
  factstr_buffer out;
  factstr_store opened = 7;
  factstr_completion completion;
  size_t count;
  factstr_delivery delivery;
  factstr_stream_callbacks callbacks = {sizeof callbacks, never, NULL, NULL};
  IN_CHILD(factstr_append(store, JSON(ONE_EVENT), &out) == FACTSTR_FORKED);
  IN_CHILD(out.data != NULL && strstr(out.data, "\"code\":\"Forked\"") != NULL &&
           strstr(out.data, "spawn") != NULL);
  factstr_buffer_free(&out);
  IN_CHILD(factstr_memory_open(NULL, 0, &opened, NULL) == FACTSTR_FORKED && opened == 0);
  IN_CHILD(factstr_sqlite_open("x", NULL, 0, &opened, NULL) == FACTSTR_FORKED);
  opened = 7;
  IN_CHILD(factstr_postgres_open("postgres://localhost/x", NULL, 0, &opened, NULL) ==
               FACTSTR_FORKED &&
           opened == 0);
  opened = 7;
  IN_CHILD(factstr_postgres_bootstrap("postgres://localhost/x", "x", NULL, 0, &opened, NULL) ==
               FACTSTR_FORKED &&
           opened == 0);
  opened = 7;
  IN_CHILD(factstr_sqlite_open_submit("x", NULL, 0, never_opened, NULL, &opened, NULL) ==
               FACTSTR_FORKED &&
           opened == 0);
  opened = 7;
  IN_CHILD(factstr_postgres_open_submit("postgres://localhost/x", NULL, 0, never_opened, NULL,
                                        &opened, NULL) == FACTSTR_FORKED &&
           opened == 0);
  opened = 7;
  IN_CHILD(factstr_postgres_bootstrap_submit("postgres://localhost/x", "x", NULL, 0, never_opened,
                                             NULL, &opened, NULL) == FACTSTR_FORKED &&
           opened == 0);
  IN_CHILD(factstr_opening_cancel(1) == FACTSTR_FORKED);
  IN_CHILD(factstr_configure(NULL, 0, NULL) == FACTSTR_FORKED);
  IN_CHILD(factstr_append_if(store, JSON(ONE_EVENT), JSON("{}"), NULL, NULL) == FACTSTR_FORKED);
  IN_CHILD(factstr_query(store, NULL, 0, NULL) == FACTSTR_FORKED);
  IN_CHILD(factstr_append_submit(store, JSON(ONE_EVENT), 1, NULL, NULL, NULL, NULL) ==
           FACTSTR_FORKED);
  IN_CHILD(factstr_append_if_submit(store, JSON(ONE_EVENT), JSON("{}"), NULL, 1, NULL, NULL, NULL,
                                    NULL) == FACTSTR_FORKED);
  IN_CHILD(factstr_query_submit(store, NULL, 0, 1, NULL, NULL, NULL, NULL) == FACTSTR_FORKED);
  IN_CHILD(factstr_request_wait(1, -1, NULL) == FACTSTR_FORKED);
  IN_CHILD(factstr_completions_next(store, &completion, 1, &count, -1) == FACTSTR_FORKED);
  IN_CHILD(factstr_cancel(store, 1) == FACTSTR_FORKED);
  IN_CHILD(factstr_stream_open(store, JSON("{}"), &callbacks, NULL, &opened, NULL) ==
           FACTSTR_FORKED);
  IN_CHILD(factstr_stream_wait_ready(stream, -1, NULL) == FACTSTR_FORKED);
  IN_CHILD(factstr_stream_progress(stream, NULL) == FACTSTR_FORKED);
  IN_CHILD(factstr_stream_next(stream, -1, &delivery, NULL) == FACTSTR_FORKED);
  IN_CHILD(factstr_stream_acknowledge(stream, 1) == FACTSTR_FORKED);
  IN_CHILD(factstr_stream_refuse(stream, 1, NULL, 0) == FACTSTR_FORKED);
  IN_CHILD(factstr_stream_unsubscribe(stream) == FACTSTR_FORKED);
  IN_CHILD(factstr_stream_drain(stream) == FACTSTR_FORKED);
  IN_CHILD(factstr_stream_close(stream) == FACTSTR_FORKED);
  IN_CHILD(factstr_store_close(store, NULL) == FACTSTR_FORKED);
  IN_CHILD(factstr_statistics(store, NULL) == FACTSTR_FORKED);
  IN_CHILD(factstr_log_set(NULL, NULL, FACTSTR_LOG_OFF) == FACTSTR_FORKED);
  IN_CHILD(factstr_open_handles() == 0);
  IN_CHILD(factstr_abi_version() == FACTSTR_ABI_VERSION &&
           strcmp(factstr_status_name(FACTSTR_FORKED), "Forked") == 0);
}

/* Returns how many descriptors of databases the process holds; a child would keep their locks. */
static int lock_descriptors(void) {
  DIR *folder = opendir("/proc/self/fd");
  if (folder == NULL) {
    return -1;
  }
  int count = 0;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    char link[64], target[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%.20s", entry->d_name);
    ssize_t len = readlink(link, target, sizeof target - 1);
    target[len < 0 ? 0 : len] = '\0';
    count += strstr(target, "/fork.db") != NULL;
  }
  closedir(folder);
  return count;
}

static void await_child(pid_t process) {
  int status;
  CHECK(waitpid(process, &status, 0) == process);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    FAIL("the child ended with status %d", status);
  }
}

static void every_function_answers_forked_in_a_child(void) {
  factstr_store store = open_sqlite(fresh_path("fork.db"), NULL);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  append_one(store, "a", 1);
  pid_t process = fork();
  if (process == 0) {
    child(store, stream);
    _exit(0);
  }
  await_child(process);
  CHECK(append_one(store, "a", 2) == 2); /* the parent goes on */
  close_store(store);
}

static void a_child_does_not_hold_the_locks(void) { /* G22 */
  char path[600];
  snprintf(path, sizeof path, "%s", fresh_path("fork.db"));
  factstr_store store = open_sqlite(path, NULL);
  open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  CHECK(lock_descriptors() > 0);
  int ready[2], gate[2];
  char byte = 0;
  CHECK(pipe(ready) == 0 && pipe(gate) == 0);
  pid_t process = fork();
  if (process == 0) {
    close(gate[1]);
    if (lock_descriptors() != 0 || write(ready[1], &byte, 1) != 1) {
      _exit(1);
    }
    /* Lives on until the parent has closed the store and opened it again. */
    _exit(read(gate[0], &byte, 1) == 0 ? 0 : 2);
  }
  close(ready[1]);
  close(gate[0]);
  CHECK(read(ready[0], &byte, 1) == 1);
  close(ready[0]);
  close_store(store);
  CHECK(lock_descriptors() == 0);
  store = open_sqlite(path, NULL);
  open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL,
              NULL); /* the name is free although the child lives */
  close(gate[1]);
  await_child(process);
  close_store(store);
}

/*
 * SQLite opens files by itself, so at a fork the library may not know a descriptor yet. The child
 * must not keep it. It keeps the descriptor by which the host itself reads the file.
 */
static void a_child_does_not_hold_what_is_just_being_opened(void) { /* G22 */
  char path[600];
  snprintf(path, sizeof path, "%s", fresh_path("fork-opening.db"));
  factstr_store store = open_sqlite(path, NULL);
  int untold = open(path, O_RDWR | O_CLOEXEC), of_host = open(path, O_RDONLY | O_CLOEXEC);
  CHECK(untold >= 0 && of_host >= 0);
  pid_t process = fork();
  if (process == 0) {
    _exit(fcntl(untold, F_GETFD) == -1 && fcntl(of_host, F_GETFD) != -1 ? 0 : 1);
  }
  await_child(process);
  close(untold);
  close(of_host);
  CHECK(append_one(store, "a", 1) == 1);
  close_store(store);
}

/* Returns how many sockets the process holds. */
static int sockets(void) {
  DIR *folder = opendir("/proc/self/fd");
  if (folder == NULL) {
    return -1;
  }
  int count = 0;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    struct stat file;
    count += fstatat(dirfd(folder), entry->d_name, &file, 0) == 0 && S_ISSOCK(file.st_mode);
  }
  closedir(folder);
  return count;
}

/*
 * While any process has the connection, the server considers it alive, and its durable names held.
 */
static void a_child_does_not_hold_the_connections(void) { /* G22 */
  int before = sockets();
  factstr_store store = open_postgres(fresh_name(), NULL);
  open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  CHECK(append_one(store, "a", 1) == 1);
  CHECK(sockets() > before);
  pid_t process = fork();
  if (process == 0) {
    int held = sockets();
    _exit(held >= 0 && held <= before ? 0 : 1);
  }
  await_child(process);
  CHECK(append_one(store, "a", 2) == 2); /* the parent's are as they were */
  close_store(store);
}

static void a_program_started_by_exec_works(void) {
  pid_t process = fork();
  if (process == 0) {
    execl("/bin/true", "true", (char *)NULL);
    _exit(1);
  }
  await_child(process);
}

void fork_tests(void) {
  RUN(every_function_answers_forked_in_a_child,
      "every function returns Forked in a forked child, and the parent goes on");
  RUN(a_child_does_not_hold_the_locks, "a forked child does not hold the parent's locks");
  RUN(a_child_does_not_hold_what_is_just_being_opened,
      "a forked child does not hold a database that is just being opened");
  RUN(a_child_does_not_hold_the_connections,
      "a forked child does not hold the parent's connections to a server");
  RUN(a_program_started_by_exec_works, "starting a program by fork and exec works");
}
