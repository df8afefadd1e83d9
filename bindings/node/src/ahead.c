#include "ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "calls.h"
#include "values.h"

/** It is found by the socket itself: the descriptor's number may belong to another one by now. */
struct ahead {
    dev_t device;
    ino_t inode;
    size_t size;
    struct ahead *next;
    char data[];
};

/** The most that are kept, in case nobody ever takes them. */
enum { MOST = 64 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct ahead *newest;

/** Takes it out of the list; NULL: nothing was left for it. */
static struct ahead *take(const struct stat *socket) {
    struct ahead *found = NULL;
    pthread_mutex_lock(&mutex);
    for (struct ahead **at = &newest; *at != NULL; at = &(*at)->next) {
        if ((*at)->device != socket->st_dev || (*at)->inode != socket->st_ino) continue;
        found = *at;
        *at = found->next;
        break;
    }
    pthread_mutex_unlock(&mutex);
    return found;
}

static void put(struct ahead *ahead) {
    pthread_mutex_lock(&mutex);
    ahead->next = newest;
    newest = ahead;
    struct ahead *last = ahead;
    for (int i = 1; i < MOST && last != NULL; i++) last = last->next;
    struct ahead *oldest = last == NULL ? NULL : last->next;
    if (oldest != NULL) last->next = NULL;
    pthread_mutex_unlock(&mutex);
    while (oldest != NULL) {
        struct ahead *next = oldest->next;
        free(oldest);
        oldest = next;
    }
}

/** (descriptor, data): 0, or -1 if there is no memory for it. */
static napi_value call_leave_ahead(napi_env env, napi_callback_info info) {
    napi_value a[2];
    struct stat socket;
    read_arguments(env, info, a, 2);
    struct memory data = memory_of(env, a[1]);
    if (fstat((int)integer_of(env, a[0]), &socket) != 0) return number(env, -1);
    free(take(&socket));
    struct ahead *ahead = malloc(sizeof *ahead + data.size);
    if (ahead == NULL) return number(env, -1);
    *ahead = (struct ahead){.device = socket.st_dev, .inode = socket.st_ino, .size = data.size};
    if (data.size > 0) memcpy(ahead->data, data.data, data.size);
    put(ahead);
    return number(env, 0);
}

/** (descriptor): what was left for it, as a Buffer; undefined: nothing. */
static napi_value call_take_ahead(napi_env env, napi_callback_info info) {
    napi_value a[1], buffer = NULL;
    struct stat socket;
    read_arguments(env, info, a, 1);
    if (fstat((int)integer_of(env, a[0]), &socket) != 0) return NULL;
    struct ahead *ahead = take(&socket);
    if (ahead == NULL) return NULL;
    napi_create_buffer_copy(env, ahead->size, ahead->data, NULL, &buffer);
    free(ahead);
    return buffer;
}

void define_ahead(napi_env env, napi_value exports) {
    static const struct function functions[] = {
        {"leave_ahead", call_leave_ahead},
        {"take_ahead", call_take_ahead},
    };
    define_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
