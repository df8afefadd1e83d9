// The Node-API module: one function, load(file, version, whether there is a libuv), whose result
// has the rest.

#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ahead.h"
#include "calls.h"
#include "log.h"
#include "loop.h"
#include "values.h"
#include "watch.h"
#include "work.h"

/** The handles of a worker thread. They are closed when it ends, in whichever way. */
struct owned {
    int64_t *handles;
    size_t count;
    size_t capacity;
    /** The inodes of its streams' sockets, by their descriptors; 0: there is none. */
    ino_t *streams;
    size_t streams_count;
};

/** Shuts down the streams that the runtime has left open, so that the peers see the end. */
static void end_streams(struct owned *owned) {
    for (size_t fd = 0; fd < owned->streams_count; fd++) {
        struct stat socket;
        bool is_open = owned->streams[fd] != 0 && fstat((int)fd, &socket) == 0;
        if (is_open && socket.st_ino == owned->streams[fd]) shutdown((int)fd, SHUT_RDWR);
    }
    free(owned->streams);
}

static void close_owned(void *data) {
    struct owned *owned = data;
    for (size_t i = 0; i < owned->count; i++) library.close(owned->handles[i]);
    end_streams(owned);
    free(owned->handles);
    free(owned);
}

static struct owned *owned_by(napi_env env) {
    void *owned = NULL;
    napi_get_instance_data(env, &owned);
    return owned;
}

static napi_value call_own(napi_env env, napi_callback_info info) {
    napi_value a[1];
    read_arguments(env, info, a, 1);
    struct owned *owned = owned_by(env);
    if (owned == NULL) return NULL;
    if (owned->count == owned->capacity) {
        size_t capacity = owned->capacity == 0 ? 16 : 2 * owned->capacity;
        int64_t *handles = realloc(owned->handles, capacity * sizeof *handles);
        // Without memory for it the handle stays open until the process ends.
        if (handles == NULL) return NULL;
        owned->handles = handles;
        owned->capacity = capacity;
    }
    owned->handles[owned->count++] = integer_of(env, a[0]);
    return NULL;
}

/** (a stream's descriptor): the stream is shut down if it outlives the thread. */
static napi_value call_own_stream(napi_env env, napi_callback_info info) {
    napi_value a[1];
    struct stat socket;
    read_arguments(env, info, a, 1);
    struct owned *owned = owned_by(env);
    int64_t fd = integer_of(env, a[0]);
    if (owned == NULL || fstat((int)fd, &socket) != 0) return NULL;
    size_t count = (size_t)fd + 1;
    if (count > owned->streams_count) {
        ino_t *streams = realloc(owned->streams, 2 * count * sizeof *streams);
        if (streams == NULL) return NULL;
        for (size_t i = owned->streams_count; i < 2 * count; i++) streams[i] = 0;
        owned->streams = streams;
        owned->streams_count = 2 * count;
    }
    owned->streams[fd] = socket.st_ino;
    return NULL;
}

static napi_value call_disown_handle(napi_env env, napi_callback_info info) {
    napi_value a[1];
    read_arguments(env, info, a, 1);
    struct owned *owned = owned_by(env);
    int64_t handle = integer_of(env, a[0]);
    for (size_t i = owned == NULL ? 0 : owned->count; i-- > 0;) {
        if (owned->handles[i] != handle) continue;
        owned->handles[i] = owned->handles[--owned->count];
        break;
    }
    return NULL;
}

/** Whether this is the process's first thread. (Loading node:worker_threads would take longer.) */
static napi_value call_is_main_thread(napi_env env, napi_callback_info info) {
    (void)info;
    return number(env, getpid() == (pid_t)syscall(SYS_gettid));
}

static napi_value load(napi_env env, napi_callback_info info) {
    static const struct function functions[] = {
        {"own", call_own},
        {"own_stream", call_own_stream},
        {"disown_handle", call_disown_handle},
        {"is_main_thread", call_is_main_thread},
    };
    napi_value a[3], calls;
    char file[TEXT_SIZE];
    read_arguments(env, info, a, 3);
    uint32_t needed = (uint32_t)integer_of(env, a[1]);
    const char *wrong = text_of(env, a[0], file) == NULL ? "no file" : load_library(file, needed);
    if (wrong != NULL) {
        napi_throw_error(env, NULL, wrong);
        return NULL;
    }
    choose_loop(integer_of(env, a[2]) != 0);
    if (napi_create_object(env, &calls) != napi_ok) return NULL;
    define_functions(env, calls, functions, sizeof functions / sizeof *functions);
    define_ahead(env, calls);
    define_calls(env, calls);
    define_log(env, calls);
    define_watches(env, calls);
    define_work(env, calls);
    return calls;
}

NAPI_MODULE_INIT() {
    static const struct function functions[] = {{"load", load}};
    // The first hook runs last: by then nothing watches what it closes.
    struct owned *owned = calloc(1, sizeof *owned);
    if (owned != NULL) {
        napi_set_instance_data(env, owned, NULL, NULL);
        napi_add_env_cleanup_hook(env, close_owned, owned);
    }
    define_functions(env, exports, functions, 1);
    return exports;
}
