/* Opening stores and their options. */
#define _GNU_SOURCE
#include "tests.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect_refused(const char *path, const char *options, factstr_status status,
                           const char *fragment, const char *reason) {
  factstr_store store = 7;
  factstr_buffer error;
  answer refused = take(
      factstr_sqlite_open(path, options, options == NULL ? 0 : strlen(options), &store, &error),
      &error);
  CHECK(store == 0);
  const char *told = refused.json == NULL ? NULL : json_string(refused.json, "reason");
  if (reason != NULL && (told == NULL || strcmp(told, reason) != 0)) {
    FAIL("the reason is %s, not %s", told == NULL ? "(none)" : told, reason);
  }
  expect_error(refused, status, fragment);
}

static void put_file(const char *path, const char *text, size_t len) {
  FILE *file = fopen(path, "wb");
  CHECK(file != NULL && fwrite(text, 1, len, file) == len && fclose(file) == 0);
}

static void paths_that_name_no_file_are_refused(void) {
  expect_refused("", NULL, FACTSTR_INVALID_ARGUMENT, "path", NULL);
  expect_refused(":memory:", NULL, FACTSTR_INVALID_ARGUMENT, "path", NULL);
  expect_refused("/tmp/\xff\xfe.db", NULL, FACTSTR_INVALID_ARGUMENT, "UTF-8", NULL);
  expect_refused(fresh_folder(), NULL, FACTSTR_INVALID_ARGUMENT, "director", NULL);
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void) {
  const char *path = fresh_path("letter.txt");
  char text[4096];
  memset(text, 'x', sizeof text);
  put_file(path, text, sizeof text);
  expect_refused(path, NULL, FACTSTR_UNSUPPORTED_FORMAT, "", NULL);
  size_t len;
  char *after = read_file(path, &len);
  CHECK(len == sizeof text && memcmp(after, text, len) == 0);
  free(after);
}

static void a_folder_that_cannot_be_made_is_named(void) {
  char path[600];
  snprintf(path, sizeof path, "%s", fresh_path("file"));
  put_file(path, "x", 1);
  strcat(path, "/below/log.db");
  expect_refused(path, NULL, FACTSTR_BACKEND_FAILURE, "", NULL);
}

static void a_missing_folder_is_made(void) {
  char path[600];
  snprintf(path, sizeof path, "%s", fresh_path("some/deep?er%20/folder/log #1.db"));
  factstr_store store = open_sqlite(path, NULL);
  CHECK(append_one(store, "a", 1) == 1);
  close_store(store);
  CHECK(access(path, F_OK) == 0);
  store = open_sqlite(path, NULL);
  CHECK(head(store) == 1);
  close_store(store);
}

static void a_full_disk_is_told_and_writes_nothing(void) { /* G5 */
  factstr_store store = open_sqlite(fresh_path("small.db"), "{\"testing_max_page_count\":40}");
  CHECK(append_one(store, "small", 1) == 1);
  char *events = malloc(400000);
  strcpy(events, "[{\"event_type\":\"big\",\"payload\":\"");
  size_t start = strlen(events);
  memset(events + start, 'x', 300000);
  strcpy(events + start + 300000, "\"}]");
  answer refused = append(store, events);
  free(events);
  CHECK(refused.json != NULL && strcmp(json_string(refused.json, "reason"), "disk_full") == 0);
  expect_error(refused, FACTSTR_BACKEND_FAILURE, "");
  CHECK(head(store) == 1);
  CHECK(append_one(store, "small", 2) == 2); /* G2 */
  close_store(store);
}

