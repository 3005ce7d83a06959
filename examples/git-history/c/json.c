#include "json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The end of the string that begins at `at`: behind its closing quote. */
static const char *string_end(const char *at) {
  for (at++; *at != '"'; at++) {
    if (*at == '\\')
      at++;
  }
  return at + 1;
}

/* The end of the value that begins at `at`. */
static const char *value_end(const char *at, const char *end) {
  int depth = 0;
  for (; at < end; at++) {
    if (*at == '"') {
      at = string_end(at);
      if (depth == 0)
        return at;
      at--;
    } else if (*at == '{' || *at == '[') {
      depth++;
    } else if (*at == '}' || *at == ']') {
      if (depth == 0)
        return at; /* the end of what holds this number or word */
      if (--depth == 0)
        return at + 1;
    } else if (depth == 0 && (*at == ',' || *at == ':')) {
      return at;
    }
  }
  return at;
}

static const char *skip_space(const char *at, const char *end) {
  while (at < end &&
         (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r' || *at == ',' || *at == ':'))
    at++;
  return at;
}

/*
 * The value that begins at `at` or behind the punctuation there, or one of length 0 at the end of
 * what holds it.
 */
static json_value value_at(const char *at, const char *end) {
  json_value value = {NULL, 0};
  at = skip_space(at, end);
  if (at < end && *at != '}' && *at != ']') {
    value.text = at;
    value.len = (size_t)(value_end(at, end) - at);
  }
  return value;
}

json_value json_field(json_value object, const char *name) {
  const char *end = object.text + object.len;
  const size_t name_len = strlen(name);
  json_value key = {NULL, 0}, value = {NULL, 0};
  if (object.len == 0 || *object.text != '{')
    return value;
  for (key = value_at(object.text + 1, end); key.len > 0;
       key = value_at(value.text + value.len, end)) {
    value = value_at(key.text + key.len, end);
    if (key.len == name_len + 2 && memcmp(key.text + 1, name, name_len) == 0)
      return value;
  }
  return key;
}

json_value json_next(json_value array, json_value element) {
  const char *from = element.len > 0 ? element.text + element.len : array.text + 1;
  return value_at(from, array.text + array.len);
}

char *json_quote(const char *bytes) {
  char *quoted = malloc(6 * strlen(bytes) + 3); /* at most six characters a byte, as in \u001b */
  char *out = quoted;
  if (quoted == NULL)
    return NULL;
  *out++ = '"';
  for (; *bytes != '\0'; bytes++) {
    const unsigned char byte = (unsigned char)*bytes;
    if (byte < 0x20) {
      out += sprintf(out, "\\u%04x", byte);
    } else {
      if (byte == '"' || byte == '\\')
        *out++ = '\\';
      *out++ = (char)byte;
    }
  }
  *out++ = '"';
  *out = '\0';
  return quoted;
}
