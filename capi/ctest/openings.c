/* Submitted openings: what the callback gets, and cancelling. */
#include "tests.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECRET "hunter2secret"

/* What a callback got. */
typedef struct outcome {
  counter calls;
  factstr_status status;
  factstr_store store;
  char error[2000];
  pthread_t thread;
  factstr_status closed; /* by the callback */
} outcome;

#define OUTCOME {.calls = COUNTER}

static void note_outcome(void *user_data, factstr_status status, factstr_store store,
                         const char *error, size_t len) {
  outcome *told = user_data;
  CHECK((status == FACTSTR_OK) == (store != 0) && (status == FACTSTR_OK) == (error == NULL));
  CHECK(error == NULL ? len == 0 : error[len] == '\0' && strlen(error) == len);
  told->status = status;
  told->store = store;
  told->thread = pthread_self();
  snprintf(told->error, sizeof told->error, "%s", error == NULL ? "" : error);
  raise_counter(&told->calls);
}

/* The store that an opening came to, once the callback was called. */
static factstr_store await_store(outcome *told) {
  await_counter(&told->calls, 1);
  if (told->status != FACTSTR_OK) {
    FAIL("got %s", told->error);
  }
  return told->store;
}

/* Checks that the callback got that error, with that reason unless it is NULL, and no secret. */
static void await_failure(outcome *told, factstr_status status, const char *reason) {
  await_counter(&told->calls, 1);
  CHECK_STATUS(told->status, status);
  CHECK(strstr(told->error, SECRET) == NULL);
  cJSON *json = json_parse(told->error, strlen(told->error));
  CHECK(strcmp(json_string(json, "code"), factstr_status_name(status)) == 0 &&
        strlen(json_string(json, "message")) > 10);
  const char *says = json_string(json, "reason");
  if (reason != NULL && (says == NULL || strcmp(says, reason) != 0)) {
    FAIL("the reason is %s, not %s", says == NULL ? "(none)" : says, reason);
  }
  cJSON_Delete(json);
}

static factstr_opening submit_sqlite(const char *path, const char *options, outcome *told) {
  factstr_opening opening = 0;
  factstr_buffer error;
  expect_ok(take(factstr_sqlite_open_submit(path, options, options == NULL ? 0 : strlen(options),
                                            note_outcome, told, &opening, &error),
                 &error));
  return opening;
}

static factstr_opening submit_postgres(const char *url, const char *options, outcome *told) {
  factstr_opening opening = 0;
  factstr_buffer error;
  expect_ok(
      take(factstr_postgres_open_submit(url, JSON(options), note_outcome, told, &opening, &error),
           &error));
  CHECK(opening != 0);
  return opening;
}

static void a_file_is_opened_on_another_thread(void) {
  outcome told = OUTCOME;
  char path[600];
  snprintf(path, sizeof path, "%s", fresh_path("some/folder/later.db"));
  factstr_store store;
  /* Input is copied before the call returns. */
  char *given = strdup(path),
       *options = strdup("{\"sequence_numbers\":\"string\",\"busy_timeout_ms\":1000}");
  factstr_opening opening = submit_sqlite(given, options, &told);
  memset(given, '#', strlen(given));
  memset(options, '#', strlen(options));
  free(given);
  free(options);
  store = await_store(&told);
  CHECK(opening != 0 && store != opening && !pthread_equal(told.thread, pthread_self()));
  CHECK(factstr_open_handles() == 1);
  CHECK_STATUS(factstr_opening_cancel(opening), FACTSTR_INVALID_HANDLE);
  factstr_buffer out;
  CHECK_STATUS(factstr_append(store, JSON(ONE_EVENT), &out), FACTSTR_OK);
  CHECK(strstr(out.data, "\"last_sequence_number\":\"1\"") != NULL);
  factstr_buffer_free(&out);
  close_store(store);
  store = open_sqlite(path, NULL);
  CHECK(head(store) == 1);
  close_store(store);
  CHECK(read_counter(&told.calls) == 1);
}

