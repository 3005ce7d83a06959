/* What takes long and is asked for rarely: verifying a log, and copying it. */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "public.h"

factstr_status factstr_verify(factstr_store store, factstr_buffer *out) {
  REFUSE_CHILD(out);
  IN_GO(verify(store, out, wait));
}

factstr_status factstr_verify_submit(factstr_store store, uint64_t tag,
                                     factstr_completion_callback callback, void *user_data,
                                     factstr_request *request, factstr_buffer *error) {
  CLEAR(request);
  REFUSE_CHILD(error);
  IN_GO(verify_submit(store, tag, callback, (uintptr_t)user_data, request, error));
}

factstr_status factstr_backup(factstr_store store, const char *path, factstr_buffer *out) {
  REFUSE_CHILD(out);
  REQUIRE(path != NULL, "path is NULL; pass the path of the file to make", out);
  IN_GO(backup(store, MUTABLE(path), out, wait));
}

factstr_status factstr_backup_submit(factstr_store store, const char *path, uint64_t tag,
                                     factstr_completion_callback callback, void *user_data,
                                     factstr_request *request, factstr_buffer *error) {
  CLEAR(request);
  REFUSE_CHILD(error);
  REQUIRE(path != NULL, "path is NULL; pass the path of the file to make", error);
  IN_GO(backup_submit(store, MUTABLE(path), tag, callback, (uintptr_t)user_data, request, error));
}
