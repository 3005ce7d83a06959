/*
 * Tests of libfactstr through its header, as a C program uses it. Arguments: the folder
 * interop/testdata, and the topic to run; without one all of them run.
 */
#include "tests.h"

#include <stdlib.h>

static char **again;

static void forbidden(void) { open_forbidden(again[3]); }
static void second_copy(void) { open_by_second_copy(again[2], again[3]); }

/* A part of a test that the program runs in a process of its own; -1 if it has another name. */
static int run_part(char **arguments) {
  again = arguments;
  if (strcmp(arguments[1], "--signals") == 0) {
    return signal_part(arguments[2], arguments[3]);
  }
  if (strcmp(arguments[1], "--open-forbidden") == 0) {
    RUN(forbidden, "  (a process without rights)");
  } else if (strcmp(arguments[1], "--second-copy") == 0) {
    RUN(second_copy, "  (a process that loads two copies)");
  } else {
    return -1;
  }
  return tests_passed() == 1 ? 0 : 1;
}

static const char *testdata;

static void vectors(void) { vector_tests(testdata); }
static void scenarios(void) { scenario_tests(testdata); }

static const struct {
  const char *name;
  void (*run)(void);
} topics[] = {
    {"arguments", argument_tests}, /* first: they need a process without an opened store */
    {"logging", logging_tests},    /* then: they begin with what is logged when nothing was set */
    {"vectors", vectors},
    {"scenarios", scenarios},
    {"stores", store_tests},
    {"postgres", postgres_tests},
    {"openings", opening_tests},
    {"requests", request_tests},
    {"streams", stream_tests},
    {"durable", durable_stream_tests},
    {"pending", pending_delivery_tests},
    {"pulled", pulled_stream_tests},
    {"closing", closing_tests},
    {"threads", thread_tests},
    {"turns", turn_tests},
    {"waits", wait_tests},
    {"statuses", status_tests},
    {"forks", fork_tests},
    {"signals", signal_tests},
};

/* Runs one topic, or all of them for NULL, and returns how many that were. */
static int run_topics(const char *wanted) {
  int run = 0;
  for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
    if (wanted == NULL || strcmp(topics[i].name, wanted) == 0) {
      topics[i].run();
      run++;
    }
  }
  return run;
}

static int usage(const char *program) {
  fprintf(stderr, "usage: %s interop/testdata [TOPIC], where TOPIC is one of\n", program);
  for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
    fprintf(stderr, "  %s\n", topics[i].name);
  }
  return 2;
}

int main(int count, char **arguments) {
  int part = count == 4 ? run_part(arguments) : -1;
  if (part != -1) {
    return part;
  }
  if (count != 2 && count != 3) {
    return usage(arguments[0]);
  }
  testdata = arguments[1];
  if (run_topics(arguments[2]) == 0) {
    return usage(arguments[0]);
  }
  remove_folders();
  printf("%d passed, %d failed\n", tests_passed(), tests_failed());
  return tests_failed() == 0 ? 0 : 1;
}
