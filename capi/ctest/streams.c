/* Streams: callback and pull delivery, acknowledgement, ends. */
#include "tests.h"

#include <stdlib.h>

/* What a stream's callbacks saw, and what they are to answer. */
typedef struct watcher {
  factstr_store store;
  counter batches, ready, ended;
  int32_t outcome;
  factstr_stream stream;
  factstr_delivery last_delivery;
  long events_in_last_batch;
  factstr_status end;
  char reason[600];
  pthread_t thread;
  int running; /* a callback is running: they come one at a time */
  int batches_after_end;
} watcher;

#define WATCHER {.batches = COUNTER, .ready = COUNTER, .ended = COUNTER}

static long count_events(const char *batch, size_t len) {
  cJSON *events = json_parse(batch, len);
  long count = cJSON_GetArraySize(events);
  cJSON_Delete(events);
  return count;
}

static int32_t note_batch(void *user_data, factstr_stream stream, factstr_delivery delivery,
                          const char *batch, size_t len) {
  watcher *seen = user_data;
  CHECK(__atomic_fetch_add(&seen->running, 1, __ATOMIC_SEQ_CST) == 0);
  CHECK(batch[len] == '\0');
  CHECK(delivery == seen->last_delivery + 1);
  if (read_counter(&seen->ended) > 0) {
    seen->batches_after_end++;
  }
  seen->stream = stream;
  seen->last_delivery = delivery;
  seen->events_in_last_batch = count_events(batch, len);
  seen->thread = pthread_self();
  __atomic_fetch_sub(&seen->running, 1, __ATOMIC_SEQ_CST);
  int32_t outcome = seen->outcome;
  raise_counter(&seen->batches);
  return outcome;
}

static void note_ready(void *user_data, factstr_stream stream) {
  watcher *seen = user_data;
  CHECK(stream != 0);
  raise_counter(&seen->ready);
}

static void note_end(void *user_data, factstr_stream stream, factstr_status status,
                     const char *reason, size_t len) {
  watcher *seen = user_data;
  CHECK(stream != 0);
  seen->end = status;
  snprintf(seen->reason, sizeof seen->reason, "%.*s", (int)len, reason == NULL ? "" : reason);
  CHECK((status == FACTSTR_OK) == (len == 0));
  raise_counter(&seen->ended);
}

static const factstr_stream_callbacks noting = {sizeof noting, note_batch, note_ready, note_end};

static void batches_come_as_they_were_committed(void) { /* G15 G16 */
  watcher seen = WATCHER;
  factstr_store store = open_memory(NULL);
  append_one(store, "before", 1);
  factstr_stream stream =
      open_stream(store, "{\"query\":{\"filters\":[{\"event_types\":[\"a\"]}]}}", &noting, &seen);
  CHECK_STATUS(factstr_stream_wait_ready(stream, 0, NULL), FACTSTR_OK);
  await_counter(&seen.ready, 1);
  append_one(store, "b", 1);
  expect_ok(append(store, "[{\"event_type\":\"a\",\"payload\":1},{\"event_type\":\"b\",\"payload\":"
                          "1},{\"event_type\":\"a\",\"payload\":2}]"));
  await_counter(&seen.batches, 1);
  CHECK(seen.events_in_last_batch == 2 && seen.last_delivery == 1 && seen.stream == stream);
  CHECK(!pthread_equal(seen.thread, pthread_self())); /* G17 */
  append_one(store, "a", 3);
  await_counter(&seen.batches, 2);
  CHECK(seen.events_in_last_batch == 1);
  CHECK_STATUS(factstr_stream_close(stream), FACTSTR_OK);
  CHECK(read_counter(&seen.ended) == 1 && seen.end == FACTSTR_OK);
  append_one(store, "a", 4);
  close_store(store);
  CHECK(seen.batches_after_end == 0 && read_counter(&seen.batches) == 2 &&
        read_counter(&seen.ready) == 1);
}

static void a_failing_live_handler_affects_only_its_batch(void) { /* G16 */
  watcher seen = WATCHER;
  factstr_store store = open_memory(NULL);
  factstr_stream stream = open_stream(store, "{}", &noting, &seen);
  seen.outcome = FACTSTR_FAILED;
  append_one(store, "a", 1);
  await_counter(&seen.batches, 1);
  seen.outcome = FACTSTR_HANDLED;
  append_one(store, "a", 2);
  await_counter(&seen.batches, 2);
  CHECK_STATUS(factstr_stream_close(stream), FACTSTR_OK);
  CHECK(seen.end == FACTSTR_OK);
  close_store(store);
}

