// What is needed of libuv, whose headers not every Node.js brings along. (Its binary interface
// is fixed within version 1; the size of a handle it says itself.) Weak, since not every runtime
// that loads this has a libuv.

#ifndef UDSOCK_NODE_LOOP_H
#define UDSOCK_NODE_LOOP_H

#include <stddef.h>

struct uv_loop_s;

/** Any handle: its first field is the program's. */
typedef struct {
    void *data;
} uv_handle;

enum { UV_CHECK_HANDLE = 2, UV_POLL_HANDLE = 8 };
enum { UV_READABLE = 1, UV_WRITABLE = 2 };

typedef void (*uv_poll_callback)(uv_handle *handle, int status, int events);
typedef void (*uv_check_callback)(uv_handle *handle);

__attribute__((weak)) size_t uv_handle_size(int type);
__attribute__((weak)) int uv_poll_init(struct uv_loop_s *loop, uv_handle *handle, int fd);
__attribute__((weak)) int uv_poll_start(uv_handle *handle, int events, uv_poll_callback callback);
__attribute__((weak)) int uv_poll_stop(uv_handle *handle);
__attribute__((weak)) int uv_check_init(struct uv_loop_s *loop, uv_handle *handle);
__attribute__((weak)) int uv_check_start(uv_handle *handle, uv_check_callback callback);
__attribute__((weak)) int uv_check_stop(uv_handle *handle);
__attribute__((weak)) void uv_close(uv_handle *handle, void (*callback)(uv_handle *handle));
__attribute__((weak)) void uv_ref(uv_handle *handle);
__attribute__((weak)) void uv_unref(uv_handle *handle);

#endif
