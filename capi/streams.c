/* Streams. */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "public.h"

factstr_status factstr_stream_open(factstr_store store, const char *registration,
                                   size_t registration_len,
                                   const factstr_stream_callbacks *callbacks, void *user_data,
                                   factstr_stream *stream, factstr_buffer *error) {
  CLEAR(stream);
  REFUSE_CHILD(error);
  REQUIRE(stream != NULL, "stream is NULL; pass where the handle goes", error);
  REQUIRE(registration != NULL, "registration is NULL; pass {} for a live stream of all events",
          error);
  if (callbacks != NULL) {
    REQUIRE(callbacks->size >= sizeof *callbacks,
            "callbacks.size is too small; set it to sizeof(factstr_stream_callbacks)", error);
    REQUIRE(callbacks->on_batch != NULL,
            "callbacks.on_batch is NULL; set it, or pass no callbacks to take batches by "
            "factstr_stream_next",
            error);
  }
  IN_GO(stream_open(store, MUTABLE(registration), registration_len,
                    (factstr_stream_callbacks *)callbacks, (uintptr_t)user_data, stream, error,
                    wait));
}

factstr_status factstr_stream_wait_ready(factstr_stream stream, int64_t timeout_ms,
                                         factstr_buffer *error) {
  REFUSE_CHILD(error);
  IN_GO(stream_wait_ready(stream, timeout_ms, fs_inside_stream(stream), error, wait));
}

factstr_status factstr_stream_progress(factstr_stream stream, factstr_buffer *out) {
  REFUSE_CHILD(out);
  IN_GO(stream_progress(stream, out));
}

factstr_status factstr_stream_next(factstr_stream stream, int64_t timeout_ms,
                                   factstr_delivery *delivery, factstr_buffer *batch) {
  CLEAR(delivery);
  REFUSE_CHILD(batch);
  REQUIRE(delivery != NULL, "delivery is NULL; pass where its number goes", batch);
  IN_GO(stream_next(stream, timeout_ms, delivery, batch, wait));
}

factstr_status factstr_stream_next_many(factstr_stream stream, size_t batches_max,
                                        int64_t timeout_ms, factstr_delivery *first, size_t *count,
                                        factstr_buffer *batches) {
  CLEAR(first);
  CLEAR(count);
  REFUSE_CHILD(batches);
  REQUIRE(first != NULL, "first is NULL; pass where the number of the first batch goes", batches);
  REQUIRE(count != NULL, "count is NULL; pass where the number of batches goes", batches);
  REQUIRE(batches_max > 0, "batches_max is 0; pass how many batches may come at once", batches);
  IN_GO(stream_next_many(stream, batches_max, timeout_ms, first, count, batches, wait));
}

factstr_status factstr_stream_advance(factstr_stream stream, factstr_delivery delivery) {
  REFUSE_CHILD(NULL);
  if (fs_mark(stream, delivery)) {
    return FACTSTR_OK;
  }
  IN_GO(stream_advance(stream, delivery));
}

factstr_status factstr_stream_acknowledge(factstr_stream stream, factstr_delivery delivery) {
  REFUSE_CHILD(NULL);
  IN_GO(stream_acknowledge(stream, delivery));
}

factstr_status factstr_stream_refuse(factstr_stream stream, factstr_delivery delivery,
                                     const char *message, size_t message_len) {
  REFUSE_CHILD(NULL);
  const size_t absurd = (size_t)1 << 30;
  if ((message == NULL && message_len != 0) || message_len > absurd) {
    return FACTSTR_INVALID_ARGUMENT;
  }
  IN_GO(stream_refuse(stream, delivery, MUTABLE(message), message_len));
}

factstr_status factstr_stream_unsubscribe(factstr_stream stream) {
  REFUSE_CHILD(NULL);
  IN_GO(stream_unsubscribe(stream, wait));
}

factstr_status factstr_stream_drain(factstr_stream stream) {
  REFUSE_CHILD(NULL);
  IN_GO(stream_drain(stream));
}

factstr_status factstr_stream_close(factstr_stream stream) {
  REFUSE_CHILD(NULL);
  IN_GO(stream_close(stream, fs_inside_stream(stream), wait));
}
