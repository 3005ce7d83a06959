/* Submitted requests: callbacks, handles, the completion queue, cancelling. */
#include "tests.h"

#include <stdlib.h>

typedef struct answers {
  factstr_store store;
  counter done;
  factstr_status last_status;
  uint64_t last_tag;
  char last_text[512];
  pthread_t last_thread;
} answers;

static void note_answer(void *user_data, uint64_t tag, factstr_status status, const char *result,
                        size_t len) {
  answers *seen = user_data;
  CHECK(result[len] == '\0');
  seen->last_status = status;
  seen->last_tag = tag;
  seen->last_thread = pthread_self();
  snprintf(seen->last_text, sizeof seen->last_text, "%s", result);
  raise_counter(&seen->done);
}

static void answers_come_by_callback(void) {
  answers seen = {.done = COUNTER};
  factstr_store store = open_memory(NULL);
  CHECK_STATUS(factstr_append_submit(store, JSON(ONE_EVENT), 41, note_answer, &seen, NULL, NULL),
               FACTSTR_OK);
  await_counter(&seen.done, 1);
  CHECK(seen.last_tag == 41 && seen.last_status == FACTSTR_OK);
  CHECK(!pthread_equal(seen.last_thread, pthread_self()));
  CHECK(strcmp(seen.last_text,
               "{\"first_sequence_number\":1,\"last_sequence_number\":1,\"committed_count\":1}") ==
        0);
  CHECK_STATUS(factstr_append_if_submit(store, JSON(ONE_EVENT), JSON("{}"), NULL, 42, note_answer,
                                        &seen, NULL, NULL),
               FACTSTR_OK);
  await_counter(&seen.done, 2);
  CHECK(seen.last_tag == 42 && seen.last_status == FACTSTR_CONDITIONAL_APPEND_CONFLICT);
  CHECK(strstr(seen.last_text, "\"actual_context_version\":1") != NULL);
  CHECK_STATUS(factstr_query_submit(store, NULL, 0, 43, note_answer, &seen, NULL, NULL),
               FACTSTR_OK);
  await_counter(&seen.done, 3);
  CHECK(seen.last_tag == 43 && strstr(seen.last_text, "\"current_context_version\":1") != NULL);
  close_store(store);
  CHECK(read_counter(&seen.done) == 3);
}

static void append_in_answer(void *user_data, uint64_t tag, factstr_status status,
                             const char *result, size_t len) {
  answers *seen = user_data;
  (void)tag, (void)result, (void)len;
  CHECK(status == FACTSTR_OK);
  /* Synchronous calls, and waiting for another request, work in here. */
  append_one(seen->store, "inside", 1);
  factstr_request request;
  CHECK_STATUS(factstr_append_submit(seen->store, JSON(ONE_EVENT), 1, NULL, NULL, &request, NULL),
               FACTSTR_OK);
  CHECK_STATUS(factstr_request_wait(request, -1, NULL), FACTSTR_OK);
  raise_counter(&seen->done);
}

static void calls_work_inside_a_callback(void) {
  answers seen = {.done = COUNTER};
  seen.store = open_memory(NULL);
  CHECK_STATUS(
      factstr_append_submit(seen.store, JSON(ONE_EVENT), 1, append_in_answer, &seen, NULL, NULL),
      FACTSTR_OK);
  await_counter(&seen.done, 1);
  CHECK(head(seen.store) == 3);
  close_store(seen.store);
}

static void answers_come_by_handle(void) {
  factstr_store store = open_memory(NULL);
  factstr_request first, second;
  factstr_buffer out;
  CHECK_STATUS(factstr_append_submit(store, JSON(ONE_EVENT), 1, NULL, NULL, &first, NULL),
               FACTSTR_OK);
  CHECK_STATUS(factstr_query_submit(store, JSON("{\"limit\":0}"), 1, NULL, NULL, &second, NULL),
               FACTSTR_OK);
  CHECK(first != 0 && second != first);
  answer result = take(factstr_request_wait(second, 10000, &out), &out);
  CHECK_STATUS(result.status, FACTSTR_OK);
  drop(result);
  result = take(factstr_request_wait(first, -1, &out), &out);
  CHECK_STATUS(result.status, FACTSTR_OK);
  CHECK(json_integer(result.json, "committed_count") == 1);
  drop(result);
  CHECK_STATUS(factstr_request_wait(first, -1, NULL), FACTSTR_INVALID_HANDLE);
  close_store(store);
}

