#include "bridge.h"

/*
 * The callbacks that the thread is in, innermost first. The frames are on the thread's C stack:
 * callbacks run on threads of the runtime, but not on the stacks of goroutines. The host's signals
 * stay blocked in a callback; signals.h says why.
 */
struct frame {
  factstr_store store;   /* 0 where a store was opened, and in the log */
  factstr_stream stream; /* 0 in a completion callback */
  const struct frame *outer;
};

static _Thread_local const struct frame *innermost;

#define ENTER_CALLBACK(store, stream)                                                              \
  const struct frame entered = {(store), (stream), innermost};                                     \
  innermost = &entered
#define LEAVE_CALLBACK() innermost = entered.outer

int32_t fs_call_on_batch(const factstr_stream_callbacks *callbacks, uintptr_t user_data,
                         factstr_store store, factstr_stream stream, factstr_delivery delivery,
                         const char *batch, size_t batch_len) {
  ENTER_CALLBACK(store, stream);
  int32_t outcome = callbacks->on_batch((void *)user_data, stream, delivery, batch, batch_len);
  LEAVE_CALLBACK();
  return outcome;
}

void fs_call_on_ready(const factstr_stream_callbacks *callbacks, uintptr_t user_data,
                      factstr_store store, factstr_stream stream) {
  ENTER_CALLBACK(store, stream);
  callbacks->on_ready((void *)user_data, stream);
  LEAVE_CALLBACK();
}

void fs_call_on_end(const factstr_stream_callbacks *callbacks, uintptr_t user_data,
                    factstr_store store, factstr_stream stream, factstr_status status,
                    const char *reason, size_t reason_len) {
  ENTER_CALLBACK(store, stream);
  callbacks->on_end((void *)user_data, stream, status, reason, reason_len);
  LEAVE_CALLBACK();
}

void fs_call_completion(factstr_completion_callback callback, uintptr_t user_data,
                        factstr_store store, uint64_t tag, factstr_status status,
                        const char *result, size_t result_len) {
  ENTER_CALLBACK(store, 0);
  callback((void *)user_data, tag, status, result, result_len);
  LEAVE_CALLBACK();
}

void fs_call_open(factstr_open_callback callback, uintptr_t user_data, factstr_status status,
                  factstr_store store, const char *error, size_t error_len) {
  ENTER_CALLBACK(0, 0);
  callback((void *)user_data, status, store, error, error_len);
  LEAVE_CALLBACK();
}

static _Thread_local int inside_log;

void fs_call_log(factstr_log_callback callback, uintptr_t user_data, const char *record,
                 size_t record_len) {
  ENTER_CALLBACK(0, 0);
  inside_log = 1;
  callback((void *)user_data, record, record_len);
  inside_log = 0;
  LEAVE_CALLBACK();
}

int fs_inside_log(void) { return inside_log; }

int fs_inside_callback(void) { return innermost != NULL; }

int fs_inside_store(factstr_store store) {
  for (const struct frame *frame = innermost; frame != NULL; frame = frame->outer) {
    if (frame->store == store) {
      return 1;
    }
  }
  return 0;
}

factstr_stream fs_innermost_stream(void) { return innermost == NULL ? 0 : innermost->stream; }

int fs_inside_stream(factstr_stream stream) {
  for (const struct frame *frame = innermost; frame != NULL; frame = frame->outer) {
    if (frame->stream == stream) {
      return 1;
    }
  }
  return 0;
}
