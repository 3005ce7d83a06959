/* Streams without callbacks: batches are pulled. */
#include "watcher.h"

#include <stdlib.h>

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
  RUN(a_refused_batch_ends_a_durable_pull_stream,
      "a refused batch ends a durable stream that is pulled");
  RUN(unsubscribing_before_ready_is_an_end_without_error,
      "unsubscribing before replay is done is an end without error");
  RUN(a_stream_with_callbacks_cannot_be_pulled, "a stream with callbacks cannot be pulled");
  RUN(a_long_message_that_is_no_text_ends_a_stream,
      "a stream ends by a message of any bytes and length");
}
