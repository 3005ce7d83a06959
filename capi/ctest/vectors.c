/* Vectors that every language plays: requests that are refused or taken, and matcher vectors. */
#include "tests.h"

#include <stdlib.h>

static const char *wire_folder, *matcher_folder;

static cJSON *read_json(const char *folder, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  size_t len;
  char *text = read_file(path, &len);
  cJSON *value = json_parse(text, len);
  free(text);
  return value;
}

/* A field of a vector as the text of a request; NULL if it is absent. */
static char *request_text(const cJSON *vector, const char *field, size_t *len) {
  const cJSON *value = cJSON_GetObjectItemCaseSensitive(vector, field);
  *len = 0;
  return value == NULL ? NULL : wire_text(value, len);
}

static factstr_status make_call(const cJSON *vector, factstr_store store, factstr_buffer *out) {
  const char *call = json_string(vector, "call");
  size_t events_len, query_len, registration_len, options_len;
  char *events = request_text(vector, "events", &events_len),
       *query = request_text(vector, "query", &query_len);
  size_t conditions_len;
  char *conditions = request_text(vector, "conditions", &conditions_len);
  char *registration = request_text(vector, "registration", &registration_len),
       *options = request_text(vector, "options", &options_len);
  const char *expected_text = json_string(vector, "expected");
  uint64_t expected = expected_text == NULL ? 0 : strtoull(expected_text, NULL, 10), handle = 7;
  factstr_status status = -1;
  if (strcmp(call, "append") == 0) {
    status = factstr_append(store, events, events_len, out);
  } else if (strcmp(call, "append_if") == 0) {
    status = factstr_append_if(store, events, events_len, query, query_len,
                               expected_text == NULL ? NULL : &expected, out);
  } else if (strcmp(call, "append_when") == 0) {
    status = factstr_append_when(store, events, events_len, conditions, conditions_len, out);
  } else if (strcmp(call, "query") == 0) {
    status = factstr_query(store, query, query_len, out);
  } else if (strcmp(call, "stream_open") == 0) {
    status = factstr_stream_open(store, registration, registration_len, NULL, NULL, &handle, out);
    CHECK(handle == 0);
  } else if (strcmp(call, "memory_open") == 0) {
    status = factstr_memory_open(options, options_len, &handle, out);
    CHECK(handle == 0);
  } else if (strcmp(call, "sqlite_open") == 0) {
    status = factstr_sqlite_open(fresh_path("x.db"), options, options_len, &handle, out);
    CHECK(handle == 0);
  } else if (strcmp(call, "postgres_open") == 0) {
    status = factstr_postgres_open("postgres://localhost/nobody_asks_it", options, options_len,
                                   &handle, out);
    CHECK(handle == 0);
  } else if (strcmp(call, "wait_for") == 0) {
    size_t wait_len;
    char *wait = request_text(vector, "wait", &wait_len);
    status = factstr_wait_for(store, wait, wait_len, out);
    free(wait);
  } else if (strcmp(call, "cursors") == 0) {
    size_t cursors_len;
    char *cursors = request_text(vector, "cursor_call", &cursors_len);
    status = factstr_cursors(store, cursors, cursors_len, out);
    free(cursors);
  } else {
    FAIL("unknown call %s", call);
  }
  free(events), free(query), free(conditions), free(registration), free(options);
  return status;
}

static void is_refused(const void *data) {
  const cJSON *vector = data;
  factstr_store store = open_memory(NULL);
  factstr_buffer out;
  factstr_status status = make_call(vector, store, &out);
  CHECK(strcmp(factstr_status_name(status), json_string(vector, "code")) == 0);
  expect_error(take(status, &out), status, json_string(vector, "names"));
  CHECK(head(store) == 0);
  CHECK(append_one(store, "a", 1) == 1);
  close_store(store);
}

/* The same by the asynchronous twins: bad input is reported by the submission. */
static void is_refused_at_submission(const void *data) {
  const cJSON *vector = data;
  const char *call = json_string(vector, "call");
  factstr_store store = open_memory(NULL);
  size_t events_len, query_len;
  size_t conditions_len;
  char *events = request_text(vector, "events", &events_len),
       *query = request_text(vector, "query", &query_len),
       *conditions = request_text(vector, "conditions", &conditions_len);
  const char *expected_text = json_string(vector, "expected");
  uint64_t expected = expected_text == NULL ? 0 : strtoull(expected_text, NULL, 10);
  factstr_buffer error;
  factstr_status status;
  if (strcmp(call, "append") == 0) {
    status = factstr_append_submit(store, events, events_len, 1, NULL, NULL, NULL, &error);
  } else if (strcmp(call, "append_if") == 0) {
    status = factstr_append_if_submit(store, events, events_len, query, query_len,
                                      expected_text == NULL ? NULL : &expected, 1, NULL, NULL, NULL,
                                      &error);
  } else if (strcmp(call, "append_when") == 0) {
    status = factstr_append_when_submit(store, events, events_len, conditions, conditions_len, 1,
                                        NULL, NULL, NULL, &error);
  } else {
    status = factstr_query_submit(store, query, query_len, 1, NULL, NULL, NULL, &error);
  }
  free(events), free(query), free(conditions);
  if (status == FACTSTR_OK && strcmp(call, "query") == 0) {
    /* What only the store can see is an answer. */
    factstr_completion completion;
    size_t count;
    CHECK_STATUS(factstr_completions_next(store, &completion, 1, &count, -1), FACTSTR_OK);
    status = completion.status;
    error = completion.result;
  }
  CHECK(strcmp(factstr_status_name(status), json_string(vector, "code")) == 0);
  expect_error(take(status, &error), status, json_string(vector, "names"));
  CHECK(head(store) == 0);
  close_store(store);
}

