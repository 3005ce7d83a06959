/* Reads the arguments of the calls that JavaScript makes. */
#include <stdlib.h>
#include <string.h>

#include "addon.h"

void text_free(text *t) {
  if (t->data != t->fixed) {
    free(t->data);
  }
}

/* Needs room for three bytes a unit. Returns SIZE_MAX when there is a lone surrogate. */
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

/* N-API's own conversion to UTF-8 would replace a lone surrogate without a word. */
static bool read_text(attachment *a, napi_env env, napi_value value, const char *what, text *out) {
  enum { FIXED_UNITS = sizeof out->fixed / 3 };
  char16_t fixed[FIXED_UNITS];
  char16_t *units = fixed;
  size_t len = 0;
  out->data = out->fixed;
  out->len = 0;
  if (napi_get_value_string_utf16(env, value, fixed, FIXED_UNITS, &len) != napi_ok) {
    throw_invalid_argument(a, env, what, "must be a string");
    return false;
  }
  if (len == FIXED_UNITS - 1) { /* full, so the string may be longer */
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
    throw_invalid_argument(a, env, what,
                           "has a lone surrogate (half of a UTF-16 pair), which is not text; "
                           "remove it or replace it by U+FFFD");
    return false;
  }
  out->data[out->len] = '\0';
  return true;
}

static bool read_c_string(attachment *a, napi_env env, napi_value value, const char *what,
                          text *out) {
  if (!read_text(a, env, value, what, out)) {
    return false;
  }
  if (memchr(out->data, '\0', out->len) != NULL) {
    text_free(out);
    throw_invalid_argument(a, env, what, "has a U+0000, which it cannot hold");
    return false;
  }
  return true;
}

static bool read_handle(attachment *a, napi_env env, napi_value value, const char *what,
                        uint64_t *out) {
  bool lossless = false;
  if (napi_get_value_bigint_uint64(env, value, out, &lossless) != napi_ok || !lossless) {
    throw_invalid_argument(a, env, what, "must be a BigInt from 0n to 18446744073709551615n");
    return false;
  }
  return true;
}

static bool read_number(attachment *a, napi_env env, napi_value value, const char *what,
                        double *out) {
  if (napi_get_value_double(env, value, out) != napi_ok) {
    throw_invalid_argument(a, env, what, "must be a number");
    return false;
  }
  return true;
}

static bool read_bool(attachment *a, napi_env env, napi_value value, const char *what, bool *out) {
  if (napi_get_value_bool(env, value, out) != napi_ok) {
    throw_invalid_argument(a, env, what, "must be true or false");
    return false;
  }
  return true;
}

static bool read_expected(attachment *a, napi_env env, napi_value value, const char *what,
                          expected *out) {
  napi_valuetype type;
  CHECK(env, napi_typeof(env, value, &type), false);
  out->version = 0;
  out->none = type == napi_null || type == napi_undefined;
  return out->none || read_handle(a, env, value, what, &out->version);
}

static bool read_argument(attachment *a, napi_env env, napi_value value, const parameter *p) {
  switch (p->type) {
  case PARAMETER_HANDLE:
    return read_handle(a, env, value, p->name, p->out);
  case PARAMETER_NUMBER:
    return read_number(a, env, value, p->name, p->out);
  case PARAMETER_BOOL:
    return read_bool(a, env, value, p->name, p->out);
  case PARAMETER_TEXT:
    return read_text(a, env, value, p->name, p->out);
  case PARAMETER_C_STRING:
    return read_c_string(a, env, value, p->name, p->out);
  case PARAMETER_EXPECTED:
    return read_expected(a, env, value, p->name, p->out);
  }
  return false;
}

static bool is_text(const parameter *p) {
  return p->type == PARAMETER_TEXT || p->type == PARAMETER_C_STRING;
}

bool call_read(napi_env env, napi_callback_info info, attachment **a, const parameter *parameters,
               size_t len) {
  enum { PARAMETERS_MAX = 8 };
  napi_value argv[PARAMETERS_MAX];
  size_t given = PARAMETERS_MAX;
  void *data = NULL;
  /* Fills missing arguments with undefined. */
  CHECK(env, napi_get_cb_info(env, info, &given, argv, NULL, &data), false);
  if (a != NULL) {
    *a = data;
  }
  for (size_t i = 0; i < len; i++) {
    if (!read_argument(data, env, argv[i], &parameters[i])) {
      while (i-- > 0) {
        if (is_text(&parameters[i])) {
          text_free(parameters[i].out);
        }
      }
      return false;
    }
  }
  return true;
}

static size_t texts_len(const call_shape *shape) {
  size_t len = 0;
  while (len < TEXTS_MAX && shape->texts[len] != NULL) {
    len++;
  }
  return len;
}

bool values_read(napi_env env, napi_callback_info info, attachment **a, const call_shape *shape,
                 bool has_tag, call_values *values) {
  parameter parameters[TEXTS_MAX + 3];
  size_t len = 0;
  if (shape->handle != NULL) {
    parameters[len++] = (parameter){PARAMETER_HANDLE, shape->handle, &values->handle};
  }
  for (size_t i = 0; i < texts_len(shape); i++) {
    parameters[len++] = (parameter){shape->texts_type, shape->texts[i], &values->texts[i]};
  }
  if (shape->has_expected) {
    parameters[len++] = (parameter){PARAMETER_EXPECTED, "expected", &values->expected};
  }
  if (has_tag) {
    parameters[len++] = (parameter){PARAMETER_NUMBER, "tag", &values->tag};
  }
  return call_read(env, info, a, parameters, len);
}

void values_free(const call_shape *shape, call_values *values) {
  for (size_t i = texts_len(shape); i-- > 0;) {
    text_free(&values->texts[i]);
  }
}

const call_shape takes_store = {.handle = "store"};
const call_shape takes_query = {"store", PARAMETER_TEXT, {"query"}, false};
const call_shape takes_events = {"store", PARAMETER_TEXT, {"events"}, false};
const call_shape takes_events_if = {"store", PARAMETER_TEXT, {"events", "query"}, true};
const call_shape takes_events_when = {"store", PARAMETER_TEXT, {"events", "conditions"}, false};
