/* Turns at a memory store, by themselves: what the store does meanwhile needs none of them. */
#ifdef __linux__
#define _GNU_SOURCE
#include "../memory_turns.c"
#include "../sleeping_linux.c"

#include "tests.h"

#include <sched.h>

enum { STORE = 7, CALLERS = 48, EACH = 300 };

static int inside;
static long taken, missed; /* taken is guarded by the turn */

static void *take_turns(void *unused) {
  (void)unused;
  for (int i = 0; i < EACH; i++) {
    struct fs_turn *turn = fs_take_turn(STORE);
    if (turn == NULL) {
      __atomic_add_fetch(&missed, 1, __ATOMIC_RELAXED);
      continue;
    }
    CHECK(__atomic_add_fetch(&inside, 1, __ATOMIC_RELAXED) == 1);
    taken++;
    if (i % 16 == 0) {
      sched_yield();
    }
    CHECK(__atomic_sub_fetch(&inside, 1, __ATOMIC_RELAXED) == 0);
    fs_end_turn(turn);
  }
  return NULL;
}

static void one_thread_has_the_turn(void) {
  pthread_t threads[CALLERS];
  fs_turns_begin(STORE);
  for (int i = 0; i < CALLERS; i++) {
    CHECK(pthread_create(&threads[i], NULL, take_turns, NULL) == 0);
  }
  for (int i = 0; i < CALLERS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
  CHECK(taken + missed == (long)CALLERS * EACH);
  CHECK(place_of(STORE)->ended == taken);
  fs_turns_end(STORE);
}

static void *take_one(void *unused) {
  (void)unused;
  return fs_take_turn(STORE);
}

static void a_turn_that_does_not_end_is_given_up(void) {
  pthread_t other;
  void *got;
  fs_turns_begin(STORE);
  struct fs_turn *turn = fs_take_turn(STORE);
  CHECK(turn != NULL);
  CHECK(pthread_create(&other, NULL, take_one, NULL) == 0);
  CHECK(pthread_join(other, &got) == 0);
  CHECK(got == NULL);
  fs_end_turn(turn);
  CHECK(fs_take_turn(STORE) == turn);
  fs_end_turn(turn);
  fs_turns_end(STORE);
}

static void a_turn_is_handed_over_to_who_has_slept(void) {
  fs_turns_begin(STORE);
  struct fs_turn *turn = place_of(STORE);
  turn->awaited = 0;
  for (int i = 1; i <= IN_A_ROW; i++) {
    CHECK(fs_take_turn(STORE) == turn);
    CHECK(change(turn, TAKEN, AWAITED)); /* as a sleeper does, which gives up */
    fs_end_turn(turn);
    CHECK(state_of(turn) == (i < IN_A_ROW ? FREE : HANDED));
  }
  CHECK(fs_take_turn(STORE) == turn); /* nobody sleeps, and yet it is not lost */
  CHECK(state_of(turn) == AWAITED);
  fs_end_turn(turn);
  fs_turns_end(STORE);
}
#endif

void turn_tests(void) {
#ifdef __linux__
  RUN(one_thread_has_the_turn, "one thread at a time has the turn at a memory store");
  RUN(a_turn_that_does_not_end_is_given_up, "a thread gives up a turn that does not come");
  RUN(a_turn_is_handed_over_to_who_has_slept,
      "a turn that many took in a row is handed over to who has slept, and not lost without");
#endif
}
