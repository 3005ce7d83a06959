#include "bridge.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * A list of blocks that only grows, so that the fork handler, which may call nothing but async-signal-safe functions, can walk it without a lock.
 * A slot holds a descriptor plus one; 0 is free.
 */
#define SLOTS 64

struct block {
  atomic_int slots[SLOTS];
  struct block *_Atomic next;
};

static struct block first;

void fs_lock_file_opened(int descriptor) {
  for (struct block *block = &first;;) {
    for (int i = 0; i < SLOTS; i++) {
      int none = 0;
      if (atomic_compare_exchange_strong(&block->slots[i], &none, descriptor + 1)) {
        return;
      }
    }
    struct block *next = atomic_load(&block->next);
    if (next == NULL) {
      struct block *fresh = calloc(1, sizeof *fresh);
      if (fresh == NULL) {
        return; /* The descriptor is closed on exec all the same; only a child that does not exec would keep it. */
      }
      if (atomic_compare_exchange_strong(&block->next, &next, fresh)) {
        next = fresh;
      } else {
        free(fresh);
      }
    }
    block = next;
  }
}

void fs_lock_file_closed(int descriptor) {
  for (struct block *block = &first; block != NULL; block = atomic_load(&block->next)) {
    for (int i = 0; i < SLOTS; i++) {
      int held = descriptor + 1;
      if (atomic_compare_exchange_strong(&block->slots[i], &held, 0)) {
        return;
      }
    }
  }
}

void fs_close_lock_files(void) {
  for (struct block *block = &first; block != NULL; block = atomic_load(&block->next)) {
    for (int i = 0; i < SLOTS; i++) {
      int held = atomic_exchange(&block->slots[i], 0);
      if (held != 0) {
        close(held - 1);
      }
    }
  }
}