static void limits_are_options(void) {
  factstr_store store = open_memory("{\"payload_bytes_max\":10,\"batch_events_max\":2,\"batch_"
                                    "bytes_max\":20,\"result_bytes_max\":300}");
  expect_error(append(store, "[{\"event_type\":\"a\",\"payload\":\"123456789\"}]"),
               FACTSTR_INVALID_ARGUMENT, "events[0].payload");
  expect_error(append(store, "[{\"event_type\":\"a\",\"payload\":1},{\"event_type\":\"a\","
                             "\"payload\":1},{\"event_type\":\"a\",\"payload\":1}]"),
               FACTSTR_INVALID_ARGUMENT, "2");
  expect_error(append(store, "[{\"event_type\":\"a\",\"payload\":\"12345678\"},{\"event_type\":"
                             "\"a\",\"payload\":\"12345678\"}]"),
               FACTSTR_INVALID_ARGUMENT, "bytes a batch");
  CHECK(head(store) == 0);
  for (int i = 0; i < 20; i++) {
    append_one(store, "a", i);
  }
  expect_error(ask(store, "{}"), FACTSTR_INVALID_ARGUMENT, "limit and min_sequence_number");
  expect_ok(ask(store, "{\"limit\":2}"));
  close_store(store);
}

static void numbers_can_be_asked_for_as_text(void) {
  factstr_store store = open_memory("{\"sequence_numbers\":\"string\"}");
  factstr_buffer out;
  CHECK_STATUS(factstr_append(store, JSON(ONE_EVENT), &out), FACTSTR_OK);
  CHECK(strcmp(out.data, "{\"first_sequence_number\":\"1\",\"last_sequence_number\":\"1\","
                         "\"committed_count\":\"1\"}") == 0);
  factstr_buffer_free(&out);
  CHECK_STATUS(factstr_query(store, NULL, 0, &out), FACTSTR_OK);
  CHECK(strstr(out.data, "\"sequence_number\":\"1\"") != NULL &&
        strstr(out.data, "\"current_context_version\":\"1\"") != NULL);
  factstr_buffer_free(&out);
  CHECK_STATUS(factstr_append_if(store, JSON(ONE_EVENT), JSON("{}"), NULL, &out),
               FACTSTR_CONDITIONAL_APPEND_CONFLICT);
  CHECK(
      strstr(out.data,
             "\"conflict\":{\"expected_context_version\":null,\"actual_context_version\":\"1\"}") !=
      NULL);
  factstr_buffer_free(&out);
  close_store(store);
}

static void one_file_can_be_open_twice(void) { /* G11 */
  char path[600];
  snprintf(path, sizeof path, "%s", fresh_path("shared.db"));
  factstr_store one = open_sqlite(path, NULL), two = open_sqlite(path, NULL);
  CHECK(append_one(one, "a", 1) == 1);
  CHECK(append_one(two, "a", 2) == 2);
  uint64_t stale = 1;
  expect_error(append_if(one, ONE_EVENT, "{}", &stale), FACTSTR_CONDITIONAL_APPEND_CONFLICT,
               "expected 1, actual 2");
  close_store(one);
  CHECK(head(two) == 2);
  close_store(two);
}

static void a_newer_format_is_refused_and_left_alone(void) {
  char path[600];
  snprintf(path, sizeof path, "%s", fresh_path("newer.db"));
  factstr_store store = open_sqlite(path, NULL);
  append_one(store, "a", 1);
  close_store(store);
  size_t len;
  char *text = read_file(path, &len), *marker = memmem(text, len, "sparse_v1", 9);
  CHECK(marker != NULL);
  marker[8] = '7';
  put_file(path, text, len);
  expect_refused(path, NULL, FACTSTR_UNSUPPORTED_FORMAT, "sparse_v7", NULL);
  marker[8] = '1';
  put_file(path, text, len);
  free(text);
  store = open_sqlite(path, NULL);
  CHECK(head(store) == 1);
  close_store(store);
}

void hold_write_lock(const char *path, int ready, int gate) {
  char shared[700], byte = 0;
  snprintf(shared, sizeof shared, "%s-shm", path);
  int descriptor = open(shared, O_RDWR);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 120, .l_len = 1};
  if (descriptor < 0 || fcntl(descriptor, F_SETLK, &lock) != 0) {
    _exit(1);
  }
  if (write(ready, &byte, 1) != 1 || read(gate, &byte, 1) != 0) {
    _exit(2);
  }
  _exit(0);
}