static void a_failing_durable_handler_ends_the_stream(void) { /* G21 */
  watcher seen = WATCHER;
  factstr_store store = open_memory(NULL);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &noting, &seen);
  CHECK_STATUS(factstr_stream_wait_ready(stream, -1, NULL), FACTSTR_OK);
  seen.outcome = FACTSTR_FAILED;
  append_one(store, "a", 1);
  await_counter(&seen.ended, 1);
  CHECK(seen.end == FACTSTR_HANDLER_FAILED &&
        strstr(seen.reason, "\"code\":\"HandlerFailed\"") != NULL);
  append_one(store, "a", 2);
  factstr_buffer text;
  answer progress = take(factstr_stream_progress(stream, &text), &text);
  CHECK(strcmp(json_string(progress.json, "state"), "ended") == 0 &&
        json_integer(progress.json, "stored_cursor") == 0);
  drop(progress);
  /* The name is free, and both batches come again. */
  watcher again = WATCHER;
  factstr_stream second = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &noting, &again);
  await_counter(&again.batches, 2);
  CHECK_STATUS(factstr_stream_wait_ready(second, -1, NULL), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_unsubscribe(stream), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_close(stream), FACTSTR_OK);
  close_store(store);
  CHECK(read_counter(&seen.batches) == 1 && read_counter(&seen.ended) == 1 &&
        read_counter(&again.ended) == 1);
}

static void a_failing_replay_fails_the_registration(void) { /* G20 */
  watcher seen = WATCHER;
  seen.outcome = FACTSTR_FAILED;
  factstr_store store = open_memory(NULL);
  append_one(store, "a", 1);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &noting, &seen);
  factstr_buffer error;
  expect_error(take(factstr_stream_wait_ready(stream, -1, &error), &error), FACTSTR_HANDLER_FAILED,
               "");
  expect_error(take(factstr_stream_wait_ready(stream, 0, &error), &error), FACTSTR_HANDLER_FAILED,
               "");
  close_store(store);
  CHECK(read_counter(&seen.ready) == 0 && seen.end == FACTSTR_HANDLER_FAILED);
}

static void an_unknown_outcome_is_a_failure(void) {
  watcher seen = WATCHER;
  seen.outcome = 77;
  factstr_store store = open_memory(NULL);
  open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &noting, &seen);
  append_one(store, "a", 1);
  await_counter(&seen.ended, 1);
  CHECK(seen.end == FACTSTR_HANDLER_FAILED && strstr(seen.reason, "neither") != NULL);
  close_store(store);
}

static void a_failed_batch_is_redelivered_as_often_as_asked(void) { /* G21 */
  watcher seen = WATCHER;
  seen.outcome = FACTSTR_FAILED;
  factstr_store store = open_memory(NULL);
  open_stream(store, "{\"durable\":{\"name\":\"d\"},\"retry\":{\"max_attempts\":2,\"delay_ms\":0}}",
              &noting, &seen);
  append_one(store, "a", 1);
  await_counter(&seen.ended, 1);
  CHECK(read_counter(&seen.batches) == 3 && seen.last_delivery == 3);
  close_store(store);
}

static void a_pending_delivery_is_acknowledged_later(void) { /* G21 */
  watcher seen = WATCHER;
  seen.outcome = FACTSTR_PENDING;
  factstr_store store = open_memory(NULL);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &noting, &seen);
  append_one(store, "a", 1);
  append_one(store, "a", 2);
  await_counter(&seen.batches, 1);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 2), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 0), FACTSTR_INVALID_HANDLE);
  CHECK(read_counter(&seen.batches) == 1); /* one delivery is open at a time */
  CHECK_STATUS(factstr_stream_acknowledge(stream, 1), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 1), FACTSTR_INVALID_HANDLE);
  await_counter(&seen.batches, 2);
  CHECK_STATUS(factstr_stream_refuse(stream, 2, JSON("no room on the shelf")), FACTSTR_OK);
  await_counter(&seen.ended, 1);
  CHECK(seen.end == FACTSTR_HANDLER_FAILED && strstr(seen.reason, "no room on the shelf") != NULL);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 2), FACTSTR_INVALID_HANDLE);
  close_store(store);
}

static int32_t acknowledge_before_returning(void *user_data, factstr_stream stream,
                                            factstr_delivery delivery, const char *batch,
                                            size_t len) {
  CHECK_STATUS(factstr_stream_acknowledge(stream, delivery), FACTSTR_OK);
  note_batch(user_data, stream, delivery, batch, len);
  return FACTSTR_PENDING;
}

static void an_acknowledgement_may_overtake_pending(void) {
  watcher seen = WATCHER;
  factstr_stream_callbacks callbacks = {sizeof callbacks, acknowledge_before_returning, NULL, NULL};
  factstr_store store = open_memory(NULL);
  open_stream(store, "{}", &callbacks, &seen);
  for (int i = 1; i <= 20; i++) {
    append_one(store, "a", i);
  }
  await_counter(&seen.batches, 20);
  close_store(store);
}

