#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addon.h"

bool call_info(napi_env env, napi_callback_info info, size_t argc, napi_value *argv, session **s) {
  size_t given = argc;
  void *data = NULL;
  CHECK(env, napi_get_cb_info(env, info, &given, argv, NULL, &data),
        false); /* fills missing arguments with undefined */
  if (s != NULL) {
    *s = data;
  }
  return true;
}

napi_value undefined(napi_env env) {
  napi_value value;
  CHECK(env, napi_get_undefined(env, &value), NULL);
  return value;
}

napi_value throw_unexpected(napi_env env, napi_status status, const char *where) {
  bool pending = false;
  /* An exception that is already on its way says more. */
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

static napi_value throw_text(session *s, napi_env env, factstr_status status, const char *text,
                             size_t len) {
  napi_value argv[2];
  napi_value make_error;
  napi_value receiver;
  napi_value error;
  CHECK(env, napi_create_int32(env, status, &argv[0]), NULL);
  CHECK(env, napi_create_string_utf8(env, text, len, &argv[1]), NULL);
  CHECK(env, napi_get_reference_value(env, s->make_error, &make_error), NULL);
  CHECK(env, napi_get_undefined(env, &receiver), NULL);
  CHECK(env, napi_call_function(env, receiver, make_error, 2, argv, &error), NULL);
  CHECK(env, napi_throw(env, error), NULL);
  return NULL;
}

napi_value throw_status(session *s, napi_env env, factstr_status status, factstr_buffer *error) {
  throw_text(s, env, status, error->data == NULL ? "" : error->data, error->len);
  factstr_buffer_free(error);
  return NULL;
}

napi_value throw_invalid_argument(session *s, napi_env env, const char *what, const char *problem) {
  char text[256];
  int len = snprintf(text, sizeof text, "{\"code\":\"InvalidArgument\",\"message\":\"%s %s\"}",
                     what, problem);
  return throw_text(s, env, FACTSTR_INVALID_ARGUMENT, text, (size_t)len);
}

napi_value answer_text(session *s, napi_env env, factstr_status status, factstr_buffer *out) {
  if (status != FACTSTR_OK) {
    return throw_status(s, env, status, out);
  }
  napi_value value = NULL;
  napi_status created =
      napi_create_string_utf8(env, out->data == NULL ? "" : out->data, out->len, &value);
  factstr_buffer_free(out);
  CHECK(env, created, NULL);
  return value;
}

bool read_uint64(session *s, napi_env env, napi_value value, const char *what, uint64_t *out) {
  bool lossless = false;
  if (napi_get_value_bigint_uint64(env, value, out, &lossless) != napi_ok || !lossless) {
    throw_invalid_argument(s, env, what, "must be a BigInt from 0n to 18446744073709551615n");
    return false;
  }
  return true;
}

bool read_double(session *s, napi_env env, napi_value value, const char *what, double *out) {
  if (napi_get_value_double(env, value, out) != napi_ok) {
    throw_invalid_argument(s, env, what, "must be a number");
    return false;
  }
  return true;
}

/* Needs room for three bytes a unit. Answers SIZE_MAX at a lone surrogate. */
static size_t utf8_from_utf16(const char16_t *units, size_t len, char *bytes) {
  char *to = bytes;
  for (size_t i = 0; i < len; i++) {
    uint32_t c = units[i];
    if (c < 0x80) {
      *to++ = (char)c;
      continue;
    }
    if (c < 0x800) {
      *to++ = (char)(0xC0 | c >> 6);
      *to++ = (char)(0x80 | (c & 0x3F));
      continue;
    }
    if (c >= 0xD800 && c <= 0xDFFF) {
      bool pair = c <= 0xDBFF && i + 1 < len && units[i + 1] >= 0xDC00 && units[i + 1] <= 0xDFFF;
      if (!pair) {
        return SIZE_MAX;
      }
      c = 0x10000 + ((c - 0xD800) << 10) + (units[++i] - 0xDC00u);
      *to++ = (char)(0xF0 | c >> 18);
      *to++ = (char)(0x80 | (c >> 12 & 0x3F));
    } else {
      *to++ = (char)(0xE0 | c >> 12);
    }
    *to++ = (char)(0x80 | (c >> 6 & 0x3F));
    *to++ = (char)(0x80 | (c & 0x3F));
  }
  return (size_t)(to - bytes);
}

bool text_read(session *s, napi_env env, napi_value value, const char *what, text *out) {
  enum { FIXED_UNITS = sizeof out->fixed / 3 };
  char16_t fixed[FIXED_UNITS];
  char16_t *units = fixed;
  size_t len = 0;
  out->data = out->fixed;
  out->len = 0;
  if (napi_get_value_string_utf16(env, value, fixed, FIXED_UNITS, &len) != napi_ok) {
    throw_invalid_argument(s, env, what, "must be a string");
    return false;
  }
  if (len == FIXED_UNITS - 1) { /* full, perhaps cut */
    CHECK(env, napi_get_value_string_utf16(env, value, NULL, 0, &len), false);
    units = malloc((len + 1) * sizeof *units);
    out->data = malloc(len * 3 + 1);
    napi_status status = napi_generic_failure;
    if (units != NULL && out->data != NULL) {
      status = napi_get_value_string_utf16(env, value, units, len + 1, &len);
    }
    if (status != napi_ok) {
      free(units);
      free(out->data);
      throw_no_memory(env);
      return false;
    }
  }
  out->len = utf8_from_utf16(units, len, out->data);
  if (units != fixed) {
    free(units);
  }
  if (out->len == SIZE_MAX) {
    text_free(out);
    throw_invalid_argument(s, env, what,
                           "has a lone surrogate (half of a UTF-16 pair), which is not text; "
                           "remove it or replace it by U+FFFD");
    return false;
  }
  out->data[out->len] = '\0';
  return true;
}

void text_free(text *t) {
  if (t->data != t->fixed) {
    free(t->data);
  }
}

bool conditional_append_read(session *s, napi_env env, const napi_value *argv,
                             conditional_append *call) {
  napi_valuetype type;
  call->expected = 0;
  CHECK(env, napi_typeof(env, argv[3], &type), false);
  call->none = type == napi_null || type == napi_undefined;
  if (!read_uint64(s, env, argv[0], "store", &call->store) ||
      (!call->none && !read_uint64(s, env, argv[3], "expected", &call->expected)) ||
      !text_read(s, env, argv[1], "events", &call->events)) {
    return false;
  }
  if (!text_read(s, env, argv[2], "query", &call->query)) {
    text_free(&call->events);
    return false;
  }
  return true;
}

void conditional_append_free(conditional_append *call) {
  text_free(&call->events);
  text_free(&call->query);
}
