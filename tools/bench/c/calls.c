/*
 * The C half of the bench: calls PATH CALL EVENTS CALLERS PAYLOAD_BYTES SECONDS
 *
 * PATH is a database, or empty for the memory store; CALL is append, append_if, whose context are
 * the facts of the caller's own type, or append_if_account, whose context are those that name the
 * caller in the payload. Prints how many calls were answered and in how many seconds.
 */
#include <factstr.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct caller {
  pthread_t thread;
  factstr_store store;
  int number, events, conditional, by_account;
  size_t payload_bytes;
  double end;
  uint64_t calls;
} caller;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void check(factstr_status status, const factstr_buffer *text) {
  if (status == FACTSTR_OK)
    return;
  fprintf(stderr, "%s %.*s\n", factstr_status_name(status), (int)text->len,
          text->data != NULL ? text->data : "");
  exit(EXIT_FAILURE);
}

/* A JSON array of events whose payloads have the wanted size. */
static char *batch(const caller *self, size_t *len) {
  char account[64] = "";
  if (self->by_account)
    snprintf(account, sizeof account, "\"accountId\":\"account-%08d\",", self->number);
  const size_t around = strlen("{\"filler\":\"\"}") + strlen(account);
  const size_t filler = self->payload_bytes - around;
  const size_t room = (size_t)self->events * (self->payload_bytes + 160) + 3;
  char *text = malloc(room), *at = text;
  if (text == NULL)
    abort();
  for (int i = 0; i < self->events; i++) {
    at += snprintf(at, 160, "%c{\"event_type\":\"of-caller-%d\",\"payload\":{%s\"filler\":\"",
                   i == 0 ? '[' : ',', self->number, account);
    memset(at, 'x', filler);
    at += filler;
    at += snprintf(at, 8, "\"}}");
  }
  at += snprintf(at, 2, "]");
  *len = (size_t)(at - text);
  return text;
}

static void *call(void *user_data) {
  caller *self = user_data;
  static const char last[] = "\"last_sequence_number\":";
  char query[128];
  size_t len;
  char *events = batch(self, &len);
  const size_t query_len = (size_t)snprintf(
      query, sizeof query,
      self->by_account
          ? "{\"filters\":[{\"payload_predicates\":[{\"accountId\":\"account-%08d\"}]}]}"
          : "{\"filters\":[{\"event_types\":[\"of-caller-%d\"]}]}",
      self->number);
  uint64_t version = 0;
  while (now() < self->end) {
    factstr_buffer out;
    if (self->conditional) {
      check(factstr_append_if(self->store, events, len, query, query_len,
                              version > 0 ? &version : NULL, &out),
            &out);
    } else {
      check(factstr_append(self->store, events, len, &out), &out);
    }
    const char *found = strstr(out.data, last);
    if (found == NULL)
      abort();
    version = strtoull(found + sizeof last - 1, NULL, 10);
    factstr_buffer_free(&out);
    self->calls++;
  }
  free(events);
  return NULL;
}

int main(int argc, char **argv) {
  if (argc != 7) {
    fprintf(stderr, "calls PATH CALL EVENTS CALLERS PAYLOAD_BYTES SECONDS\n");
    return 2;
  }
  factstr_store store;
  factstr_buffer error;
  check(argv[1][0] == '\0' ? factstr_memory_open(NULL, 0, &store, &error)
                           : factstr_sqlite_open(argv[1], NULL, 0, &store, &error),
        &error);

  const int count = atoi(argv[4]);
  caller *callers = calloc((size_t)count, sizeof *callers);
  if (callers == NULL)
    abort();
  const double start = now();
  for (int i = 0; i < count; i++) {
    caller *self = &callers[i];
    *self = (caller){.store = store,
                     .number = i,
                     .events = atoi(argv[3]),
                     .conditional = strncmp(argv[2], "append_if", strlen("append_if")) == 0,
                     .by_account = strcmp(argv[2], "append_if_account") == 0,
                     .payload_bytes = (size_t)atol(argv[5]),
                     .end = start + atof(argv[6])};
    if (pthread_create(&self->thread, NULL, call, self) != 0)
      abort();
  }
  uint64_t calls = 0;
  for (int i = 0; i < count; i++) {
    pthread_join(callers[i].thread, NULL);
    calls += callers[i].calls;
  }
  const double elapsed = now() - start;
  check(factstr_store_close(store, &error), &error);
  free(callers);
  printf("%llu %f\n", (unsigned long long)calls, elapsed);
  return EXIT_SUCCESS;
}
