/* An open store: its close, its statistics, and how it answers queries. */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "public.h"

factstr_status factstr_store_close(factstr_store store, factstr_buffer *error) {
  REFUSE_CHILD(error);
  IN_GO(store_close(store, fs_inside_store(store), error, wait));
}

factstr_status factstr_statistics(factstr_store store, factstr_buffer *out) {
  REFUSE_CHILD(out);
  IN_GO(statistics(store, out, wait));
}

factstr_status factstr_explain(factstr_store store, const char *query, size_t query_len,
                               factstr_buffer *out) {
  REFUSE_CHILD(out);
  REQUIRE_OPTIONAL(query, query_len, out);
  IN_GO(explain(store, MUTABLE(query), query_len, out, wait));
}
