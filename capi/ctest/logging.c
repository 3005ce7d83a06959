/* What the library logs, to a function or to standard error. */
#include "tests.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* Keeps the newest record of an event. */
typedef struct listener {
  const char *event;
  counter heard;
  pthread_mutex_t mutex;
  cJSON *record;
} listener;
#define LISTENER(event) {(event), COUNTER, PTHREAD_MUTEX_INITIALIZER, NULL}

static void listen(void *user_data, const char *text, size_t len) {
  listener *listener = user_data;
  cJSON *record = cJSON_ParseWithLength(text, len);
  const cJSON *event = cJSON_GetObjectItemCaseSensitive(record, "event");
  if (record == NULL || strlen(text) != len || !cJSON_IsString(event) ||
      strcmp(event->valuestring, listener->event) != 0) {
    cJSON_Delete(record);
    return;
  }
  pthread_mutex_lock(&listener->mutex);
  cJSON_Delete(listener->record);
  listener->record = record;
  pthread_mutex_unlock(&listener->mutex);
  raise_counter(&listener->heard);
}

static const char *text_of(listener *listener, const char *name) {
  const cJSON *value = cJSON_GetObjectItemCaseSensitive(listener->record, name);
  return cJSON_IsString(value) ? value->valuestring : "";
}

static int32_t failing(void *user_data, factstr_stream stream, factstr_delivery delivery,
                       const char *batch, size_t len) {
  (void)stream, (void)delivery, (void)batch, (void)len;
  if (user_data != NULL) {
    raise_counter(user_data);
  }
  return FACTSTR_FAILED;
}

static const factstr_stream_callbacks fails = {sizeof fails, failing, NULL, NULL};

static void silence(void) {
  CHECK_STATUS(factstr_log_set(NULL, NULL, FACTSTR_LOG_OFF), FACTSTR_OK);
}

static void without_a_callback_warnings_go_to_stderr(void) { /* G24 */
  char line[4096] = "";
  int to[2], stderr_was = dup(STDERR_FILENO);
  CHECK(stderr_was >= 0 && pipe(to) == 0 && fcntl(to[0], F_SETFL, O_NONBLOCK) == 0 &&
        dup2(to[1], STDERR_FILENO) >= 0);
  counter failures = COUNTER;
  factstr_store store = open_memory(NULL);
  open_stream(store, "{}", &fails, &failures);
  append_one(store, "a", 1);
  await_counter(&failures, 1);
  close_store(store); /* which waits until what was told is handed over */
  ssize_t length = read(to[0], line, sizeof line - 1);
  CHECK(dup2(stderr_was, STDERR_FILENO) >= 0);
  close(stderr_was);
  close(to[0]);
  close(to[1]);
  CHECK(length > 0 &&
        strchr(line, '\n') == line + length - 1); /* the one line, and nothing of level info */
  CHECK(strncmp(line, "factstr warning: ", strlen("factstr warning: ")) == 0 &&
        strstr(line, "handler_failed") != NULL);
}

static void a_closed_stderr_ends_nothing(void) {
  int to[2], stderr_was = dup(STDERR_FILENO);
  CHECK(stderr_was >= 0 && pipe(to) == 0 && dup2(to[1], STDERR_FILENO) >= 0);
  close(to[1]);
  close(to[0]); /* a write gets SIGPIPE, which would end the process */
  counter failures = COUNTER;
  factstr_store store = open_memory(NULL);
  open_stream(store, "{}", &fails, &failures);
  append_one(store, "a", 1);
  await_counter(&failures, 1);
  close_store(store);
  CHECK(dup2(stderr_was, STDERR_FILENO) >= 0);
  close(stderr_was);
}

/*
 * Its number is the next that is given out, and a database must not get what is written to standard
 * error.
 */
static void without_a_stderr_nothing_is_written_elsewhere(void) { /* G1 */
  const char *path = fresh_path("no-stderr.db");
  int stderr_was = dup(STDERR_FILENO);
  CHECK(stderr_was > STDERR_FILENO && close(STDERR_FILENO) == 0);
  factstr_store store;
  factstr_status opened = factstr_sqlite_open(path, NULL, 0, &store, NULL);
  counter failures = COUNTER;
  factstr_stream stream;
  factstr_status streams = factstr_stream_open(store, JSON("{}"), &fails, &failures, &stream, NULL);
  factstr_status appended = factstr_append(store, JSON(ONE_EVENT), NULL);
  ssize_t written = write(STDERR_FILENO, "a message of the program\n", 25);
  factstr_status closed = factstr_store_close(store, NULL);
  CHECK(dup2(stderr_was, STDERR_FILENO) >= 0);
  close(stderr_was);
  CHECK(written < 0);
  CHECK(opened == FACTSTR_OK && streams == FACTSTR_OK && appended == FACTSTR_OK &&
        closed == FACTSTR_OK && read_counter(&failures) == 1);
  store = open_sqlite(path, NULL);
  CHECK(append_one(store, "a", 2) == 2);
  close_store(store);
}

