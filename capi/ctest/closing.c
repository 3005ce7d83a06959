/* Closing stores and streams: what waits for what, and what a callback may close. */
#include "tests.h"

#include <stdlib.h>

/* A callback that closes something, or waits to be let go. */
typedef struct actor {
  factstr_store store;
  factstr_stream other;
  counter began, proceed, batches, ended;
  factstr_status closed, end;
} actor;

#define ACTOR {.began = COUNTER, .proceed = COUNTER, .batches = COUNTER, .ended = COUNTER}

static void note_end(void *user_data, factstr_stream stream, factstr_status status,
                     const char *reason, size_t len) {
  actor *acting = user_data;
  (void)stream, (void)reason, (void)len;
  acting->end = status;
  raise_counter(&acting->ended);
}

static int32_t close_own_stream(void *user_data, factstr_stream stream, factstr_delivery delivery,
                                const char *batch, size_t len) {
  actor *acting = user_data;
  (void)delivery, (void)batch, (void)len;
  acting->closed = factstr_stream_close(stream);
  CHECK_STATUS(factstr_stream_unsubscribe(stream), FACTSTR_INVALID_HANDLE);
  CHECK(read_counter(&acting->ended) == 0);
  raise_counter(&acting->batches);
  return FACTSTR_HANDLED;
}

static void a_stream_can_be_closed_inside_its_callback(void) { /* G17 */
  actor acting = ACTOR;
  factstr_stream_callbacks callbacks = {sizeof callbacks, close_own_stream, NULL, note_end};
  factstr_store store = open_memory(NULL);
  open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &callbacks, &acting);
  append_one(store, "a", 1);
  append_one(store, "a", 2);
  await_counter(&acting.ended, 1);
  CHECK(acting.closed == FACTSTR_CLOSING && acting.end == FACTSTR_OK &&
        read_counter(&acting.batches) == 1);
  /* The batch was handled, so its cursor counts: only the second one is left. */
  factstr_stream again = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  factstr_delivery delivery;
  factstr_buffer batch;
  answer taken = take(factstr_stream_next(again, -1, &delivery, &batch), &batch);
  CHECK(json_integer(taken.json->child, "sequence_number") == 2);
  drop(taken);
  close_store(store);
}

static void close_in_end(void *user_data, factstr_stream stream, factstr_status status,
                         const char *reason, size_t len) {
  actor *acting = user_data;
  acting->closed = factstr_stream_close(stream);
  note_end(user_data, stream, status, reason, len);
}

static int32_t fail_batch(void *user_data, factstr_stream stream, factstr_delivery delivery,
                          const char *batch, size_t len) {
  (void)user_data, (void)stream, (void)delivery, (void)batch, (void)len;
  return FACTSTR_FAILED;
}

static void a_stream_can_be_closed_in_its_end(void) {
  actor acting = ACTOR;
  factstr_stream_callbacks callbacks = {sizeof callbacks, fail_batch, NULL, close_in_end};
  factstr_store store = open_memory(NULL);
  open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &callbacks, &acting);
  append_one(store, "a", 1);
  await_counter(&acting.ended, 1);
  CHECK(acting.closed == FACTSTR_CLOSING && acting.end == FACTSTR_HANDLER_FAILED);
  CHECK(factstr_open_handles() == 1);
  close_store(store);
}

static int32_t close_other_stream(void *user_data, factstr_stream stream, factstr_delivery delivery,
                                  const char *batch, size_t len) {
  actor *acting = user_data;
  (void)stream, (void)delivery, (void)batch, (void)len;
  acting->closed = factstr_stream_close(acting->other);
  raise_counter(&acting->batches);
  return FACTSTR_HANDLED;
}

static void a_callback_can_close_another_stream(void) {
  actor acting = ACTOR, other = ACTOR;
  factstr_stream_callbacks closer = {sizeof closer, close_other_stream, NULL, NULL},
                           closed = {sizeof closed, fail_batch, NULL, note_end};
  factstr_store store = open_memory(NULL);
  acting.other = open_stream(store, "{}", &closed, &other);
  open_stream(store, "{}", &closer, &acting);
  append_one(store, "a", 1);
  await_counter(&acting.batches, 1);
  CHECK(acting.closed == FACTSTR_OK && read_counter(&other.ended) == 1);
  close_store(store);
}

static int32_t close_own_store(void *user_data, factstr_stream stream, factstr_delivery delivery,
                               const char *batch, size_t len) {
  actor *acting = user_data;
  (void)stream, (void)delivery, (void)batch, (void)len;
  acting->closed = factstr_store_close(acting->store, NULL);
  CHECK_STATUS(factstr_append(acting->store, JSON(ONE_EVENT), NULL), FACTSTR_INVALID_HANDLE);
  raise_counter(&acting->batches);
  return FACTSTR_HANDLED;
}

static void the_store_can_be_closed_inside_a_batch_callback(void) {
  actor acting = ACTOR;
  factstr_stream_callbacks callbacks = {sizeof callbacks, close_own_store, NULL, note_end};
  acting.store = open_memory(NULL);
  open_stream(acting.store, "{}", &callbacks, &acting);
  append_one(acting.store, "a", 1);
  await_counter(&acting.ended, 1);
  CHECK(acting.closed == FACTSTR_CLOSING);
}

