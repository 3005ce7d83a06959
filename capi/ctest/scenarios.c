/*
 * Plays the scenarios: scripts of operations with the exact answers and deliveries that they must
 * give.
 */
#include "tests.h"

#include <stdlib.h>

enum { STREAMS_MAX = 8, DELIVERIES_MAX = 256, WAIT_MS = 10000 };

/* A stream of a scenario. Its callbacks run on threads of the library. */
typedef struct player_stream {
  char name[64];
  factstr_stream handle;
  const cJSON *fail_deliveries;
  pthread_mutex_t mutex;
  char *batches[DELIVERIES_MAX];
  long seen; /* how many the script has asked for */
  counter delivered, ended;
  factstr_status end;
  char *end_reason;
} player_stream;

/* A kind of stores, and how to open one: again and again on the same place. */
typedef struct store_kind {
  const char *name, *group;
  void (*choose)(char *place, size_t size);
  answer (*open)(const char *place, const char *options, factstr_store *store);
} store_kind;

typedef struct player {
  const store_kind *kind;
  char place[512];
  factstr_store store;
  player_stream *streams[STREAMS_MAX];
  int stream_count;
} player;

static const cJSON *item(const cJSON *object, const char *field) {
  return cJSON_GetObjectItemCaseSensitive(object, field);
}

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

static void drop_occurred_at(cJSON *records) {
  cJSON *record;
  cJSON_ArrayForEach(record, records) {
    const char *at = json_string(record, "occurred_at");
    CHECK(at != NULL && strlen(at) > 0);
    cJSON_DeleteItemFromObjectCaseSensitive(record, "occurred_at");
  }
}

/* Compares only the fields that `expected` has; "says" is a part of the message. */
static void compare_failure(factstr_status status, const cJSON *error, const cJSON *expected) {
  const char *code = json_string(expected, "code");
  if (code != NULL && strcmp(code, factstr_status_name(status)) != 0) {
    FAIL("got %s, want %s", factstr_status_name(status), code);
  }
  const cJSON *field;
  cJSON_ArrayForEach(field, expected) {
    const cJSON *got = error == NULL ? NULL : item(error, field->string);
    if (strcmp(field->string, "says") == 0) {
      const char *message = error == NULL ? "" : json_string(error, "message");
      if (strstr(message, field->valuestring) == NULL) {
        FAIL("the message does not say %s: %s", field->valuestring, message);
      }
    } else if (strcmp(field->string, "code") != 0 && (got == NULL || !json_equal(got, field))) {
      FAIL("%s of the failure differs", field->string);
    }
  }
}

static void compare(answer got, const cJSON *step) {
  const cJSON *gives = item(step, "gives"), *fails = item(step, "fails");
  if (gives != NULL) {
    if (got.status != FACTSTR_OK) {
      FAIL("%s: %s", factstr_status_name(got.status), json_string(got.json, "message"));
    }
    drop_occurred_at(cJSON_GetObjectItemCaseSensitive(got.json, "event_records"));
    if (!json_equal(got.json, gives)) {
      FAIL("got %s", json_text(got.json));
    }
  } else {
    CHECK(fails != NULL);
    CHECK(got.status >= 10);
    compare_failure(got.status, got.json, fails);
  }
  drop(got);
}

/* By the store that is open, or by another one on the same log. */
static void play_append(player *player, const cJSON *step) {
  char *events = json_text(item(step, "append"));
  factstr_store store = player->store;
  if (item(step, "elsewhere") != NULL) {
    expect_ok(player->kind->open(player->place, NULL, &store));
  }
  compare(append(store, events), step);
  if (store != player->store) {
    close_store(store);
  }
  free(events);
}

static void play_append_if(player *player, const cJSON *step) {
  const cJSON *request = item(step, "append_if"), *expected = item(request, "expected");
  char *events = json_text(item(request, "events")), *query = json_text(item(request, "query"));
  uint64_t version = cJSON_IsNull(expected) ? 0 : json_integer(request, "expected");
  compare(append_if(player->store, events, query, cJSON_IsNull(expected) ? NULL : &version), step);
  free(events), free(query);
}

