/* Appends and queries that answer in the same call. */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "public.h"

factstr_status factstr_append(factstr_store store, const char *events, size_t events_len,
                              factstr_buffer *out) {
  REFUSE_CHILD(out);
  REQUIRE_TEXT(events, out);
  IN_GO_IN_TURN(fs_take_turn(store), append(store, MUTABLE(events), events_len, out, wait));
}

factstr_status factstr_append_if(factstr_store store, const char *events, size_t events_len,
                                 const char *query, size_t query_len, const uint64_t *expected,
                                 factstr_buffer *out) {
  REFUSE_CHILD(out);
  REQUIRE_TEXT(events, out);
  IN_GO_IN_TURN(fs_take_turn(store), append_if(store, MUTABLE(events), events_len, MUTABLE(query),
                                               query_len, (uint64_t *)expected, out, wait));
}

factstr_status factstr_query(factstr_store store, const char *query, size_t query_len,
                             factstr_buffer *out) {
  REFUSE_CHILD(out);
  REQUIRE_OPTIONAL(query, query_len, out);
  IN_GO(query(store, MUTABLE(query), query_len, out, wait));
}
