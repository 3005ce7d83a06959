#define _GNU_SOURCE
#include "client.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

answer take(factstr_status status, factstr_buffer *buffer) {
  answer taken = {status, NULL};
  if (buffer->data != NULL) {
    if (buffer->data[buffer->len] != '\0') {
      FAIL("no NUL behind the answer");
    }
    taken.json = json_parse(buffer->data, buffer->len);
  }
  factstr_buffer_free(buffer);
  if (buffer->data != NULL || buffer->len != 0) {
    FAIL("a freed buffer is not empty");
  }
  if (taken.json != NULL && status >= 10) {
    const char *code = json_string(taken.json, "code");
    if (code == NULL || strcmp(code, factstr_status_name(status)) != 0) {
      FAIL("status %s comes with code %s", factstr_status_name(status),
           code == NULL ? "(none)" : code);
    }
  }
  return taken;
}

void drop(answer answer) { cJSON_Delete(answer.json); }

answer append(factstr_store store, const char *events) {
  factstr_buffer out;
  factstr_status status = factstr_append(store, JSON(events), &out);
  return take(status, &out);
}

answer append_if(factstr_store store, const char *events, const char *query,
                 const uint64_t *expected) {
  factstr_buffer out;
  factstr_status status = factstr_append_if(store, JSON(events), JSON(query), expected, &out);
  return take(status, &out);
}

answer ask(factstr_store store, const char *query) {
  factstr_buffer out;
  factstr_status status = factstr_query(store, query, query == NULL ? 0 : strlen(query), &out);
  return take(status, &out);
}

uint64_t append_one(factstr_store store, const char *type, int n) {
  char events[200];
  snprintf(events, sizeof events, "[{\"event_type\":\"%s\",\"payload\":%d}]", type, n);
  answer taken = append(store, events);
  CHECK_STATUS(taken.status, FACTSTR_OK);
  uint64_t number = json_integer(taken.json, "last_sequence_number");
  drop(taken);
  return number;
}

uint64_t head(factstr_store store) {
  answer taken = ask(store, "{\"limit\":0}");
  CHECK_STATUS(taken.status, FACTSTR_OK);
  const cJSON *version = cJSON_GetObjectItemCaseSensitive(taken.json, "current_context_version");
  uint64_t number = cJSON_IsNull(version) ? 0 : json_integer(taken.json, "current_context_version");
  drop(taken);
  return number;
}

factstr_store open_memory(const char *options) {
  factstr_store store;
  factstr_buffer error;
  answer taken = take(
      factstr_memory_open(options, options == NULL ? 0 : strlen(options), &store, &error), &error);
  CHECK_STATUS(taken.status, FACTSTR_OK);
  CHECK(store != 0);
  return store;
}

factstr_store open_sqlite(const char *path, const char *options) {
  factstr_store store;
  factstr_buffer error;
  factstr_status status =
      factstr_sqlite_open(path, options, options == NULL ? 0 : strlen(options), &store, &error);
  if (status != FACTSTR_OK) {
    FAIL("%s does not open: %.*s", path, (int)error.len, error.data);
  }
  CHECK(store != 0 && error.data == NULL);
  return store;
}

const char *database_url(void) {
  const char *url = getenv("DATABASE_URL");
  if (url == NULL || *url == '\0') {
    FAIL("DATABASE_URL is not set: run the tests by `go run ./tools/pgserver -- "
         "capi/ctest/run.sh`, or set it to a database that they may fill");
  }
  return url;
}

answer try_postgres(const char *url, const char *schema, const char *options,
                    factstr_store *store) {
  char text[1000];
  int len = snprintf(text, sizeof text, "{\"schema\":\"%s\"%s%s}", schema,
                     options == NULL ? "" : ",", options == NULL ? "" : options);
  CHECK(len > 0 && (size_t)len < sizeof text);
  factstr_buffer error;
  *store = 7;
  return take(factstr_postgres_open(url, JSON(text), store, &error), &error);
}

