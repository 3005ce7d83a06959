/*
 * What the library logs. There is one function for the process, so records go from here to the
 * sessions: those of a store to all of them, since each knows its own stores, and those of no store
 * to the oldest one.
 */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "addon.h"

static pthread_mutex_t sessions_lock = PTHREAD_MUTEX_INITIALIZER;
static session *oldest; /* guarded by sessions_lock, as are the links */

/*
 * Finds the first `pattern`. It has quotes, which are escaped inside the strings of a record, so
 * what is found is a field.
 */
static const char *find_field(const char *record, size_t len, const char *pattern) {
  return memmem(record, len, pattern, strlen(pattern));
}

static void push_record(session *s, const char *record, size_t len) {
  item *it = item_create(ITEM_LOG, 0);
  if (it != NULL && item_set_text(it, record, len)) {
    session_push(s, it);
  } else {
    item_free(it);
  }
}

static void on_record(void *user_data, const char *record, size_t record_len) {
  (void)user_data;
  bool of_no_store = find_field(record, record_len, ",\"store\":null") != NULL;
  pthread_mutex_lock(&sessions_lock);
  for (session *s = oldest; s != NULL; s = of_no_store ? NULL : s->younger) {
    push_record(s, record, record_len);
  }
  pthread_mutex_unlock(&sessions_lock);
}

static void set_log(void) { factstr_log_set(on_record, NULL, FACTSTR_LOG_INFO); }

void log_add_session(session *s) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_mutex_lock(&sessions_lock);
  session **end = &oldest;
  while (*end != NULL) {
    end = &(*end)->younger;
  }
  *end = s;
  pthread_mutex_unlock(&sessions_lock);
  pthread_once(&once, set_log);
}

void log_remove_session(session *s) {
  pthread_mutex_lock(&sessions_lock);
  for (session **link = &oldest; *link != NULL; link = &(*link)->younger) {
    if (*link == s) {
      *link = s->younger;
      break;
    }
  }
  pthread_mutex_unlock(&sessions_lock);
}
