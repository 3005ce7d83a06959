/*
 * Opening stores, with and without waiting. A submitted opening is named by a tag of JavaScript's;
 * its end comes to dispatch as ITEM_OPENED with that tag. The item is made before anything is
 * submitted, so that a store can always be delivered.
 */
#include <string.h>

#include "addon.h"

/*
 * What a store is opened by: the names of the texts that JavaScript gives, options last, and the
 * calls that take them in this order.
 */
enum { OPENING_TEXTS_MAX = 3 };

typedef struct way {
  size_t len;
  const char *names[OPENING_TEXTS_MAX];
  factstr_status (*open)(const text *given, factstr_store *store, factstr_buffer *error);
  factstr_status (*submit)(const text *given, factstr_open_callback callback, item *it,
                           factstr_buffer *error); /* NULL: nothing to wait for */
} way;

static factstr_status memory_open(const text *given, factstr_store *store, factstr_buffer *error) {
  return factstr_memory_open(given[0].data, given[0].len, store, error);
}

static factstr_status sqlite_open(const text *given, factstr_store *store, factstr_buffer *error) {
  return factstr_sqlite_open(given[0].data, given[1].data, given[1].len, store, error);
}

static factstr_status sqlite_submit(const text *given, factstr_open_callback callback, item *it,
                                    factstr_buffer *error) {
  return factstr_sqlite_open_submit(given[0].data, given[1].data, given[1].len, callback, it,
                                    &it->opening, error);
}

static factstr_status postgres_open(const text *given, factstr_store *store,
                                    factstr_buffer *error) {
  return factstr_postgres_open(given[0].data, given[1].data, given[1].len, store, error);
}

static factstr_status postgres_submit(const text *given, factstr_open_callback callback, item *it,
                                      factstr_buffer *error) {
  return factstr_postgres_open_submit(given[0].data, given[1].data, given[1].len, callback, it,
                                      &it->opening, error);
}

static factstr_status bootstrap_open(const text *given, factstr_store *store,
                                     factstr_buffer *error) {
  return factstr_postgres_bootstrap(given[0].data, given[1].data, given[2].data, given[2].len,
                                    store, error);
}

static factstr_status bootstrap_submit(const text *given, factstr_open_callback callback, item *it,
                                       factstr_buffer *error) {
  return factstr_postgres_bootstrap_submit(given[0].data, given[1].data, given[2].data,
                                           given[2].len, callback, it, &it->opening, error);
}

static const way memory = {1, {"options"}, memory_open, NULL};
static const way sqlite = {2, {"path", "options"}, sqlite_open, sqlite_submit};
static const way postgres = {2, {"url", "options"}, postgres_open, postgres_submit};
static const way bootstrap = {
    3, {"target.serverUrl", "target.databaseName", "options"}, bootstrap_open, bootstrap_submit};

/*
 * The library reads paths, URLs and names up to their NUL: one with U+0000 inside would open
 * something else than what it says.
 */
