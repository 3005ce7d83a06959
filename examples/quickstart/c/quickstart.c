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

/* Whether seat A2 is reserved: the facts that match are the context of that decision. */
static const char seat_a2[] = "{\"filters\":[{\"event_types\":[\"SeatReserved\"],\"payload_predicates\":[{\"concert\":\"c-7\",\"seat\":\"A2\"}]}]}";

/* Ends the program unless the call went well. `text` is what the call put into its buffer: on failure the error as JSON. */
static void check(factstr_status status, const factstr_buffer *text) {
  if (status == FACTSTR_OK)
    return;
  fprintf(stderr, "%s %.*s\n", factstr_status_name(status), (int)text->len, text->data != NULL ? text->data : "");
  exit(EXIT_FAILURE);
}

/* The value of a field in JSON that the library wrote. It is enough for the plain names here; use a JSON library in a program of your own. */
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
    printf("seat plan: %.*s is %.*s's\n", (int)strcspn(seat + 1, "\""), seat + 1, (int)strcspn(by + 1, "\""), by + 1);
  }
}

static void append(factstr_store store, const char *events, factstr_buffer *out) { check(factstr_append(store, events, strlen(events), out), out); }

/* The decision is appended only if the context is still what was read: here, if still no fact matches. */
static void reserve_a2(factstr_store store, const char *by) {
  char events[128];
  factstr_buffer out;
  const uint64_t *expected = NULL; /* no fact may match; else the version that the query answered */
  snprintf(events, sizeof events, "[{\"event_type\":\"SeatReserved\",\"payload\":{\"concert\":\"c-7\",\"seat\":\"A2\",\"by\":\"%s\"}}]", by);
  const factstr_status status = factstr_append_if(store, events, strlen(events), seat_a2, strlen(seat_a2), expected, &out);
  if (status == FACTSTR_CONDITIONAL_APPEND_CONFLICT) {
    printf("%s is too late: expected version none, found version %" PRIu64 "\n", by, number(out.data, "actual_context_version"));
  } else {
    check(status, &out);
    printf("%s has seat A2: fact %" PRIu64 "\n", by, number(out.data, "first_sequence_number"));
  }
  factstr_buffer_free(&out);
}

/*
 * A durable stream delivers what was committed after its stored cursor and then goes on live. Here the batches are pulled; they can also be given
 * to a callback.
 */
static void read_seat_plan(factstr_store store) {
  static const char registration[] = "{\"durable\":{\"name\":\"seat-plan\"},\"query\":{\"filters\":[{\"event_types\":[\"SeatReserved\"]}]}}";
  factstr_stream stream;
  factstr_buffer out;
  factstr_status ready;
  check(factstr_stream_open(store, registration, strlen(registration), NULL, NULL, &stream, &out), &out);
  /* Until the replay has reached what was the newest fact when the stream was opened. */
  while ((ready = factstr_stream_wait_ready(stream, 0, &out)) == FACTSTR_TIMEOUT) {
    factstr_delivery delivery;
    const factstr_status next = factstr_stream_next(stream, 100, &delivery, &out);
    if (next == FACTSTR_TIMEOUT)
      continue;
    check(next, &out);
    show(out.data);
    factstr_buffer_free(&out);
    check(factstr_stream_acknowledge(stream, delivery), &out); /* the cursor may move past this batch now */
  }
  check(ready, &out);
  check(factstr_stream_close(stream), &out);
}

int main(int argc, char **argv) {
  factstr_store store;
  factstr_buffer out;
  check(factstr_sqlite_open(argc > 1 ? argv[1] : "quickstart.db", NULL, 0, &store, &out), &out);

  /* Facts are appended in batches. A batch is committed whole or not at all. */
  append(store,
         "[{\"event_type\":\"ConcertAnnounced\",\"payload\":{\"concert\":\"c-7\",\"seats\":[\"A1\",\"A2\",\"A3\"]}},"
         "{\"event_type\":\"SeatReserved\",\"payload\":{\"concert\":\"c-7\",\"seat\":\"A1\",\"by\":\"Ada\"}}]",
         &out);
  printf("appended facts %" PRIu64 " to %" PRIu64 "\n", number(out.data, "first_sequence_number"), number(out.data, "last_sequence_number"));
  factstr_buffer_free(&out);

  /* Before a decision, read the facts that matter to it. */
  check(factstr_query(store, seat_a2, strlen(seat_a2), &out), &out);
  const char *version = field(out.data, "current_context_version");
  if (strncmp(version, "null", 4) == 0)
    printf("seat A2: 0 facts, version none\n");
  factstr_buffer_free(&out);
  reserve_a2(store, "Ben");
  reserve_a2(store, "Cleo"); /* decided on the same view, and is too late */

  read_seat_plan(store);
  /* Started again, it gets only what it has not handled yet. */
  append(store, "[{\"event_type\":\"SeatReserved\",\"payload\":{\"concert\":\"c-7\",\"seat\":\"A3\",\"by\":\"Dora\"}}]", &out);
  factstr_buffer_free(&out);
  read_seat_plan(store);

  check(factstr_store_close(store, &out), &out);
  return EXIT_SUCCESS;
}
