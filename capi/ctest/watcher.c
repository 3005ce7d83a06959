#include "watcher.h"

static long count_events(const char *batch, size_t len) {
  cJSON *events = json_parse(batch, len);
  long count = cJSON_GetArraySize(events);
  cJSON_Delete(events);
  return count;
}

int32_t note_batch(void *user_data, factstr_stream stream, factstr_delivery delivery,
                   const char *batch, size_t len) {
  watcher *seen = user_data;
  CHECK(__atomic_fetch_add(&seen->running, 1, __ATOMIC_SEQ_CST) == 0);
  CHECK(batch[len] == '\0');
  CHECK(delivery == seen->last_delivery + 1);
  if (read_counter(&seen->ended) > 0) {
    seen->batches_after_end++;
  }
  seen->stream = stream;
  seen->last_delivery = delivery;
  seen->events_in_last_batch = count_events(batch, len);
  seen->thread = pthread_self();
  __atomic_fetch_sub(&seen->running, 1, __ATOMIC_SEQ_CST);
  int32_t outcome = seen->outcome;
  raise_counter(&seen->batches);
  return outcome;
}

static void note_ready(void *user_data, factstr_stream stream) {
  watcher *seen = user_data;
  CHECK(stream != 0);
  raise_counter(&seen->ready);
}

void note_end(void *user_data, factstr_stream stream, factstr_status status, const char *reason,
              size_t len) {
  watcher *seen = user_data;
  CHECK(stream != 0);
  seen->end = status;
  snprintf(seen->reason, sizeof seen->reason, "%.*s", (int)len, reason == NULL ? "" : reason);
  CHECK((status == FACTSTR_OK) == (len == 0));
  raise_counter(&seen->ended);
}

const factstr_stream_callbacks noting = {sizeof noting, note_batch, note_ready, note_end};