static void answers_come_by_queue(void) {
  factstr_store store = open_memory(NULL);
  factstr_completion taken[8];
  size_t count = 7;
  CHECK_STATUS(factstr_completions_next(store, taken, 8, &count, 0), FACTSTR_TIMEOUT);
  CHECK(count == 0);
  CHECK_STATUS(factstr_completions_next(store, taken, 8, &count, 20), FACTSTR_TIMEOUT);
  int seen[100] = {0};
  for (uint64_t tag = 0; tag < 100; tag++) {
    CHECK_STATUS(factstr_append_submit(store, JSON(ONE_EVENT), tag, NULL, NULL, NULL, NULL),
                 FACTSTR_OK);
  }
  for (int total = 0; total < 100; total += (int)count) {
    CHECK_STATUS(factstr_completions_next(store, taken, 8, &count, -1), FACTSTR_OK);
    CHECK(count >= 1 && count <= 8);
    for (size_t i = 0; i < count; i++) {
      seen[taken[i].tag]++;
      expect_ok(take(taken[i].status, &taken[i].result));
    }
  }
  for (int tag = 0; tag < 100; tag++) {
    CHECK(seen[tag] == 1);
  }
  CHECK(head(store) == 100);
  close_store(store);
}

enum { LONE = 100, LONE_THREADS = 4 };

static void *submit_and_wait(void *data) {
  factstr_store store = *(factstr_store *)data;
  for (int i = 0; i < LONE; i++) {
    factstr_request request;
    factstr_buffer out;
    CHECK_STATUS(factstr_append_submit(store, JSON(ONE_EVENT), 1, NULL, NULL, &request, NULL),
                 FACTSTR_OK);
    answer result = take(factstr_request_wait(request, i % 2 == 0 ? -1 : 60000, &out), &out);
    CHECK_STATUS(result.status, FACTSTR_OK);
    CHECK(json_integer(result.json, "committed_count") == 1);
    drop(result);
  }
  return NULL;
}

/* Mostly by the thread that waits: whoever appends, each is appended and answered once. */
static void lone_submissions_are_appended(void) {
  factstr_store store = open_sqlite(fresh_path("lone.db"), NULL);
  submit_and_wait(&store);
  CHECK(head(store) == LONE);
  for (uint64_t tag = 0; tag < LONE; tag++) {
    factstr_completion taken;
    size_t count;
    CHECK_STATUS(factstr_append_submit(store, JSON(ONE_EVENT), tag, NULL, NULL, NULL, NULL),
                 FACTSTR_OK);
    CHECK_STATUS(factstr_completions_next(store, &taken, 1, &count, tag % 2 == 0 ? -1 : 60000),
                 FACTSTR_OK);
    CHECK(count == 1 && taken.tag == tag);
    expect_ok(take(taken.status, &taken.result));
  }
  CHECK(head(store) == 2 * (uint64_t)LONE);
  pthread_t threads[LONE_THREADS];
  for (int i = 0; i < LONE_THREADS; i++) {
    CHECK(pthread_create(&threads[i], NULL, submit_and_wait, &store) == 0);
  }
  for (int i = 0; i < LONE_THREADS; i++) {
    pthread_join(threads[i], NULL);
  }
  CHECK(head(store) == (2 + LONE_THREADS) * (uint64_t)LONE);
  close_store(store);
}

typedef struct waiter {
  factstr_store store;
  factstr_status status;
} waiter;

static void *wait_for_completion(void *data) {
  waiter *waiting = data;
  factstr_completion taken;
  size_t count;
  waiting->status = factstr_completions_next(waiting->store, &taken, 1, &count, -1);
  return NULL;
}

static void closing_wakes_who_waits_for_completions(void) {
  waiter waiting = {open_memory(NULL), FACTSTR_OK};
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, wait_for_completion, &waiting) == 0);
  close_store(waiting.store);
  CHECK(pthread_join(thread, NULL) == 0);
  /* The thread may have come before or after the close. */
  CHECK(waiting.status == FACTSTR_STORE_CLOSED || waiting.status == FACTSTR_INVALID_HANDLE);
}

