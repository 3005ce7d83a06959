/* The buffers that the library gives to callers. Go fills them in answers.go. */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "public.h"

#include <stdlib.h>

char *fs_allocate(size_t len) { return malloc(len + 1); }

char *fs_resize(char *memory, size_t len) { return realloc(memory, len); }

void fs_release(char *memory) { free(memory); }

void fs_clear(factstr_buffer *buffer) {
  if (buffer != NULL) {
    buffer->data = NULL;
    buffer->len = 0;
  }
}

void factstr_buffer_free(factstr_buffer *buffer) {
  if (buffer != NULL) {
    free(buffer->data);
    fs_clear(buffer);
  }
}
