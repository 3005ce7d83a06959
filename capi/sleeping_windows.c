#include "sleeping.h"

#include <windows.h>

void fs_sleep_while(uint32_t *word, uint32_t value, int32_t ms) {
  WaitOnAddress(word, &value, sizeof value, ms < 0 ? INFINITE : (DWORD)ms);
}

void fs_wake(uint32_t *word) { WakeByAddressSingle(word); }
void fs_wake_all(uint32_t *word) { WakeByAddressAll(word); }
