/* Streams that deliver to callbacks. */
#include "watcher.h"

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

void stream_tests(void) {
  RUN(batches_come_as_they_were_committed,
      "a live stream gets matching batches as they were committed, until it is closed");
  RUN(a_failing_live_handler_affects_only_its_batch,
      "a failing handler of a live stream affects only its batch");
  RUN(calls_work_inside_a_batch_callback, "calls work inside a batch callback");
  RUN(replay_is_not_awaited_inside_it, "replay cannot be awaited inside the stream's own callback");
  RUN(progress_tells_where_a_stream_stands, "progress reports where a stream stands");
}
