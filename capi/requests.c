/* Submitted appends and queries, and how their answers are taken. */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "public.h"

factstr_status factstr_append_submit(factstr_store store, const char *events, size_t events_len,
                                     uint64_t tag, factstr_completion_callback callback,
                                     void *user_data, factstr_request *request,
                                     factstr_buffer *error) {
  CLEAR(request);
  REFUSE_CHILD(error);
  REQUIRE_TEXT(events, error);
  IN_GO(append_submit(store, MUTABLE(events), events_len, tag, callback, (uintptr_t)user_data,
                      request, error));
}

factstr_status factstr_append_if_submit(factstr_store store, const char *events, size_t events_len,
                                        const char *query, size_t query_len,
                                        const uint64_t *expected, uint64_t tag,
                                        factstr_completion_callback callback, void *user_data,
                                        factstr_request *request, factstr_buffer *error) {
  CLEAR(request);
  REFUSE_CHILD(error);
  REQUIRE_TEXT(events, error);
  IN_GO(append_if_submit(store, MUTABLE(events), events_len, MUTABLE(query), query_len,
                         (uint64_t *)expected, tag, callback, (uintptr_t)user_data, request,
                         error));
}

factstr_status factstr_append_when_submit(factstr_store store, const char *events,
                                          size_t events_len, const char *conditions,
                                          size_t conditions_len, uint64_t tag,
                                          factstr_completion_callback callback, void *user_data,
                                          factstr_request *request, factstr_buffer *error) {
  CLEAR(request);
  REFUSE_CHILD(error);
  REQUIRE_TEXT(events, error);
  IN_GO(append_when_submit(store, MUTABLE(events), events_len, MUTABLE(conditions), conditions_len,
                           tag, callback, (uintptr_t)user_data, request, error));
}

factstr_status factstr_query_submit(factstr_store store, const char *query, size_t query_len,
                                    uint64_t tag, factstr_completion_callback callback,
                                    void *user_data, factstr_request *request,
                                    factstr_buffer *error) {
  CLEAR(request);
  REFUSE_CHILD(error);
  REQUIRE_OPTIONAL(query, query_len, error);
  IN_GO(query_submit(store, MUTABLE(query), query_len, tag, callback, (uintptr_t)user_data, request,
                     error));
}

factstr_status factstr_request_wait(factstr_request request, int64_t timeout_ms,
                                    factstr_buffer *out) {
  REFUSE_CHILD(out);
  IN_GO(request_wait(request, timeout_ms, out, wait));
}

factstr_status factstr_completions_next(factstr_store store, factstr_completion *out,
                                        size_t out_max, size_t *out_len, int64_t timeout_ms) {
  CLEAR(out_len);
  REFUSE_CHILD(NULL);
  if (out == NULL || out_len == NULL || out_max == 0) {
    return FACTSTR_INVALID_ARGUMENT;
  }
  IN_GO(completions_next(store, out, out_max, out_len, timeout_ms, wait));
}

factstr_status factstr_cancel(factstr_store store, uint64_t tag) {
  REFUSE_CHILD(NULL);
  IN_GO(cancel(store, tag));
}
