/* The life of an attachment, from `attach` to the end of its environment. */
#include <stdlib.h>

#include "addon.h"

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

void attachment_retain(attachment *a) {
  mutex_lock(&a->lock);
  a->references++;
  mutex_unlock(&a->lock);
}

void attachment_release(attachment *a) {
  mutex_lock(&a->lock);
  bool last = --a->references == 0;
  mutex_unlock(&a->lock);
  if (!last) {
    return;
  }
  items_clear(a);
  free(a->stores.handles);
  free(a->streams.handles);
  free(a->openings.handles);
  mutex_destroy(&a->lock);
  free(a);
}

bool attachment_is_alive(attachment *a) {
  mutex_lock(&a->lock);
  bool alive = a->alive;
  mutex_unlock(&a->lock);
  return alive;
}

/*
 * Runs on the JavaScript thread. env == NULL: the environment is being torn down; what is queued is
 * freed with the attachment.
 */
static void on_wake(napi_env env, napi_value function, void *context, void *data) {
  (void)function;
  (void)data;
  attachment *a = context;
  if (env == NULL) {
    return;
  }
  napi_value woken;
  napi_value receiver;
  if (napi_get_reference_value(env, a->woken, &woken) == napi_ok &&
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
 * their registration. After it no thread of the library touches the environment. Stores that
 * JavaScript left open are closed: a worker that ends must leave nothing behind. Openings are
 * cancelled and not waited for; a store that is opened all the same is closed with its item.
 */
static void on_environment_exit(void *data) {
  attachment *a = data;
  log_remove_attachment(a);
  mutex_lock(&a->lock);
  a->alive = false;
  mutex_unlock(&a->lock);
  for (size_t i = 0; i < a->openings.len; i++) {
    factstr_opening_cancel(a->openings.handles[i]);
  }
  a->openings.len = 0;
  items_clear(a);
  for (size_t i = 0; i < a->streams.len; i++) {
    factstr_stream_close(a->streams.handles[i]);
  }
  a->streams.len = 0;
  for (size_t i = 0; i < a->stores.len; i++) {
    factstr_store_close(a->stores.handles[i], NULL);
  }
  a->stores.len = 0;
}

static void on_wake_finalized(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  attachment_release(data);
}

attachment *attachment_create(napi_env env, napi_value dispatch, napi_value woken,
                              napi_value make_error) {
  attachment *a = calloc(1, sizeof *a);
  if (a == NULL) {
    throw_no_memory(env);
    return NULL;
  }
  mutex_create(&a->lock);
  a->env = env;
  a->references = 1;

  napi_value name;
  napi_status status;
  if ((status = napi_create_reference(env, dispatch, 1, &a->dispatch)) != napi_ok ||
      (status = napi_create_reference(env, woken, 1, &a->woken)) != napi_ok ||
      (status = napi_create_reference(env, make_error, 1, &a->make_error)) != napi_ok ||
      (status = napi_create_string_utf8(env, "factstr", NAPI_AUTO_LENGTH, &name)) != napi_ok ||
      (status = napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, a, on_wake_finalized,
                                                a, on_wake, &a->wake)) != napi_ok) {
    attachment_release(a);
    throw_unexpected(env, status, "attachment_create");
    return NULL;
  }
  /*
   * The event loop is held only while something is awaited (holdLoop), so a process that merely has
   * a store open can end.
   */
  napi_unref_threadsafe_function(env, a->wake);
  a->alive = true;
  CHECK(env, napi_add_env_cleanup_hook(env, on_environment_exit, a), NULL);
  log_add_attachment(a);
  return a;
}
