/*
 * Opening PostgreSQL stores: what is refused, what is created, and that no message tells a
 * password.
 */
#include "tests.h"

#include <stdlib.h>

#define SECRET "hunter2secret"
#define NOBODY_LISTENS "postgres://teller:" SECRET "@127.0.0.1:1/books?sslmode=disable"

/* Checks that opening fails with that status, reason and fragment, no handle, and no secret. */
static void expect_refusal(answer refused, factstr_store store, factstr_status status,
                           const char *fragment, const char *reason) {
  CHECK(store == 0);
  CHECK(refused.json != NULL);
  char *text = json_text(refused.json);
  if (strstr(text, SECRET) != NULL) {
    FAIL("the password is told: %s", text);
  }
  free(text);
  const char *told = json_string(refused.json, "reason");
  if (reason != NULL && (told == NULL || strcmp(told, reason) != 0)) {
    FAIL("the reason of %s is %s, not %s", json_string(refused.json, "message"),
         told == NULL ? "(none)" : told, reason);
  }
  expect_error(refused, status, fragment);
}

static void expect_refused(const char *url, factstr_status status, const char *fragment,
                           const char *reason) {
  factstr_store store;
  answer refused = try_postgres(url, fresh_name(), NULL, &store);
  expect_refusal(refused, store, status, fragment, reason);
}

static answer bootstrap(const char *url, const char *database, factstr_store *store) {
  factstr_buffer error;
  *store = 7;
  return take(factstr_postgres_bootstrap(url, database, NULL, 0, store, &error), &error);
}

static void expect_no_bootstrap(const char *url, const char *database, factstr_status status,
                                const char *fragment, const char *reason) {
  factstr_store store;
  answer refused = bootstrap(url, database, &store);
  expect_refusal(refused, store, status, fragment, reason);
}

/* DATABASE_URL with another user, or another database. The text lives until the next call. */
static const char *changed_url(const char *user, const char *database) {
  static char changed[2000];
  const char *url = database_url(), *authority = strstr(url, "://");
  if (authority == NULL) {
    FAIL("DATABASE_URL is no URL, which these tests need");
  }
  authority += 3;
  const char *path = authority + strcspn(authority, "/?"), *host = authority,
             *query = path + strcspn(path, "?");
  for (const char *c = authority; c < path; c++) {
    host = *c == '@' ? c + 1 : host;
  }
  int len = snprintf(changed, sizeof changed, "%.*s%s%s%.*s%s%.*s%s", (int)(authority - url), url,
                     user == NULL ? "" : user, user == NULL ? "" : "@",
                     (int)(user == NULL ? path - authority : path - host),
                     user == NULL ? authority : host, database == NULL ? "" : "/",
                     (int)(database == NULL ? query - path : (int)strlen(database)),
                     database == NULL ? path : database, query);
  CHECK(len > 0 && (size_t)len < sizeof changed);
  return changed;
}

static void a_url_that_is_none_is_refused(void) {
  expect_refused("", FACTSTR_INVALID_ARGUMENT, "url", NULL);
  expect_refused("postgres://teller:" SECRET "@host:port/books", FACTSTR_INVALID_ARGUMENT, "url",
                 NULL);
  expect_refused("postgres://teller:" SECRET "@host/books?sslmode=sometimes",
                 FACTSTR_INVALID_ARGUMENT, "url", NULL);
  expect_refused("mysql://teller:" SECRET "@host/books", FACTSTR_INVALID_ARGUMENT, "url", NULL);
  expect_refused("host=localhost password='" SECRET, FACTSTR_INVALID_ARGUMENT, "url", NULL);
  expect_refused("password=" SECRET " host", FACTSTR_INVALID_ARGUMENT, "url", NULL);
  expect_refused("postgres://teller:" SECRET "@host/\xff", FACTSTR_INVALID_ARGUMENT,
                 "url is not valid UTF-8", NULL);
}

static void a_direct_url_that_is_none_is_refused(void) {
  factstr_store store;
  answer refused =
      try_postgres(database_url(), fresh_name(),
                   "\"direct_url\":\"postgres://teller:" SECRET "@host:port/books\"", &store);
  expect_refusal(refused, store, FACTSTR_INVALID_ARGUMENT, "direct_url", NULL);
}

static void a_server_that_cannot_be_reached_is_told(void) {
  expect_refused(NOBODY_LISTENS, FACTSTR_BACKEND_FAILURE, "", "connection");
  expect_refused("host=127.0.0.1 port=1 user=teller dbname=books sslmode=disable password=" SECRET,
                 FACTSTR_BACKEND_FAILURE, "", "connection");
  /* Passwords as people write them. */
  expect_refused("postgres://teller:" SECRET "%zz@127.0.0.1:1/books?sslmode=disable",
                 FACTSTR_BACKEND_FAILURE, "", "connection");
  expect_refused("postgres://teller:/?#" SECRET "@127.0.0.1:1/books?sslmode=disable",
                 FACTSTR_BACKEND_FAILURE, "", "connection");
  expect_refused("postgres://teller:" SECRET "@nobody.invalid/books", FACTSTR_BACKEND_FAILURE, "",
                 "connection");
  expect_no_bootstrap(NOBODY_LISTENS, "ledger", FACTSTR_BACKEND_FAILURE, "", "connection");
}

