/* Streams without callbacks: batches are pulled. */
#include "watcher.h"

#include <stdlib.h>
#include <unistd.h>

static void batches_can_be_pulled(void) { /* G15 G19 */
  factstr_store store = open_memory(NULL);
  append_one(store, "a", 1);
  append_one(store, "a", 2);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  factstr_delivery delivery;
  factstr_buffer batch;
  CHECK_STATUS(factstr_stream_wait_ready(stream, 0, NULL), FACTSTR_TIMEOUT);
  for (uint64_t i = 1; i <= 3; i++) {
    answer taken = take(factstr_stream_next(stream, -1, &delivery, &batch), &batch);
    CHECK_STATUS(taken.status, FACTSTR_OK);
    CHECK(delivery == i && json_integer(taken.json->child, "sequence_number") == i);
    drop(taken);
    factstr_delivery none = 7;
    expect_error(take(factstr_stream_next(stream, 0, &none, &batch), &batch), FACTSTR_INVALID_STATE,
                 "open");
    CHECK(none == 0);
    CHECK_STATUS(factstr_stream_acknowledge(stream, delivery), FACTSTR_OK);
    if (i == 2) {
      CHECK_STATUS(factstr_stream_wait_ready(stream, -1, NULL), FACTSTR_OK);
      CHECK_STATUS(factstr_stream_next(stream, 20, &delivery, &batch), FACTSTR_TIMEOUT);
      CHECK(batch.data == NULL && delivery == 0);
      append_one(store, "a", 3);
    }
  }
  CHECK_STATUS(factstr_stream_unsubscribe(stream), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_next(stream, -1, &delivery, &batch), FACTSTR_ENDED);
  CHECK(batch.data == NULL);
  CHECK_STATUS(factstr_stream_wait_ready(stream, -1, NULL),
               FACTSTR_OK); /* it became ready before it ended */
  CHECK_STATUS(factstr_stream_close(stream), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_next(stream, 0, &delivery, &batch), FACTSTR_INVALID_HANDLE);
  factstr_buffer_free(&batch);
  close_store(store);
}

static void pulled_batches_have_their_positions(void) { /* G15 */
  factstr_store store = open_memory(NULL);
  for (int i = 0; i < 2; i++) {
    expect_ok(append(store, "[{\"event_type\":\"a\",\"payload\":1},"
                            "{\"event_type\":\"b\",\"payload\":2}]"));
  }
  factstr_stream stream = open_stream(
      store, "{\"after\":0,\"positions\":true,\"query\":{\"filters\":[{\"event_types\":[\"a\"]}]}}",
      NULL, NULL);
  factstr_delivery delivery;
  factstr_buffer text;
  answer first = take(factstr_stream_next(stream, -1, &delivery, &text), &text);
  CHECK_STATUS(first.status, FACTSTR_OK);
  const cJSON *records = cJSON_GetObjectItemCaseSensitive(first.json, "event_records");
  CHECK(json_integer(first.json, "position") == 2 && cJSON_GetArraySize(records) == 1);
  CHECK(json_integer(records->child, "sequence_number") == 1);
  drop(first);
  CHECK_STATUS(factstr_stream_acknowledge(stream, delivery), FACTSTR_OK);
  size_t count;
  answer rest = take(factstr_stream_next_many(stream, 9, -1, &delivery, &count, &text), &text);
  CHECK_STATUS(rest.status, FACTSTR_OK);
  CHECK(count == 1 && json_integer(rest.json->child, "position") == 4);
  drop(rest);
  CHECK_STATUS(factstr_stream_wait_ready(stream, 0, NULL), FACTSTR_TIMEOUT);
  CHECK_STATUS(factstr_stream_acknowledge(stream, delivery), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_wait_ready(stream, -1, NULL), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_close(stream), FACTSTR_OK);
  close_store(store);
}

/* Takes up to so many batches, and checks what comes. */
static void take_many(factstr_stream stream, size_t most, uint64_t first, size_t count,
                      uint64_t number) {
  factstr_delivery delivery;
  size_t taken;
  factstr_buffer text;
  answer batches =
      take(factstr_stream_next_many(stream, most, -1, &delivery, &taken, &text), &text);
  CHECK_STATUS(batches.status, FACTSTR_OK);
  CHECK(delivery == first && taken == count);
  cJSON *batch;
  cJSON_ArrayForEach(batch, batches.json) {
    CHECK(json_integer(batch->child, "sequence_number") == number++);
    count--;
  }
  CHECK(count == 0);
  drop(batches);
}