static void who_will_not_cancel_needs_no_handle(void) {
  outcome told = OUTCOME;
  CHECK_STATUS(
      factstr_sqlite_open_submit(fresh_path("later.db"), NULL, 0, note_outcome, &told, NULL, NULL),
      FACTSTR_OK);
  close_store(await_store(&told));
}

static void many_are_opened_at_once(void) { /* G2 */
  enum { OPENINGS = 20 };
  outcome told[OPENINGS];
  char path[600];
  snprintf(path, sizeof path, "%s", fresh_path("shared.db"));
  for (int i = 0; i < OPENINGS; i++) {
    told[i] = (outcome)OUTCOME;
    submit_sqlite(path, NULL, &told[i]);
  }
  for (int i = 0; i < OPENINGS; i++) {
    CHECK(append_one(await_store(&told[i]), "a", i) == (uint64_t)i + 1);
  }
  for (int i = 0; i < OPENINGS; i++) {
    close_store(told[i].store);
  }
}

static void what_cannot_be_opened_is_told_to_the_callback(void) {
  outcome told[3] = {OUTCOME, OUTCOME, OUTCOME};
  submit_sqlite("/dev/null/below/later.db", NULL, &told[0]);
  await_failure(&told[0], FACTSTR_BACKEND_FAILURE, "missing_path");
  submit_sqlite(fresh_folder(), NULL, &told[1]);
  await_failure(&told[1], FACTSTR_INVALID_ARGUMENT, NULL);
  char path[600];
  snprintf(path, sizeof path, "%s", fresh_path("letter.txt"));
  FILE *file = fopen(path, "w");
  CHECK(file != NULL && fputs("no database", file) >= 0 && fclose(file) == 0);
  submit_sqlite(path, NULL, &told[2]);
  await_failure(&told[2], FACTSTR_UNSUPPORTED_FORMAT, NULL);
}

static void refuse_outcome(void *user_data, factstr_status status, factstr_store store,
                           const char *error, size_t len) {
  (void)user_data, (void)status, (void)store, (void)error, (void)len;
  FAIL("a refused opening has ended");
}

static void bad_input_is_refused_at_once(void) {
  static const struct {
    const char *path, *options, *fragment;
  } files[] = {
      {"", "{}", "path"},
      {":memory:", "{}", "path"},
      {"/tmp/\xff.db", "{}", "path is not valid UTF-8"},
      {"x", "{", "options"},
      {"x", "{\"schema\":\"s\"}", "schema"},
      {"x", "{\"busy_timeout_ms\":\"long\"}", "busy_timeout_ms"},
  };
  static const struct {
    const char *url, *database, *options, *fragment;
  } servers[] = {
      {"", "d", "{}", "url is empty"},
      {"mysql://teller:" SECRET "@host/books", "d", "{}", "url"},
      {"postgres://host/\xff", "d", "{}", "url is not valid UTF-8"},
      {"postgres://host/books", "d", "[]", "options"},
      {"postgres://host/books", "d", "{\"busy_timeout_ms\":1}", "busy_timeout_ms"},
      {"postgres://host/books", "d", "{\"direct_url\":\"mysql://host\"}", "direct_url"},
      {"postgres://host/books", "d", "{\"schema\":\"pg_mine\"}", "schema"},
      {"postgres://host/books", "a-b", NULL, "database_name"},
      {"postgres://host/books", "", NULL, "database_name"},
      {"postgres://host/books", "\xff", NULL, "database_name"},
  };
  factstr_buffer error;
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    factstr_opening opening = 7;
    expect_error(take(factstr_sqlite_open_submit(files[i].path, JSON(files[i].options),
                                                 refuse_outcome, NULL, &opening, &error),
                      &error),
                 FACTSTR_INVALID_ARGUMENT, files[i].fragment);
    CHECK(opening == 0);
  }
  for (size_t i = 0; i < sizeof servers / sizeof *servers; i++) {
    const char *url = servers[i].url, *options = servers[i].options;
    factstr_opening opening = 7;
    if (options != NULL) { /* else it is about the name alone */
      answer refused = take(
          factstr_postgres_open_submit(url, JSON(options), refuse_outcome, NULL, &opening, &error),
          &error);
      CHECK(strstr(json_string(refused.json, "message"), SECRET) == NULL);
      expect_error(refused, FACTSTR_INVALID_ARGUMENT, servers[i].fragment);
      CHECK(opening == 0);
    }
    opening = 7;
    options = options == NULL ? "{}" : options;
    expect_error(take(factstr_postgres_bootstrap_submit(url, servers[i].database, JSON(options),
                                                        refuse_outcome, NULL, &opening, &error),
                      &error),
                 FACTSTR_INVALID_ARGUMENT, servers[i].fragment);
    CHECK(opening == 0);
  }
}

