#define _POSIX_C_SOURCE 200809L /* dev_t and ino_t in strict C11 */
#include "bridge.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A list of blocks that only grows, so that the fork handler, which may call nothing but async-signal-safe functions, can walk it without a lock.
 * A slot also knows which file or socket the descriptor is of: SQLite closes its own unasked, and the number may be another's by the time of a fork.
 */
#define SLOTS 64
#define FREE 0
#define TAKEN (-1) /* and not filled in yet */

struct slot {
  atomic_int held; /* the descriptor plus one */
  dev_t device;
  ino_t inode;
};

struct block {
  struct slot slots[SLOTS];
  struct block *_Atomic next;
};

static struct block first;

void fs_descriptor_opened(int descriptor) {
  struct stat file;
  if (fstat(descriptor, &file) != 0) {
    return;
  }
  for (struct block *block = &first;;) {
    for (int i = 0; i < SLOTS; i++) {
      int none = FREE;
      if (atomic_compare_exchange_strong(&block->slots[i].held, &none, TAKEN)) {
        block->slots[i].device = file.st_dev;
        block->slots[i].inode = file.st_ino;
        atomic_store(&block->slots[i].held, descriptor + 1);
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

void fs_descriptor_closed(int descriptor) {
  for (struct block *block = &first; block != NULL; block = atomic_load(&block->next)) {
    for (int i = 0; i < SLOTS; i++) {
      int held = descriptor + 1;
      if (atomic_compare_exchange_strong(&block->slots[i].held, &held, FREE)) {
        return;
      }
    }
  }
}

int fs_holds_descriptor(int descriptor) {
  for (struct block *block = &first; block != NULL; block = atomic_load(&block->next)) {
    for (int i = 0; i < SLOTS; i++) {
      if (atomic_load(&block->slots[i].held) == descriptor + 1) {
        return 1;
      }
    }
  }
  return 0;
}

void fs_close_descriptors(void) {
  for (struct block *block = &first; block != NULL; block = atomic_load(&block->next)) {
    for (int i = 0; i < SLOTS; i++) {
      struct slot *slot = &block->slots[i];
      int held = atomic_exchange(&slot->held, FREE);
      struct stat file;
      if (held > 0 && fstat(held - 1, &file) == 0 && file.st_dev == slot->device && file.st_ino == slot->inode) {
        close(held - 1);
      }
    }
  }
}