static void closing_drops_unread_completions_and_requests(void) {
  factstr_store store = open_memory(NULL);
  factstr_request request;
  for (uint64_t tag = 0; tag < 10; tag++) {
    CHECK_STATUS(factstr_query_submit(store, NULL, 0, tag, NULL, NULL, NULL, NULL), FACTSTR_OK);
  }
  CHECK_STATUS(factstr_append_submit(store, JSON(ONE_EVENT), 1, NULL, NULL, &request, NULL),
               FACTSTR_OK);
  close_store(store);
  CHECK_STATUS(factstr_request_wait(request, -1, NULL), FACTSTR_INVALID_HANDLE);
}

/* A batch that takes a while to commit, so that requests behind it wait. */
static char *long_batch(void) {
  enum { EVENTS = 10000 };
  const char event[] =
      "{\"event_type\":\"bulk\",\"payload\":{\"some\":[\"text\",\"to\",\"write\"]}},";
  char *events = malloc(EVENTS * sizeof event + 2), *to = events;
  *to++ = '[';
  for (int i = 0; i < EVENTS; i++) {
    memcpy(to, event, sizeof event - 1);
    to += sizeof event - 1;
  }
  strcpy(to - 1, "]");
  return events;
}

static void what_was_not_begun_can_be_cancelled(void) {
  factstr_store store = open_sqlite(fresh_path("cancel.db"), NULL);
  enum { REQUESTS = 300, ROUNDS = 20 };
  char *bulk = long_batch();
  uint64_t written = 0;
  int cancelled = 0;
  for (int round = 0; round < ROUNDS && cancelled == 0; round++) {
    factstr_request first, requests[REQUESTS];
    CHECK_STATUS(factstr_append_submit(store, JSON(bulk), 4, NULL, NULL, &first, NULL), FACTSTR_OK);
    for (int i = 0; i < REQUESTS; i++) {
      CHECK_STATUS(factstr_append_submit(store, JSON(ONE_EVENT), 5, NULL, NULL, &requests[i], NULL),
                   FACTSTR_OK);
    }
    CHECK_STATUS(factstr_cancel(store, 5), FACTSTR_OK);
    CHECK_STATUS(factstr_cancel(store, 6), FACTSTR_OK);
    CHECK_STATUS(factstr_request_wait(first, -1, NULL), FACTSTR_OK);
    written += 10000;
    for (int i = 0; i < REQUESTS; i++) {
      factstr_status status = factstr_request_wait(requests[i], -1, NULL);
      CHECK(status == FACTSTR_OK || status == FACTSTR_CANCELLED);
      written += status == FACTSTR_OK;
      cancelled += status == FACTSTR_CANCELLED;
    }
    CHECK(head(store) ==
          written); /* what was cancelled was not written, and consumed no number: G2 G5 */
  }
  free(bulk);
  CHECK(cancelled > 0);
  close_store(store);
}

static void queries_can_be_cancelled(void) {
  factstr_store store = open_memory(NULL);
  enum { REQUESTS = 200 };
  factstr_request requests[REQUESTS];
  for (int i = 0; i < 2000; i++) {
    append_one(store, "a", i);
  }
  for (int i = 0; i < REQUESTS; i++) {
    CHECK_STATUS(factstr_query_submit(store, NULL, 0, 5, NULL, NULL, &requests[i], NULL),
                 FACTSTR_OK);
  }
  CHECK_STATUS(factstr_cancel(store, 5), FACTSTR_OK);
  for (int i = 0; i < REQUESTS; i++) {
    factstr_status status = factstr_request_wait(requests[i], -1, NULL);
    CHECK(status == FACTSTR_OK || status == FACTSTR_CANCELLED);
  }
  close_store(store);
}

static void waiting_for_a_request_can_time_out(void) {
  factstr_store store = open_sqlite(fresh_path("wait.db"), NULL);
  factstr_request request;
  factstr_buffer out;
  CHECK_STATUS(factstr_append_submit(store, JSON(ONE_EVENT), 5, NULL, NULL, &request, NULL),
               FACTSTR_OK);
  factstr_status status;
  long rounds = 0;
  while ((status = factstr_request_wait(request, 0, &out)) == FACTSTR_TIMEOUT) {
    CHECK(out.data == NULL && out.len == 0);
    CHECK(++rounds < 1000000000L);
  }
  expect_ok(take(status, &out));
  close_store(store);
}

