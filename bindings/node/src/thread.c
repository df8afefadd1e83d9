// A loop for runtimes that have none for us. A thread waits until some descriptor is ready, and
// then rings, by a thread-safe function. All the rest is done in JavaScript's thread, while the
// other one waits: finding out which descriptor is ready, calling back, adding and removing. So the
// thread knows nothing of what it waits for, and nothing has to be locked.
//
// Each callback is called by setImmediate: after such a call every runtime runs promises and ticks.
// Deno does not after the calls of a thread-safe function.

#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop.h"
#include "values.h"

/** How many ready descriptors are asked for at once. */
enum { MOST_READY = 64 };

enum { STACK_SIZE = 256 * 1024 };

struct waiter;

/** The beginning is a uv_handle. */
struct handle {
    void *data;
    struct waiter *waiter;
    int fd;
    int events;
    bool is_held;
    uv_poll_callback on_ready;
    /** Of a prepare and of a check handle. */
    void (*on_turn)(uv_handle *handle);
    void (*on_closed)(uv_handle *handle);
    /** The next one that is being closed, or that is called before a look, or after it. */
    struct handle *next;
};

struct waiter {
    napi_env env;
    napi_threadsafe_function bell;
    pthread_t thread;
    /** What is watched; and `end`, which is ready when the thread is to end. */
    int epoll;
    int end;
    atomic_bool is_ending;
    /** Posted when JavaScript's thread has done what the other one has rung for. */
    sem_t done;
    /** How many handles keep the process alive. */
    size_t held;
    struct handle *closing;
    struct handle *prepared;
    struct handle *checked;
    /** setImmediate, and the function that it is given. */
    napi_ref set_immediate;
    napi_ref turn;
    /** setImmediate was called; the thread has rung, and waits. */
    bool has_turn;
    bool has_rung;
    /** What is being called back: `ready[next]` and what follows. */
    struct epoll_event ready[MOST_READY];
    int next;
    int count;
};

static __thread struct waiter *waiter_of_thread;

// ---- the thread

static void *wait_and_ring(void *argument) {
    struct waiter *waiter = argument;
    struct pollfd something = {.fd = waiter->epoll, .events = POLLIN};
    for (;;) {
        while (poll(&something, 1, -1) < 0 && errno == EINTR) continue;
        if (atomic_load(&waiter->is_ending)) return NULL;
        if (napi_call_threadsafe_function(waiter->bell, waiter, napi_tsfn_nonblocking) != napi_ok) {
            return NULL;
        }
        while (sem_wait(&waiter->done) < 0 && errno == EINTR) continue;
    }
}

/** Makes the thread, which gets none of the process's signals. */
static bool start_thread(struct waiter *waiter) {
    sigset_t all, before;
    pthread_attr_t attributes;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int result = pthread_create(&waiter->thread, &attributes, wait_and_ring, waiter);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return result == 0;
}

// ---- in JavaScript's thread

static void schedule_turn(struct waiter *waiter) {
    napi_env env = waiter->env;
    napi_value global, set_immediate, turn, result;
    if (waiter->has_turn) return;
    // (If this fails, the environment is about to end.)
    waiter->has_turn =
        napi_get_global(env, &global) == napi_ok &&
        napi_get_reference_value(env, waiter->set_immediate, &set_immediate) == napi_ok &&
        napi_get_reference_value(env, waiter->turn, &turn) == napi_ok &&
        napi_call_function(env, global, set_immediate, 1, &turn, &result) == napi_ok;
}

static void call_each(struct handle *first) {
    for (struct handle *next, *handle = first; handle != NULL; handle = next) {
        next = handle->next;
        handle->on_turn((uv_handle *)handle);
    }
}

static void close_all(struct waiter *waiter) {
    for (struct handle *handle; (handle = waiter->closing) != NULL;) {
        waiter->closing = handle->next;
        handle->on_closed((uv_handle *)handle);
    }
}

/** The events as libuv reports them: after a hangup everything that is watched is ready. */
static int readiness(const struct handle *handle, uint32_t events) {
    if (events & (EPOLLERR | EPOLLHUP)) return handle->events;
    int ready = (events & EPOLLIN ? UV_READABLE : 0) | (events & EPOLLOUT ? UV_WRITABLE : 0);
    return ready & handle->events;
}

static bool is_ready(const struct waiter *waiter) {
    return waiter->next < waiter->count;
}

static void look(struct waiter *waiter) {
    call_each(waiter->prepared);
    waiter->next = 0;
    waiter->count = epoll_wait(waiter->epoll, waiter->ready, MOST_READY, 0);
}

static bool has_turns_left(const struct waiter *waiter) {
    return waiter->prepared != NULL || waiter->checked != NULL || waiter->has_rung;
}

