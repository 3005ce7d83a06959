# find_package(factstr) defines the imported target factstr::factstr.
get_filename_component(_factstr_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

if(NOT TARGET factstr::factstr)
  add_library(factstr::factstr SHARED IMPORTED)
  set_target_properties(factstr::factstr PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${_factstr_prefix}/include")
  if(WIN32)
    set_target_properties(factstr::factstr PROPERTIES
      IMPORTED_LOCATION "${_factstr_prefix}/bin/factstr.dll"
      IMPORTED_IMPLIB "${_factstr_prefix}/lib/factstr.lib")
  elseif(APPLE)
    set_target_properties(factstr::factstr PROPERTIES
      IMPORTED_LOCATION "${_factstr_prefix}/lib/libfactstr.0.dylib"
      IMPORTED_SONAME "@rpath/libfactstr.0.dylib")
  else()
    set_target_properties(factstr::factstr PROPERTIES
      IMPORTED_LOCATION "${_factstr_prefix}/lib/libfactstr.so.0"
      IMPORTED_SONAME "libfactstr.so.0")
  endif()
endif()

unset(_factstr_prefix)
