// Connections: how they come to be, and their end.

#include "endpoint.h"

#include <string.h>

#define ADDRESS_SIZE 4096

/** `_create(kind)`: a new socket's handle, or a code. It takes descriptors. */
METHOD(create)
{
    (void)object;
    if (!has_arguments("_create", count, 1, 1))
        return NULL;
    long kind = PyLong_AsLong(arguments[0]);
    if (kind == -1 && PyErr_Occurred())
        return NULL;
    udsock_t handle;
    Py_BEGIN_ALLOW_THREADS
    handle = library.create((uint32_t)kind);
    int32_t code = handle >= 0 ? library.set_option(handle, UDSOCK_OPTION_RECEIVE_FDS, 1) : 0;
    if (code < 0) {
        library.close(handle);
        handle = code;
    }
    Py_END_ALLOW_THREADS
    return PyLong_FromLongLong(handle);
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

/** `_connect(address, retry)`: a code, and the words for it. */
METHOD(connect_to)
{
    Endpoint *self = (Endpoint *)object;
    Deadline deadline;
    char *address;
    if (!has_arguments("_connect", count, 2, 2) ||
        (address = PyBytes_AsString(arguments[0])) == NULL)
        return NULL;
    int retry = PyObject_IsTrue(arguments[1]);
    if (retry < 0)
        return NULL;
    deadline_of(self, &deadline);
    udsock_error error = UDSOCK_ERROR_INIT;
    int64_t code;
    int again;
    do {
        udsock_connect_options options = {
            .size = sizeof options,
            .flags = (retry ? UDSOCK_RETRY : 0) | (deadline.limit == 0 ? UDSOCK_DONT_WAIT : 0),
            .timeout_ms = deadline.limit,
        };
        Py_BEGIN_ALLOW_THREADS
        code = library.connect(self->handle, address, &options, &error);
        Py_END_ALLOW_THREADS
        again = goes_on(&deadline, &code);
    } while (again > 0);
    if (again < 0)
        return NULL;
    return code < 0 ? Py_BuildValue("(Ly)", (long long)code, error.message)
                    : Py_BuildValue("(iO)", 0, Py_None);
}

/** `_close()`: the socket has no handle any more; a code. */
METHOD(close_handle)
{
    (void)arguments;
    Endpoint *self = (Endpoint *)object;
    if (!has_arguments("_close", count, 0, 0))
        return NULL;
    udsock_t handle = self->handle;
    self->handle = -1;
    Py_CLEAR(self->passed_on);
    int32_t code = 0;
    if (handle >= 0) {
        Py_BEGIN_ALLOW_THREADS
        code = library.close(handle);
        Py_END_ALLOW_THREADS
    }
    return PyLong_FromLong(code);
}

/** `_address(of_the_peer)`: an address as the library writes it. */
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