static void use_and_close(void *user_data, factstr_status status, factstr_store store,
                          const char *error, size_t len) {
  outcome *told = user_data;
  (void)error, (void)len;
  CHECK_STATUS(status, FACTSTR_OK);
  CHECK(append_one(store, "inside", 1) == 1);
  open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  told->closed = factstr_store_close(store, NULL);
  CHECK_STATUS(factstr_query(store, NULL, 0, NULL), FACTSTR_INVALID_HANDLE);
  raise_counter(&told->calls);
}

static void the_callback_may_use_and_close_the_store(void) {
  outcome told = OUTCOME;
  CHECK_STATUS(
      factstr_sqlite_open_submit(fresh_path("short.db"), NULL, 0, use_and_close, &told, NULL, NULL),
      FACTSTR_OK);
  await_counter(&told.calls, 1);
  CHECK_STATUS(told.closed, FACTSTR_OK);
}

/*
 * Whoever comes first, the caller who gives up or the library: one outcome, and no store that
 * nobody knows of.
 */
static void giving_up_races_with_success(void) {
  enum { ROUNDS = 200 };
  char path[600];
  snprintf(path, sizeof path, "%s", fresh_path("raced.db"));
  close_store(open_sqlite(path, NULL));
  int cancelled = 0;
  for (int round = 0; round < ROUNDS; round++) {
    outcome told = OUTCOME;
    factstr_opening opening = submit_sqlite(path, NULL, &told);
    for (int i = 0; i < round % 20; i++) {
      usleep(200); /* give up at different moments */
    }
    factstr_status status = factstr_opening_cancel(opening);
    CHECK(status == FACTSTR_OK || status == FACTSTR_INVALID_HANDLE);
    await_counter(&told.calls, 1);
    CHECK(told.status == FACTSTR_CANCELLED || told.status == FACTSTR_OK);
    CHECK(told.status == FACTSTR_OK || status == FACTSTR_OK);
    cancelled += told.status == FACTSTR_CANCELLED;
    if (told.status == FACTSTR_OK) {
      close_store(told.store);
    } else {
      await_failure(&told, FACTSTR_CANCELLED, NULL);
    }
    CHECK(factstr_open_handles() == 0);
  }
  CHECK(cancelled > 0);
  factstr_store store = open_sqlite(path, NULL);
  CHECK(append_one(store, "a", 1) == 1);
  close_store(store);
}

static void a_database_is_opened_on_another_thread(void) {
  outcome told = OUTCOME;
  char options[100];
  snprintf(options, sizeof options, "{\"schema\":\"%s\"}", fresh_name());
  factstr_opening opening = submit_postgres(database_url(), options, &told);
  factstr_store store = await_store(&told);
  CHECK(!pthread_equal(told.thread, pthread_self()));
  CHECK_STATUS(factstr_opening_cancel(opening), FACTSTR_INVALID_HANDLE);
  CHECK(append_one(store, "a", 1) == 1);
  close_store(store);
}

static void a_missing_database_is_created(void) {
  outcome told[3] = {OUTCOME, OUTCOME, OUTCOME};
  char database[64];
  new_database(database, sizeof database);
  for (int i = 0; i < 3; i++) {
    CHECK_STATUS(factstr_postgres_bootstrap_submit(database_url(), database, NULL, 0, note_outcome,
                                                   &told[i], NULL, NULL),
                 FACTSTR_OK);
  }
  for (int i = 0; i < 3; i++) {
    CHECK(append_one(await_store(&told[i]), "a", i) == (uint64_t)i + 1); /* all in one log */
    close_store(told[i].store);
  }
}

