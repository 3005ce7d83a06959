/*
 * The job of tools/emulated/run.py in C: job memory, or job PATH for a SQLite database. Lines of
 * standard input are commands, and each is answered by a line:
 *
 *   append N          appended N
 *   claim ROUND       won, or conflict: an append if nobody has claimed the round
 *   facts             facts N N N ...: all that was appended
 *   follow NAME N     handled N for each fact of the durable stream NAME, up to N; then followed
 *   close             closed
 *
 * Anything unexpected ends the program with a line that begins with "failed".
 */
#include <factstr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(factstr_status status, const factstr_buffer *text, const char *doing) {
  if (status == FACTSTR_OK)
    return;
  printf("failed %s: %s %.*s\n", doing, factstr_status_name(status),
         text != NULL ? (int)text->len : 0, text != NULL && text->data != NULL ? text->data : "");
  exit(EXIT_FAILURE);
}

/* The next payload {"n":N} of the library's JSON, or 0. *at moves behind it. */
static unsigned long next_number(const char **at) {
  const char *found = *at != NULL ? strstr(*at, "\"n\":") : NULL;
  if (found == NULL)
    return 0;
  return strtoul(found + 4, (char **)at, 10);
}

static void append(factstr_store store, unsigned long n) {
  char events[100];
  factstr_buffer out;
  snprintf(events, sizeof events, "[{\"event_type\":\"counted\",\"payload\":{\"n\":%lu}}]", n);
  check(factstr_append(store, events, strlen(events), &out), &out, "append");
  factstr_buffer_free(&out);
  printf("appended %lu\n", n);
}

static void claim(factstr_store store, unsigned long round) {
  char events[100], query[120];
  factstr_buffer out;
  snprintf(events, sizeof events, "[{\"event_type\":\"claimed\",\"payload\":{\"round\":%lu}}]",
           round);
  snprintf(query, sizeof query,
           "{\"filters\":[{\"event_types\":[\"claimed\"],\"payload_predicates\":[{\"round\":%lu}]}"
           "]}",
           round);
  const factstr_status status =
      factstr_append_if(store, events, strlen(events), query, strlen(query), NULL, &out);
  if (status != FACTSTR_CONDITIONAL_APPEND_CONFLICT)
    check(status, &out, "append_if");
  factstr_buffer_free(&out);
  printf("%s\n", status == FACTSTR_OK ? "won" : "conflict");
}

static void facts(factstr_store store) {
  static const char query[] = "{\"filters\":[{\"event_types\":[\"counted\"]}]}";
  factstr_buffer out;
  check(factstr_query(store, query, strlen(query), &out), &out, "query");
  printf("facts");
  const char *at = out.data;
  for (unsigned long n; (n = next_number(&at)) != 0;)
    printf(" %lu", n);
  printf("\n");
  factstr_buffer_free(&out);
}

static void follow(factstr_store store, const char *name, unsigned long last) {
  char registration[200];
  factstr_stream stream;
  factstr_buffer out;
  snprintf(registration, sizeof registration,
           "{\"durable\":{\"name\":\"%s\"},\"query\":{\"filters\":[{\"event_types\":[\"counted\"]}]"
           "}}",
           name);
  check(factstr_stream_open(store, registration, strlen(registration), NULL, NULL, &stream, &out),
        &out, "stream_open");
  for (unsigned long n = 0; n < last;) {
    factstr_delivery delivery;
    const factstr_status status = factstr_stream_next(stream, 1000, &delivery, &out);
    if (status == FACTSTR_TIMEOUT)
      continue;
    check(status, &out, "stream_next");
    const char *at = out.data;
    for (unsigned long handled; (handled = next_number(&at)) != 0;) {
      n = handled;
      printf("handled %lu\n", n);
      fflush(stdout);
    }
    factstr_buffer_free(&out);
    check(factstr_stream_acknowledge(stream, delivery), NULL, "acknowledge");
  }
  check(factstr_stream_close(stream), NULL, "stream_close");
  printf("followed\n");
}

int main(int argc, char **argv) {
  static const char patient[] = "{\"busy_timeout_ms\":60000}"; /* a loaded machine, emulated */
  char line[200], name[100];
  unsigned long n;
  factstr_store store;
  factstr_buffer out;
  if (argc != 2)
    return 2;
  if (strcmp(argv[1], "memory") == 0)
    check(factstr_memory_open(NULL, 0, &store, &out), &out, "memory_open");
  else
    check(factstr_sqlite_open(argv[1], patient, strlen(patient), &store, &out), &out,
          "sqlite_open");
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (sscanf(line, "append %lu", &n) == 1)
      append(store, n);
    else if (sscanf(line, "claim %lu", &n) == 1)
      claim(store, n);
    else if (strncmp(line, "facts", 5) == 0)
      facts(store);
    else if (sscanf(line, "follow %99s %lu", name, &n) == 2)
      follow(store, name, n);
    else
      break;
    fflush(stdout);
  }
  check(factstr_store_close(store, &out), &out, "store_close");
  printf("closed\n");
  return EXIT_SUCCESS;
}
