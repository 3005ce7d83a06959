#include <factstr.h>
#include <stdio.h>
#include <string.h>

static void print(factstr_status status, factstr_buffer *answer) {
  printf("%s %.*s\n", factstr_status_name(status), (int)answer->len, answer->data ? answer->data : "");
  factstr_buffer_free(answer);
}

int main(int argc, char **argv) {
  const char *seat = "{\"filters\":[{\"event_types\":[\"SeatReserved\"],\"payload_predicates\":[{\"seat\":\"A1\"}]}]}";
  const char *fact = "[{\"event_type\":\"SeatReserved\",\"payload\":{\"seat\":\"A1\",\"by\":\"Ada\"}}]";
  factstr_store store;
  factstr_buffer answer;

  factstr_status status = factstr_sqlite_open(argc > 1 ? argv[1] : "hello.db", NULL, 0, &store, &answer);
  if (status != FACTSTR_OK) {
    print(status, &answer);
    return 1;
  }
  /* NULL expects that no fact matches: it holds the first time, not the second. */
  status = factstr_append_if(store, fact, strlen(fact), seat, strlen(seat), NULL, &answer);
  print(status, &answer);
  status = factstr_append_if(store, fact, strlen(fact), seat, strlen(seat), NULL, &answer);
  print(status, &answer);
  return factstr_store_close(store, NULL);
}