static void a_pending_delivery_ends_with_its_stream(void) { /* G17 */
  watcher seen = WATCHER;
  seen.outcome = FACTSTR_PENDING;
  factstr_store store = open_memory(NULL);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &noting, &seen);
  append_one(store, "a", 1);
  await_counter(&seen.batches, 1);
  CHECK_STATUS(factstr_stream_unsubscribe(stream), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 1), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_unsubscribe(stream), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_close(stream),
               FACTSTR_OK); /* a pending delivery is no running callback */
  CHECK(seen.end == FACTSTR_OK);
  CHECK_STATUS(factstr_stream_unsubscribe(stream), FACTSTR_INVALID_HANDLE);
  /* What was not acknowledged comes again. */
  watcher again = WATCHER;
  open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &noting, &again);
  await_counter(&again.batches, 1);
  close_store(store);
}

static int32_t acknowledge_and_unsubscribe(void *user_data, factstr_stream stream,
                                           factstr_delivery delivery, const char *batch,
                                           size_t len) {
  (void)user_data, (void)batch, (void)len;
  CHECK_STATUS(factstr_stream_acknowledge(stream, delivery), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_unsubscribe(stream), FACTSTR_OK);
  return FACTSTR_PENDING;
}

static void an_accepted_acknowledgement_counts(void) { /* G21 G22 */
  factstr_stream_callbacks callbacks = {sizeof callbacks, acknowledge_and_unsubscribe, NULL,
                                        note_end};
  for (int round = 0; round < 50; round++) {
    watcher seen = WATCHER;
    factstr_store store = open_memory(NULL);
    open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &callbacks, &seen);
    append_one(store, "a", 1);
    await_counter(&seen.ended, 1);
    factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
    CHECK_STATUS(factstr_stream_wait_ready(stream, 1000, NULL), FACTSTR_OK);
    factstr_delivery delivery;
    CHECK_STATUS(factstr_stream_next(stream, 0, &delivery, NULL), FACTSTR_TIMEOUT);
    close_store(store);
  }
}

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

static void a_durable_name_is_active_once(void) { /* G22 */
  factstr_store store = open_memory(NULL);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL),
                 second = 7;
  factstr_buffer error;
  expect_error(take(factstr_stream_open(store, JSON("{\"durable\":{\"name\":\"d\"}}"), NULL, NULL,
                                        &second, &error),
                    &error),
               FACTSTR_DURABLE_STREAM_ACTIVE, "\"d\"");
  CHECK(second == 0);
  CHECK_STATUS(factstr_stream_unsubscribe(stream), FACTSTR_OK);
  expect_error(take(factstr_stream_open(
                        store, JSON("{\"durable\":{\"name\":\"d\"},\"query\":{\"filters\":[{}]}}"),
                        NULL, NULL, &second, &error),
                    &error),
               FACTSTR_DURABLE_STREAM_QUERY_MISMATCH, "\"d\"");
  second = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL); /* free at once */
  close_store(store);
}

static void progress_tells_where_a_stream_stands(void) {
  factstr_store store = open_memory(NULL);
  append_one(store, "a", 1);
  append_one(store, "a", 2);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  factstr_buffer text;
  factstr_delivery delivery;
  answer progress = take(factstr_stream_progress(stream, &text), &text);
  CHECK(strcmp(json_string(progress.json, "state"), "replaying") == 0 &&
        json_integer(progress.json, "replay_target") == 2 &&
        json_integer(progress.json, "position") == 0);
  drop(progress);
  for (int i = 0; i < 2; i++) {
    CHECK_STATUS(factstr_stream_next(stream, -1, &delivery, NULL), FACTSTR_OK);
    CHECK_STATUS(factstr_stream_acknowledge(stream, delivery), FACTSTR_OK);
  }
  CHECK_STATUS(factstr_stream_wait_ready(stream, -1, NULL), FACTSTR_OK);
  progress = take(factstr_stream_progress(stream, &text), &text);
  CHECK(strcmp(json_string(progress.json, "state"), "live") == 0 &&
        json_integer(progress.json, "position") == 2 &&
        json_integer(progress.json, "stored_cursor") == 2); /* G23: stored before ready */
  drop(progress);
  close_store(store);
}

static int32_t append_in_batch(void *user_data, factstr_stream stream, factstr_delivery delivery,
                               const char *batch, size_t len) {
  watcher *seen = user_data;
  if (delivery < 10) {
    append_one(seen->store, "a", (int)delivery);
  }
  CHECK(head(seen->store) >= delivery);
  CHECK_STATUS(factstr_stream_wait_ready(stream, 0, NULL), FACTSTR_OK);
  return note_batch(user_data, stream, delivery, batch, len);
}

