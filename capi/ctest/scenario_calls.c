/* Steps of scenarios that are one call, and how answers are compared. */
#include "scenarios.h"

void drop_occurred_at(cJSON *records) {
  cJSON *record;
  cJSON_ArrayForEach(record, records) {
    const char *at = json_string(record, "occurred_at");
    CHECK(at != NULL && strlen(at) > 0);
    cJSON_DeleteItemFromObjectCaseSensitive(record, "occurred_at");
  }
}

void compare_failure(factstr_status status, const cJSON *error, const cJSON *expected) {
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

void compare(answer got, const cJSON *step) {
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

/* Page by page, until there is nothing more. Returns all rows, or the failure of a page. */
static answer read_all(factstr_reading reading) {
  cJSON *rows = cJSON_CreateObject(), *records = cJSON_AddArrayToObject(rows, "event_records");
  for (int more = 1; more;) {
    factstr_buffer out;
    answer got = take(factstr_read_next(reading, &out), &out);
    if (got.status != FACTSTR_OK) {
      cJSON_Delete(rows);
      return got;
    }
    cJSON *row, *page = cJSON_GetObjectItem(got.json, "event_records");
    while ((row = cJSON_DetachItemFromArray(page, 0)) != NULL) {
      cJSON_AddItemToArray(records, row);
    }
    more = cJSON_IsTrue(item(got.json, "more"));
    drop(got);
  }
  return (answer){FACTSTR_OK, rows};
}

static void play_read(player *player, const cJSON *step) {
  char *query = json_text(item(step, "read"));
  factstr_reading reading;
  factstr_buffer out;
  answer got = take(factstr_read_open(player->store, JSON(query), &reading, &out), &out);
  free(query);
  if (got.status == FACTSTR_OK) {
    drop(got);
    got = read_all(reading);
    CHECK_STATUS(factstr_read_close(reading), FACTSTR_OK);
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

/* `says` is a part of the message. */
static void compare_finding(const cJSON *got, const cJSON *expected) {
  const char *message = json_string(got, "message");
  CHECK(message != NULL && message[0] != '\0');
  const cJSON *field;
  cJSON_ArrayForEach(field, expected) {
    int same = strcmp(field->string, "says") == 0 ? strstr(message, field->valuestring) != NULL
                                                  : json_equal(item(got, field->string), field);
    if (!same) {
      FAIL("%s of the finding differs: %s", field->string, json_text(got));
    }
  }
}

static void play_verify(player *player, const cJSON *step) {
  factstr_buffer out;
  answer got = take(factstr_verify(player->store, &out), &out);
  cJSON *gives = cJSON_Duplicate(item(step, "gives"), 1);
  cJSON *expected = cJSON_DetachItemFromObjectCaseSensitive(gives, "findings");
  compare_named(got, gives);
  const cJSON *findings = item(got.json, "findings");
  if (cJSON_GetArraySize(findings) != cJSON_GetArraySize(expected)) {
    FAIL("got %s", json_text(got.json));
  }
  for (int i = 0; i < cJSON_GetArraySize(expected); i++) {
    compare_finding(cJSON_GetArrayItem(findings, i), cJSON_GetArrayItem(expected, i));
  }
  cJSON_Delete(expected), cJSON_Delete(gives);
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

/* The call about cursors that a step makes. */
static const char *cursor_call(const cJSON *step) {
  static const char *const calls[] = {"cursors",       "cursor_reset", "cursor_copy",
                                      "cursor_delete", "parked",       "redeliver_parked",
                                      "discard_parked"};
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    if (item(step, calls[i]) != NULL) {
      return calls[i];
    }
  }
  FAIL("no call about cursors: %s", json_text(step));
}

/* Of ages only whether they are above 0, and of holders whether there is one. */
static void play_cursors(player *player, const cJSON *step) {
  const char *call = cursor_call(step);
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

const step_kind call_steps[] = {
    {"append", play_append},
    {"append_if", play_append_if},
    {"append_when", play_append_when},
    {"decide", play_decide},
    {"query", play_query},
    {"explain", play_explain},
    {"read", play_read},
    {"verify", play_verify},
    {"backup", play_backup},
    {"statistics", play_statistics},
    {"logs", play_logs},
    {"cursors", play_cursors},
    {"cursor_reset", play_cursors},
    {"cursor_copy", play_cursors},
    {"cursor_delete", play_cursors},
    {"parked", play_cursors},
    {"redeliver_parked", play_cursors},
    {"discard_parked", play_cursors},
    {NULL, NULL},
};
