/*
 * Streams. on_batch copies the batch, queues it and answers FACTSTR_PENDING: no thread of the
 * library ever waits for JavaScript, which acknowledges or refuses the delivery when its handler is
 * done. Of a live stream several batches may wait for the handler; they count as handled.
 */
#include <stdlib.h>

#include "addon.h"

/*
 * The user data of a stream: made before it is opened, freed in on_end. Its items for ready and end
 * are made with it.
 */
typedef struct stream_data {
  session *session;
  double id;
  bool live;
  /*
   * Of a live stream: what was taken since the last batch that had to be acknowledged. Batches come
   * one at a time.
   */
  size_t batches;
  size_t bytes;
  item *ready;
  item *end;
} stream_data;

static void stream_data_free(stream_data *data) {
  session *s = data->session;
  item_free(data->ready);
  item_free(data->end);
  free(data);
  session_release(s);
}

static stream_data *stream_data_create(session *s, napi_env env, double id, bool live) {
  stream_data *data = calloc(1, sizeof *data);
  if (data == NULL) {
    throw_no_memory(env);
    return NULL;
  }
  session_retain(s);
  data->session = s;
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
 * The outcome of a live stream's handler changes nothing for the library, so batches are taken
 * before the one in front of them was handled, and a delivery does not cost a way to another thread
 * and back. Once in a while one has to be acknowledged, which JavaScript does when it has handled
 * that one and all before it: more than this never waits there.
 */
static bool goes_on(stream_data *data, size_t batch_len) {
  enum { BATCHES_MAX = 256, BYTES_MAX = 1 << 20 };
  if (!data->live) {
    return false;
  }
  data->batches++;
  data->bytes += batch_len;
  if (data->batches < BATCHES_MAX && data->bytes < BYTES_MAX) {
    return true;
  }
  data->batches = 0;
  data->bytes = 0;
  return false;
}

static int32_t on_batch(void *user_data, factstr_stream stream, factstr_delivery delivery,
                        const char *batch, size_t batch_len) {
  (void)stream;
  stream_data *data = user_data;
  /*
   * Nobody is left to handle it. Pending keeps the cursor where it is until the stream is closed.
   */
  if (!session_is_alive(data->session)) {
    return FACTSTR_PENDING;
  }
  item *it = item_create(ITEM_BATCH, data->id);
  if (it == NULL || !item_set_text(it, batch, batch_len)) {
    item_free(it);
    return FACTSTR_FAILED;
  }
  bool pending = !goes_on(data, batch_len);
  it->delivery = pending ? delivery : 0;
  session_push(data->session, it);
  return pending ? FACTSTR_PENDING : FACTSTR_HANDLED;
}

static void on_ready(void *user_data, factstr_stream stream) {
  (void)stream;
  stream_data *data = user_data;
  item *it = data->ready;
  if (it != NULL) {
    data->ready = NULL;
    session_push(data->session, it);
  }
}

/*
 * Where the stream came to: what its store's close has let go of cannot be asked for any more when
 * the end is dispatched.
 */
static void push_progress(stream_data *data, factstr_stream stream) {
  factstr_buffer text = {NULL, 0};
  if (factstr_stream_progress(stream, &text) != FACTSTR_OK) {
    factstr_buffer_free(&text);
    return;
  }
  item *it = item_create(ITEM_PROGRESS, data->id);
  if (it != NULL && item_set_text(it, text.data, text.len)) {
    session_push(data->session, it);
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
  session_push(data->session, it);
  stream_data_free(data);
}

/* openStream(store, registration, id, live) -> handle */
static napi_value open_stream(napi_env env, napi_callback_info info) {
  static const factstr_stream_callbacks callbacks = {sizeof callbacks, on_batch, on_ready, on_end};
  session *s;
  napi_value argv[4];
  factstr_store store;
  double id;
  bool live = false;
  text registration;
  if (!call_info(env, info, 4, argv, &s) || !read_uint64(s, env, argv[0], "store", &store) ||
      !read_double(s, env, argv[2], "id", &id) ||
      !text_read(s, env, argv[1], "registration", &registration)) {
    return NULL;
  }
  napi_get_value_bool(env, argv[3], &live);
  stream_data *data = NULL;
  if (handle_list_reserve(&s->streams, 1)) {
    data = stream_data_create(s, env, id, live);
  } else {
    throw_no_memory(env);
  }
  if (data == NULL) {
    text_free(&registration);
    return NULL;
  }
  factstr_stream stream = 0;
  factstr_buffer error = {NULL, 0};
  factstr_status status = factstr_stream_open(store, registration.data, registration.len,
                                              &callbacks, data, &stream, &error);
  text_free(&registration);
  if (status != FACTSTR_OK) {
    stream_data_free(data); /* no stream exists and no callback is made */
    return throw_status(s, env, status, &error);
  }
  handle_list_add(&s->streams, stream);
  napi_value handle;
  CHECK(env, napi_create_bigint_uint64(env, stream, &handle), NULL);
  return handle;
}

/* Answers whether the delivery was still open. */
static napi_value answered(session *s, napi_env env, factstr_status status) {
  if (status != FACTSTR_OK && status != FACTSTR_INVALID_HANDLE) {
    factstr_buffer none = {NULL, 0};
    return throw_status(s, env, status, &none);
  }
  napi_value open;
  CHECK(env, napi_get_boolean(env, status == FACTSTR_OK, &open), NULL);
  return open;
}

/* acknowledge(stream, delivery) -> boolean */
static napi_value acknowledge(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[2];
  factstr_stream stream;
  factstr_delivery delivery;
  if (!call_info(env, info, 2, argv, &s) || !read_uint64(s, env, argv[0], "stream", &stream) ||
      !read_uint64(s, env, argv[1], "delivery", &delivery)) {
    return NULL;
  }
  return answered(s, env, factstr_stream_acknowledge(stream, delivery));
}

/* refuse(stream, delivery, message) -> boolean */
static napi_value refuse(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[3];
  factstr_stream stream;
  factstr_delivery delivery;
  text message;
  if (!call_info(env, info, 3, argv, &s) || !read_uint64(s, env, argv[0], "stream", &stream) ||
      !read_uint64(s, env, argv[1], "delivery", &delivery) ||
      !text_read(s, env, argv[2], "message", &message)) {
    return NULL;
  }
  factstr_status status = factstr_stream_refuse(stream, delivery, message.data, message.len);
  text_free(&message);
  return answered(s, env, status);
}

/* progress(stream) -> text, undefined when its store was closed */
static napi_value progress(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[1];
  factstr_stream stream;
  if (!call_info(env, info, 1, argv, &s) || !read_uint64(s, env, argv[0], "stream", &stream)) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status = factstr_stream_progress(stream, &out);
  if (status == FACTSTR_INVALID_HANDLE) {
    factstr_buffer_free(&out);
    return undefined(env);
  }
  return answer_text(s, env, status, &out);
}

/* unsubscribe(stream) */
static napi_value unsubscribe(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[1];
  factstr_stream stream;
  if (!call_info(env, info, 1, argv, &s) || !read_uint64(s, env, argv[0], "stream", &stream)) {
    return NULL;
  }
  factstr_status status = factstr_stream_unsubscribe(stream);
  factstr_buffer none = {NULL, 0};
  return status == FACTSTR_OK || status == FACTSTR_INVALID_HANDLE
             ? undefined(env)
             : throw_status(s, env, status, &none);
}

/* closeStream(stream): only after its end was dispatched, so there is nothing to wait for. */
static napi_value close_stream(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[1];
  factstr_stream stream;
  if (!call_info(env, info, 1, argv, &s) || !read_uint64(s, env, argv[0], "stream", &stream)) {
    return NULL;
  }
  handle_list_remove(&s->streams, stream);
  factstr_stream_close(stream);
  return undefined(env);
}

const function_entry stream_functions[] = {
    {"openStream", open_stream},
    {"acknowledge", acknowledge},
    {"refuse", refuse},
    {"unsubscribe", unsubscribe},
    {"closeStream", close_stream},
    {"progress", progress},
    {NULL, NULL},
};
