/*
 * bcryptprimitives.dll for Wine 8, which has none: the only function that Go looks for there. Part
 * of no package.
 */
#include <windows.h>

BOOLEAN NTAPI SystemFunction036(void *bytes, ULONG count); /* RtlGenRandom of advapi32 */

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *bytes, SIZE_T count) {
  return SystemFunction036(bytes, (ULONG)count);
}
