// The loop that watches descriptors: Node's own, which is libuv's. In a runtime without one that
// works, a thread of ours does the same.

#ifndef UDSOCK_NODE_LOOP_H
#define UDSOCK_NODE_LOOP_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

/** A loop, which only its own functions look into. */
struct uv_loop_s;

/** Any handle. Its first field belongs to the program. */
typedef struct {
    void *data;
} uv_handle;

enum { UV_CHECK_HANDLE = 2, UV_POLL_HANDLE = 8, UV_PREPARE_HANDLE = 9 };
enum { UV_READABLE = 1, UV_WRITABLE = 2 };

typedef void (*uv_poll_callback)(uv_handle *handle, int status, int events);
typedef void (*uv_check_callback)(uv_handle *handle);
typedef void (*uv_prepare_callback)(uv_handle *handle);

/**
 * libuv's functions (its binary interface is fixed within version 1), by these names. In each round
 * the loop calls the prepare handles, looks for what is ready, calls back for that, and then calls
 * the check handles.
 */
struct loop {
    /** The loop of this thread; NULL: there is none. */
    struct uv_loop_s *(*of)(napi_env env);
    size_t (*handle_size)(int type);
    int (*poll_init)(struct uv_loop_s *loop, uv_handle *handle, int fd);
    int (*poll_start)(uv_handle *handle, int events, uv_poll_callback callback);
    int (*poll_stop)(uv_handle *handle);
    int (*check_init)(struct uv_loop_s *loop, uv_handle *handle);
    int (*check_start)(uv_handle *handle, uv_check_callback callback);
    int (*check_stop)(uv_handle *handle);
    int (*prepare_init)(struct uv_loop_s *loop, uv_handle *handle);
    int (*prepare_start)(uv_handle *handle, uv_prepare_callback callback);
    int (*prepare_stop)(uv_handle *handle);
    void (*close)(uv_handle *handle, void (*callback)(uv_handle *handle));
    void (*ref)(uv_handle *handle);
    void (*unref)(uv_handle *handle);
    /** How many calls are made before others have their turn: one, if promises run only then. */
    int most_calls;
    /** Whether the loop still calls back once when the environment ends. */
    bool runs_at_end;
};

/** The loop that this process uses. */
extern struct loop loop;

/** Chooses it, before its first use: libuv's, if all of that is there, else the thread. Only the
 * first call counts. */
void choose_loop(bool may_be_libuv);

/** The loop that a thread of ours makes. */
extern const struct loop waiting_thread;

#endif