static void a_locked_database_is_busy(void) { /* G5 */
  char path[600], byte;
  snprintf(path, sizeof path, "%s", fresh_path("locked.db"));
  factstr_store store = open_sqlite(path, "{\"busy_timeout_ms\":50}");
  append_one(store, "a", 1);
  int ready[2], gate[2], status;
  CHECK(pipe(ready) == 0 && pipe(gate) == 0);
  pid_t process = fork();
  if (process == 0) {
    close(gate[1]);
    hold_write_lock(path, ready[1], gate[0]);
  }
  close(ready[1]);
  close(gate[0]);
  CHECK(read(ready[0], &byte, 1) == 1);
  expect_error(append(store, ONE_EVENT), FACTSTR_BUSY, "");
  CHECK(head(store) == 1); /* reading goes on */
  close(gate[1]);
  CHECK(waitpid(process, &status, 0) == process && status == 0);
  close(ready[0]);
  CHECK(append_one(store, "a", 2) == 2); /* G2 */
  close_store(store);
}

void copy_file(const char *from, const char *to) {
  size_t len;
  char *text = read_file(from, &len);
  put_file(to, text, len);
  free(text);
  CHECK(chmod(to, 0755) == 0);
}

const char *library_path(void) {
  Dl_info info;
  union {
    const char *(*function)(void);
    void *address;
  } version = {factstr_version};
  CHECK(dladdr(version.address, &info) != 0);
  return info.dli_fname;
}

/*
 * Runs this program again in another part, without rights of root, with the library of that folder.
 * Returns its exit status.
 */
static int run_again(const char *folder, const char *part, const char *argument, const char *path) {
  char program[600];
  snprintf(program, sizeof program, "%s/program", folder);
  copy_file("/proc/self/exe", program);
  pid_t process = fork();
  if (process == 0) {
    setenv("LD_LIBRARY_PATH", folder, 1);
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) {
      _exit(100);
    }
    execl(program, program, part, argument, path, (char *)NULL);
    _exit(101);
  }
  int status;
  CHECK(waitpid(process, &status, 0) == process);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A folder with a copy of the library that everybody may read. */
static void make_library_folder(char *folder, size_t size) {
  char library[700];
  snprintf(folder, size, "%s", fresh_folder());
  CHECK(chmod(folder, 0755) == 0);
  snprintf(library, sizeof library, "%s/libfactstr.so.0", folder);
  copy_file(library_path(), library);
}

void open_forbidden(const char *path) {
  expect_refused(path, NULL, FACTSTR_BACKEND_FAILURE, path, "permission");
}

static void a_folder_without_rights_is_told(void) {
  char folder[600], path[700];
  make_library_folder(folder, sizeof folder);
  snprintf(path, sizeof path, "%s/forbidden.db", fresh_folder());
  char parent[700];
  snprintf(parent, sizeof parent, "%s", path);
  *strrchr(parent, '/') = '\0';
  CHECK(chmod(parent, 0555) == 0);
  CHECK(run_again(folder, "--open-forbidden", "", path) == 0);
  CHECK(access(path, F_OK) != 0);
}

void open_by_second_copy(const char *library, const char *path) {
  factstr_store store = open_sqlite(path, NULL), other = 7;
  void *copy = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (copy == NULL) {
    FAIL("%s", dlerror());
  }
  union {
    void *address;
    factstr_status (*function)(const char *, const char *, size_t, factstr_store *,
                               factstr_buffer *);
  } open_by_copy = {dlsym(copy, "factstr_sqlite_open")};
  factstr_buffer error;
  answer refused = take(open_by_copy.function(path, NULL, 0, &other, &error), &error);
  CHECK(other == 0);
  const char *message = refused.json == NULL ? "" : json_string(refused.json, "message");
  CHECK(strstr(message, library) != NULL &&
        strstr(message, library_path()) != NULL); /* both are named */
  expect_error(refused, FACTSTR_INVALID_STATE, "copy");
  CHECK(append_one(store, "a", 1) == 1); /* the first one goes on */
  close_store(store);
}

