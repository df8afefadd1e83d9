#define _GNU_SOURCE
#include "library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct library library;

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;
static bool is_loaded;

static const struct {
    const char *name;
    size_t offset;
} functions[] = {
#define FUNCTION(name) {"udsock_" #name, offsetof(struct library, name)},
    LIBRARY_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

static const char *load(const char *file, uint32_t needed) {
    static char too_old[80];
    void *loaded = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (loaded == NULL) return dlerror();
    // First, since an older library may lack other calls, and their names would be no help.
    __typeof__(udsock_version) *version;
    *(void **)&version = dlsym(loaded, "udsock_version");
    if (version == NULL) return dlerror();
    if (version() < needed) {
        snprintf(too_old, sizeof too_old, "it is version %u, and %u is needed", version(), needed);
        return too_old;
    }
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        void *function = dlsym(loaded, functions[i].name);
        if (function == NULL) return dlerror();
        *(void **)((char *)&library + functions[i].offset) = function;
    }
    is_loaded = true;
    return NULL;
}

const char *load_library(const char *file, uint32_t needed) {
    pthread_mutex_lock(&loading);
    const char *wrong = is_loaded ? NULL : load(file, needed);
    pthread_mutex_unlock(&loading);
    return wrong;
}
