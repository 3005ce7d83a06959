/*
 * Places in which callers mark batches as handled, without a call into Go: factstr_stream_advance
 * is called for each batch. capi/internal/objects/advance.go says what for.
 *
 * A stream has a place while a delivery of several batches is open; which one depends on its
 * handle. A second stream of the same place does without, and its calls enter Go.
 *
 * `state` holds how many batches are marked, whether the place is open, and a generation that rises
 * with each opening. The other fields are written while the place is not open. So an exchange of
 * the state that succeeds proves that they were read as they are, and that neither the place was
 * closed meanwhile nor the mark goes back. No lock is taken: a thread that is stopped here stops
 * nobody.
 */
#include "bridge.h"

enum { MARKED = 0x7fff, OPEN = 0x8000, GENERATION = 0x10000 };

struct place {
  _Alignas(64) uint64_t stream; /* 0: free */
  uint64_t state;
  uint64_t first;
  uint32_t count;
};

static struct place places[1024];

static struct place *place_of(factstr_stream stream) {
  return &places[stream % (sizeof places / sizeof *places)];
}

int fs_marks_open(factstr_stream stream, factstr_delivery first, uint32_t count) {
  struct place *place = place_of(stream);
  uint64_t none = 0;
  if (count > MARKED || !__atomic_compare_exchange_n(&place->stream, &none, stream, 0,
                                                     __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    return 0;
  }
  uint64_t state = __atomic_load_n(&place->state, __ATOMIC_RELAXED);
  __atomic_store_n(&place->first, first, __ATOMIC_RELAXED);
  __atomic_store_n(&place->count, count, __ATOMIC_RELAXED);
  __atomic_store_n(&place->state, state / GENERATION * GENERATION + GENERATION + OPEN,
                   __ATOMIC_RELEASE);
  return 1;
}

uint32_t fs_marks_handled(factstr_stream stream) {
  return __atomic_load_n(&place_of(stream)->state, __ATOMIC_ACQUIRE) & MARKED;
}

uint32_t fs_marks_close(factstr_stream stream) {
  struct place *place = place_of(stream);
  uint64_t state = __atomic_fetch_and(&place->state, ~(uint64_t)OPEN, __ATOMIC_ACQ_REL);
  __atomic_store_n(&place->stream, 0, __ATOMIC_RELEASE);
  return state & MARKED;
}

int fs_mark(factstr_stream stream, factstr_delivery delivery) {
  struct place *place = place_of(stream);
  uint64_t state = __atomic_load_n(&place->state, __ATOMIC_ACQUIRE), next;
  do {
    uint64_t marks = delivery - __atomic_load_n(&place->first, __ATOMIC_RELAXED) + 1;
    if ((state & OPEN) == 0 || __atomic_load_n(&place->stream, __ATOMIC_RELAXED) != stream ||
        marks <= (state & MARKED) || marks >= __atomic_load_n(&place->count, __ATOMIC_RELAXED)) {
      return 0;
    }
    next = (state & ~(uint64_t)MARKED) + marks;
  } while (!__atomic_compare_exchange_n(&place->state, &state, next, 0, __ATOMIC_ACQ_REL,
                                        __ATOMIC_ACQUIRE));
  return 1;
}
