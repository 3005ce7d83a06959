/* Durable streams: failures, names, and going on after the store was opened again. */
#include "watcher.h"

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

void durable_stream_tests(void) {
  RUN(a_failing_durable_handler_ends_the_stream,
      "a failing handler ends a durable stream and frees its name");
  RUN(a_failing_replay_fails_the_registration,
      "a handler that fails in replay fails the registration");
  RUN(an_unknown_outcome_is_a_failure, "an unknown outcome of a handler is a failure");
  RUN(a_failed_batch_is_redelivered_as_often_as_asked,
      "a failed batch is redelivered as often as was asked");
  RUN(a_durable_name_is_active_once,
      "a durable name is active once, with one query, and free right after unsubscribing");
  RUN(durable_streams_go_on_after_reopening,
      "durable streams go on after the store was opened again");
}
