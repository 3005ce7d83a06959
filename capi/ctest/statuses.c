/* The statuses that the header lists for each function: the program in statuses/ plays them. */
#include "tests.h"

#include <sys/wait.h>
#include <unistd.h>

static void listed_statuses_are_those_that_are_returned(void) {
  pid_t process = fork();
  if (process == 0) {
    execlp("python3", "python3", "capi/ctest/statuses", "include/factstr.h", library_path(),
           (char *)NULL);
    _exit(101);
  }
  int status;
  CHECK(waitpid(process, &status, 0) == process);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void status_tests(void) {
  RUN(listed_statuses_are_those_that_are_returned,
      "every function returns the statuses that the header lists, and no other");
}
