/* What the addon exports: its versions, and `attach`, which gives everything else. */
#include <stdio.h>

#include "addon.h"

static bool define_functions(napi_env env, napi_value target, attachment *a,
                             const function_entry *functions) {
  for (const function_entry *entry = functions; entry->name != NULL; entry++) {
    napi_value function;
    CHECK(env, napi_create_function(env, entry->name, NAPI_AUTO_LENGTH, entry->call, a, &function),
          false);
    CHECK(env, napi_set_named_property(env, target, entry->name, function), false);
  }
  return true;
}

/* attach(dispatch, woken, makeError) -> the functions of a new attachment. */
static napi_value attach(napi_env env, napi_callback_info info) {
  napi_value argv[3];
  size_t given = 3;
  CHECK(env, napi_get_cb_info(env, info, &given, argv, NULL, NULL), NULL);
  attachment *a = attachment_create(env, argv[0], argv[1], argv[2]);
  if (a == NULL) {
    return NULL;
  }
  napi_value functions;
  CHECK(env, napi_create_object(env, &functions), NULL);
  const function_entry *lists[] = {item_functions,    library_functions, opening_functions,
                                   request_functions, store_functions,   stream_functions};
  for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
    if (!define_functions(env, functions, a, lists[i])) {
      return NULL;
    }
  }
  return functions;
}

static bool export_text(napi_env env, napi_value exports, const char *name, const char *text) {
  napi_value value;
  CHECK(env, napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value), false);
  CHECK(env, napi_set_named_property(env, exports, name, value), false);
  return true;
}

static bool export_number(napi_env env, napi_value exports, const char *name, uint32_t number) {
  napi_value value;
  CHECK(env, napi_create_uint32(env, number, &value), false);
  CHECK(env, napi_set_named_property(env, exports, name, value), false);
  return true;
}

/* The versions need no attachment: lib/loader.js compares them before it uses anything else. */
static napi_value initialize(napi_env env, napi_value exports) {
  napi_value function;
  CHECK(env, napi_create_function(env, "attach", NAPI_AUTO_LENGTH, attach, NULL, &function), NULL);
  CHECK(env, napi_set_named_property(env, exports, "attach", function), NULL);
  if (!export_text(env, exports, "libraryVersion", factstr_version()) ||
      !export_text(env, exports, "addonVersion", FACTSTR_VERSION) ||
      !export_number(env, exports, "libraryAbiVersion", factstr_abi_version()) ||
      !export_number(env, exports, "addonAbiVersion", FACTSTR_ABI_VERSION)) {
    return NULL;
  }
  return exports;
}

NAPI_MODULE_INIT() {
#ifdef _WIN32
  const char *missing = host_functions_find();
  if (missing != NULL) { /* and with it the means to throw an error */
    fprintf(stderr, "factstr: this program has no function %s of Node-API\n", missing);
    return NULL;
  }
#endif
  return initialize(env, exports);
}
