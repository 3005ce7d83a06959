/*
 * How a thread of the host waits in C for an answer, on all systems. sleeping.h says how it sleeps.
 */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "signals.h"
#include "sleeping.h"

/* The states of fs_wait.state. An answer that comes before its thread sleeps wakes nobody. */
enum { AWAKE, SLEEPS, DONE };

/*
 * How a group wakes its callers by one call of the system
 *
 * Callers of appends sleep at words that they share, and a group that ends wakes everybody at the
 * word of its callers. A call for each of them would be most of what a group of 64 costs. Those who
 * wait for the next group must sleep elsewhere, or each group would wake them for nothing. So a
 * store has several words, and its callers go on to the next one whenever a group is taken: who
 * comes before that is in this group, who comes after it in a later one.
 *
 * That is only about who is woken for nothing. An append may enter another group than its caller's
 * word says: it is set aside, or comes to the queue just after the group was taken; and the words
 * of two stores may be the same. So whoever is woken looks at its own state, and whoever ends a
 * wait wakes the word that stands in it.
 *
 * A wake is never lost: who ends a wait changes its state, then the word, then wakes; who waits
 * reads the word, then its state, and sleeps only while the word is as it was.
 */
enum { STORES = 64, WORDS = 4 };

static struct sleepers {
  _Alignas(64) uint32_t groups; /* taken so far */
  uint32_t words[WORDS];
} sleepers[STORES];

static struct sleepers *sleepers_of(factstr_store store) { return &sleepers[store % STORES]; }

uint32_t *fs_word_of(factstr_store store) {
  struct sleepers *of = sleepers_of(store);
  return &of->words[__atomic_load_n(&of->groups, __ATOMIC_RELAXED) % WORDS];
}

void fs_group_taken(factstr_store store) {
  __atomic_add_fetch(&sleepers_of(store)->groups, 1, __ATOMIC_RELAXED);
}

factstr_status fs_await(struct fs_wait *wait, factstr_status status) {
  if (status != FS_LATER) {
    return status;
  }
  uint32_t *word = wait->shared != NULL ? wait->shared : &wait->state;
  uint32_t seen = AWAKE;
  __atomic_compare_exchange_n(&wait->state, &seen, SLEEPS, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE);
  for (;;) {
    seen = __atomic_load_n(word, __ATOMIC_ACQUIRE);
    if (__atomic_load_n(&wait->state, __ATOMIC_ACQUIRE) == DONE) {
      return wait->status;
    }
    fs_sleep_while(word, seen, -1);
  }
}

/*
 * Ends a wait, and returns the shared word at which its thread must be woken, or NULL. The caller
 * may have returned by then, and its stack frame may be gone.
 */
static uint32_t *end(struct fs_wait *wait) {
  uint32_t *shared = wait->shared, *state = &wait->state;
  if (__atomic_exchange_n(state, DONE, __ATOMIC_RELEASE) != SLEEPS) {
    return NULL;
  }
  if (shared == NULL) {
    fs_wake(state);
  }
  return shared;
}

static void wake_all(uint32_t *word) {
  if (word != NULL) {
    __atomic_add_fetch(word, 1, __ATOMIC_RELEASE);
    fs_wake_all(word);
  }
}

void fs_finish(struct fs_wait *wait, factstr_status status) {
  wait->status = status;
  wake_all(end(wait));
}

void fs_finish_all(struct fs_append *appends) {
  uint32_t *words[WORDS] = {NULL};
  for (struct fs_append *next; appends != NULL; appends = next) {
    next = appends->next;
    uint32_t *word = end(&appends->wait);
    if (word != NULL) {
      uint32_t **place = &words[(uintptr_t)word / sizeof *word % WORDS];
      if (*place != word) { /* a group mostly has one word, or two */
        wake_all(*place);
        *place = word;
      }
    }
  }
  for (int i = 0; i < WORDS; i++) {
    wake_all(words[i]);
  }
}
