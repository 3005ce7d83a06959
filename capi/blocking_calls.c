/* Appends and queries that answer in the same call. */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "append_calls.h"
#include "public.h"

/*
 * How appends of many threads reach Go together
 *
 * A thread that enters Go needs one of its processors, and while all are in use it sleeps inside
 * the runtime, to be woken by a goroutine that needs a processor itself. Sixty-four threads that do
 * so for each append get half of what the store can give. So threads do not enter Go one by one.
 * Each puts its append, which lies on its stack, into a list (joined). Only the thread that found
 * the list empty enters Go, and takes the whole list there (fs_take_joined). All threads, also
 * that one, then wait in C until the group of their append was committed; its answers are written
 * one after the other, and the threads are woken by one call of the system (fs_finish_all). The
 * next group starts after that, and so holds what these threads append next.
 *
 * Invariants:
 *
 * - A list that is not empty has one thread on its way to take it. So nothing may stop that thread
 *   between its entry in the list and Go: it blocks its signals before, or a handler that appends
 *   would wait for the thread that it interrupted. The other threads leave their signals open.
 * - Whoever takes the list finishes each append in it exactly once, and touches none afterwards,
 *   since its stack frame may be gone. Each list is taken by an exchange, so two threads that take
 *   at the same time hold different appends; the stores of one list may differ.
 * - A long text does not join, since decoding it would keep the others waiting, and neither does an
 *   append that has its turn at a memory store (memory_turns.c).
 *
 * An append that is alone, and finds the store's queue idle, is committed on its own thread: two
 * thread switches would take longer than all else but the sync. Its signals are blocked meanwhile,
 * so it may wait for the disk there and for nobody else; another process's lock may be held for as
 * long as busy_timeout_ms. If anybody is in the way, a goroutine carries it out, and the thread
 * waits in C as all others do (Queue.AtOnce in core/internal/commit). A query, or the context of
 * an append, that memory and a few facts of the index answer is read on the caller's thread for the
 * same reason, and within the same bounds (core/query_at_once.go).
 */
static struct fs_append *joined; /* the newest first */

struct fs_append *fs_take_joined(void) {
  struct fs_append *newest = __atomic_exchange_n(&joined, NULL, __ATOMIC_ACQUIRE), *oldest = NULL;
  while (newest != NULL) {
    struct fs_append *next = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = next;
  }
  return oldest;
}

/* Returns FS_LATER. */
static factstr_status join(struct fs_append *append) {
  struct fs_hosts hosts;
  int inside = 0;
  struct fs_append *newest = __atomic_load_n(&joined, __ATOMIC_RELAXED);
  do {
    if (newest == NULL && !inside) {
      fs_enter(&hosts);
      inside = 1;
    }
    append->next = newest;
  } while (!__atomic_compare_exchange_n(&joined, &newest, append, 0, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED));
  factstr_status status = FS_LATER;
  if (newest == NULL) {
    ENTERED(status, appends());
  }
  if (inside) {
    fs_leave(&hosts);
  }
  return status;
}

/* What factstr_append and its conditional forms have in common. */
static factstr_status run(struct fs_append append) {
  enum { SHORT = 64 << 10 }; /* bytes of text, which are decoded within a millisecond */
  const char *events = append.events;
  REFUSE_CHILD(append.out);
  REQUIRE_TEXT(events, append.out);
  struct fs_turn *turn = fs_take_turn(append.store);
  factstr_status status;
  if (turn != NULL || append.events_len > SHORT || append.context_len > SHORT) {
    FROM_GO(status, append(&append, turn != NULL));
    fs_end_turn(turn);
  } else {
    append.wait.shared = fs_word_of(append.store);
    status = join(&append);
  }
  return fs_await(&append.wait, status);
}

factstr_status factstr_append(factstr_store store, const char *events, size_t events_len,
                              factstr_buffer *out) {
  return run(fs_append_plain(store, events, events_len, out));
}

factstr_status factstr_append_if(factstr_store store, const char *events, size_t events_len,
                                 const char *query, size_t query_len, const uint64_t *expected,
                                 factstr_buffer *out) {
  return run(fs_append_if(store, events, events_len, query, query_len, expected, out));
}

factstr_status factstr_append_when(factstr_store store, const char *events, size_t events_len,
                                   const char *conditions, size_t conditions_len,
                                   factstr_buffer *out) {
  return run(fs_append_when(store, events, events_len, conditions, conditions_len, out));
}

factstr_status factstr_query(factstr_store store, const char *query, size_t query_len,
                             factstr_buffer *out) {
  REFUSE_CHILD(out);
  REQUIRE_OPTIONAL(query, query_len, out);
  IN_GO(query(store, MUTABLE(query), query_len, out, wait));
}
