// The loop that watches descriptors: Node's own, which is libuv's, or where a runtime has none that
// works a thread of ours that does the same.

#ifndef UDSOCK_NODE_LOOP_H
#define UDSOCK_NODE_LOOP_H

#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>

/** A loop, which only its own functions look into. */
struct uv_loop_s;

/** Any handle: its first field is the program's. */
typedef struct {
    void *data;
} uv_handle;

enum { UV_CHECK_HANDLE = 2, UV_POLL_HANDLE = 8 };
enum { UV_READABLE = 1, UV_WRITABLE = 2 };

typedef void (*uv_poll_callback)(uv_handle *handle, int status, int events);
typedef void (*uv_check_callback)(uv_handle *handle);

/** libuv's functions (its binary interface is fixed within version 1), by these names. */
struct loop {
    /** The loop of this thread; NULL: it can't be had. */
    struct uv_loop_s *(*of)(napi_env env);
    size_t (*handle_size)(int type);
    int (*poll_init)(struct uv_loop_s *loop, uv_handle *handle, int fd);
    int (*poll_start)(uv_handle *handle, int events, uv_poll_callback callback);
    int (*poll_stop)(uv_handle *handle);
    int (*check_init)(struct uv_loop_s *loop, uv_handle *handle);
    int (*check_start)(uv_handle *handle, uv_check_callback callback);
    int (*check_stop)(uv_handle *handle);
    void (*close)(uv_handle *handle, void (*callback)(uv_handle *handle));
    void (*ref)(uv_handle *handle);
    void (*unref)(uv_handle *handle);
    /** So many calls are made before others have their turn: one, if promises run only then. */
    int most_calls;
    /** Whether it calls back once more, from the loop, when the environment ends. */
    bool runs_at_end;
};

/** The process's. */
extern struct loop loop;

/** Before it is used, the first call counts: libuv's, if that is there whole, else the thread. */
void choose_loop(bool may_be_libuv);

/** A thread's. */
extern const struct loop waiting_thread;

#endif
