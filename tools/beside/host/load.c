/*
 * Loads the library of its first argument and calls factstr_canary, or prints why it can't.
 */
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
  void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
  if (library == NULL) {
    printf("%s\n", dlerror());
    return 1;
  }
  int (*canary)(void) = (int (*)(void))dlsym(library, "factstr_canary");
  printf("answered %d\n", canary());
  return 0;
}