static void *set_level(void *done) {
  factstr_log_set(NULL, NULL, FACTSTR_LOG_WARNING);
  raise_counter(done);
  return NULL;
}

/* The parent of a service may have stopped reading long ago. */
static void a_full_stderr_holds_up_nobody_for_ever(void) { /* G18 */
  char page[4096] = {0};
  int to[2], stderr_was = dup(STDERR_FILENO);
  CHECK(stderr_was >= 0 && pipe(to) == 0 && fcntl(to[1], F_SETFL, O_NONBLOCK) == 0);
  while (write(to[1], page, sizeof page) > 0) {
  }
  CHECK(fcntl(to[1], F_SETFL, 0) == 0 && dup2(to[1], STDERR_FILENO) >= 0);
  counter failures = COUNTER, set = COUNTER;
  factstr_store store = open_memory(NULL);
  open_stream(store, "{}", &fails, &failures);
  append_one(store, "a", 1);
  await_counter(&failures, 1);
  close_store(store);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, set_level, &set) == 0);
  const struct timespec millisecond = {0, 1000000};
  for (int tries = 0; tries < 10000 && read_counter(&set) == 0; tries++) {
    nanosleep(&millisecond, NULL);
  }
  long came = read_counter(&set);
  CHECK(dup2(stderr_was, STDERR_FILENO) >= 0);
  close(stderr_was);
  close(to[1]);
  close(to[0]); /* which ends a write that waits */
  CHECK(pthread_join(thread, NULL) == 0 && came == 1);
}

static void a_failing_handler_is_told(void) { /* G16 G24 */
  listener listener = LISTENER("handler_failed");
  CHECK_STATUS(factstr_log_set(listen, &listener, FACTSTR_LOG_WARNING), FACTSTR_OK);
  factstr_store store = open_memory("{\"sequence_numbers\":\"string\"}");
  open_stream(store, "{}", &fails, NULL);
  expect_ok(append(store, ONE_EVENT));
  await_counter(&listener.heard, 1);
  silence();
  CHECK(strcmp(text_of(&listener, "level"), "warning") == 0 &&
        strcmp(text_of(&listener, "store_kind"), "memory") == 0);
  CHECK(strlen(text_of(&listener, "time")) == strlen("2026-01-01T00:00:00.000000Z") &&
        *text_of(&listener, "message") != '\0');
  CHECK(*text_of(&listener, "error") != '\0');
  CHECK(cJSON_GetObjectItemCaseSensitive(listener.record, "store")->valuedouble == (double)store);
  CHECK(cJSON_GetObjectItemCaseSensitive(listener.record, "first")->valuedouble == 1);
  cJSON_Delete(listener.record);
  close_store(store);
}

static void the_end_of_a_durable_stream_is_told(void) { /* G21 G24 */
  listener listener = LISTENER("stream_ended");
  CHECK_STATUS(factstr_log_set(listen, &listener, FACTSTR_LOG_ERROR), FACTSTR_OK);
  factstr_store store = open_memory(NULL);
  append_one(store, "a", 1);
  open_stream(store, "{\"durable\":{\"name\":\"projection\"}}", &fails, NULL);
  await_counter(&listener.heard, 1);
  silence();
  CHECK(strcmp(text_of(&listener, "level"), "error") == 0 &&
        strcmp(text_of(&listener, "code"), "HandlerFailed") == 0);
  CHECK(strcmp(text_of(&listener, "durable_name"), "projection") == 0);
  cJSON_Delete(listener.record);
  close_store(store);
}

