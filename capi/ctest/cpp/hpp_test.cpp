/* Tests of factstr.hpp: hpp_test FOLDER. Prints "N passed, N failed" last. */
#include "expect.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <vector>

int passed, failed;

void expect(bool holds, const char *what) {
  (holds ? passed : failed)++;
  if (!holds)
    std::printf("FAILED: %s\n", what);
}

namespace {

void appends_and_conditions(factstr::store store) {
  expect(has(store.append(deposit), R"("first_sequence_number":1)"), "an append has a number");
  expect(has(store.append_if(deposit, of_a, 1), R"("first_sequence_number":2)"),
         "append_if with the version");
  try {
    store.append_if(deposit, of_a, std::nullopt);
    expect(false, "append_if with an old version throws");
  } catch (const factstr::conflict &e) {
    expect(has(e.json(), R"("actual_context_version":2)"), "the conflict has the version");
    expect(e.status() == FACTSTR_CONDITIONAL_APPEND_CONFLICT, "the conflict has its status");
    expect(has(e.what(), "ConditionalAppendConflict"), "what() names the status");
  }
  const std::string once = std::string(R"([{"fail_if_events_match":)") + of_a + R"(,"after":2}])";
  expect(has(store.append_when(deposit, once), R"("first_sequence_number":3)"),
         "append_when that holds");
  expect(status_of([&] { store.append_when(deposit, once); }) ==
             FACTSTR_CONDITIONAL_APPEND_CONFLICT,
         "append_when that does not hold");
  expect(status_of([&] { store.append("[]"); }) == FACTSTR_EMPTY_APPEND, "an empty batch");
  expect(status_of([&] { store.append("[{}]"); }) == FACTSTR_INVALID_ARGUMENT,
         "a batch that is no batch");
  expect(has(store.query(of_a), R"("current_context_version":3)"), "a query");
  expect(has(store.query(), R"("sequence_number":3)"), "a query for everything");
  expect(has(store.explain(of_a), R"("matches":3)"), "explain");
  expect(has(store.statistics(), R"("head":3)"), "statistics");
  expect(has(store.verify(), R"("findings":[])"), "verify");
}

void submitted_calls(factstr::store store) {
  std::vector<std::future<std::string>> appended;
  for (int i = 0; i < 100; i++)
    appended.push_back(store.append_async(deposit));
  for (auto &answer : appended)
    expect(has(answer.get(), "first_sequence_number"), "a submitted append is answered");
  expect(has(store.query_async(of_a).get(), R"("current_context_version":100)"),
         "a submitted query");
  auto late = store.append_if_async(deposit, of_a, std::nullopt);
  expect(status_of([&] { late.get(); }) == FACTSTR_CONDITIONAL_APPEND_CONFLICT,
         "a future throws the conflict");
  auto never = store.append_when_async(deposit, R"([{"fail_if_events_match":{}}])");
  expect(status_of([&] { never.get(); }) == FACTSTR_CONDITIONAL_APPEND_CONFLICT,
         "append_when_async");
  expect(status_of([&] { store.append_async("[]"); }) == FACTSTR_EMPTY_APPEND,
         "bad input throws at once");
  // A future that nobody asks, of a store that is closed.
  store.append_async(deposit);
  store.close();
  expect(status_of([&] { store.query(); }) == FACTSTR_INVALID_HANDLE, "a closed store");
  expect(status_of([&] { store.close(); }) == FACTSTR_OK, "a closed store may be closed again");
}

void readings(factstr::store store) {
  for (int i = 0; i < 2500; i++)
    store.append_async(deposit);
  store.append(deposit);
  factstr::reading reading = store.read();
  int pages = 0;
  std::string last;
  while (auto page = reading.next()) {
    pages++;
    last = *page;
  }
  expect(pages == 3, "2501 events are three pages");
  expect(has(last, R"("sequence_number":2501)"), "the last page has the last event");
  expect(!reading.next(), "nothing comes after the last page");
}

struct wordless : std::exception {
  const char *what() const noexcept override { return nullptr; }
};

void streams_with_handlers(factstr::store store) {
  std::mutex mutex;
  std::condition_variable changed;
  int calls = 0;
  bool fails = true;
  auto kept = std::make_shared<int>(7); // freed when the stream has ended
  std::weak_ptr<int> watched = kept;
  {
    factstr::stream stream = store.open_stream(
        R"({"durable":{"name":"model"},"retry":{"max_attempts":3,"delay_ms":1}})",
        [&, held = std::move(kept)](std::string_view batch) {
          const std::lock_guard<std::mutex> lock(mutex);
          calls++;
          changed.notify_all();
          if (std::exchange(fails, false))
            throw std::runtime_error("not yet");
          expect(batch.find("Deposited") != std::string_view::npos, "a handler gets the batch");
        });
    expect(stream.wait_ready(10000), "an empty log is replayed");
    store.append(deposit);
    std::unique_lock<std::mutex> lock(mutex);
    expect(changed.wait_for(lock, std::chrono::seconds(30), [&] { return calls == 2; }),
           "a batch whose handler threw comes again");
    lock.unlock();
    store.wait_for(R"({"durable":{"name":"model"},"number":1,"timeout_ms":30000})");
    factstr::stream moved = std::move(stream);
    expect(has(moved.progress(), R"("position":1)"), "progress of a stream that was moved");
    expect(!watched.expired(), "the handler lives as long as the stream");
  }
  expect(watched.expired(), "the handler is freed with its stream");
  {
    std::string ended;
    factstr::stream stream = store.open_stream(
        R"({"after":0})", [](std::string_view) { throw std::runtime_error("no such account"); });
    try {
      stream.wait_ready(30000);
    } catch (const factstr::error &e) {
      ended = e.json();
    }
    expect(has(ended, "HandlerFailed") && has(ended, "no such account"),
           "a stream ends with what its handler threw");
  }
  {
    factstr::stream stream = store.open_stream(R"({"after":0})", [](std::string_view) { throw 7; });
    expect(status_of([&] { stream.wait_ready(30000); }) == FACTSTR_HANDLER_FAILED,
           "a handler may throw anything");
  }
  {
    factstr::stream stream =
        store.open_stream(R"({"after":0})", [](std::string_view) { throw wordless(); });
    std::string ended;
    try {
      stream.wait_ready(30000);
    } catch (const factstr::error &e) {
      ended = e.json();
    }
    expect(has(ended, "without a message"), "a handler may throw what has no message");
  }
  {
    std::promise<std::string> told;
    factstr::stream stream = store.open_stream(
        R"({"durable":{"name":"told"}})",
        [](std::string_view batch) {
          if (batch.find("\"sequence_number\":2") != std::string_view::npos)
            throw std::runtime_error("no such account");
        },
        [&](factstr_status status, std::string_view reason) {
          told.set_value(factstr_status_name(status) + (" " + std::string(reason)));
          throw 7; // goes nowhere
        });
    expect(stream.wait_ready(30000), "the first batch is handled");
    store.append(deposit);
    auto end = told.get_future();
    const bool ended = end.wait_for(std::chrono::seconds(30)) == std::future_status::ready;
    const std::string reason = ended ? end.get() : "";
    expect(has(reason, "HandlerFailed {") && has(reason, "no such account"),
           "a failure long after the stream was ready is told");
  }
  {
    std::promise<factstr_status> told;
    {
      factstr::stream stream = store.open_stream(
          "{}", [](std::string_view) {},
          [&](factstr_status status, std::string_view) { told.set_value(status); });
    }
    auto end = told.get_future(); // the stream is closed, so its end was told
    expect(end.wait_for(std::chrono::seconds(0)) == std::future_status::ready &&
               end.get() == FACTSTR_OK,
           "an end without a failure is told");
  }
  expect(status_of([&] { store.open_stream(R"({"what":1})", [](std::string_view) {}); }) ==
             FACTSTR_INVALID_ARGUMENT,
         "a registration that is none");
}

void streams_that_are_pulled(factstr::store store) {
  factstr::stream stream = store.open_stream(R"({"durable":{"name":"pulled"}})");
  expect(!stream.next(0), "nothing to take");
  store.append(deposit);
  auto first = stream.next(30000);
  expect(first && has(first->text(), "Deposited"), "a batch to take");
  expect(status_of([&] { stream.next(0); }) == FACTSTR_INVALID_STATE, "one delivery at a time");
  first->acknowledge();
  expect(status_of([&] { first->acknowledge(); }) == FACTSTR_INVALID_HANDLE,
         "an answer counts once");
  store.append(deposit);
  auto second = stream.next(30000);
  if (second)
    second->refuse("broken");
  expect(status_of([&] { stream.next(30000); }) == FACTSTR_HANDLER_FAILED,
         "a refused batch ends the stream");
  factstr::stream drained = store.open_stream("{}");
  drained.drain();
  expect(status_of([&] { drained.next(30000); }) == FACTSTR_ENDED, "a drained stream has ended");
  drained.unsubscribe();
}

void cursors_of_durable_names(factstr::store store) { /* G23 */
  const char reset[] = R"({"cursor_reset":{"name":"model","to":0}})";
  for (int i = 0; i < 3; i++)
    store.append(deposit);
  {
    factstr::stream held = store.open_stream(R"({"durable":{"name":"model"}})");
    auto batch = held.next(30000);
    expect(batch.has_value(), "a batch of a durable stream");
    if (batch)
      batch->acknowledge();
    const std::string listed = store.cursors(R"({"cursors":{}})");
    expect(has(listed, R"("name":"model")") && has(listed, R"("held_by":"this store")"),
           "a name that is held is listed with its holder");
    expect(status_of([&] { store.cursors(reset); }) == FACTSTR_DURABLE_STREAM_ACTIVE,
           "a cursor that somebody holds is not reset");
  }
  expect(has(store.cursors(R"({"cursors":{}})"), R"("held_by":null)"), "a name that nobody holds");
  expect(store.cursors(R"({"cursor_copy":{"from":"model","to":"copy"}})").empty(),
         "a cursor is copied");
  expect(store.cursors(reset).empty(), "a cursor is reset");
  {
    factstr::stream again = store.open_stream(R"({"durable":{"name":"model"}})");
    auto batch = again.next(30000);
    expect(batch && has(batch->text(), R"("sequence_number":1,)"), "after a reset all comes again");
    factstr::stream copied = store.open_stream(R"({"durable":{"name":"copy"}})");
    batch = copied.next(30000);
    expect(batch && has(batch->text(), R"("sequence_number":2,)"), "a copy goes on where it was");
  }
  expect(store.cursors(R"({"cursor_delete":{"name":"copy"}})").empty(), "a cursor is deleted");
  expect(!has(store.cursors(R"({"cursors":{}})"), R"("name":"copy")"), "a deleted name is gone");
  expect(status_of([&] { store.cursors(R"({"cursor_delete":{"name":"copy"}})"); }) ==
             FACTSTR_INVALID_ARGUMENT,
         "a name that is not known");
  expect(status_of([&] { store.cursors("{}"); }) == FACTSTR_INVALID_ARGUMENT, "no call at all");
}

void batches_that_are_parked(factstr::store store) { /* G23 */
  const char parking[] = R"({"durable":{"name":"p"},"retry":{"max_attempts":0,"give_up":"park"}})";
  const char listing[] = R"({"parked":{"name":"p"}})";
  store.append(deposit);
  store.append(deposit);
  {
    factstr::stream stream = store.open_stream(parking);
    for (const char *why : {"broken", "broken too"}) {
      auto batch = stream.next(30000);
      expect(batch.has_value(), "a batch to refuse");
      if (batch)
        batch->refuse(why);
    }
    store.append(deposit);
    auto third = stream.next(30000); /* so the two before are parked */
    expect(third.has_value(), "a stream that parks goes on");
    if (third)
      third->acknowledge();
  }
  std::string parked = store.cursors(listing);
  expect(has(parked, R"("position":1)") && has(parked, "broken too"),
         "parked batches are listed with their errors");
  expect(status_of([&] { store.cursors(R"({"cursor_delete":{"name":"p"}})"); }) ==
             FACTSTR_INVALID_STATE,
         "a name with parked batches is not deleted");
  expect(store.cursors(R"({"discard_parked":{"name":"p","positions":[2]}})") == R"({"batches":1})",
         "one is discarded");
  expect(store.cursors(R"({"redeliver_parked":{"name":"p"}})") == R"({"batches":1})",
         "the other is to come again");
  {
    factstr::stream stream = store.open_stream(parking);
    auto batch = stream.next(30000);
    expect(batch && has(batch->text(), R"("sequence_number":1,)"), "a parked batch comes again");
    if (batch)
      batch->acknowledge();
    stream.drain();
    expect(status_of([&] { stream.next(30000); }) == FACTSTR_ENDED, "nothing else comes");
  }
  expect(store.cursors(listing) == R"({"parked":[]})", "nothing is parked any more");
  expect(store.cursors(R"({"cursor_delete":{"name":"p"}})").empty(), "and the name can go");
}

/* Arguments that C ends at their first NUL, which std::string does not (G5: the log that was named) */
void texts_with_a_nul(const std::string &folder) {
  const std::string end("\0.old", 5);
  const auto refused = [&](const char *what, auto call) {
    try {
      call();
      expect(false, what);
    } catch (const factstr::error &e) {
      expect(e.status() == FACTSTR_INVALID_ARGUMENT && has(e.json(), "holds a NUL byte"), what);
    }
  };
  const std::string path = folder + "/nul.db", url = "postgres://127.0.0.1:1/x";
  refused("a path with a NUL", [&] { factstr::store::sqlite(path + end); });
  refused("a URL with a NUL", [&] { factstr::store::postgres(url + end); });
  refused("a server's URL with a NUL", [&] { factstr::store::postgres_bootstrap(url + end, "x"); });
  refused("a database's name with a NUL",
          [&] { factstr::store::postgres_bootstrap(url, "x" + end); });
  expect(status_of([&] { factstr::store::sqlite(path, R"({"read_only":true})"); }) ==
             FACTSTR_BACKEND_FAILURE,
         "no file was made under a part of the path");
  factstr::store store = factstr::store::sqlite(path);
  refused("a backup's path with a NUL", [&] { store.backup(folder + "/nul-copy.db" + end); });
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  const std::string folder = argv[1];
  int made = 0;
  for (auto *topic :
       {&appends_and_conditions, &submitted_calls, &readings, &streams_with_handlers,
        &streams_that_are_pulled, &cursors_of_durable_names, &batches_that_are_parked}) {
    topic(factstr::store::memory());
    topic(factstr::store::sqlite(folder + "/facts-" + std::to_string(made++) + ".db"));
  }
  expect(status_of([] { factstr::store::memory().backup("copy.db"); }) == FACTSTR_NOT_IMPLEMENTED,
         "a store in memory has no backup");
  {
    factstr::store store = factstr::store::sqlite(folder + "/backed-up.db");
    store.append(deposit);
    expect(has(store.backup(folder + "/copy.db"), R"("head":1)"), "a backup");
    expect(has(factstr::store::sqlite(folder + "/copy.db").query(), "Deposited"),
           "a backup is a store");
  }
  expect(status_of([] { factstr::store::memory("{\"what\":1}"); }) == FACTSTR_INVALID_ARGUMENT,
         "an unknown option");
  expect(status_of([] { factstr::store::sqlite(""); }) == FACTSTR_INVALID_ARGUMENT, "no path");
  expect(status_of([] { factstr::store::postgres("nonsense://"); }) == FACTSTR_INVALID_ARGUMENT,
         "no URL");
  expect(status_of([] { factstr::store::postgres_bootstrap("nonsense://", "x"); }) ==
             FACTSTR_INVALID_ARGUMENT,
         "no server");
  texts_with_a_nul(folder);
  short_of_memory();
  expect(factstr_open_handles() == 0, "every handle is closed");
  std::printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
