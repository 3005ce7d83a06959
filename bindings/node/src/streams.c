/*
 * Streams. on_batch copies the batches that come at once, queues them as one item and returns
 * FACTSTR_PENDING: no thread of the library ever waits for JavaScript, which advances past each
 * batch when its handler is done, and acknowledges or refuses the delivery in the end. Of a live
 * stream several items may wait for the handler; for the library their batches count as handled.
 */
#include <stdlib.h>

#include "addon.h"

/*
 * The user data of a stream: made before it is opened, freed in on_end. The items for ready and end
 * are made with it, so that both can always be reported.
 */
typedef struct stream_data {
  attachment *attachment;
  double id;
  bool live;
  /*
   * Of a live stream: what was queued since the last delivery that had to be acknowledged. Needs no
   * lock, because deliveries come one at a time.
   */
  size_t deliveries;
  size_t bytes;
  item *ready;
  item *end;
} stream_data;

static void stream_data_free(stream_data *data) {
  attachment *a = data->attachment;
  item_free(data->ready);
  item_free(data->end);
  free(data);
  attachment_release(a);
}

static stream_data *stream_data_create(attachment *a, napi_env env, double id, bool live) {
  stream_data *data = calloc(1, sizeof *data);
  if (data == NULL) {
    throw_no_memory(env);
    return NULL;
  }
  attachment_retain(a);
  data->attachment = a;
  data->id = id;
  data->ready = item_create(ITEM_READY, id);
  data->end = item_create(ITEM_END, id);
  data->live = live;
  if (data->ready == NULL || data->end == NULL) {
    stream_data_free(data);
    throw_no_memory(env);
    return NULL;
  }
  return data;
}

/*
 * Reports whether the library may deliver the next batches before JavaScript has handled these.
 * The outcome of a live stream's handler changes nothing for the library, so most batches are
 * queued ahead, which saves a round trip between two threads for each. After so many deliveries or
 * bytes one must be acknowledged, and JavaScript does that when it has handled it and all before
 * it: the queue of a stream is bounded. // G18
 */
static bool goes_on(stream_data *data, size_t batches_len) {
  enum { DELIVERIES_MAX = 256, BYTES_MAX = 1 << 20 };
  if (!data->live) {
    return false;
  }
  data->deliveries++;
  data->bytes += batches_len;
  if (data->deliveries < DELIVERIES_MAX && data->bytes < BYTES_MAX) {
    return true;
  }
  data->deliveries = 0;
  data->bytes = 0;
  return false;
}

static int32_t on_batch(void *user_data, factstr_stream stream, factstr_delivery delivery,
                        const char *batches, size_t batches_len) {
  (void)stream;
  stream_data *data = user_data;
  /*
   * The environment is going away. Pending keeps the cursor where it is until the stream is closed.
   */
  if (!attachment_is_alive(data->attachment)) {
    return FACTSTR_PENDING;
  }
  item *it = item_create(ITEM_BATCH, data->id);
  if (it == NULL || !item_set_text(it, batches, batches_len)) {
    item_free(it);
    return FACTSTR_FAILED;
  }
  bool pending = !goes_on(data, batches_len);
  it->delivery = pending ? delivery : 0;
  items_push(data->attachment, it);
  return pending ? FACTSTR_PENDING : FACTSTR_HANDLED;
}

static void on_ready(void *user_data, factstr_stream stream) {
  (void)stream;
  stream_data *data = user_data;
  item *it = data->ready;
  if (it != NULL) {
    data->ready = NULL;
    items_push(data->attachment, it);
  }
}

/*
 * Captures the last progress now: once the store is closed the stream's handle is gone, and
 * JavaScript can no longer ask.
 */
static void push_progress(stream_data *data, factstr_stream stream) {
  factstr_buffer text = {NULL, 0};
  if (factstr_stream_progress(stream, &text) != FACTSTR_OK) {
    factstr_buffer_free(&text);
    return;
  }
  item *it = item_create(ITEM_PROGRESS, data->id);
  if (it != NULL && item_set_text(it, text.data, text.len)) {
    items_push(data->attachment, it);
  } else {
    item_free(it);
  }
  factstr_buffer_free(&text);
}

static void on_end(void *user_data, factstr_stream stream, factstr_status status,
                   const char *reason, size_t reason_len) {
  stream_data *data = user_data;
  item *it = data->end;
  data->end = NULL;
  it->status = status;
  item_set_text(it, reason, reason_len); /* without memory the status alone tells the end */
  push_progress(data, stream);
  items_push(data->attachment, it);
  stream_data_free(data);
}

