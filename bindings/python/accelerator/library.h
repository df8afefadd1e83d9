// The functions of the library that ctypes has loaded: there is no second copy of it.

#ifndef UDSOCK_PYTHON_LIBRARY_H
#define UDSOCK_PYTHON_LIBRARY_H

// What is promised by every Python from 3.11 on.
#define Py_LIMITED_API 0x030b0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <udsock.h>

// From 3.12 on None needs no references, and the headers of 3.12 and 3.13 count none, although what
// is built with them is to run on 3.11, too.
#undef Py_RETURN_NONE
#define Py_RETURN_NONE return Py_NewRef(Py_None)

#define LIBRARY_FUNCTIONS(X)                                                                      \
    X(accept) X(close) X(connect) X(create) X(fd) X(local_address) X(poller_add)                   \
    X(poller_remove) X(poller_wait) X(recv) X(remote_address) X(send) X(send_all) X(set_option)

struct library {
#define FUNCTION(name) __typeof__(udsock_##name) *name;
    LIBRARY_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

/** The process's: all interpreters in it have the same one. */
extern struct library library;

/** `bind(find)`: find(name) is the address of the function of that name. */
PyObject *bind_library(PyObject *module, PyObject *find);

#endif
