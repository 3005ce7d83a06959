/*
 * Bad arguments of every function: the right status, out-parameters cleared, and nothing happened.
 */
#include "tests.h"

#include <stdlib.h>

static void process_settings_come_before_the_first_store(void) {
  factstr_buffer error;
  expect_error(take(factstr_configure(JSON("{"), &error), &error), FACTSTR_INVALID_ARGUMENT,
               "options");
  expect_error(take(factstr_configure(JSON("{\"processors_max\":0}"), &error), &error),
               FACTSTR_INVALID_ARGUMENT, "processors_max");
  expect_error(take(factstr_configure(JSON("{\"memory_limit\":1}"), &error), &error),
               FACTSTR_INVALID_ARGUMENT, "options.memory_limit ");
  expect_error(take(factstr_configure(NULL, 3, &error), &error), FACTSTR_INVALID_ARGUMENT,
               "options_json");
  expect_ok(take(
      factstr_configure(JSON("{\"memory_limit_bytes\":2000000000,\"processors_max\":64}"), &error),
      &error));
  expect_ok(take(factstr_configure(NULL, 0, &error), &error));
  close_store(open_memory(NULL));
  expect_error(take(factstr_configure(JSON("{\"processors_max\":1}"), &error), &error),
               FACTSTR_INVALID_STATE, "before the first");
}

static void the_library_names_itself_and_its_statuses(void) {
  CHECK(strcmp(factstr_version(), FACTSTR_VERSION) == 0);
  CHECK(factstr_abi_version() == FACTSTR_ABI_VERSION);
  CHECK(strcmp(factstr_status_name(FACTSTR_OK), "Ok") == 0);
  CHECK(strcmp(factstr_status_name(FACTSTR_CLOSING), "Closing") == 0);
  CHECK(strcmp(factstr_status_name(FACTSTR_ENDED), "Ended") == 0);
  for (factstr_status status = FACTSTR_EMPTY_APPEND; status <= FACTSTR_INTERNAL; status++) {
    CHECK(strcmp(factstr_status_name(status), "Unknown") != 0);
    for (factstr_status other = FACTSTR_EMPTY_APPEND; other < status; other++) {
      CHECK(strcmp(factstr_status_name(status), factstr_status_name(other)) != 0);
    }
  }
  CHECK(strcmp(factstr_status_name(FACTSTR_INTERNAL + 1), "Unknown") == 0);
  CHECK(strcmp(factstr_status_name(-1), "Unknown") == 0);
}

static void freeing_nothing_is_fine(void) {
  factstr_buffer empty = {NULL, 0};
  factstr_buffer_free(NULL);
  factstr_buffer_free(&empty);
  factstr_buffer_free(&empty);
}

/* A buffer as a caller leaves it: not initialized. */
static factstr_buffer dirty(void) {
  factstr_buffer buffer = {(char *)1, 77};
  return buffer;
}

static void never_opened(void *user_data, factstr_status status, factstr_store store,
                         const char *error, size_t len) {
  (void)user_data, (void)status, (void)store, (void)error, (void)len;
  FAIL("a refused opening has ended");
}

