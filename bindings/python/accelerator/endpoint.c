// A socket's fields, its life in Python, and time.

#include "endpoint.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <structmember.h>
#include <sys/socket.h>
#include <time.h>

#define LONGEST 2147483647

// ---- Time

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

/** Rounded up. */
static int32_t milliseconds_of(double seconds)
{
    double given = seconds * 1000;
    if (given >= LONGEST)
        return LONGEST;
    int32_t whole = (int32_t)given;
    return whole + (whole < given);
}

void deadline_of(Endpoint *self, Deadline *deadline)
{
    deadline->limit = self->milliseconds;
    if (deadline->limit > 0) {
        // Another thread may be setting the two.
        double seconds = self->timeout != NULL && PyFloat_Check(self->timeout)
                             ? PyFloat_AsDouble(self->timeout)
                             : deadline->limit / 1000.0;
        deadline->end = now() + seconds;
    }
}

static atomic_long interrupted_calls;

METHOD(interrupted)
{
    (void)object, (void)arguments, (void)count;
    return PyLong_FromLong(atomic_load(&interrupted_calls));
}

int goes_on(Deadline *deadline, int64_t *result)
{
    if (*result == -EINTR) {
        if (PyErr_CheckSignals() < 0) {
            atomic_fetch_add(&interrupted_calls, 1);
            return -1;
        }
        if (deadline->limit <= 0)
            return 1;
    } else if (*result != -ETIMEDOUT || deadline->limit <= 0) {
        return 0;
    }
    double left = deadline->end - now();
    deadline->limit = left > 0 ? milliseconds_of(left) : 0;
    if (deadline->limit > 0)
        return 1;
    *result = -ETIMEDOUT;
    return 0;
}

// ---- Errors

bool has_arguments(const char *call, Py_ssize_t count, Py_ssize_t least, Py_ssize_t most)
{
    if (count >= least && count <= most)
        return true;
    PyErr_Format(PyExc_TypeError, "%s() takes from %zd to %zd arguments (%zd given)", call, least, most,
                 count);
    return false;
}

PyObject *raise_error(PyObject *error)
{
    if (error != NULL) {
        PyErr_SetObject((PyObject *)Py_TYPE(error), error);
        Py_DECREF(error);
    }
    return NULL;
}

PyObject *fail(Endpoint *self, int64_t code)
{
    return raise_error(PyObject_CallMethod((PyObject *)self, "_failure", "L", (long long)code));
}

// ---- Calls that are left to Python

PyObject *by_python(PyObject *object, const char *method, PyObject *const *arguments,
                    Py_ssize_t count, PyObject *names)
{
    PyErr_Clear();
    PyObject *bound = PyObject_GetAttrString(object, method);
    if (bound == NULL)
        return NULL;
    PyObject *given = PyTuple_New(count), *named = NULL, *result = NULL;
    for (Py_ssize_t i = 0; given != NULL && i < count; i++) {
        Py_INCREF(arguments[i]);
        PyTuple_SetItem(given, i, arguments[i]);
    }
    if (given != NULL && names != NULL && (named = PyDict_New()) != NULL) {
        for (Py_ssize_t i = 0; i < PyTuple_Size(names); i++)
            if (PyDict_SetItem(named, PyTuple_GetItem(names, i), arguments[count + i]) < 0)
                Py_CLEAR(named);
    }
    if (given != NULL && (names == NULL || named != NULL))
        result = PyObject_Call(bound, given, named);
    Py_XDECREF(named);
    Py_XDECREF(given);
    Py_DECREF(bound);
    return result;
}

// ---- Life

static PyObject *make(PyTypeObject *type, PyObject *arguments, PyObject *names)
{
    (void)arguments, (void)names;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Endpoint *self = (Endpoint *)allocate(type, 0);
    if (self != NULL) {
        self->handle = -1;
        // Until it is opened, and if a class that is derived never does so, it is a closed one.
        self->kind = SOCK_STREAM;
        self->milliseconds = UDSOCK_FOREVER;
        self->is_closed = 1;
    }
    return (PyObject *)self;
}

static void end(PyObject *object)
{
    Endpoint *self = (Endpoint *)object;
    PyTypeObject *type = Py_TYPE(object);
    Py_CLEAR(self->passed_on);
    Py_CLEAR(self->timeout);
    freefunc free_it = (freefunc)PyType_GetSlot(type, Py_tp_free);
    free_it(object);
    Py_DECREF(type);
}

bool take_over(Endpoint *self, udsock_t handle, int kind, PyObject *timeout)
{
    int32_t milliseconds = UDSOCK_FOREVER;
    if (timeout != Py_None) {
        double seconds = PyFloat_AsDouble(timeout);
        if (seconds == -1 && PyErr_Occurred())
            return false;
        if (!(seconds >= 0)) {
            PyErr_SetString(PyExc_ValueError, "Timeout value out of range");
            return false;
        }
        milliseconds = milliseconds_of(seconds);
    }
    PyObject *before = self->timeout;
    Py_INCREF(timeout);
    self->timeout = timeout;
    Py_XDECREF(before);
    Py_CLEAR(self->passed_on);
    self->handle = handle;
    self->kind = kind;
    self->milliseconds = milliseconds;
    self->files = 0;
    self->is_closed = 0;
    return true;
}

static bool take_over_as_told(Endpoint *self, PyObject *const *arguments, Py_ssize_t count)
{
    long long handle = PyLong_AsLongLong(arguments[0]);
    long kind = PyLong_AsLong(arguments[1]);
    return !PyErr_Occurred() &&
           take_over(self, handle, (int)kind, count > 2 ? arguments[2] : Py_None);
}

