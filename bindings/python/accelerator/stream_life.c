// A stream's transport: its life, from begin to connection_lost.

#include "loop.h"

// ---- The beginning

/** The poller does not take it: closes the socket, and raises why. */
static void give_up(PyObject *object, int32_t code)
{
    Stream *self = stream_of(object);
    self->is_closing = self->is_lost = 1;
    PyObject *number = PyLong_FromLong(code);
    if (number != NULL)
        tell(self->hub, self->loops->name._raise, number);
    Py_XDECREF(number);
    Raised raised = put_aside();
    if (!tell(self->sock, self->loops->name.close, NULL))
        PyErr_Clear();
    raise_again(raised);
}

METHOD(begin_stream)
{
    Stream *self = stream_of(object);
    (void)arguments;
    if (!has_arguments("begin", count, 0, 0))
        return NULL;
    Dispatch *hub = (Dispatch *)self->hub;
    if (!is_in_poller(self)) {
        PyErr_SetString(PyExc_RuntimeError, "it has begun already");
        return NULL;
    }
    if (PyDict_SetItem(hub->members, self->number, object) < 0)
        return NULL;
    udsock_t handle = ((Endpoint *)self->sock)->handle;
    int32_t code = library.poller_add(hub->handle, handle, (uint64_t)handle, 0);
    if (code < 0) {
        if (forget_member(hub, self->number))
            give_up(object, code);
        return NULL;
    }
    if (!tell(self->protocol, self->loops->name.connection_made, object)) {
        Raised raised = put_aside();
        if (!tell(object, self->loops->name.abort, NULL))
            PyErr_Clear();
        raise_again(raised);
        return NULL;
    }
    Py_RETURN_NONE;
}

// ---- The end

static bool leave_hub(Stream *self)
{
    if (is_in_poller(self))
        return forget_member((Dispatch *)self->hub, self->number);
    return tell(self->hub, self->loops->name.forget, self->number);
}

/** Has connection_lost called in the next turn, once. */
bool finish_stream(PyObject *object, PyObject *error)
{
    Stream *self = stream_of(object);
    self->is_lost = 1;
    if (self->end != NULL && self->end != Py_None && !tell(self->end, self->loops->name.cancel, NULL))
        return false;
    if (self->is_blocked && !tell(object, self->loops->name._set_blocked, Py_False))
        return false;
    if (!leave_hub(self))
        return false;
    PyObject *callback = PyObject_GetAttr(object, self->loops->name._connection_lost);
    PyObject *done = NULL;
    if (callback != NULL)
        done = PyObject_CallMethodObjArgs(self->loop, self->loops->name.call_soon, callback, error,
                                          NULL);
    Py_XDECREF(callback);
    Py_XDECREF(done);
    return done != NULL;
}

METHOD(finish_with)
{
    if (!has_arguments("_finish", count, 1, 1) || !finish_stream(object, arguments[0]))
        return NULL;
    Py_RETURN_NONE;
}

METHOD(close_stream)
{
    Stream *self = stream_of(object);
    (void)arguments;
    if (!has_arguments("close", count, 0, 0))
        return NULL;
    if (self->is_closing)
        Py_RETURN_NONE;
    self->is_closing = 1;
    Py_CLEAR(self->held);
    Py_CLEAR(self->deliver);
    if (!flush_stream(object))
        return NULL;
    if (!self->is_lost)
        return PyObject_CallMethodObjArgs(object, self->loops->name._close_with, NULL);
    Py_RETURN_NONE;
}

/** Closes the socket; a program may have it, too. */
static bool close_own(PyObject *object)
{
    Stream *self = stream_of(object);
    if (Py_TYPE(self->sock) != self->loops->socket)
        return tell(object, self->loops->name._close_shared, self->sock);
    PyObject *done = close_socket(self->sock, NULL, 0);
    Py_XDECREF(done);
    return done != NULL;
}

METHOD(lose)
{
    Stream *self = stream_of(object);
    if (!has_arguments("_connection_lost", count, 1, 1))
        return NULL;
    PyObject *protocol = self->protocol;
    Py_XINCREF(protocol);
    bool told = protocol == NULL || tell(protocol, self->loops->name.connection_lost, arguments[0]);
    Py_XDECREF(protocol);
    Raised raised = put_aside();
    bool done = close_own(object);
    PyObject *owner = self->owner;
    self->owner = NULL;
    // Nobody who still has the transport keeps them alive.
    Py_CLEAR(self->protocol);
    Py_CLEAR(self->hub);
    if (done && owner != NULL && owner != Py_None)
        done = tell(owner, self->loops->name.detach, object);
    Py_XDECREF(owner);
    raise_again(raised);
    if (!told || !done)
        return NULL;
    Py_RETURN_NONE;
}

METHOD(tell_closing)
{
    (void)arguments;
    if (!has_arguments("is_closing", count, 0, 0))
        return NULL;
    return PyBool_FromLong(stream_of(object)->is_closing);
}

void finalize_stream(PyObject *object)
{
    Stream *self = stream_of(object);
    if (self->sock == NULL || self->is_lost)
        return;
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    if (!tell(object, self->loops->name._abandoned, NULL))
        PyErr_WriteUnraisable(object);
    PyErr_Restore(type, value, trace);
}