static void levels_choose(void) {
  listener listener = LISTENER("lease_taken");
  CHECK_STATUS(factstr_log_set(listen, &listener, FACTSTR_LOG_WARNING), FACTSTR_OK);
  factstr_store store = open_memory(NULL);
  open_stream(store, "{\"durable\":{\"name\":\"a\"}}", NULL, NULL);
  close_store(store);
  CHECK(read_counter(&listener.heard) == 0);
  CHECK_STATUS(factstr_log_set(listen, &listener, FACTSTR_LOG_INFO), FACTSTR_OK);
  store = open_memory(NULL);
  open_stream(store, "{\"durable\":{\"name\":\"b\"}}", NULL, NULL);
  await_counter(&listener.heard, 1);
  close_store(store);
  silence();
  cJSON_Delete(listener.record);
  CHECK_STATUS(factstr_log_set(listen, NULL, 0), FACTSTR_INVALID_ARGUMENT);
  CHECK_STATUS(factstr_log_set(NULL, NULL, FACTSTR_LOG_OFF + 1), FACTSTR_INVALID_ARGUMENT);
}

/* A function that takes its time, until it may go on. */
typedef struct slow {
  counter begun, go_on;
  atomic_int running, over;
} slow;

static void take_time(void *user_data, const char *text, size_t len) {
  (void)text, (void)len;
  slow *slow = user_data;
  slow->running = 1;
  raise_counter(&slow->begun);
  await_counter(&slow->go_on, 1);
  slow->running = 0;
}

static void *unset(void *argument) {
  slow *slow = argument;
  factstr_log_set(NULL, NULL, FACTSTR_LOG_OFF);
  slow->over = slow->running ? 2 : 1;
  return NULL;
}

static void a_slow_function_holds_up_nothing_but_its_removal(void) { /* G16 G18 */
  slow slow = {COUNTER, COUNTER, 0, 0};
  CHECK_STATUS(factstr_log_set(take_time, &slow, FACTSTR_LOG_INFO), FACTSTR_OK);
  factstr_store store = open_memory(NULL);
  open_stream(store, "{}", &fails, NULL);
  append_one(store, "a", 1);
  await_counter(&slow.begun, 1);
  for (int i = 2; i < 100; i++) {
    append_one(store, "a", i);
  }
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, unset, &slow) == 0);
  CHECK(append_one(store, "a", 100) == 100 && slow.over == 0); /* it waits, the store does not */
  raise_counter(&slow.go_on);
  CHECK(pthread_join(thread, NULL) == 0 && slow.over == 1);
  close_store(store);
  CHECK(read_counter(&slow.begun) == 1); /* what came after it was not told to it */
}

typedef struct user {
  factstr_store store;
  counter done;
  factstr_status set, appended, closed;
} user;

static void use_everything(void *user_data, const char *text, size_t len) {
  (void)text, (void)len;
  user *user = user_data;
  user->set = factstr_log_set(NULL, NULL, FACTSTR_LOG_OFF);
  user->appended = factstr_append(user->store, JSON(ONE_EVENT), NULL);
  user->closed = factstr_store_close(user->store, NULL);
  raise_counter(&user->done);
}

static void the_function_may_call_any_other(void) {
  user user = {open_memory(NULL), COUNTER, -1, -1, -1};
  CHECK_STATUS(factstr_log_set(use_everything, &user, FACTSTR_LOG_INFO), FACTSTR_OK);
  open_stream(user.store, "{\"durable\":{\"name\":\"a\"}}", NULL, NULL);
  await_counter(&user.done, 1);
  CHECK(user.set == FACTSTR_OK && user.appended == FACTSTR_OK && user.closed == FACTSTR_OK);
}

void logging_tests(void) {
  RUN(without_a_callback_warnings_go_to_stderr,
      "without a callback a warning is one line on standard error");
  RUN(a_closed_stderr_ends_nothing, "a standard error that nobody reads any more ends nothing");
  RUN(without_a_stderr_nothing_is_written_elsewhere,
      "without a standard error nothing is written to the file that has its number");
  RUN(a_full_stderr_holds_up_nobody_for_ever,
      "a standard error that is full and not read holds up nobody for ever");
  RUN(a_failing_handler_is_told, "a failing handler of a live stream is logged with its store");
  RUN(the_end_of_a_durable_stream_is_told, "the end of a durable stream by a failure is logged");
  RUN(levels_choose, "the level chooses what is logged, and a wrong one is refused");
  RUN(a_slow_function_holds_up_nothing_but_its_removal,
      "a slow function holds up nothing but its removal, which waits for it");
  RUN(the_function_may_call_any_other,
      "the function may call any other: set the log, append, close the store");
  factstr_log_set(NULL, NULL, FACTSTR_LOG_OFF); /* the other tests fail on purpose */
}
