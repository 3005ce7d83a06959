/*
 * The Node addon over libfactstr: a plain C layer that moves text between JavaScript and the
 * library and knows nothing of its meaning.
 *
 * Everything belongs to a session: one JavaScript copy of the package inside one environment (main
 * thread or worker). Nothing is global to the process, so workers come and go, and test runners
 * that load the JavaScript twice over one loaded addon get two sessions.
 *
 * Threads. The library calls back on threads of its own. Such a call copies what it was given into
 * an item, appends it to the session's queue and wakes the event loop; it never waits for
 * JavaScript. The JavaScript thread takes the items one by one and calls `dispatch` for each, for
 * as long as lib/turns.js lets it before timers and I/O come in between.
 */
#ifndef FACTSTR_NODE_ADDON_H
#define FACTSTR_NODE_ADDON_H

#include <node_api.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "factstr.h"

/* What JavaScript is told; lib/native.js has the same numbers. */
enum item_kind {
  ITEM_COMPLETION = 0,
  ITEM_BATCH = 1,
  ITEM_READY = 2,
  ITEM_END = 3,
  ITEM_OPENED = 4,
  ITEM_PROGRESS = 5,
  ITEM_LOG = 6
};

typedef struct item {
  struct item *next;
  struct session *session; /* of a submitted request or opening, which holds a reference */
  enum item_kind kind;
  double
      id; /* the request's or opening's tag or the stream's id: JavaScript's own counters, exact as doubles */
  factstr_status status;
  factstr_delivery delivery; /* 0: nothing waits for an answer */
  factstr_opening opening;
  factstr_store store; /* that nobody has taken over yet */
  char *text;
  size_t text_len;
} item;

typedef struct handle_list {
  uint64_t *handles;
  size_t len;
  size_t capacity;
} handle_list;

typedef struct item_queue {
  item *first;
  item *last;
} item_queue;

typedef struct session {
  pthread_mutex_t lock;

  /* Guarded by lock. */
  bool alive; /* false once the environment is going away: `wake` must not be touched any more */
  bool awake; /* JavaScript will look at the queues without being woken */
  size_t references;
  item_queue answers;
  item_queue
      deliveries; /* what concerns streams: apart, so that neither waits behind thousands of the other */
  napi_threadsafe_function wake;

  struct session *younger; /* of log.c */

  /* Only for the JavaScript thread. */
  napi_env env;
  napi_ref dispatch;   /* (kind, id, status, delivery or store, text) */
  napi_ref woken;      /* () */
  napi_ref make_error; /* (status, text) -> Error */
  handle_list stores;  /* what is closed when the environment goes away */
  handle_list streams;
  handle_list openings; /* what is cancelled then */
} session;

/* ---- session.c ---- */

/* Makes a session of this environment; NULL with an exception pending when that fails. */
session *session_create(napi_env env, napi_value dispatch, napi_value woken, napi_value make_error);
void session_retain(session *s);
void session_release(session *s);
/*
 * Queues `it` for the JavaScript thread, or frees it when the environment is gone. From any thread.
 */
void session_push(session *s, item *it);
bool session_is_alive(session *s);

/* ---- log.c ---- */

/* From here on the session gets what the library logs. */
void log_add_session(session *s);
void log_remove_session(session *s);

/* ---- items and lists, in session.c ---- */

item *item_create(enum item_kind kind, double id);
/* Copies text into the item; false when there is no memory, and then the item has none. */
bool item_set_text(item *it, const char *text, size_t len);
/* Closes a store that it still holds. */
void item_free(item *it);

/* Makes sure of so many more places. */
bool handle_list_reserve(handle_list *list, size_t more);
/* Needs a reserved place: adding after the library made the handle cannot fail. */
void handle_list_add(handle_list *list, uint64_t handle);
void handle_list_remove(handle_list *list, uint64_t handle);

/* ---- values.c: each answers false or NULL with an exception pending ---- */

typedef struct text {
  char *data;
  size_t len;
  char fixed[2048];
} text;

/*
 * Reads a JavaScript string as UTF-8. A lone surrogate is refused, where N-API's own conversion
 * would replace it; `what` names the value.
 */
bool text_read(session *s, napi_env env, napi_value value, const char *what, text *out);
void text_free(text *t);

/* What both forms of a conditional append are called with first: store, events, query, expected. */
typedef struct conditional_append {
  factstr_store store;
  text events;
  text query;
  uint64_t expected;
  bool none; /* expected is null or undefined: no fact may match */
} conditional_append;

/* Throws and answers false, with nothing to free, when an argument is wrong. */
bool conditional_append_read(session *s, napi_env env, const napi_value *argv,
                             conditional_append *call);
void conditional_append_free(conditional_append *call);

bool read_uint64(session *s, napi_env env, napi_value value, const char *what, uint64_t *out);
bool read_double(session *s, napi_env env, napi_value value, const char *what, double *out);

napi_value throw_status(session *s, napi_env env, factstr_status status, factstr_buffer *error);
napi_value throw_invalid_argument(session *s, napi_env env, const char *what, const char *problem);
napi_value throw_no_memory(napi_env env);
napi_value throw_unexpected(napi_env env, napi_status status, const char *where);

/* The text of an answer as a JavaScript string; releases the buffer. */
napi_value answer_text(session *s, napi_env env, factstr_status status, factstr_buffer *out);
napi_value undefined(napi_env env);

/* The session and the arguments of a call; false with an exception pending. */
bool call_info(napi_env env, napi_callback_info info, size_t argc, napi_value *argv, session **s);

#define CHECK(env, call, failed)                                                                   \
  do {                                                                                             \
    napi_status check_status = (call);                                                             \
    if (check_status != napi_ok) {                                                                 \
      throw_unexpected((env), check_status, #call);                                                \
      return failed;                                                                               \
    }                                                                                              \
  } while (0)

/*
 * ---- library.c, session.c, openings.c, stores.c, requests.c, streams.c: the functions that
 * JavaScript sees ----
 */

typedef struct function_entry {
  const char *name;
  napi_callback call;
} function_entry;

extern const function_entry library_functions[]; /* each list ends with a NULL name */
extern const function_entry session_functions[];
extern const function_entry opening_functions[];
extern const function_entry store_functions[];
extern const function_entry request_functions[];
extern const function_entry stream_functions[];

#endif
