/*
 * The asynchronous calls on stores. A request is named by a tag of JavaScript's; its answer is
 * dispatched as ITEM_COMPLETION with that tag.
 */
#include <stdlib.h>
#include <string.h>

#include "addon.h"

item *answer_create(attachment *a, napi_env env, enum item_kind kind, double tag) {
  item *it = item_create(kind, tag);
  if (it == NULL) {
    throw_no_memory(env);
    return NULL;
  }
  it->attachment = a;
  attachment_retain(a);
  return it;
}

void answer_abandon(item *it) {
  attachment *a = it->attachment;
  item_free(it);
  attachment_release(a);
}

void answer_push(item *it) {
  attachment *a = it->attachment; /* `it` is not ours any more once it was pushed */
  items_push(a, it);
  attachment_release(a);
}

static void on_completion(void *user_data, uint64_t tag, factstr_status status, const char *result,
                          size_t result_len) {
  (void)tag;
  item *it = user_data;
  it->status = status;
  if (!item_set_text(it, result, result_len) && status == FACTSTR_OK) {
    /* The answer is lost for want of memory, and it may have been that of an append. // G5 */
    it->status = FACTSTR_COMMIT_UNKNOWN;
  }
  answer_push(it);
}

typedef factstr_status submit_function(const call_values *v, item *it, factstr_buffer *error);

static napi_value submit(napi_env env, napi_callback_info info, const call_shape *shape,
                         submit_function *call) {
  attachment *a;
  call_values values;
  if (!values_read(env, info, &a, shape, true, &values)) {
    return NULL;
  }
  napi_value answer = NULL;
  item *it = answer_create(a, env, ITEM_COMPLETION, values.tag);
  if (it != NULL) {
    factstr_buffer error = {NULL, 0};
    factstr_status status = call(&values, it, &error);
    if (status != FACTSTR_OK) {
      answer_abandon(it);
    }
    answer = result_nothing(a, env, status, &error);
  }
  values_free(shape, &values);
  return answer;
}

/* A request of one text. */
#define SUBMITS(name, function)                                                                    \
  static factstr_status name(const call_values *v, item *it, factstr_buffer *error) {              \
    return function(v->handle, v->texts[0].data, v->texts[0].len, (uint64_t)v->tag, on_completion, \
                    it, NULL, error);                                                              \
  }
SUBMITS(submit_append, factstr_append_submit)
SUBMITS(submit_query, factstr_query_submit)
SUBMITS(submit_wait, factstr_wait_for_submit)
SUBMITS(submit_cursors, factstr_cursors_submit)
#undef SUBMITS

static factstr_status submit_append_if(const call_values *v, item *it, factstr_buffer *error) {
  return factstr_append_if_submit(v->handle, v->texts[0].data, v->texts[0].len, v->texts[1].data,
                                  v->texts[1].len, v->expected.none ? NULL : &v->expected.version,
                                  (uint64_t)v->tag, on_completion, it, NULL, error);
}

static factstr_status submit_append_when(const call_values *v, item *it, factstr_buffer *error) {
  return factstr_append_when_submit(v->handle, v->texts[0].data, v->texts[0].len, v->texts[1].data,
                                    v->texts[1].len, (uint64_t)v->tag, on_completion, it, NULL,
                                    error);
}

static factstr_status submit_read_next(const call_values *v, item *it, factstr_buffer *error) {
  return factstr_read_next_submit(v->handle, (uint64_t)v->tag, on_completion, it, NULL, error);
}

static factstr_status submit_backup(const call_values *v, item *it, factstr_buffer *error) {
  return factstr_backup_submit(v->handle, v->texts[0].data, (uint64_t)v->tag, on_completion, it,
                               NULL, error);
}

static factstr_status submit_verify(const call_values *v, item *it, factstr_buffer *error) {
  return factstr_verify_submit(v->handle, (uint64_t)v->tag, on_completion, it, NULL, error);
}

/*
 * The library has no asynchronous statistics or explanations, and they may ask a server. So a
 * thread is started for each, which blocks all signals as the library's threads do.
 */
typedef struct threaded_request {
  factstr_store store;
  item *it;
  factstr_status (*call)(factstr_store store, const char *text, size_t text_len,
                         factstr_buffer *out);
  size_t text_len;
  char text[];
} threaded_request;

static thread_result THREAD_CALL answer_on_thread(void *data) {
  threaded_request *request = data;
  item *it = request->it;
  factstr_buffer out = {NULL, 0};
  it->status = request->call(request->store, request->text, request->text_len, &out);
  free(request);
  if (!item_set_text(it, out.data, out.len) && it->status == FACTSTR_OK) {
    it->status = FACTSTR_INTERNAL;
  }
  factstr_buffer_free(&out);
  answer_push(it);
  return 0;
}

/* `text` is NULL for a call that takes none. The status alone tells what failed. */
static factstr_status submit_to_thread(const call_values *v, const text *text, item *it,
                                       factstr_status (*call)(factstr_store, const char *, size_t,
                                                              factstr_buffer *)) {
  size_t len = text == NULL ? 0 : text->len;
  threaded_request *request = malloc(sizeof *request + len);
  if (request == NULL) {
    return FACTSTR_INTERNAL;
  }
  request->store = v->handle;
  request->it = it;
  request->call = call;
  request->text_len = len;
  if (len > 0) {
    memcpy(request->text, text->data, len);
  }
  if (!start_thread(answer_on_thread, request)) {
    free(request);
    return FACTSTR_INTERNAL;
  }
  return FACTSTR_OK;
}

