/*
 * Just enough JSON for the example: finds values in text that the library wrote, which is always
 * well-formed, and quotes a string. A program of your own uses the JSON library that it has anyway.
 */
#ifndef EXAMPLE_JSON_H
#define EXAMPLE_JSON_H

#include <stddef.h>

/* A value within a longer text. A missing one has length 0. */
typedef struct json_value {
  const char *text;
  size_t len;
} json_value;

/* The value of a field of an object. */
json_value json_field(json_value object, const char *name);

/*
 * Goes through an array: give a value of length 0 to get the first element; after the last one the
 * length is 0 again.
 */
json_value json_next(json_value array, json_value element);

/* `bytes` as a JSON string, to be freed by the caller; NULL when there is no memory. */
char *json_quote(const char *bytes);

#endif
