/* factstr.hpp where the program has no memory left: the allocations of C++ fail one by one. */
#include "expect.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> succeed{-1}; // so many allocations, then one fails; below 0: all succeed

/* Lets the allocations of the call fail one after the other, until it gets along. */
template <typename Call> void failing(Call call) {
  for (long some = 0;; some++) {
    succeed = some;
    call();
    if (succeed.exchange(-1) >= 0)
      return;
  }
}

/* What came of a call: its status, or -1 for std::bad_alloc. */
template <typename Call> factstr_status outcome(Call call) {
  try {
    return status_of(call);
  } catch (const std::bad_alloc &) {
    return -1;
  }
}

/* A future is answered on a thread of the library, which no exception may leave. */
void futures(factstr::store &store) {
  bool told = true;
  failing([&] {
    const factstr_status query = outcome([&] { store.query_async(R"({"limit":1})").get(); });
    told = told && (query == -1 || query == FACTSTR_OK);
  });
  failing([&] {
    const factstr_status append =
        outcome([&] { store.append_if_async(deposit, of_a, std::nullopt).get(); });
    told = told && (append == -1 || append == FACTSTR_CONDITIONAL_APPEND_CONFLICT);
  });
  expect(told, "a future without memory for its answer throws std::bad_alloc");
}

/* A page that could not be handed over is not passed by: the reading ends there. */
void pages(factstr::store &store) {
  bool whole = true;
  failing([&] {
    factstr::reading reading = store.read();
    factstr_status status = FACTSTR_OK;
    int read = 0;
    for (bool more = true, failed = false; more;) {
      status = outcome([&] { more = reading.next().has_value(); });
      failed = failed || status == -1;
      if (status == FACTSTR_OK)
        read += more;
      else
        more = status == -1;
      if (!more)
        whole = whole && (failed ? status == FACTSTR_INVALID_HANDLE : read == 3);
    }
  });
  expect(whole, "a reading ends at a page that there was no memory for");
}

} // namespace

// Not inlined, or the compiler sees new and free() meet and takes that for a mistake.
[[gnu::noinline]] void *operator new(std::size_t size) {
  if (succeed >= 0 && succeed-- == 0)
    throw std::bad_alloc();
  void *memory = std::malloc(size);
  if (memory == nullptr)
    throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void *memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

void short_of_memory() {
  factstr::store store = factstr::store::memory();
  for (int i = 0; i < 2500; i++)
    store.append(deposit);
  futures(store);
  pages(store);
}
