/* What the addon needs of threads, by POSIX or Windows. */
#ifndef FACTSTR_NODE_THREADS_H
#define FACTSTR_NODE_THREADS_H

#include <stdbool.h>

#ifdef _WIN32

#define WIN32_LEAN_AND_MEAN /* or it defines names such as boolean */
#include <process.h>
#include <stdlib.h>
#include <windows.h>

typedef SRWLOCK mutex;
#define MUTEX_INITIALIZER SRWLOCK_INIT

static inline void mutex_create(mutex *m) { InitializeSRWLock(m); }
static inline void mutex_destroy(mutex *m) { (void)m; }
static inline void mutex_lock(mutex *m) { AcquireSRWLockExclusive(m); }
static inline void mutex_unlock(mutex *m) { ReleaseSRWLockExclusive(m); }

typedef unsigned thread_result;
#define THREAD_CALL __stdcall

static inline bool start_thread(thread_result(THREAD_CALL *run)(void *), void *data) {
  HANDLE thread = (HANDLE)_beginthreadex(NULL, 0, run, data, 0, NULL);
  return thread != NULL && CloseHandle(thread);
}

#else

#include <pthread.h>
#include <signal.h>

typedef pthread_mutex_t mutex;
#define MUTEX_INITIALIZER PTHREAD_MUTEX_INITIALIZER

static inline void mutex_create(mutex *m) { pthread_mutex_init(m, NULL); }
static inline void mutex_destroy(mutex *m) { pthread_mutex_destroy(m); }
static inline void mutex_lock(mutex *m) { pthread_mutex_lock(m); }
static inline void mutex_unlock(mutex *m) { pthread_mutex_unlock(m); }

typedef void *thread_result;
#define THREAD_CALL

/* The thread takes no signal: those belong to the threads of the host. */
static inline bool start_thread(thread_result (*run)(void *), void *data) {
  pthread_t thread;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  bool started = pthread_create(&thread, NULL, run, data) == 0;
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (started) {
    pthread_detach(thread);
  }
  return started;
}

#endif

#endif
