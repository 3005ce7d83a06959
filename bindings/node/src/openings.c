/*
 * Opening stores, blocking and not. A submitted opening is named by a tag of JavaScript's; its end
 * is dispatched as ITEM_OPENED with that tag, and the store is handed over with it.
 */
#include "addon.h"

/* How a kind of store is opened: the texts that JavaScript gives, options last. */
typedef struct opener {
  call_shape shape;
  factstr_status (*open)(const text *given, factstr_store *store, factstr_buffer *error);
  factstr_status (*submit)(const text *given, factstr_open_callback callback, item *it,
                           factstr_buffer *error); /* NULL: it never blocks */
} opener;

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

static const opener memory = {{NULL, PARAMETER_C_STRING, {"options"}, false}, memory_open, NULL};
static const opener sqlite = {
    {NULL, PARAMETER_C_STRING, {"path", "options"}, false}, sqlite_open, sqlite_submit};
static const opener postgres = {
    {NULL, PARAMETER_C_STRING, {"url", "options"}, false}, postgres_open, postgres_submit};
static const opener bootstrap = {
    {NULL, PARAMETER_C_STRING, {"target.serverUrl", "target.databaseName", "options"}, false},
    bootstrap_open,
    bootstrap_submit};

/* Each opening that is under way has room among the stores already. */
static bool reserve_store(attachment *a) {
  return handle_list_reserve(&a->stores, a->openings.len + 1);
}

static napi_value open_now(attachment *a, napi_env env, const opener *by, const text *given) {
  if (!reserve_store(a)) {
    return throw_no_memory(env);
  }
  factstr_store store = 0;
  factstr_buffer error = {NULL, 0};
  factstr_status status = by->open(given, &store, &error);
  if (status != FACTSTR_OK) {
    return throw_status(a, env, status, &error);
  }
  handle_list_add(&a->stores, store);
  return handle_value(env, store);
}

/* open(texts...) -> the handle of the store */
static napi_value open_store(napi_env env, napi_callback_info info, const opener *by) {
  attachment *a;
  call_values values;
  if (!values_read(env, info, &a, &by->shape, false, &values)) {
    return NULL;
  }
  napi_value handle = open_now(a, env, by, values.texts);
  values_free(&by->shape, &values);
  return handle;
}

static void on_opened(void *user_data, factstr_status status, factstr_store store,
                      const char *error, size_t error_len) {
  item *it = user_data;
  it->status = status;
  it->store = store;
  item_set_text(it, error, error_len); /* without memory the status alone tells what happened */
  answer_push(it);
}

static napi_value open_later(attachment *a, napi_env env, const opener *by, const text *given,
                             double tag) {
  if (!reserve_store(a) || !handle_list_reserve(&a->openings, 1)) {
    return throw_no_memory(env);
  }
  item *it = answer_create(a, env, ITEM_OPENED, tag);
  if (it == NULL) {
    return NULL;
  }
  factstr_buffer error = {NULL, 0};
  factstr_status status = by->submit(given, on_opened, it, &error);
  if (status != FACTSTR_OK) {
    answer_abandon(it);
    return throw_status(a, env, status, &error);
  }
  /* Only this thread takes items from the queue, so `it` is there even if the opening has ended. */
  handle_list_add(&a->openings, it->opening);
  return handle_value(env, it->opening);
}

/* submit(texts..., tag) -> the handle of the opening. When it throws, nothing was submitted. */
static napi_value submit_opening(napi_env env, napi_callback_info info, const opener *by) {
  attachment *a;
  call_values values;
  if (!values_read(env, info, &a, &by->shape, true, &values)) {
    return NULL;
  }
  napi_value handle = open_later(a, env, by, values.texts, values.tag);
  values_free(&by->shape, &values);
  return handle;
}

static napi_value open_memory(napi_env env, napi_callback_info info) {
  return open_store(env, info, &memory);
}
static napi_value open_sqlite(napi_env env, napi_callback_info info) {
  return open_store(env, info, &sqlite);
}
static napi_value open_postgres(napi_env env, napi_callback_info info) {
  return open_store(env, info, &postgres);
}
static napi_value bootstrap_postgres(napi_env env, napi_callback_info info) {
  return open_store(env, info, &bootstrap);
}
static napi_value open_sqlite_submit(napi_env env, napi_callback_info info) {
  return submit_opening(env, info, &sqlite);
}
static napi_value open_postgres_submit(napi_env env, napi_callback_info info) {
  return submit_opening(env, info, &postgres);
}
static napi_value bootstrap_postgres_submit(napi_env env, napi_callback_info info) {
  return submit_opening(env, info, &bootstrap);
}

/* cancelOpening(opening) */
static napi_value cancel_opening(napi_env env, napi_callback_info info) {
  attachment *a;
  factstr_opening opening;
  if (!READ_CALL(env, info, &a, {PARAMETER_HANDLE, "opening", &opening})) {
    return NULL;
  }
  factstr_opening_cancel(opening); /* an unknown one has ended, and its item is on its way */
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
