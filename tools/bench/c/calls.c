/*
 * The C half of the bench: calls STORE PATH CALL BATCH CALLERS PAYLOAD_BYTES SECONDS EVENTS
 *
 * STORE is memory or sqlite, PATH the database, which has EVENTS facts. CALL is append, conditional
 * (append_if on a context that the caller remembers), decide-fresh, decide-existing or deciders (a
 * query before each append_if), select, select-append, query-all or replay. Prints one figure: of
 * select and select-append the median in microseconds, else facts a second. The programs of the
 * other languages take the same arguments.
 */
#include <factstr.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TYPES = 10, FACTS_OF_ACCOUNT = 100, TIMED_MAX = 300 };

typedef struct bench {
  factstr_store store;
  const char *call;
  int batch, callers, accounts;
  size_t payload_bytes;
  double end;
} bench;

typedef struct caller {
  pthread_t thread;
  const bench *bench;
  int number;
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

/* A JSON array of events of one account whose payloads have the wanted size. */
static char *events_of(const bench *b, int type, int account, size_t *len) {
  char start[64];
  const int start_len =
      snprintf(start, sizeof start, "{\"accountId\":\"account-%08d\",\"filler\":\"", account);
  const size_t around = (size_t)start_len + strlen("\"}");
  const size_t filler = b->payload_bytes > around ? b->payload_bytes - around : 0;
  const size_t room = (size_t)b->batch * (b->payload_bytes + 160) + 3;
  char *text = malloc(room), *at = text;
  if (text == NULL)
    abort();
  for (int i = 0; i < b->batch; i++) {
    at += snprintf(at, 160, "%c{\"event_type\":\"type-%d\",\"payload\":%s", i == 0 ? '[' : ',',
                   (type + i) % TYPES, start);
    memset(at, 'x', filler);
    at += filler;
    at += snprintf(at, 8, "\"}}");
  }
  at += snprintf(at, 2, "]");
  *len = (size_t)(at - text);
  return text;
}

/* The context of a decision: facts of an account of one type, or of all with -1. */
static size_t context_of(char *query, size_t room, int type, int account, const char *more) {
  char types[64] = "";
  if (type >= 0)
    snprintf(types, sizeof types, "\"event_types\":[\"type-%d\"],", type);
  return (size_t)snprintf(
      query, room,
      "{\"filters\":[{%s\"payload_predicates\":[{\"accountId\":\"account-%08d\"}]}]%s}", types,
      account, more);
}

/* The number that an answer has under a name; 0 without one. */
static uint64_t number_in(const factstr_buffer *answer, const char *name) {
  const char *found = strstr(answer->data, name);
  return found != NULL ? strtoull(found + strlen(name), NULL, 10) : 0;
}

static uint64_t version_of(const bench *b, int type, int account, const char *more) {
  char query[192];
  factstr_buffer out;
  const size_t len = context_of(query, sizeof query, type, account, more);
  check(factstr_query(b->store, query, len, &out), &out);
  /* "null" reads as 0 */
  const uint64_t version = number_in(&out, "\"current_context_version\":");
  factstr_buffer_free(&out);
  return version;
}

static uint64_t append_if(const bench *b, int type, int context_type, int account,
                          uint64_t version) {
  char query[192];
  size_t len;
  factstr_buffer out;
  char *events = events_of(b, type, account, &len);
  const size_t query_len = context_of(query, sizeof query, context_type, account, "");
  check(factstr_append_if(b->store, events, len, query, query_len, version > 0 ? &version : NULL,
                          &out),
        &out);
  free(events);
  const uint64_t last = number_in(&out, "\"last_sequence_number\":");
  factstr_buffer_free(&out);
  return last;
}

static void append(const bench *b, int n) {
  size_t len;
  factstr_buffer out;
  char *events = events_of(b, n % TYPES, n % 1000, &len);
  check(factstr_append(b->store, events, len, &out), &out);
  free(events);
  factstr_buffer_free(&out);
}

static void *call_until_end(void *user_data) {
  caller *self = user_data;
  const bench *b = self->bench;
  uint64_t version = 0;
  for (int n = 0; now() < b->end; n++, self->calls++) {
    int account = self->number;
    if (strcmp(b->call, "append") == 0) {
      append(b, n);
      continue;
    }
    if (strcmp(b->call, "decide-fresh") == 0)
      account = 1000000 + n;
    else if (strcmp(b->call, "decide-existing") == 0)
      account = n % 100;
    if (strcmp(b->call, "conditional") != 0)
      version = version_of(b, -1, account, ",\"limit\":1");
    version = append_if(b, n % TYPES, -1, account, version);
  }
  return NULL;
}

static double rate_of_callers(bench *b, double seconds) {
  caller *callers = calloc((size_t)b->callers, sizeof *callers);
  if (callers == NULL)
    abort();
  const double start = now();
  b->end = start + seconds;
  for (int i = 0; i < b->callers; i++) {
    callers[i] = (caller){.bench = b, .number = i};
    if (pthread_create(&callers[i].thread, NULL, call_until_end, &callers[i]) != 0)
      abort();
  }
  uint64_t calls = 0;
  for (int i = 0; i < b->callers; i++) {
    pthread_join(callers[i].thread, NULL);
    calls += callers[i].calls;
  }
  free(callers);
  return (double)calls * b->batch / (now() - start);
}

static int ascending(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/*
 * The median of calls on contexts drawn by chance. Before, queries that do not count run for as
 * long: a store that has just been opened reads what its index does not cover yet.
 */
static double timed(const bench *b, double seconds) {
  double times[TIMED_MAX];
  int count = 0;
  for (const double warm = now() + seconds; now() < warm;)
    version_of(b, rand() % TYPES, rand() % b->accounts, "");
  const double end = now() + seconds;
  while (count < TIMED_MAX && (count == 0 || now() < end)) {
    const int account = rand() % b->accounts, type = rand() % TYPES;
    double begun = now();
    const uint64_t version = version_of(b, type, account, "");
    if (strcmp(b->call, "select-append") == 0) {
      begun = now();
      append_if(b, type, type, account, version);
    }
    times[count++] = (now() - begun) * 1e6;
  }
  qsort(times, (size_t)count, sizeof *times, ascending);
  return times[count / 2];
}

static double query_all(const bench *b, int events) {
  factstr_buffer out;
  const double start = now();
  check(factstr_query(b->store, "{}", 2, &out), &out);
  const double took = now() - start;
  factstr_buffer_free(&out);
  return events / took;
}

static int32_t handled(void *user_data, factstr_stream stream, factstr_delivery delivery,
                       const char *batch, size_t batch_len) {
  (void)user_data, (void)stream, (void)delivery, (void)batch, (void)batch_len;
  return FACTSTR_HANDLED;
}

static double replay(const bench *b, int events) {
  char registration[96];
  const factstr_stream_callbacks callbacks = {.size = sizeof callbacks, .on_batch = handled};
  factstr_stream stream;
  factstr_buffer error;
  const double start = now();
  const int len = snprintf(registration, sizeof registration,
                           "{\"durable\":{\"name\":\"replay-c-%.6f\"}}", start);
  check(factstr_stream_open(b->store, registration, (size_t)len, &callbacks, NULL, &stream, &error),
        &error);
  check(factstr_stream_wait_ready(stream, -1, &error), &error);
  const double took = now() - start;
  factstr_stream_close(stream);
  return events / took;
}

int main(int argc, char **argv) {
  if (argc != 9) {
    fprintf(stderr, "calls STORE PATH CALL BATCH CALLERS PAYLOAD_BYTES SECONDS EVENTS\n");
    return 2;
  }
  static const char options[] = "{\"result_bytes_max\":8000000000}";
  const size_t options_len = sizeof options - 1;
  bench b = {.call = argv[3],
             .batch = atoi(argv[4]),
             .callers = atoi(argv[5]),
             .payload_bytes = (size_t)atol(argv[6])};
  const double seconds = atof(argv[7]);
  const int events = atoi(argv[8]);
  b.accounts = events > FACTS_OF_ACCOUNT ? events / FACTS_OF_ACCOUNT : 1;
  factstr_buffer error;
  check(strcmp(argv[1], "memory") == 0
            ? factstr_memory_open(options, options_len, &b.store, &error)
            : factstr_sqlite_open(argv[2], options, options_len, &b.store, &error),
        &error);
  double figure;
  if (strncmp(b.call, "select", strlen("select")) == 0)
    figure = timed(&b, seconds);
  else if (strcmp(b.call, "query-all") == 0)
    figure = query_all(&b, events);
  else if (strcmp(b.call, "replay") == 0)
    figure = replay(&b, events);
  else
    figure = rate_of_callers(&b, seconds);
  check(factstr_store_close(b.store, &error), &error);
  printf("%f\n", figure);
  return EXIT_SUCCESS;
}