static void null_arguments_are_refused(void) {
  factstr_store store = 7;
  factstr_buffer out = dirty();
  expect_error(take(factstr_memory_open(NULL, 0, NULL, &out), &out), FACTSTR_INVALID_ARGUMENT,
               "store is NULL");
  out = dirty();
  expect_error(take(factstr_memory_open(NULL, 1, &store, &out), &out), FACTSTR_INVALID_ARGUMENT,
               "options_json is NULL");
  CHECK(store == 0);
  out = dirty();
  expect_error(take(factstr_sqlite_open(NULL, NULL, 0, &store, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "path is NULL");
  expect_error(take(factstr_sqlite_open("x", NULL, 0, NULL, &out), &out), FACTSTR_INVALID_ARGUMENT,
               "store is NULL");

  const char *url = "postgres://localhost/x";
  store = 7, out = dirty();
  expect_error(take(factstr_postgres_open(NULL, NULL, 0, &store, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "url is NULL");
  CHECK(store == 0);
  store = 7, out = dirty();
  expect_error(take(factstr_postgres_open(url, NULL, 1, &store, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "options_json is NULL");
  CHECK(store == 0);
  expect_error(take(factstr_postgres_open(url, NULL, 0, NULL, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "store is NULL");
  store = 7, out = dirty();
  expect_error(take(factstr_postgres_bootstrap(NULL, "x", NULL, 0, &store, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "server_url is NULL");
  CHECK(store == 0);
  store = 7, out = dirty();
  expect_error(take(factstr_postgres_bootstrap(url, NULL, NULL, 0, &store, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "database_name is NULL");
  CHECK(store == 0);
  expect_error(take(factstr_postgres_bootstrap(url, "x", NULL, 1, &store, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "options_json is NULL");
  expect_error(take(factstr_postgres_bootstrap(url, "x", NULL, 0, NULL, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "store is NULL");

  factstr_opening opening = 7;
  out = dirty();
  expect_error(take(factstr_sqlite_open_submit("x", NULL, 0, NULL, NULL, &opening, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "callback is NULL");
  CHECK(opening == 0);
  expect_error(
      take(factstr_sqlite_open_submit(NULL, NULL, 0, never_opened, NULL, NULL, &out), &out),
      FACTSTR_INVALID_ARGUMENT, "path is NULL");
  expect_error(take(factstr_sqlite_open_submit("x", NULL, 1, never_opened, NULL, NULL, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "options_json is NULL");
  opening = 7, out = dirty();
  expect_error(take(factstr_postgres_open_submit(url, NULL, 0, NULL, NULL, &opening, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "callback is NULL");
  CHECK(opening == 0);
  expect_error(
      take(factstr_postgres_open_submit(NULL, NULL, 0, never_opened, NULL, NULL, &out), &out),
      FACTSTR_INVALID_ARGUMENT, "url is NULL");
  expect_error(
      take(factstr_postgres_open_submit(url, NULL, 1, never_opened, NULL, NULL, &out), &out),
      FACTSTR_INVALID_ARGUMENT, "options_json is NULL");
  opening = 7, out = dirty();
  expect_error(
      take(factstr_postgres_bootstrap_submit(url, "x", NULL, 0, NULL, NULL, &opening, &out), &out),
      FACTSTR_INVALID_ARGUMENT, "callback is NULL");
  CHECK(opening == 0);
  expect_error(
      take(factstr_postgres_bootstrap_submit(NULL, "x", NULL, 0, never_opened, NULL, NULL, &out),
           &out),
      FACTSTR_INVALID_ARGUMENT, "server_url is NULL");
  expect_error(
      take(factstr_postgres_bootstrap_submit(url, NULL, NULL, 0, never_opened, NULL, NULL, &out),
           &out),
      FACTSTR_INVALID_ARGUMENT, "database_name is NULL");
  expect_error(
      take(factstr_postgres_bootstrap_submit(url, "x", NULL, 1, never_opened, NULL, NULL, &out),
           &out),
      FACTSTR_INVALID_ARGUMENT, "options_json is NULL");

  store = open_memory(NULL);
  out = dirty();
  expect_error(take(factstr_append(store, NULL, 0, &out), &out), FACTSTR_INVALID_ARGUMENT,
               "events is NULL");
  expect_error(take(factstr_append(store, NULL, 5, &out), &out), FACTSTR_INVALID_ARGUMENT,
               "events is NULL");
  expect_error(take(factstr_append_if(store, NULL, 5, JSON("{}"), NULL, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "events is NULL");
  expect_error(take(factstr_append_if(store, JSON(ONE_EVENT), NULL, 0, NULL, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "query is NULL");
  expect_error(take(factstr_append_if(store, JSON("[]"), NULL, 0, NULL, &out), &out),
               FACTSTR_EMPTY_APPEND, "at least one"); /* G4 */
  expect_error(take(factstr_query(store, NULL, 1, &out), &out), FACTSTR_INVALID_ARGUMENT,
               "query is NULL");
  expect_error(take(factstr_append_submit(store, NULL, 0, 1, NULL, NULL, NULL, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "events is NULL");
  factstr_request request = 7;
  expect_error(take(factstr_append_if_submit(store, JSON(ONE_EVENT), NULL, 0, NULL, 1, NULL, NULL,
                                             &request, &out),
                    &out),
               FACTSTR_INVALID_ARGUMENT, "query is NULL");
  CHECK(request == 0);
  expect_error(take(factstr_query_submit(store, NULL, 1, 1, NULL, NULL, NULL, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "query is NULL");

  factstr_completion completion;
  size_t count = 7;
  CHECK_STATUS(factstr_completions_next(store, NULL, 1, &count, 0), FACTSTR_INVALID_ARGUMENT);
  CHECK(count == 0);
  CHECK_STATUS(factstr_completions_next(store, &completion, 1, NULL, 0), FACTSTR_INVALID_ARGUMENT);
  CHECK_STATUS(factstr_completions_next(store, &completion, 0, &count, 0),
               FACTSTR_INVALID_ARGUMENT);

  factstr_stream stream = 7;
  expect_error(take(factstr_stream_open(store, NULL, 0, NULL, NULL, &stream, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "registration is NULL");
  CHECK(stream == 0);
  expect_error(take(factstr_stream_open(store, JSON("{}"), NULL, NULL, NULL, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "stream is NULL");
  factstr_stream_callbacks callbacks = {0};
  expect_error(take(factstr_stream_open(store, JSON("{}"), &callbacks, NULL, &stream, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "size");
  callbacks.size = sizeof callbacks;
  expect_error(take(factstr_stream_open(store, JSON("{}"), &callbacks, NULL, &stream, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "on_batch");
  CHECK(stream == 0);
  stream = open_stream(store, "{}", NULL, NULL);
  expect_error(take(factstr_stream_next(stream, 0, NULL, &out), &out), FACTSTR_INVALID_ARGUMENT,
               "delivery is NULL");
  CHECK_STATUS(factstr_stream_refuse(stream, 1, NULL, 3), FACTSTR_INVALID_ARGUMENT);
  CHECK(head(store) == 0);
  close_store(store);
}

static void a_caller_need_not_want_the_text(void) {
  factstr_store store;
  uint64_t expected = 9;
  CHECK_STATUS(factstr_memory_open(NULL, 0, &store, NULL), FACTSTR_OK);
  CHECK_STATUS(factstr_append(store, JSON(ONE_EVENT), NULL), FACTSTR_OK);
  CHECK_STATUS(factstr_append(store, JSON("["), NULL), FACTSTR_INVALID_ARGUMENT);
  CHECK_STATUS(factstr_append(store, NULL, 0, NULL), FACTSTR_INVALID_ARGUMENT);
  CHECK_STATUS(factstr_append_if(store, JSON(ONE_EVENT), JSON("{}"), &expected, NULL),
               FACTSTR_CONDITIONAL_APPEND_CONFLICT);
  CHECK_STATUS(factstr_query(store, NULL, 0, NULL), FACTSTR_OK);
  factstr_request request;
  CHECK_STATUS(factstr_append_submit(store, JSON(ONE_EVENT), 1, NULL, NULL, &request, NULL),
               FACTSTR_OK);
  CHECK_STATUS(factstr_request_wait(request, -1, NULL), FACTSTR_OK);
  factstr_stream stream;
  factstr_delivery delivery;
  CHECK_STATUS(
      factstr_stream_open(store, JSON("{\"durable\":{\"name\":\"d\"}}"), NULL, NULL, &stream, NULL),
      FACTSTR_OK);
  CHECK_STATUS(factstr_stream_next(stream, -1, &delivery, NULL), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_progress(stream, NULL), FACTSTR_OK);
  CHECK_STATUS(factstr_store_close(store, NULL), FACTSTR_OK);
}

/* Calls every function that takes a handle, with a number that is no handle. */
static void expect_unknown(uint64_t handle) {
  factstr_buffer out;
  factstr_completion completion;
  size_t count;
  factstr_stream stream = 7;
  factstr_request request = 7;
  factstr_delivery delivery = 7;
  expect_error(take(factstr_append(handle, JSON(ONE_EVENT), &out), &out), FACTSTR_INVALID_HANDLE,
               "store");
  expect_error(take(factstr_append_if(handle, JSON(ONE_EVENT), JSON("{}"), NULL, &out), &out),
               FACTSTR_INVALID_HANDLE, "store");
  expect_error(take(factstr_query(handle, NULL, 0, &out), &out), FACTSTR_INVALID_HANDLE, "store");
  expect_error(
      take(factstr_append_submit(handle, JSON(ONE_EVENT), 1, NULL, NULL, &request, &out), &out),
      FACTSTR_INVALID_HANDLE, "store");
  CHECK(request == 0);
  expect_error(take(factstr_append_if_submit(handle, JSON(ONE_EVENT), JSON("{}"), NULL, 1, NULL,
                                             NULL, NULL, &out),
                    &out),
               FACTSTR_INVALID_HANDLE, "store");
  expect_error(take(factstr_query_submit(handle, NULL, 0, 1, NULL, NULL, NULL, &out), &out),
               FACTSTR_INVALID_HANDLE, "store");
  CHECK_STATUS(factstr_completions_next(handle, &completion, 1, &count, -1),
               FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_cancel(handle, 1), FACTSTR_INVALID_HANDLE);
  expect_error(take(factstr_stream_open(handle, JSON("{}"), NULL, NULL, &stream, &out), &out),
               FACTSTR_INVALID_HANDLE, "store");
  CHECK(stream == 0);
  expect_error(take(factstr_request_wait(handle, -1, &out), &out), FACTSTR_INVALID_HANDLE,
               "request");
  expect_error(take(factstr_stream_wait_ready(handle, -1, &out), &out), FACTSTR_INVALID_HANDLE,
               "stream");
  expect_error(take(factstr_stream_progress(handle, &out), &out), FACTSTR_INVALID_HANDLE, "stream");
  expect_error(take(factstr_stream_next(handle, -1, &delivery, &out), &out), FACTSTR_INVALID_HANDLE,
               "stream");
  CHECK(delivery == 0);
  CHECK_STATUS(factstr_stream_acknowledge(handle, 1), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_refuse(handle, 1, NULL, 0), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_unsubscribe(handle), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_drain(handle), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_close(handle), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_opening_cancel(handle), FACTSTR_INVALID_HANDLE);
  expect_error(take(factstr_store_close(handle, &out), &out), FACTSTR_INVALID_HANDLE, "store");
}

static void unknown_and_closed_handles_are_refused(void) {
  factstr_store store = open_memory(NULL);
  factstr_stream stream = open_stream(store, "{}", NULL, NULL);
  expect_unknown(0);
  expect_unknown(UINT64_MAX);
  expect_unknown(store + 1000000);
  close_store(store);
  expect_unknown(store);
  expect_unknown(stream);
}

static void a_handle_of_another_kind_is_refused(void) {
  factstr_store store = open_memory(NULL);
  factstr_stream stream = open_stream(store, "{}", NULL, NULL);
  factstr_request request;
  CHECK_STATUS(factstr_append_submit(store, JSON(ONE_EVENT), 1, NULL, NULL, &request, NULL),
               FACTSTR_OK);
  CHECK_STATUS(factstr_query(stream, NULL, 0, NULL), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_statistics(stream, NULL), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_query(request, NULL, 0, NULL), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_close(store), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_stream_close(request), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_request_wait(store, 0, NULL), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_request_wait(stream, 0, NULL), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_store_close(stream, NULL), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_opening_cancel(store), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_request_wait(request, -1, NULL), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_close(stream), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_close(stream), FACTSTR_INVALID_HANDLE);
  CHECK_STATUS(factstr_request_wait(request, -1, NULL), FACTSTR_INVALID_HANDLE);
  close_store(store);
  CHECK_STATUS(factstr_store_close(store, NULL), FACTSTR_INVALID_HANDLE);
}

static void input_is_copied_before_the_call_returns(void) {
  factstr_store store = open_memory(NULL);
  char *events = strdup("[{\"event_type\":\"kept\",\"payload\":{\"text\":\"kept\"}}]");
  CHECK_STATUS(factstr_append_submit(store, JSON(events), 1, NULL, NULL, NULL, NULL), FACTSTR_OK);
  memset(events, '#', strlen(events));
  free(events);
  factstr_completion completion;
  size_t count;
  CHECK_STATUS(factstr_completions_next(store, &completion, 1, &count, -1), FACTSTR_OK);
  expect_ok(take(completion.status, &completion.result));
  answer result = ask(
      store,
      "{\"filters\":[{\"event_types\":[\"kept\"],\"payload_predicates\":[{\"text\":\"kept\"}]}]}");
  CHECK(json_integer(result.json, "current_context_version") == 1);
  drop(result);
  close_store(store);
}

static void absurd_lengths_are_refused(void) {
  factstr_store store = open_memory(NULL);
  factstr_buffer out;
  char text = '[';
  expect_error(take(factstr_append(store, &text, SIZE_MAX, &out), &out), FACTSTR_INVALID_ARGUMENT,
               "events has");
  expect_error(take(factstr_query(store, &text, SIZE_MAX / 2, &out), &out),
               FACTSTR_INVALID_ARGUMENT, "query has");
  expect_error(take(factstr_append(store, &text, 0, &out), &out), FACTSTR_INVALID_ARGUMENT,
               "empty");
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"d\"}}", NULL, NULL);
  factstr_delivery delivery;
  append_one(store, "a", 1);
  CHECK_STATUS(factstr_stream_next(stream, 10000, &delivery, NULL), FACTSTR_OK);
  CHECK_STATUS(factstr_stream_refuse(stream, delivery, &text, SIZE_MAX), FACTSTR_INVALID_ARGUMENT);
  CHECK_STATUS(factstr_stream_acknowledge(stream, delivery), FACTSTR_OK); /* it had no effect */
  close_store(store);
}

void argument_tests(void) {
  RUN(process_settings_come_before_the_first_store,
      "settings of the process are taken before the first store is opened, and not later");
  RUN(the_library_names_itself_and_its_statuses, "the library names itself and its statuses");
  RUN(freeing_nothing_is_fine, "freeing nothing is fine");
  RUN(null_arguments_are_refused, "NULL where something must be is refused, and nothing happens");
  RUN(a_caller_need_not_want_the_text, "callers may pass NULL if they do not want the text");
  RUN(unknown_and_closed_handles_are_refused,
      "unknown and closed handles are refused by every function");
  RUN(a_handle_of_another_kind_is_refused,
      "a handle of another kind is refused, and a handle that was closed");
  RUN(input_is_copied_before_the_call_returns, "input is copied before the call returns");
  RUN(absurd_lengths_are_refused, "absurd lengths are refused");
}
