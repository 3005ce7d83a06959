/*
 * What Windows does in its own way, or does not know. It has no fork(), so no descriptor is watched
 * and no process is a forked child. It has no signals either: signals.h.
 */
#include "public.h"

#include <windows.h>

int fs_in_child(void) { return 0; }

/* The Go runtime cannot be unloaded, so the library stays until the process ends. */
__attribute__((constructor)) static void stay_loaded(void) {
  HMODULE self;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                     (const WCHAR *)&stay_loaded, &self);
}

/* Where a pipe takes nothing more, this waits: Windows cannot ask a pipe whether it would. */
void fs_write_stderr(const char *text, size_t len) {
  HANDLE out = GetStdHandle(STD_ERROR_HANDLE);
  while (len > 0 && out != NULL && out != INVALID_HANDLE_VALUE) {
    DWORD written = 0;
    if (!WriteFile(out, text, len < 4096 ? (DWORD)len : 4096, &written, NULL) || written == 0) {
      return;
    }
    text += written;
    len -= written;
  }
}
