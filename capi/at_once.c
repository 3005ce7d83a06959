/* Appends and queries that answer at once or not at all. */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "append_calls.h"
#include "public.h"

static factstr_status append_at_once(struct fs_append append) {
  REFUSE_CHILD(append.out);
  const char *events = append.events;
  REQUIRE_TEXT(events, append.out);
  IN_GO(append_at_once(&append));
}

factstr_status factstr_append_at_once(factstr_store store, const char *events, size_t events_len,
                                      factstr_buffer *out) {
  return append_at_once(fs_append_plain(store, events, events_len, out));
}

factstr_status factstr_append_if_at_once(factstr_store store, const char *events, size_t events_len,
                                         const char *query, size_t query_len,
                                         const uint64_t *expected, factstr_buffer *out) {
  return append_at_once(fs_append_if(store, events, events_len, query, query_len, expected, out));
}

factstr_status factstr_append_when_at_once(factstr_store store, const char *events,
                                           size_t events_len, const char *conditions,
                                           size_t conditions_len, factstr_buffer *out) {
  return append_at_once(fs_append_when(store, events, events_len, conditions, conditions_len, out));
}

factstr_status factstr_query_at_once(factstr_store store, const char *query, size_t query_len,
                                     factstr_buffer *out) {
  REFUSE_CHILD(out);
  REQUIRE_OPTIONAL(query, query_len, out);
  IN_GO(query_at_once(store, MUTABLE(query), query_len, out));
}
