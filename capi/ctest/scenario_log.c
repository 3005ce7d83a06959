/* Steps of scenarios about what the library logs. */
#include "scenarios.h"

enum { RECORDS_MAX = 1000 };

/* The records of one scenario, NULL for those that it has asked for. */
static char *records[RECORDS_MAX];
static counter heard = COUNTER;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static long record_count;

static void on_record(void *user_data, const char *text, size_t len) {
  (void)user_data;
  char *copy = malloc(len + 1);
  memcpy(copy, text, len + 1);
  pthread_mutex_lock(&mutex);
  int kept = record_count < RECORDS_MAX;
  if (kept) {
    records[record_count++] = copy;
  }
  pthread_mutex_unlock(&mutex);
  if (kept) {
    raise_counter(&heard);
  } else {
    free(copy);
  }
}

/* A scenario that failed has not ended its log. */
void begin_log(void) {
  end_log();
  CHECK_STATUS(factstr_log_set(on_record, NULL, FACTSTR_LOG_INFO), FACTSTR_OK);
}

/* No record comes any more when the callback is not set. */
void end_log(void) {
  CHECK_STATUS(factstr_log_set(NULL, NULL, FACTSTR_LOG_OFF), FACTSTR_OK);
  for (long i = 0; i < record_count; i++) {
    free(records[i]);
    records[i] = NULL;
  }
  record_count = heard.value = 0;
}

/* The next record of an event that was not asked for; NULL if none has come. */
static cJSON *next_record(const char *event, long count) {
  for (long i = 0; i < count; i++) {
    pthread_mutex_lock(&mutex);
    char *text = records[i];
    pthread_mutex_unlock(&mutex);
    cJSON *record = text == NULL ? NULL : json_parse(text, strlen(text));
    if (record != NULL && strcmp(json_string(record, "event"), event) == 0) {
      free(text);
      records[i] = NULL;
      return record;
    }
    cJSON_Delete(record);
  }
  return NULL;
}

/* Records of different events have no order. */
void play_logs(player *player, const cJSON *step) {
  (void)player;
  const cJSON *expected, *field;
  cJSON_ArrayForEach(expected, item(step, "logs")) {
    const char *event = json_string(expected, "event");
    long count = read_counter(&heard);
    cJSON *record;
    while ((record = next_record(event, count)) == NULL) {
      await_counter(&heard, ++count);
    }
    CHECK(json_string(record, "message")[0] != '\0');
    cJSON_ArrayForEach(field, expected) {
      if (!json_equal(item(record, field->string), field)) {
        FAIL("%s of the record differs: %s", field->string, json_text(record));
      }
    }
    cJSON_Delete(record);
  }
}