static void call_back_next(struct waiter *waiter) {
    const struct epoll_event *event = &waiter->ready[waiter->next++];
    struct handle *handle = event->data.ptr;
    int events = handle == NULL ? 0 : readiness(handle, event->events);
    if (events != 0) handle->on_ready((uv_handle *)handle, 0, events);
}

/** Lets the thread wait again, once nothing is ready any more: waking it costs more than a call. */
static void let_wait(struct waiter *waiter) {
    waiter->has_rung = false;
    sem_post(&waiter->done);
}

/** Calls back what is ready, one by one; then those that come after it. */
static napi_value take_turn(napi_env env, napi_callback_info info) {
    (void)env;
    (void)info;
    struct waiter *waiter = waiter_of_thread;
    if (waiter == NULL) return NULL;
    waiter->has_turn = false;
    if (!is_ready(waiter) && waiter->checked == NULL) look(waiter);
    if (is_ready(waiter)) call_back_next(waiter);
    else if (waiter->checked != NULL) call_each(waiter->checked);
    else if (waiter->has_rung) let_wait(waiter);
    // (A call that setImmediate is to make keeps the process alive.)
    if (waiter->held == 0 && waiter->has_rung) let_wait(waiter);
    if (has_turns_left(waiter)) schedule_turn(waiter);
    return NULL;
}

/** `by`: the waiter, if its thread rang; NULL: there is something to close. */
static void on_ring(napi_env env, napi_value callback, void *context, void *by) {
    (void)callback;
    struct waiter *waiter = context;
    // Without an environment the thread is about to end.
    if (env == NULL) return;
    if (by == NULL) return close_all(waiter);
    waiter->has_rung = true;
    schedule_turn(waiter);
}

static void end_waiter(void *argument) {
    struct waiter *waiter = argument;
    uint64_t one = 1;
    atomic_store(&waiter->is_ending, true);
    // (An eventfd takes it.)
    while (write(waiter->end, &one, sizeof one) < 0 && errno == EINTR) continue;
    sem_post(&waiter->done);
    pthread_join(waiter->thread, NULL);
    napi_release_threadsafe_function(waiter->bell, napi_tsfn_abort);
    close_all(waiter);
    close(waiter->epoll);
    close(waiter->end);
    sem_destroy(&waiter->done);
    free(waiter);
    waiter_of_thread = NULL;
}

static bool open_descriptors(struct waiter *waiter) {
    waiter->epoll = epoll_create1(EPOLL_CLOEXEC);
    waiter->end = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    return waiter->epoll >= 0 && waiter->end >= 0 &&
           epoll_ctl(waiter->epoll, EPOLL_CTL_ADD, waiter->end, &event) == 0;
}

static bool hang_up_bell(struct waiter *waiter) {
    napi_env env = waiter->env;
    napi_value global, set_immediate, turn, name = string(env, "udsock");
    bool has_turns =
        napi_get_global(env, &global) == napi_ok &&
        napi_get_named_property(env, global, "setImmediate", &set_immediate) == napi_ok &&
        napi_create_reference(env, set_immediate, 1, &waiter->set_immediate) == napi_ok &&
        napi_create_function(env, NULL, 0, take_turn, NULL, &turn) == napi_ok &&
        napi_create_reference(env, turn, 1, &waiter->turn) == napi_ok;
    if (!has_turns) return false;
    napi_status status = napi_create_threadsafe_function(env, NULL, NULL, name, 0, 1, NULL, NULL,
                                                         waiter, on_ring, &waiter->bell);
    // It keeps the process alive only while something is held.
    if (status == napi_ok) napi_unref_threadsafe_function(env, waiter->bell);
    return status == napi_ok;
}

static struct waiter *new_waiter(napi_env env) {
    struct waiter *waiter = calloc(1, sizeof *waiter);
    if (waiter == NULL) return NULL;
    waiter->env = env;
    sem_init(&waiter->done, 0, 0);
    bool has_descriptors = open_descriptors(waiter);
    bool has_bell = has_descriptors && hang_up_bell(waiter);
    if (has_bell && start_thread(waiter)) {
        napi_add_env_cleanup_hook(env, end_waiter, waiter);
        return waiter;
    }
    if (has_bell) napi_release_threadsafe_function(waiter->bell, napi_tsfn_abort);
    if (waiter->epoll >= 0) close(waiter->epoll);
    if (waiter->end >= 0) close(waiter->end);
    sem_destroy(&waiter->done);
    free(waiter);
    return NULL;
}

static struct uv_loop_s *waiter_of(napi_env env) {
    if (waiter_of_thread == NULL) waiter_of_thread = new_waiter(env);
    return (struct uv_loop_s *)waiter_of_thread;
}

// ---- libuv's functions

static size_t handle_size(int type) {
    (void)type;
    return sizeof(struct handle);
}

