//go:build !windows

#define _GNU_SOURCE      /* syscall() */
#define _DARWIN_C_SOURCE /* getdtablesize() */
#include "bridge.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif
#include <unistd.h>

/*
 * A list of blocks that only grows, so that the fork handler can walk it without a lock: it may
 * call nothing but async-signal-safe functions. A slot also identifies the file or socket, since
 * SQLite closes its descriptors by itself, and at the time of a fork the number may belong to
 * something else.
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
        return; /* it is closed on exec; only a child that does not exec keeps it */
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

static int is_of_known_file(const struct stat *file) {
  for (struct block *block = &first; block != NULL; block = atomic_load(&block->next)) {
    for (int i = 0; i < SLOTS; i++) {
      struct slot *slot = &block->slots[i];
      if (atomic_load(&slot->held) > 0 && slot->device == file->st_dev &&
          slot->inode == file->st_ino) {
        return 1;
      }
    }
  }
  return 0;
}

/*
 * Closes a descriptor of a known file that is not on the list. SQLite opens its files by itself,
 * and the library learns of a descriptor a moment later; a fork in that moment leaves it to the
 * child.
 * The host's own descriptors of a database, such as for a backup, stay: they are read-only, or stay
 * open across exec.
 */
static void close_untold(int descriptor) {
  struct stat file;
  if (fstat(descriptor, &file) == 0 && S_ISREG(file.st_mode) && is_of_known_file(&file) &&
      (fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0 &&
      (fcntl(descriptor, F_GETFL) & O_ACCMODE) == O_RDWR) {
    close(descriptor);
  }
}

#ifdef __linux__

/* An entry of a folder as getdents64 writes it. */
struct entry {
  uint64_t inode;
  int64_t next;
  unsigned short len;
  unsigned char type;
  char name[];
};

/* Returns the number that a name in /proc/self/fd spells, or -1. */
static int descriptor_of(const char *name) {
  int descriptor = 0;
  for (; *name >= '0' && *name <= '9'; name++) {
    descriptor = 10 * descriptor + (*name - '0');
  }
  return *name == 0 ? descriptor : -1;
}

static void close_all_untold(void) {
  int folder = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) {
    return;
  }
  _Alignas(struct entry) char entries[2048];
  for (long len; (len = syscall(SYS_getdents64, folder, entries, sizeof entries)) > 0;) {
    for (long at = 0; at < len; at += ((struct entry *)(entries + at))->len) {
      int descriptor = descriptor_of(((struct entry *)(entries + at))->name);
      if (descriptor >= 0) {
        close_untold(descriptor);
      }
    }
  }
  close(folder);
}

#else

/* Other systems have no list that a fork handler may read. */
static void close_all_untold(void) {
  enum { MOST = 1 << 16 };
  int limit = getdtablesize();
  for (int descriptor = 0; descriptor < limit && descriptor < MOST; descriptor++) {
    close_untold(descriptor);
  }
}

#endif

static int holds_any(void) {
  for (struct block *block = &first; block != NULL; block = atomic_load(&block->next)) {
    for (int i = 0; i < SLOTS; i++) {
      if (atomic_load(&block->slots[i].held) > 0) {
        return 1;
      }
    }
  }
  return 0;
}

void fs_close_descriptors(void) {
  if (holds_any()) {
    close_all_untold();
  }
  for (struct block *block = &first; block != NULL; block = atomic_load(&block->next)) {
    for (int i = 0; i < SLOTS; i++) {
      struct slot *slot = &block->slots[i];
      int held = atomic_exchange(&slot->held, FREE);
      struct stat file;
      if (held > 0 && fstat(held - 1, &file) == 0 && file.st_dev == slot->device &&
          file.st_ino == slot->inode) {
        close(held - 1);
      }
    }
  }
}
