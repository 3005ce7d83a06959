/* Reading the events of a query page by page. */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "public.h"

factstr_status factstr_read_open(factstr_store store, const char *query, size_t query_len,
                                 factstr_reading *reading, factstr_buffer *error) {
  CLEAR(reading);
  REFUSE_CHILD(error);
  REQUIRE(reading != NULL, "reading is NULL; pass where the handle goes", error);
  REQUIRE_OPTIONAL(query, query_len, error);
  IN_GO(read_open(store, MUTABLE(query), query_len, reading, error));
}

factstr_status factstr_read_next(factstr_reading reading, factstr_buffer *out) {
  REFUSE_CHILD(out);
  IN_GO(read_next(reading, out, wait));
}

factstr_status factstr_read_next_submit(factstr_reading reading, uint64_t tag,
                                        factstr_completion_callback callback, void *user_data,
                                        factstr_request *request, factstr_buffer *error) {
  CLEAR(request);
  REFUSE_CHILD(error);
  IN_GO(read_next_submit(reading, tag, callback, (uintptr_t)user_data, request, error));
}

factstr_status factstr_read_close(factstr_reading reading) {
  REFUSE_CHILD(NULL);
  IN_GO(read_close(reading));
}
