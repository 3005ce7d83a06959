#ifdef _WIN32

#define FACTSTR_NODE_FINDS_HOST_FUNCTIONS
#include "addon.h"

struct host_functions host_functions;

/* The program itself, or the library that some builds of Node keep their functions in. */
static FARPROC find(const char *name) {
  const WCHAR *const modules[] = {NULL, L"libnode.dll", L"node.dll"};
  for (size_t i = 0; i < sizeof modules / sizeof *modules; i++) {
    HMODULE module = GetModuleHandleW(modules[i]);
    FARPROC found = module == NULL ? NULL : GetProcAddress(module, name);
    if (found != NULL) {
      return found;
    }
  }
  return NULL;
}

#define FIND(name)                                                                                 \
  host_functions.name##_found = (__typeof__(&(name)))(void *)find(#name);                          \
  if (host_functions.name##_found == NULL) {                                                       \
    return #name;                                                                                  \
  }

const char *host_functions_find(void) {
  HOST_FUNCTIONS(FIND)
  return NULL;
}

#endif
