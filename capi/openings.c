/*
 * Opening stores, blocking and submitted. Each function spells out its checks, so that it reads
 * like its description in the header.
 */
#define _DEFAULT_SOURCE /* stack_t in strict C11 */
#include "public.h"

factstr_status factstr_memory_open(const char *options_json, size_t options_len,
                                   factstr_store *store, factstr_buffer *error) {
  CLEAR(store);
  REFUSE_CHILD(error);
  REQUIRE(store != NULL, "store is NULL; pass where the handle goes", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(memory_open(MUTABLE(options_json), options_len, store, error));
}

factstr_status factstr_sqlite_open(const char *path, const char *options_json, size_t options_len,
                                   factstr_store *store, factstr_buffer *error) {
  CLEAR(store);
  REFUSE_CHILD(error);
  REQUIRE(store != NULL, "store is NULL; pass where the handle goes", error);
  REQUIRE(path != NULL, "path is NULL; pass the path of the database file", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(sqlite_open(MUTABLE(path), MUTABLE(options_json), options_len, store, error, wait));
}

factstr_status factstr_postgres_open(const char *url, const char *options_json, size_t options_len,
                                     factstr_store *store, factstr_buffer *error) {
  CLEAR(store);
  REFUSE_CHILD(error);
  REQUIRE(store != NULL, "store is NULL; pass where the handle goes", error);
  REQUIRE(url != NULL, "url is NULL; pass the URL of the database", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(postgres_open(MUTABLE(url), MUTABLE(options_json), options_len, store, error, wait));
}

factstr_status factstr_postgres_bootstrap(const char *server_url, const char *database_name,
                                          const char *options_json, size_t options_len,
                                          factstr_store *store, factstr_buffer *error) {
  CLEAR(store);
  REFUSE_CHILD(error);
  REQUIRE(store != NULL, "store is NULL; pass where the handle goes", error);
  REQUIRE(server_url != NULL, "server_url is NULL; pass the URL of the server", error);
  REQUIRE(database_name != NULL, "database_name is NULL; pass the name of the database", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(postgres_bootstrap(MUTABLE(server_url), MUTABLE(database_name), MUTABLE(options_json),
                           options_len, store, error, wait));
}

factstr_status factstr_sqlite_open_submit(const char *path, const char *options_json,
                                          size_t options_len, factstr_open_callback callback,
                                          void *user_data, factstr_opening *opening,
                                          factstr_buffer *error) {
  CLEAR(opening);
  REFUSE_CHILD(error);
  REQUIRE(callback != NULL, "callback is NULL; pass the function that takes the store", error);
  REQUIRE(path != NULL, "path is NULL; pass the path of the database file", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(sqlite_open_submit(MUTABLE(path), MUTABLE(options_json), options_len, callback,
                           (uintptr_t)user_data, opening, error));
}

factstr_status factstr_postgres_open_submit(const char *url, const char *options_json,
                                            size_t options_len, factstr_open_callback callback,
                                            void *user_data, factstr_opening *opening,
                                            factstr_buffer *error) {
  CLEAR(opening);
  REFUSE_CHILD(error);
  REQUIRE(callback != NULL, "callback is NULL; pass the function that takes the store", error);
  REQUIRE(url != NULL, "url is NULL; pass the URL of the database", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(postgres_open_submit(MUTABLE(url), MUTABLE(options_json), options_len, callback,
                             (uintptr_t)user_data, opening, error));
}

factstr_status factstr_postgres_bootstrap_submit(const char *server_url, const char *database_name,
                                                 const char *options_json, size_t options_len,
                                                 factstr_open_callback callback, void *user_data,
                                                 factstr_opening *opening, factstr_buffer *error) {
  CLEAR(opening);
  REFUSE_CHILD(error);
  REQUIRE(callback != NULL, "callback is NULL; pass the function that takes the store", error);
  REQUIRE(server_url != NULL, "server_url is NULL; pass the URL of the server", error);
  REQUIRE(database_name != NULL, "database_name is NULL; pass the name of the database", error);
  REQUIRE_OPTIONAL(options_json, options_len, error);
  IN_GO(postgres_bootstrap_submit(MUTABLE(server_url), MUTABLE(database_name),
                                  MUTABLE(options_json), options_len, callback,
                                  (uintptr_t)user_data, opening, error));
}

factstr_status factstr_opening_cancel(factstr_opening opening) {
  REFUSE_CHILD(NULL);
  IN_GO(opening_cancel(opening));
}
