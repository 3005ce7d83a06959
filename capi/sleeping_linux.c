//go:build !factstr_pthread_sleep

#define _GNU_SOURCE /* syscall() */
#include "sleeping.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void fs_sleep_while(uint32_t *word, uint32_t value, int32_t ms) {
  const struct timespec limit = {ms / 1000, ms % 1000 * 1000000L};
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, ms < 0 ? NULL : &limit, NULL, 0);
}

static void wake(uint32_t *word, int most) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, most, NULL, NULL, 0);
}

void fs_wake(uint32_t *word) { wake(word, 1); }
void fs_wake_all(uint32_t *word) { wake(word, INT_MAX); }
