/*
 * The blocking calls on stores. Requests and answers are JSON text; a failed call throws what
 * make_error makes of its status and text.
 */
#include "addon.h"

typedef factstr_status ask_function(factstr_store store, const char *request, size_t request_len,
                                    factstr_buffer *out);

/* (store, request) -> text */
static napi_value ask(napi_env env, napi_callback_info info, const char *name, ask_function *call) {
  attachment *a;
  factstr_store store;
  text request;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &store},
                 {PARAMETER_TEXT, name, &request})) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status = call(store, request.data, request.len, &out);
  text_free(&request);
  return result_text(a, env, status, &out);
}

/* append(store, events) -> text */
static napi_value append(napi_env env, napi_callback_info info) {
  return ask(env, info, "events", factstr_append);
}

/* query(store, query) -> text */
static napi_value query(napi_env env, napi_callback_info info) {
  return ask(env, info, "query", factstr_query);
}

/*
 * appendIf(store, events, query, expected) -> text, of an InteropAppendResult or of the
 * InteropError that holds the conflict
 */
static napi_value append_if(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_store store;
  text events;
  text context;
  expected version;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &store},
                 {PARAMETER_TEXT, "events", &events}, {PARAMETER_TEXT, "query", &context},
                 {PARAMETER_EXPECTED, "expected", &version})) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status =
      factstr_append_if(store, events.data, events.len, context.data, context.len,
                        version.none ? NULL : &version.version, &out);
  text_free(&events);
  text_free(&context);
  /* A conflict is an answer, not an exception. */
  return result_text(a, env, status == FACTSTR_CONDITIONAL_APPEND_CONFLICT ? FACTSTR_OK : status,
                     &out);
}

/*
 * appendWhen(store, events, conditions) -> text: an InteropAppendResult, or the InteropError that
 * holds the conflict
 */
static napi_value append_when(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_store store;
  text events;
  text conditions;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &store},
                 {PARAMETER_TEXT, "events", &events},
                 {PARAMETER_TEXT, "conditions", &conditions})) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status =
      factstr_append_when(store, events.data, events.len, conditions.data, conditions.len, &out);
  text_free(&events);
  text_free(&conditions);
  /* A conflict is an answer, not an exception. */
  return result_text(a, env, status == FACTSTR_CONDITIONAL_APPEND_CONFLICT ? FACTSTR_OK : status,
                     &out);
}

/* statistics(store) -> text; blocks for as long as reading the head takes */
static napi_value statistics(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_store store;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &store})) {
    return NULL;
  }
  factstr_buffer out = {NULL, 0};
  factstr_status status = factstr_statistics(store, &out);
  return result_text(a, env, status, &out);
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
