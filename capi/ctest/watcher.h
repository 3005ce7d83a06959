/* A watcher notes what the callbacks of a stream saw. */
#ifndef WATCHER_H
#define WATCHER_H

#include "tests.h"

/* What the callbacks of a stream saw, and what on_batch returns. */
typedef struct watcher {
  factstr_store store;
  counter batches, ready, ended;
  int32_t outcome;
  factstr_stream stream;
  factstr_delivery last_delivery;
  long events_in_last_batch;
  factstr_status end;
  char reason[600];
  pthread_t thread;
  int running; /* a callback is running: they come one at a time */
  int batches_after_end;
} watcher;

#define WATCHER {.batches = COUNTER, .ready = COUNTER, .ended = COUNTER}

/* The callbacks; user_data is the watcher. */
int32_t note_batch(void *user_data, factstr_stream stream, factstr_delivery delivery,
                   const char *batch, size_t len);
void note_end(void *user_data, factstr_stream stream, factstr_status status, const char *reason,
              size_t len);
extern const factstr_stream_callbacks noting;

#endif
