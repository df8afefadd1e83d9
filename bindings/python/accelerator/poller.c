// An event loop's poller: one call returns what has happened, with the data. The same in Python is
// at the end of _poller.py.

#include "endpoint.h"

#include <errno.h>

/** `poller_add(poller, socket)`: adds a socket, whose token is its number. Returns a code. */
METHOD(poller_add)
{
    (void)object;
    if (!has_arguments("poller_add", count, 2, 2))
        return NULL;
    long long poller = PyLong_AsLongLong(arguments[0]), handle = PyLong_AsLongLong(arguments[1]);
    if (PyErr_Occurred())
        return NULL;
    return PyLong_FromLong(library.poller_add(poller, handle, (uint64_t)handle, 0));
}

/** Socket, token, kind, code, data, and the sender's address. */
static PyObject *next_event(const udsock_event *event, const char *room)
{
    PyObject *fields[] = {
        PyLong_FromLongLong(event->socket),
        PyLong_FromUnsignedLongLong(event->token),
        PyLong_FromUnsignedLong(event->kind),
        PyLong_FromLong(event->code),
        PyBytes_FromStringAndSize(room + event->offset, event->length),
        PyBytes_FromStringAndSize(room + event->address_offset, event->address_length),
    };
    Py_ssize_t count = sizeof fields / sizeof fields[0];
    PyObject *made = PyTuple_New(count);
    bool is_whole = made != NULL;
    for (Py_ssize_t i = 0; i < count; i++) {
        is_whole = is_whole && fields[i] != NULL;
        if (made != NULL)
            PyTuple_SetItem(made, i, fields[i]);
        else
            Py_XDECREF(fields[i]);
    }
    if (!is_whole)
        Py_CLEAR(made);
    return made;
}

static PyObject *list_of(const udsock_event *events, Py_ssize_t count, const char *room)
{
    PyObject *list = PyList_New(count);
    for (Py_ssize_t i = 0; list != NULL && i < count; i++) {
        PyObject *event = next_event(&events[i], room);
        if (event == NULL || PyList_SetItem(list, i, event) < 0)
            Py_CLEAR(list);
    }
    return list;
}

static PyObject *wait_now(udsock_t poller, Py_buffer *events, Py_buffer *room)
{
    size_t capacity = (size_t)events->len / sizeof(udsock_event);
    int64_t count;
    do {
        Py_BEGIN_ALLOW_THREADS
        count = library.poller_wait(poller, events->buf, capacity, room->buf, (size_t)room->len, 0);
        Py_END_ALLOW_THREADS
        if (count == -EINTR && PyErr_CheckSignals() < 0)
            return NULL;
    } while (count == -EINTR);
    if (count < 0 && count != -ETIMEDOUT)
        return PyLong_FromLongLong(count);
    PyObject *list = list_of(events->buf, count > 0 ? (Py_ssize_t)count : 0, room->buf);
    PyObject *made = list != NULL ? PyObject_GetIter(list) : NULL;
    Py_XDECREF(list);
    return made;
}

/** `poller_wait_now(poller, events, room)`: an iterator of what has happened, or a code. */
METHOD(poller_wait_now)
{
    (void)object;
    Py_buffer events, room;
    if (!has_arguments("poller_wait_now", count, 3, 3))
        return NULL;
    long long poller = PyLong_AsLongLong(arguments[0]);
    if ((poller == -1 && PyErr_Occurred()) ||
        PyObject_GetBuffer(arguments[1], &events, PyBUF_WRITABLE) < 0)
        return NULL;
    PyObject *made = NULL;
    if (PyObject_GetBuffer(arguments[2], &room, PyBUF_WRITABLE) == 0) {
        made = wait_now(poller, &events, &room);
        PyBuffer_Release(&room);
    }
    PyBuffer_Release(&events);
    return made;
}
