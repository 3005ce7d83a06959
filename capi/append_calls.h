/*
 * The forms of an append, as they go to Go: each public function fills one of them, and differs
 * from its siblings in how it waits.
 */
#ifndef FACTSTR_APPEND_CALLS_H
#define FACTSTR_APPEND_CALLS_H

#include "bridge.h"

static inline struct fs_append fs_append_plain(factstr_store store, const char *events,
                                               size_t events_len, factstr_buffer *out) {
  return (struct fs_append){.store = store, .events = events, .events_len = events_len, .out = out};
}

static inline struct fs_append fs_append_if(factstr_store store, const char *events,
                                            size_t events_len, const char *query, size_t query_len,
                                            const uint64_t *expected, factstr_buffer *out) {
  struct fs_append append = fs_append_plain(store, events, events_len, out);
  append.kind = FS_APPEND_IF;
  append.context = query;
  append.context_len = query_len;
  append.expected = expected;
  return append;
}

static inline struct fs_append fs_append_when(factstr_store store, const char *events,
                                              size_t events_len, const char *conditions,
                                              size_t conditions_len, factstr_buffer *out) {
  struct fs_append append = fs_append_plain(store, events, events_len, out);
  append.kind = FS_APPEND_WHEN;
  append.context = conditions;
  append.context_len = conditions_len;
  return append;
}

#endif
