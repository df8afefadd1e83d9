// What the classes for event loops share: their module's names and classes, and exceptions.

#include "loop.h"

#include <stddef.h>

static const char *const method_names[] = {
#define NAME(name) #name,
    METHODS(NAME)
#undef NAME
};

#define COUNT (sizeof method_names / sizeof method_names[0])

// ---- What belongs to the module

static bool has_names(Loops *loops)
{
    _Static_assert(sizeof loops->name == COUNT * sizeof(PyObject *), "an object a name");
    PyObject **names = (PyObject **)&loops->name;
    for (size_t i = 0; i < COUNT; i++)
        if (names[i] == NULL && (names[i] = PyUnicode_InternFromString(method_names[i])) == NULL)
            return false;
    return true;
}

METHOD(loop_types)
{
    Loops *loops = PyModule_GetState(object);
    if (!has_arguments("loop_types", count, 3, 3) || !has_names(loops))
        return NULL;
    if (loops->turn == NULL) {
        PyObject *turn = PyType_FromModuleAndSpec(object, &turn_spec, NULL);
        PyObject *dispatch =
            turn != NULL ? PyType_FromModuleAndSpec(object, &dispatch_spec, turn) : NULL;
        PyObject *stream = dispatch != NULL ? make_stream(object, arguments[0]) : NULL;
        if (stream == NULL) {
            Py_XDECREF(turn);
            Py_XDECREF(dispatch);
            if (PyErr_Occurred())
                return NULL;
            Py_RETURN_NONE;
        }
        loops->turn = (PyTypeObject *)turn;
        loops->dispatch = (PyTypeObject *)dispatch;
        loops->stream = (PyTypeObject *)stream;
        loops->buffered = (PyTypeObject *)new_reference(arguments[1]);
        loops->socket = (PyTypeObject *)new_reference(arguments[2]);
    }
    return Py_BuildValue("{sOsOsO}", "Turn", loops->turn, "Dispatch", loops->dispatch, "Stream",
                         loops->stream);
}

int visit_loops(Loops *loops, visitproc visit, void *arg)
{
    Py_VISIT(loops->turn);
    Py_VISIT(loops->dispatch);
    Py_VISIT(loops->stream);
    Py_VISIT(loops->socket);
    Py_VISIT(loops->buffered);
    Py_VISIT(loops->usual);
    return 0;
}

int clear_loops(Loops *loops)
{
    Py_CLEAR(loops->turn);
    Py_CLEAR(loops->dispatch);
    Py_CLEAR(loops->stream);
    Py_CLEAR(loops->socket);
    Py_CLEAR(loops->buffered);
    Py_CLEAR(loops->usual);
    PyObject **names = (PyObject **)&loops->name;
    for (size_t i = 0; i < COUNT; i++)
        Py_CLEAR(names[i]);
    return 0;
}

Loops *loops_of(PyObject *object, destructor end)
{
    PyTypeObject *type = Py_TYPE(object);
    while ((destructor)PyType_GetSlot(type, Py_tp_dealloc) != end)
        type = PyType_GetSlot(type, Py_tp_base);
    return PyType_GetModuleState(type);
}

// ---- Calls and exceptions

bool tell(PyObject *object, PyObject *method, PyObject *argument)
{
    // (What it does may be to have its owner forget it.)
    Py_XINCREF(object);
    PyObject *result = PyObject_CallMethodObjArgs(object, method, argument, NULL);
    Py_XDECREF(object);
    Py_XDECREF(result);
    return result != NULL;
}

PyObject *caught(void)
{
    if (PyErr_ExceptionMatches(PyExc_SystemExit) || PyErr_ExceptionMatches(PyExc_KeyboardInterrupt))
        return NULL;
    Raised raised = put_aside();
    PyErr_NormalizeException(&raised.type, &raised.value, &raised.trace);
    if (raised.trace != NULL)
        PyException_SetTraceback(raised.value, raised.trace);
    Py_XDECREF(raised.type);
    Py_XDECREF(raised.trace);
    return raised.value;
}

bool tell_broken(Loops *loops, PyObject *member)
{
    PyObject *error = caught();
    bool told = error != NULL && tell(member, loops->name.broke, error);
    Py_XDECREF(error);
    return told;
}

Raised put_aside(void)
{
    Raised raised;
    PyErr_Fetch(&raised.type, &raised.value, &raised.trace);
    return raised;
}

void raise_again(Raised raised)
{
    if (raised.type != NULL)
        PyErr_Restore(raised.type, raised.value, raised.trace);
}
