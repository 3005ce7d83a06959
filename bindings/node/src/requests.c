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

/* A request as the library takes it; its parts are the texts and the version of one call. */
typedef struct submission {
  factstr_store store;
  text first;
  text second; /* of a conditional append: the query or the conditions */
  expected version;
  double tag;
} submission;

typedef factstr_status submit_function(const submission *s, item *it, factstr_buffer *error);

/* Submits what was read, and frees its texts. */
static napi_value submit(attachment *a, napi_env env, submission *s, bool has_second,
                         submit_function *call) {
  napi_value answer = NULL;
  item *it = answer_create(a, env, ITEM_COMPLETION, s->tag);
  if (it != NULL) {
    factstr_buffer error = {NULL, 0};
    factstr_status status = call(s, it, &error);
    if (status != FACTSTR_OK) {
      answer_abandon(it); /* nothing was submitted, and no completion follows */
    }
    answer = result_nothing(a, env, status, &error);
  }
  text_free(&s->first);
  if (has_second) {
    text_free(&s->second);
  }
  return answer;
}

/* (store, request, tag) */
static napi_value submit_text(napi_env env, napi_callback_info info, const char *name,
                              submit_function *call) {
  attachment *a;
  submission s;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &s.store},
                 {PARAMETER_TEXT, name, &s.first}, {PARAMETER_NUMBER, "tag", &s.tag})) {
    return NULL;
  }
  return submit(a, env, &s, false, call);
}

#define SUBMITS(name, function)                                                                    \
  static factstr_status name(const submission *s, item *it, factstr_buffer *error) {               \
    return function(s->store, s->first.data, s->first.len, (uint64_t)s->tag, on_completion, it,    \
                    NULL, error);                                                                  \
  }
SUBMITS(send_append, factstr_append_submit)
SUBMITS(send_query, factstr_query_submit)
SUBMITS(send_wait, factstr_wait_for_submit)
#undef SUBMITS

static factstr_status send_append_if(const submission *s, item *it, factstr_buffer *error) {
  return factstr_append_if_submit(s->store, s->first.data, s->first.len, s->second.data,
                                  s->second.len, s->version.none ? NULL : &s->version.version,
                                  (uint64_t)s->tag, on_completion, it, NULL, error);
}

static factstr_status send_append_when(const submission *s, item *it, factstr_buffer *error) {
  return factstr_append_when_submit(s->store, s->first.data, s->first.len, s->second.data,
                                    s->second.len, (uint64_t)s->tag, on_completion, it, NULL,
                                    error);
}

/* appendSubmit(store, events, tag) */
static napi_value append_submit(napi_env env, napi_callback_info info) {
  return submit_text(env, info, "events", send_append);
}

/* querySubmit(store, query, tag) */
static napi_value query_submit(napi_env env, napi_callback_info info) {
  return submit_text(env, info, "query", send_query);
}

/* waitForSubmit(store, wait, tag) */
static napi_value wait_for_submit(napi_env env, napi_callback_info info) {
  return submit_text(env, info, "wait", send_wait);
}

/* appendIfSubmit(store, events, query, expected, tag) */
static napi_value append_if_submit(napi_env env, napi_callback_info info) {
  attachment *a;
  submission s;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &s.store},
                 {PARAMETER_TEXT, "events", &s.first}, {PARAMETER_TEXT, "query", &s.second},
                 {PARAMETER_EXPECTED, "expected", &s.version}, {PARAMETER_NUMBER, "tag", &s.tag})) {
    return NULL;
  }
  return submit(a, env, &s, true, send_append_if);
}

/* appendWhenSubmit(store, events, conditions, tag) */
static napi_value append_when_submit(napi_env env, napi_callback_info info) {
  attachment *a;
  submission s;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &s.store},
                 {PARAMETER_TEXT, "events", &s.first}, {PARAMETER_TEXT, "conditions", &s.second},
                 {PARAMETER_NUMBER, "tag", &s.tag})) {
    return NULL;
  }
  return submit(a, env, &s, true, send_append_when);
}

/*
 * The library has no asynchronous statistics or explanations, and they may ask a server. So a
 * thread is started for each, which blocks all signals as the library's threads do.
 */
typedef struct threaded_request {
  factstr_store store;
  item *it;
  bool explains;
  size_t query_len;
  char query[]; /* only of a request that explains one */
} threaded_request;

static thread_result THREAD_CALL answer_on_thread(void *data) {
  threaded_request *request = data;
  item *it = request->it;
  factstr_buffer out = {NULL, 0};
  it->status = request->explains
                   ? factstr_explain(request->store, request->query, request->query_len, &out)
                   : factstr_statistics(request->store, &out);
  free(request);
  if (!item_set_text(it, out.data, out.len) && it->status == FACTSTR_OK) {
    it->status = FACTSTR_INTERNAL;
  }
  factstr_buffer_free(&out);
  answer_push(it);
  return 0;
}

/* `query` is NULL for statistics. */
static napi_value submit_to_thread(attachment *a, napi_env env, factstr_store store,
                                   const text *query, double tag) {
  size_t len = query == NULL ? 0 : query->len;
  threaded_request *request = malloc(sizeof *request + len);
  if (request == NULL) {
    return throw_no_memory(env);
  }
  request->store = store;
  request->explains = query != NULL;
  request->query_len = len;
  if (query != NULL) {
    memcpy(request->query, query->data, len);
  }
  request->it = answer_create(a, env, ITEM_COMPLETION, tag);
  if (request->it == NULL) {
    free(request);
    return NULL;
  }
  if (!start_thread(answer_on_thread, request)) {
    answer_abandon(request->it);
    free(request);
    napi_throw_error(env, "Internal", "factstr: the system starts no further thread");
    return NULL;
  }
  return undefined(env);
}

/* statisticsSubmit(store, tag) */
static napi_value statistics_submit(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_store store;
  double tag;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &store},
                 {PARAMETER_NUMBER, "tag", &tag})) {
    return NULL;
  }
  return submit_to_thread(a, env, store, NULL, tag);
}

/* explainSubmit(store, query, tag) */
static napi_value explain_submit(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_store store;
  text query;
  double tag;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "store", &store},
                 {PARAMETER_TEXT, "query", &query}, {PARAMETER_NUMBER, "tag", &tag})) {
    return NULL;
  }
  napi_value result = submit_to_thread(a, env, store, &query, tag);
  text_free(&query);
  return result;
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

/* readNextSubmit(reading, tag) */
static napi_value read_next_submit(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_reading reading;
  double tag;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "reading", &reading},
                 {PARAMETER_NUMBER, "tag", &tag})) {
    return NULL;
  }
  item *it = answer_create(a, env, ITEM_COMPLETION, tag);
  if (it == NULL) {
    return NULL;
  }
  factstr_buffer error = {NULL, 0};
  factstr_status status =
      factstr_read_next_submit(reading, (uint64_t)tag, on_completion, it, NULL, &error);
  if (status != FACTSTR_OK) {
    answer_abandon(it); /* nothing was submitted, and no completion follows */
  }
  return result_nothing(a, env, status, &error);
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
    {"statisticsSubmit", statistics_submit},
    {"explainSubmit", explain_submit},
    {"openReading", open_reading},
    {"readNextSubmit", read_next_submit},
    {"closeReading", close_reading},
    {"cancel", cancel},
    {NULL, NULL},
};
