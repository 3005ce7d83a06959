#define _GNU_SOURCE /* syscall() */
#include "signals.h"

#include <elf.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void all_but_faults(sigset_t *set) {
  static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
  sigfillset(set);
  for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
    sigdelset(set, faults[i]);
  }
}

/*
 * The runtime gives each thread that enters it an alternate stack of 32 KiB, for faults in Go. The
 * handlers of a host that asks for SA_ONSTACK, as Python does, would run there from then on, and a
 * few signals that come together overflow it. So the thread has that stack inside calls only. A
 * thread that has an alternate stack of the host keeps it.
 */
static _Thread_local enum { NOT_KNOWN, OF_HOST, OF_RUNTIME } alternate_stack;
static _Thread_local stack_t of_runtime;

void fs_enter(struct fs_hosts *hosts) {
  sigset_t blocked;
  all_but_faults(&blocked);
  pthread_sigmask(SIG_BLOCK, &blocked, &hosts->mask);
  if (alternate_stack != OF_HOST) {
    sigaltstack(alternate_stack == OF_RUNTIME ? &of_runtime : NULL, &hosts->stack);
  }
}

void fs_leave(const struct fs_hosts *hosts) {
  switch (alternate_stack) {
  case NOT_KNOWN:
    if ((hosts->stack.ss_flags & SS_DISABLE) == 0) {
      alternate_stack = OF_HOST; /* or this is a thread of the runtime, inside a callback */
      break;
    }
    sigaltstack(&hosts->stack, &of_runtime);
    alternate_stack = OF_RUNTIME;
    break;
  case OF_RUNTIME:
    sigaltstack(&hosts->stack, NULL);
    break;
  case OF_HOST:
    break;
  }
  pthread_sigmask(SIG_SETMASK, &hosts->mask, NULL);
}

/* ---- Waiting ---- */

/* The states of fs_wait.state. An answer that comes before its thread sleeps wakes nobody. */
enum { AWAKE, SLEEPS, DONE };

factstr_status fs_await(struct fs_wait *wait, factstr_status status) {
  if (status != FS_LATER) {
    return status;
  }
  /*
   * A condition variable would be a cancellation point, and the thread must not be cancelled while
   * its call writes to the thread's memory.
   */
  uint32_t state = AWAKE;
  __atomic_compare_exchange_n(&wait->state, &state, SLEEPS, 0, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE);
  while (__atomic_load_n(&wait->state, __ATOMIC_ACQUIRE) != DONE) {
    syscall(SYS_futex, &wait->state, FUTEX_WAIT_PRIVATE, SLEEPS, NULL, NULL, 0);
  }
  return wait->status;
}

static void finish(struct fs_wait *wait) {
  uint32_t *state = &wait->state;
  if (__atomic_exchange_n(state, DONE, __ATOMIC_RELEASE) == SLEEPS) {
    /*
     * The caller may have returned by now, and its stack frame may be gone. The wake uses only the
     * address, and a needless wake is harmless.
     */
    syscall(SYS_futex, state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  }
}

void fs_finish(struct fs_wait *wait, factstr_status status) {
  wait->status = status;
  finish(wait);
}

void fs_finish_all(struct fs_append *appends) {
  for (struct fs_append *next; appends != NULL; appends = next) {
    next = appends->next;
    finish(&appends->wait);
  }
}

/* ---- Around the start of the Go runtime ---- */

/*
 * The runtime starts in a constructor of this library, on a thread that it creates there, and gives
 * all its threads the mask that this thread was created with. Constructors with a priority run
 * before it. The others run after it, since their objects are linked after it.
 */
#define BEFORE_GO __attribute__((constructor(101)))
#define AFTER_GO __attribute__((constructor))

static sigset_t mask_at_load;
static struct sigaction before_go[NSIG];

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
static void mend_table(void) {
  const ElfW(Phdr) *headers = (const void *)((const char *)&__ehdr_start + __ehdr_start.e_phoff);
  sigset_t hosts;
  all_but_faults(&hosts); /* nor the C library's own */
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

BEFORE_GO static void before_runtime(void) {
  mend_table();
  for (int number = 1; number < NSIG; number++) {
    sigaction(number, NULL, &before_go[number]);
  }
  sigset_t blocked;
  all_but_faults(&blocked);
  pthread_sigmask(SIG_BLOCK, &blocked, &mask_at_load);
}

/*
 * Gives the host its handlers back, except for SIGSEGV, SIGBUS and SIGFPE, whose handlers the
 * runtime needs. A runtime whose table was not emptied has also installed handlers for SIGPIPE and
 * SIGURG, and has set SA_ONSTACK on the host's handlers, which may overflow its small alternate
 * stacks.
 */
AFTER_GO static void after_runtime(void) {
  for (int number = 1; number < NSIG; number++) {
    struct sigaction now, *before = &before_go[number];
    if (number == SIGSEGV || number == SIGBUS || number == SIGFPE ||
        sigaction(number, NULL, &now) != 0) {
      continue;
    }
    int is_hosts =
        now.sa_handler == before->sa_handler && (now.sa_flags ^ before->sa_flags) == SA_ONSTACK;
    if (is_hosts || in_library((uintptr_t)now.sa_handler, 1, PF_X)) {
      sigaction(number, before, NULL);
    }
  }
  pthread_sigmask(SIG_SETMASK, &mask_at_load, NULL);
}

void fs_unblock_in_child(void) { pthread_sigmask(SIG_SETMASK, &mask_at_load, NULL); }