static bool opening_text_read(session *s, napi_env env, napi_value value, const char *what,
                              text *out) {
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

static void texts_free(text *given, size_t len) {
  while (len > 0) {
    text_free(&given[--len]);
  }
}

/* Reads all texts, or throws and has nothing to free. */
static bool texts_read(session *s, napi_env env, const napi_value *argv, const way *by,
                       text *given) {
  for (size_t i = 0; i < by->len; i++) {
    if (!opening_text_read(s, env, argv[i], by->names[i], &given[i])) {
      texts_free(given, i);
      return false;
    }
  }
  return true;
}

/* Each opening that is under way has its place among the stores already. */
static bool reserve_store(session *s) {
  return handle_list_reserve(&s->stores, s->openings.len + 1);
}

static napi_value open_now(napi_env env, napi_callback_info info, const way *by) {
  session *s;
  napi_value argv[OPENING_TEXTS_MAX];
  text given[OPENING_TEXTS_MAX];
  if (!call_info(env, info, by->len, argv, &s) || !texts_read(s, env, argv, by, given)) {
    return NULL;
  }
  napi_value handle = NULL;
  if (reserve_store(s)) {
    factstr_store store = 0;
    factstr_buffer error = {NULL, 0};
    factstr_status status = by->open(given, &store, &error);
    if (status != FACTSTR_OK) {
      throw_status(s, env, status, &error);
    } else {
      handle_list_add(&s->stores, store);
      if (napi_create_bigint_uint64(env, store, &handle) != napi_ok) {
        throw_unexpected(env, napi_generic_failure, "napi_create_bigint_uint64");
      }
    }
  } else {
    throw_no_memory(env);
  }
  texts_free(given, by->len);
  return handle;
}

static void on_opened(void *user_data, factstr_status status, factstr_store store,
                      const char *error, size_t error_len) {
  item *it = user_data;
  session *s = it->session;
  it->status = status;
  it->store = store;
  item_set_text(it, error, error_len); /* without memory the status alone tells what happened */
  session_push(s, it);
  session_release(s);
}

/*
 * submit(..., tag) -> the handle of the opening. Throws when nothing was submitted, and then
 * nothing follows.
 */
static napi_value open_later(napi_env env, napi_callback_info info, const way *by) {
  session *s;
  napi_value argv[OPENING_TEXTS_MAX + 1];
  text given[OPENING_TEXTS_MAX];
  double tag;
  if (!call_info(env, info, by->len + 1, argv, &s) ||
      !read_double(s, env, argv[by->len], "tag", &tag) || !texts_read(s, env, argv, by, given)) {
    return NULL;
  }
  napi_value handle = NULL;
  item *it = item_create(ITEM_OPENED, tag);
  if (it != NULL && reserve_store(s) && handle_list_reserve(&s->openings, 1)) {
    it->session = s;
    session_retain(s);
    factstr_buffer error = {NULL, 0};
    factstr_status status = by->submit(given, on_opened, it, &error);
    if (status == FACTSTR_OK) {
      /*
       * The item is this thread's to take, so it is still there, whatever has become of the
       * opening.
       */
      handle_list_add(&s->openings, it->opening);
      if (napi_create_bigint_uint64(env, it->opening, &handle) != napi_ok) {
        throw_unexpected(env, napi_generic_failure, "napi_create_bigint_uint64");
      }
    } else {
      item_free(it);
      session_release(s);
      throw_status(s, env, status, &error);
    }
  } else {
    item_free(it);
    throw_no_memory(env);
  }
  texts_free(given, by->len);
  return handle;
}

static napi_value open_memory(napi_env env, napi_callback_info info) {
  return open_now(env, info, &memory);
}
static napi_value open_sqlite(napi_env env, napi_callback_info info) {
  return open_now(env, info, &sqlite);
}
static napi_value open_postgres(napi_env env, napi_callback_info info) {
  return open_now(env, info, &postgres);
}
static napi_value bootstrap_postgres(napi_env env, napi_callback_info info) {
  return open_now(env, info, &bootstrap);
}
static napi_value open_sqlite_submit(napi_env env, napi_callback_info info) {
  return open_later(env, info, &sqlite);
}
static napi_value open_postgres_submit(napi_env env, napi_callback_info info) {
  return open_later(env, info, &postgres);
}
static napi_value bootstrap_postgres_submit(napi_env env, napi_callback_info info) {
  return open_later(env, info, &bootstrap);
}

/* cancelOpening(opening) */
static napi_value cancel_opening(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[1];
  factstr_opening opening;
  if (!call_info(env, info, 1, argv, &s) || !read_uint64(s, env, argv[0], "opening", &opening)) {
    return NULL;
  }
  /* An unknown one has ended, and its item is on its way. */
  factstr_opening_cancel(opening);
  return undefined(env);
}

const function_entry opening_functions[] = {
    {"openMemory", open_memory},
    {"openSqlite", open_sqlite},
    {"openPostgres", open_postgres},
    {"bootstrapPostgres", bootstrap_postgres},
    {"openSqliteSubmit", open_sqlite_submit},
    {"openPostgresSubmit", open_postgres_submit},
    {"bootstrapPostgresSubmit", bootstrap_postgres_submit},
    {"cancelOpening", cancel_opening},
    {NULL, NULL},
};
