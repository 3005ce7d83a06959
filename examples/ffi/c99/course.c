/*
 * FACTSTR from C99: course [DATABASE]
 *
 *   cc -std=c99 course.c -lfactstr -o course
 */
#include <factstr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char seats[] = "{\"filters\":[{\"event_types\":[\"Enrolled\"],"
                            "\"payload_predicates\":[{\"course\":\"go\"}]}]}";

/* Ends the program unless the call went well. */
static void check(factstr_status status, const factstr_buffer *text) {
  if (status == FACTSTR_OK)
    return;
  fprintf(stderr, "%s %s\n", factstr_status_name(status), text->data != NULL ? text->data : "");
  exit(EXIT_FAILURE);
}

/* Enough for the texts here; use a JSON library in a program of your own. */
static int count(const char *json, const char *part) {
  int found = 0;
  while ((json = strstr(json, part)) != NULL) {
    found++;
    json += strlen(part);
  }
  return found;
}

/* A course takes two students, and each of them once, whoever else enrols meanwhile. */
static const char *enrol(factstr_store store, const char *student) {
  static const char version_field[] = "\"current_context_version\":";
  for (;;) {
    factstr_buffer seen, out;
    char events[160], is_student[64];
    check(factstr_query(store, seats, strlen(seats), &seen), &seen);
    snprintf(is_student, sizeof is_student, "\"student\":\"%s\"", student);
    const int in_already = count(seen.data, is_student) > 0;
    const int full = count(seen.data, "\"event_type\":\"Enrolled\"") >= 2;
    /* null, the version of a context without events, is 0 here, which is no event's number. */
    const uint64_t version =
        strtoull(strstr(seen.data, version_field) + strlen(version_field), NULL, 10);
    factstr_buffer_free(&seen);
    if (in_already)
      return "is in already";
    if (full)
      return "finds the course full";
    snprintf(events, sizeof events,
             "[{\"event_type\":\"Enrolled\",\"payload\":{\"course\":\"go\",%s}}]", is_student);
    const factstr_status status = factstr_append_if(
        store, events, strlen(events), seats, strlen(seats), version != 0 ? &version : NULL, &out);
    if (status != FACTSTR_CONDITIONAL_APPEND_CONFLICT)
      check(status, &out);
    factstr_buffer_free(&out);
    if (status == FACTSTR_OK)
      return "is enrolled";
    /* Others were faster: look again. */
  }
}

int main(int argc, char **argv) {
  static const char *const students[] = {"Ada", "Ben", "Ben", "Cleo"};
  factstr_store store;
  factstr_buffer error;
  check(factstr_sqlite_open(argc > 1 ? argv[1] : "course.db", NULL, 0, &store, &error), &error);
  for (size_t i = 0; i < sizeof students / sizeof students[0]; i++)
    printf("%s %s\n", students[i], enrol(store, students[i]));
  check(factstr_store_close(store, &error), &error);
  return EXIT_SUCCESS;
}
