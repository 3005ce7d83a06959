//go:build !windows

/*
 * A child after fork() has the memory of the library, but none of its threads, so entering Go would
 * hang there. Every public function checks fs_in_child first. The child closes its copies of
 * descriptors: descriptors.c says why.
 */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "public.h"

#include <pthread.h>
#include <signal.h>

static volatile sig_atomic_t forked;

int fs_in_child(void) { return forked; }

static void after_fork_in_child(void) {
  forked = 1;
  fs_close_descriptors();
  if (fs_inside_callback()) {
    fs_unblock_in_child();
  }
}

__attribute__((constructor)) static void watch_forks(void) {
  pthread_atfork(NULL, NULL, after_fork_in_child);
}
