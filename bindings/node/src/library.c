/* What concerns the library and the event loop as a whole. */
#include "addon.h"

static napi_value status_name(napi_env env, napi_callback_info info) {
  attachment *a;
  double status;
  if (!READ_CALL(env, info, &a, {PARAMETER_NUMBER, "status", &status})) {
    return NULL;
  }
  const char *name = factstr_status_name((factstr_status)status);
  napi_value value;
  CHECK(env, napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &value), NULL);
  return value;
}

static napi_value configure(napi_env env, napi_callback_info info) {
  attachment *a;
  text options;
  if (!READ_CALL(env, info, &a, {PARAMETER_TEXT, "options", &options})) {
    return NULL;
  }
  factstr_buffer error = {NULL, 0};
  factstr_status status = factstr_configure(options.data, options.len, &error);
  text_free(&options);
  return result_nothing(a, env, status, &error);
}

static napi_value open_handles(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value count;
  CHECK(env, napi_create_double(env, (double)factstr_open_handles(), &count), NULL);
  return count;
}

/*
 * weigh(bytes): tells the collector of memory that is not JavaScript's. A store holds a megabyte
 * and more, and descriptors, behind an object of some bytes: without this the collector sees no
 * reason to collect dropped stores.
 */
static napi_value weigh(napi_env env, napi_callback_info info) {
  attachment *a;
  double bytes;
  int64_t total;
  if (!READ_CALL(env, info, &a, {PARAMETER_NUMBER, "bytes", &bytes})) {
    return NULL;
  }
  CHECK(env, napi_adjust_external_memory(env, (int64_t)bytes, &total), NULL);
  return undefined(env);
}

/* holdLoop(held): whether the event loop, and with it the process, stays alive. */
static napi_value hold_loop(napi_env env, napi_callback_info info) {
  attachment *a;
  bool held;
  if (!READ_CALL(env, info, &a, {PARAMETER_BOOL, "held", &held})) {
    return NULL;
  }
  CHECK(env,
        held ? napi_ref_threadsafe_function(env, a->wake)
             : napi_unref_threadsafe_function(env, a->wake),
        NULL);
  return undefined(env);
}

const function_entry library_functions[] = {
    {"statusName", status_name},   {"configure", configure},
    {"openHandles", open_handles}, {"weigh", weigh},
    {"holdLoop", hold_loop},       {NULL, NULL},
};
