// What the accelerator has for udsock.aio: the classes that its own are derived from.

#ifndef UDSOCK_PYTHON_LOOP_H
#define UDSOCK_PYTHON_LOOP_H

#include "endpoint.h"

/** Names of methods in Python that are called from here. */
#define METHODS(X)                                                                                \
    X(_choose_delivery) X(_close_shared) X(_close_with) X(_connection_lost) X(_drop) X(_flush)    \
    X(_flush_with) X(_has_collected) X(_keep_unsent) X(_move) X(_raise) X(_set_blocked) X(_tell)  \
    X(_turn) X(_write_with) X(_abandoned) X(abort) X(accepted) X(broke) X(call_soon) X(cancel)    \
    X(close) X(connection_lost) X(connection_made) X(data_received) X(deliver) X(detach)          \
    X(ended) X(flush) X(forget) X(settimeout) X(tell)

struct method_names {
#define NAME(name) PyObject *name;
    METHODS(NAME)
#undef NAME
};

/** What belongs to the module, and so to one interpreter. */
typedef struct {
    struct method_names name;
    /** The class of this file, and the package's class of sockets. */
    PyTypeObject *turn, *dispatch, *stream, *socket;
    /** asyncio.BufferedProtocol. */
    PyTypeObject *buffered;
    /** The class of the first stream, to compare with: mostly there is one. */
    PyTypeObject *usual;
} Loops;

/** The module's, by an object of a class that is derived from one with this `tp_dealloc`. */
Loops *loops_of(PyObject *object, destructor end);

/** Calls a method, and forgets what it returns. Whether it has raised nothing. */
bool tell(PyObject *object, PyObject *method, PyObject *argument);

/** The exception that was raised, if it is one that a member is told of. NULL: SystemExit and
 * KeyboardInterrupt go on, and are still raised. */
PyObject *caught(void);

/** Tells a member of the exception that it has raised. Whether that is over. */
bool tell_broken(Loops *loops, PyObject *member);

/** Exceptions that wait until something was done all the same. */
typedef struct {
    PyObject *type, *value, *trace;
} Raised;

Raised put_aside(void);

/** Raises it again. What was raised meanwhile is lost. */
void raise_again(Raised raised);

// ---- Turn, in _turn.py

typedef struct {
    PyObject_HEAD
    Loops *loops;
    /** A weak reference. */
    PyObject *loop;
    PyObject *senders;
    char is_turning;
    char will_flush;
} Turn;

extern PyType_Spec turn_spec;

/** What the methods need is there before __init__, and also if that is never called. */
PyObject *new_turn(PyTypeObject *type, PyObject *arguments, PyObject *names);

bool open_turn(Turn *self, PyObject *loop);
int visit_turn(Turn *self, visitproc visit, void *arg);
int clear_turn(PyObject *object);

/** Has this method of a turn called soon. */
bool call_soon(Turn *self, PyObject *method);

/** Has this flushed at the end of the turn. */
bool flush_later(Turn *self, PyObject *sender);

/** Flushes all that have something to send. */
bool flush_turn(Turn *self);

// ---- Dispatch, in _dispatch.py

typedef struct {
    Turn turn;
    PyObject *poller;
    PyObject *members;
    PyObject *moving;
    udsock_t handle;
    Py_buffer events, room;
    /** The event that is next, of so many. */
    size_t next, count;
    /** Whether the last turn has not come to its end. */
    char is_interrupted;
    char is_final;
} Dispatch;

extern PyType_Spec dispatch_spec;

/** Takes the socket with this number out. Whether that has raised nothing. */
bool forget_member(Dispatch *self, PyObject *number);

// ---- Stream, in _stream.py

typedef struct {
    Loops *loops;
    PyObject *loop;
    /** A Turn; NULL: connection_lost was called. */
    PyObject *hub;
    /** An Endpoint. */
    PyObject *sock;
    PyObject *owner, *protocol;
    /** Takes what was received. NULL: the protocol, and it is counted. */
    PyObject *deliver;
    /** What was written first in this turn, or NULL; and what was written besides. */
    PyObject *first, *collected;
    PyObject *rest, *held, *end;
    /** The socket's number, as an object. */
    PyObject *number;
    /** `limit`: of the size, from which on the protocol is paused. */
    Py_ssize_t size, limit;
    int left;
    char will_flush, is_blocked, is_closing, is_lost, has_eof, is_protocol_paused;
} Stream;

/** How far from its beginning an object has the fields: behind those of its base class. */
extern Py_ssize_t stream_offset;

static inline Stream *stream_of(PyObject *object)
{
    return (Stream *)((char *)object + stream_offset);
}

static inline bool is_stream(const Loops *loops, PyObject *object)
{
    return Py_TYPE(object) == loops->usual || PyObject_TypeCheck(object, loops->stream);
}

static inline PyObject *new_reference(PyObject *object)
{
    Py_INCREF(object);
    return object;
}

/** Whether the hub is a Dispatch; if not, the loop watches the socket. */
static inline bool is_in_poller(const Stream *self)
{
    return self->hub != NULL && PyObject_TypeCheck(self->hub, self->loops->dispatch);
}

/** The class, or NULL. `base`: asyncio's, of which its transports are. */
PyObject *make_stream(PyObject *module, PyObject *base);

/** Tells the protocol what has come. */
bool deliver(PyObject *object, PyObject *data);

/** Sends what was written. */
bool flush_stream(PyObject *object);

/** What was written in this turn, as a list; borrowed. */
PyObject *collected_of(Stream *self);

/** Has connection_lost called in the next turn, once. */
bool finish_stream(PyObject *object, PyObject *error);

// Its methods. _stream.py says what each does.

PyObject *write_data(PyObject *object, PyObject *const *arguments, Py_ssize_t count,
                     PyObject *names);
METHOD(flush_now);
METHOD(readable);
METHOD(deliver_next);
METHOD(begin_stream);
METHOD(finish_with);
METHOD(close_stream);
METHOD(tell_closing);
METHOD(lose);
void finalize_stream(PyObject *object);

// ---- The module

/** `loop_types(flow_control, buffered, socket)`: the classes by name, or None. */
METHOD(loop_types);

int visit_loops(Loops *loops, visitproc visit, void *arg);
int clear_loops(Loops *loops);

#endif
