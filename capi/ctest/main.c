/*
 * Tests of libfactstr through its header, as a C program uses it. Argument: the folder
 * interop/testdata.
 */
#include "tests.h"

#include <stdlib.h>

static char **again;

static void forbidden(void) { open_forbidden(again[3]); }
static void second_copy(void) { open_by_second_copy(again[2], again[3]); }

/* A part of a test that the program runs in a process of its own. */
static int run_part(char **arguments) {
  again = arguments;
  if (strcmp(arguments[1], "--signals") == 0) {
    return signal_part(arguments[2], arguments[3]);
  }
  if (strcmp(arguments[1], "--open-forbidden") == 0) {
    RUN(forbidden, "  (a process without rights)");
  } else {
    RUN(second_copy, "  (a process that loads two copies)");
  }
  return tests_passed() == 1 ? 0 : 1;
}

int main(int count, char **arguments) {
  if (count == 4) {
    return run_part(arguments);
  }
  if (count != 2) {
    fprintf(stderr, "usage: %s interop/testdata\n", arguments[0]);
    return 2;
  }
  argument_tests(); /* first: they need a process without an opened store */
  logging_tests();  /* then: they begin with what is logged when nothing was set */
  vector_tests(arguments[1]);
  scenario_tests(arguments[1]);
  store_tests();
  postgres_tests();
  opening_tests();
  request_tests();
  stream_tests();
  closing_tests();
  thread_tests();
  fork_tests();
  signal_tests();
  remove_folders();
  printf("%d passed, %d failed\n", tests_passed(), tests_failed());
  return tests_failed() == 0 ? 0 : 1;
}
