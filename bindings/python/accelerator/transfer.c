// Sending and receiving. What is unusual goes to the methods of Transfer that are written in
// Python: flags, data that is not as it lies in memory, arguments that are wrong.

#include "endpoint.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/** No message is larger (the kernel's limit is near 4 MiB), and of a stream less may come. */
#define LARGEST ((Py_ssize_t)8 << 20)

/** What a transport receives at once. */
#define AT_ONCE 65536

/** Up to this size, data is received where it costs no memory. */
#define SMALL 4096

/** Whether the arguments are one, and no flags. */
static bool is_plain(PyObject *const *arguments, Py_ssize_t count)
{
    return count == 1 || (count == 2 && PyLong_CheckExact(arguments[1]) &&
                          PyLong_AsLong(arguments[1]) == 0);
}

/** The data of an object, to be released. */
static bool has_data(PyObject *object, Py_buffer *data, int flags)
{
    return PyObject_GetBuffer(object, data, flags) == 0;
}

// ---- Sending

METHOD(send_some)
{
    Endpoint *self = (Endpoint *)object;
    Py_buffer data;
    if (!is_plain(arguments, count) || !has_data(arguments[0], &data, PyBUF_SIMPLE))
        return by_python(object, "_send_with", arguments, count, NULL);
    Deadline deadline;
    deadline_of(self, &deadline);
    int64_t sent;
    int again;
    do {
        Py_BEGIN_ALLOW_THREADS
        sent = library.send(self->handle, data.buf, (size_t)data.len, deadline.limit);
        Py_END_ALLOW_THREADS
        again = goes_on(&deadline, &sent);
    } while (again > 0);
    PyBuffer_Release(&data);
    if (again < 0)
        return NULL;
    return sent < 0 ? fail(self, sent) : PyLong_FromLongLong(sent);
}

METHOD(send_everything)
{
    Endpoint *self = (Endpoint *)object;
    Py_buffer data;
    if (!is_plain(arguments, count) || !has_data(arguments[0], &data, PyBUF_SIMPLE))
        return by_python(object, "_sendall_with", arguments, count, NULL);
    Deadline deadline;
    deadline_of(self, &deadline);
    int64_t code = 0;
    size_t done = 0, size = (size_t)data.len;
    int again = 1;
    if (deadline.limit <= 0 && size > 0) {
        // Mostly all goes at once.
        Py_BEGIN_ALLOW_THREADS
        code = library.send(self->handle, data.buf, size, deadline.limit);
        Py_END_ALLOW_THREADS
        done = code > 0 ? (size_t)code : 0;
        // (-EINTR: what is behind it begins anew.)
        again = code < 0 ? goes_on(&deadline, &code) : done < size;
    }
    while (again > 0) {
        size_t sent = 0;
        Py_BEGIN_ALLOW_THREADS
        code = library.send_all(self->handle, (char *)data.buf + done, size - done, deadline.limit,
                                &sent);
        Py_END_ALLOW_THREADS
        done += sent;
        again = goes_on(&deadline, &code);
    }
    PyBuffer_Release(&data);
    if (again < 0)
        return NULL;
    if (code < 0)
        return fail(self, code);
    Py_RETURN_NONE;
}

int64_t send_at_once(Endpoint *self, const void *data, size_t size)
{
    // Other threads wait for no longer than it takes to copy this. To let them run takes longer.
    if (size <= AT_ONCE)
        return library.send(self->handle, data, size, 0);
    int64_t sent;
    Py_BEGIN_ALLOW_THREADS
    sent = library.send(self->handle, data, size, 0);
    Py_END_ALLOW_THREADS
    return sent;
}

/** `_send_now(data)`: without waiting, the library's result. */
METHOD(send_now)
{
    Py_buffer data;
    if (!has_arguments("_send_now", count, 1, 1) || !has_data(arguments[0], &data, PyBUF_SIMPLE))
        return NULL;
    int64_t sent = send_at_once((Endpoint *)object, data.buf, (size_t)data.len);
    PyBuffer_Release(&data);
    return PyLong_FromLongLong(sent);
}

// ---- Receiving

/** How much has come, as socket.socket has it: 0 is the end too, and a message may be cut.
 * -1: an exception is set. */
static Py_ssize_t receive(Endpoint *self, void *room, Py_ssize_t size)
{
    Deadline deadline;
    deadline_of(self, &deadline);
    int64_t received;
    int again;
    do {
        Py_BEGIN_ALLOW_THREADS
        received = library.recv(self->handle, room, (size_t)size, deadline.limit);
        Py_END_ALLOW_THREADS
        again = goes_on(&deadline, &received);
    } while (again > 0);
    if (again < 0)
        return -1;
    if (received >= 0)
        return (Py_ssize_t)received;
    if (received == UDSOCK_EOF)
        return 0;
    if (received == -EMSGSIZE)
        return size;
    fail(self, received);
    return -1;
}

METHOD(recv_some)
{
    Endpoint *self = (Endpoint *)object;
    Py_ssize_t size = 0;
    if (!is_plain(arguments, count) || !PyLong_CheckExact(arguments[0]) ||
        (size = PyLong_AsSsize_t(arguments[0])) <= 0)
        return by_python(object, "_recv_with", arguments, count, NULL);
    size = size < LARGEST ? size : LARGEST;
    char small[SMALL];
    if (size <= SMALL) {
        Py_ssize_t received = receive(self, small, size);
        return received < 0 ? NULL : PyBytes_FromStringAndSize(small, received);
    }
    PyObject *data = PyBytes_FromStringAndSize(NULL, size);
    if (data == NULL)
        return NULL;
    Py_ssize_t received = receive(self, PyBytes_AsString(data), size);
    if (received == size)
        return data;
    PyObject *part = received < 0 ? NULL : PyBytes_FromStringAndSize(PyBytes_AsString(data), received);
    Py_DECREF(data);
    return part;
}

PyObject *recv_into(PyObject *object, PyObject *const *arguments, Py_ssize_t count, PyObject *names)
{
    Py_buffer room;
    if (names != NULL || count != 1 || !has_data(arguments[0], &room, PyBUF_WRITABLE))
        return by_python(object, "_recv_into_with", arguments, count, names);
    Py_ssize_t received = room.len ? receive((Endpoint *)object, room.buf, room.len) : 0;
    PyBuffer_Release(&room);
    return received < 0 ? NULL : PyLong_FromSsize_t(received);
}

/** Room for AT_ONCE bytes that nobody uses. */
static char *_Atomic spare_room;

PyObject *receive_at_once(Endpoint *self, int64_t *code)
{
    *code = 0;
    // (malloc and free of so much take longer than the rest of this.)
    char *room = atomic_exchange(&spare_room, NULL);
    if (room == NULL && (room = malloc(AT_ONCE)) == NULL)
        return PyErr_NoMemory();
    // (Other threads wait meanwhile, as when something is sent.)
    int64_t received = library.recv(self->handle, room, AT_ONCE, 0);
    PyObject *data = NULL;
    if (received < 0)
        *code = received;
    else
        data = PyBytes_FromStringAndSize(room, (Py_ssize_t)received);
    free(atomic_exchange(&spare_room, room));
    return data;
}

/** `_recv_now()`: without waiting, what is there, or the library's code. */
METHOD(recv_now)
{
    (void)arguments;
    if (!has_arguments("_recv_now", count, 0, 0))
        return NULL;
    int64_t code;
    PyObject *data = receive_at_once((Endpoint *)object, &code);
    return code < 0 ? PyLong_FromLongLong(code) : data;
}