static napi_value open_registered(attachment *a, napi_env env, factstr_store store,
                                  const text *registration, double id, bool live) {
  static const factstr_stream_callbacks callbacks = {sizeof callbacks, on_batch, on_ready, on_end};
  if (!handle_list_reserve(&a->streams, 1)) {
    return throw_no_memory(env);
  }
  stream_data *data = stream_data_create(a, env, id, live);
  if (data == NULL) {
    return NULL;
  }
  factstr_stream stream = 0;
  factstr_buffer error = {NULL, 0};
  factstr_status status = factstr_stream_open(store, registration->data, registration->len,
                                              &callbacks, data, &stream, &error);
  if (status != FACTSTR_OK) {
    stream_data_free(data); /* no stream exists and no callback is made */
    return throw_status(a, env, status, &error);
  }
  handle_list_add(&a->streams, stream);
  return handle_value(env, stream);
}

/* openStream(store, registration, id, live) -> handle */
static napi_value open_stream(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_store store;
  text registration;
  double id;
  bool live;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &store},
                 {PARAMETER_TEXT, "registration", &registration}, {PARAMETER_NUMBER, "id", &id},
                 {PARAMETER_BOOL, "live", &live})) {
    return NULL;
  }
  napi_value handle = open_registered(a, env, store, &registration, id, live);
  text_free(&registration);
  return handle;
}

/* Returns whether the delivery was still open. */
static napi_value was_open(attachment *a, napi_env env, factstr_status status) {
  if (status != FACTSTR_OK && status != FACTSTR_INVALID_HANDLE) {
    factstr_buffer none = {NULL, 0};
    return throw_status(a, env, status, &none);
  }
  return boolean(env, status == FACTSTR_OK);
}

typedef factstr_status answer_function(factstr_stream stream, factstr_delivery delivery);

static napi_value answer(napi_env env, napi_callback_info info, answer_function *call) {
  attachment *a;
  factstr_stream stream;
  factstr_delivery delivery;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "stream", &stream},
                 {PARAMETER_HANDLE, "delivery", &delivery})) {
    return NULL;
  }
  return was_open(a, env, call(stream, delivery));
}

/* advance(stream, delivery) -> whether the next batch that came along may begin */
static napi_value advance(napi_env env, napi_callback_info info) {
  return answer(env, info, factstr_stream_advance);
}

/* acknowledge(stream, delivery) -> boolean */
static napi_value acknowledge(napi_env env, napi_callback_info info) {
  return answer(env, info, factstr_stream_acknowledge);
}

/* refuse(stream, delivery, message) -> boolean */
static napi_value refuse(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_stream stream;
  factstr_delivery delivery;
  text message;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "stream", &stream},
                 {PARAMETER_HANDLE, "delivery", &delivery},
                 {PARAMETER_TEXT, "message", &message})) {
    return NULL;
  }
  factstr_status status = factstr_stream_refuse(stream, delivery, message.data, message.len);
  text_free(&message);
  return was_open(a, env, status);
}

/* progress(stream) -> text, undefined when its store was closed */
static napi_value progress(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_stream stream;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "stream", &stream})) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status = factstr_stream_progress(stream, &out);
  if (status == FACTSTR_INVALID_HANDLE) {
    factstr_buffer_free(&out);
    return undefined(env);
  }
  return result_text(a, env, status, &out);
}

/* unsubscribe(stream) */
static napi_value unsubscribe(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_stream stream;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "stream", &stream})) {
    return NULL;
  }
  factstr_buffer none = {NULL, 0};
  factstr_status status = factstr_stream_unsubscribe(stream);
  return result_nothing(a, env, status == FACTSTR_INVALID_HANDLE ? FACTSTR_OK : status, &none);
}

/* closeStream(stream): only after its end was dispatched, so it does not block. */
static napi_value close_stream(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_stream stream;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "stream", &stream})) {
    return NULL;
  }
  handle_list_remove(&a->streams, stream);
  factstr_stream_close(stream);
  return undefined(env);
}

const function_entry stream_functions[] = {
    {"openStream", open_stream},  {"advance", advance},
    {"acknowledge", acknowledge}, {"refuse", refuse},
    {"unsubscribe", unsubscribe}, {"closeStream", close_stream},
    {"progress", progress},       {NULL, NULL},
};
