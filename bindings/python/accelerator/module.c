// udsock._fast: in C what the package does for every message and every connection. It is Plain,
// in bindings/python/src/udsock/_plain.py, once more; either does.

#include "loop.h"

static int start(PyObject *module)
{
    PyObject *type = PyType_FromModuleAndSpec(module, &endpoint_spec, NULL);
    if (type == NULL)
        return -1;
    int code = PyModule_AddObjectRef(module, "Accelerated", type);
    Py_DECREF(type);
    return code;
}

static PyMethodDef functions[] = {
    {"bind", bind_library, METH_O, "Takes find(name), which gives the addresses of functions."},
    CALL("interrupted", interrupted, "How many calls a handler of a signal has ended so far."),
    CALL("loop_types", loop_types, "The base classes of udsock.aio, by name; or None."),
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, start},
    {0, NULL},
};

static int visit(PyObject *module, visitproc visit, void *arg)
{
    Loops *loops = PyModule_GetState(module);
    return loops != NULL ? visit_loops(loops, visit, arg) : 0;
}

static int clear(PyObject *module)
{
    Loops *loops = PyModule_GetState(module);
    return loops != NULL ? clear_loops(loops) : 0;
}

static void end(void *module)
{
    clear(module);
}

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "udsock._fast",
    .m_methods = functions,
    .m_slots = slots,
    .m_size = sizeof(Loops),
    .m_traverse = visit,
    .m_clear = clear,
    .m_free = end,
};

PyMODINIT_FUNC PyInit__fast(void)
{
    return PyModuleDef_Init(&definition);
}