static void close_store_in_answer(void *user_data, uint64_t tag, factstr_status status,
                                  const char *result, size_t len) {
  actor *acting = user_data;
  (void)tag, (void)status, (void)result, (void)len;
  acting->closed = factstr_store_close(acting->store, NULL);
  raise_counter(&acting->batches);
}

static void the_store_can_be_closed_inside_a_completion_callback(void) {
  actor acting = ACTOR;
  acting.store = open_memory(NULL);
  CHECK_STATUS(factstr_append_submit(acting.store, JSON(ONE_EVENT), 1, close_store_in_answer,
                                     &acting, NULL, NULL),
               FACTSTR_OK);
  await_counter(&acting.batches, 1);
  CHECK(acting.closed == FACTSTR_CLOSING);
}

static int32_t wait_to_proceed(void *user_data, factstr_stream stream, factstr_delivery delivery,
                               const char *batch, size_t len) {
  actor *acting = user_data;
  (void)stream, (void)delivery, (void)batch, (void)len;
  raise_counter(&acting->began);
  await_counter(&acting->proceed, 1);
  raise_counter(&acting->batches);
  return FACTSTR_HANDLED;
}

static const factstr_stream_callbacks waiting = {sizeof waiting, wait_to_proceed, NULL, note_end};

static void unsubscribing_does_not_wait(void) { /* G17 G22 */
  actor acting = ACTOR;
  factstr_store store = open_memory(NULL);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &waiting, &acting);
  append_one(store, "a", 1);
  append_one(store, "a", 2);
  await_counter(&acting.began, 1);
  CHECK_STATUS(factstr_stream_unsubscribe(stream), FACTSTR_OK);
  CHECK(read_counter(&acting.batches) == 0 && read_counter(&acting.ended) == 0);
  factstr_stream second = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  CHECK_STATUS(factstr_stream_close(second), FACTSTR_OK);
  raise_counter(&acting.proceed);
  CHECK_STATUS(factstr_stream_close(stream), FACTSTR_OK);
  CHECK(read_counter(&acting.batches) == 1 &&
        read_counter(&acting.ended) == 1); /* no delivery started after unsubscribe */
  close_store(store);
}

static void *let_proceed_soon(void *data) {
  actor *acting = data;
  /*
   * The other thread is in the close by now, or will be; either way the callback returns only after
   * this.
   */
  raise_counter(&acting->proceed);
  return NULL;
}

static void closing_a_stream_waits_for_its_callback(void) { /* G17 */
  actor acting = ACTOR;
  factstr_store store = open_memory(NULL);
  factstr_stream stream = open_stream(store, "{}", &waiting, &acting);
  append_one(store, "a", 1);
  await_counter(&acting.began, 1);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, let_proceed_soon, &acting) == 0);
  CHECK_STATUS(factstr_stream_close(stream), FACTSTR_OK);
  CHECK(read_counter(&acting.batches) == 1 && read_counter(&acting.ended) == 1);
  pthread_join(thread, NULL);
  close_store(store);
}

static void closing_a_store_waits_no_longer_than_told(void) {
  actor acting = ACTOR;
  factstr_store store = open_memory("{\"close_timeout_ms\":30}");
  open_stream(store, "{}", &waiting, &acting);
  append_one(store, "a", 1);
  await_counter(&acting.began, 1);
  factstr_buffer error;
  expect_error(take(factstr_store_close(store, &error), &error), FACTSTR_TIMEOUT, "still running");
  CHECK_STATUS(factstr_append(store, JSON(ONE_EVENT), NULL), FACTSTR_INVALID_HANDLE);
  CHECK(read_counter(&acting.ended) == 0);
  raise_counter(&acting.proceed);
  await_counter(&acting.ended, 1); /* its on_end follows */
}

static void count_answer(void *user_data, uint64_t tag, factstr_status status, const char *result,
                         size_t len) {
  actor *acting = user_data;
  (void)tag, (void)result, (void)len;
  CHECK(status == FACTSTR_OK || status == FACTSTR_STORE_CLOSED);
  raise_counter(&acting->batches);
}

static void closing_answers_every_submitted_request(void) {
  for (int round = 0; round < 20; round++) {
    actor acting = ACTOR;
    factstr_store store = open_memory(NULL);
    for (int i = 0; i < 100; i++) {
      CHECK_STATUS(
          factstr_append_submit(store, JSON(ONE_EVENT), 1, count_answer, &acting, NULL, NULL),
          FACTSTR_OK);
      CHECK_STATUS(factstr_query_submit(store, NULL, 0, 1, count_answer, &acting, NULL, NULL),
                   FACTSTR_OK);
    }
    close_store(store);
    CHECK(read_counter(&acting.batches) == 200);
  }
}