static void several_batches_are_answered_once(void) { /* G19 G21 */
  factstr_store store = open_memory(NULL);
  for (int i = 1; i <= 10; i++) {
    append_one(store, "a", i);
  }
  factstr_stream stream = open_stream(
      store, "{\"durable\":{\"name\":\"d\"},\"retry\":{\"max_attempts\":1,\"delay_ms\":1}}", NULL,
      NULL);
  factstr_delivery delivery;
  size_t count;
  take_many(stream, 3, 1, 3, 1);
  CHECK_STATUS(factstr_stream_next_many(stream, 3, 0, &delivery, &count, NULL),
               FACTSTR_INVALID_STATE);
  CHECK(delivery == 0 && count == 0);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 4), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 2), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 3), FACTSTR_INVALID_HANDLE);
  take_many(stream, 4, 4, 4, 3); /* the third was given back */
  CHECK_STATUS(factstr_stream_refuse(stream, 6, JSON("once")), FACTSTR_OK);
  /* Those before the failed one are handled. After a failure fewer come at once. */
  take_many(stream, 100, 8, 1, 5);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 8), FACTSTR_OK);
  take_many(stream, 100, 9, 2, 6);
  CHECK_STATUS(factstr_stream_refuse(stream, 10, JSON("another")), FACTSTR_OK);
  take_many(stream, 100, 11, 1, 7); /* another batch fails for the first time */
  CHECK_STATUS(factstr_stream_refuse(stream, 11, JSON("for good")), FACTSTR_OK);
  factstr_buffer error;
  expect_error(take(factstr_stream_next_many(stream, 1, -1, &delivery, &count, &error), &error),
               FACTSTR_HANDLER_FAILED, "for good");
  CHECK_STATUS(factstr_stream_close(stream), FACTSTR_OK);
  stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  take_many(stream, 100, 1, 4, 7);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 4), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_wait_ready(stream, -1, NULL), FACTSTR_OK);
  close_store(store);
}

static uint64_t position(factstr_stream stream, const char *which) {
  factstr_buffer text;
  answer progress = take(factstr_stream_progress(stream, &text), &text);
  CHECK_STATUS(progress.status, FACTSTR_OK);
  uint64_t number = json_integer(progress.json, which);
  drop(progress);
  return number;
}

static void what_is_handled_counts_while_the_rest_is_held(void) { /* G17 G22 G23 */
  factstr_store store = open_memory(NULL);
  for (int i = 1; i <= 9; i++) {
    append_one(store, "a", i);
  }
  const char *registration = "{\"durable\":{\"name\":\"d\"}}";
  factstr_stream stream = open_stream(store, registration, NULL, NULL);
  take_many(stream, 5, 1, 5, 1);
  CHECK_STATUS(factstr_stream_advance(stream, 2), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_advance(stream, 2), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_advance(stream, 1), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_advance(stream, 6), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_advance(stream, 0), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 1), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_refuse(stream, 2, NULL, 0), FACTSTR_INVALID_HANDLE);
  CHECK(position(stream, "position") == 2);
  /* The cursor follows, though no answer is given. */
  CHECK_STATUS(factstr_stream_advance(stream, 3), FACTSTR_OK);
  for (int waits = 0; position(stream, "stored_cursor") < 3; waits++) {
    CHECK(waits < 1000);
    usleep(10000);
  }
  CHECK_STATUS(factstr_stream_acknowledge(stream, 3), FACTSTR_OK); /* gives back the rest */
  take_many(stream, 5, 6, 5, 4);
  CHECK_STATUS(factstr_stream_advance(stream, 7), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_unsubscribe(stream), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_advance(stream, 8), FACTSTR_INVALID_HANDLE);
  /* The name is free, and its next stream begins behind what was handled. */
  factstr_stream next = open_stream(store, registration, NULL, NULL);
  take_many(next, 100, 1, 4, 6);
  CHECK_STATUS(factstr_stream_advance(next, 1), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_refuse(next, 3, JSON("the third")), FACTSTR_OK);
  factstr_buffer error;
  factstr_delivery delivery;
  expect_error(take(factstr_stream_next(next, -1, &delivery, &error), &error),
               FACTSTR_HANDLER_FAILED, "the third");
  next = open_stream(store, registration, NULL, NULL);
  take_many(next, 100, 1, 2, 8);
  CHECK_STATUS(factstr_stream_advance(next, 1), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_advance(next, 2), FACTSTR_OK); /* the last one: acknowledges */
  CHECK_STATUS(factstr_stream_wait_ready(next, -1, NULL), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_acknowledge(next, 2), FACTSTR_INVALID_HANDLE);
  close_store(store);
}

