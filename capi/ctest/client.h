/* Calls of the library for tests: C strings in, parsed answers out. */
#ifndef CLIENT_H
#define CLIENT_H

#include "check.h"
#include "factstr.h"
#include "json.h"

#include <pthread.h>
#include <string.h>

/* The outcome of a call. */
typedef struct answer {
  factstr_status status;
  cJSON *json; /* NULL without text */
} answer;

answer take(factstr_status status, factstr_buffer *buffer);
void drop(answer answer);

answer append(factstr_store store, const char *events);
answer append_if(factstr_store store, const char *events, const char *query,
                 const uint64_t *expected);
answer ask(factstr_store store, const char *query);

/* Appends one event {"event_type": type, "payload": n} and returns its sequence number. */
uint64_t append_one(factstr_store store, const char *type, int n);
/* The highest sequence number of the store, 0 if it is empty. */
uint64_t head(factstr_store store);

factstr_store open_memory(const char *options);
factstr_store open_sqlite(const char *path, const char *options);
/*
 * Opens the schema in the database that DATABASE_URL names. `options` are further ones, without
 * braces, or NULL.
 */
factstr_store open_postgres(const char *schema, const char *options);
/* The same; returns the outcome. */
answer try_postgres(const char *url, const char *schema, const char *options, factstr_store *store);
/* DATABASE_URL; fails the test when it is not set. */
const char *database_url(void);
/* The database that DATABASE_URL names. */
void own_database(char *name, size_t size);
/*
 * Makes a name for a new database. It begins with the name of the tests' own database, which shows
 * whose it is.
 */
void new_database(char *name, size_t size);
void close_store(factstr_store store);
factstr_stream open_stream(factstr_store store, const char *registration,
                           const factstr_stream_callbacks *callbacks, void *user_data);

/*
 * Fails the test unless the answer has that status and a message that holds the fragment. Drops the
 * answer.
 */
void expect_error(answer answer, factstr_status status, const char *fragment);
void expect_ok(answer answer);

/* A fresh folder for files of this test; removed at the end of the program. */
const char *fresh_folder(void);
/* A path in a fresh folder. The text lives until the next call. */
const char *fresh_path(const char *name);
void remove_folders(void);
/*
 * A random name that nobody has chosen before: of a schema or a database. The text lives until the
 * next call.
 */
const char *fresh_name(void);

/* A counter that other threads raise and a test waits for, at most 10 seconds. */
typedef struct counter {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  long value;
} counter;
#define COUNTER {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0}
void raise_counter(counter *counter);
void await_counter(counter *counter, long at_least);
long read_counter(counter *counter);

#define JSON(text) (text), strlen(text)
#define ONE_EVENT "[{\"event_type\":\"a\",\"payload\":1}]"

#endif