static void a_user_that_may_not_enter_is_told(void) {
  expect_refused(changed_url("nobody_of_that_name:" SECRET, NULL), FACTSTR_BACKEND_FAILURE, "",
                 "permission");
}

static void a_database_that_is_missing_is_not_created(void) {
  char missing[64];
  snprintf(missing, sizeof missing, "%s", fresh_name());
  for (int i = 0; i < 2; i++) {
    expect_refused(changed_url(NULL, missing), FACTSTR_BACKEND_FAILURE, missing, "missing_path");
  }
}

static void names_of_databases_are_checked(void) {
  const char *bad[] = {"",    "1a",       "a b", "a-b", "a\"b", "a'b",
                       "a;b", "\xc3\xa4", "a.b", " a",  "a\n"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    expect_no_bootstrap(NOBODY_LISTENS, bad[i], FACTSTR_INVALID_ARGUMENT, "database_name", NULL);
  }
  expect_no_bootstrap(NOBODY_LISTENS, "\xff", FACTSTR_INVALID_ARGUMENT,
                      "database_name is not valid UTF-8", NULL);
  char name[65] = {0};
  memset(name, 'x', 64);
  expect_no_bootstrap(NOBODY_LISTENS, name, FACTSTR_INVALID_ARGUMENT, "database_name", NULL);
  name[63] = '\0'; /* the longest one: now it is the server that is missed */
  expect_no_bootstrap(NOBODY_LISTENS, name, FACTSTR_BACKEND_FAILURE, "", "connection");
  expect_no_bootstrap("", "ledger", FACTSTR_INVALID_ARGUMENT, "server_url", NULL);
}

static void what_the_log_needs_is_created(void) {
  char schema[64], odd[128];
  snprintf(schema, sizeof schema, "%s", fresh_name());
  factstr_store store = open_postgres(schema, NULL);
  CHECK(head(store) == 0);
  CHECK(append_one(store, "a", 1) == 1);
  close_store(store);
  store = open_postgres(schema, NULL);
  CHECK(head(store) == 1);
  close_store(store);
  snprintf(odd, sizeof odd, "%s \\\"odd\\\"; -- \xc3\xa4 $1",
           schema); /* no name means anything to the server */
  store = open_postgres(odd, NULL);
  CHECK(append_one(store, "a", 1) == 1);
  close_store(store);
  store = open_postgres(odd, NULL);
  CHECK(head(store) == 1);
  close_store(store);
}

static void options_are_taken(void) {
  char schema[64], options[2500];
  snprintf(schema, sizeof schema, "%s", fresh_name());
  int len =
      snprintf(options, sizeof options,
               "\"application_name\":\"ctest "
               "\xc3\xa4\",\"direct_url\":\"%s\",\"connections_max\":1,\"connect_timeout_ms\":9000,"
               "\"lock_timeout_ms\":-1,\"response_timeout_ms\":9000,\"poll_interval_ms\":20,"
               "\"batch_events_max\":2,\"sequence_numbers\":\"string\"",
               database_url());
  CHECK(len > 0 && (size_t)len < sizeof options);
  factstr_store store = open_postgres(schema, options);
  factstr_buffer out;
  CHECK_STATUS(factstr_append(store, JSON(ONE_EVENT), &out), FACTSTR_OK);
  CHECK(strcmp(out.data, "{\"first_sequence_number\":\"1\",\"last_sequence_number\":\"1\","
                         "\"committed_count\":\"1\"}") == 0);
  factstr_buffer_free(&out);
  expect_error(append(store, "[{\"event_type\":\"a\",\"payload\":1},{\"event_type\":\"a\","
                             "\"payload\":1},{\"event_type\":\"a\",\"payload\":1}]"),
               FACTSTR_INVALID_ARGUMENT, "2");
  factstr_stream stream =
      open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL); /* by the direct_url */
  factstr_delivery delivery;
  CHECK_STATUS(factstr_stream_next(stream, 10000, &delivery, NULL), FACTSTR_OK);
  close_store(store);
}

