// A stream's transport as a type: its fields, and how it is made. Its methods are in stream.c and
// stream_life.c.

#include "loop.h"

#include <stddef.h>
#include <structmember.h>

/** asyncio's limit of what waits to be sent. */
#define HIGH 65536

/** After so many times that something came a connection is busy. */
#define BUSY 16

// ---- Fields

Py_ssize_t stream_offset;

static PyObject *get_collected(PyObject *object, void *unused)
{
    (void)unused;
    PyObject *collected = collected_of(stream_of(object));
    Py_XINCREF(collected);
    return collected;
}

static PyObject *get_hub(PyObject *object, void *unused)
{
    (void)unused;
    PyObject *hub = stream_of(object)->hub;
    return new_reference(hub != NULL ? hub : Py_None);
}

static int set_hub(PyObject *object, PyObject *hub, void *unused)
{
    (void)unused;
    Stream *self = stream_of(object);
    if (hub == NULL || !PyObject_TypeCheck(hub, self->loops->turn)) {
        PyErr_SetString(PyExc_TypeError, "a hub is a Turn");
        return -1;
    }
    PyObject *before = self->hub;
    self->hub = new_reference(hub);
    Py_XDECREF(before);
    return 0;
}

static PyGetSetDef properties[] = {
    {"_hub", get_hub, set_hub, NULL, NULL},
    {"_collected", get_collected, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

#define FIELD(name, type, field) {name, type, offsetof(Stream, field), 0, NULL}

/** Their offsets count from stream_offset. */
static PyMemberDef members[] = {
    {"_loop", T_OBJECT, offsetof(Stream, loop), READONLY, NULL},
    {"_sock", T_OBJECT, offsetof(Stream, sock), READONLY, NULL},
    FIELD("_owner", T_OBJECT, owner),
    FIELD("_protocol", T_OBJECT, protocol),
    FIELD("deliver", T_OBJECT, deliver),
    FIELD("_rest", T_OBJECT, rest),
    FIELD("_held", T_OBJECT, held),
    FIELD("_end", T_OBJECT, end),
    {"_number", T_OBJECT, offsetof(Stream, number), READONLY, NULL},
    FIELD("_size", T_PYSSIZET, size),
    FIELD("_limit", T_PYSSIZET, limit),
    FIELD("_left", T_INT, left),
    FIELD("_will_flush", T_BOOL, will_flush),
    FIELD("_is_blocked", T_BOOL, is_blocked),
    FIELD("_is_closing", T_BOOL, is_closing),
    FIELD("_is_lost", T_BOOL, is_lost),
    FIELD("_has_eof", T_BOOL, has_eof),
    FIELD("_protocol_paused", T_BOOL, is_protocol_paused),
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef methods[] = {
    {"write", (PyCFunction)(void (*)(void))write_data, METH_FASTCALL | METH_KEYWORDS,
     "write($self, data)\n--\n\n"},
    CALL("flush", flush_now, "Sends what the kernel takes."),
    CALL("readable", readable,
         "For a loop that watches the socket: receives, and sends what was written meanwhile."),
    CALL("begin", begin_stream, "Has the socket watched from now on, and tells the protocol."),
    CALL("close", close_stream,
         "close($self)\n--\n\n"
         "Closes after what was written was sent."),
    CALL("is_closing", tell_closing, "is_closing($self)\n--\n\n"),
    CALL("_deliver_counted", deliver_next, NULL),
    CALL("_finish", finish_with, "Has connection_lost called in the next turn, once."),
    CALL("_connection_lost", lose, NULL),
    {NULL, NULL, 0, NULL},
};

// ---- Life

static void end(PyObject *object);

/** What the base class has: slots that nobody uses, between the object's head and the fields. */
static PyObject **slots_of(PyObject *object)
{
    return (PyObject **)(object + 1);
}

/** Leaves to Python what is not as it mostly is. */
static bool chooses_delivery(PyObject *object)
{
    Stream *self = stream_of(object);
    if (!((Dispatch *)self->hub)->is_final && !PyObject_TypeCheck(self->protocol, self->loops->buffered))
        return true;
    return tell(object, self->loops->name._choose_delivery, NULL);
}

/** One that __init__ has not made is closed. */
static PyObject *make_empty(PyTypeObject *type, PyObject *arguments, PyObject *names)
{
    (void)arguments, (void)names;
    PyObject *object = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (object != NULL) {
        stream_of(object)->loops = loops_of(object, end);
        stream_of(object)->is_closing = stream_of(object)->is_lost = 1;
    }
    return object;
}

/** `Stream(loop, hub, sock, protocol, owner=None)` */
static int make(PyObject *object, PyObject *arguments, PyObject *names)
{
    Stream *self = stream_of(object);
    Py_ssize_t count = PyTuple_Size(arguments);
    bool has_names = names != NULL && PyDict_Size(names) > 0;
    if (has_names || self->sock != NULL || !has_arguments("Stream", count, 4, 5)) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_TypeError, "a stream is made once, without names");
        return -1;
    }
    PyObject *loop = PyTuple_GetItem(arguments, 0), *hub = PyTuple_GetItem(arguments, 1);
    PyObject *sock = PyTuple_GetItem(arguments, 2), *protocol = PyTuple_GetItem(arguments, 3);
    PyObject *owner = count > 4 ? PyTuple_GetItem(arguments, 4) : Py_None;
    Loops *loops = self->loops;
    if (!PyObject_TypeCheck(hub, loops->dispatch) || !PyObject_TypeCheck(sock, loops->socket)) {
        PyErr_SetString(PyExc_TypeError, "a stream is of a hub and a socket");
        return -1;
    }
    if (((Endpoint *)sock)->milliseconds != 0) {
        PyObject *zero = PyFloat_FromDouble(0.0);
        bool done = zero != NULL && tell(sock, loops->name.settimeout, zero);
        Py_XDECREF(zero);
        if (!done)
            return -1;
    }
    if ((self->number = PyLong_FromLongLong(((Endpoint *)sock)->handle)) == NULL)
        return -1;
    if (loops->usual == NULL)
        loops->usual = (PyTypeObject *)new_reference((PyObject *)Py_TYPE(object));
    self->loop = new_reference(loop);
    self->hub = new_reference(hub);
    self->sock = new_reference(sock);
    self->protocol = new_reference(protocol);
    self->owner = new_reference(owner);
    self->limit = HIGH;
    self->left = BUSY;
    self->is_closing = self->is_lost = 0;
    return chooses_delivery(object) ? 0 : -1;
}

static int visit(PyObject *object, visitproc visit, void *arg)
{
    Stream *self = stream_of(object);
    Py_VISIT(Py_TYPE(object));
    for (PyObject **slot = slots_of(object); slot < (PyObject **)self; slot++)
        Py_VISIT(*slot);
    Py_VISIT(self->loop);
    Py_VISIT(self->hub);
    Py_VISIT(self->sock);
    Py_VISIT(self->owner);
    Py_VISIT(self->protocol);
    Py_VISIT(self->deliver);
    Py_VISIT(self->first);
    Py_VISIT(self->collected);
    Py_VISIT(self->rest);
    Py_VISIT(self->held);
    Py_VISIT(self->end);
    return 0;
}

static int clear(PyObject *object)
{
    Stream *self = stream_of(object);
    for (PyObject **slot = slots_of(object); slot < (PyObject **)self; slot++)
        Py_CLEAR(*slot);
    Py_CLEAR(self->loop);
    Py_CLEAR(self->hub);
    Py_CLEAR(self->sock);
    Py_CLEAR(self->owner);
    Py_CLEAR(self->protocol);
    Py_CLEAR(self->deliver);
    Py_CLEAR(self->first);
    Py_CLEAR(self->collected);
    Py_CLEAR(self->rest);
    Py_CLEAR(self->held);
    Py_CLEAR(self->end);
    return 0;
}

static void end(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    clear(object);
    Py_CLEAR(stream_of(object)->number);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyType_Slot slots[] = {
    {Py_tp_new, make_empty},
    {Py_tp_init, make},
    {Py_tp_traverse, visit},
    {Py_tp_clear, clear},
    {Py_tp_finalize, finalize_stream},
    {Py_tp_dealloc, end},
    {Py_tp_getset, properties},
    {Py_tp_members, members},
    {Py_tp_methods, methods},
    {0, NULL},
};

/** An attribute that is a number; -1: an exception is set. */
static Py_ssize_t number_of(PyObject *object, const char *name)
{
    PyObject *found = PyObject_GetAttrString(object, name);
    Py_ssize_t number = found != NULL ? PyLong_AsSsize_t(found) : -1;
    Py_XDECREF(found);
    return number;
}

PyObject *make_stream(PyObject *module, PyObject *base)
{
    Py_ssize_t size = number_of(base, "__basicsize__");
    // What the base class has is to be slots, and nothing else.
    if (size < (Py_ssize_t)sizeof(PyObject) || size % (Py_ssize_t)sizeof(PyObject *) != 0 ||
        number_of(base, "__dictoffset__") != 0 || number_of(base, "__weakrefoffset__") != 0 ||
        number_of(base, "__itemsize__") != 0)
        return NULL;
    if (stream_offset == 0) {
        stream_offset = size;
        for (PyMemberDef *member = members; member->name != NULL; member++)
            member->offset += size;
    }
    PyType_Spec spec = {
        .name = "udsock._fast.Stream",
        .basicsize = (int)(size + (Py_ssize_t)sizeof(Stream)),
        .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
        .slots = slots,
    };
    return size == stream_offset ? PyType_FromModuleAndSpec(module, &spec, base) : NULL;
}
