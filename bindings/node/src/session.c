#include <stdlib.h>
#include <string.h>

#include "addon.h"

item *item_create(enum item_kind kind, double id) {
  item *it = calloc(1, sizeof *it);
  if (it != NULL) {
    it->kind = kind;
    it->id = id;
  }
  return it;
}

bool item_set_text(item *it, const char *text, size_t len) {
  if (len == 0) {
    return true;
  }
  it->text = malloc(len);
  if (it->text == NULL) {
    return false;
  }
  memcpy(it->text, text, len);
  it->text_len = len;
  return true;
}

void item_free(item *it) {
  if (it != NULL) {
    if (it->store != 0) {
      factstr_store_close(it->store, NULL);
    }
    free(it->text);
    free(it);
  }
}

bool handle_list_reserve(handle_list *list, size_t more) {
  if (list->len + more <= list->capacity) {
    return true;
  }
  size_t capacity = (list->len + more) * 2;
  uint64_t *handles = realloc(list->handles, capacity * sizeof *handles);
  if (handles == NULL) {
    return false;
  }
  list->handles = handles;
  list->capacity = capacity;
  return true;
}

void handle_list_add(handle_list *list, uint64_t handle) { list->handles[list->len++] = handle; }

void handle_list_remove(handle_list *list, uint64_t handle) {
  for (size_t i = 0; i < list->len; i++) {
    if (list->handles[i] == handle) {
      list->handles[i] = list->handles[--list->len];
      return;
    }
  }
}

void session_retain(session *s) {
  pthread_mutex_lock(&s->lock);
  s->references++;
  pthread_mutex_unlock(&s->lock);
}

static void free_items(item *first) {
  while (first != NULL) {
    item *next = first->next;
    item_free(first);
    first = next;
  }
}

void session_release(session *s) {
  pthread_mutex_lock(&s->lock);
  bool last = --s->references == 0;
  pthread_mutex_unlock(&s->lock);
  if (!last) {
    return;
  }
  free_items(s->answers.first);
  free_items(s->deliveries.first);
  free(s->stores.handles);
  free(s->streams.handles);
  free(s->openings.handles);
  pthread_mutex_destroy(&s->lock);
  free(s);
}

bool session_is_alive(session *s) {
  pthread_mutex_lock(&s->lock);
  bool alive = s->alive;
  pthread_mutex_unlock(&s->lock);
  return alive;
}

static void queue_add(item_queue *queue, item *it) {
  it->next = NULL;
  if (queue->first == NULL) {
    queue->first = it;
  } else {
    queue->last->next = it;
  }
  queue->last = it;
}

static item *queue_take(item_queue *queue) {
  item *it = queue->first;
  if (it != NULL) {
    queue->first = it->next;
  }
  return it;
}

void session_push(session *s, item *it) {
  bool answers = it->kind == ITEM_COMPLETION || it->kind == ITEM_OPENED;
  pthread_mutex_lock(&s->lock);
  bool alive = s->alive;
  if (alive) {
    queue_add(answers ? &s->answers : &s->deliveries, it);
    /*
     * One wake-up for queues that others go on filling. Under the lock, so that the environment
     * cannot go away meanwhile.
     */
    if (!s->awake) {
      s->awake = true;
      napi_call_threadsafe_function(s->wake, NULL, napi_tsfn_nonblocking);
    }
  }
  pthread_mutex_unlock(&s->lock);
  if (!alive) {
    item_free(it);
  }
}

static item *take_next(session *s, bool prefer_delivery) {
  pthread_mutex_lock(&s->lock);
  item_queue *preferred = prefer_delivery ? &s->deliveries : &s->answers;
  item_queue *other = prefer_delivery ? &s->answers : &s->deliveries;
  item *it = queue_take(preferred->first != NULL ? preferred : other);
  pthread_mutex_unlock(&s->lock);
  return it;
}

/*
 * An opening has ended: its store is the session's from here on. Its place was reserved when it was
 * submitted.
 */
static factstr_store take_store(session *s, item *it) {
  factstr_store store = it->store;
  handle_list_remove(&s->openings, it->opening);
  if (store != 0) {
    handle_list_add(&s->stores, store);
    it->store = 0;
  }
  return store;
}

static napi_status dispatch_item(session *s, napi_env env, napi_value receiver, napi_value dispatch,
                                 item *it) {
  uint64_t number = it->kind == ITEM_OPENED ? take_store(s, it) : it->delivery;
  napi_value argv[5];
  napi_status status;
  if ((status = napi_create_int32(env, it->kind, &argv[0])) != napi_ok ||
      (status = napi_create_double(env, it->id, &argv[1])) != napi_ok ||
      (status = napi_create_int32(env, it->status, &argv[2])) != napi_ok ||
      (status = napi_create_bigint_uint64(env, number, &argv[3])) != napi_ok ||
      (status = napi_create_string_utf8(env, it->text == NULL ? "" : it->text, it->text_len,
                                        &argv[4])) != napi_ok) {
    return status;
  }
  return napi_call_function(env, receiver, dispatch, 5, argv, NULL);
}

/*
 * next(preferDelivery) -> the kind of the item that was given to dispatch, undefined when there was
 * none.
 */
