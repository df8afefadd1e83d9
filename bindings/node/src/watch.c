// A watch calls back whenever its descriptor is ready. A watch without a descriptor calls back once
// for each time that it was told to: after the loop has next looked for what is ready, before
// immediates. A watch ends with its thread: a hook closes it before the loop ends. So nothing is
// called in a thread that has ended.

#include "watch.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "calls.h"
#include "loop.h"
#include "values.h"

struct watch {
    napi_env env;
    /** A uv_poll_t, or without a descriptor a uv_check_t. */
    uv_handle *handle;
    /**
     * A uv_prepare_t, or with a descriptor NULL. It tells the calls that were asked for before the
     * loop looked from those that were asked for after it, by what the look has found.
     */
    uv_handle *prepare;
    /** How many calls were asked for since the last look; how many before it. */
    unsigned asked;
    unsigned due;
    /** The events for which it calls back. */
    int events;
    napi_ref callback;
    napi_async_context context;
    napi_async_cleanup_hook_handle hook;
    /** The server from which connections are accepted; 0: the watch only reports what is ready. */
    udsock_t server;
    /** Accepted connections are passed as descriptors, not as handles. */
    bool releases;
    /** Whether several were waiting at the last look. */
    bool has_many;
    unsigned rounds;
    bool is_open;
    /** How many of its handles the loop has. */
    int in_loop;
    bool has_env_ended;
    /** How many hold it: JavaScript, and the loop. */
    int owners;
};

/** In one of so many rounds there is a look whether more than one client is waiting. */
enum { LOOKS_EVERY = 16 };

static void let_go(struct watch *watch) {
    if (--watch->owners > 0) return;
    free(watch->handle);
    free(watch->prepare);
    free(watch);
}

static void after_close(uv_handle *handle) {
    struct watch *watch = handle->data;
    napi_env env = watch->env;
    napi_handle_scope scope;
    if (--watch->in_loop > 0) return;
    // (Deno allows none of this at the end.)
    if (watch->has_env_ended && !loop.runs_at_end) return let_go(watch);
    if (napi_open_handle_scope(env, &scope) == napi_ok) {
        napi_delete_reference(env, watch->callback);
        napi_async_destroy(env, watch->context);
        napi_close_handle_scope(env, scope);
    }
    napi_remove_async_cleanup_hook(watch->hook);
    let_go(watch);
}

static void close_watch(struct watch *watch) {
    if (!watch->is_open) return;
    watch->is_open = false;
    loop.close(watch->handle, after_close);
    if (watch->prepare != NULL) loop.close(watch->prepare, after_close);
}

static void on_thread_end(napi_async_cleanup_hook_handle hook, void *data) {
    (void)hook;
    struct watch *watch = data;
    watch->has_env_ended = true;
    close_watch(watch);
}

/** Calls JavaScript. What that throws becomes an uncaught exception. Whether it could be called. */
static bool call_back(struct watch *watch, int64_t argument) {
    napi_env env = watch->env;
    napi_handle_scope scope;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return false;
    // (Deno's napi_make_callback needs room for the result.)
    napi_value global, callback, result, value = number(env, argument);
    napi_status status = napi_get_global(env, &global);
    if (status == napi_ok) status = napi_get_reference_value(env, watch->callback, &callback);
    if (status == napi_ok) {
        status = napi_make_callback(env, watch->context, global, callback, 1, &value, &result);
    }
    if (status == napi_pending_exception) {
        napi_value thrown;
        if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) {
            napi_fatal_exception(env, thrown);
        }
    }
    napi_close_handle_scope(env, scope);
    return status == napi_ok || status == napi_pending_exception;
}

static int64_t accept_connection(const struct watch *watch) {
    int64_t connection = library.accept(watch->server, 0, NULL);
    return connection >= 0 && watch->releases ? library.release(connection) : connection;
}

static void close_connection(const struct watch *watch, int64_t connection) {
    if (watch->releases) close((int)connection);
    else library.close(connection);
}

/**
 * If clients come one by one, a round accepts one: looking for another takes one more system call
 * for each. Now and then a round looks all the same; if it finds more, the next rounds look, too.
 */
static void accept_connections(struct watch *watch) {
    bool looks = watch->has_many || ++watch->rounds % LOOKS_EVERY == 0;
    int most = looks ? loop.most_calls : 1;
    int accepted = 0;
    while (accepted < most && watch->is_open) {
        int64_t connection = accept_connection(watch);
        if (connection == -EAGAIN || connection == -EINTR) break;
        if (!call_back(watch, connection) && connection >= 0) close_connection(watch, connection);
        if (connection < 0) break;
        accepted += 1;
    }
    if (looks) watch->has_many = accepted > 1;
}

/** libuv stops at an error. But a peer's reset is one before what it has sent is received. */
static void on_ready(uv_handle *handle, int status, int events) {
    struct watch *watch = handle->data;
    if (status < 0 && watch->events != 0) loop.poll_start(handle, watch->events, on_ready);
    if (watch->server != 0) accept_connections(watch);
    else call_back(watch, status < 0 ? UV_READABLE | UV_WRITABLE : events);
}

/** Each call has a turn of its own, in which promises and ticks run. */
static void on_check(uv_handle *handle) {
    struct watch *watch = handle->data;
    for (int i = 0; i < loop.most_calls && watch->is_open && watch->due > 0; i++) {
        watch->due -= 1;
        call_back(watch, 0);
    }
    if (watch->is_open && watch->due == 0) loop.check_stop(handle);
}

