/*
 * What plays the scenarios: scripts of operations with the exact answers and deliveries that they
 * must give. scenarios.c goes through the scripts, scenario_calls.c has the steps that are one
 * call, the other files those of their topics.
 */
#ifndef FACTSTR_SCENARIOS_H
#define FACTSTR_SCENARIOS_H

#include "tests.h"

#include <stdlib.h>

enum { STREAMS_MAX = 8, DELIVERIES_MAX = 256, WAIT_MS = 10000 };

/* A stream of a scenario. Its callbacks run on threads of the library. */
typedef struct player_stream {
  char name[64];
  factstr_stream handle;
  const cJSON *fail_deliveries;
  pthread_mutex_t mutex;
  char *batches[DELIVERIES_MAX];
  long seen; /* how many the script has asked for */
  counter delivered, ended;
  factstr_status end;
  char *end_reason;
} player_stream;

/* A stream whose batches are asked for. */
typedef struct player_loop {
  char name[64];
  factstr_stream handle;
  factstr_delivery open; /* taken and not acknowledged; 0 if there is none */
} player_loop;

/* A kind of stores, and how to open one: again and again on the same place. */
typedef struct store_kind {
  const char *name, *group;
  void (*choose)(char *place, size_t size);
  answer (*open)(const char *place, const char *options, factstr_store *store);
  /* Runs SQL in the database, where no store is open. */
  void (*run_sql)(const char *place, const char *sql);
} store_kind;

typedef struct player {
  const store_kind *kind;
  char place[512];
  factstr_store store;
  player_stream *streams[STREAMS_MAX];
  int stream_count;
  player_loop loops[STREAMS_MAX];
  int loop_count;
} player;

static inline const cJSON *item(const cJSON *object, const char *field) {
  return cJSON_GetObjectItemCaseSensitive(object, field);
}

/* Compares an answer with what the step gives, or how it fails, and drops it. */
void compare(answer got, const cJSON *step);
/* Compares only the fields that `expected` has; "says" is a part of the message. */
void compare_failure(factstr_status status, const cJSON *error, const cJSON *expected);
/* Compares what `gives` names of statistics. */
void compare_statistics(const cJSON *got, const cJSON *gives);
void drop_occurred_at(cJSON *records);
/* Compares a delivery with its position, which may be NULL, of the stream `name`. */
void compare_delivery(const char *name, const cJSON *delivered, const cJSON *expected,
                      const cJSON *position);

/* A kind of steps: those that have the field. */
typedef struct step_kind {
  const char *field;
  void (*play)(player *player, const cJSON *step);
} step_kind;

/* They end with a field that is NULL. */
extern const step_kind call_steps[], stream_steps[];

/* The loop that a step is about; NULL if it is about another stream. */
player_loop *find_loop(player *player, const cJSON *step);
void receive_from_loop(player_loop *loop, const cJSON *step);
void acknowledge_batch(player_loop *loop);
void leave_loop(player_loop *loop);
void end_loop(player_loop *loop, const cJSON *step);

void play_decide(player *player, const cJSON *step);
void play_iterate(player *player, const cJSON *step);
void play_acknowledge(player *player, const cJSON *step);
void play_logs(player *player, const cJSON *step);

/* Keeps what the library logs until end_log. */
void begin_log(void);
void end_log(void);

/* Awaits the ends of the streams, which come when the store was closed, and frees them. */
void release_streams(player *player);

#endif
