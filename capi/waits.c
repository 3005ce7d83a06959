/*
 * How a thread of the host waits in C for an answer, on all systems. sleeping.h says how it sleeps.
 */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "signals.h"
#include "sleeping.h"

/* The states of fs_wait.state. An answer that comes before its thread sleeps wakes nobody. */
enum { AWAKE, SLEEPS, DONE };

factstr_status fs_await(struct fs_wait *wait, factstr_status status) {
  if (status != FS_LATER) {
    return status;
  }
  uint32_t state = AWAKE;
  __atomic_compare_exchange_n(&wait->state, &state, SLEEPS, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE);
  while (__atomic_load_n(&wait->state, __ATOMIC_ACQUIRE) != DONE) {
    fs_sleep_while(&wait->state, SLEEPS, -1);
  }
  return wait->status;
}

static void finish(struct fs_wait *wait) {
  uint32_t *state = &wait->state;
  if (__atomic_exchange_n(state, DONE, __ATOMIC_RELEASE) == SLEEPS) {
    fs_wake(state); /* the caller may have returned by now, and its stack frame may be gone */
  }
}

void fs_finish(struct fs_wait *wait, factstr_status status) {
  wait->status = status;
  finish(wait);
}

void fs_finish_all(struct fs_append *appends) {
  for (struct fs_append *next; appends != NULL; appends = next) {
    next = appends->next;
    finish(&appends->wait);
  }
}
