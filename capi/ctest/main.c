/* Tests of libfactstr through its header, as a C program uses it. Argument: the folder interop/testdata. */
#include "tests.h"

#include <stdlib.h>

int main(int count, char **arguments) {
  if (count != 2) {
    fprintf(stderr, "usage: %s interop/testdata\n", arguments[0]);
    return 2;
  }
  argument_tests(); /* first: they need a process without an opened store */
  vector_tests(arguments[1]);
  scenario_tests(arguments[1]);
  store_tests();
  request_tests();
  stream_tests();
  closing_tests();
  thread_tests();
  fork_tests();
  remove_folders();
  printf("%d passed, %d failed\n", tests_passed(), tests_failed());
  return tests_failed() == 0 ? 0 : 1;
}