static factstr_status statistics_of(factstr_store store, const char *text, size_t text_len,
                                    factstr_buffer *out) {
  (void)text;
  (void)text_len;
  return factstr_statistics(store, out);
}

static factstr_status close_of(factstr_store store, const char *text, size_t text_len,
                               factstr_buffer *out) {
  (void)text;
  (void)text_len;
  factstr_status status = factstr_store_close(store, out);
  return status == FACTSTR_CLOSING ? FACTSTR_OK : status;
}

static factstr_status submit_close(const call_values *v, item *it, factstr_buffer *error) {
  (void)error;
  handle_list_remove(&it->attachment->stores, v->handle);
  return submit_to_thread(v, NULL, it, close_of);
}

static factstr_status submit_statistics(const call_values *v, item *it, factstr_buffer *error) {
  (void)error;
  return submit_to_thread(v, NULL, it, statistics_of);
}

static factstr_status submit_explain(const call_values *v, item *it, factstr_buffer *error) {
  (void)error;
  return submit_to_thread(v, &v->texts[0], it, factstr_explain);
}

static const call_shape takes_call = {"store", PARAMETER_TEXT, {"call"}, false};
static const call_shape takes_path = {"store", PARAMETER_C_STRING, {"path"}, false};
static const call_shape takes_wait = {"store", PARAMETER_TEXT, {"wait"}, false};
static const call_shape takes_reading = {.handle = "reading"};

/* appendSubmit(store, events, tag) */
static napi_value append_submit(napi_env env, napi_callback_info info) {
  return submit(env, info, &takes_events, submit_append);
}

/* appendIfSubmit(store, events, query, expected, tag) */
static napi_value append_if_submit(napi_env env, napi_callback_info info) {
  return submit(env, info, &takes_events_if, submit_append_if);
}

/* appendWhenSubmit(store, events, conditions, tag) */
static napi_value append_when_submit(napi_env env, napi_callback_info info) {
  return submit(env, info, &takes_events_when, submit_append_when);
}

/* querySubmit(store, query, tag) */
static napi_value query_submit(napi_env env, napi_callback_info info) {
  return submit(env, info, &takes_query, submit_query);
}

/* cursorsSubmit(store, call, tag) */
static napi_value cursors_submit(napi_env env, napi_callback_info info) {
  return submit(env, info, &takes_call, submit_cursors);
}

/* waitForSubmit(store, wait, tag) */
static napi_value wait_for_submit(napi_env env, napi_callback_info info) {
  return submit(env, info, &takes_wait, submit_wait);
}

/* statisticsSubmit(store, tag) */
static napi_value statistics_submit(napi_env env, napi_callback_info info) {
  return submit(env, info, &takes_store, submit_statistics);
}

/* explainSubmit(store, query, tag) */
static napi_value explain_submit(napi_env env, napi_callback_info info) {
  return submit(env, info, &takes_query, submit_explain);
}

/* closeStoreSubmit(store, tag): without waiting for what closing waits for */
static napi_value close_store_submit(napi_env env, napi_callback_info info) {
  return submit(env, info, &takes_store, submit_close);
}

/* backupSubmit(store, path, tag) */
static napi_value backup_submit(napi_env env, napi_callback_info info) {
  return submit(env, info, &takes_path, submit_backup);
}

/* verifySubmit(store, tag) */
static napi_value verify_submit(napi_env env, napi_callback_info info) {
  return submit(env, info, &takes_store, submit_verify);
}

/* readNextSubmit(reading, tag) */
static napi_value read_next_submit(napi_env env, napi_callback_info info) {
  return submit(env, info, &takes_reading, submit_read_next);
}

/* openReading(store, query) -> its handle */
static napi_value open_reading(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_store store;
  text query;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &store},
                 {PARAMETER_TEXT, "query", &query})) {
    return NULL;
  }
  factstr_reading reading;
  factstr_buffer error = {NULL, 0};
  factstr_status status = factstr_read_open(store, query.data, query.len, &reading, &error);
  text_free(&query);
  if (status != FACTSTR_OK) {
    return throw_status(a, env, status, &error);
  }
  return handle_value(env, reading);
}

/* closeReading(reading) */
static napi_value close_reading(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_reading reading;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "reading", &reading})) {
    return NULL;
  }
  factstr_read_close(reading); /* unknown if its store was closed */
  return undefined(env);
}

/* cancel(store, tag) */
static napi_value cancel(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_store store;
  double tag;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &store},
                 {PARAMETER_NUMBER, "tag", &tag})) {
    return NULL;
  }
  /* An unknown store was closed and has answered its requests: nothing is left to cancel. */
  factstr_cancel(store, (uint64_t)tag);
  return undefined(env);
}

const function_entry request_functions[] = {
    {"appendSubmit", append_submit},
    {"appendIfSubmit", append_if_submit},
    {"appendWhenSubmit", append_when_submit},
    {"querySubmit", query_submit},
    {"waitForSubmit", wait_for_submit},
    {"cursorsSubmit", cursors_submit},
    {"statisticsSubmit", statistics_submit},
    {"explainSubmit", explain_submit},
    {"closeStoreSubmit", close_store_submit},
    {"verifySubmit", verify_submit},
    {"backupSubmit", backup_submit},
    {"openReading", open_reading},
    {"readNextSubmit", read_next_submit},
    {"closeReading", close_reading},
    {"cancel", cancel},
    {NULL, NULL},
};
