#include "bridge.h"
#include "sleeping.h"

#include <stddef.h>

enum { FREE, TAKEN, AWAITED };

struct fs_turn {
  _Alignas(64) uint64_t store; /* 0: free */
  uint32_t state;
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

static uint32_t swap(struct fs_turn *turn, uint32_t state) {
  return __atomic_exchange_n(&turn->state, state, __ATOMIC_ACQ_REL);
}

struct fs_turn *fs_take_turn(factstr_store store) {
  struct fs_turn *turn = place_of(store);
  if (store == 0 || __atomic_load_n(&turn->store, __ATOMIC_RELAXED) != store) {
    return NULL;
  }
  for (int looks = 0; looks < 200; looks++) { /* shorter than most appends */
    uint32_t state = FREE;
    if (__atomic_load_n(&turn->state, __ATOMIC_RELAXED) == FREE &&
        __atomic_compare_exchange_n(&turn->state, &state, TAKEN, 0, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED)) {
      return turn;
    }
  }
  for (int waits = 0; waits < 16; waits++) {
    if (swap(turn, AWAITED) == FREE) {
      return turn;
    }
    fs_sleep_while(&turn->state, AWAITED, 1);
  }
  return NULL;
}

void fs_end_turn(struct fs_turn *turn) {
  if (turn != NULL && swap(turn, FREE) == AWAITED) {
    fs_wake(&turn->state);
  }
}
