# For find_package(udsock): the targets udsock::udsock, the shared library, and
# udsock::static, each if it is installed. They are found from this file, so the whole may
# be moved.

get_filename_component(_udsock_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)

foreach(_udsock_libdir "lib/${CMAKE_LIBRARY_ARCHITECTURE}" lib lib64)
  set(_udsock_library "${_udsock_prefix}/${_udsock_libdir}/libudsock")
  if(EXISTS "${_udsock_library}.so" AND NOT TARGET udsock::udsock)
    add_library(udsock::udsock SHARED IMPORTED)
    set_target_properties(udsock::udsock PROPERTIES
      IMPORTED_LOCATION "${_udsock_library}.so"
      INTERFACE_INCLUDE_DIRECTORIES "${_udsock_prefix}/include")
  endif()
  if(EXISTS "${_udsock_library}.a" AND NOT TARGET udsock::static)
    add_library(udsock::static STATIC IMPORTED)
    set_target_properties(udsock::static PROPERTIES
      IMPORTED_LOCATION "${_udsock_library}.a"
      INTERFACE_INCLUDE_DIRECTORIES "${_udsock_prefix}/include"
      INTERFACE_LINK_LIBRARIES "pthread;dl;m")
  endif()
endforeach()

if(NOT TARGET udsock::udsock AND NOT TARGET udsock::static)
  set(udsock_FOUND FALSE)
  set(udsock_NOT_FOUND_MESSAGE "no libudsock.so or libudsock.a below ${_udsock_prefix}")
endif()

unset(_udsock_prefix)
unset(_udsock_libdir)
unset(_udsock_library)
