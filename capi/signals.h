/*
 * The signals of the process belong to its host. A handler of the host runs on the stack of the
 * thread that it interrupts, unless it asks for the alternate stack, which few do. The stack of a
 * goroutine is a few kilobytes of heap: a handler that runs there overwrites other memory. So no
 * signal of the host may arrive while a thread runs Go. Three rules see to it:
 *
 * - The threads of the Go runtime block all signals of the host (signals.c, around the start of the
 *   runtime).
 * - A thread of the host blocks them before it enters Go and restores its mask afterwards: fs_enter
 *   and fs_leave, which FROM_GO of public.h calls. A test finds any other way into Go.
 * - A call that has to wait does so in C, with the mask that the host gave the thread: its export
 *   returns FS_LATER and goes on on a goroutine (waiting_in_c.go), and the thread waits in
 *   fs_await. So handlers run, and Ctrl-C works, while a call waits. A wait for the disk is none:
 *   an append that is alone syncs on its own thread, as a program that calls fdatasync would.
 *
 * Only faults stay open, which the processor raises for what the thread itself does. Go turns its
 * own faults into panics and passes the others on.
 *
 * Rejected: SA_ONSTACK for the handlers of the host. The runtime asks for it by itself when it
 * finds handlers, but its alternate stacks are small, and handlers that come together overflow
 * them.
 */
#ifndef FACTSTR_SIGNALS_H
#define FACTSTR_SIGNALS_H

#include "bridge.h"

#ifdef _WIN32

/* Windows interrupts no thread to run a handler on it, so there is nothing to block. */
struct fs_hosts {
  int nothing;
};
static inline void fs_enter(struct fs_hosts *hosts) { hosts->nothing = 0; }
static inline void fs_leave(const struct fs_hosts *hosts) { (void)hosts; }

#else

#include <signal.h>

/* The state of a host's thread, which a call restores. */
struct fs_hosts {
  sigset_t mask;
  stack_t stack; /* the alternate one */
};
void fs_enter(struct fs_hosts *hosts);
void fs_leave(const struct fs_hosts *hosts);

/*
 * Sets the mask of the calling thread to the mask that the library was loaded with. A child that
 * was forked inside a callback would otherwise keep all signals blocked.
 */
void fs_unblock_in_child(void);

/* Fills a set with the signals of the host. */
void fs_all_but_faults(sigset_t *set);
/* Takes the host's signals out of the runtime's table, before the runtime starts. */
void fs_mend_table(void);
/* Reports whether a function is code of this library. */
int fs_in_library(uintptr_t code);

#endif

/* Returns the final status of a call whose export returned `status`; waits if that is FS_LATER. */
factstr_status fs_await(struct fs_wait *wait, factstr_status status);

#endif
