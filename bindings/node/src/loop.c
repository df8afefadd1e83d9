#include "loop.h"

#include <pthread.h>

// Weak, since not every runtime that loads this has a libuv. Declared here, since not every Node.js
// comes with libuv's headers.
__attribute__((weak)) size_t uv_handle_size(int type);
__attribute__((weak)) int uv_poll_init(struct uv_loop_s *loop, uv_handle *handle, int fd);
__attribute__((weak)) int uv_poll_start(uv_handle *handle, int events, uv_poll_callback callback);
__attribute__((weak)) int uv_poll_stop(uv_handle *handle);
__attribute__((weak)) int uv_check_init(struct uv_loop_s *loop, uv_handle *handle);
__attribute__((weak)) int uv_check_start(uv_handle *handle, uv_check_callback callback);
__attribute__((weak)) int uv_check_stop(uv_handle *handle);
__attribute__((weak)) int uv_prepare_init(struct uv_loop_s *loop, uv_handle *handle);
__attribute__((weak)) int uv_prepare_start(uv_handle *handle, uv_prepare_callback callback);
__attribute__((weak)) int uv_prepare_stop(uv_handle *handle);
__attribute__((weak)) void uv_close(uv_handle *handle, void (*callback)(uv_handle *handle));
__attribute__((weak)) void uv_ref(uv_handle *handle);
__attribute__((weak)) void uv_unref(uv_handle *handle);

struct loop loop;

static pthread_mutex_t choosing = PTHREAD_MUTEX_INITIALIZER;

static struct uv_loop_s *loop_of(napi_env env) {
    struct uv_loop_s *found;
    return napi_get_uv_event_loop(env, &found) == napi_ok ? found : NULL;
}

void choose_loop(bool may_be_libuv) {
    const struct loop libuv = {
        loop_of,          uv_handle_size, uv_poll_init,    uv_poll_start,    uv_poll_stop,
        uv_check_init,    uv_check_start, uv_check_stop,   uv_prepare_init,  uv_prepare_start,
        uv_prepare_stop,  uv_close,       uv_ref,          uv_unref,         64,
        true,
    };
    bool is_whole = uv_handle_size != NULL && uv_poll_init != NULL && uv_poll_start != NULL &&
                    uv_poll_stop != NULL && uv_check_init != NULL && uv_check_start != NULL &&
                    uv_check_stop != NULL && uv_prepare_init != NULL && uv_prepare_start != NULL &&
                    uv_prepare_stop != NULL && uv_close != NULL && uv_ref != NULL &&
                    uv_unref != NULL;
    pthread_mutex_lock(&choosing);
    if (loop.of == NULL) loop = may_be_libuv && is_whole ? libuv : waiting_thread;
    pthread_mutex_unlock(&choosing);
}
