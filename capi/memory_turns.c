#include "bridge.h"
#include "sleeping.h"

#include <stddef.h>

/*
 * A turn is a lock that threads sleep for (state), and that a thread which comes just when it is
 * free may take before those who sleep: the next append of a thread that runs already is cheaper
 * than to wake another one. So that nobody sleeps for long, each IN_A_ROW turns that others waited
 * for one is handed over: only who has slept takes a turn that is HANDED.
 *
 * - Whoever finds the turn taken makes it AWAITED before it sleeps, and so does a sleeper that gets
 *   it, since it does not know whether others sleep. Who ends an AWAITED turn wakes one. So as long
 *   as anybody sleeps, each end of a turn wakes one.
 * - A sleeper that is woken for a turn that another one took sleeps again. It gives up when no turn
 *   has ended while it slept twice, for STUCK_MS or more: somebody's condition takes long to compare.
 *   Once is not enough, since a signal ends a sleep. Sleeps become longer, since sleepers are woken
 *   in the order in which they came, and who sleeps again is the last of them.
 * - A turn may be handed to sleepers who have all just given up. Then the next thread sleeps once,
 *   for MISSED_MS, and has slept.
 *
 * Sleeping in slices of a millisecond was the larger part of what 1,024 threads did: each slice is
 * a timer and a wake-up.
 */
enum { FREE, TAKEN, AWAITED, HANDED };

enum { STUCK_MS = 16, MISSED_MS = 1, SLEEPS_MAX = 1000, IN_A_ROW = 16 };

struct fs_turn {
  _Alignas(64) uint64_t store; /* 0: free */
  uint32_t state;
  uint32_t ended;   /* turns so far; whoever has the turn writes it */
  uint32_t awaited; /* turns since the last one that was handed over; the same */
};

static struct fs_turn turns[64];

static struct fs_turn *place_of(factstr_store store) {
  return &turns[store % (sizeof turns / sizeof *turns)];
}

void fs_turns_begin(factstr_store store) {
  uint64_t none = 0;
  __atomic_compare_exchange_n(&place_of(store)->store, &none, store, 0, __ATOMIC_RELAXED,
                              __ATOMIC_RELAXED);
}

void fs_turns_end(factstr_store store) {
  uint64_t own = store;
  __atomic_compare_exchange_n(&place_of(store)->store, &own, 0, 0, __ATOMIC_RELAXED,
                              __ATOMIC_RELAXED);
}

static uint32_t state_of(struct fs_turn *turn) {
  return __atomic_load_n(&turn->state, __ATOMIC_RELAXED);
}

/* Makes the state `to` if it is `from`. */
static int change(struct fs_turn *turn, uint32_t from, uint32_t to) {
  return __atomic_compare_exchange_n(&turn->state, &from, to, 0, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED);
}

static struct fs_turn *sleep_for(struct fs_turn *turn) {
  uint32_t ended = __atomic_load_n(&turn->ended, __ATOMIC_RELAXED);
  for (int sleeps = 0, quiet = 0; sleeps < SLEEPS_MAX && quiet < 2; sleeps++) {
    uint32_t state = state_of(turn);
    while (state == FREE || state == TAKEN || (state == HANDED && sleeps > 0)) {
      if (!change(turn, state, AWAITED)) {
        state = state_of(turn);
      } else if (state == TAKEN) {
        state = AWAITED;
      } else {
        return turn;
      }
    }
    int32_t longer = STUCK_MS << (sleeps < 3 ? sleeps : 3);
    fs_sleep_while(&turn->state, state, state == HANDED ? MISSED_MS : longer);
    uint32_t now = __atomic_load_n(&turn->ended, __ATOMIC_RELAXED);
    quiet = now == ended && state != HANDED ? quiet + 1 : 0;
    ended = now;
  }
  return NULL;
}

struct fs_turn *fs_take_turn(factstr_store store) {
  struct fs_turn *turn = place_of(store);
  if (store == 0 || __atomic_load_n(&turn->store, __ATOMIC_RELAXED) != store) {
    return NULL;
  }
  for (int looks = 0; looks < 200; looks++) { /* shorter than most appends */
    if (state_of(turn) == FREE && change(turn, FREE, TAKEN)) {
      return turn;
    }
  }
  return sleep_for(turn);
}

void fs_end_turn(struct fs_turn *turn) {
  if (turn == NULL) {
    return;
  }
  __atomic_store_n(&turn->ended, turn->ended + 1, __ATOMIC_RELAXED);
  uint32_t next = FREE;
  if (state_of(turn) == AWAITED && ++turn->awaited >= IN_A_ROW) {
    turn->awaited = 0;
    next = HANDED;
  }
  if (__atomic_exchange_n(&turn->state, next, __ATOMIC_ACQ_REL) == AWAITED) {
    fs_wake(&turn->state);
  }
}
