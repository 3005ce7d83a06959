/*
 * On Windows an addon has to find the functions of Node-API in the program that loads it. A usual
 * import would ask for them in node.exe, so a renamed Node, Electron and others could not load the
 * addon; a delayed import with a hook mends that, but only some linkers make one. So the addon asks
 * the running program by itself when it is loaded (host_functions_windows.c), and the names below
 * mean what was found there. A function that is missing in this list does not link.
 */
#ifndef FACTSTR_NODE_HOST_FUNCTIONS_H
#define FACTSTR_NODE_HOST_FUNCTIONS_H

#ifdef _WIN32

#define HOST_FUNCTIONS(F)                                                                          \
  F(napi_add_env_cleanup_hook)                                                                     \
  F(napi_adjust_external_memory)                                                                   \
  F(napi_call_function)                                                                            \
  F(napi_call_threadsafe_function)                                                                 \
  F(napi_create_bigint_uint64)                                                                     \
  F(napi_create_double)                                                                            \
  F(napi_create_function)                                                                          \
  F(napi_create_int32)                                                                             \
  F(napi_create_object)                                                                            \
  F(napi_create_reference)                                                                         \
  F(napi_create_string_utf8)                                                                       \
  F(napi_create_threadsafe_function)                                                               \
  F(napi_create_uint32)                                                                            \
  F(napi_fatal_exception)                                                                          \
  F(napi_get_and_clear_last_exception)                                                             \
  F(napi_get_boolean)                                                                              \
  F(napi_get_cb_info)                                                                              \
  F(napi_get_reference_value)                                                                      \
  F(napi_get_undefined)                                                                            \
  F(napi_get_value_bigint_uint64)                                                                  \
  F(napi_get_value_bool)                                                                           \
  F(napi_get_value_double)                                                                         \
  F(napi_get_value_string_utf16)                                                                   \
  F(napi_is_exception_pending)                                                                     \
  F(napi_ref_threadsafe_function)                                                                  \
  F(napi_set_named_property)                                                                       \
  F(napi_throw)                                                                                    \
  F(napi_throw_error)                                                                              \
  F(napi_typeof)                                                                                   \
  F(napi_unref_threadsafe_function)

#define HOST_FUNCTION_FIELD(name) __typeof__(&(name)) name##_found;
extern struct host_functions {
  HOST_FUNCTIONS(HOST_FUNCTION_FIELD)
} host_functions;

/* Returns the name of a function that the program does not have, or NULL. */
const char *host_functions_find(void);

#ifndef FACTSTR_NODE_FINDS_HOST_FUNCTIONS
#define napi_add_env_cleanup_hook host_functions.napi_add_env_cleanup_hook_found
#define napi_adjust_external_memory host_functions.napi_adjust_external_memory_found
#define napi_call_function host_functions.napi_call_function_found
#define napi_call_threadsafe_function host_functions.napi_call_threadsafe_function_found
#define napi_create_bigint_uint64 host_functions.napi_create_bigint_uint64_found
#define napi_create_double host_functions.napi_create_double_found
#define napi_create_function host_functions.napi_create_function_found
#define napi_create_int32 host_functions.napi_create_int32_found
#define napi_create_object host_functions.napi_create_object_found
#define napi_create_reference host_functions.napi_create_reference_found
#define napi_create_string_utf8 host_functions.napi_create_string_utf8_found
#define napi_create_threadsafe_function host_functions.napi_create_threadsafe_function_found
#define napi_create_uint32 host_functions.napi_create_uint32_found
#define napi_fatal_exception host_functions.napi_fatal_exception_found
#define napi_get_and_clear_last_exception host_functions.napi_get_and_clear_last_exception_found
#define napi_get_boolean host_functions.napi_get_boolean_found
#define napi_get_cb_info host_functions.napi_get_cb_info_found
#define napi_get_reference_value host_functions.napi_get_reference_value_found
#define napi_get_undefined host_functions.napi_get_undefined_found
#define napi_get_value_bigint_uint64 host_functions.napi_get_value_bigint_uint64_found
#define napi_get_value_bool host_functions.napi_get_value_bool_found
#define napi_get_value_double host_functions.napi_get_value_double_found
#define napi_get_value_string_utf16 host_functions.napi_get_value_string_utf16_found
#define napi_is_exception_pending host_functions.napi_is_exception_pending_found
#define napi_ref_threadsafe_function host_functions.napi_ref_threadsafe_function_found
#define napi_set_named_property host_functions.napi_set_named_property_found
#define napi_throw host_functions.napi_throw_found
#define napi_throw_error host_functions.napi_throw_error_found
#define napi_typeof host_functions.napi_typeof_found
#define napi_unref_threadsafe_function host_functions.napi_unref_threadsafe_function_found
#endif

#endif

#endif
