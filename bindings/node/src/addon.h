/*
 * The Node addon over libfactstr: a plain C layer that moves text between JavaScript and the
 * library and does not interpret it.
 *
 * Everything belongs to an attachment: one JavaScript copy of the package inside one Node
 * environment (main thread or worker). Nothing but the list of attachments (log.c) is global, so
 * workers come and go, and a test runner that loads the JavaScript twice over one loaded addon gets
 * two attachments.
 *
 * Threads. The library calls back on its own threads. Such a call copies what it was given into an
 * item, appends the item to a queue of the attachment and wakes the event loop; it never waits for
 * JavaScript. The JavaScript thread takes the items one by one and calls `dispatch` for each, for
 * as long as lib/event_loop_turns.js lets it before timers and I/O get their turn.
 *
 * Locks. `attachment.lock` guards the queues and is the innermost lock: under it only
 * napi_call_threadsafe_function is called. The lock of log.c is taken before it.
 *
 * Ownership. An item belongs to one place at a time: the call that makes it, then the library as
 * user data, then a queue, then the JavaScript thread, which frees it after `dispatch`. Everything
 * that the library may still call back with holds a reference to the attachment. The handles of
 * open stores, streams and openings are listed, so that the end of the environment closes them.
 */
#ifndef FACTSTR_NODE_ADDON_H
#define FACTSTR_NODE_ADDON_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "factstr.h"
#include "host_functions.h"
#include "threads.h"

/* What `dispatch` is called with first; lib/native.js has the same numbers. */
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
  struct attachment *attachment; /* of a request or opening, which holds a reference to it */
  enum item_kind kind;
  /*
   * The tag of a request or opening, or the id of a stream: JavaScript's own counters, exact as
   * doubles.
   */
  double id;
  factstr_status status;
  factstr_delivery delivery; /* 0: nothing waits for an acknowledgement */
  factstr_opening opening;
  factstr_store store; /* opened, and not handed to JavaScript yet */
  char *text;
  size_t text_len;
} item;

typedef struct item_queue {
  item *first;
  item *last;
} item_queue;

typedef struct handle_list {
  uint64_t *handles;
  size_t len;
  size_t capacity;
} handle_list;

typedef struct attachment {
  mutex lock;

  /* Guarded by lock. */
  bool alive; /* false once the environment is going away: `wake` must not be touched any more */
  bool awake; /* JavaScript will look at the queues without being woken */
  size_t references;
  item_queue answers;    /* to requests and openings */
  item_queue deliveries; /* about streams. Apart, so that neither waits behind the other. */
  napi_threadsafe_function wake;

  struct attachment *younger; /* guarded by the lock of log.c */

  /* Only for the JavaScript thread. */
  napi_env env;
  napi_ref dispatch;    /* (kind, id, status, delivery or store, text) */
  napi_ref woken;       /* () */
  napi_ref make_error;  /* (status, text) -> Error */
  handle_list stores;   /* closed when the environment goes away */
  handle_list streams;  /* closed then */
  handle_list openings; /* cancelled then */
} attachment;

/* ---- attachment.c ---- */

/* Returns NULL with an exception pending when it fails. */
attachment *attachment_create(napi_env env, napi_value dispatch, napi_value woken,
                              napi_value make_error);
void attachment_retain(attachment *a);
void attachment_release(attachment *a);
bool attachment_is_alive(attachment *a);

/* Makes room for `more` handles; false when there is no memory. */
bool handle_list_reserve(handle_list *list, size_t more);
/* Needs reserved room, so that it cannot fail after the library made the handle. */
void handle_list_add(handle_list *list, uint64_t handle);
void handle_list_remove(handle_list *list, uint64_t handle);

/* ---- items.c ---- */

item *item_create(enum item_kind kind, double id);
/* Copies text into the item; false when there is no memory, and then the item has no text. */
bool item_set_text(item *it, const char *text, size_t len);
/* Also closes a store that was not handed to JavaScript. NULL is fine. */
void item_free(item *it);

/*
 * Queues the item for the JavaScript thread, or frees it when the environment is gone. From any
 * thread.
 */
void items_push(attachment *a, item *it);
/* Frees what is queued. */
void items_clear(attachment *a);

/* ---- requests.c: what requests and openings have in common ---- */

/*
 * Makes the item that will hold the answer, with a reference to the attachment: before anything is
 * submitted, so that an answer can always be delivered. NULL with an exception pending.
 */
