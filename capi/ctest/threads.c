/* Many threads at once. */
#include "tests.h"

#include <stdlib.h>

enum { THREADS = 8, ROUNDS = 100 };

typedef struct worker {
  factstr_store store;
  int number;
  long wins;
  counter *delivered;
} worker;

static void run_threads(void *(*work)(void *), factstr_store store, worker *workers) {
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) {
    workers[i] = (worker){.store = store, .number = i};
    CHECK(pthread_create(&threads[i], NULL, work, &workers[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
}

static void *race(void *data) {
  worker *mine = data;
  for (int round = 0; round < ROUNDS; round++) {
    char events[100], query[120];
    snprintf(events, sizeof events, "[{\"event_type\":\"won\",\"payload\":{\"round\":%d}}]", round);
    snprintf(query, sizeof query, "{\"filters\":[{\"payload_predicates\":[{\"round\":%d}]}]}",
             round);
    factstr_status status = factstr_append_if(mine->store, JSON(events), JSON(query), NULL, NULL);
    CHECK(status == FACTSTR_OK || status == FACTSTR_CONDITIONAL_APPEND_CONFLICT);
    mine->wins += status == FACTSTR_OK;
  }
  return NULL;
}

static void race_on(factstr_store store) { /* G2 G11 */
  worker workers[THREADS];
  run_threads(race, store, workers);
  long wins = 0;
  for (int i = 0; i < THREADS; i++) {
    wins += workers[i].wins;
  }
  CHECK(wins == ROUNDS);
  CHECK(head(store) == ROUNDS);
  close_store(store);
}

static void one_of_racing_threads_wins_in_memory(void) { race_on(open_memory(NULL)); }
static void one_of_racing_threads_wins_in_sqlite(void) {
  race_on(open_sqlite(fresh_path("race.db"), NULL));
}

static int32_t count_batch(void *user_data, factstr_stream stream, factstr_delivery delivery,
                           const char *batch, size_t len) {
  (void)stream, (void)delivery, (void)batch, (void)len;
  raise_counter(user_data);
  return FACTSTR_HANDLED;
}

/* Opens and ends streams of all kinds while others append, submit and query. */
static void *hammer(void *data) {
  worker *mine = data;
  factstr_stream_callbacks callbacks = {sizeof callbacks, count_batch, NULL, NULL};
  static counter delivered = COUNTER;
  for (int round = 0; round < ROUNDS / 4; round++) {
    char registration[100];
    snprintf(registration, sizeof registration, "{\"durable\":{\"name\":\"d%d\"}}", mine->number);
    factstr_stream live = open_stream(mine->store, "{}", &callbacks, &delivered);
    factstr_stream durable = open_stream(mine->store, registration, NULL, NULL);
    append_one(mine->store, "a", round);
    factstr_request request;
    CHECK_STATUS(factstr_append_submit(mine->store, JSON(ONE_EVENT), 1, NULL, NULL, &request, NULL),
                 FACTSTR_OK);
    factstr_delivery delivery;
    CHECK_STATUS(factstr_stream_next(durable, -1, &delivery, NULL), FACTSTR_OK);
    CHECK_STATUS(factstr_stream_acknowledge(durable, delivery), FACTSTR_OK);
    CHECK_STATUS(factstr_query(mine->store, JSON("{\"limit\":1}"), NULL), FACTSTR_OK);
    CHECK_STATUS(factstr_request_wait(request, -1, NULL), FACTSTR_OK);
    CHECK_STATUS(factstr_stream_close(live), FACTSTR_OK);
    CHECK_STATUS(factstr_stream_unsubscribe(durable), FACTSTR_OK);
    CHECK_STATUS(factstr_stream_close(durable), FACTSTR_OK);
  }
  return NULL;
}

static void threads_can_do_everything_at_once(void) {
  worker workers[THREADS];
  factstr_store store = open_memory(NULL);
  run_threads(hammer, store, workers);
  CHECK(head(store) == THREADS * (ROUNDS / 4) * 2);
  CHECK(factstr_open_handles() == 1);
  close_store(store);
}

/* Calls of every kind until the store is closed under them. */
static void *until_closed(void *data) {
  worker *mine = data;
  for (;;) {
    factstr_request request;
    factstr_stream stream;
    factstr_status status = factstr_append(mine->store, JSON(ONE_EVENT), NULL);
    if (status == FACTSTR_OK) {
      status = factstr_append_submit(mine->store, JSON(ONE_EVENT), 1, NULL, NULL, &request, NULL);
    }
    if (status == FACTSTR_OK) {
      status = factstr_request_wait(request, -1, NULL);
    }
    if (status == FACTSTR_OK) {
      status = factstr_stream_open(mine->store, JSON("{}"), NULL, NULL, &stream, NULL);
    }
    if (status == FACTSTR_OK) {
      status = factstr_stream_close(stream);
    }
    if (status != FACTSTR_OK) {
      CHECK(status == FACTSTR_STORE_CLOSED || status == FACTSTR_INVALID_HANDLE);
      return NULL;
    }
    if (mine->number == 0 && ++mine->wins == 20) {
      factstr_store_close(mine->store, NULL);
    }
  }
}

static void a_store_can_be_closed_under_running_calls(void) {
  for (int round = 0; round < 10; round++) {
    worker workers[THREADS];
    factstr_store store =
        round % 2 == 0 ? open_memory(NULL) : open_sqlite(fresh_path("closed.db"), NULL);
    run_threads(until_closed, store, workers);
    CHECK(factstr_open_handles() == 0);
  }
}

enum { MIXED = 48 };

typedef struct mixed {
  factstr_store store; /* one of two, or none */
  int number;
  uint64_t *last; /* of each store, counted by its threads */
} mixed;

/* Appends, now and then with something that fails, and looks whether each answer is its own. */
static void *append_mixed(void *data) { /* G2 G5 G10 */
  mixed *mine = data;
  for (int round = 0; round < ROUNDS / 2; round++) {
    char events[120];
    factstr_buffer out;
    const int count = 1 + (mine->number + round) % 3;
    char *at = events;
    for (int i = 0; i < count; i++) {
      at += sprintf(at, "%c{\"event_type\":\"t%d\",\"payload\":%d}", i == 0 ? '[' : ',',
                    mine->number, round);
    }
    sprintf(at, "]");
    if (mine->store == 0) {
      CHECK_STATUS(factstr_append(77, JSON(events), &out), FACTSTR_INVALID_HANDLE);
      factstr_buffer_free(&out);
      continue;
    }
    CHECK_STATUS(factstr_append(mine->store, JSON("[{\"event_type\":1}]"), NULL),
                 FACTSTR_INVALID_ARGUMENT);
    CHECK_STATUS(factstr_append(mine->store, JSON("[]"), NULL), FACTSTR_EMPTY_APPEND);
    CHECK_STATUS(factstr_append(mine->store, JSON(events), &out), FACTSTR_OK);
    char expected[60];
    snprintf(expected, sizeof expected, "\"committed_count\":%d}", count);
    CHECK(strstr(out.data, expected) != NULL);
    char *first = strstr(out.data, "\"first_sequence_number\":");
    CHECK(first != NULL);
    const uint64_t number = strtoull(first + strlen("\"first_sequence_number\":"), NULL, 10);
    factstr_buffer_free(&out);
    char query[160];
    snprintf(query, sizeof query,
             "{\"filters\":[{\"event_types\":[\"t%d\"],\"payload_predicates\":[%d]}]}",
             mine->number, round);
    CHECK_STATUS(factstr_append_if(mine->store, JSON(events), JSON(query), NULL, NULL),
                 FACTSTR_CONDITIONAL_APPEND_CONFLICT);
    const uint64_t last = number + (uint64_t)count - 1;
    CHECK_STATUS(factstr_append_if(mine->store, JSON(events), JSON(query), &last, NULL),
                 FACTSTR_OK);
    __atomic_add_fetch(mine->last, 2 * (uint64_t)count, __ATOMIC_RELAXED);
  }
  return NULL;
}

static void answers_reach_the_thread_that_asked(void) {
  factstr_store stores[] = {open_sqlite(fresh_path("mixed-1.db"), NULL),
                            open_sqlite(fresh_path("mixed-2.db"), NULL), 0};
  uint64_t last[3] = {0, 0, 0};
  pthread_t threads[MIXED];
  mixed callers[MIXED];
  for (int i = 0; i < MIXED; i++) {
    callers[i] = (mixed){.store = stores[i % 3], .number = i, .last = &last[i % 3]};
    CHECK(pthread_create(&threads[i], NULL, append_mixed, &callers[i]) == 0);
  }
  for (int i = 0; i < MIXED; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
  for (int i = 0; i < 2; i++) {
    CHECK(head(stores[i]) == last[i]);
    close_store(stores[i]);
  }
}

void thread_tests(void) {
  RUN(one_of_racing_threads_wins_in_memory,
      "of racing conditional appends exactly one wins each round, in memory");
  RUN(one_of_racing_threads_wins_in_sqlite,
      "of racing conditional appends exactly one wins each round, in SQLite");
  RUN(answers_reach_the_thread_that_asked,
      "of appends that many threads make at once, each gets its own answer");
  RUN(threads_can_do_everything_at_once, "threads can append, query, submit and stream at once");
  RUN(a_store_can_be_closed_under_running_calls, "a store can be closed under running calls");
}