static napi_value next(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[1];
  bool prefer_delivery = false;
  if (!call_info(env, info, 1, argv, &s)) {
    return NULL;
  }
  CHECK(env, napi_get_value_bool(env, argv[0], &prefer_delivery), NULL);
  item *it = take_next(s, prefer_delivery);
  if (it == NULL) {
    return undefined(env);
  }
  napi_value dispatch;
  napi_value receiver;
  napi_value kind;
  napi_status status;
  if ((status = napi_create_int32(env, it->kind, &kind)) == napi_ok &&
      (status = napi_get_reference_value(env, s->dispatch, &dispatch)) == napi_ok &&
      (status = napi_get_undefined(env, &receiver)) == napi_ok) {
    /*
     * dispatch catches what handlers throw, so an exception is a defect of the package or the end
     * of a terminated worker.
     */
    status = dispatch_item(s, env, receiver, dispatch, it);
  }
  item_free(it);
  return status == napi_ok ? kind : throw_unexpected(env, status, "dispatch_item");
}

/* rest() -> whether there is nothing to do. Then `woken` is called when there is. */
static napi_value rest(napi_env env, napi_callback_info info) {
  session *s;
  if (!call_info(env, info, 0, NULL, &s)) {
    return NULL;
  }
  pthread_mutex_lock(&s->lock);
  bool idle = s->answers.first == NULL && s->deliveries.first == NULL;
  s->awake = !idle;
  pthread_mutex_unlock(&s->lock);
  napi_value answer;
  CHECK(env, napi_get_boolean(env, idle, &answer), NULL);
  return answer;
}

/* hasBatches(id) -> whether batches of that stream wait to be handed over */
static napi_value has_batches(napi_env env, napi_callback_info info) {
  session *s;
  napi_value argv[1];
  double id;
  if (!call_info(env, info, 1, argv, &s) || !read_double(s, env, argv[0], "id", &id)) {
    return NULL;
  }
  pthread_mutex_lock(&s->lock);
  const item *it = s->deliveries.first;
  while (it != NULL && (it->kind != ITEM_BATCH || it->id != id)) {
    it = it->next;
  }
  pthread_mutex_unlock(&s->lock);
  napi_value found;
  CHECK(env, napi_get_boolean(env, it != NULL, &found), NULL);
  return found;
}

const function_entry session_functions[] = {
    {"next", next}, {"rest", rest}, {"hasBatches", has_batches}, {NULL, NULL}};

/*
 * Runs on the JavaScript thread. env == NULL: the environment is being torn down; what is queued is
 * freed with the session.
 */
static void on_wake(napi_env env, napi_value function, void *context, void *data) {
  (void)function;
  (void)data;
  session *s = context;
  if (env == NULL) {
    return;
  }
  napi_value woken;
  napi_value receiver;
  if (napi_get_reference_value(env, s->woken, &woken) == napi_ok &&
      napi_get_undefined(env, &receiver) == napi_ok &&
      napi_call_function(env, receiver, woken, 0, NULL, NULL) == napi_pending_exception) {
    napi_value exception;
    if (napi_get_and_clear_last_exception(env, &exception) == napi_ok) {
      napi_fatal_exception(env, exception);
    }
  }
}

/*
 * Runs before the thread-safe function is taken down, because hooks run in the reverse order of
 * their registration. From here on no thread of the library touches the environment. Stores that
 * JavaScript left open are closed: a worker that ends must leave nothing behind. Openings are
 * cancelled and not waited for; a store that comes all the same is closed with its item.
 */
static void on_environment_exit(void *data) {
  session *s = data;
  log_remove_session(s);
  pthread_mutex_lock(&s->lock);
  s->alive = false;
  pthread_mutex_unlock(&s->lock);
  for (size_t i = 0; i < s->openings.len; i++) {
    factstr_opening_cancel(s->openings.handles[i]);
  }
  s->openings.len = 0;
  free_items(s->answers.first);
  free_items(s->deliveries.first);
  s->answers.first = NULL;
  s->deliveries.first = NULL;
  for (size_t i = 0; i < s->streams.len; i++) {
    factstr_stream_close(s->streams.handles[i]);
  }
  s->streams.len = 0;
  for (size_t i = 0; i < s->stores.len; i++) {
    factstr_store_close(s->stores.handles[i], NULL);
  }
  s->stores.len = 0;
}

static void on_wake_finalized(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  session_release(data);
}

session *session_create(napi_env env, napi_value dispatch, napi_value woken,
                        napi_value make_error) {
  session *s = calloc(1, sizeof *s);
  if (s == NULL) {
    throw_no_memory(env);
    return NULL;
  }
  pthread_mutex_init(&s->lock, NULL);
  s->env = env;
  s->references = 1;

  napi_value name;
  napi_status status;
  if ((status = napi_create_reference(env, dispatch, 1, &s->dispatch)) != napi_ok ||
      (status = napi_create_reference(env, woken, 1, &s->woken)) != napi_ok ||
      (status = napi_create_reference(env, make_error, 1, &s->make_error)) != napi_ok ||
      (status = napi_create_string_utf8(env, "factstr", NAPI_AUTO_LENGTH, &name)) != napi_ok ||
      (status = napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, s, on_wake_finalized,
                                                s, on_wake, &s->wake)) != napi_ok) {
    session_release(s);
    throw_unexpected(env, status, "session_create");
    return NULL;
  }
  /*
   * The event loop is held only while something is awaited (refLoop), so a process that merely has
   * a store open can end.
   */
  napi_unref_threadsafe_function(env, s->wake);
  s->alive = true;
  CHECK(env, napi_add_env_cleanup_hook(env, on_environment_exit, s), NULL);
  log_add_session(s);
  return s;
}
