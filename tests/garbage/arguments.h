/*
 * Arguments that make sense, and others: handles, addresses, options, timeouts.
 */

#ifndef GARBAGE_ARGUMENTS_H
#define GARBAGE_ARGUMENTS_H

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "thread.h"

static bool alone;

static const uint32_t KINDS[] = { UDSOCK_STREAM, UDSOCK_DGRAM, UDSOCK_SEQPACKET };

static uint32_t any_kind(thread *t) {
    static const uint32_t BAD[] = { 0, 3, 4, 6, UINT32_MAX, 1U << 31 };
    return percent(t, 95) ? ONE_OF(t, KINDS) : ONE_OF(t, BAD);
}

static uint32_t any_bits(thread *t) {
    return percent(t, 50) ? (uint32_t)1 << below(t, 32) : (uint32_t)number(t);
}

/* Seldom a wait: ten million have to end. */
static int32_t any_timeout(thread *t) {
    static const int32_t BAD[] = { -2, -1000, INT32_MIN };
    uint64_t which = below(t, 100);
    return which < 94 ? 0 : which < 97 ? 1 : ONE_OF(t, BAD);
}

static int64_t check_timed(thread *t, int32_t timeout, int64_t result) {
    if (timeout < UDSOCK_FOREVER && result >= 0) fail(t, "a timeout of %d", timeout);
    return check(t, result);
}

/* ---- handles, which all threads share */

enum { KEPT = 96, POLLERS = 8, GRAVES = 256 };
static _Atomic udsock_t kept[KEPT];
static _Atomic udsock_t pollers[POLLERS];
static _Atomic udsock_t graves[GRAVES];

static void bury(thread *t, udsock_t handle) {
    graves[below(t, GRAVES)] = handle;
}

static void close_quietly(thread *t, udsock_t handle) {
    int32_t result = udsock_close(handle);
    if (result != 0 && result != -EBADF) fail(t, "close: %s", udsock_error_name(result));
    bury(t, handle);
}

/* A new handle goes to that place, and the one which has it is closed. */
static void keep_at(thread *t, _Atomic udsock_t *place, udsock_t handle) {
    if (handle < 0) return;
    if (handle <= UINT32_MAX || handle >= INT64_C(1) << 53) {
        fail(t, "%lld is no handle", (long long)handle);
    }
    udsock_t former = atomic_exchange(place, handle);
    if (former != 0) close_quietly(t, former);
}

/* It goes among the others. */
static void keep(thread *t, udsock_t handle) {
    keep_at(t, &kept[below(t, KEPT)], handle);
}

static udsock_t dead(thread *t, udsock_t handle) {
    t->dead = true;
    return handle;
}

static udsock_t any_handle(thread *t) {
    static const udsock_t ENDS[] = { INT64_MIN, INT64_MIN + 1, INT64_MAX, INT64_C(1) << 53 };
    udsock_t some = kept[below(t, KEPT)];
    switch (below(t, 32)) {
    case 0:
        return dead(t, graves[below(t, GRAVES)]);
    case 1:
        return dead(t, (udsock_t)below(t, 1024));
    case 2:
        return dead(t, -(udsock_t)below(t, 5000));
    case 3:
        return dead(t, ONE_OF(t, ENDS));
    case 4:
        return dead(t, -some);
    case 5:
        return some ^ (udsock_t)(UINT64_C(1) << below(t, 64));
    case 6:
        return (udsock_t)((uint64_t)some * 2);
    case 7:
        return (udsock_t)number(t);
    case 8:
        return pollers[below(t, POLLERS)];
    default:
        return some;
    }
}

/* Begins a call on a handle. */
static udsock_t on_handle(thread *t, const char *name) {
    begin(t, name);
    return t->handle = any_handle(t);
}

/* ---- addresses: text of its own size each */

enum { USABLE = 16, HOPELESS = 8, MOST_ADDRESSES = 64 };
static char *addresses[MOST_ADDRESSES]; /* usable ones, then hopeless ones, then others */
static size_t addresses_count;
static int sink;

static void add_address(const char *text) {
    addresses[addresses_count] = strdup(text);
    if (addresses[addresses_count++] == NULL) abort();
}

static char *repeated(const char *start, size_t count) {
    size_t length = strlen(start);
    char *text = memory(length + count + 1);
    memcpy(text, start, length);
    memset(text + length, 'x', count);
    text[length + count] = 0;
    return text;
}

static void add_long_address(const char *start, size_t count) {
    char *text = repeated(start, count);
    add_address(text);
    free(text);
}

