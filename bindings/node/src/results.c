/* Errors and results, from the library to JavaScript. */
#include <stdio.h>

#include "addon.h"

napi_value throw_unexpected(napi_env env, napi_status status, const char *where) {
  bool pending = false;
  /* An exception that is already pending says more. */
  if (napi_is_exception_pending(env, &pending) == napi_ok && !pending) {
    char message[256];
    snprintf(message, sizeof message, "factstr: N-API status %d at %s", (int)status, where);
    napi_throw_error(env, "Internal", message);
  }
  return NULL;
}

napi_value throw_no_memory(napi_env env) {
  napi_throw_error(env, "Internal", "factstr: out of memory");
  return NULL;
}

static napi_value throw_text(attachment *a, napi_env env, factstr_status status, const char *text,
                             size_t len) {
  napi_value argv[2];
  napi_value make_error;
  napi_value receiver;
  napi_value error;
  CHECK(env, napi_create_int32(env, status, &argv[0]), NULL);
  CHECK(env, napi_create_string_utf8(env, text, len, &argv[1]), NULL);
  CHECK(env, napi_get_reference_value(env, a->make_error, &make_error), NULL);
  CHECK(env, napi_get_undefined(env, &receiver), NULL);
  CHECK(env, napi_call_function(env, receiver, make_error, 2, argv, &error), NULL);
  CHECK(env, napi_throw(env, error), NULL);
  return NULL;
}

napi_value throw_status(attachment *a, napi_env env, factstr_status status, factstr_buffer *error) {
  throw_text(a, env, status, error->data == NULL ? "" : error->data, error->len);
  factstr_buffer_free(error);
  return NULL;
}

napi_value throw_invalid_argument(attachment *a, napi_env env, const char *what,
                                  const char *problem) {
  char text[256];
  int len = snprintf(text, sizeof text, "{\"code\":\"InvalidArgument\",\"message\":\"%s %s\"}",
                     what, problem);
  return throw_text(a, env, FACTSTR_INVALID_ARGUMENT, text, (size_t)len);
}

napi_value undefined(napi_env env) {
  napi_value value;
  CHECK(env, napi_get_undefined(env, &value), NULL);
  return value;
}

napi_value boolean(napi_env env, bool value) {
  napi_value result;
  CHECK(env, napi_get_boolean(env, value, &result), NULL);
  return result;
}

napi_value handle_value(napi_env env, uint64_t handle) {
  napi_value value;
  CHECK(env, napi_create_bigint_uint64(env, handle, &value), NULL);
  return value;
}

napi_value result_nothing(attachment *a, napi_env env, factstr_status status,
                          factstr_buffer *error) {
  return status == FACTSTR_OK ? undefined(env) : throw_status(a, env, status, error);
}

napi_value result_text(attachment *a, napi_env env, factstr_status status, factstr_buffer *out) {
  if (status != FACTSTR_OK) {
    return throw_status(a, env, status, out);
  }
  napi_value value = NULL;
  napi_status created =
      napi_create_string_utf8(env, out->data == NULL ? "" : out->data, out->len, &value);
  factstr_buffer_free(out);
  CHECK(env, created, NULL);
  return value;
}