factstr_store open_postgres(const char *schema, const char *options) {
  factstr_store store;
  expect_ok(try_postgres(database_url(), schema, options, &store));
  CHECK(store != 0);
  return store;
}

void own_database(char *name, size_t size) {
  const char *path = strstr(database_url(), "://");
  CHECK(path != NULL);
  path += 3 + strcspn(path + 3, "/?");
  CHECK(*path == '/');
  snprintf(name, size, "%.*s", (int)strcspn(path + 1, "?"), path + 1);
}

void new_database(char *name, size_t size) {
  char own[64];
  own_database(own, sizeof own);
  snprintf(name, size, "%.30s_New_%s", own, fresh_name());
}

void close_store(factstr_store store) {
  factstr_buffer error;
  expect_ok(take(factstr_store_close(store, &error), &error));
}

factstr_stream open_stream(factstr_store store, const char *registration,
                           const factstr_stream_callbacks *callbacks, void *user_data) {
  factstr_stream stream;
  factstr_buffer error;
  expect_ok(
      take(factstr_stream_open(store, JSON(registration), callbacks, user_data, &stream, &error),
           &error));
  CHECK(stream != 0);
  return stream;
}

void expect_error(answer answer, factstr_status status, const char *fragment) {
  const char *message = answer.json == NULL ? NULL : json_string(answer.json, "message");
  if (answer.status != status || message == NULL || strstr(message, fragment) == NULL) {
    FAIL("got %s: %s; want %s that names \"%s\"", factstr_status_name(answer.status),
         message == NULL ? "(no message)" : message, factstr_status_name(status), fragment);
  }
  drop(answer);
}

void expect_ok(answer answer) {
  if (answer.status != FACTSTR_OK) {
    const char *message = answer.json == NULL ? NULL : json_string(answer.json, "message");
    FAIL("got %s: %s", factstr_status_name(answer.status),
         message == NULL ? "(no message)" : message);
  }
  drop(answer);
}

static char root[64];

const char *fresh_folder(void) {
  static char folder[128];
  static int made;
  if (root[0] == '\0') {
    strcpy(root, "/tmp/factstr-ctest-XXXXXX");
    CHECK(mkdtemp(root) != NULL && chmod(root, 0755) == 0); /* parts of tests run as another user */
  }
  snprintf(folder, sizeof folder, "%s/%d", root, made++);
  char command[160];
  snprintf(command, sizeof command, "mkdir %s", folder);
  CHECK(system(command) == 0);
  return folder;
}

const char *fresh_path(const char *name) {
  static char path[512];
  snprintf(path, sizeof path, "%s/%s", fresh_folder(), name);
  return path;
}

const char *fresh_name(void) {
  static char name[64];
  uint64_t random;
  CHECK(getrandom(&random, sizeof random, 0) == sizeof random);
  snprintf(name, sizeof name, "ctest_%016llx", (unsigned long long)random);
  return name;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk) {
  (void)info, (void)kind, (void)walk;
  return remove(path);
}

void remove_folders(void) {
  if (root[0] != '\0') {
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  }
}

void raise_counter(counter *counter) {
  pthread_mutex_lock(&counter->mutex);
  counter->value++;
  pthread_cond_broadcast(&counter->changed);
  pthread_mutex_unlock(&counter->mutex);
}

void await_counter(counter *counter, long at_least) {
  struct timespec limit;
  clock_gettime(CLOCK_REALTIME, &limit);
  limit.tv_sec += 10;
  pthread_mutex_lock(&counter->mutex);
  int late = 0;
  while (counter->value < at_least && !late) {
    late = pthread_cond_timedwait(&counter->changed, &counter->mutex, &limit) != 0;
  }
  long value = counter->value;
  pthread_mutex_unlock(&counter->mutex);
  if (value < at_least) {
    FAIL("only %ld of %ld came within 10 seconds", value, at_least);
  }
}

long read_counter(counter *counter) {
  pthread_mutex_lock(&counter->mutex);
  long value = counter->value;
  pthread_mutex_unlock(&counter->mutex);
  return value;
}
