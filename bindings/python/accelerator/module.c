// udsock._fast: in C what the package does for every message and every connection. It is Plain,
// in bindings/python/src/udsock/_plain.py, once more; either does.

#include "endpoint.h"

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
    CALL("poller_add", poller_add, NULL),
    CALL("poller_wait_now", poller_wait_now, NULL),
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, start},
    {0, NULL},
};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "udsock._fast",
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__fast(void)
{
    return PyModuleDef_Init(&definition);
}
