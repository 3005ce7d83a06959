/*
 * FACTSTR for C++17: handles that close themselves, errors as exceptions. Header only; link
 * libfactstr.
 *
 * Texts are the JSON of factstr.h, whose comments say what each call takes and returns; use the
 * JSON library that your program has. A call that fails throws factstr::error, or factstr::conflict
 * where a condition does not hold.
 *
 * Objects can be moved and not copied, and may be destroyed in any order: what belonged to a store
 * that is closed throws FACTSTR_STORE_CLOSED or FACTSTR_INVALID_HANDLE. Any number of threads may use
 * a store or a stream at once; one of them moves or destroys it. An append that throws
 * std::bad_alloc may or may not be committed, as after FACTSTR_COMMIT_UNKNOWN.
 */
#ifndef FACTSTR_HPP
#define FACTSTR_HPP

#include <factstr.h>

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace factstr {

/* A call that failed. what() is the status and the message that the library gave, as JSON. */
class error : public std::runtime_error {
public:
  error(factstr_status status, std::string json)
      : std::runtime_error(std::string(factstr_status_name(status)) + " " + json), status_(status),
        json_(std::move(json)) {}
  factstr_status status() const noexcept { return status_; }
  /* The text of the status, such as "Busy". */
  const char *code() const noexcept { return factstr_status_name(status_); }
  /* The InteropError, or "" where factstr.h says that there is none. */
  const std::string &json() const noexcept { return json_; }

private:
  factstr_status status_;
  std::string json_;
};

/* FACTSTR_CONDITIONAL_APPEND_CONFLICT: nothing was appended. Read the context again and decide. */
class conflict : public error {
public:
  using error::error;
};

namespace detail {

/* Text of the library, released at the end. */
class buffer {
public:
  buffer() = default;
  buffer(const buffer &) = delete;
  buffer &operator=(const buffer &) = delete;
  ~buffer() { factstr_buffer_free(&text_); }
  factstr_buffer *out() noexcept { return &text_; }
  std::string text() const {
    return text_.data ? std::string(text_.data, text_.len) : std::string();
  }

private:
  factstr_buffer text_{nullptr, 0};
};

[[noreturn]] inline void fail(factstr_status status, std::string json) {
  if (status == FACTSTR_CONDITIONAL_APPEND_CONFLICT)
    throw conflict(status, std::move(json));
  throw error(status, std::move(json));
}

inline void check(factstr_status status, const buffer &text) {
  if (status != FACTSTR_OK)
    fail(status, text.text());
}

/* An owned handle of the library, closed once. */
template <typename Close> class handle {
public:
  explicit handle(std::uint64_t value = 0) noexcept : value_(value) {}
  handle(handle &&other) noexcept : value_(std::exchange(other.value_, 0)) {}
  handle &operator=(handle &&other) noexcept {
    if (this != &other) {
      reset();
      value_ = std::exchange(other.value_, 0);
    }
    return *this;
  }
  ~handle() { reset(); }
  std::uint64_t get() const noexcept { return value_; }
  std::uint64_t release() noexcept { return std::exchange(value_, 0); }

private:
  void reset() noexcept {
    if (value_ != 0)
      Close{}(std::exchange(value_, 0));
  }
  std::uint64_t value_;
};

struct close_store {
  void operator()(factstr_store store) const noexcept { (void)factstr_store_close(store, nullptr); }
};
struct close_stream {
  void operator()(factstr_stream stream) const noexcept { (void)factstr_stream_close(stream); }
};
struct close_reading {
  void operator()(factstr_reading reading) const noexcept { (void)factstr_read_close(reading); }
};

/* The promise of a submitted request, kept on a thread of the library. */
inline void answer(void *user_data, std::uint64_t, factstr_status status, const char *result,
                   std::size_t len) {
  const std::unique_ptr<std::promise<std::string>> promise(
      static_cast<std::promise<std::string> *>(user_data));
  try { // no exception may cross the library, std::bad_alloc neither
    std::string text = result ? std::string(result, len) : std::string();
    if (status != FACTSTR_OK)
      fail(status, std::move(text));
    promise->set_value(std::move(text));
  } catch (...) {
    promise->set_exception(std::current_exception());
  }
}

/* Submits by `submit(callback, user_data, error)`; the future gets the answer. */
template <typename Submit> std::future<std::string> submitted(Submit submit) {
  auto promise = std::make_unique<std::promise<std::string>>();
  auto future = promise->get_future();
  buffer text;
  check(submit(&answer, promise.get(), text.out()), text);
  promise.release(); // answer has it
  return future;
}

/* An argument that ends with a NUL: the library would not see what stands behind another one. */
inline const char *terminated(const std::string &text, const char *name) {
  if (text.find('\0') != std::string::npos)
    fail(FACTSTR_INVALID_ARGUMENT,
         std::string(R"({"code":"InvalidArgument","message":")") + name + R"( holds a NUL byte"})");
  return text.c_str();
}

inline const std::uint64_t *pointer(const std::optional<std::uint64_t> &number) noexcept {
  return number ? &*number : nullptr;
}

} // namespace detail

/* The events of a query page by page, in bounded memory. */
class reading {
public:
  /*
   * The next InteropPage; nothing after the last one. std::bad_alloc ends the reading, since the
   * page that was read does not come again.
   */
  std::optional<std::string> next() {
    if (!more_)
      return std::nullopt;
    detail::buffer page;
    detail::check(factstr_read_next(handle_.get(), page.out()), page);
    auto unless_copied = std::move(handle_);
    std::string text = page.text();
    handle_ = std::move(unless_copied);
    const std::string_view more = "\"more\":true}";
    more_ = text.size() >= more.size() &&
            text.compare(text.size() - more.size(), more.size(), more.data(), more.size()) == 0;
    return text;
  }

private:
  friend class store;
  explicit reading(factstr_reading value) noexcept : handle_(value) {}
  detail::handle<detail::close_reading> handle_;
  bool more_ = true;
};

/* A batch that was taken from a stream: acknowledge or refuse it before the next one is taken. */
class delivery {
public:
  /* The batch: an array of InteropEventRecord, or an InteropDelivery if "positions" was asked. */
  const std::string &text() const noexcept { return text_; }
  void acknowledge() { detail::check(factstr_stream_acknowledge(stream_, number_), {}); }
  /* Says that it failed: it comes again as "retry" says, and after that the stream ends. */
  void refuse(std::string_view why) {
    detail::check(factstr_stream_refuse(stream_, number_, why.data(), why.size()), {});
  }

private:
  friend class stream;
  delivery(factstr_stream stream, factstr_delivery number, std::string text) noexcept
      : stream_(stream), number_(number), text_(std::move(text)) {}
  factstr_stream stream_;
  factstr_delivery number_;
  std::string text_;
};

/*
 * An open stream. Its end unsubscribes it and waits for a running handler, unless the handler
 * itself destroys it.
 */
class stream {
public:
  /* Takes a batch; an exception means that the batch failed. */
  using handler = std::function<void(std::string_view batch)>;
  /* Learns of the stream's end, once and last: FACTSTR_OK, or the failure and its InteropError. */
  using end = std::function<void(factstr_status status, std::string_view reason)>;

  /* The next batch of a stream without a handler; nothing if none came in time. */
  std::optional<delivery> next(std::int64_t timeout_ms) {
    detail::buffer batch;
    factstr_delivery number = 0;
    const factstr_status status =
        factstr_stream_next(handle_.get(), timeout_ms, &number, batch.out());
    if (status == FACTSTR_TIMEOUT)
      return std::nullopt;
    detail::check(status, batch); // FACTSTR_ENDED too: nothing will come any more
    return delivery(handle_.get(), number, batch.text());
  }
  /* Waits until replay is done; false if it is not within the time. */
  bool wait_ready(std::int64_t timeout_ms) {
    detail::buffer text;
    const factstr_status status = factstr_stream_wait_ready(handle_.get(), timeout_ms, text.out());
    if (status != FACTSTR_TIMEOUT)
      detail::check(status, text);
    return status == FACTSTR_OK;
  }
  std::string progress() const {
    detail::buffer out;
    detail::check(factstr_stream_progress(handle_.get(), out.out()), out);
    return out.text();
  }
  void unsubscribe() { detail::check(factstr_stream_unsubscribe(handle_.get()), {}); }
  void drain() { detail::check(factstr_stream_drain(handle_.get()), {}); }
  /* The handle, for what this class does not wrap. The class keeps it. */
  factstr_stream get() const noexcept { return handle_.get(); }

private:
  friend class store;
  struct callbacks {
    handler batch;
    end ended;
  };
  explicit stream(factstr_stream value) noexcept : handle_(value) {}
  static std::int32_t on_batch(void *user_data, factstr_stream stream, factstr_delivery number,
                               const char *batch, std::size_t len) {
    try { // no exception may cross the library
      static_cast<callbacks *>(user_data)->batch(std::string_view(batch, len));
      return FACTSTR_HANDLED;
    } catch (const std::exception &e) {
      // Refused by itself, the batch fails with the message.
      const char *const what = e.what();
      const std::string_view why = what ? what : "an exception without a message";
      if (factstr_stream_refuse(stream, number, why.data(), why.size()) == FACTSTR_OK)
        return FACTSTR_PENDING;
    } catch (...) {
    }
    return FACTSTR_FAILED;
  }
  static void on_end(void *user_data, factstr_stream, factstr_status status, const char *reason,
                     std::size_t len) {
    const std::unique_ptr<callbacks> last(static_cast<callbacks *>(user_data));
    try {
      if (last->ended)
        last->ended(status, reason ? std::string_view(reason, len) : std::string_view());
    } catch (...) { // nobody is left to be told
    }
  }
  detail::handle<detail::close_stream> handle_;
};

/* An open store. Its end closes it; call close() to learn of a failure. */
class store {
public:
  static store memory(std::string_view options = {}) {
    return open([&](factstr_store *made, factstr_buffer *error) {
      return factstr_memory_open(options.data(), options.size(), made, error);
    });
  }
  static store sqlite(const std::string &path, std::string_view options = {}) {
    return open([&](factstr_store *made, factstr_buffer *error) {
      return factstr_sqlite_open(detail::terminated(path, "path"), options.data(), options.size(),
                                 made, error);
    });
  }
  static store postgres(const std::string &url, std::string_view options = {}) {
    return open([&](factstr_store *made, factstr_buffer *error) {
      return factstr_postgres_open(detail::terminated(url, "url"), options.data(), options.size(),
                                   made, error);
    });
  }
  static store postgres_bootstrap(const std::string &server_url, const std::string &database_name,
                                  std::string_view options = {}) {
    return open([&](factstr_store *made, factstr_buffer *error) {
      return factstr_postgres_bootstrap(detail::terminated(server_url, "server_url"),
                                        detail::terminated(database_name, "database_name"),
                                        options.data(), options.size(), made, error);
    });
  }

  std::string append(std::string_view events) {
    return call([&](factstr_buffer *out) {
      return factstr_append(get(), events.data(), events.size(), out);
    });
  }
  /* Throws conflict unless the context of `query` has the expected version; nullopt: no events. */
  std::string append_if(std::string_view events, std::string_view query,
                        std::optional<std::uint64_t> expected) {
    return call([&](factstr_buffer *out) {
      return factstr_append_if(get(), events.data(), events.size(), query.data(), query.size(),
                               detail::pointer(expected), out);
    });
  }
  std::string append_when(std::string_view events, std::string_view conditions) {
    return call([&](factstr_buffer *out) {
      return factstr_append_when(get(), events.data(), events.size(), conditions.data(),
                                 conditions.size(), out);
    });
  }
  std::string query(std::string_view query = {}) const {
    return call(
        [&](factstr_buffer *out) { return factstr_query(get(), query.data(), query.size(), out); });
  }
  std::string explain(std::string_view query = {}) const {
    return call([&](factstr_buffer *out) {
      return factstr_explain(get(), query.data(), query.size(), out);
    });
  }
  std::string statistics() const {
    return call([&](factstr_buffer *out) { return factstr_statistics(get(), out); });
  }
  std::string cursors(std::string_view asked) {
    return call([&](factstr_buffer *out) {
      return factstr_cursors(get(), asked.data(), asked.size(), out);
    });
  }
  std::string backup(const std::string &path) {
    return call([&](factstr_buffer *out) {
      return factstr_backup(get(), detail::terminated(path, "path"), out);
    });
  }
  std::string verify() {
    return call([&](factstr_buffer *out) { return factstr_verify(get(), out); });
  }
  void wait_for(std::string_view position) {
    call([&](factstr_buffer *out) {
      return factstr_wait_for(get(), position.data(), position.size(), out);
    });
  }
  reading read(std::string_view query = {}) {
    factstr_reading made = 0;
    call([&](factstr_buffer *error) {
      return factstr_read_open(get(), query.data(), query.size(), &made, error);
    });
    return reading(made);
  }

  /* The submitted calls: the future throws what the blocking call throws. */
  std::future<std::string> append_async(std::string_view events) {
    return detail::submitted(
        [&](factstr_completion_callback done, void *data, factstr_buffer *error) {
          return factstr_append_submit(get(), events.data(), events.size(), 0, done, data, nullptr,
                                       error);
        });
  }
  std::future<std::string> append_if_async(std::string_view events, std::string_view query,
                                           std::optional<std::uint64_t> expected) {
    return detail::submitted(
        [&](factstr_completion_callback done, void *data, factstr_buffer *error) {
          return factstr_append_if_submit(get(), events.data(), events.size(), query.data(),
                                          query.size(), detail::pointer(expected), 0, done, data,
                                          nullptr, error);
        });
  }
  std::future<std::string> append_when_async(std::string_view events, std::string_view conditions) {
    return detail::submitted(
        [&](factstr_completion_callback done, void *data, factstr_buffer *error) {
          return factstr_append_when_submit(get(), events.data(), events.size(), conditions.data(),
                                            conditions.size(), 0, done, data, nullptr, error);
        });
  }
  std::future<std::string> query_async(std::string_view query = {}) {
    return detail::submitted([&](factstr_completion_callback done, void *data,
                                 factstr_buffer *error) {
      return factstr_query_submit(get(), query.data(), query.size(), 0, done, data, nullptr, error);
    });
  }

  /*
   * A stream whose batches the handler gets, on threads of the library, one at a time. A handler
   * whose failure ends the stream is told to `ended`, and to nobody else once the stream was ready.
   */
  stream open_stream(std::string_view registration, stream::handler handler,
                     stream::end ended = nullptr) {
    std::unique_ptr<stream::callbacks> kept(
        new stream::callbacks{std::move(handler), std::move(ended)});
    factstr_stream_callbacks callbacks{};
    callbacks.size = sizeof callbacks;
    callbacks.on_batch = &stream::on_batch;
    callbacks.on_end = &stream::on_end;
    factstr_stream made = 0;
    call([&](factstr_buffer *error) {
      return factstr_stream_open(get(), registration.data(), registration.size(), &callbacks,
                                 kept.get(), &made, error);
    });
    kept.release(); // on_end has it
    return stream(made);
  }
  /* A stream whose batches are taken by stream::next. */
  stream open_stream(std::string_view registration) {
    factstr_stream made = 0;
    call([&](factstr_buffer *error) {
      return factstr_stream_open(get(), registration.data(), registration.size(), nullptr, nullptr,
                                 &made, error);
    });
    return stream(made);
  }

  /* May be called again. */
  void close() {
    if (get() == 0)
      return;
    detail::buffer text;
    const factstr_status status = factstr_store_close(handle_.release(), text.out());
    if (status != FACTSTR_CLOSING) // inside a handler: the rest happens when that has returned
      detail::check(status, text);
  }
  /* The handle, for what this class does not wrap. The class keeps it. */
  factstr_store get() const noexcept { return handle_.get(); }

private:
  explicit store(factstr_store value) noexcept : handle_(value) {}
  template <typename Call> static std::string call(Call call) {
    detail::buffer out;
    detail::check(call(out.out()), out);
    return out.text();
  }
  template <typename Open> static store open(Open open) {
    factstr_store made = 0;
    call([&](factstr_buffer *error) { return open(&made, error); });
    return store(made);
  }
  detail::handle<detail::close_store> handle_;
};

} // namespace factstr

#endif