static void comes_back_equal(const void *data) {
  const cJSON *vector = data;
  factstr_store store = open_memory(NULL);
  factstr_buffer out;
  size_t events_len, query_len;
  char *events = request_text(vector, "events", &events_len),
       *query = request_text(vector, "query", &query_len);
  expect_ok(take(factstr_append(store, events, events_len, &out), &out));
  answer result = take(factstr_query(store, query, query_len, &out), &out);
  CHECK_STATUS(result.status, FACTSTR_OK);
  cJSON *records = cJSON_GetObjectItemCaseSensitive(result.json, "event_records"), *record;
  cJSON_ArrayForEach(record, records) {
    CHECK(strlen(json_string(record, "occurred_at")) > 0);
    cJSON_DeleteItemFromObjectCaseSensitive(record, "occurred_at");
  }
  if (!json_equal(records, cJSON_GetObjectItemCaseSensitive(vector, "event_records"))) {
    FAIL("got %s", json_text(records));
  }
  drop(result);
  free(events), free(query);
  close_store(store);
}

static void matches_as_told(const void *data) { /* G12 G13 G14 */
  const cJSON *vector = data;
  const char *payload = json_string(vector, "payload"),
             *predicate = json_string(vector, "predicate");
  size_t room = strlen(payload) + strlen(predicate) + 100;
  char *events = malloc(room), *query = malloc(room);
  snprintf(events, room, "[{\"event_type\":\"a\",\"payload\":%s}]", payload);
  snprintf(query, room, "{\"filters\":[{\"payload_predicates\":[%s]}]}", predicate);
  factstr_store store = open_memory(NULL);
  expect_ok(append(store, events));
  answer result = ask(store, query);
  CHECK_STATUS(result.status, FACTSTR_OK);
  int matches =
      cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(result.json, "event_records")) == 1;
  drop(result);
  close_store(store);
  free(events), free(query);
  CHECK(matches == cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(vector, "matches")));
}

static void each(const char *group, const cJSON *vectors, void (*test)(const void *)) {
  const cJSON *vector;
  if (cJSON_GetArraySize(vectors) == 0) {
    fprintf(stderr, "%s: there are no vectors\n", group);
    exit(1);
  }
  cJSON_ArrayForEach(vector, vectors) {
    run_case(group, json_string(vector, "name"), test, vector);
  }
}

static int can_be_submitted(const cJSON *vector) {
  const char *call = json_string(vector, "call");
  return strcmp(call, "append") == 0 || strcmp(call, "append_if") == 0 ||
         strcmp(call, "append_when") == 0 || strcmp(call, "query") == 0;
}

void vector_tests(const char *testdata) {
  static char wire[4096], matcher[4096];
  snprintf(wire, sizeof wire, "%s/wire", testdata);
  snprintf(matcher, sizeof matcher, "%s/matcher", testdata);
  wire_folder = wire, matcher_folder = matcher;

  cJSON *rejections = read_json(wire_folder, "rejections.json"), *vector;
  const cJSON *cases = cJSON_GetObjectItemCaseSensitive(rejections, "cases");
  each("refused: ", cases, is_refused);
  cJSON_ArrayForEach(vector, cases) {
    if (can_be_submitted(vector)) {
      run_case("refused when submitted: ", json_string(vector, "name"), is_refused_at_submission,
               vector);
    }
  }
  cJSON_Delete(rejections);

  cJSON *round_trips = read_json(wire_folder, "round_trips.json");
  each("comes back equal: ", cJSON_GetObjectItemCaseSensitive(round_trips, "cases"),
       comes_back_equal);
  cJSON_Delete(round_trips);

  cJSON *vectors = read_json(matcher_folder, "vectors.json");
  each("matcher: ",
       cJSON_IsArray(vectors) ? vectors : cJSON_GetObjectItemCaseSensitive(vectors, "vectors"),
       matches_as_told);
  cJSON_Delete(vectors);
}
