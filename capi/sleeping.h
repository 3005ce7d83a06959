/*
 * How a thread sleeps until another one changes a word: by what the system has for it. The word may
 * lie on the stack of the thread that sleeps.
 */
#ifndef FACTSTR_SLEEPING_H
#define FACTSTR_SLEEPING_H

#include <stdint.h>

/*
 * Sleeps while the word holds `value`, and no longer than `ms` milliseconds unless that is
 * negative. It may return early, so callers look at the word again. The host's handlers run
 * meanwhile, and may sleep here themselves. It is no cancellation point: a thread must not be
 * cancelled while its call writes to the thread's memory.
 */
void fs_sleep_while(uint32_t *word, uint32_t value, int32_t ms);

/*
 * Wakes a thread that sleeps at the word, which was changed before. It uses only the address, since
 * the word may be gone by now; whoever sleeps there then is woken for nothing.
 */
void fs_wake(uint32_t *word);
/* The same for all threads that sleep at the word. */
void fs_wake_all(uint32_t *word);

#endif