static void a_server_that_is_gone_is_told_to_the_callback(void) {
  const char *url = "postgres://teller:" SECRET "@127.0.0.1:1/books?sslmode=disable";
  outcome told[2] = {OUTCOME, OUTCOME};
  submit_postgres(url, "{}", &told[0]);
  CHECK_STATUS(
      factstr_postgres_bootstrap_submit(url, "ledger", NULL, 0, note_outcome, &told[1], NULL, NULL),
      FACTSTR_OK);
  await_failure(&told[0], FACTSTR_BACKEND_FAILURE, "connection");
  await_failure(&told[1], FACTSTR_BACKEND_FAILURE, "connection");
}

/* Makes a server that accepts connections and never responds. Returns its socket. */
static int silent_server(char *url, size_t size) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(server >= 0 && bind(server, (struct sockaddr *)&address, len) == 0 &&
        listen(server, 16) == 0);
  CHECK(getsockname(server, (struct sockaddr *)&address, &len) == 0);
  snprintf(url, size, "postgres://teller:" SECRET "@127.0.0.1:%d/books", ntohs(address.sin_port));
  return server;
}

static void an_opening_that_hangs_is_given_up(void) {
  const char *patient = "{\"connect_timeout_ms\":3600000}";
  char url[200];
  int server = silent_server(url, sizeof url);
  for (int bootstrap = 0; bootstrap < 2; bootstrap++) {
    outcome told = OUTCOME;
    factstr_opening opening;
    CHECK_STATUS(bootstrap ? factstr_postgres_bootstrap_submit(url, "ledger", JSON(patient),
                                                               note_outcome, &told, &opening, NULL)
                           : factstr_postgres_open_submit(url, JSON(patient), note_outcome, &told,
                                                          &opening, NULL),
                 FACTSTR_OK);
    int client = accept(server, NULL, NULL); /* it waits for an answer now */
    char byte;
    CHECK(client >= 0 && recv(client, &byte, 1, 0) == 1);
    CHECK(factstr_open_handles() == 1 && read_counter(&told.calls) == 0);
    CHECK_STATUS(factstr_query(opening, NULL, 0, NULL), FACTSTR_INVALID_HANDLE);
    CHECK_STATUS(factstr_opening_cancel(opening), FACTSTR_OK);
    await_failure(&told, FACTSTR_CANCELLED, NULL);
    CHECK_STATUS(factstr_opening_cancel(opening), FACTSTR_INVALID_HANDLE);
    CHECK(read_counter(&told.calls) == 1);
    close(client);
  }
  close(server);
}

void opening_tests(void) {
  RUN(a_file_is_opened_on_another_thread,
      "a submitted opening of a file comes to a store, by a callback on another thread");
  RUN(who_will_not_cancel_needs_no_handle, "an opening needs no handle if it is never cancelled");
  RUN(many_are_opened_at_once, "many openings of one file go on at once");
  RUN(what_cannot_be_opened_is_told_to_the_callback,
      "the callback gets the error of an opening that fails");
  RUN(bad_input_is_refused_at_once,
      "bad input of an opening is refused at once, and no callback follows");
  RUN(the_callback_may_use_and_close_the_store,
      "the callback of an opening may use and close the store");
  RUN(giving_up_races_with_success,
      "a cancelled opening has one outcome and leaves no store, however close the race");
  RUN(a_database_is_opened_on_another_thread, "postgres: a submitted opening comes to a store");
  RUN(a_missing_database_is_created, "postgres: a submitted bootstrap creates a missing database, "
                                     "once when several do it together");
  RUN(a_server_that_is_gone_is_told_to_the_callback,
      "postgres: the callback learns that the server is gone, without the password");
  RUN(an_opening_that_hangs_is_given_up,
      "postgres: cancelling ends an opening that waits for a silent server");
}
