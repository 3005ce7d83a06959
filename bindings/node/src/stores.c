/* Stores and the blocking calls. Requests and answers are JSON text; a failed call throws what make_error makes of status and text. */
#include <string.h>

#include "addon.h"

/* What a store is opened by: the names of the texts that JavaScript gives, options last, and the call that takes them in this order. */
enum { OPENING_TEXTS_MAX = 3 };

typedef struct opening {
  size_t len;
  const char *names[OPENING_TEXTS_MAX];
  factstr_status (*open)(const text *given, factstr_store *store, factstr_buffer *error);
} opening;

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

/* The library reads paths, URLs and names up to their NUL: one with U+0000 inside would open something else than what it says. */
static bool opening_text_read(session *s, napi_env env, napi_value value, const char *what, text *out) {
  if (!text_read(s, env, value, what, out)) {
    return false;
  }
  if (memchr(out->data, '\0', out->len) != NULL) {
    text_free(out);
    throw_invalid_argument(s, env, what, "has a U+0000, which it cannot hold");
    return false;
  }
  return true;
}

static napi_value open_store(napi_env env, napi_callback_info info, const opening *by) {
  session *s;
  napi_value argv[OPENING_TEXTS_MAX];
  text given[OPENING_TEXTS_MAX];
  if (!call_info(env, info, by->len, argv, &s)) {
    return NULL;
  }
  napi_value handle = NULL;
  size_t read = 0;
  while (read < by->len && opening_text_read(s, env, argv[read], by->names[read], &given[read])) {
    read++;
  }
  if (read == by->len) {
    if (handle_list_reserve(&s->stores)) {
      factstr_store store = 0;
      factstr_buffer error = {NULL, 0};
      factstr_status status = by->open(given, &store, &error);
      handle = opened(s, env, status, store, &error);
    } else {
      throw_no_memory(env);
    }
  }
  while (read > 0) {
    text_free(&given[--read]);
  }
  return handle;
}

static factstr_status memory_open(const text *given, factstr_store *store, factstr_buffer *error) {
  return factstr_memory_open(given[0].data, given[0].len, store, error);
}

static napi_value open_memory(napi_env env, napi_callback_info info) {
  static const opening by = {1, {"options"}, memory_open};
  return open_store(env, info, &by);
}

static factstr_status sqlite_open(const text *given, factstr_store *store, factstr_buffer *error) {
  return factstr_sqlite_open(given[0].data, given[1].data, given[1].len, store, error);
}

static napi_value open_sqlite(napi_env env, napi_callback_info info) {
  static const opening by = {2, {"path", "options"}, sqlite_open};
  return open_store(env, info, &by);
}

static factstr_status postgres_open(const text *given, factstr_store *store, factstr_buffer *error) {
  return factstr_postgres_open(given[0].data, given[1].data, given[1].len, store, error);
}

static napi_value open_postgres(napi_env env, napi_callback_info info) {
  static const opening by = {2, {"url", "options"}, postgres_open};
  return open_store(env, info, &by);
}

static factstr_status postgres_bootstrap(const text *given, factstr_store *store, factstr_buffer *error) {
  return factstr_postgres_bootstrap(given[0].data, given[1].data, given[2].data, given[2].len, store, error);
}

static napi_value bootstrap_postgres(napi_env env, napi_callback_info info) {
  static const opening by = {3, {"target.serverUrl", "target.databaseName", "options"}, postgres_bootstrap};
  return open_store(env, info, &by);
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
    {"openPostgres", open_postgres},
    {"bootstrapPostgres", bootstrap_postgres},
    {"closeStore", close_store},
    {"append", append},
    {"appendIf", append_if},
    {"query", query},
    {NULL, NULL},
};
