/* The cursors of streams: waiting until they have come to a number, and looking after them. */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "public.h"

factstr_status factstr_wait_for(factstr_store store, const char *wait_for, size_t wait_for_len,
                                factstr_buffer *error) {
  REFUSE_CHILD(error);
  REQUIRE_TEXT(wait_for, error);
  IN_GO(wait_for(store, MUTABLE(wait_for), wait_for_len, fs_innermost_stream(), error, wait));
}

factstr_status factstr_wait_for_submit(factstr_store store, const char *wait_for,
                                       size_t wait_for_len, uint64_t tag,
                                       factstr_completion_callback callback, void *user_data,
                                       factstr_request *request, factstr_buffer *error) {
  CLEAR(request);
  REFUSE_CHILD(error);
  REQUIRE_TEXT(wait_for, error);
  IN_GO(wait_for_submit(store, MUTABLE(wait_for), wait_for_len, tag, callback, (uintptr_t)user_data,
                        request, error));
}

factstr_status factstr_cursors(factstr_store store, const char *call, size_t call_len,
                               factstr_buffer *out) {
  REFUSE_CHILD(out);
  REQUIRE_TEXT(call, out);
  IN_GO(cursors(store, MUTABLE(call), call_len, out, wait));
}

factstr_status factstr_cursors_submit(factstr_store store, const char *call, size_t call_len,
                                      uint64_t tag, factstr_completion_callback callback,
                                      void *user_data, factstr_request *request,
                                      factstr_buffer *error) {
  CLEAR(request);
  REFUSE_CHILD(error);
  REQUIRE_TEXT(call, error);
  IN_GO(cursors_submit(store, MUTABLE(call), call_len, tag, callback, (uintptr_t)user_data, request,
                       error));
}
