// Connections: making, accepting, connecting and closing them.

#include "endpoint.h"

#define ADDRESS_SIZE 4096

udsock_t create_one(long kind, bool receives_descriptors)
{
    udsock_t handle;
    Py_BEGIN_ALLOW_THREADS
    handle = library.create((uint32_t)kind);
    int32_t code = 0;
    if (handle >= 0 && receives_descriptors)
        code = library.set_option(handle, UDSOCK_OPTION_RECEIVE_FDS, 1);
    if (code < 0) {
        library.close(handle);
        handle = code;
    }
    Py_END_ALLOW_THREADS
    return handle;
}

/** `_create(kind, receives_descriptors)`: a new socket's handle, or a code. */
METHOD(create)
{
    (void)object;
    if (!has_arguments("_create", count, 2, 2))
        return NULL;
    long kind = PyLong_AsLong(arguments[0]);
    if (kind == -1 && PyErr_Occurred())
        return NULL;
    return PyLong_FromLongLong(create_one(kind, arguments[1] == Py_True));
}

/** `_accept()`: the next client's handle, or a code. */
METHOD(accept_next)
{
    (void)arguments;
    Endpoint *self = (Endpoint *)object;
    Deadline deadline;
    if (!has_arguments("_accept", count, 0, 0))
        return NULL;
    deadline_of(self, &deadline);
    int64_t client;
    int again;
    do {
        Py_BEGIN_ALLOW_THREADS
        client = library.accept(self->handle, deadline.limit, NULL);
        Py_END_ALLOW_THREADS
        again = goes_on(&deadline, &client);
    } while (again > 0);
    return again < 0 ? NULL : PyLong_FromLongLong(client);
}

/** Connects. Whether there is a code; if not, a signal handler has raised an exception. */
static bool connects(Endpoint *self, const char *address, bool retry, int64_t *code,
                     udsock_error *error)
{
    Deadline deadline;
    deadline_of(self, &deadline);
    int again;
    do {
        udsock_connect_options options = {
            .size = sizeof options,
            .flags = (retry ? UDSOCK_RETRY : 0) | (deadline.limit == 0 ? UDSOCK_DONT_WAIT : 0),
            .timeout_ms = deadline.limit,
        };
        Py_BEGIN_ALLOW_THREADS
        *code = library.connect(self->handle, address, &options, error);
        Py_END_ALLOW_THREADS
        again = goes_on(&deadline, code);
    } while (again > 0);
    return again == 0;
}

/** `_connect(address, retry)`: a code, and the text of the error. */
METHOD(connect_to)
{
    char *address;
    if (!has_arguments("_connect", count, 2, 2) ||
        (address = PyBytes_AsString(arguments[0])) == NULL)
        return NULL;
    int retry = PyObject_IsTrue(arguments[1]);
    udsock_error error = UDSOCK_ERROR_INIT;
    int64_t code;
    if (retry < 0 || !connects((Endpoint *)object, address, retry, &code, &error))
        return NULL;
    return code < 0 ? Py_BuildValue("(Ly)", (long long)code, error.message)
                    : Py_BuildValue("(iO)", 0, Py_None);
}

/** An address whose text is the same for Python and for the library; NULL: it may differ. */
static const char *plain_address(PyObject *object)
{
    Py_ssize_t size;
    const char *text = PyUnicode_CheckExact(object) ? PyUnicode_AsUTF8AndSize(object, &size) : NULL;
    if (text == NULL || size == 0)
        return NULL;
    // (What is not ASCII depends on the encoding of file names.)
    for (Py_ssize_t i = 0; i < size; i++)
        if (text[i] == 0 || (text[i] & 0x80) != 0)
            return NULL;
    return text;
}

PyObject *connect_socket(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                         PyObject *names)
{
    const char *address = names == NULL && count == 1 ? plain_address(arguments[0]) : NULL;
    if (address == NULL)
        return by_python(object, "_connect_with", arguments, count, names);
    udsock_error error = UDSOCK_ERROR_INIT;
    int64_t code;
    if (!connects((Endpoint *)object, address, false, &code, &error))
        return NULL;
    if (code < 0)
        return raise_error(PyObject_CallMethod(object, "_connect_failure", "Lyy", (long long)code,
                                               error.message, address));
    Py_RETURN_NONE;
}

int32_t close_now(Endpoint *self)
{
    udsock_t handle = self->handle;
    self->handle = -1;
    Py_CLEAR(self->passed_on);
    int32_t code = 0;
    if (handle >= 0) {
        Py_BEGIN_ALLOW_THREADS
        code = library.close(handle);
        Py_END_ALLOW_THREADS
    }
    return code;
}

/** `_close()`: closes the handle, which the socket then has no more; a code. */
METHOD(close_handle)
{
    (void)arguments;
    if (!has_arguments("_close", count, 0, 0))
        return NULL;
    return PyLong_FromLong(close_now((Endpoint *)object));
}

/** `_address(of_the_peer)`: an address in the form of the library. */
METHOD(address_of)
{
    Endpoint *self = (Endpoint *)object;
    if (!has_arguments("_address", count, 1, 1))
        return NULL;
    char text[ADDRESS_SIZE];
    int64_t size = arguments[0] == Py_True ? library.remote_address(self->handle, text, sizeof text)
                                           : library.local_address(self->handle, text, sizeof text);
    return size < 0 ? fail(self, size) : PyBytes_FromStringAndSize(text, (Py_ssize_t)size);
}
