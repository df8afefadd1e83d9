#include "work.h"

#include <errno.h>
#include <stdlib.h>

#include "calls.h"
#include "values.h"

/** A call, with copies of its arguments: JavaScript's memory is left alone meanwhile. */
struct work {
    int64_t (*run)(struct work *work);
    int64_t handle;
    char text[TEXT_SIZE];
    udsock_inspection inspection;
    udsock_error error;
    int64_t result;
    /** Where the outputs go: an array of typed arrays, or undefined. */
    napi_ref out;
    napi_deferred deferred;
    napi_async_work task;
};

static void in_pool(napi_env env, void *data) {
    (void)env;
    struct work *work = data;
    work->result = work->run(work);
}

static void copy_out(napi_env env, struct work *work) {
    napi_value out, inspection, error;
    if (napi_get_reference_value(env, work->out, &out) != napi_ok) return;
    if (napi_get_element(env, out, 0, &inspection) != napi_ok) return;
    if (napi_get_element(env, out, 1, &error) != napi_ok) return;
    udsock_inspection *inspection_room = room_of(env, inspection, sizeof work->inspection);
    if (inspection_room != NULL) *inspection_room = work->inspection;
    udsock_error *error_room = error_of(env, error);
    if (error_room != NULL) *error_room = work->error;
}

static void afterwards(napi_env env, napi_status status, void *data) {
    struct work *work = data;
    if (status == napi_ok) {
        if (work->out != NULL) copy_out(env, work);
        napi_resolve_deferred(env, work->deferred, number(env, work->result));
    }
    if (work->out != NULL) napi_delete_reference(env, work->out);
    napi_delete_async_work(env, work->task);
    free(work);
}

/** (handle, text[, [inspection, error]]): a promise of the call's result. */
static napi_value start(napi_env env, napi_callback_info info, int64_t (*run)(struct work *work)) {
    napi_value a[3], promise = NULL;
    napi_valuetype type;
    read_arguments(env, info, a, 3);
    struct work *work = calloc(1, sizeof *work);
    if (work == NULL || text_of(env, a[1], work->text) == NULL) {
        free(work);
        return number(env, work == NULL ? -ENOMEM : -EINVAL);
    }
    work->run = run;
    work->handle = integer_of(env, a[0]);
    work->inspection.size = sizeof work->inspection;
    work->error.size = sizeof work->error;
    if (napi_typeof(env, a[2], &type) == napi_ok && type == napi_object) {
        napi_create_reference(env, a[2], 1, &work->out);
    }
    napi_value name = string(env, "udsock");
    napi_status status = napi_create_promise(env, &work->deferred, &promise);
    if (status == napi_ok) {
        status = napi_create_async_work(env, NULL, name, in_pool, afterwards, work, &work->task);
    }
    if (status == napi_ok) status = napi_queue_async_work(env, work->task);
    // Otherwise the environment ends, and nothing waits for the promise.
    return status == napi_ok ? promise : NULL;
}

static int64_t allow_user(struct work *work) {
    return library.allow_user(work->handle, work->text);
}

static int64_t allow_group(struct work *work) {
    return library.allow_group(work->handle, work->text);
}

static int64_t inspect(struct work *work) {
    return library.inspect(work->text, &work->inspection, &work->error);
}

static napi_value call_later_allow_user(napi_env env, napi_callback_info info) {
    return start(env, info, allow_user);
}

static napi_value call_later_allow_group(napi_env env, napi_callback_info info) {
    return start(env, info, allow_group);
}

static napi_value call_later_inspect(napi_env env, napi_callback_info info) {
    return start(env, info, inspect);
}

void define_work(napi_env env, napi_value exports) {
    static const struct function functions[] = {
        {"later_allow_user", call_later_allow_user},
        {"later_allow_group", call_later_allow_group},
        {"later_inspect", call_later_inspect},
    };
    define_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
