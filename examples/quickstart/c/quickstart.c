/*
 * The first steps with FACTSTR in C: quickstart [DATABASE]
 *
 *   cc quickstart.c -lfactstr -o quickstart
 */
#include <factstr.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Ends the program unless the call went well. `text` is what the call put into its buffer: on
 * failure the error as JSON.
 */
static void check(factstr_status status, const factstr_buffer *text) {
  if (status == FACTSTR_OK)
    return;
  fprintf(stderr, "%s %.*s\n", factstr_status_name(status), (int)text->len,
          text->data != NULL ? text->data : "");
  exit(EXIT_FAILURE);
}

/*
 * The value of a field in JSON that the library wrote. It is enough for the plain names here; use a
 * JSON library in a program of your own.
 */
static const char *field(const char *json, const char *name) {
  char key[64];
  snprintf(key, sizeof key, "\"%s\":", name);
  const char *found = strstr(json, key);
  return found != NULL ? found + strlen(key) : NULL;
}

static uint64_t number(const char *json, const char *name) {
  const char *value = field(json, name);
  return value != NULL ? strtoull(value, NULL, 10) : 0;
}

/* Prints the reservations of a batch. */
static void show(const char *batch) {
  const char *seat = batch, *by = batch;
  while ((seat = field(by, "seat")) != NULL && (by = field(seat, "by")) != NULL) {
    printf("seat plan: %.*s is %.*s's\n", (int)strcspn(seat + 1, "\""), seat + 1,
           (int)strcspn(by + 1, "\""), by + 1);
  }
}

/*
 * Appends a batch, which is committed whole or not at all, if no fact matches the query. Reports
 * whether that was so; `out` is to be freed.
 */
static int append_if_none(factstr_store store, const char *events, const char *query,
                          factstr_buffer *out) {
  const uint64_t *expected = NULL; /* no fact may match; else the version that a query answered */
  const factstr_status status =
      factstr_append_if(store, events, strlen(events), query, strlen(query), expected, out);
  if (status != FACTSTR_CONDITIONAL_APPEND_CONFLICT)
    check(status, out);
  return status == FACTSTR_OK;
}

static void announce(factstr_store store) {
  static const char events[] = "[{\"event_type\":\"ConcertAnnounced\",\"payload\":{\"concert\":\"c-"
                               "7\",\"seats\":[\"A1\",\"A2\",\"A3\"]}},"
                               "{\"event_type\":\"SeatReserved\",\"payload\":{\"concert\":\"c-7\","
                               "\"seat\":\"A1\",\"by\":\"Ada\"}}]";
  static const char query[] = "{\"filters\":[{\"event_types\":[\"ConcertAnnounced\"],\"payload_"
                              "predicates\":[{\"concert\":\"c-7\"}]}]}";
  factstr_buffer out;
  if (append_if_none(store, events, query, &out))
    printf("appended facts %" PRIu64 " to %" PRIu64 "\n", number(out.data, "first_sequence_number"),
           number(out.data, "last_sequence_number"));
  else
    printf("concert c-7 is announced already, by fact %" PRIu64 "\n",
           number(out.data, "actual_context_version"));
  factstr_buffer_free(&out);
}

/*
 * Before a decision, read the facts that matter to it: its context. The decision is appended only
 * if that is still what was read.
 */
static void reserve(factstr_store store, const char *seat, const char *const *people,
                    size_t count) {
  char query[160], events[160];
  factstr_buffer out;
  snprintf(query, sizeof query,
           "{\"filters\":[{\"event_types\":[\"SeatReserved\"],\"payload_predicates\":[{\"concert\":"
           "\"c-7\",\"seat\":\"%s\"}]}]}",
           seat);
  check(factstr_query(store, query, strlen(query), &out), &out);
  const uint64_t taken_by =
      number(out.data, "current_context_version"); /* null is 0 here, which is no fact's number */
  factstr_buffer_free(&out);
  if (taken_by != 0) {
    printf("seat %s is taken, by fact %" PRIu64 "\n", seat, taken_by);
    return;
  }
  /* They all decide on the same view. The first one's decision changes it. */
  for (size_t i = 0; i < count; i++) {
    snprintf(events, sizeof events,
             "[{\"event_type\":\"SeatReserved\",\"payload\":{\"concert\":\"c-7\",\"seat\":\"%s\","
             "\"by\":\"%s\"}}]",
             seat, people[i]);
    if (append_if_none(store, events, query, &out))
      printf("%s has seat %s: fact %" PRIu64 "\n", people[i], seat,
             number(out.data, "first_sequence_number"));
    else
      printf("%s is too late: expected version none, found version %" PRIu64 "\n", people[i],
             number(out.data, "actual_context_version"));
    factstr_buffer_free(&out);
  }
}

/*
 * A durable stream delivers what was committed after its stored cursor and then goes on live. Here
 * the batches are pulled; they can also be given to a callback.
 */
static void read_seat_plan(factstr_store store) {
  static const char registration[] = "{\"durable\":{\"name\":\"seat-plan\"},\"query\":{\"filters\":"
                                     "[{\"event_types\":[\"SeatReserved\"]}]}}";
  factstr_stream stream;
  factstr_buffer out;
  factstr_status ready;
  check(factstr_stream_open(store, registration, strlen(registration), NULL, NULL, &stream, &out),
        &out);
  /* Until the replay has reached what was the newest fact when the stream was opened. */
  while ((ready = factstr_stream_wait_ready(stream, 0, &out)) == FACTSTR_TIMEOUT) {
    factstr_delivery delivery;
    const factstr_status next = factstr_stream_next(stream, 100, &delivery, &out);
    if (next == FACTSTR_TIMEOUT)
      continue;
    check(next, &out);
    show(out.data);
    factstr_buffer_free(&out);
    check(factstr_stream_acknowledge(stream, delivery),
          &out); /* the cursor may move past this batch now */
  }
  check(ready, &out);
  check(factstr_stream_close(stream), &out);
}

int main(int argc, char **argv) {
  factstr_store store;
  factstr_buffer out;
  check(factstr_sqlite_open(argc > 1 ? argv[1] : "quickstart.db", NULL, 0, &store, &out), &out);

  announce(store);
  reserve(store, "A2", (const char *const[]){"Ben", "Cleo"}, 2);
  read_seat_plan(store);

  /* Started again, it gets only what it has not handled yet. */
  reserve(store, "A3", (const char *const[]){"Dora"}, 1);
  read_seat_plan(store);

  check(factstr_store_close(store, &out), &out);
  return EXIT_SUCCESS;
}
