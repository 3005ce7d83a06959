/* Steps of scenarios about loops over batches: in C a program asks for each batch. */
#include "scenarios.h"

player_loop *find_loop(player *player, const cJSON *step) {
  const char *name = json_string(step, "stream");
  for (int i = player->loop_count; i-- > 0;) {
    if (strcmp(player->loops[i].name, name) == 0) {
      return &player->loops[i];
    }
  }
  return NULL;
}

/* Acknowledges the batch before and takes the next one. */
static answer next_batch(player_loop *loop) {
  acknowledge_batch(loop);
  factstr_buffer batch;
  return take(factstr_stream_next(loop->handle, WAIT_MS, &loop->open, &batch), &batch);
}

/* What is wrong with its beginning may come with its first batch. */
void play_iterate(player *player, const cJSON *step) {
  CHECK(player->loop_count < STREAMS_MAX);
  player_loop *loop = &player->loops[player->loop_count];
  snprintf(loop->name, sizeof loop->name, "%s", json_string(step, "stream"));
  cJSON *asked = cJSON_Duplicate(item(step, "iterate"), 1);
  cJSON_AddTrueToObject(asked, "positions");
  char *registration = json_text(asked);
  cJSON_Delete(asked);
  factstr_buffer error;
  answer opened = take(
      factstr_stream_open(player->store, JSON(registration), NULL, NULL, &loop->handle, &error),
      &error);
  free(registration);
  const cJSON *fails = item(step, "fails");
  if (fails == NULL) {
    expect_ok(opened);
    player->loop_count++;
    return;
  }
  if (opened.status == FACTSTR_OK) {
    drop(opened);
    opened = next_batch(loop);
    CHECK_STATUS(factstr_stream_close(loop->handle), FACTSTR_OK);
  }
  CHECK(opened.status >= 10);
  compare_failure(opened.status, opened.json, fails);
  drop(opened);
}

void receive_from_loop(player_loop *loop, const cJSON *step) {
  const cJSON *expected, *position = item(step, "positions");
  position = position == NULL ? NULL : position->child;
  cJSON_ArrayForEach(expected, item(step, "receives")) {
    answer got = next_batch(loop);
    CHECK_STATUS(got.status, FACTSTR_OK);
    compare_delivery(loop->name, got.json, expected, position);
    position = position == NULL ? NULL : position->next;
    drop(got);
  }
}

void acknowledge_batch(player_loop *loop) {
  if (loop->open != 0) {
    CHECK_STATUS(factstr_stream_acknowledge(loop->handle, loop->open), FACTSTR_OK);
    loop->open = 0;
  }
}

void leave_loop(player_loop *loop) {
  CHECK_STATUS(factstr_stream_unsubscribe(loop->handle), FACTSTR_OK);
  loop->open = 0; /* it is not acknowledged */
}

void end_loop(player_loop *loop, const cJSON *step) {
  answer got = next_batch(loop);
  CHECK(got.status != FACTSTR_OK);
  compare_failure(got.status == FACTSTR_ENDED ? FACTSTR_OK : got.status, got.json,
                  item(step, "ends"));
  drop(got);
}

void play_acknowledge(player *player, const cJSON *step) {
  player_loop *loop = find_loop(player, step);
  CHECK(loop != NULL);
  acknowledge_batch(loop);
}
