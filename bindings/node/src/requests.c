/*
 * The asynchronous calls: submit names the request by a tag of JavaScript's, the answer comes to
 * dispatch as ITEM_COMPLETION with that tag. The item is made before anything is submitted, so that
 * an answer can always be delivered.
 */
#include <signal.h>
#include <stdlib.h>

#include "addon.h"

static void on_completion(void *user_data, uint64_t tag, factstr_status status, const char *result,
                          size_t result_len) {
  (void)tag;
  item *it = user_data;
  session *s = it->session;
  it->status = status;
  if (!item_set_text(it, result, result_len) && status == FACTSTR_OK) {
    /* The answer is lost for want of memory, and it may have been that of an append. */
    it->status = FACTSTR_COMMIT_UNKNOWN;
  }
  session_push(s, it);
  session_release(s);
}

static item *request_create(session *s, napi_env env, double tag) {
  item *it = item_create(ITEM_COMPLETION, tag);
  if (it == NULL) {
    throw_no_memory(env);
    return NULL;
  }
  it->session = s;
  session_retain(s);
  return it;
}

/* An error status: nothing was submitted, and no completion follows. */
static napi_value submitted(session *s, napi_env env, factstr_status status, item *it,
                            factstr_buffer *error) {
  if (status == FACTSTR_OK) {
    return undefined(env);
  }
  item_free(it);
  session_release(s);
  return throw_status(s, env, status, error);
}

/* appendSubmit(store, events, tag) */
static napi_value append_submit(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[3];
  factstr_store store;
  double tag;
  text events;
  if (!call_info(env, info, 3, argv, &s) || !read_uint64(s, env, argv[0], "store", &store) ||
      !read_double(s, env, argv[2], "tag", &tag) ||
      !text_read(s, env, argv[1], "events", &events)) {
    return NULL;
  }
  item *it = request_create(s, env, tag);
  if (it == NULL) {
    text_free(&events);
    return NULL;
  }
  factstr_buffer error = {NULL, 0};
  factstr_status status = factstr_append_submit(store, events.data, events.len, (uint64_t)tag,
                                                on_completion, it, NULL, &error);
  text_free(&events);
  return submitted(s, env, status, it, &error);
}

/* appendIfSubmit(store, events, query, expected, tag) */
static napi_value append_if_submit(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[5];
  conditional_append call;
  double tag;
  if (!call_info(env, info, 5, argv, &s) || !read_double(s, env, argv[4], "tag", &tag) ||
      !conditional_append_read(s, env, argv, &call)) {
    return NULL;
  }
  napi_value answer = NULL;
  item *it = request_create(s, env, tag);
  if (it != NULL) {
    factstr_buffer error = {NULL, 0};
    factstr_status status = factstr_append_if_submit(
        call.store, call.events.data, call.events.len, call.query.data, call.query.len,
        call.none ? NULL : &call.expected, (uint64_t)tag, on_completion, it, NULL, &error);
    answer = submitted(s, env, status, it, &error);
  }
  conditional_append_free(&call);
  return answer;
}

/* querySubmit(store, query, tag) */
static napi_value query_submit(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[3];
  factstr_store store;
  double tag;
  text query;
  if (!call_info(env, info, 3, argv, &s) || !read_uint64(s, env, argv[0], "store", &store) ||
      !read_double(s, env, argv[2], "tag", &tag) || !text_read(s, env, argv[1], "query", &query)) {
    return NULL;
  }
  item *it = request_create(s, env, tag);
  if (it == NULL) {
    text_free(&query);
    return NULL;
  }
  factstr_buffer error = {NULL, 0};
  factstr_status status = factstr_query_submit(store, query.data, query.len, (uint64_t)tag,
                                               on_completion, it, NULL, &error);
  text_free(&query);
  return submitted(s, env, status, it, &error);
}

/*
 * The library counts on the thread that asks, and may ask a server: that is a thread of its own,
 * which blocks all signals as the library's do.
 */
typedef struct count_request {
  factstr_store store;
  item *it;
} count_request;

static void *count_statistics(void *data) {
  count_request request = *(count_request *)data;
  free(data);
  factstr_buffer out = {NULL, 0};
  factstr_status status = factstr_statistics(request.store, &out);
  if (!item_set_text(request.it, out.data, out.len) && status == FACTSTR_OK) {
    status = FACTSTR_INTERNAL;
  }
  factstr_buffer_free(&out);
  session *s = request.it->session;
  request.it->status = status;
  session_push(s, request.it);
  session_release(s);
  return NULL;
}

/* statisticsSubmit(store, tag) */
static napi_value statistics_submit(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[2];
  factstr_store store;
  double tag;
  if (!call_info(env, info, 2, argv, &s) || !read_uint64(s, env, argv[0], "store", &store) ||
      !read_double(s, env, argv[1], "tag", &tag)) {
    return NULL;
  }
  count_request *request = malloc(sizeof *request);
  if (request == NULL) {
    return throw_no_memory(env);
  }
  item *it = request_create(s, env, tag);
  if (it == NULL) {
    free(request);
    return NULL;
  }
  request->store = store;
  request->it = it;
  pthread_t thread;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int failed = pthread_create(&thread, NULL, count_statistics, request);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  if (failed != 0) {
    free(request);
    item_free(it);
    session_release(s);
    napi_throw_error(env, "Internal", "factstr: the system starts no further thread");
    return NULL;
  }
  pthread_detach(thread);
  return undefined(env);
}

/* cancel(store, tag) */
static napi_value cancel(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[2];
  factstr_store store;
  double tag;
  if (!call_info(env, info, 2, argv, &s) || !read_uint64(s, env, argv[0], "store", &store) ||
      !read_double(s, env, argv[1], "tag", &tag)) {
    return NULL;
  }
  /* An unknown store has been closed and has answered its requests: nothing is left to cancel. */
  factstr_cancel(store, (uint64_t)tag);
  return undefined(env);
}

const function_entry request_functions[] = {
    {"appendSubmit", append_submit},
    {"appendIfSubmit", append_if_submit},
    {"querySubmit", query_submit},
    {"statisticsSubmit", statistics_submit},
    {"cancel", cancel},
    {NULL, NULL},
};
