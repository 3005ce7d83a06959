/*
 * How every public function begins and enters Go. A function of factstr.h first clears its buffer,
 * refuses a forked child, in which entering Go would hang, checks what can be checked without Go,
 * and then calls the export of the same name: IN_GO.
 */
#ifndef FACTSTR_PUBLIC_H
#define FACTSTR_PUBLIC_H

#include "_cgo_export.h"
#include "signals.h"

/* Whether this process was forked after the library was loaded. */
int fs_in_child(void);

void fs_clear(factstr_buffer *buffer);
/* Puts an error into the buffer that Go was not asked about, and returns the status. */
factstr_status fs_refuse(factstr_status status, const char *error, factstr_buffer *buffer);
factstr_status fs_refuse_child(factstr_buffer *buffer);

#define INVALID_ARGUMENT(message) "{\"code\":\"InvalidArgument\",\"message\":\"" message "\"}"

#define REFUSE_CHILD(buffer)                                                                       \
  do {                                                                                             \
    fs_clear(buffer);                                                                              \
    if (fs_in_child()) {                                                                           \
      return fs_refuse_child(buffer);                                                              \
    }                                                                                              \
  } while (0)

/* Sets an out-parameter to 0, which may be NULL. */
#define CLEAR(handle)                                                                              \
  do {                                                                                             \
    if ((handle) != NULL) {                                                                        \
      *(handle) = 0;                                                                               \
    }                                                                                              \
  } while (0)

#define REQUIRE(condition, message, buffer)                                                        \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      return fs_refuse(FACTSTR_INVALID_ARGUMENT, INVALID_ARGUMENT(message), (buffer));             \
    }                                                                                              \
  } while (0)

/* Text that may be absent is NULL with length 0. */
#define REQUIRE_OPTIONAL(text, len, buffer)                                                        \
  REQUIRE((text) != NULL || (len) == 0,                                                            \
          #text " is NULL, but " #len " is not 0; pass the text, or NULL with length 0", buffer)

#define REQUIRE_TEXT(text, buffer) REQUIRE((text) != NULL, #text " is NULL; pass JSON text", buffer)

/*
 * The only way into Go, with the host's signals blocked by fs_enter. Tests check that no other code
 * in C names an export, and who uses ENTERED.
 */
#define ENTERED(result, export) (result) = go_factstr_##export

#define FROM_GO(result, export)                                                                    \
  do {                                                                                             \
    struct fs_hosts hosts;                                                                         \
    fs_enter(&hosts);                                                                              \
    ENTERED(result, export);                                                                       \
    fs_leave(&hosts);                                                                              \
  } while (0)

/*
 * Returns the status of a Go export. An export that may have to wait takes `wait`, returns FS_LATER
 * and goes on on a goroutine, so that the host's thread waits in C with its own mask.
 */
#define IN_GO(export)                                                                              \
  do {                                                                                             \
    struct fs_wait until = {0}, *wait = &until;                                                    \
    factstr_status status;                                                                         \
    (void)wait;                                                                                    \
    FROM_GO(status, export);                                                                       \
    return fs_await(&until, status);                                                               \
  } while (0)

/* cgo's prototypes have no const. Go writes nothing through these pointers. */
#define MUTABLE(pointer) ((char *)(pointer))

#endif