static void play_append_when(player *player, const cJSON *step) {
  const cJSON *request = item(step, "append_when");
  char *events = json_text(item(request, "events")),
       *conditions = json_text(item(request, "conditions"));
  factstr_buffer out;
  compare(take(factstr_append_when(player->store, JSON(events), JSON(conditions), &out), &out),
          step);
  free(events), free(conditions);
}

static void play_query(player *player, const cJSON *step) {
  char *query = json_text(item(step, "query"));
  compare(ask(player->store, query), step);
  free(query);
}

/* Page by page, until there is nothing more. */
static void play_read(player *player, const cJSON *step) {
  char *query = json_text(item(step, "read"));
  factstr_reading reading;
  factstr_buffer out;
  answer got = take(factstr_read_open(player->store, JSON(query), &reading, &out), &out);
  free(query);
  if (got.status == FACTSTR_OK) {
    cJSON *rows = cJSON_CreateObject(), *records = cJSON_AddArrayToObject(rows, "event_records");
    for (int more = 1; more;) {
      drop(got);
      got = take(factstr_read_next(reading, &out), &out);
      CHECK(got.status == FACTSTR_OK);
      cJSON *row, *page = cJSON_GetObjectItem(got.json, "event_records");
      while ((row = cJSON_DetachItemFromArray(page, 0)) != NULL) {
        cJSON_AddItemToArray(records, row);
      }
      more = cJSON_IsTrue(item(got.json, "more"));
    }
    CHECK_STATUS(factstr_read_close(reading), FACTSTR_OK);
    cJSON_Delete(got.json);
    got.json = rows;
  }
  compare(got, step);
}

/* Of `gives` the fields that it names: the others depend on the store. */
static void compare_named(answer got, const cJSON *gives) {
  const cJSON *field;
  if (got.status != FACTSTR_OK) {
    FAIL("%s: %s", factstr_status_name(got.status), json_string(got.json, "message"));
  }
  cJSON_ArrayForEach(field, gives) {
    if (!json_equal(item(got.json, field->string), field)) {
      FAIL("got %s", json_text(got.json));
    }
  }
}

static void play_verify(player *player, const cJSON *step) {
  factstr_buffer out;
  answer got = take(factstr_verify(player->store, &out), &out);
  compare_named(got, item(step, "gives"));
  drop(got);
}

static void play_statistics(player *player, const cJSON *step) {
  factstr_buffer out;
  answer got = take(factstr_statistics(player->store, &out), &out);
  CHECK_STATUS(got.status, FACTSTR_OK);
  compare_statistics(got.json, item(step, "gives"));
  drop(got);
}

static void play_backup(player *player, const cJSON *step) {
  factstr_buffer out;
  answer got = take(factstr_backup(player->store, fresh_path("backup.db"), &out), &out);
  if (item(step, "fails") != NULL) {
    compare(got, step);
    return;
  }
  compare_named(got, item(step, "gives"));
  drop(got);
}