static void calls_work_inside_a_batch_callback(void) {
  watcher seen = WATCHER;
  factstr_stream_callbacks callbacks = {sizeof callbacks, append_in_batch, NULL, NULL};
  seen.store = open_memory(NULL);
  open_stream(seen.store, "{}", &callbacks, &seen);
  append_one(seen.store, "a", 0);
  await_counter(&seen.batches, 10);
  CHECK(head(seen.store) == 10);
  close_store(seen.store);
}

static int32_t wait_for_own_replay(void *user_data, factstr_stream stream,
                                   factstr_delivery delivery, const char *batch, size_t len) {
  factstr_buffer error;
  expect_error(take(factstr_stream_wait_ready(stream, -1, &error), &error), FACTSTR_INVALID_STATE,
               "callback");
  return note_batch(user_data, stream, delivery, batch, len);
}

static void replay_is_not_awaited_inside_it(void) {
  watcher seen = WATCHER;
  factstr_stream_callbacks callbacks = {sizeof callbacks, wait_for_own_replay, NULL, NULL};
  factstr_store store = open_memory(NULL);
  append_one(store, "a", 0);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &callbacks, &seen);
  CHECK_STATUS(factstr_stream_wait_ready(stream, -1, NULL), FACTSTR_OK);
  close_store(store);
}

static void durable_streams_go_on_after_reopening(void) { /* G19 G23 */
  char path[600];
  snprintf(path, sizeof path, "%s", fresh_path("durable.db"));
  watcher first = WATCHER, second = WATCHER;
  factstr_store store = open_sqlite(path, NULL);
  append_one(store, "a", 1);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &noting, &first);
  CHECK_STATUS(factstr_stream_wait_ready(stream, -1, NULL), FACTSTR_OK);
  append_one(store, "a", 2);
  await_counter(&first.batches, 2);
  close_store(store);
  CHECK(read_counter(&first.ended) == 1);
  store = open_sqlite(path, NULL);
  append_one(store, "a", 3);
  stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", &noting, &second);
  CHECK_STATUS(factstr_stream_wait_ready(stream, -1, NULL), FACTSTR_OK);
  CHECK(read_counter(&second.batches) == 1);
  close_store(store);
}

/* Whatever a program says of its failure. */
static void a_long_message_that_is_no_text_ends_a_stream(void) { /* G21 */
  enum { LENGTH = 1 << 20 };
  char *message = malloc(LENGTH);
  CHECK(message != NULL);
  for (size_t i = 0; i < LENGTH; i++) {
    message[i] = (char)i;
  }
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
}

void stream_tests(void) {
  RUN(a_long_message_that_is_no_text_ends_a_stream,
      "a stream ends by a message of any bytes and length");
  RUN(batches_come_as_they_were_committed,
      "a live stream gets matching batches as they were committed, until it is closed");
  RUN(a_failing_live_handler_affects_only_its_batch,
      "a failing handler of a live stream affects only its batch");
  RUN(a_failing_durable_handler_ends_the_stream,
      "a failing handler ends a durable stream and frees its name");
  RUN(a_failing_replay_fails_the_registration,
      "a handler that fails in replay fails the registration");
  RUN(an_unknown_outcome_is_a_failure, "an unknown outcome of a handler is a failure");
  RUN(a_failed_batch_is_redelivered_as_often_as_asked,
      "a failed batch is redelivered as often as was asked");
  RUN(a_pending_delivery_is_acknowledged_later,
      "a pending delivery is acknowledged or refused later, once");
  RUN(an_acknowledgement_may_overtake_pending,
      "an acknowledgement may come before the callback returned pending");
  RUN(a_pending_delivery_ends_with_its_stream,
      "a pending delivery ends with its stream and comes again");
  RUN(an_accepted_acknowledgement_counts,
      "an accepted acknowledgement counts, however soon the stream is closed");
  RUN(batches_can_be_pulled, "batches can be pulled and acknowledged one at a time");
  RUN(a_refused_batch_ends_a_durable_pull_stream,
      "a refused batch ends a durable stream that is pulled");
  RUN(unsubscribing_before_ready_is_an_end_without_error,
      "unsubscribing before replay is done is an end without error");
  RUN(a_stream_with_callbacks_cannot_be_pulled, "a stream with callbacks cannot be pulled");
  RUN(a_durable_name_is_active_once,
      "a durable name is active once, with one query, and free right after unsubscribing");
  RUN(progress_tells_where_a_stream_stands, "progress tells where a stream stands");
  RUN(calls_work_inside_a_batch_callback, "calls work inside a batch callback");
  RUN(replay_is_not_awaited_inside_it, "replay cannot be awaited inside the stream's own callback");
  RUN(durable_streams_go_on_after_reopening,
      "durable streams go on after the store was opened again");
}
