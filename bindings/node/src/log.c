/*
 * What the library logs. The library has one log function for the process, which passes the records
 * on to the attachments: those of a store to all of them, since each knows its own stores, and
 * those of no store to the oldest one.
 */
#include <stdatomic.h>
#include <string.h>

#include "addon.h"

static mutex attachments_lock = MUTEX_INITIALIZER;
static attachment *oldest; /* guarded by attachments_lock, as are the links */

/*
 * Reports whether a record has this text, which must contain a quote: quotes are escaped inside the
 * strings of a record, so it can only be a field.
 */
static bool has_field(const char *record, size_t len, const char *field) {
  size_t field_len = strlen(field);
  for (; len >= field_len; record++, len--) {
    if (memcmp(record, field, field_len) == 0) {
      return true;
    }
  }
  return false;
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
  bool of_no_store = has_field(record, record_len, ",\"store\":null");
  mutex_lock(&attachments_lock);
  for (attachment *a = oldest; a != NULL; a = of_no_store ? NULL : a->younger) {
    push_record(a, record, record_len);
  }
  mutex_unlock(&attachments_lock);
}

void log_add_attachment(attachment *a) {
  static atomic_flag is_set = ATOMIC_FLAG_INIT;
  mutex_lock(&attachments_lock);
  attachment **end = &oldest;
  while (*end != NULL) {
    end = &(*end)->younger;
  }
  *end = a;
  mutex_unlock(&attachments_lock);
  if (!atomic_flag_test_and_set(&is_set)) {
    factstr_log_set(on_record, NULL, FACTSTR_LOG_INFO);
  }
}

void log_remove_attachment(attachment *a) {
  mutex_lock(&attachments_lock);
  for (attachment **link = &oldest; *link != NULL; link = &(*link)->younger) {
    if (*link == a) {
      *link = a->younger;
      break;
    }
  }
  mutex_unlock(&attachments_lock);
}
