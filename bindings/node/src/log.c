/*
 * What the library logs. The library has one log function for the process, which passes the records
 * on to the attachments: those of a store to all of them, since each knows its own stores, and
 * those of no store to the oldest one.
 */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "addon.h"

static pthread_mutex_t attachments_lock = PTHREAD_MUTEX_INITIALIZER;
static attachment *oldest; /* guarded by attachments_lock, as are the links */

/*
 * Finds the first `pattern`. It must contain a quote: quotes are escaped inside the strings of a
 * record, so it can only match a field.
 */
static const char *find_field(const char *record, size_t len, const char *pattern) {
  return memmem(record, len, pattern, strlen(pattern));
}

static void push_record(attachment *a, const char *record, size_t len) {
  item *it = item_create(ITEM_LOG, 0);
  if (it != NULL && item_set_text(it, record, len)) {
    items_push(a, it);
  } else {
    item_free(it);
  }
}

static void on_record(void *user_data, const char *record, size_t record_len) {
  (void)user_data;
  bool of_no_store = find_field(record, record_len, ",\"store\":null") != NULL;
  pthread_mutex_lock(&attachments_lock);
  for (attachment *a = oldest; a != NULL; a = of_no_store ? NULL : a->younger) {
    push_record(a, record, record_len);
  }
  pthread_mutex_unlock(&attachments_lock);
}

static void set_log(void) { factstr_log_set(on_record, NULL, FACTSTR_LOG_INFO); }

void log_add_attachment(attachment *a) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_mutex_lock(&attachments_lock);
  attachment **end = &oldest;
  while (*end != NULL) {
    end = &(*end)->younger;
  }
  *end = a;
  pthread_mutex_unlock(&attachments_lock);
  pthread_once(&once, set_log);
}

void log_remove_attachment(attachment *a) {
  pthread_mutex_lock(&attachments_lock);
  for (attachment **link = &oldest; *link != NULL; link = &(*link)->younger) {
    if (*link == a) {
      *link = a->younger;
      break;
    }
  }
  pthread_mutex_unlock(&attachments_lock);
}
