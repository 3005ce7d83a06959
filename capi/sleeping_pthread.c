//go:build darwin || (linux && factstr_pthread_sleep)

/*
 * For macOS, whose own way to wait for an address is public from version 14.4 on only. Linux builds
 * this with a tag, so that it can be tested there.
 *
 * Threads sleep at one of a few places, by the address of their word. Whoever changes a word does
 * so before it takes the lock of the place (fs_wake), and a thread looks at its word under that
 * lock, so no wake is lost. Threads of other words are woken for nothing, and sleep again.
 *
 * A handler of the host that interrupts a thread must find no lock of this file held, since it may
 * call the library. So signals are blocked while the thread holds the lock, which it also does on
 * its way into and out of a condition's wait. Therefore it sleeps in slices, and handlers run
 * between them: at most SLICE_MS late.
 */
#define _GNU_SOURCE
#define _DARWIN_C_SOURCE
#include "sleeping.h"

#include "signals.h"

#include <pthread.h>
#include <stddef.h>
#include <time.h>

enum { SLICE_MS = 50, PLACES = 64 };

static struct place {
  _Alignas(64) pthread_mutex_t lock;
  pthread_cond_t changed;
} places[PLACES];

__attribute__((constructor)) static void make_places(void) {
  for (int i = 0; i < PLACES; i++) {
    pthread_mutex_init(&places[i].lock, NULL);
    pthread_cond_init(&places[i].changed, NULL);
  }
}

static struct place *place_of(const uint32_t *word) {
  uint64_t mixed = (uintptr_t)word * UINT64_C(0x9e3779b97f4a7c15);
  return &places[mixed >> 58];
}

static void wait_for_change(struct place *place, int32_t ms) {
#ifdef __APPLE__
  const struct timespec limit = {ms / 1000, ms % 1000 * 1000000L};
  pthread_cond_timedwait_relative_np(&place->changed, &place->lock, &limit);
#else
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += ms * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  pthread_cond_timedwait(&place->changed, &place->lock, &until);
#endif
}

void fs_sleep_while(uint32_t *word, uint32_t value, int32_t ms) {
  struct place *place = place_of(word);
  sigset_t blocked, before;
  int cancellation;
  fs_all_but_faults(&blocked);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancellation);
  pthread_mutex_lock(&place->lock);
  if (__atomic_load_n(word, __ATOMIC_ACQUIRE) == value) {
    wait_for_change(place, ms < 0 || ms > SLICE_MS ? SLICE_MS : ms);
  }
  pthread_mutex_unlock(&place->lock);
  pthread_setcancelstate(cancellation, NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/*
 * On a thread of the runtime, or on one of the host's that blocks its signals, save for a turn at a
 * memory store: so they are blocked here, too.
 */
void fs_wake_all(uint32_t *word) {
  struct place *place = place_of(word);
  sigset_t blocked, before;
  fs_all_but_faults(&blocked);
  pthread_sigmask(SIG_BLOCK, &blocked, &before);
  pthread_mutex_lock(&place->lock);
  pthread_cond_broadcast(&place->changed);
  pthread_mutex_unlock(&place->lock);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void fs_wake(uint32_t *word) { fs_wake_all(word); }