static void play_explain(player *player, const cJSON *step) {
  char *query = json_text(item(step, "explain"));
  factstr_buffer out;
  answer got = take(factstr_explain(player->store, JSON(query), &out), &out);
  free(query);
  const cJSON *gives = item(step, "gives");
  if (gives == NULL) {
    compare(got, step);
    return;
  }
  compare_named(got, gives);
  CHECK(json_integer(got.json, "rows_read") >= json_integer(got.json, "candidates"));
  CHECK(json_integer(got.json, "candidates") >= json_integer(got.json, "matches"));
  drop(got);
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

static void play_receives(player *player, const cJSON *step) {
  player_stream *stream = find(player, json_string(step, "stream"));
  const cJSON *expected, *position = item(step, "positions");
  position = position == NULL ? NULL : position->child;
  cJSON_ArrayForEach(expected, item(step, "receives")) {
    await_counter(&stream->delivered, ++stream->seen);
    pthread_mutex_lock(&stream->mutex);
    char *text = stream->batches[stream->seen - 1];
    pthread_mutex_unlock(&stream->mutex);
    cJSON *delivered = json_parse(text, strlen(text));
    cJSON *batch = cJSON_GetObjectItemCaseSensitive(delivered, "event_records");
    drop_occurred_at(batch);
    if (!json_equal(batch, expected) ||
        (position != NULL && !json_equal(item(delivered, "position"), position))) {
      FAIL("delivery %ld of %s is %s", stream->seen, stream->name, text);
    }
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

/* Of ages only whether they are above 0, and of holders whether there is one. */
static void play_cursors(player *player, const cJSON *step, const char *call) {
  cJSON *asked = cJSON_CreateObject(), *cursor;
  cJSON_AddItemToObject(asked, call, cJSON_Duplicate(item(step, call), 1));
  char *text = json_text(asked);
  factstr_buffer out;
  answer got = take(factstr_cursors(player->store, JSON(text), &out), &out);
  free(text), cJSON_Delete(asked);
  const cJSON *fails = item(step, "fails");
  if (fails != NULL) {
    compare_failure(got.status, got.json, fails);
    drop(got);
    return;
  }
  if (item(step, "gives") == NULL) {
    expect_ok(got);
    return;
  }
  cJSON *batch;
  cJSON_ArrayForEach(batch, item(got.json, "parked")) {
    CHECK(json_string(batch, "error")[0] != '\0');
    cJSON_DeleteItemFromObject(batch, "error");
    cJSON_DeleteItemFromObject(batch, "parked_at");
  }
  cJSON_ArrayForEach(cursor, item(got.json, "cursors")) {
    int waits = strtod(json_string(cursor, "lag_seconds") + 1, NULL) > 0;
    int held = cJSON_IsString(item(cursor, "held_by"));
    cJSON_DeleteItemFromObject(cursor, "lag_seconds");
    cJSON_DeleteItemFromObject(cursor, "held_by");
    cJSON_AddBoolToObject(cursor, "waits", waits);
    cJSON_AddBoolToObject(cursor, "held", held);
  }
  compare(got, step);
}

static void play_ends(player *player, const cJSON *step) {
  player_stream *stream = find(player, json_string(step, "stream"));
  await_counter(&stream->ended, 1);
  cJSON *reason = stream->end_reason[0] == '\0'
                      ? NULL
                      : json_parse(stream->end_reason, strlen(stream->end_reason));
  compare_failure(stream->end, reason, item(step, "ends"));
  cJSON_Delete(reason);
}

/* The call about cursors that a step makes, NULL if it makes none. */
static const char *cursor_call(const cJSON *step) {
  static const char *const calls[] = {"cursors",       "cursor_reset", "cursor_copy",
                                      "cursor_delete", "parked",       "redeliver_parked",
                                      "discard_parked"};
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    if (item(step, calls[i]) != NULL) {
      return calls[i];
    }
  }
  return NULL;
}

static void open_store(player *player) {
  expect_ok(player->kind->open(player->place, NULL, &player->store));
}

/* A store that is not to open leaves the one that is. */
static void play_reopen(player *player, const cJSON *step) {
  const cJSON *how = item(step, "reopen"), *fails = item(step, "fails");
  char *options = cJSON_IsTrue(how) ? NULL : json_text(how);
  factstr_store store;
  if (fails == NULL) {
    close_store(player->store);
  }
  answer opened = player->kind->open(player->place, options, &store);
  free(options);
  if (fails != NULL) {
    compare_failure(opened.status, opened.json, fails);
    drop(opened);
    return;
  }
  expect_ok(opened);
  player->store = store;
}

static void play_step(player *player, const cJSON *step) {
  if (item(step, "append") != NULL) {
    play_append(player, step);
  } else if (item(step, "append_if") != NULL) {
    play_append_if(player, step);
  } else if (item(step, "append_when") != NULL) {
    play_append_when(player, step);
  } else if (item(step, "query") != NULL) {
    play_query(player, step);
  } else if (item(step, "explain") != NULL) {
    play_explain(player, step);
  } else if (item(step, "read") != NULL) {
    play_read(player, step);
  } else if (item(step, "verify") != NULL) {
    play_verify(player, step);
  } else if (item(step, "backup") != NULL) {
    play_backup(player, step);
  } else if (item(step, "open") != NULL) {
    play_open(player, step);
  } else if (item(step, "receives") != NULL) {
    play_receives(player, step);
  } else if (item(step, "wait_for") != NULL || item(step, "wait_for_cursor") != NULL) {
    play_wait(player, step);
  } else if (cursor_call(step) != NULL) {
    play_cursors(player, step, cursor_call(step));
  } else if (item(step, "unsubscribe") != NULL) {
    CHECK_STATUS(factstr_stream_unsubscribe(find(player, json_string(step, "stream"))->handle),
                 FACTSTR_OK);
  } else if (item(step, "ends") != NULL) {
    play_ends(player, step);
  } else if (item(step, "reopen") != NULL) {
    play_reopen(player, step);
  } else if (item(step, "statistics") != NULL) {
    play_statistics(player, step);
  } else {
    FAIL("a step that this player does not know: %s", json_text(step));
  }
}

typedef struct performance {
  const cJSON *scenario;
  const store_kind *kind;
} performance;

static void play(const void *data) {
  const performance *performance = data;
  player player = {.kind = performance->kind};
  player.kind->choose(player.place, sizeof player.place);
  open_store(&player);
  const cJSON *step;
  int number = 0;
  cJSON_ArrayForEach(step, item(performance->scenario, "steps")) {
    number++;
    play_step(&player, step);
  }
  CHECK(number > 0);
  close_store(player.store);
  for (int i = 0; i < player.stream_count; i++) {
    player_stream *stream = player.streams[i];
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

static void choose_nothing(char *place, size_t size) { snprintf(place, size, "%s", ""); }
static void choose_file(char *place, size_t size) {
  snprintf(place, size, "%s", fresh_path("scenario.db"));
}
static void choose_schema(char *place, size_t size) { snprintf(place, size, "%s", fresh_name()); }

static answer open_in_memory(const char *nothing, const char *options, factstr_store *store) {
  factstr_buffer error;
  (void)nothing;
  return take(factstr_memory_open(options, options == NULL ? 0 : strlen(options), store, &error),
              &error);
}

static answer open_file(const char *path, const char *options, factstr_store *store) {
  factstr_buffer error;
  return take(
      factstr_sqlite_open(path, options, options == NULL ? 0 : strlen(options), store, &error),
      &error);
}

/* The schema is one more option. */
static answer open_schema(const char *schema, const char *options, factstr_store *store) {
  cJSON *all = options == NULL ? cJSON_CreateObject() : json_parse(options, strlen(options));
  cJSON_AddStringToObject(all, "schema", schema);
  char *text = json_text(all);
  factstr_buffer error;
  answer opened = take(factstr_postgres_open(database_url(), JSON(text), store, &error), &error);
  free(text), cJSON_Delete(all);
  return opened;
}

static const store_kind kinds[] = {
    {"memory", "scenario on memory: ", choose_nothing, open_in_memory},
    {"sqlite", "scenario on sqlite: ", choose_file, open_file},
    {"postgres", "scenario on postgres: ", choose_schema, open_schema},
};

static int is_for(const cJSON *scenario, const char *store) {
  const cJSON *stores = item(scenario, "stores"), *name;
  if (stores == NULL) {
    return 1;
  }
  cJSON_ArrayForEach(name, stores) {
    if (strcmp(name->valuestring, store) == 0) {
      return 1;
    }
  }
  return 0;
}

static void play_file(const char *path) {
  size_t len;
  char *text = read_file(path, &len);
  cJSON *scenario = json_parse(text, len);
  free(text);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (is_for(scenario, kinds[i].name)) {
      performance performance = {scenario, &kinds[i]};
      run_case(kinds[i].group, json_string(scenario, "name"), play, &performance);
    }
  }
  cJSON_Delete(scenario);
}

void scenario_tests(const char *testdata) {
  char folder[4096];
  snprintf(folder, sizeof folder, "%s/scenarios", testdata);
  each_json_file(folder, play_file);
}
