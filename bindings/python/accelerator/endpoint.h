// What a socket is to the accelerator: the fields of the library's Plain, in C.

#ifndef UDSOCK_PYTHON_ENDPOINT_H
#define UDSOCK_PYTHON_ENDPOINT_H

#include "library.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    PyObject_HEAD
    udsock_t handle;
    /** The handle as ctypes passes it on; NULL until somebody asks for it. */
    PyObject *passed_on;
    /** In seconds, a float; or None. */
    PyObject *timeout;
    /** The same for the library, which takes no longer one. */
    int32_t milliseconds;
    int kind;
    int files;
    char is_closed;
} Endpoint;

/** What the arguments' count is to be. Sets an exception. */
bool has_arguments(const char *call, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most);

/** Sets the exception that Python's part makes of a code below 0. */
PyObject *fail(Endpoint *self, int64_t code);

/** Raises what was made; NULL: that has failed, which is raised already. */
PyObject *raise_error(PyObject *error);

/** The call as Python's part makes it, by the method of this name. */
PyObject *by_python(PyObject *object, const char *method, PyObject *const *arguments,
                    Py_ssize_t count, PyObject *names);

/** It is this handle's from now on. `timeout`: a float, or None. */
bool take_over(Endpoint *self, udsock_t handle, int kind, PyObject *timeout);

/** A new socket's handle, or a code. */
udsock_t create_one(long kind, bool receives_descriptors);

/** The socket has no handle any more; a code. */
int32_t close_now(Endpoint *self);

/** When a call that is about to begin has to be over. */
typedef struct {
    int32_t limit;
    double end;
} Deadline;

/** The socket's own. */
void deadline_of(Endpoint *self, Deadline *deadline);

/** Whether to make the call again after this result, with what is left of the time: 1 or 0.
 * -1: a handler of a signal has raised an exception. Else *result is what the call came to. */
int goes_on(Deadline *deadline, int64_t *result);

extern PyType_Spec endpoint_spec;

// Its methods. What they are, Plain says in Python.

#define METHOD(name) PyObject *name(PyObject *object, PyObject *const *arguments, Py_ssize_t count)

#define CALL(name, function, manual) \
    {name, (PyCFunction)(void (*)(void))function, METH_FASTCALL, manual}

METHOD(send_some);
METHOD(send_everything);
METHOD(recv_some);
PyObject *recv_into(PyObject *object, PyObject *const *arguments, Py_ssize_t count, PyObject *names);
METHOD(send_now);
METHOD(recv_now);

int open_socket(PyObject *object, PyObject *arguments, PyObject *names);
METHOD(enter);
METHOD(leave);
METHOD(close_socket);
void finalize(PyObject *object);

METHOD(create);
PyObject *connect_socket(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *names);
METHOD(accept_next);
METHOD(connect_to);
METHOD(close_handle);
METHOD(address_of);

// Functions of the module.

METHOD(interrupted);
METHOD(poller_add);
METHOD(poller_wait_now);

#endif
