/*
 * A small frame for tests: each has a sentence for a name; a failed check prints where and ends its
 * test.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

typedef void (*test_function)(void);

/* Runs a test, prints its name and outcome, and checks that it left no handle open. */
void run_test(const char *name, test_function test);
/* The same for tests that are read from files. */
void run_case(const char *group, const char *name, void (*test)(const void *), const void *data);

int tests_passed(void);
int tests_failed(void);

/* Ends the running test as failed. */
_Noreturn void fail_test(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define RUN(test, name) run_test(name, test)
#define FAIL(...) fail_test(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(condition)                                                                           \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      FAIL("%s does not hold", #condition);                                                        \
    }                                                                                              \
  } while (0)
#define CHECK_STATUS(call, expected)                                                               \
  do {                                                                                             \
    factstr_status got_ = (call);                                                                  \
    if (got_ != (expected)) {                                                                      \
      FAIL("%s returned %s, not %s", #call, factstr_status_name(got_),                             \
           factstr_status_name(expected));                                                         \
    }                                                                                              \
  } while (0)

#endif
