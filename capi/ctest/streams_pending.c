/* Deliveries that a callback leaves pending, and that are answered later. */
#include "watcher.h"

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

static int32_t advance_twice_and_fail(void *user_data, factstr_stream stream,
                                      factstr_delivery delivery, const char *batches, size_t len) {
  watcher *seen = user_data;
  cJSON *array = json_parse(batches, len);
  int count = cJSON_GetArraySize(array);
  cJSON_Delete(array);
  CHECK(delivery == seen->last_delivery + 1);
  seen->last_delivery += (factstr_delivery)count;
  int32_t outcome = count == 1 ? FACTSTR_HANDLED : FACTSTR_PENDING;
  if (delivery == 1) {
    CHECK_STATUS(factstr_stream_advance(stream, 1), FACTSTR_OK);
    CHECK_STATUS(factstr_stream_advance(stream, 2), FACTSTR_OK);
    outcome = FACTSTR_FAILED;
  }
  raise_counter(&seen->batches);
  return outcome;
}

static void a_callback_takes_several_batches(void) { /* G15 G16 G21 */
  watcher seen = WATCHER;
  factstr_stream_callbacks callbacks = {sizeof callbacks, advance_twice_and_fail, NULL, NULL};
  factstr_store store = open_memory(NULL);
  for (int i = 1; i <= 8; i++) {
    append_one(store, "a", i);
  }
  factstr_stream stream = open_stream(store,
                                      "{\"durable\":{\"name\":\"d\"},\"batches_max\":4,"
                                      "\"retry\":{\"max_attempts\":1,\"delay_ms\":1}}",
                                      &callbacks, &seen);
  await_counter(&seen.batches, 3); /* the third fails and comes alone, then two */
  CHECK(seen.last_delivery == 7);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 5), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_advance(stream, 6), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 7), FACTSTR_OK);
  await_counter(&seen.batches, 4);
  CHECK(seen.last_delivery == 10);
  CHECK_STATUS(factstr_stream_acknowledge(stream, 10), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_wait_ready(stream, -1, NULL), FACTSTR_OK);
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

void pending_delivery_tests(void) {
  RUN(a_pending_delivery_is_acknowledged_later,
      "a pending delivery is acknowledged or refused later, once");
  RUN(an_acknowledgement_may_overtake_pending,
      "an acknowledgement may come before the callback returned pending");
  RUN(a_callback_takes_several_batches, "a callback takes several batches at once");
  RUN(a_pending_delivery_ends_with_its_stream,
      "a pending delivery ends with its stream and comes again");
  RUN(an_accepted_acknowledgement_counts,
      "an accepted acknowledgement counts, however soon the stream is closed");
}