static void several_stores_share_a_log(void) { /* G11 G16 G22 */
  char schema[64];
  snprintf(schema, sizeof schema, "%s", fresh_name());
  factstr_store one = open_postgres(schema, NULL), two = open_postgres(schema, NULL);
  factstr_stream live = open_stream(one, "{}", NULL, NULL),
                 durable = open_stream(one, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL),
                 other = 7;
  CHECK(append_one(one, "a", 1) == 1);
  CHECK(append_one(two, "a", 2) == 2);
  uint64_t stale = 1;
  expect_error(append_if(one, ONE_EVENT, "{}", &stale), FACTSTR_CONDITIONAL_APPEND_CONFLICT,
               "expected 1, actual 2");
  for (factstr_delivery want = 1; want <= 2; want++) {
    factstr_delivery got;
    CHECK_STATUS(factstr_stream_next(live, 10000, &got, NULL), FACTSTR_OK);
    CHECK(got == want);
    CHECK_STATUS(factstr_stream_acknowledge(live, got), FACTSTR_OK);
  }
  factstr_buffer error;
  expect_error(take(factstr_stream_open(two, JSON("{\"durable\":{\"name\":\"d\"}}"), NULL, NULL,
                                        &other, &error),
                    &error),
               FACTSTR_DURABLE_STREAM_ACTIVE, "d");
  CHECK(other == 0);
  CHECK_STATUS(factstr_stream_unsubscribe(durable), FACTSTR_OK);
  open_stream(two, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  close_store(one);
  CHECK(head(two) == 2);
  close_store(two);
}

static void a_database_that_is_there_is_opened(void) {
  char database[100], schema[64], options[100];
  own_database(database, sizeof database);
  snprintf(schema, sizeof schema, "%s", fresh_name());
  factstr_store store = open_postgres(schema, NULL);
  append_one(store, "a", 1);
  close_store(store);
  snprintf(options, sizeof options, "{\"schema\":\"%s\"}", schema);
  factstr_buffer error;
  expect_ok(take(
      factstr_postgres_bootstrap(database_url(), database, JSON(options), &store, &error), &error));
  CHECK(head(store) == 1);
  close_store(store);
}

typedef struct opener {
  char database[64];
  answer opened;
  factstr_store store;
} opener;

static void *bootstrap_on_a_thread(void *data) {
  opener *opener = data;
  opener->opened = bootstrap(database_url(), opener->database, &opener->store);
  return NULL;
}

static void a_missing_database_is_created_once(void) {
  enum { OPENERS = 4 };
  opener openers[OPENERS];
  pthread_t threads[OPENERS];
  char database[64];
  new_database(database, sizeof database);
  for (int i = 0; i < OPENERS; i++) {
    snprintf(openers[i].database, sizeof openers[i].database, "%s", database);
    CHECK(pthread_create(&threads[i], NULL, bootstrap_on_a_thread, &openers[i]) == 0);
  }
  for (int i = 0; i < OPENERS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
  for (int i = 0; i < OPENERS; i++) {
    expect_ok(openers[i].opened);
    CHECK(append_one(openers[i].store, "a", i) == (uint64_t)i + 1); /* all in one log */
    close_store(openers[i].store);
  }
}

static void a_direct_url_leads_to_the_new_database(void) {
  char database[64], options[2500];
  new_database(database, sizeof database);
  int len = snprintf(options, sizeof options, "{\"direct_url\":\"%s\"}", database_url());
  CHECK(len > 0 && (size_t)len < sizeof options);
  factstr_store store;
  factstr_buffer error;
  expect_ok(take(
      factstr_postgres_bootstrap(database_url(), database, JSON(options), &store, &error), &error));
  CHECK(append_one(store, "a", 1) == 1);
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  factstr_delivery delivery;
  CHECK_STATUS(factstr_stream_next(stream, 10000, &delivery, NULL), FACTSTR_OK);
  close_store(store);
  expect_ok(bootstrap(database_url(), database, &store));
  CHECK(head(store) == 1);
  close_store(store);
}

void postgres_tests(void) {
  RUN(a_url_that_is_none_is_refused, "postgres: a malformed URL is refused");
  RUN(a_direct_url_that_is_none_is_refused, "postgres: a malformed direct_url is refused");
  RUN(a_server_that_cannot_be_reached_is_told,
      "postgres: the error of an unreachable server says so, without the password");
  RUN(a_user_that_may_not_enter_is_told,
      "postgres: the error of a refused user says so, without the password");
  RUN(a_database_that_is_missing_is_not_created,
      "postgres: a missing database is reported and not created");
  RUN(names_of_databases_are_checked,
      "postgres: names of databases are checked before the server is asked");
  RUN(what_the_log_needs_is_created,
      "postgres: a schema of any name and all in it is created, and found again");
  RUN(options_are_taken, "postgres: options are taken");
  RUN(several_stores_share_a_log,
      "postgres: several stores share one log, its streams and its durable names");
  RUN(a_database_that_is_there_is_opened, "postgres: bootstrap opens a database that is there");
  RUN(a_missing_database_is_created_once,
      "postgres: bootstrap creates a missing database, once when several do it together");
  RUN(a_direct_url_leads_to_the_new_database,
      "postgres: bootstrap uses the direct_url for the database that it creates");
}
