// Where the library's functions are: Python says it, once a process.

#include "library.h"

#include <string.h>

struct library library;

static const char *const names[] = {
#define FUNCTION(name) "udsock_" #name,
    LIBRARY_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

#define COUNT (sizeof names / sizeof names[0])

PyObject *bind_library(PyObject *module, PyObject *find)
{
    (void)module;
    void *found[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        PyObject *address = PyObject_CallFunction(find, "s", names[i]);
        if (address == NULL)
            return NULL;
        found[i] = PyLong_AsVoidPtr(address);
        Py_DECREF(address);
        if (found[i] == NULL) {
            if (!PyErr_Occurred())
                PyErr_Format(PyExc_ImportError, "there is no %s", names[i]);
            return NULL;
        }
    }
    _Static_assert(sizeof found == sizeof library, "a pointer a function");
    if (library.send != NULL && memcmp(&library, found, sizeof library) != 0) {
        // Sockets of the other interpreter are in use.
        PyErr_SetString(PyExc_ImportError, "another interpreter has another library");
        return NULL;
    }
    memcpy(&library, found, sizeof library);
    Py_RETURN_NONE;
}
