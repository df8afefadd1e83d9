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
    /** The timeout in seconds, a float; or None. */
    PyObject *timeout;
    /** The same in milliseconds, at most the longest that the library takes. */
    int32_t milliseconds;
    int kind;
    int files;
    char is_closed;
} Endpoint;

/** Whether the number of arguments is right; if not, sets an exception. */
bool has_arguments(const char *call, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most);

/** Sets the exception that Python's part makes of a code below 0. */
PyObject *fail(Endpoint *self, int64_t code);

/** Raises an exception that was made. NULL: making it has failed, and that is raised already. */
PyObject *raise_error(PyObject *error);

/** Leaves the call to the method of this name, which is written in Python. */
PyObject *by_python(PyObject *object, const char *method, PyObject *const *arguments,
                    Py_ssize_t count, PyObject *names);

/** Gives the object this handle. `timeout`: a float, or None. */
bool take_over(Endpoint *self, udsock_t handle, int kind, PyObject *timeout);

/** Makes a socket: its handle, or a code. */
udsock_t create_one(long kind, bool receives_descriptors);

/** Sends without waiting: the library's result. */
int64_t send_at_once(Endpoint *self, const void *data, size_t size);

/** Receives what is there, without waiting. NULL: *code is the library's, or an exception is set. */
PyObject *receive_at_once(Endpoint *self, int64_t *code);

/** Closes the handle, which the socket then has no more. Returns a code. */
int32_t close_now(Endpoint *self);

/** When a call that is about to begin has to be over. */
typedef struct {
    int32_t limit;
    double end;
} Deadline;

/** The deadline by the socket's timeout. */
void deadline_of(Endpoint *self, Deadline *deadline);

/** Whether to make the call again after this result, with what is left of the time: 1 or 0.
 * -1: a signal handler has raised an exception. After 0, *result is the call's result. */
int goes_on(Deadline *deadline, int64_t *result);

extern PyType_Spec endpoint_spec;

// Its methods. Plain, in Python, says what each does.

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

#endif
