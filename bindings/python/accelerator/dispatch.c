// What a poller reports goes to its members. The same in Python is aio/_dispatch.py.

#include "loop.h"

#include <errno.h>
#include <stddef.h>
#include <structmember.h>

// ---- An event

static PyObject *bytes_at(const Dispatch *self, uint32_t offset, uint32_t length)
{
    return PyBytes_FromStringAndSize((const char *)self->room.buf + offset, length);
}

static bool tell_received(Dispatch *self, PyObject *member, const udsock_event *event)
{
    PyObject *data = bytes_at(self, event->offset, event->length);
    bool told = false;
    if (data != NULL && is_stream(self->turn.loops, member))
        told = deliver(member, data);
    else if (data != NULL)
        told = tell(member, self->turn.loops->name.deliver, data);
    Py_XDECREF(data);
    return told;
}

/** What happens to a stream least often is left to Python. */
static bool tell_unusual(Dispatch *self, PyObject *member, const udsock_event *event)
{
    PyObject *data = bytes_at(self, event->offset, event->length);
    PyObject *address = bytes_at(self, event->address_offset, event->address_length);
    PyObject *kind = PyLong_FromUnsignedLong(event->kind), *code = PyLong_FromLong(event->code);
    PyObject *done = NULL;
    if (data != NULL && address != NULL && kind != NULL && code != NULL)
        done = PyObject_CallMethodObjArgs((PyObject *)self, self->turn.loops->name._tell, member,
                                          kind, code, data, address, NULL);
    Py_XDECREF(data);
    Py_XDECREF(address);
    Py_XDECREF(kind);
    Py_XDECREF(code);
    Py_XDECREF(done);
    return done != NULL;
}

static bool tell_member(Dispatch *self, PyObject *member, const udsock_event *event, PyObject *number)
{
    const struct method_names *name = &self->turn.loops->name;
    switch (event->kind) {
    case UDSOCK_EVENT_RECEIVED:
        if (event->code == 0 && event->address_length == 0)
            return tell_received(self, member, event);
        break;
    case UDSOCK_EVENT_ACCEPTED:
        return tell(member, name->accepted, number);
    case UDSOCK_EVENT_ENDED:
        return tell(member, name->ended, NULL);
    }
    return tell_unusual(self, member, event);
}

/** Whether what follows may follow; if not, an exception goes on. */
static bool dispatch_one(Dispatch *self, const udsock_event *event)
{
    bool is_accepted = event->kind == UDSOCK_EVENT_ACCEPTED;
    PyObject *number = PyLong_FromLongLong(event->socket);
    PyObject *key = is_accepted ? PyLong_FromLongLong((int64_t)event->token) : number;
    PyObject *member = NULL;
    bool done = false;
    if (number != NULL && key != NULL) {
        member = PyDict_GetItemWithError(self->members, key);
        Py_XINCREF(member);
        if (member != NULL)
            done = tell_member(self, member, event, number) ||
                   tell_broken(self->turn.loops, member);
        else if (!PyErr_Occurred())
            done = !is_accepted ||
                   tell((PyObject *)self, self->turn.loops->name._drop, number);
    }
    Py_XDECREF(member);
    if (is_accepted)
        Py_XDECREF(key);
    Py_XDECREF(number);
    return done;
}

// ---- A turn

static bool has_events(Dispatch *self)
{
    if (self->is_interrupted)
        return true;
    int64_t count;
    do {
        // (It does not sleep. Other threads wait for less than while Python computes.)
        count = library.poller_wait(self->handle, self->events.buf,
                                    (size_t)self->events.len / sizeof(udsock_event), self->room.buf,
                                    (size_t)self->room.len, 0);
        if (count == -EINTR && PyErr_CheckSignals() < 0)
            return false;
    } while (count == -EINTR);
    self->next = 0;
    self->count = count > 0 ? (size_t)count : 0;
    if (count >= 0 || count == -ETIMEDOUT)
        return true;
    PyObject *code = PyLong_FromLongLong(count);
    if (code != NULL)
        tell((PyObject *)self, self->turn.loops->name._raise, code);
    Py_XDECREF(code);
    return false;
}

static bool dispatch_all(Dispatch *self)
{
    if (!has_events(self))
        return false;
    // The other events have their turn if the loop runs again.
    self->is_interrupted = 1;
    const udsock_event *events = self->events.buf;
    while (self->next < self->count)
        if (!dispatch_one(self, &events[self->next++]))
            return false;
    self->is_interrupted = 0;
    return true;
}

