#include "addon.h"

static bool define_functions(napi_env env, napi_value target, session *s,
                             const function_entry *functions) {
  for (const function_entry *entry = functions; entry->name != NULL; entry++) {
    napi_value function;
    CHECK(env, napi_create_function(env, entry->name, NAPI_AUTO_LENGTH, entry->call, s, &function),
          false);
    CHECK(env, napi_set_named_property(env, target, entry->name, function), false);
  }
  return true;
}

/* attach(dispatch, woken, makeError) -> the functions of a new session. */
static napi_value attach(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  if (!call_info(env, info, 3, argv, NULL)) {
    return NULL;
  }
  session *s = session_create(env, argv[0], argv[1], argv[2]);
  if (s == NULL) {
    return NULL;
  }
  napi_value functions;
  CHECK(env, napi_create_object(env, &functions), NULL);
  const function_entry *lists[] = {library_functions, session_functions, opening_functions,
                                   store_functions,   request_functions, stream_functions};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    if (!define_functions(env, functions, s, lists[i])) {
      return NULL;
    }
  }
  return functions;
}

static napi_value initialize(napi_env env, napi_value exports) {
  napi_value value;
  CHECK(env, napi_create_function(env, "attach", NAPI_AUTO_LENGTH, attach, NULL, &value), NULL);
  CHECK(env, napi_set_named_property(env, exports, "attach", value), NULL);

  /*
   * The versions can be read without a session: the loader compares them before it uses anything
   * else.
   */
  CHECK(env, napi_create_string_utf8(env, factstr_version(), NAPI_AUTO_LENGTH, &value), NULL);
  CHECK(env, napi_set_named_property(env, exports, "libraryVersion", value), NULL);
  CHECK(env, napi_create_string_utf8(env, FACTSTR_VERSION, NAPI_AUTO_LENGTH, &value), NULL);
  CHECK(env, napi_set_named_property(env, exports, "addonVersion", value), NULL);
  CHECK(env, napi_create_uint32(env, factstr_abi_version(), &value), NULL);
  CHECK(env, napi_set_named_property(env, exports, "libraryAbiVersion", value), NULL);
  CHECK(env, napi_create_uint32(env, FACTSTR_ABI_VERSION, &value), NULL);
  CHECK(env, napi_set_named_property(env, exports, "addonAbiVersion", value), NULL);
  return exports;
}

NAPI_MODULE_INIT() { return initialize(env, exports); }
