#include <factstr.h>
#include <stdio.h>
#include <string.h>

static factstr_status reserve(factstr_store store, const char *by, factstr_buffer *answer) {
  const char *seat = "{\"filters\":[{\"event_types\":[\"SeatReserved\"],\"payload_predicates\":[{"
                     "\"seat\":\"A1\"}]}]}";
  char fact[128];
  snprintf(fact, sizeof fact,
           "[{\"event_type\":\"SeatReserved\",\"payload\":{\"seat\":\"A1\",\"by\":\"%s\"}}]", by);

  /* NULL expects that no fact matches: that holds for the first one only. */
  factstr_status status =
      factstr_append_if(store, fact, strlen(fact), seat, strlen(seat), NULL, answer);
  if (status == FACTSTR_OK)
    printf("%s has seat A1\n", by);
  if (status == FACTSTR_CONDITIONAL_APPEND_CONFLICT) {
    printf("%s is too late: seat A1 is taken\n", by);
    status = FACTSTR_OK;
  }
  if (status == FACTSTR_OK)
    factstr_buffer_free(answer);
  return status;
}

int main(int argc, char **argv) {
  factstr_store store;
  factstr_buffer answer; /* a result or an error, as JSON */

  factstr_status status =
      factstr_sqlite_open(argc > 1 ? argv[1] : "hello.db", NULL, 0, &store, &answer);
  if (status == FACTSTR_OK)
    status = reserve(store, "Ada", &answer);
  if (status == FACTSTR_OK)
    status = reserve(store, "Ben", &answer);
  if (status == FACTSTR_OK)
    status = factstr_store_close(store, &answer);
  if (status != FACTSTR_OK)
    fprintf(stderr, "%s %.*s\n", factstr_status_name(status), (int)answer.len,
            answer.data ? answer.data : "");
  return status;
}
