/* Stores and the blocking calls. Requests and answers are JSON text; a failed call throws what make_error makes of status and text. */
#include <string.h>

#include "addon.h"

/* Takes the handle of a freshly opened store, or throws. */
static napi_value opened(session *s, napi_env env, factstr_status status, factstr_store store, factstr_buffer *error) {
  if (status != FACTSTR_OK) {
    return throw_status(s, env, status, error);
  }
  handle_list_add(&s->stores, store);
  napi_value handle;
  CHECK(env, napi_create_bigint_uint64(env, store, &handle), NULL);
  return handle;
}

static napi_value open_memory(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[1];
  text options;
  if (!call_info(env, info, 1, argv, &s) || !text_read(s, env, argv[0], "options", &options)) {
    return NULL;
  }
  if (!handle_list_reserve(&s->stores)) {
    text_free(&options);
    return throw_no_memory(env);
  }
  factstr_store store = 0;
  factstr_buffer error = {NULL, 0};
  factstr_status status = factstr_memory_open(options.data, options.len, &store, &error);
  text_free(&options);
  return opened(s, env, status, store, &error);
}

static napi_value open_sqlite(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[2];
  text path;
  text options;
  if (!call_info(env, info, 2, argv, &s) || !text_read(s, env, argv[0], "path", &path)) {
    return NULL;
  }
  /* The library reads the path up to its NUL: a path with U+0000 inside would open another file than the one named. */
  if (memchr(path.data, '\0', path.len) != NULL) {
    text_free(&path);
    return throw_invalid_argument(s, env, "path", "has a U+0000, which no file name can hold");
  }
  if (!text_read(s, env, argv[1], "options", &options)) {
    text_free(&path);
    return NULL;
  }
  napi_value handle = NULL;
  if (handle_list_reserve(&s->stores)) {
    factstr_store store = 0;
    factstr_buffer error = {NULL, 0};
    factstr_status status = factstr_sqlite_open(path.data, options.data, options.len, &store, &error);
    handle = opened(s, env, status, store, &error);
  } else {
    throw_no_memory(env);
  }
  text_free(&options);
  text_free(&path);
  return handle;
}

static napi_value close_store(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[1];
  factstr_store store;
  if (!call_info(env, info, 1, argv, &s) || !read_uint64(s, env, argv[0], "store", &store)) {
    return NULL;
  }
  handle_list_remove(&s->stores, store);
  factstr_buffer error = {NULL, 0};
  factstr_status status = factstr_store_close(store, &error);
  return status == FACTSTR_OK || status == FACTSTR_CLOSING ? undefined(env) : throw_status(s, env, status, &error);
}

/* append(store, events) -> text */
static napi_value append(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[2];
  factstr_store store;
  text events;
  if (!call_info(env, info, 2, argv, &s) || !read_uint64(s, env, argv[0], "store", &store) || !text_read(s, env, argv[1], "events", &events)) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status = factstr_append(store, events.data, events.len, &out);
  text_free(&events);
  return answer_text(s, env, status, &out);
}

/* appendIf(store, events, query, expected) -> text, of an InteropAppendResult or of the InteropError that holds the conflict */
static napi_value append_if(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[4];
  conditional_append call;
  if (!call_info(env, info, 4, argv, &s) || !conditional_append_read(s, env, argv, &call)) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status =
      factstr_append_if(call.store, call.events.data, call.events.len, call.query.data, call.query.len, call.none ? NULL : &call.expected, &out);
  conditional_append_free(&call);
  /* A conflict is an answer, not an exception. */
  return answer_text(s, env, status == FACTSTR_CONDITIONAL_APPEND_CONFLICT ? FACTSTR_OK : status, &out);
}

/* query(store, query) -> text */
static napi_value query(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[2];
  factstr_store store;
  text query_text;
  if (!call_info(env, info, 2, argv, &s) || !read_uint64(s, env, argv[0], "store", &store) || !text_read(s, env, argv[1], "query", &query_text)) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status = factstr_query(store, query_text.data, query_text.len, &out);
  text_free(&query_text);
  return answer_text(s, env, status, &out);
}

const function_entry store_functions[] = {
    {"openMemory", open_memory},
    {"openSqlite", open_sqlite},
    {"closeStore", close_store},
    {"append", append},
    {"appendIf", append_if},
    {"query", query},
    {NULL, NULL},
};
