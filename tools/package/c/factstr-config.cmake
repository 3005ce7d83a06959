# find_package(factstr) defines the imported target factstr::factstr.
get_filename_component(_factstr_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET factstr::factstr)
  add_library(factstr::factstr SHARED IMPORTED)
  set_target_properties(factstr::factstr PROPERTIES
    IMPORTED_LOCATION "${_factstr_prefix}/lib/libfactstr.so.0"
    IMPORTED_SONAME "libfactstr.so.0"
    INTERFACE_INCLUDE_DIRECTORIES "${_factstr_prefix}/include")
endif()

unset(_factstr_prefix)
