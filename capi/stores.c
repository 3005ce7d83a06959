/* An open store: its close and its statistics. */
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
