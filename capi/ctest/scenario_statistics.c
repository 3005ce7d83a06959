/*
 * Compares statistics with what a scenario names of them.
 */
#include "scenarios.h"

/* Of sizes in bytes a scenario says only whether there is something. */
static void compare_counts(const cJSON *got, const cJSON *expected) {
  const cJSON *field;
  cJSON_ArrayForEach(field, expected) {
    const cJSON *is = cJSON_GetObjectItemCaseSensitive(got, field->string);
    size_t len = strlen(field->string);
    int same;
    if (is == NULL) {
      same = 0;
    } else if (len > 6 && strcmp(field->string + len - 6, "_bytes") == 0) {
      int something = !cJSON_IsNull(is) && json_integer(got, field->string) > 0;
      same = something == cJSON_IsTrue(field);
    } else {
      same = json_equal(is, field);
    }
    if (!same) {
      FAIL("%s is not as expected: %s", field->string, json_text(got));
    }
  }
}

void compare_statistics(const cJSON *got, const cJSON *gives) {
  cJSON *named = cJSON_Duplicate(gives, 1), *streams;
  streams = cJSON_DetachItemFromObjectCaseSensitive(named, "streams");
  compare_counts(got, named);
  if (streams != NULL) {
    const cJSON *listed = cJSON_GetObjectItemCaseSensitive(got, "streams");
    CHECK(cJSON_GetArraySize(listed) == cJSON_GetArraySize(streams));
    for (int i = 0; i < cJSON_GetArraySize(streams); i++) {
      compare_counts(cJSON_GetArrayItem(listed, i), cJSON_GetArrayItem(streams, i));
    }
  }
  cJSON_Delete(streams), cJSON_Delete(named);
}
