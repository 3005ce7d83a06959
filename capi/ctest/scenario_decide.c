/*
 * Steps of scenarios that decide. The library has no call for it: a program queries, decides,
 * appends on the version that it saw, and begins again after a conflict.
 */
#include "scenarios.h"

#include <time.h>

enum { ATTEMPTS = 20, PAUSE_MIN_MS = 4, PAUSE_MAX_MS = 250 };

/* Waits for a random time: callers that conflicted together would conflict together again. */
static void pause_up_to(long max_ms) {
  struct timespec pause = {0, rand() % (max_ms * 1000000)};
  nanosleep(&pause, NULL);
}

/* The function of the program: returns the events to append. Freed with free(). */
static char *decide(player *player, const cJSON *call, const cJSON *seen) {
  cJSON *numbers = cJSON_CreateArray(), *record;
  cJSON_ArrayForEach(record, item(seen, "event_records")) {
    cJSON_AddItemToArray(numbers, cJSON_Duplicate(item(record, "sequence_number"), 1));
  }
  if (call == NULL || !json_equal(numbers, item(call, "sees"))) {
    FAIL("the function is called with the records %s", json_text(numbers));
  }
  cJSON_Delete(numbers);
  const cJSON *meanwhile = item(call, "meanwhile"), *returns = item(call, "returns");
  if (meanwhile != NULL) {
    char *events = json_text(meanwhile);
    expect_ok(append(player->store, events));
    free(events);
  }
  return cJSON_GetArraySize(returns) == 0 ? NULL : json_text(returns);
}

/* The context version of a query's result; NULL if there is none. */
static const uint64_t *version_of(const cJSON *seen, uint64_t *version) {
  if (cJSON_IsNull(item(seen, "current_context_version"))) {
    return NULL;
  }
  *version = json_integer(seen, "current_context_version");
  return version;
}

void play_decide(player *player, const cJSON *step) {
  const cJSON *asked = item(step, "decide"), *call = item(asked, "calls")->child;
  char *query = json_text(item(asked, "query"));
  uint64_t attempts = item(asked, "attempts") == NULL ? ATTEMPTS : json_integer(asked, "attempts");
  answer appended = {FACTSTR_OK, NULL};
  for (long pause_max = PAUSE_MIN_MS;; call = call->next) {
    answer seen = ask(player->store, query);
    CHECK_STATUS(seen.status, FACTSTR_OK);
    uint64_t version;
    const uint64_t *expected = version_of(seen.json, &version);
    char *events = decide(player, call, seen.json);
    drop(seen);
    if (events == NULL) {
      break;
    }
    appended = append_if(player->store, events, query, expected);
    free(events);
    if (appended.status != FACTSTR_CONDITIONAL_APPEND_CONFLICT || --attempts == 0) {
      break;
    }
    drop(appended);
    appended.json = NULL;
    pause_up_to(pause_max);
    pause_max = 2 * pause_max < PAUSE_MAX_MS ? 2 * pause_max : PAUSE_MAX_MS;
  }
  free(query);
  if (call->next != NULL) {
    FAIL("the function is not called with %s", json_text(call->next));
  }
  if (appended.json == NULL) {
    CHECK(cJSON_IsNull(item(step, "gives")));
    return;
  }
  compare(appended, step);
}