static void too_many_unread_answers_are_refused(void) {
  factstr_store store = open_memory(NULL);
  factstr_buffer error;
  long submitted = 0;
  factstr_status status;
  while ((status = factstr_query_submit(store, JSON("{\"limit\":0}"), 1, NULL, NULL, NULL,
                                        &error)) == FACTSTR_OK) {
    CHECK(++submitted <= 70000);
  }
  CHECK(submitted == 65536);
  expect_error(take(status, &error), FACTSTR_BUSY, "take some");
  factstr_completion taken[64];
  size_t count;
  CHECK_STATUS(factstr_completions_next(store, taken, 64, &count, -1), FACTSTR_OK);
  for (size_t i = 0; i < count; i++) {
    factstr_buffer_free(&taken[i].result);
  }
  CHECK_STATUS(factstr_query_submit(store, JSON("{\"limit\":0}"), 1, NULL, NULL, NULL, &error),
               FACTSTR_OK);
  close_store(store);
}

/* Finds the heap of the library's runtime: a mapping without a file, in units of 4 MiB. */
static void find_go_heap(uintptr_t *begin, uintptr_t *end) {
  FILE *maps = fopen("/proc/self/maps", "r");
  CHECK(maps != NULL);
  const uintptr_t unit = (uintptr_t)4 << 20, most = (uintptr_t)1 << 30;
  char line[512], *rest;
  *begin = *end = 0;
  while (*begin == 0 && fgets(line, sizeof line, maps) != NULL) {
    uintptr_t from = strtoull(line, &rest, 16), to = strtoull(rest + 1, &rest, 16);
    if (strncmp(rest, " rw-p 00000000 00:00 0", 22) == 0 && strchr(rest, '[') == NULL &&
        from % unit == 0 && to % unit == 0 && to - from <= most) {
      *begin = from;
      *end = to;
    }
  }
  CHECK(fclose(maps) == 0);
  CHECK(*begin != 0);
}

/*
 * Memory that a caller has not written may hold addresses of the library's own heap, left on the
 * stack by earlier calls. The garbage collector ends the process when it follows one to memory that
 * is not in use, so the library must not look at what an answer overwrites.
 */
static void answers_overwrite_anything(void) {
  factstr_store store = open_memory(NULL);
  enum { WAITING = 60000, ROUNDS = 2000, AT_ONCE = 64 };
  for (long i = 0; i < WAITING; i++) { /* a large heap, which takes long to mark */
    CHECK_STATUS(factstr_query_submit(store, JSON("{\"limit\":0}"), 1, NULL, NULL, NULL, NULL),
                 FACTSTR_OK);
  }
  const uintptr_t page = 8192;
  uintptr_t heap, end;
  find_go_heap(&heap, &end);
  for (uintptr_t round = 0, address = 0; round < ROUNDS; round++) {
    factstr_completion taken[AT_ONCE];
    for (size_t i = 0; i < AT_ONCE; i++) {
      address = (address + page) % (end - heap);
      taken[i].result.data = (char *)(heap + address + page - 1); /* NOLINT */
    }
    size_t count;
    CHECK_STATUS(factstr_completions_next(store, taken, AT_ONCE, &count, -1), FACTSTR_OK);
    for (size_t i = 0; i < count; i++) {
      CHECK_STATUS(taken[i].status, FACTSTR_OK);
      factstr_buffer_free(&taken[i].result);
      CHECK_STATUS(factstr_query_submit(store, JSON("{\"limit\":0}"), 1, NULL, NULL, NULL, NULL),
                   FACTSTR_OK);
    }
  }
  close_store(store);
}

void request_tests(void) {
  RUN(answers_come_by_callback,
      "answers of submitted requests come by callback, on another thread");
  RUN(calls_work_inside_a_callback, "calls work inside a completion callback");
  RUN(answers_come_by_handle,
      "answers of submitted requests come by handle, in any order of asking");
  RUN(answers_come_by_queue, "answers of submitted requests come by the store's queue, each once");
  RUN(lone_submissions_are_appended,
      "a lone submission is appended once, also by the thread that waits for it");
  RUN(closing_wakes_who_waits_for_completions,
      "closing the store wakes threads that wait for completions");
  RUN(closing_drops_unread_completions_and_requests,
      "closing the store drops unread completions and releases requests");
  RUN(what_was_not_begun_can_be_cancelled,
      "appends that no group has taken can be cancelled, and wrote nothing");
  RUN(queries_can_be_cancelled, "submitted queries can be cancelled");
  RUN(waiting_for_a_request_can_time_out,
      "waiting for a request can time out and be taken up again");
  RUN(answers_overwrite_anything,
      "answers are put into memory that holds addresses of the library's heap");
  RUN(too_many_unread_answers_are_refused,
      "submitting is refused once too many answers were not taken");
}
