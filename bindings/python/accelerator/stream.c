// A stream's transport: what is done in each turn of the loop. The same in Python is
// aio/_stream.py, whose methods with names in _with do what is unusual.

#include "loop.h"

#include <errno.h>

/** So many bytes are sent at once, and do not wait for the end of the turn. */
#define COLLECTED 65536

// ---- Receiving

/** The protocol takes it, and whoever comes for the last time in the poller will move. */
static bool deliver_counted(PyObject *object, PyObject *data)
{
    Stream *self = stream_of(object);
    // (The choice looks at the protocol's attributes, and they may end the stream.)
    if (self->left > 0 && is_in_poller(self) && --self->left == 0 &&
        (PyList_Append(((Dispatch *)self->hub)->moving, object) < 0 ||
         !tell(object, self->loops->name._choose_delivery, NULL)))
        return false;
    return tell(self->protocol, self->loops->name.data_received, data);
}

bool deliver(PyObject *object, PyObject *data)
{
    Stream *self = stream_of(object);
    if (self->is_closing)
        return true;
    if (self->deliver == NULL)
        return deliver_counted(object, data);
    PyObject *taker = self->deliver;
    Py_INCREF(taker);
    PyObject *result = PyObject_CallFunctionObjArgs(taker, data, NULL);
    Py_DECREF(taker);
    Py_XDECREF(result);
    return result != NULL;
}

METHOD(deliver_next)
{
    if (!has_arguments("_deliver_counted", count, 1, 1) || !deliver_counted(object, arguments[0]))
        return NULL;
    Py_RETURN_NONE;
}

/** Tells Readers' member what has come in place of data. */
static bool tell_code(PyObject *object, PyObject *readers, int64_t code)
{
    Stream *self = stream_of(object);
    if (code == -EAGAIN || code == -EINTR)
        return true;
    PyObject *number = PyLong_FromLongLong(code), *done = NULL;
    if (number != NULL)
        done = PyObject_CallMethodObjArgs(readers, self->loops->name.tell, self->number, object,
                                          number, NULL);
    Py_XDECREF(number);
    Py_XDECREF(done);
    return done != NULL;
}

METHOD(readable)
{
    Stream *self = stream_of(object);
    (void)arguments;
    if (!has_arguments("readable", count, 0, 0))
        return NULL;
    if (self->is_lost || self->hub == NULL)
        Py_RETURN_NONE;
    int64_t code;
    PyObject *data = receive_at_once((Endpoint *)self->sock, &code);
    Turn *readers = (Turn *)self->hub;
    Py_INCREF((PyObject *)readers);
    readers->is_turning = 1;
    bool told = data != NULL ? deliver(object, data)
                             : code < 0 && tell_code(object, (PyObject *)readers, code);
    Py_XDECREF(data);
    if (!told)
        told = tell_broken(self->loops, object);
    readers->is_turning = 0;
    Raised raised = put_aside();
    bool flushed = flush_turn(readers);
    raise_again(raised);
    Py_DECREF((PyObject *)readers);
    if (!told || !flushed)
        return NULL;
    Py_RETURN_NONE;
}

// ---- Sending

static bool has_more(Stream *self)
{
    return self->collected != NULL && PyList_Size(self->collected) > 0;
}

PyObject *collected_of(Stream *self)
{
    if (self->collected == NULL)
        self->collected = PyList_New(0);
    if (self->collected != NULL && self->first != NULL) {
        if (PyList_Append(self->collected, self->first) < 0)
            return NULL;
        Py_CLEAR(self->first);
    }
    return self->collected;
}

PyObject *write_data(PyObject *object, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    Stream *self = stream_of(object);
    if (names != NULL)
        return by_python(object, "_write_with", arguments, count, names);
    if (!has_arguments("write", count, 1, 1))
        return NULL;
    PyObject *data = arguments[0];
    if (!PyBytes_CheckExact(data) || self->has_eof || self->is_lost || self->hub == NULL)
        return PyObject_CallMethodObjArgs(object, self->loops->name._write_with, data, NULL);
    Py_ssize_t size = PyBytes_Size(data);
    if (size == 0)
        Py_RETURN_NONE;
    if (self->size > 0 || self->first != NULL || has_more(self) || size > self->limit ||
        size > COLLECTED) {
        PyObject *collected = collected_of(self);
        if (collected == NULL || PyList_Append(collected, data) < 0)
            return NULL;
        if (self->will_flush && !self->is_blocked && self->size + size <= self->limit &&
            self->size + size <= COLLECTED) {
            self->size += size;
            Py_RETURN_NONE;
        }
        PyObject *number = PyLong_FromSsize_t(size), *done = NULL;
        if (number != NULL)
            done = PyObject_CallMethodObjArgs(object, self->loops->name._has_collected, number, NULL);
        Py_XDECREF(number);
        return done;
    }
    // The first of this turn.
    Py_INCREF(data);
    self->first = data;
    self->size = size;
    if (!flush_later((Turn *)self->hub, object))
        return NULL;
    self->will_flush = 1;
    Py_RETURN_NONE;
}

/** Sends the only write of this turn. */
static bool send_first(PyObject *object)
{
    Stream *self = stream_of(object);
    PyObject *data = self->first;
    self->first = NULL;
    Py_ssize_t size = PyBytes_Size(data);
    int64_t sent = send_at_once((Endpoint *)self->sock, PyBytes_AsString(data), (size_t)size);
    bool done = sent == size;
    if (!done) {
        PyObject *number = PyLong_FromLongLong(sent), *result = NULL;
        if (number != NULL)
            result = PyObject_CallMethodObjArgs(object, self->loops->name._keep_unsent, data, number,
                                                NULL);
        Py_DECREF(data);
        Py_XDECREF(number);
        Py_XDECREF(result);
        return result != NULL;
    }
    Py_DECREF(data);
    self->size = 0;
    return !self->is_closing || finish_stream(object, Py_None);
}

bool flush_stream(PyObject *object)
{
    Stream *self = stream_of(object);
    if (self->is_lost) {
        self->will_flush = 0;
        return true;
    }
    bool has_rest = self->rest != NULL && self->rest != Py_None && PyObject_Size(self->rest) > 0;
    if (has_rest || self->is_blocked || self->is_protocol_paused || self->has_eof ||
        has_more(self))
        return tell(object, self->loops->name._flush_with, NULL);
    self->will_flush = 0;
    if (self->first != NULL)
        return send_first(object);
    // (It is not 0 if Ctrl-C came in the middle of a send.)
    self->size = 0;
    return !self->is_closing || finish_stream(object, Py_None);
}

METHOD(flush_now)
{
    (void)arguments;
    if (!has_arguments("flush", count, 0, 0) || !flush_stream(object))
        return NULL;
    Py_RETURN_NONE;
}