static void make_addresses(void) {
    char text[4096];
    char here[2048];
    if (getcwd(here, sizeof here) == NULL) abort();
    char *deep = repeated("deep", 180);
    if (mkdir("directory", 0700) != 0 || mkdir(deep, 0700) != 0 || mkfifo("fifo", 0600) != 0
        || symlink("nowhere", "dangling") != 0 || symlink("loop", "loop") != 0) {
        abort();
    }
    close(open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text, "socket%d", i);
        add_address(text);
        snprintf(text, sizeof text, "%s/socket%d", here, i);
        add_address(text);
        snprintf(text, sizeof text, "@udsock-garbage-%d-%d\\0\\x80", (int)getpid(), i);
        add_address(text);
        snprintf(text, sizeof text, "%s/socket%d", deep, i);
        add_address(text);
    }
    free(deep);
    if (addresses_count != USABLE) abort();

    add_address("sink");
    add_address("");
    add_address("@\\q");
    add_address("@\\x1");
    add_address("@\\");
    add_long_address("@", 108);
    add_long_address("/", 4095);
    add_long_address("/", 100000);
    if (addresses_count != USABLE + HOPELESS) abort();

    static const char *const OTHERS[] = {
        "@", "none", "none/socket", "file", "file/socket", "directory", "directory/", ".", "..",
        "/", "fifo", "dangling", "dangling/socket", "loop", "loop/socket", "\xff\xfe", "a\nb",
        "./@file", "\\x41", " ",
    };
    for (size_t i = 0; i < sizeof OTHERS / sizeof *OTHERS; i++) add_address(OTHERS[i]);
    add_long_address("", 255);
    add_long_address("", 256);
    /* The longest there can be, and no other process's. */
    snprintf(text, sizeof text, "@%d-", (int)getpid());
    add_long_address(text, 107 - (strlen(text) - 1));

    struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "sink" };
    sink = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(sink, (struct sockaddr *)&name, sizeof name) != 0 || listen(sink, 4096) != 0) abort();
}

static const char *any_address(thread *t) {
    uint64_t which = below(t, 100);
    if (which < 4) return NULL;
    return addresses[below(t, which < 75 ? USABLE : addresses_count)];
}

/* Connecting there never waits: it fails, or somebody accepts. */
static const char *hopeless_address(thread *t) {
    for (int client; (client = accept(sink, NULL, NULL)) >= 0;) close(client);
    return percent(t, 10) ? NULL : addresses[USABLE + below(t, HOPELESS)];
}

/* ---- options, as long as their size says */

static const uint32_t SIZES[] = { 0, 3, 4, 8, 12, 16, 23, 24, 25, 31, 32, 33, 64, 4096, 5000 };

static uint32_t any_size(thread *t, size_t right) {
    return percent(t, 80) ? (uint32_t)right : ONE_OF(t, SIZES);
}

/* What lies behind the struct is 0, mostly. A pointer that is cut is NULL. */
static void *sized(thread *t, const void *whole, size_t whole_size, size_t pointers,
                   uint32_t size) {
    size_t room = size < sizeof size ? sizeof size : size;
    size_t filled = room >= whole_size ? whole_size : room < pointers ? room : pointers;
    char *bytes = memory(room);
    memset(bytes, 0, room);
    memcpy(bytes, whole, filled);
    memcpy(bytes, &size, sizeof size);
    if (room > whole_size && percent(t, 30)) bytes[room - 1] = 1;
    return bytes;
}

static udsock_bind_options *any_bind_options(thread *t) {
    static const uint32_t FLAGS[] = {
        0, 0, UDSOCK_REPLACE, UDSOCK_NO_RECLAIM, UDSOCK_KEEP_FILE, UDSOCK_MAKE_PARENTS,
        UDSOCK_RESTORE_FILE, UDSOCK_REPLACE | UDSOCK_RESTORE_FILE,
    };
    static const char *const NAMES[] = { "root", "0", "4294967295", "", "nobody of this name" };
    static const uint32_t MODES[] = { 0, 0, 0, 0600, 0666, 0777, 07777, 010000 };
    if (percent(t, 60)) return NULL;
    const udsock_bind_options whole = {
        .flags = percent(t, 95) ? ONE_OF(t, FLAGS) : any_bits(t),
        .mode = percent(t, 95) ? ONE_OF(t, MODES) : any_bits(t),
        .backlog = percent(t, 60) ? (int32_t)below(t, 4) : (int32_t)number(t),
        .user = percent(t, 4) ? ONE_OF(t, NAMES) : NULL,
        .group = percent(t, 4) ? ONE_OF(t, NAMES) : NULL,
    };
    uint32_t size = any_size(t, sizeof whole);
    return sized(t, &whole, sizeof whole, offsetof(udsock_bind_options, user), size);
}

/* An address to bind to; the sink's is not to be taken over. */
static const char *any_place(thread *t, const udsock_bind_options *options) {
    const char *address = any_address(t);
    bool replaces = options != NULL && options->size >= offsetof(udsock_bind_options, mode)
                    && (options->flags & UDSOCK_REPLACE) != 0;
    return replaces && address == addresses[USABLE] ? NULL : address;
}

/* Options, and an address where they don't wait for ever. */
static udsock_connect_options *any_connect_options(thread *t, const char **address) {
    static const uint32_t FLAGS[] = { 0, UDSOCK_RETRY, UDSOCK_DONT_WAIT, UDSOCK_RETRY | UDSOCK_DONT_WAIT };
    static const int32_t BAD[] = { -2, INT32_MIN };
    *address = hopeless_address(t);
    if (percent(t, 20)) return NULL;
    const udsock_connect_options whole = {
        .flags = percent(t, 95) ? ONE_OF(t, FLAGS) : any_bits(t),
        .timeout_ms = percent(t, 90) ? 1 : percent(t, 50) ? 0 : ONE_OF(t, BAD),
        .reserved = percent(t, 2) ? any_bits(t) : 0,
        .local_address = percent(t, 80) ? NULL : any_address(t),
    };
    uint32_t size = any_size(t, sizeof whole);
    bool ends = whole.timeout_ms != 0 || (whole.flags & UDSOCK_DONT_WAIT) != 0;
    if (ends && size >= offsetof(udsock_connect_options, reserved)) *address = any_address(t);
    return sized(t, &whole, sizeof whole, offsetof(udsock_connect_options, local_address), size);
}

#endif
