/*
 * The blocking calls on stores. Requests and answers are JSON text; a failed call throws what
 * make_error makes of status and text.
 */
#include "addon.h"

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
  return status == FACTSTR_OK || status == FACTSTR_CLOSING ? undefined(env)
                                                           : throw_status(s, env, status, &error);
}

/* append(store, events) -> text */
static napi_value append(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[2];
  factstr_store store;
  text events;
  if (!call_info(env, info, 2, argv, &s) || !read_uint64(s, env, argv[0], "store", &store) ||
      !text_read(s, env, argv[1], "events", &events)) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status = factstr_append(store, events.data, events.len, &out);
  text_free(&events);
  return answer_text(s, env, status, &out);
}

/*
 * appendIf(store, events, query, expected) -> text, of an InteropAppendResult or of the
 * InteropError that holds the conflict
 */
static napi_value append_if(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[4];
  conditional_append call;
  if (!call_info(env, info, 4, argv, &s) || !conditional_append_read(s, env, argv, &call)) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status =
      factstr_append_if(call.store, call.events.data, call.events.len, call.query.data,
                        call.query.len, call.none ? NULL : &call.expected, &out);
  conditional_append_free(&call);
  /* A conflict is an answer, not an exception. */
  return answer_text(s, env, status == FACTSTR_CONDITIONAL_APPEND_CONFLICT ? FACTSTR_OK : status,
                     &out);
}

/* query(store, query) -> text */
static napi_value query(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[2];
  factstr_store store;
  text query_text;
  if (!call_info(env, info, 2, argv, &s) || !read_uint64(s, env, argv[0], "store", &store) ||
      !text_read(s, env, argv[1], "query", &query_text)) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status = factstr_query(store, query_text.data, query_text.len, &out);
  text_free(&query_text);
  return answer_text(s, env, status, &out);
}

/* statistics(store) -> text; blocks for as long as reading the head takes */
static napi_value statistics(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[1];
  factstr_store store;
  if (!call_info(env, info, 1, argv, &s) || !read_uint64(s, env, argv[0], "store", &store)) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status = factstr_statistics(store, &out);
  return answer_text(s, env, status, &out);
}

/*
 * weigh(bytes): tells the collector of memory that is not JavaScript's. A store holds a megabyte
 * and more, and descriptors, behind an object of some bytes: without this it sees no reason to
 * collect dropped stores.
 */
static napi_value weigh(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[1];
  double bytes;
  int64_t total;
  if (!call_info(env, info, 1, argv, &s) || !read_double(s, env, argv[0], "bytes", &bytes)) {
    return NULL;
  }
  CHECK(env, napi_adjust_external_memory(env, (int64_t)bytes, &total), NULL);
  return undefined(env);
}

const function_entry store_functions[] = {
    {"statistics", statistics},
    {"weigh", weigh},
    {"closeStore", close_store},
    {"append", append},
    {"appendIf", append_if},
    {"query", query},
    {NULL, NULL},
};
