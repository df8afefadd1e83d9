// What is written in one turn of a loop is sent at the end of the turn. The same in Python is
// aio/_turn.py.

#include "loop.h"

#include <stddef.h>
#include <structmember.h>

// ---- What is to be sent

bool call_soon(Turn *self, PyObject *method)
{
    // (NULL, if it was not made: that is an exception.)
    PyObject *loop = PyObject_CallFunctionObjArgs(self->loop, NULL);
    bool done = loop == Py_None;
    if (loop != NULL && !done) {
        PyObject *callback = PyObject_GetAttr((PyObject *)self, method);
        done = callback != NULL && tell(loop, self->loops->name.call_soon, callback);
        Py_XDECREF(callback);
    }
    Py_XDECREF(loop);
    return done;
}

static bool report_end(Turn *self)
{
    // (A loop that is debugged refuses other threads; then nothing was reported.)
    if (!self->will_flush && !call_soon(self, self->loops->name._flush))
        return false;
    self->will_flush = 1;
    return true;
}

bool flush_later(Turn *self, PyObject *sender)
{
    return (self->is_turning || report_end(self)) && PyList_Append(self->senders, sender) == 0;
}

static bool flush_one(Turn *self, PyObject *sender)
{
    Py_INCREF(sender);
    bool sent = is_stream(self->loops, sender)
                    ? flush_stream(sender)
                    : tell(sender, self->loops->name.flush, NULL);
    Py_DECREF(sender);
    return sent;
}

bool flush_turn(Turn *self)
{
    self->will_flush = 0;
    Py_ssize_t i;
    // It may grow meanwhile.
    for (i = 0; i < PyList_Size(self->senders); i++) {
        if (!flush_one(self, PyList_GetItem(self->senders, i))) {
            Raised raised = put_aside();
            call_soon(self, self->loops->name._flush);
            raise_again(raised);
            return false;
        }
    }
    return i == 0 || PyList_SetSlice(self->senders, 0, i, NULL) == 0;
}

// ---- Methods

static METHOD(will_flush)
{
    if (!has_arguments("will_flush", count, 1, 1) || !flush_later((Turn *)object, arguments[0]))
        return NULL;
    Py_RETURN_NONE;
}

static METHOD(will_turn)
{
    (void)arguments;
    if (!has_arguments("will_turn", count, 0, 0) || !report_end((Turn *)object))
        return NULL;
    Py_RETURN_NONE;
}

static METHOD(flush)
{
    (void)arguments;
    if (!has_arguments("_flush", count, 0, 0) || !flush_turn((Turn *)object))
        return NULL;
    Py_RETURN_NONE;
}

/** What `_loop()` is in Python: the loop, or None. */
static PyMethodDef methods[] = {
    CALL("will_flush", will_flush, "Has this flushed at the end of this turn of the loop."),
    CALL("will_turn", will_turn,
         "For a turn that is not the hub's own: has the end of the turn reported."),
    CALL("_flush", flush, NULL),
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"_loop", T_OBJECT, offsetof(Turn, loop), READONLY, NULL},
    {"_senders", T_OBJECT, offsetof(Turn, senders), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

// ---- Life

static void end_turn(PyObject *object);

PyObject *new_turn(PyTypeObject *type, PyObject *arguments, PyObject *names)
{
    (void)arguments, (void)names;
    PyObject *object = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
    if (object == NULL)
        return NULL;
    Turn *self = (Turn *)object;
    self->loops = loops_of(object, end_turn);
    self->senders = PyList_New(0);
    if (self->senders == NULL)
        Py_CLEAR(object);
    return object;
}

bool open_turn(Turn *self, PyObject *loop)
{
    if (self->loop != NULL) {
        PyErr_SetString(PyExc_RuntimeError, "it is made once");
        return false;
    }
    self->loop = PyWeakref_NewRef(loop, NULL);
    return self->loop != NULL;
}

static int make(PyObject *object, PyObject *arguments, PyObject *names)
{
    PyObject *loop;
    if (!PyArg_ParseTupleAndKeywords(arguments, names, "O", (char *[]){"loop", NULL}, &loop))
        return -1;
    return open_turn((Turn *)object, loop) ? 0 : -1;
}

int visit_turn(Turn *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE((PyObject *)self));
    Py_VISIT(self->loop);
    Py_VISIT(self->senders);
    return 0;
}

static int visit_it(PyObject *object, visitproc visit, void *arg)
{
    return visit_turn((Turn *)object, visit, arg);
}

int clear_turn(PyObject *object)
{
    Py_CLEAR(((Turn *)object)->senders);
    return 0;
}

static void end_turn(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    clear_turn(object);
    Py_CLEAR(((Turn *)object)->loop);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyType_Slot slots[] = {
    {Py_tp_new, new_turn},
    {Py_tp_init, make},
    {Py_tp_traverse, visit_it},
    {Py_tp_clear, clear_turn},
    {Py_tp_dealloc, end_turn},
    {Py_tp_members, members},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec turn_spec = {
    .name = "udsock._fast.Turn",
    .basicsize = sizeof(Turn),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = slots,
};
