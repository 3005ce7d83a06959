/*
 * What waits for the JavaScript thread: two queues of items, filled by the library's threads and
 * emptied by `next`.
 *
 * Waking. `awake` says that JavaScript will look at the queues without being woken. The first item
 * pushed while it is false sets it and calls the thread-safe function once; lib/event_loop_turns.js
 * then takes items until `rest` finds both queues empty, which clears it under the same lock. So an
 * item is never left lying, and thousands of them cost one wake-up.
 */
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

static void queue_clear(item_queue *queue) {
  item *it;
  while ((it = queue_take(queue)) != NULL) {
    item_free(it);
  }
}

void items_clear(attachment *a) {
  queue_clear(&a->answers);
  queue_clear(&a->deliveries);
}

void items_push(attachment *a, item *it) {
  bool is_answer = it->kind == ITEM_COMPLETION || it->kind == ITEM_OPENED;
  mutex_lock(&a->lock);
  bool alive = a->alive;
  if (alive) {
    queue_add(is_answer ? &a->answers : &a->deliveries, it);
    /* Under the lock, so that the environment cannot go away meanwhile. */
    if (!a->awake) {
      a->awake = true;
      napi_call_threadsafe_function(a->wake, NULL, napi_tsfn_nonblocking);
    }
  }
  mutex_unlock(&a->lock);
  if (!alive) {
    item_free(it);
  }
}

static item *take_next(attachment *a, bool prefer_delivery, bool hold_answers) {
  mutex_lock(&a->lock);
  bool delivery =
      hold_answers || a->answers.first == NULL || (prefer_delivery && a->deliveries.first != NULL);
  item *it = queue_take(delivery ? &a->deliveries : &a->answers);
  mutex_unlock(&a->lock);
  return it;
}

/*
 * Moves the store of an opening that has ended from the item to the attachment, which has had room
 * for it since the opening was submitted.
 */
static factstr_store take_store(attachment *a, item *it) {
  factstr_store store = it->store;
  handle_list_remove(&a->openings, it->opening);
  if (store != 0) {
    handle_list_add(&a->stores, store);
    it->store = 0;
  }
  return store;
}

static napi_status dispatch_item(attachment *a, napi_env env, item *it) {
  uint64_t number = it->kind == ITEM_OPENED ? take_store(a, it) : it->delivery;
  const char *text = it->text == NULL ? "" : it->text;
  napi_value dispatch;
  napi_value receiver;
  napi_value argv[5];
  napi_status status;
  if ((status = napi_get_reference_value(env, a->dispatch, &dispatch)) != napi_ok ||
      (status = napi_get_undefined(env, &receiver)) != napi_ok ||
      (status = napi_create_int32(env, it->kind, &argv[0])) != napi_ok ||
      (status = napi_create_double(env, it->id, &argv[1])) != napi_ok ||
      (status = napi_create_int32(env, it->status, &argv[2])) != napi_ok ||
      (status = napi_create_bigint_uint64(env, number, &argv[3])) != napi_ok ||
      (status = napi_create_string_utf8(env, text, it->text_len, &argv[4])) != napi_ok) {
    return status;
  }
  /*
   * JavaScript catches what handlers throw, so an exception here is a defect of the package, or the
   * end of a terminated worker.
   */
  return napi_call_function(env, receiver, dispatch, 5, argv, NULL);
}

/*
 * next(preferDelivery, holdAnswers) -> the kind of the item that was given to dispatch, undefined
 * when there was none. The preferred queue comes first; answers that are held stay queued.
 */
static napi_value next(napi_env env, napi_callback_info info) {
  attachment *a;
  bool prefer_delivery;
  bool hold_answers;
  if (!READ_CALL(env, info, &a, {PARAMETER_BOOL, "preferDelivery", &prefer_delivery},
                 {PARAMETER_BOOL, "holdAnswers", &hold_answers})) {
    return NULL;
  }
  item *it = take_next(a, prefer_delivery, hold_answers);
  if (it == NULL) {
    return undefined(env);
  }
  napi_value kind;
  napi_status status = napi_create_int32(env, it->kind, &kind);
  if (status == napi_ok) {
    status = dispatch_item(a, env, it);
  }
  item_free(it);
  return status == napi_ok ? kind : throw_unexpected(env, status, "dispatch_item");
}

/* rest() -> whether both queues are empty. If so, `woken` is called for the next item. */
static napi_value rest(napi_env env, napi_callback_info info) {
  attachment *a;
  if (!READ_CALL(env, info, &a)) {
    return NULL;
  }
  mutex_lock(&a->lock);
  bool idle = a->answers.first == NULL && a->deliveries.first == NULL;
  a->awake = !idle;
  mutex_unlock(&a->lock);
  return boolean(env, idle);
}

/* hasBatches(id) -> whether batches of that stream are queued */
static napi_value has_batches(napi_env env, napi_callback_info info) {
  attachment *a;
  double id;
  if (!READ_CALL(env, info, &a, {PARAMETER_NUMBER, "id", &id})) {
    return NULL;
  }
  mutex_lock(&a->lock);
  const item *it = a->deliveries.first;
  while (it != NULL && (it->kind != ITEM_BATCH || it->id != id)) {
    it = it->next;
  }
  mutex_unlock(&a->lock);
  return boolean(env, it != NULL);
}

const function_entry item_functions[] = {
    {"next", next}, {"rest", rest}, {"hasBatches", has_batches}, {NULL, NULL}};