static void a_second_copy_of_the_library_is_refused(void) {
  char folder[600], library[700], path[700];
  make_library_folder(folder, sizeof folder);
  snprintf(library, sizeof library, "%s/second-libfactstr.so.0", folder);
  copy_file(library_path(), library);
  snprintf(path, sizeof path, "%s/data", folder);
  CHECK(mkdir(path, 0777) == 0 && chmod(path, 0777) == 0);
  strcat(path, "/shared.db");
  CHECK(run_again(folder, "--second-copy", library, path) == 0);
}

static void statistics_of(factstr_store store, int bytes) { /* G24 */
  factstr_buffer out;
  expect_ok(append(store, ONE_EVENT));
  factstr_stream stream = open_stream(store, "{\"durable\":{\"name\":\"counted\"}}", NULL, NULL);
  answer told = take(factstr_statistics(store, &out), &out);
  CHECK(told.status == FACTSTR_OK && told.json != NULL);
  CHECK(json_integer(told.json, "head") == 1 && json_integer(told.json, "facts") == 1 &&
        json_integer(told.json, "appends") == 1);
  CHECK(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(told.json, "database_bytes")) == !bytes);
  CHECK(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(told.json, "index_watermark")));
  const cJSON *streams = cJSON_GetObjectItemCaseSensitive(told.json, "streams");
  CHECK(cJSON_GetArraySize(streams) == 1);
  const cJSON *one = cJSON_GetArrayItem(streams, 0);
  CHECK(json_integer(one, "handle") == stream && json_integer(one, "lag") == 1 &&
        strcmp(json_string(one, "durable_name"), "counted") == 0);
  CHECK(strcmp(json_string(one, "state"), "replaying") == 0);
  drop(told);
  CHECK_STATUS(factstr_statistics(store, NULL), FACTSTR_OK);
  close_store(store);
  CHECK_STATUS(factstr_statistics(store, NULL), FACTSTR_INVALID_HANDLE);
}

static void statistics_tell_what_a_store_counts(void) {
  statistics_of(open_memory(NULL), 0);
  statistics_of(open_sqlite(fresh_path("counted.db"), NULL), 1);
  statistics_of(open_postgres(fresh_name(), NULL), 1);
}

void store_tests(void) {
  RUN(statistics_tell_what_a_store_counts,
      "statistics report what a store counts, and how far its streams are");
  RUN(paths_that_name_no_file_are_refused, "paths that name no file are refused");
  RUN(a_file_that_is_no_database_is_refused_and_left_alone,
      "a file that is no database is refused and left alone");
  RUN(a_folder_that_cannot_be_made_is_named,
      "a folder that cannot be made is a failure of the backend");
  RUN(a_missing_folder_is_made,
      "missing folders are made, and odd characters in a path are its own");
  RUN(a_full_disk_is_told_and_writes_nothing,
      "a full disk is reported, writes nothing and consumes no sequence number");
  RUN(limits_are_options, "limits are options of the store");
  RUN(numbers_can_be_asked_for_as_text, "sequence numbers can be asked for as text");
  RUN(one_file_can_be_open_twice, "one file can be open twice, and both see every commit");
  RUN(a_newer_format_is_refused_and_left_alone,
      "a database of a newer format is refused and left alone");
  RUN(a_locked_database_is_busy,
      "a database that another program keeps locked is busy, can be read, and goes on later");
  RUN(a_folder_without_rights_is_told, "the error of a folder without the right to write says so");
  RUN(a_second_copy_of_the_library_is_refused,
      "a second copy of the library in one process is refused on the same file, naming both");
}