static void as_many_batches_come_as_the_cursor_may_lag_behind(void) { /* G23 */
  factstr_store store = open_memory(NULL);
  for (int i = 1; i <= 4; i++) {
    append_one(store, "a", i);
  }
  factstr_stream stream = open_stream(
      store, "{\"durable\":{\"name\":\"d\"},\"cursor_every\":{\"batches\":3}}", NULL, NULL);
  take_many(stream, 100, 1, 3, 1);
  close_store(store);
}

static void a_refused_batch_ends_a_durable_pull_stream(void) { /* G21 */
  factstr_store store = open_memory(NULL);
  append_one(store, "a", 1);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  factstr_delivery delivery;
  factstr_buffer error;
  CHECK_STATUS(factstr_stream_next(stream, -1, &delivery, NULL), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_refuse(stream, delivery, JSON("not today")), FACTSTR_OK);
  expect_error(take(factstr_stream_next(stream, -1, &delivery, &error), &error),
               FACTSTR_HANDLER_FAILED, "not today");
  expect_error(take(factstr_stream_wait_ready(stream, -1, &error), &error), FACTSTR_HANDLER_FAILED,
               "not today");
  close_store(store);
}

static void unsubscribing_before_ready_is_an_end_without_error(void) {
  factstr_store store = open_memory(NULL);
  append_one(store, "a", 1);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  CHECK_STATUS(factstr_stream_unsubscribe(stream), FACTSTR_OK);
  factstr_buffer error;
  CHECK_STATUS(factstr_stream_wait_ready(stream, -1, &error), FACTSTR_ENDED);
  CHECK(error.data == NULL);
  close_store(store);
}

static void a_stream_with_callbacks_cannot_be_pulled(void) {
  watcher seen = WATCHER;
  factstr_store store = open_memory(NULL);
  factstr_stream stream = open_stream(store, "{}", &noting, &seen);
  factstr_delivery delivery;
  factstr_buffer error;
  expect_error(take(factstr_stream_next(stream, -1, &delivery, &error), &error),
               FACTSTR_INVALID_STATE, "callbacks");
  close_store(store);
}

/* A program may give any bytes as its message. */
static void a_long_message_that_is_no_text_ends_a_stream(void) { /* G21 */
  enum { LENGTH = 1 << 20 };
  char *message = malloc(LENGTH);
  CHECK(message != NULL);
  for (size_t i = 0; i < LENGTH; i++) {
    message[i] = (char)i;
  }
  /* The log would write the message to the terminal. */
  CHECK_STATUS(factstr_log_set(NULL, NULL, FACTSTR_LOG_OFF), FACTSTR_OK);
  factstr_store store = open_memory(NULL);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  factstr_delivery delivery;
  factstr_buffer out;
  append_one(store, "a", 1);
  CHECK_STATUS(factstr_stream_next(stream, 10000, &delivery, NULL), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_refuse(stream, delivery, message, LENGTH), FACTSTR_OK);
  free(message);
  CHECK_STATUS(factstr_stream_next(stream, 10000, &delivery, &out), FACTSTR_HANDLER_FAILED);
  CHECK(delivery == 0 && out.len > 65536 && out.len < LENGTH);
  cJSON *reason = cJSON_ParseWithLength(out.data, out.len);
  CHECK(cJSON_IsString(cJSON_GetObjectItemCaseSensitive(reason, "message")));
  cJSON_Delete(reason);
  factstr_buffer_free(&out);
  close_store(store);
  CHECK_STATUS(factstr_log_set(NULL, NULL, FACTSTR_LOG_WARNING), FACTSTR_OK);
}

void pulled_stream_tests(void) {
  RUN(batches_can_be_pulled, "batches can be pulled and acknowledged one at a time");
  RUN(pulled_batches_have_their_positions, "pulled batches have their positions");
  RUN(several_batches_are_answered_once,
      "several batches are taken at once and answered by one call");
  RUN(what_is_handled_counts_while_the_rest_is_held,
      "batches that were handled count while others of the same crossing are held");
  RUN(as_many_batches_come_as_the_cursor_may_lag_behind,
      "as many batches come at once as the cursor may lag behind");
  RUN(a_refused_batch_ends_a_durable_pull_stream,
      "a refused batch ends a durable stream that is pulled");
  RUN(unsubscribing_before_ready_is_an_end_without_error,
      "unsubscribing before replay is done is an end without error");
  RUN(a_stream_with_callbacks_cannot_be_pulled, "a stream with callbacks cannot be pulled");
  RUN(a_long_message_that_is_no_text_ends_a_stream,
      "a stream ends by a message of any bytes and length");
}