item *answer_create(attachment *a, napi_env env, enum item_kind kind, double tag);
/* Nothing was submitted, and no callback follows. */
void answer_abandon(item *it);
/* The callback of the library has filled the item. */
void answer_push(item *it);

/* ---- log.c ---- */

/* From here on the attachment gets what the library logs. */
void log_add_attachment(attachment *a);
void log_remove_attachment(attachment *a);

/* ---- arguments.c ---- */

typedef struct text {
  char *data; /* UTF-8, with a NUL behind it */
  size_t len;
  char fixed[2048]; /* holds short texts */
} text;

void text_free(text *t);

/* An expected context version. */
typedef struct expected {
  uint64_t version;
  bool none; /* it is null or undefined: no fact may match */
} expected;

enum parameter_type {
  PARAMETER_HANDLE,   /* uint64_t: a BigInt */
  PARAMETER_NUMBER,   /* double */
  PARAMETER_BOOL,     /* bool */
  PARAMETER_TEXT,     /* text: a string without lone surrogates */
  PARAMETER_C_STRING, /* text: without U+0000 either, where the library reads up to the NUL */
  PARAMETER_EXPECTED  /* expected */
};

typedef struct parameter {
  enum parameter_type type;
  const char *name; /* for the message when the argument is refused */
  void *out;
} parameter;

/*
 * Reads the attachment and the arguments of a call. On false an exception is pending and there is
 * nothing to free; after true each text must be freed by text_free. A NULL attachment pointer is
 * not filled.
 */
bool call_read(napi_env env, napi_callback_info info, attachment **a, const parameter *parameters,
               size_t len);

/* READ_CALL(env, info, &a, {type, name, out}, ...) */
#define READ_CALL(env, info, a, ...)                                                               \
  call_read((env), (info), (a), (const parameter[]){__VA_ARGS__},                                  \
            sizeof((const parameter[]){__VA_ARGS__}) / sizeof(parameter))

/*
 * What blocking calls, submitted ones and openings have in common: the arguments of a call on the
 * library, in this order. A submitted call has a tag of JavaScript's behind them.
 */
enum { TEXTS_MAX = 3 };

typedef struct call_shape {
  const char *handle;             /* what the handle is of; NULL: there is none */
  enum parameter_type texts_type; /* PARAMETER_TEXT or PARAMETER_C_STRING */
  const char *texts[TEXTS_MAX];   /* their names; the rest is NULL */
  bool has_expected;
} call_shape;

typedef struct call_values {
  uint64_t handle;
  text texts[TEXTS_MAX];
  expected expected;
  double tag;
} call_values;

/* After true the values must be freed by values_free. */
bool values_read(napi_env env, napi_callback_info info, attachment **a, const call_shape *shape,
                 bool has_tag, call_values *values);
void values_free(const call_shape *shape, call_values *values);

extern const call_shape takes_store;
extern const call_shape takes_query;
extern const call_shape takes_events;
extern const call_shape takes_events_if;
extern const call_shape takes_events_when;

/* ---- results.c: errors and results. A throw_ function returns NULL, with an exception pending. */

napi_value throw_status(attachment *a, napi_env env, factstr_status status, factstr_buffer *error);
napi_value throw_invalid_argument(attachment *a, napi_env env, const char *what,
                                  const char *problem);
napi_value throw_no_memory(napi_env env);
napi_value throw_unexpected(napi_env env, napi_status status, const char *where);

napi_value undefined(napi_env env);
napi_value boolean(napi_env env, bool value);
napi_value handle_value(napi_env env, uint64_t handle);
/* Returns undefined for FACTSTR_OK, else throws. */
napi_value result_nothing(attachment *a, napi_env env, factstr_status status,
                          factstr_buffer *error);
/* Returns the text of an answer as a JavaScript string, or throws; releases the buffer. */
napi_value result_text(attachment *a, napi_env env, factstr_status status, factstr_buffer *out);

#define CHECK(env, call, failed)                                                                   \
  do {                                                                                             \
    napi_status check_status = (call);                                                             \
    if (check_status != napi_ok) {                                                                 \
      throw_unexpected((env), check_status, #call);                                                \
      return failed;                                                                               \
    }                                                                                              \
  } while (0)

/* ---- The functions that JavaScript sees. Each list ends with a NULL name. ---- */

typedef struct function_entry {
  const char *name;
  napi_callback call;
} function_entry;

extern const function_entry item_functions[];
extern const function_entry library_functions[];
extern const function_entry opening_functions[];
extern const function_entry request_functions[];
extern const function_entry store_functions[];
extern const function_entry stream_functions[];

#endif
