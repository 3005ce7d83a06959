//go:build !windows

#define _GNU_SOURCE      /* NSIG in strict C11 */
#define _DARWIN_C_SOURCE /* the same on macOS */
#include "signals.h"

#include <pthread.h>

void fs_all_but_faults(sigset_t *set) {
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
  sigfillset(set);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    sigdelset(set, faults[i]);
  }
}

/*
 * The runtime gives each thread that enters it an alternate stack of 32 KiB, for faults in Go. The
 * handlers of a host that asks for SA_ONSTACK, as Python does, would run there from then on, and a
 * few signals that come together overflow it. So the thread has that stack inside calls only. A
 * thread that has an alternate stack of the host keeps it.
 */
static _Thread_local enum { NOT_KNOWN, OF_HOST, OF_RUNTIME } alternate_stack;
static _Thread_local stack_t of_runtime;

void fs_enter(struct fs_hosts *hosts) {
  sigset_t blocked;
  fs_all_but_faults(&blocked);
  pthread_sigmask(SIG_BLOCK, &blocked, &hosts->mask);
  if (alternate_stack != OF_HOST) {
    sigaltstack(alternate_stack == OF_RUNTIME ? &of_runtime : NULL, &hosts->stack);
  }
}

void fs_leave(const struct fs_hosts *hosts) {
  switch (alternate_stack) {
  case NOT_KNOWN:
    if ((hosts->stack.ss_flags & SS_DISABLE) == 0) {
      alternate_stack = OF_HOST; /* or this is a thread of the runtime, inside a callback */
      break;
    }
    sigaltstack(&hosts->stack, &of_runtime);
    alternate_stack = OF_RUNTIME;
    break;
  case OF_RUNTIME:
    sigaltstack(&hosts->stack, NULL);
    break;
  case OF_HOST:
    break;
  }
  pthread_sigmask(SIG_SETMASK, &hosts->mask, NULL);
}

/* ---- Around the start of the Go runtime ---- */

/*
 * The runtime starts in a constructor of this library, on a thread that it creates there, and gives
 * all its threads the mask that this thread was created with. Constructors with a priority run
 * before it. The others run after it, since their objects are linked after it.
 */
#define BEFORE_GO __attribute__((constructor(101)))
#define AFTER_GO __attribute__((constructor))

static sigset_t mask_at_load;
static struct sigaction before_go[NSIG];

BEFORE_GO static void before_runtime(void) {
  fs_mend_table();
  for (int number = 1; number < NSIG; number++) {
    sigaction(number, NULL, &before_go[number]);
  }
  sigset_t blocked;
  fs_all_but_faults(&blocked);
  pthread_sigmask(SIG_BLOCK, &blocked, &mask_at_load);
}

/*
 * Gives the host its handlers back, except for SIGSEGV, SIGBUS and SIGFPE, whose handlers the
 * runtime needs. A runtime whose table was not emptied has also installed handlers for SIGPIPE and
 * SIGURG, and has set SA_ONSTACK on the host's handlers, which may overflow its small alternate
 * stacks.
 */
AFTER_GO static void after_runtime(void) {
  for (int number = 1; number < NSIG; number++) {
    struct sigaction now, *before = &before_go[number];
    if (number == SIGSEGV || number == SIGBUS || number == SIGFPE ||
        sigaction(number, NULL, &now) != 0) {
      continue;
    }
    int is_hosts =
        now.sa_handler == before->sa_handler && (now.sa_flags ^ before->sa_flags) == SA_ONSTACK;
    if (is_hosts || fs_in_library((uintptr_t)now.sa_handler)) {
      sigaction(number, before, NULL);
    }
  }
  pthread_sigmask(SIG_SETMASK, &mask_at_load, NULL);
}

void fs_unblock_in_child(void) { pthread_sigmask(SIG_SETMASK, &mask_at_load, NULL); }