static void closing_ends_every_stream_once(void) { /* G17 */
  actor acting = ACTOR;
  factstr_stream_callbacks callbacks = {sizeof callbacks, fail_batch, NULL, note_end};
  factstr_store store = open_memory(NULL);
  for (int i = 0; i < 50; i++) {
    char registration[100];
    snprintf(registration, sizeof registration, "{\"durable\":{\"name\":\"d%d\"}}", i);
    open_stream(store, i % 2 == 0 ? "{}" : registration, &callbacks, &acting);
  }
  CHECK(factstr_open_handles() == 51);
  close_store(store);
  CHECK(read_counter(&acting.ended) == 50 && acting.end == FACTSTR_STORE_CLOSED);
}

static void closing_delivers_what_was_committed(void) { /* G16 G17 */
  actor acting = ACTOR;
  factstr_store store = open_memory(NULL);
  open_stream(store, "{}", &waiting, &acting);
  for (int i = 1; i <= 20; i++) {
    append_one(store, "a", i);
  }
  await_counter(&acting.began, 1);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, let_proceed_soon, &acting) == 0);
  close_store(store);
  CHECK(read_counter(&acting.batches) == 20 && read_counter(&acting.ended) == 1 &&
        acting.end == FACTSTR_STORE_CLOSED);
  pthread_join(thread, NULL);
}

/*
 * Nobody may be there to answer: the thread that closes the store may be the one that takes the
 * batches.
 */
static void closing_does_not_wait_for_answers_of_others(void) { /* G17 */
  factstr_store store = open_memory(NULL);
  factstr_stream pulled = open_stream(store, "{}", NULL, NULL);
  open_stream(store, "{}", NULL, NULL); /* nobody takes from it */
  append_one(store, "a", 1);
  append_one(store, "a", 2);
  factstr_delivery delivery;
  CHECK_STATUS(factstr_stream_next(pulled, -1, &delivery, NULL), FACTSTR_OK);
  close_store(store);
}

static void a_stream_that_drains_delivers_and_ends(void) { /* G17 */
  factstr_store store = open_memory(NULL);
  factstr_stream stream = open_stream(store, "{}", NULL, NULL),
                 idle = open_stream(store, "{}", NULL, NULL);
  for (int i = 1; i <= 3; i++) {
    append_one(store, "a", i);
  }
  factstr_delivery delivery;
  CHECK_STATUS(factstr_stream_drain(stream), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_drain(stream), FACTSTR_OK);
  for (int i = 1; i <= 3; i++) {
    CHECK_STATUS(factstr_stream_next(stream, -1, &delivery, NULL), FACTSTR_OK);
    CHECK_STATUS(factstr_stream_acknowledge(stream, delivery), FACTSTR_OK);
  }
  CHECK_STATUS(factstr_stream_next(stream, -1, &delivery, NULL), FACTSTR_ENDED);
  CHECK(delivery == 0);
  CHECK_STATUS(factstr_stream_drain(idle), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_unsubscribe(idle), FACTSTR_OK); /* at once all the same */
  CHECK_STATUS(factstr_stream_next(idle, -1, &delivery, NULL), FACTSTR_ENDED);
  close_store(store);
}

typedef struct closer {
  factstr_store store;
  factstr_status status;
} closer;

static void *close_it(void *data) {
  closer *closing = data;
  closing->status = factstr_store_close(closing->store, NULL);
  return NULL;
}

static void two_threads_can_close_one_store(void) {
  for (int round = 0; round < 50; round++) {
    closer closing = {open_memory(NULL), FACTSTR_OK};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, close_it, &closing) == 0);
    factstr_status mine = factstr_store_close(closing.store, NULL);
    pthread_join(thread, NULL);
    CHECK(mine == FACTSTR_OK || closing.status == FACTSTR_OK);
    CHECK(mine == FACTSTR_OK || mine == FACTSTR_INVALID_HANDLE);
  }
}

void closing_tests(void) {
  RUN(a_stream_can_be_closed_inside_its_callback,
      "closing a stream inside its batch callback returns Closing, and its end follows");
  RUN(a_stream_can_be_closed_in_its_end, "a stream can be closed in its end");
  RUN(a_callback_can_close_another_stream, "a callback can close another stream");
  RUN(the_store_can_be_closed_inside_a_batch_callback,
      "closing the store inside a batch callback returns Closing, and the end follows");
  RUN(the_store_can_be_closed_inside_a_completion_callback,
      "closing the store inside a completion callback returns Closing");
  RUN(unsubscribing_does_not_wait,
      "unsubscribing does not wait for a running callback, and frees the name at once");
  RUN(closing_a_stream_waits_for_its_callback,
      "closing a stream waits for its running callback and its end");
  RUN(closing_a_store_waits_no_longer_than_told,
      "closing a store waits no longer than its close timeout");
  RUN(closing_answers_every_submitted_request,
      "closing a store answers every submitted request once");
  RUN(closing_ends_every_stream_once, "closing a store ends every stream once");
  RUN(closing_delivers_what_was_committed,
      "closing a store delivers to live streams what was committed, then ends them");
  RUN(closing_does_not_wait_for_answers_of_others,
      "closing a store does not wait for deliveries that are pulled");
  RUN(a_stream_that_drains_delivers_and_ends,
      "a stream that drains delivers what was committed and ends");
  RUN(two_threads_can_close_one_store, "two threads can close one store");
}
