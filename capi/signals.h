/*
 * The signals of the process are its host's. Handlers that a host installs run on the stack of the
 * thread that they interrupt, unless they ask for the alternate one (few do), and the stack of a
 * goroutine is a few kilobytes of heap. So no signal of the host's may arrive while a thread runs
 * Go:
 *
 * - Threads of the runtime are made with all of them blocked, see signals.c.
 * - A thread of the host's that enters Go blocks them first and restores its mask afterwards.
 * - Where a call has to wait, it does so in C and with the mask that the host gave the thread:
 *   fs_await.
 *
 * Only signals that the processor raises by what the thread itself does stay open. Go makes panics
 * of those that are its own, and passes on the others.
 */
#ifndef FACTSTR_SIGNALS_H
#define FACTSTR_SIGNALS_H

#include "bridge.h"

#include <signal.h>

/* What a thread of the host has, and has again after a call. */
struct fs_hosts {
  sigset_t mask;
  stack_t stack; /* the alternate one */
};
void fs_enter(struct fs_hosts *hosts);
void fs_leave(const struct fs_hosts *hosts);

/*
 * Gives the thread of a child that was forked inside a callback the mask that the library was
 * loaded with.
 */
void fs_unblock_in_child(void);

/* The status of a call whose Go part answered `status`: waits for it if that is FS_LATER. */
factstr_status fs_await(struct fs_wait *wait, factstr_status status);

#endif
