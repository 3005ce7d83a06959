/* How callers of appends wait in C, by itself: groups that end, without a store. */
#ifdef __linux__
#define _GNU_SOURCE
#undef _DEFAULT_SOURCE /* waits.c defines it */
#include "../waits.c"

#include "tests.h"

#include <sched.h>
#include <time.h>

enum { STORE = 7, OTHER_STORE = 8, CALLERS = 12, EACH = 2000 };

struct waiting {
  pthread_t thread;
  struct fs_append append;
};

static void *wait_once(void *of) {
  struct waiting *waiting = of;
  CHECK(fs_await(&waiting->append.wait, FS_LATER) == FACTSTR_OK);
  return NULL;
}

static void begin(struct waiting *waiting, factstr_store store) {
  waiting->append = (struct fs_append){.wait.shared = fs_word_of(store)};
  CHECK(pthread_create(&waiting->thread, NULL, wait_once, waiting) == 0);
  while (__atomic_load_n(&waiting->append.wait.state, __ATOMIC_ACQUIRE) != SLEEPS) {
    sched_yield();
  }
}

static int has_returned(struct waiting *waiting) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 10;
  return pthread_timedjoin_np(waiting->thread, NULL, &until) == 0;
}

static void a_group_wakes_its_own_callers(void) {
  struct waiting taken, next;
  begin(&taken, STORE);
  fs_group_taken(STORE);
  begin(&next, STORE);
  CHECK(taken.append.wait.shared != next.append.wait.shared);
  uint32_t before = *next.append.wait.shared;
  fs_finish_all(&taken.append);
  CHECK(has_returned(&taken));
  CHECK(*next.append.wait.shared == before); /* nobody was woken there */
  fs_finish(&next.append.wait, FACTSTR_OK);
  CHECK(has_returned(&next));
}

/* They are of as many groups as there are words, and more, and of two stores. */
static void one_call_wakes_callers_of_many_words(void) {
  struct waiting waiting[CALLERS];
  for (int i = 0; i < CALLERS; i++) {
    factstr_store store = i % 2 == 0 ? STORE : OTHER_STORE;
    begin(&waiting[i], store);
    waiting[i].append.next = i == 0 ? NULL : &waiting[i - 1].append;
    fs_group_taken(store);
  }
  fs_finish_all(&waiting[CALLERS - 1].append);
  for (int i = 0; i < CALLERS; i++) {
    CHECK(has_returned(&waiting[i]));
  }
}

static struct fs_append *asked; /* the newest first */
static int running;

static void *ask_again_and_again(void *unused) {
  (void)unused;
  for (int i = 0; i < EACH; i++) {
    struct fs_append append = {.wait.shared = fs_word_of(STORE)};
    append.next = __atomic_load_n(&asked, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(&asked, &append.next, &append, 0, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED)) {
    }
    CHECK(fs_await(&append.wait, FS_LATER) == FACTSTR_OK);
  }
  __atomic_sub_fetch(&running, 1, __ATOMIC_RELAXED);
  return NULL;
}

static void no_wake_is_lost(void) {
  pthread_t threads[CALLERS];
  running = CALLERS;
  for (int i = 0; i < CALLERS; i++) {
    CHECK(pthread_create(&threads[i], NULL, ask_again_and_again, NULL) == 0);
  }
  for (unsigned round = 0; __atomic_load_n(&running, __ATOMIC_RELAXED) > 0; round++) {
    struct fs_append *group = __atomic_exchange_n(&asked, NULL, __ATOMIC_ACQUIRE);
    fs_group_taken(STORE);
    if (round % 3 == 0) {
      sched_yield(); /* so that some sleep and some do not */
    }
    fs_finish_all(group);
  }
  for (int i = 0; i < CALLERS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
}
#endif

void wait_tests(void) {
#ifdef __linux__
  RUN(a_group_wakes_its_own_callers, "a group that ends wakes its own callers, and not the next");
  RUN(one_call_wakes_callers_of_many_words, "one call wakes callers that sleep at many words");
  RUN(no_wake_is_lost, "callers that wait again and again are all woken");
#endif
}
