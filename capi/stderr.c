//go:build !windows

#define _POSIX_C_SOURCE 200809L /* sigset_t in strict C11 */
#define _DARWIN_C_SOURCE
#include "bridge.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

/* Takes back a SIGPIPE that is pending. */
static void take_pipe_signal(void) {
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
#ifdef __APPLE__ /* which has no sigtimedwait */
  sigset_t pending;
  int taken;
  sigpending(&pending);
  if (sigismember(&pending, SIGPIPE)) {
    sigwait(&pipe, &taken);
  }
#else
  static const struct timespec at_once;
  sigtimedwait(&pipe, NULL, &at_once);
#endif
}

/*
 * Writing to a closed pipe raises SIGPIPE, which is blocked here and would end the host when the
 * call returns; so it is taken back. If nobody empties the pipe, the rest of the line is lost:
 * waiting on would block factstr_log_set, which waits for this thread.
 */
void fs_write_stderr(const char *text, size_t len) {
  enum { PATIENCE_MS = 1000 };
  sigset_t pending;
  sigpending(&pending);
  while (len > 0 && !fs_holds_descriptor(STDERR_FILENO)) {
    struct pollfd room = {STDERR_FILENO, POLLOUT, 0};
    int ready = poll(&room, 1, PATIENCE_MS);
    if (ready < 0 && errno == EINTR) {
      continue;
    }
    if (ready <= 0) {
      return;
    }
    ssize_t written = write(
        STDERR_FILENO, text,
        len < PIPE_BUF ? len : PIPE_BUF); /* for which there is room in a pipe that is ready */
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written < 0 && errno == EPIPE && !sigismember(&pending, SIGPIPE)) {
      take_pipe_signal();
    }
    if (written <= 0) {
      return;
    }
    text += written;
    len -= (size_t)written;
  }
}
