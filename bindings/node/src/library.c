/* What concerns the library and the event loop as a whole. */
#include "addon.h"

static napi_value status_name(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[1];
  double status;
  if (!call_info(env, info, 1, argv, &s) || !read_double(s, env, argv[0], "status", &status)) {
    return NULL;
  }
  napi_value name;
  CHECK(env,
        napi_create_string_utf8(env, factstr_status_name((factstr_status)status), NAPI_AUTO_LENGTH,
                                &name),
        NULL);
  return name;
}

static napi_value configure(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[1];
  text options;
  if (!call_info(env, info, 1, argv, &s) || !text_read(s, env, argv[0], "options", &options)) {
    return NULL;
  }
  factstr_buffer error = {NULL, 0};
  factstr_status status = factstr_configure(options.data, options.len, &error);
  text_free(&options);
  return status == FACTSTR_OK ? undefined(env) : throw_status(s, env, status, &error);
}

static napi_value open_handles(napi_env env, napi_callback_info info) {
  (void)info;
  napi_value count;
  CHECK(env, napi_create_double(env, (double)factstr_open_handles(), &count), NULL);
  return count;
}

static napi_value ref_loop(napi_env env, napi_callback_info info) {
  session *s;
  if (!call_info(env, info, 0, NULL, &s)) {
    return NULL;
  }
  CHECK(env, napi_ref_threadsafe_function(env, s->wake), NULL);
  return undefined(env);
}

static napi_value unref_loop(napi_env env, napi_callback_info info) {
  session *s;
  if (!call_info(env, info, 0, NULL, &s)) {
    return NULL;
  }
  CHECK(env, napi_unref_threadsafe_function(env, s->wake), NULL);
  return undefined(env);
}

const function_entry library_functions[] = {
    {"statusName", status_name}, {"configure", configure},  {"openHandles", open_handles},
    {"refLoop", ref_loop},       {"unrefLoop", unref_loop}, {NULL, NULL},
};
