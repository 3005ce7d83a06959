#include "check.h"

#include "factstr.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;
static jmp_buf out_of_test;
static pthread_t main_thread;
static uint64_t open_before; /* what a failed test left open is not blamed on the next one */

int tests_passed(void) { return passed; }
int tests_failed(void) { return failed; }

void fail_test(const char *file, int line, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "  %s:%d: ", file, line);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  if (!pthread_equal(pthread_self(), main_thread)) {
    /* There is no way out of a callback or another thread but the end of everything. */
    printf("FAIL (on a thread of its own)\n");
    exit(1);
  }
  longjmp(out_of_test, 1);
}

static void nothing_left(void) {
  uint64_t open = factstr_open_handles();
  if (open != open_before) {
    FAIL("%lld handles are open at the end", (long long)(open - open_before));
  }
}

static void count(const char *group, const char *name, int ok) {
  printf("%s %s%s\n", ok ? "ok  " : "FAIL", group, name);
  fflush(stdout);
  *(ok ? &passed : &failed) += 1;
}

void run_test(const char *name, test_function test) {
  main_thread = pthread_self();
  open_before = factstr_open_handles();
  if (setjmp(out_of_test) == 0) {
    test();
    nothing_left();
    count("", name, 1);
  } else {
    count("", name, 0);
  }
}

void run_case(const char *group, const char *name, void (*test)(const void *), const void *data) {
  main_thread = pthread_self();
  open_before = factstr_open_handles();
  if (setjmp(out_of_test) == 0) {
    test(data);
    nothing_left();
    count(group, name, 1);
  } else {
    count(group, name, 0);
  }
}
