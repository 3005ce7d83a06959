/* Steps of scenarios about streams. */
#include "scenarios.h"

static int32_t on_batch(void *user_data, factstr_stream handle, factstr_delivery delivery,
                        const char *batch, size_t len) {
  player_stream *stream = user_data;
  (void)handle;
  CHECK(delivery <= DELIVERIES_MAX);
  char *copy = malloc(len + 1);
  memcpy(copy, batch, len + 1);
  pthread_mutex_lock(&stream->mutex);
  stream->batches[delivery - 1] = copy;
  pthread_mutex_unlock(&stream->mutex);
  int32_t outcome = FACTSTR_HANDLED;
  const cJSON *ordinal;
  cJSON_ArrayForEach(ordinal, stream->fail_deliveries) {
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)delivery);
    if (strcmp(ordinal->valuestring + 1, text) == 0) {
      outcome = FACTSTR_FAILED;
    }
  }
  raise_counter(&stream->delivered);
  return outcome;
}

static void on_end(void *user_data, factstr_stream handle, factstr_status status,
                   const char *reason, size_t len) {
  player_stream *stream = user_data;
  (void)handle;
  stream->end = status;
  stream->end_reason = malloc(len + 1);
  memcpy(stream->end_reason, len == 0 ? "" : reason, len + 1);
  raise_counter(&stream->ended);
}

static const factstr_stream_callbacks callbacks = {sizeof callbacks, on_batch, NULL, on_end};

static player_stream *find(player *player, const char *name) {
  for (int i = player->stream_count; i-- > 0;) {
    if (strcmp(player->streams[i]->name, name) == 0) {
      return player->streams[i];
    }
  }
  FAIL("no stream %s was opened", name);
}

static void play_open(player *player, const cJSON *step) {
  CHECK(player->stream_count < STREAMS_MAX);
  player_stream *stream = calloc(1, sizeof *stream);
  counter zero = COUNTER;
  stream->delivered = stream->ended = zero;
  pthread_mutex_init(&stream->mutex, NULL);
  snprintf(stream->name, sizeof stream->name, "%s", json_string(step, "stream"));
  stream->fail_deliveries = item(step, "fail_deliveries");
  player->streams[player->stream_count++] = stream;

  cJSON *asked = cJSON_Duplicate(item(step, "open"), 1);
  cJSON_AddTrueToObject(asked, "positions");
  char *registration = json_text(asked);
  cJSON_Delete(asked);
  factstr_buffer error;
  answer opened = take(factstr_stream_open(player->store, JSON(registration), &callbacks, stream,
                                           &stream->handle, &error),
                       &error);
  if (opened.status == FACTSTR_OK) { /* a live stream is ready at once */
    opened = take(factstr_stream_wait_ready(stream->handle, WAIT_MS, &error), &error);
  }
  free(registration);
  const cJSON *fails = item(step, "fails");
  if (fails != NULL) {
    CHECK(opened.status >= 10);
    compare_failure(opened.status, opened.json, fails);
    drop(opened);
  } else {
    expect_ok(opened);
  }
}

void compare_delivery(const char *name, const cJSON *delivered, const cJSON *expected,
                      const cJSON *position) {
  cJSON *batch = cJSON_GetObjectItemCaseSensitive(delivered, "event_records");
  drop_occurred_at(batch);
  if (!json_equal(batch, expected) ||
      (position != NULL && !json_equal(item(delivered, "position"), position))) {
    FAIL("a delivery of %s is %s", name, json_text(delivered));
  }
}

static void play_receives(player *player, const cJSON *step) {
  player_loop *loop = find_loop(player, step);
  if (loop != NULL) {
    receive_from_loop(loop, step);
    return;
  }
  player_stream *stream = find(player, json_string(step, "stream"));
  const cJSON *expected, *position = item(step, "positions");
  position = position == NULL ? NULL : position->child;
  cJSON_ArrayForEach(expected, item(step, "receives")) {
    await_counter(&stream->delivered, ++stream->seen);
    pthread_mutex_lock(&stream->mutex);
    char *text = stream->batches[stream->seen - 1];
    pthread_mutex_unlock(&stream->mutex);
    cJSON *delivered = json_parse(text, strlen(text));
    compare_delivery(stream->name, delivered, expected, position);
    position = position == NULL ? NULL : position->next;
    cJSON_Delete(delivered);
  }
}

static void play_wait(player *player, const cJSON *step) {
  const cJSON *cursor = item(step, "wait_for_cursor"), *fails = item(step, "fails");
  char wait[256];
  if (cursor != NULL) {
    snprintf(wait, sizeof wait, "{\"durable\":{\"name\":\"%s\"},\"number\":%llu,\"timeout_ms\":%d}",
             json_string(cursor, "name"), (unsigned long long)json_integer(cursor, "number"),
             fails == NULL ? WAIT_MS : 20);
  } else {
    snprintf(wait, sizeof wait, "{\"stream\":%llu,\"number\":%llu,\"timeout_ms\":%d}",
             (unsigned long long)find(player, json_string(step, "stream"))->handle,
             (unsigned long long)json_integer(step, "wait_for"), fails == NULL ? WAIT_MS : 20);
  }
  factstr_buffer error;
  answer waited = take(factstr_wait_for(player->store, JSON(wait), &error), &error);
  if (fails == NULL) {
    expect_ok(waited);
  } else {
    compare_failure(waited.status, waited.json, fails);
    drop(waited);
  }
}

static void play_ends(player *player, const cJSON *step) {
  player_loop *loop = find_loop(player, step);
  if (loop != NULL) {
    end_loop(loop, step);
    return;
  }
  player_stream *stream = find(player, json_string(step, "stream"));
  await_counter(&stream->ended, 1);
  cJSON *reason = stream->end_reason[0] == '\0'
                      ? NULL
                      : json_parse(stream->end_reason, strlen(stream->end_reason));
  compare_failure(stream->end, reason, item(step, "ends"));
  cJSON_Delete(reason);
}

static void play_unsubscribe(player *player, const cJSON *step) {
  player_loop *loop = find_loop(player, step);
  if (loop != NULL) {
    leave_loop(loop);
    return;
  }
  CHECK_STATUS(factstr_stream_unsubscribe(find(player, json_string(step, "stream"))->handle),
               FACTSTR_OK);
}

const step_kind stream_steps[] = {
    {"open", play_open},
    {"iterate", play_iterate},
    {"acknowledge", play_acknowledge},
    {"receives", play_receives},
    {"wait_for", play_wait},
    {"wait_for_cursor", play_wait},
    {"unsubscribe", play_unsubscribe},
    {"ends", play_ends},
    {NULL, NULL},
};

void release_streams(player *player) {
  for (int i = 0; i < player->stream_count; i++) {
    player_stream *stream = player->streams[i];
    if (stream->handle != 0) {
      await_counter(&stream->ended, 1);
    }
    for (int batch = 0; batch < DELIVERIES_MAX; batch++) {
      free(stream->batches[batch]);
    }
    free(stream->end_reason);
    free(stream);
  }
}
