/*
 * The blocking calls on stores. Requests and answers are JSON text; a failed call throws what
 * make_error makes of its status and text.
 */
#include "addon.h"

typedef factstr_status call_function(const call_values *v, factstr_buffer *out);

static napi_value call_store(napi_env env, napi_callback_info info, const call_shape *shape,
                             call_function *call) {
  attachment *a;
  call_values values;
  if (!values_read(env, info, &a, shape, false, &values)) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status = call(&values, &out);
  values_free(shape, &values);
  /* A conflict is an answer, not an exception. */
  return result_text(a, env, status == FACTSTR_CONDITIONAL_APPEND_CONFLICT ? FACTSTR_OK : status,
                     &out);
}

static factstr_status call_append(const call_values *v, factstr_buffer *out) {
  return factstr_append(v->handle, v->texts[0].data, v->texts[0].len, out);
}

static factstr_status call_append_if(const call_values *v, factstr_buffer *out) {
  return factstr_append_if(v->handle, v->texts[0].data, v->texts[0].len, v->texts[1].data,
                           v->texts[1].len, v->expected.none ? NULL : &v->expected.version, out);
}

static factstr_status call_append_when(const call_values *v, factstr_buffer *out) {
  return factstr_append_when(v->handle, v->texts[0].data, v->texts[0].len, v->texts[1].data,
                             v->texts[1].len, out);
}

static factstr_status call_query(const call_values *v, factstr_buffer *out) {
  return factstr_query(v->handle, v->texts[0].data, v->texts[0].len, out);
}

static factstr_status call_statistics(const call_values *v, factstr_buffer *out) {
  return factstr_statistics(v->handle, out);
}

/* append(store, events) -> text */
static napi_value append(napi_env env, napi_callback_info info) {
  return call_store(env, info, &takes_events, call_append);
}

/*
 * appendIf(store, events, query, expected) -> text, of an InteropAppendResult or of the
 * InteropError that holds the conflict
 */
static napi_value append_if(napi_env env, napi_callback_info info) {
  return call_store(env, info, &takes_events_if, call_append_if);
}

/* appendWhen(store, events, conditions) -> text, as that of appendIf */
static napi_value append_when(napi_env env, napi_callback_info info) {
  return call_store(env, info, &takes_events_when, call_append_when);
}

/* query(store, query) -> text */
static napi_value query(napi_env env, napi_callback_info info) {
  return call_store(env, info, &takes_query, call_query);
}

/* statistics(store) -> text; blocks for as long as reading the head takes */
static napi_value statistics(napi_env env, napi_callback_info info) {
  return call_store(env, info, &takes_store, call_statistics);
}

/* closeStore(store) */
static napi_value close_store(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_store store;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &store})) {
    return NULL;
  }
  handle_list_remove(&a->stores, store);
  factstr_buffer error = {NULL, 0};
  factstr_status status = factstr_store_close(store, &error);
  return result_nothing(a, env, status == FACTSTR_CLOSING ? FACTSTR_OK : status, &error);
}

const function_entry store_functions[] = {
    {"append", append}, {"appendIf", append_if},    {"appendWhen", append_when},
    {"query", query},   {"statistics", statistics}, {"closeStore", close_store},
    {NULL, NULL},
};