/** `_take(handle, kind, timeout)` */
static METHOD(take)
{
    if (!has_arguments("_take", count, 3, 3) ||
        !take_over_as_told((Endpoint *)object, arguments, count))
        return NULL;
    Py_RETURN_NONE;
}

/** `_from_handle(handle, kind, timeout=None)`: a class method; it does not call __init__. */
static METHOD(from_handle)
{
    if (!has_arguments("_from_handle", count, 2, 3))
        return NULL;
    PyObject *made = make((PyTypeObject *)object, NULL, NULL);
    if (made != NULL && !take_over_as_told((Endpoint *)made, arguments, count))
        Py_CLEAR(made);
    return made;
}

// ---- Fields

/** The handle as an object of ctypes, which is made at the first use. */
static PyObject *get_handle(PyObject *object, void *unused)
{
    (void)unused;
    Endpoint *self = (Endpoint *)object;
    if (self->passed_on == NULL) {
        udsock_t handle = self->handle;
        PyObject *made = PyObject_CallMethod(object, "_as_handle", "L", (long long)handle);
        if (made == NULL || self->passed_on != NULL || self->handle != handle)
            return made;
        self->passed_on = made;
    }
    Py_INCREF(self->passed_on);
    return self->passed_on;
}

static int set_handle(PyObject *object, PyObject *value, void *unused)
{
    (void)unused;
    Endpoint *self = (Endpoint *)object;
    if (value == NULL) {
        PyErr_SetString(PyExc_AttributeError, "a socket always has a handle");
        return -1;
    }
    PyObject *number = PyObject_GetAttrString(value, "value");
    if (number == NULL)
        return -1;
    long long handle = PyLong_AsLongLong(number);
    Py_DECREF(number);
    if (handle == -1 && PyErr_Occurred())
        return -1;
    PyObject *before = self->passed_on;
    Py_INCREF(value);
    self->passed_on = value;
    self->handle = handle;
    Py_XDECREF(before);
    return 0;
}

static PyObject *get_number(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromLongLong(((Endpoint *)object)->handle);
}

static PyGetSetDef properties[] = {
    {"_handle", get_handle, set_handle, "The handle as ctypes passes it on.", NULL},
    {"handle", get_number, NULL,
     "The library's number for this socket (a udsock_t). -1: it was closed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef members[] = {
    {"_timeout", T_OBJECT, offsetof(Endpoint, timeout), 0, NULL},
    {"_milliseconds", T_INT, offsetof(Endpoint, milliseconds), 0, NULL},
    {"_kind", T_INT, offsetof(Endpoint, kind), 0, NULL},
    {"_io_refs", T_INT, offsetof(Endpoint, files), 0, NULL},
    {"_closed", T_BOOL, offsetof(Endpoint, is_closed), 0, NULL},
    {NULL, 0, 0, 0, NULL},
};

static METHOD(fileno_of)
{
    (void)arguments;
    if (!has_arguments("fileno", count, 0, 0))
        return NULL;
    int32_t fd = library.fd(((Endpoint *)object)->handle);
    return PyLong_FromLong(fd >= 0 ? fd : -1);
}

static PyMethodDef methods[] = {
    CALL("_take", take, NULL),
    {"_from_handle", (PyCFunction)(void (*)(void))from_handle, METH_FASTCALL | METH_CLASS, NULL},
    CALL("fileno", fileno_of,
         "fileno($self)\n--\n\n"
         "The descriptor, on loan, for select and its like. -1: the socket was closed."),
    CALL("send", send_some,
         "send($self, data, flags=0, /)\n--\n\n"
         "Sends what there is room for, or one message, and returns how many bytes went."),
    CALL("sendall", send_everything,
         "sendall($self, data, flags=0, /)\n--\n\n"
         "Sends everything, within one timeout."),
    CALL("recv", recv_some,
         "recv($self, bufsize, flags=0, /)\n--\n\n"
         "Receives what is there, at most `bufsize` bytes; b\"\" at the end."),
    {"recv_into", (PyCFunction)(void (*)(void))recv_into, METH_FASTCALL | METH_KEYWORDS,
     "recv_into($self, buffer, nbytes=0, flags=0)\n--\n\n"
     "Receives what is there into a buffer, at most `nbytes` (0: its size); returns how many.\n\n"
     "0 is also the end."},
    CALL("_send_now", send_now, NULL),
    CALL("_recv_now", recv_now, NULL),
    {"connect", (PyCFunction)(void (*)(void))connect_socket, METH_FASTCALL | METH_KEYWORDS,
     "connect($self, address, /, *, retry=False)\n--\n\n"
     "Connects. If the server's queue is full, the call waits.\n\n"
     "`retry`: it also waits for a server, within the timeout."},
    CALL("close", close_socket,
         "close($self)\n--\n\n"
         "Closes the socket after all files of makefile were closed, and removes its file."),
    CALL("__enter__", enter, NULL),
    CALL("__exit__", leave, NULL),
    {"_create", (PyCFunction)(void (*)(void))create, METH_FASTCALL | METH_STATIC, NULL},
    CALL("_accept", accept_next, NULL),
    CALL("_connect", connect_to, NULL),
    CALL("_close", close_handle, NULL),
    CALL("_address", address_of, NULL),
    {NULL, NULL, 0, NULL},
};

// From this Python takes the signature of the class.
static const char manual[] = "Accelerated(family=1, type=1, proto=0, fileno=None)\n--\n\n";

static PyType_Slot slots[] = {
    {Py_tp_doc, (void *)manual},
    {Py_tp_new, make},
    {Py_tp_init, open_socket},
    {Py_tp_finalize, finalize},
    {Py_tp_dealloc, end},
    {Py_tp_getset, properties},
    {Py_tp_members, members},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec endpoint_spec = {
    .name = "udsock._fast.Accelerated",
    .basicsize = sizeof(Endpoint),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = slots,
};