static int poll_init(struct uv_loop_s *waiter, uv_handle *to_be, int fd) {
    struct handle *handle = (struct handle *)to_be;
    handle->waiter = (struct waiter *)waiter;
    handle->fd = fd;
    handle->is_held = true;
    return 0;
}

/** Whether this handle keeps the process alive; asked before and after a change. */
static bool holds(const struct handle *handle) {
    return handle->is_held && handle->events != 0;
}

static void count_held(struct waiter *waiter, bool before, bool after) {
    if (before == after) return;
    waiter->held += after ? 1 : -1;
    if (after && waiter->held == 1) napi_ref_threadsafe_function(waiter->env, waiter->bell);
    if (!after && waiter->held == 0) napi_unref_threadsafe_function(waiter->env, waiter->bell);
}

static int init(struct uv_loop_s *waiter, uv_handle *handle) {
    return poll_init(waiter, handle, -1);
}

static void put_into(struct handle **list, uv_handle *started, void (*on_turn)(uv_handle *)) {
    struct handle *handle = (struct handle *)started;
    if (handle->events != 0) return;
    handle->on_turn = on_turn;
    handle->events = UV_READABLE;
    handle->next = *list;
    *list = handle;
    count_held(handle->waiter, false, holds(handle));
    schedule_turn(handle->waiter);
}

static void take_out_of(struct handle **list, uv_handle *stopped) {
    struct handle *handle = (struct handle *)stopped;
    bool before = holds(handle);
    while (*list != NULL && *list != handle) list = &(*list)->next;
    if (*list != NULL) *list = handle->next;
    handle->events = 0;
    count_held(handle->waiter, before, false);
}

static int prepare_start(uv_handle *handle, uv_prepare_callback callback) {
    put_into(&((struct handle *)handle)->waiter->prepared, handle, callback);
    return 0;
}

static int prepare_stop(uv_handle *handle) {
    take_out_of(&((struct handle *)handle)->waiter->prepared, handle);
    return 0;
}

static int check_start(uv_handle *handle, uv_check_callback callback) {
    put_into(&((struct handle *)handle)->waiter->checked, handle, callback);
    return 0;
}

static int check_stop(uv_handle *handle) {
    take_out_of(&((struct handle *)handle)->waiter->checked, handle);
    return 0;
}

static int listen_to(struct handle *handle, int events) {
    struct waiter *waiter = handle->waiter;
    bool before = holds(handle);
    struct epoll_event event = {
        .events = (events & UV_READABLE ? EPOLLIN : 0) | (events & UV_WRITABLE ? EPOLLOUT : 0),
        .data.ptr = handle,
    };
    int change = handle->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (events == 0) change = EPOLL_CTL_DEL;
    if (events == handle->events) return 0;
    if (epoll_ctl(waiter->epoll, change, handle->fd, &event) < 0 && events != 0) return -errno;
    handle->events = events;
    count_held(waiter, before, holds(handle));
    return 0;
}

static int poll_start(uv_handle *started, int events, uv_poll_callback callback) {
    struct handle *handle = (struct handle *)started;
    handle->on_ready = callback;
    return listen_to(handle, events);
}

static int poll_stop(uv_handle *handle) {
    return listen_to((struct handle *)handle, 0);
}

static void hold(uv_handle *held, bool is_held) {
    struct handle *handle = (struct handle *)held;
    bool before = holds(handle);
    handle->is_held = is_held;
    count_held(handle->waiter, before, holds(handle));
}

static void ref_handle(uv_handle *handle) {
    hold(handle, true);
}

static void unref_handle(uv_handle *handle) {
    hold(handle, false);
}

static void close_handle(uv_handle *closed, void (*callback)(uv_handle *handle)) {
    struct handle *handle = (struct handle *)closed;
    struct waiter *waiter = handle->waiter;
    listen_to(handle, 0);
    take_out_of(&waiter->prepared, closed);
    take_out_of(&waiter->checked, closed);
    for (int i = waiter->next; i < waiter->count; i++) {
        if (waiter->ready[i].data.ptr == handle) waiter->ready[i].data.ptr = NULL;
    }
    handle->on_closed = callback;
    handle->next = waiter->closing;
    waiter->closing = handle;
    // Later, since its callback may be running, or the garbage collector.
    if (handle->next != NULL) return;
    napi_call_threadsafe_function(waiter->bell, NULL, napi_tsfn_nonblocking);
}

const struct loop waiting_thread = {
    .of = waiter_of,
    .handle_size = handle_size,
    .poll_init = poll_init,
    .poll_start = poll_start,
    .poll_stop = poll_stop,
    .check_init = init,
    .check_start = check_start,
    .check_stop = check_stop,
    .prepare_init = init,
    .prepare_start = prepare_start,
    .prepare_stop = prepare_stop,
    .close = close_handle,
    .ref = ref_handle,
    .unref = unref_handle,
    .most_calls = 1,
};