static METHOD(turn)
{
    Dispatch *self = (Dispatch *)object;
    const struct method_names *name = &self->turn.loops->name;
    (void)arguments;
    if (!has_arguments("_turn", count, 0, 0))
        return NULL;
    if (self->members == NULL)
        Py_RETURN_NONE;
    self->turn.is_turning = 1;
    bool done = dispatch_all(self);
    Raised raised = put_aside();
    // KeyboardInterrupt, say.
    if (!done && self->is_interrupted && !call_soon(&self->turn, name->_turn))
        PyErr_Clear();
    self->turn.is_turning = 0;
    if (flush_turn(&self->turn) && PyList_Size(self->moving) > 0 && !self->is_interrupted)
        tell(object, name->_move, NULL);
    raise_again(raised);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

// ---- Members

static METHOD(join)
{
    if (!has_arguments("join", count, 2, 2) ||
        PyDict_SetItem(((Dispatch *)object)->members, arguments[0], arguments[1]) < 0)
        return NULL;
    Py_RETURN_NONE;
}

bool forget_member(Dispatch *self, PyObject *number)
{
    if (PyDict_DelItem(self->members, number) == 0) {
        long long handle = PyLong_AsLongLong(number);
        if (handle == -1 && PyErr_Occurred())
            return false;
        // (It may be closed already, and so be out.)
        library.poller_remove(self->handle, handle);
        return true;
    }
    if (!PyErr_ExceptionMatches(PyExc_KeyError))
        return false;
    PyErr_Clear();
    return true;
}

static METHOD(forget)
{
    if (!has_arguments("forget", count, 1, 1) ||
        !forget_member((Dispatch *)object, arguments[0]))
        return NULL;
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    CALL("join", join, "Makes this a member: the poller has its socket already."),
    CALL("forget", forget, "Takes it out of the poller: nothing more that happens is told."),
    CALL("_turn", turn, "Does what the events ask for."),
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"_poller", T_OBJECT, offsetof(Dispatch, poller), READONLY, NULL},
    {"_members", T_OBJECT, offsetof(Dispatch, members), READONLY, NULL},
    {"_moving", T_OBJECT, offsetof(Dispatch, moving), 0, NULL},
    {"is_final", T_BOOL, offsetof(Dispatch, is_final), 0,
     "Whether members stay here, however busy they are."},
    {NULL, 0, 0, 0, NULL},
};

// ---- Life

static void end(PyObject *object);

static bool has_buffer(PyObject *poller, const char *name, Py_buffer *buffer)
{
    PyObject *memory = PyObject_GetAttrString(poller, name);
    bool has = memory != NULL && PyObject_GetBuffer(memory, buffer, PyBUF_WRITABLE) == 0;
    Py_XDECREF(memory);
    return has;
}

/** `Dispatch(loop, poller)` */
static int make(PyObject *object, PyObject *arguments, PyObject *names)
{
    Dispatch *self = (Dispatch *)object;
    PyObject *loop, *poller;
    if (names != NULL || !PyArg_ParseTuple(arguments, "OO", &loop, &poller) ||
        !open_turn(&self->turn, loop, end))
        return -1;
    PyObject *handle = PyObject_GetAttrString(poller, "_handle");
    PyObject *number = handle != NULL ? PyObject_GetAttrString(handle, "value") : NULL;
    self->handle = number != NULL ? PyLong_AsLongLong(number) : -1;
    Py_XDECREF(number);
    Py_XDECREF(handle);
    if (PyErr_Occurred() || !has_buffer(poller, "_events", &self->events) ||
        !has_buffer(poller, "_room", &self->room))
        return -1;
    Py_INCREF(poller);
    self->poller = poller;
    self->members = PyDict_New();
    self->moving = PyList_New(0);
    return self->members != NULL && self->moving != NULL ? 0 : -1;
}

static int visit(PyObject *object, visitproc visit, void *arg)
{
    Dispatch *self = (Dispatch *)object;
    Py_VISIT(self->poller);
    Py_VISIT(self->members);
    Py_VISIT(self->moving);
    return visit_turn(&self->turn, visit, arg);
}

static int clear(PyObject *object)
{
    Dispatch *self = (Dispatch *)object;
    Py_CLEAR(self->members);
    Py_CLEAR(self->moving);
    return clear_turn(object);
}

static void end(PyObject *object)
{
    Dispatch *self = (Dispatch *)object;
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    clear(object);
    Py_CLEAR(self->poller);
    Py_CLEAR(self->turn.loop);
    PyBuffer_Release(&self->events);
    PyBuffer_Release(&self->room);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyType_Slot slots[] = {
    {Py_tp_init, make},
    {Py_tp_traverse, visit},
    {Py_tp_clear, clear},
    {Py_tp_dealloc, end},
    {Py_tp_members, members},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec dispatch_spec = {
    .name = "udsock._fast.Dispatch",
    .basicsize = sizeof(Dispatch),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
