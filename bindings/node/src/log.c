// The library reports what it does on the thread that does it. Each of Node's threads has a list of
// the records that it has not taken yet, and is woken to take them. A thread leaves when it ends;
// with the last one the callback is removed.

#include "log.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "calls.h"
#include "values.h"

struct told {
    struct told *next;
    udsock_log_record record;
    /** Two texts: the path, if there is one, and the words. */
    char texts[];
};

struct listener {
    struct listener *next;
    napi_threadsafe_function wake;
    struct told *first, **end;
    uint32_t count;
    /** How many records had no room. */
    uint32_t missed;
};

/** The most records that are kept for a thread that does not take them. */
enum { MOST = 1000 };

/** It guards the list below, and what is in it. */
static pthread_mutex_t listening = PTHREAD_MUTEX_INITIALIZER;
static struct listener *listeners;

static struct told *copy_of(const udsock_log_record *record) {
    size_t path = record->path == NULL ? 0 : strlen(record->path) + 1;
    size_t text = strlen(record->text) + 1;
    struct told *told = malloc(sizeof *told + path + text);
    if (told == NULL) return NULL;
    told->next = NULL;
    told->record = *record;
    if (path > 0) told->record.path = memcpy(told->texts, record->path, path);
    told->record.text = memcpy(told->texts + path, record->text, text);
    return told;
}

static void hear(void *user_data, const udsock_log_record *record) {
    (void)user_data;
    pthread_mutex_lock(&listening);
    for (struct listener *listener = listeners; listener != NULL; listener = listener->next) {
        struct told *told = listener->count < MOST ? copy_of(record) : NULL;
        if (told == NULL) {
            listener->missed += 1;
            continue;
        }
        *listener->end = told;
        listener->end = &told->next;
        if (listener->count++ > 0) continue;
        napi_call_threadsafe_function(listener->wake, NULL, napi_tsfn_nonblocking);
    }
    pthread_mutex_unlock(&listening);
}

static struct told *take_all(struct listener *listener, uint32_t *missed) {
    pthread_mutex_lock(&listening);
    struct told *first = listener->first;
    *missed = listener->missed;
    listener->first = NULL;
    listener->end = &listener->first;
    listener->count = listener->missed = 0;
    pthread_mutex_unlock(&listening);
    return first;
}

static void leave(void *data) {
    struct listener *leaving = data;
    uint32_t missed;
    pthread_mutex_lock(&listening);
    struct listener **place = &listeners;
    while (*place != leaving) place = &(*place)->next;
    *place = leaving->next;
    bool was_last = listeners == NULL;
    pthread_mutex_unlock(&listening);
    // From here on no thread uses this listener. (A thread that begins meanwhile sets the callback
    // again. If it did so just before this call, the next thread that begins sets it.)
    if (was_last) library.set_log(NULL, NULL, 0);
    napi_release_threadsafe_function(leaving->wake, napi_tsfn_abort);
    for (struct told *told = take_all(leaving, &missed), *next; told != NULL; told = next) {
        next = told->next;
        free(told);
    }
    free(leaving);
}

/** (function that is called when there is something to take): an object for log_take; undefined: it
 * could not be made. */
static napi_value call_log_open(napi_env env, napi_callback_info info) {
    napi_value a[1], external;
    read_arguments(env, info, a, 1);
    struct listener *listener = calloc(1, sizeof *listener);
    if (listener == NULL) return NULL;
    listener->end = &listener->first;
    napi_status status = napi_create_external(env, listener, NULL, NULL, &external);
    if (status == napi_ok) {
        status = napi_create_threadsafe_function(env, a[0], NULL, string(env, "udsock:log"), 0, 1,
                                                 NULL, NULL, NULL, NULL, &listener->wake);
    }
    if (status != napi_ok) {
        free(listener);
        return NULL;
    }
    // It does not keep the process alive.
    napi_unref_threadsafe_function(env, listener->wake);
    napi_add_env_cleanup_hook(env, leave, listener);
    pthread_mutex_lock(&listening);
    listener->next = listeners;
    listeners = listener;
    pthread_mutex_unlock(&listening);
    library.set_log(hear, NULL, UDSOCK_LOG_DEBUG);
    return external;
}

static void set(napi_env env, napi_value object, const char *name, napi_value value) {
    napi_set_named_property(env, object, name, value);
}

static napi_value object_of(napi_env env, const udsock_log_record *record) {
    napi_value object;
    if (napi_create_object(env, &object) != napi_ok) return NULL;
    set(env, object, "level", number(env, record->level));
    set(env, object, "event", number(env, record->event));
    set(env, object, "code", number(env, record->code));
    set(env, object, "handle", number(env, record->handle));
    set(env, object, "pid", number(env, record->pid));
    set(env, object, "uid", number(env, record->uid));
    if (record->path != NULL) set(env, object, "path", string(env, record->path));
    set(env, object, "text", string(env, record->text));
    return object;
}

/** (what log_open has returned): an array of records, the oldest first. */
static napi_value call_log_take(napi_env env, napi_callback_info info) {
    napi_value a[1], all;
    void *listener = NULL;
    uint32_t count = 0, missed;
    read_arguments(env, info, a, 1);
    napi_valuetype type;
    if (napi_typeof(env, a[0], &type) != napi_ok || type != napi_external) return NULL;
    napi_get_value_external(env, a[0], &listener);
    if (listener == NULL || napi_create_array(env, &all) != napi_ok) return NULL;
    for (struct told *told = take_all(listener, &missed), *next; told != NULL; told = next) {
        next = told->next;
        napi_value object = object_of(env, &told->record);
        if (object != NULL) napi_set_element(env, all, count++, object);
        free(told);
    }
    if (missed > 0) {
        static const udsock_log_record record = {
            .size = sizeof record,
            .level = UDSOCK_LOG_WARNING,
            .event = UDSOCK_LOGGED_NOT_NOTED,
            .uid = UINT32_MAX,
            .text = "more has happened than could be kept until this thread came to hear it",
        };
        napi_value object = object_of(env, &record);
        if (object != NULL) napi_set_element(env, all, count++, object);
    }
    return all;
}

void define_log(napi_env env, napi_value exports) {
    static const struct function functions[] = {
        {"log_open", call_log_open},
        {"log_take", call_log_take},
    };
    define_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
