#define _GNU_SOURCE /* sigset_t in strict C11 */
#include "signals.h"

#include <elf.h>
#include <link.h>
#include <string.h>

/* A row of the runtime's table of signals (runtime/sigtab_linux_generic.go). */
struct row {
  int32_t flags;
  const char *name;
  intptr_t len;
};

extern const ElfW(Ehdr) __ehdr_start
    __attribute__((visibility("hidden"))); /* the linker sets it to the library's first byte */

/* Returns the difference between addresses in memory and those in the file. */
static uintptr_t bias(void) {
  const ElfW(Phdr) *headers = (const void *)((const char *)&__ehdr_start + __ehdr_start.e_phoff);
  for (int i = 0; i < __ehdr_start.e_phnum; i++) {
    if (headers[i].p_type == PT_LOAD && headers[i].p_offset == 0) {
      return (uintptr_t)&__ehdr_start - headers[i].p_vaddr;
    }
  }
  return (uintptr_t)&__ehdr_start;
}

/* Reports whether the range lies in a segment of this library that has these rights. */
static int in_library(uintptr_t address, size_t len, uint32_t rights) {
  const ElfW(Phdr) *headers = (const void *)((const char *)&__ehdr_start + __ehdr_start.e_phoff);
  for (int i = 0; i < __ehdr_start.e_phnum; i++) {
    uintptr_t begin = bias() + headers[i].p_vaddr;
    if (headers[i].p_type == PT_LOAD && (headers[i].p_flags & rights) == rights &&
        address >= begin && address - begin <= headers[i].p_memsz &&
        len <= headers[i].p_memsz - (address - begin)) {
      return 1;
    }
  }
  return 0;
}

int fs_in_library(uintptr_t code) { return in_library(code, 1, PF_X); }

static int named(const struct row *row, const char *name) {
  return row->len == (intptr_t)strlen(name) &&
         in_library((uintptr_t)row->name, (size_t)row->len, PF_R) &&
         memcmp(row->name, name, (size_t)row->len) == 0;
}

/* Finds the runtime's table between two addresses of the writable data; NULL if it is not there. */
static struct row *find_table(uintptr_t begin, uintptr_t end) {
  const uintptr_t rows = 65 * sizeof(struct row);
  for (uintptr_t at = begin; at + rows <= end; at += sizeof(void *)) {
    struct row *table = (struct row *)at; /* NOLINT */
    if (table[0].flags == 0 && named(&table[SIGHUP], "SIGHUP: terminal line hangup") &&
        named(&table[SIGCHLD], "SIGCHLD: child status has changed") &&
        named(&table[SIGPROF], "SIGPROF: profiling alarm clock") &&
        named(&table[34], "signal 34")) {
      return table;
    }
  }
  return NULL;
}

/*
 * Takes the host's signals out of the runtime's table, before the runtime starts.
 *
 * Whatever mask they inherit, threads of the runtime unblock the signals that the table marks, and
 * these are not only faults: SIGCHLD, SIGPROF, SIGSTKFLT and the first real-time signal belong to
 * the host, too. While it starts, the runtime also takes SIGPIPE and SIGURG and changes the flags
 * of the host's handlers. Restoring them afterwards is too late for a signal that came meanwhile,
 * since the runtime's handler installs itself again. So all rows except those of faults and of the
 * C library's own signals are emptied. The runtime skips empty rows, and needs none of these here.
 *
 * If a later Go has no table of this form, nothing is changed; after_runtime then restores what it
 * can, and the test that looks at the masks of all threads fails.
 */
void fs_mend_table(void) {
  const ElfW(Phdr) *headers = (const void *)((const char *)&__ehdr_start + __ehdr_start.e_phoff);
  sigset_t hosts;
  fs_all_but_faults(&hosts); /* nor the C library's own */
  uintptr_t read_only_end = 0;
  for (int i = 0; i < __ehdr_start.e_phnum; i++) {
    if (headers[i].p_type == PT_GNU_RELRO) {
      read_only_end = bias() + headers[i].p_vaddr + headers[i].p_memsz;
    }
  }
  for (int i = 0; i < __ehdr_start.e_phnum; i++) {
    if (headers[i].p_type != PT_LOAD || (headers[i].p_flags & PF_W) == 0) {
      continue;
    }
    uintptr_t begin = bias() + headers[i].p_vaddr, end = begin + headers[i].p_filesz;
    if (read_only_end > begin && read_only_end <= end) {
      begin = read_only_end;
    }
    struct row *table =
        find_table((begin + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *), end);
    for (int number = 1; table != NULL && number < NSIG; number++) {
      if (sigismember(&hosts, number) == 1) {
        table[number].flags = 0;
      }
    }
  }
}
