/*
 * Lists the commits that touch a path, in the order in which they were recorded, and prints the
 * version of that context:
 *
 *   commits_of_path STORE PATH
 */
#include <factstr.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* A page of results. What matches may be more than fits into memory; a page never is. */
enum { PAGE = 500 };

static int fail(const char *doing, factstr_status status, factstr_buffer *error) {
  fprintf(stderr, "%s: %s %.*s\n", doing, factstr_status_name(status), (int)error->len,
          error->data != NULL ? error->data : "");
  factstr_buffer_free(error);
  return EXIT_FAILURE;
}

/*
 * Opens the store that an argument names: a PostgreSQL database by its URL, a SQLite database by
 * its path.
 */
static factstr_status open_store(const char *name, factstr_store *store, factstr_buffer *error) {
  if (strncmp(name, "postgres://", 11) == 0 || strncmp(name, "postgresql://", 13) == 0)
    return factstr_postgres_open(name, NULL, 0, store, error);
  return factstr_sqlite_open(name, NULL, 0, store, error);
}

/*
 * Asks for the commits after sequence number `after`. A predicate matches a payload that contains
 * it: here one whose list of files has an element with this path, whatever else is in the list and
 * in the element.
 */
static factstr_status query_page(factstr_store store, const char *quoted_path, uint64_t after,
                                 factstr_buffer *result) {
  static const char form[] = "{\"filters\":[{\"event_types\":[\"CommitRecorded\"],\"payload_"
                             "predicates\":[{\"files\":[{\"path\":%s}]}]}],"
                             "\"min_sequence_number\":%" PRIu64 ",\"limit\":%d}";
  const size_t size = sizeof form + strlen(quoted_path) + 64;
  char *query = malloc(size);
  factstr_status status = FACTSTR_INTERNAL;
  if (query != NULL) {
    const int len = snprintf(query, size, form, quoted_path, after, PAGE);
    status = factstr_query(store, query, (size_t)len, result);
  }
  free(query);
  return status;
}

static void print_commit(json_value record) {
  const json_value commit = json_field(record, "payload");
  const json_value hash = json_field(commit, "hash"), subject = json_field(commit, "subject");
  /*
   * The hash without its quotes; the subject stays in JSON's quotes, in which no character can
   * upset a terminal.
   */
  printf("%.*s %.*s\n", (int)hash.len - 2, hash.text + 1, (int)subject.len, subject.text);
}

static int list(factstr_store store, const char *quoted_path) {
  unsigned commits = 0;
  uint64_t after = 0;
  for (;;) {
    factstr_buffer result;
    const factstr_status status = query_page(store, quoted_path, after, &result);
    if (status != FACTSTR_OK)
      return fail("cannot query", status, &result);

    const json_value whole = {result.data, result.len};
    const json_value records = json_field(whole, "event_records");
    json_value record = {NULL, 0};
    unsigned returned = 0;
    while ((record = json_next(records, record)).len > 0) {
      print_commit(record);
      returned++;
    }
    commits += returned;
    if (returned == PAGE) {
      after = strtoull(json_field(whole, "last_returned_sequence_number").text, NULL, 10);
      factstr_buffer_free(&result);
      continue;
    }
    /*
     * The version speaks of all that matches, not of this page. appendIf with it succeeds only
     * while no further commit touches the path.
     */
    const json_value version = json_field(whole, "current_context_version");
    printf("  %u commits, context version %.*s\n", commits, (int)version.len, version.text);
    factstr_buffer_free(&result);
    return EXIT_SUCCESS;
  }
}

int main(int argc, char **argv) {
  factstr_store store;
  factstr_buffer error;
  char *quoted_path;
  int outcome;
  if (argc != 3) {
    fprintf(stderr, "usage: commits_of_path STORE PATH\n");
    return 2;
  }
  const factstr_status opened = open_store(argv[1], &store, &error);
  if (opened != FACTSTR_OK)
    return fail("cannot open the store", opened, &error);
  quoted_path = json_quote(argv[2]);
  outcome = quoted_path != NULL ? list(store, quoted_path) : EXIT_FAILURE;
  free(quoted_path);
  const factstr_status closed = factstr_store_close(store, &error);
  if (closed != FACTSTR_OK)
    return fail("cannot close the store", closed, &error);
  return outcome;
}
