/* JSON for tests: cJSON, but with exact numbers. */
#ifndef JSON_H
#define JSON_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Parses text. Every number becomes a string that starts with EXACT_NUMBER, in one spelling per
 * value. Fails the test if it is no JSON.
 */
cJSON *json_parse(const char *text, size_t len);
/* The text of a parsed value, numbers as numbers again. Freed with free(). */
char *json_text(const cJSON *value);

/* Reports whether two parsed values are equal, exactly. A null field equals an absent one. */
int json_equal(const cJSON *a, const cJSON *b);

/* An integer field; fails the test if it is none. */
uint64_t json_integer(const cJSON *object, const char *field);
/* A text field, NULL if absent. */
const char *json_string(const cJSON *object, const char *field);

/* Reads a whole file. Freed with free(). */
char *read_file(const char *path, size_t *len);

/*
 * Calls visit for each *.json file of a folder, in the order of names. Fails the test if there is
 * none.
 */
void each_json_file(const char *folder, void (*visit)(const char *path));

/*
 * The text of a wire vector: a string, {"base64"}, {"concat"} or {"repeat", "times"}. Freed with
 * free().
 */
char *wire_text(const cJSON *value, size_t *len);

#define EXACT_NUMBER '\x01'

#endif