static void on_prepare(uv_handle *prepare) {
    struct watch *watch = prepare->data;
    watch->due += watch->asked;
    watch->asked = 0;
    loop.prepare_stop(prepare);
    loop.check_start(watch->handle, on_check);
}

static void on_collected(napi_env env, void *watch, void *hint) {
    (void)env;
    (void)hint;
    close_watch(watch);
    let_go(watch);
}

static uv_handle *new_handle(struct watch *watch, int type) {
    uv_handle *handle = calloc(1, loop.handle_size(type));
    if (handle != NULL) handle->data = watch;
    return handle;
}

/** A new watch, which nothing knows of yet; NULL: there is no memory. */
static struct watch *allocate(bool has_descriptor) {
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) return NULL;
    watch->owners = 1;
    watch->handle = new_handle(watch, has_descriptor ? UV_POLL_HANDLE : UV_CHECK_HANDLE);
    if (!has_descriptor) watch->prepare = new_handle(watch, UV_PREPARE_HANDLE);
    if (watch->handle != NULL && (has_descriptor || watch->prepare != NULL)) return watch;
    let_go(watch);
    return NULL;
}

static bool prepare(napi_env env, struct watch *watch, napi_value callback) {
    watch->env = env;
    return napi_create_reference(env, callback, 1, &watch->callback) == napi_ok &&
           napi_async_init(env, NULL, string(env, "udsock"), &watch->context) == napi_ok;
}

static bool add_to_loop(napi_env env, struct watch *watch, int fd) {
    struct uv_loop_s *of_thread = loop.of(env);
    if (of_thread == NULL) return false;
    uv_handle *handle = watch->handle;
    int result = fd >= 0 ? loop.poll_init(of_thread, handle, fd)
                         : loop.check_init(of_thread, handle);
    if (result != 0) return false;
    // (Neither this nor check_init ever fails.)
    if (watch->prepare != NULL) loop.prepare_init(of_thread, watch->prepare);
    watch->in_loop = watch->prepare != NULL ? 2 : 1;
    // From here on the loop closes it.
    watch->owners += 1;
    watch->is_open = true;
    return napi_add_async_cleanup_hook(env, on_thread_end, watch, &watch->hook) == napi_ok;
}

/**
 * (descriptor or -1, callback[, server[, whether it is told descriptors]]): an object for the
 * functions below; undefined: it can't be had.
 */
static napi_value call_watch_open(napi_env env, napi_callback_info info) {
    napi_value a[4], external = NULL;
    read_arguments(env, info, a, 4);
    int fd = (int)integer_of(env, a[0]);
    struct watch *watch = allocate(fd >= 0);
    if (watch == NULL) return NULL;
    watch->server = integer_of(env, a[2]);
    watch->releases = integer_of(env, a[3]) != 0;
    if (napi_create_external(env, watch, on_collected, NULL, &external) != napi_ok) {
        let_go(watch);
        return NULL;
    }
    bool is_open = prepare(env, watch, a[1]) && add_to_loop(env, watch, fd);
    return is_open ? external : NULL;
}

static struct watch *watch_of(napi_env env, napi_value value) {
    void *watch = NULL;
    napi_valuetype type;
    if (napi_typeof(env, value, &type) != napi_ok || type != napi_external) return NULL;
    napi_get_value_external(env, value, &watch);
    return watch != NULL && ((struct watch *)watch)->is_open ? watch : NULL;
}

static int listen_to(struct watch *watch, int events) {
    uv_handle *handle = watch->handle;
    watch->events = events;
    return events == 0 ? loop.poll_stop(handle) : loop.poll_start(handle, events, on_ready);
}

static int ask_for_call(struct watch *watch) {
    watch->asked += 1;
    return loop.prepare_start(watch->prepare, on_prepare);
}

/** (watch, events: 1 to read, 2 to write, 0 none); without a descriptor it asks for one call. */
static napi_value call_watch_listen(napi_env env, napi_callback_info info) {
    napi_value a[2];
    read_arguments(env, info, a, 2);
    struct watch *watch = watch_of(env, a[0]);
    if (watch == NULL) return number(env, -EBADF);
    if (watch->prepare != NULL) return number(env, ask_for_call(watch));
    return number(env, listen_to(watch, (int)integer_of(env, a[1]) & (UV_READABLE | UV_WRITABLE)));
}

/** (watch, whether it keeps the process alive) */
static napi_value call_watch_hold(napi_env env, napi_callback_info info) {
    napi_value a[2];
    read_arguments(env, info, a, 2);
    struct watch *watch = watch_of(env, a[0]);
    if (watch == NULL) return NULL;
    if (integer_of(env, a[1]) != 0) loop.ref(watch->handle);
    else loop.unref(watch->handle);
    return NULL;
}

static napi_value call_watch_close(napi_env env, napi_callback_info info) {
    napi_value a[1];
    read_arguments(env, info, a, 1);
    struct watch *watch = watch_of(env, a[0]);
    if (watch != NULL) close_watch(watch);
    return NULL;
}

void define_watches(napi_env env, napi_value exports) {
    static const struct function functions[] = {
        {"watch_open", call_watch_open},
        {"watch_listen", call_watch_listen},
        {"watch_hold", call_watch_hold},
        {"watch_close", call_watch_close},
    };
    define_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
