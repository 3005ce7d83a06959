/*
 * On macOS the runtime's table of signals is left as it is: it was looked at on Linux only
 * (signal_table_linux.c), and nobody could say here what its change does. So threads of the runtime
 * may run handlers of the host, as in any Go library, on their alternate stacks.
 */
#define _DARWIN_C_SOURCE /* Dl_info in strict C11 */
#include "signals.h"

#include <dlfcn.h>

void fs_mend_table(void) {}

int fs_in_library(uintptr_t code) {
  Dl_info of_code, of_library;
  return code > 1 && dladdr((const void *)code, &of_code) != 0 &&
         dladdr((const void *)&fs_in_library, &of_library) != 0 &&
         of_code.dli_fbase == of_library.dli_fbase;
}
