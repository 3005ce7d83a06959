/* The library as a whole: version, settings, log, and what a forked child is told. */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "public.h"

#include <stdlib.h>
#include <string.h>

factstr_status fs_refuse(factstr_status status, const char *error, factstr_buffer *buffer) {
  size_t len = strlen(error);
  if (buffer != NULL && (buffer->data = malloc(len + 1)) != NULL) {
    memcpy(buffer->data, error, len + 1);
    buffer->len = len;
  }
  return status;
}

factstr_status fs_refuse_child(factstr_buffer *buffer) {
  return fs_refuse(
      FACTSTR_FORKED,
      "{\"code\":\"Forked\",\"message\":\"the library cannot be used in a forked child "
      "process; start the process by exec or spawn, "
      "and open the store there\"}",
      buffer);
}

const char *factstr_version(void) { return FACTSTR_VERSION; }

uint32_t factstr_abi_version(void) { return FACTSTR_ABI_VERSION; }

factstr_status factstr_configure(const char *options_json, size_t options_len,
                                 factstr_buffer *error) {
  REFUSE_CHILD(error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(configure(MUTABLE(options_json), options_len, error));
}

factstr_status factstr_log_set(factstr_log_callback callback, void *user_data, int32_t min_level) {
  REFUSE_CHILD(NULL);
  if (min_level < FACTSTR_LOG_INFO || min_level > FACTSTR_LOG_OFF) {
    return FACTSTR_INVALID_ARGUMENT;
  }
  IN_GO(log_set(callback, (uintptr_t)user_data, min_level, fs_inside_log(), wait));
}

uint64_t factstr_open_handles(void) {
  uint64_t open = 0;
  if (!fs_in_child()) {
    FROM_GO(open, open_handles());
  }
  return open;
}
