// A socket's life in Python: how it is made, and its end. What is unusual goes to the methods of
// Socket that are written in Python.

#include "endpoint.h"

#include <errno.h>
#include <sys/socket.h>

/** Reads a number that a program gave. Other types that stand for numbers are left to Python. */
static bool has_number(PyObject *object, long *number)
{
    if (!PyLong_Check(object))
        return false;
    *number = PyLong_AsLong(object);
    return *number != -1 || !PyErr_Occurred();
}

/** Whether the arguments ask for a new socket and nothing else: of which kind, and whether its calls
 * wait. */
static bool asks_for_a_new_one(PyObject *arguments, PyObject *names, long *kind, bool *waits)
{
    Py_ssize_t count = PyTuple_Size(arguments);
    long family = AF_UNIX, flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    if (names != NULL || count > 2)
        return false;
    *kind = SOCK_STREAM;
    if ((count > 0 && !has_number(PyTuple_GetItem(arguments, 0), &family)) || family != AF_UNIX ||
        (count > 1 && !has_number(PyTuple_GetItem(arguments, 1), kind)))
        return false;
    *waits = (*kind & SOCK_NONBLOCK) == 0;
    *kind &= ~flags;
    return *kind == SOCK_STREAM || *kind == SOCK_DGRAM || *kind == SOCK_SEQPACKET;
}

int open_socket(PyObject *object, PyObject *arguments, PyObject *names)
{
    long kind;
    bool waits;
    if (!asks_for_a_new_one(arguments, names, &kind, &waits)) {
        PyErr_Clear();
        PyObject *open = PyObject_GetAttrString(object, "_open_with");
        PyObject *done = open != NULL ? PyObject_Call(open, arguments, names) : NULL;
        Py_XDECREF(open);
        Py_XDECREF(done);
        return done != NULL ? 0 : -1;
    }
    PyObject *timeout = waits ? PyObject_CallMethod(object, "_default_timeout", NULL)
                              : PyFloat_FromDouble(0.0);
    if (timeout == NULL)
        return -1;
    Endpoint *self = (Endpoint *)object;
    udsock_t handle = create_one(kind, true);
    bool made = handle >= 0 && take_over(self, handle, (int)kind, timeout);
    Py_DECREF(timeout);
    if (handle < 0)
        fail(self, handle);
    else if (!made)
        library.close(handle);
    return made ? 0 : -1;
}

METHOD(enter)
{
    (void)arguments;
    if (!has_arguments("__enter__", count, 0, 0))
        return NULL;
    Py_INCREF(object);
    return object;
}

METHOD(leave)
{
    (void)arguments, (void)count;
    if (!((Endpoint *)object)->is_closed)
        return PyObject_CallMethod(object, "close", NULL);
    Py_RETURN_NONE;
}

METHOD(close_socket)
{
    (void)arguments;
    Endpoint *self = (Endpoint *)object;
    if (!has_arguments("close", count, 0, 0))
        return NULL;
    self->is_closed = 1;
    if (self->files <= 0) {
        int32_t code = close_now(self);
        // A poller may have closed it.
        if (code < 0 && code != -EBADF)
            return fail(self, code);
    }
    Py_RETURN_NONE;
}

void finalize(PyObject *object)
{
    if (((Endpoint *)object)->handle < 0)
        return;
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyObject *done = PyObject_CallMethod(object, "_abandoned", NULL);
    if (done == NULL)
        PyErr_WriteUnraisable(object);
    Py_XDECREF(done);
    PyErr_Restore(type, value, trace);
}
