/* The end of a program that has unloaded the library before. */

#ifndef ENDS_UNLOAD_H
#define ENDS_UNLOAD_H

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "udsock.h"

#include "files.h"

static int32_t (*loaded_cleanup_on_signal)(int32_t);
static udsock_t (*loaded_open_server)(uint32_t, const char *, const udsock_bind_options *,
                                      udsock_error *);
static udsock_t (*loaded_accept)(udsock_t, int32_t, udsock_credentials *);
static pthread_barrier_t barrier;

/* A thread that has waited leaves something to be freed at its end. */
static void *wait_and_outlive(void *argument)
{
    CHECK(loaded_accept(*(udsock_t *)argument, 1, NULL) == -ETIMEDOUT);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void *load(const char *path, udsock_t *opened)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(library != NULL);
    *(void **)&loaded_cleanup_on_signal = dlsym(library, "udsock_cleanup_on_signal");
    *(void **)&loaded_open_server = dlsym(library, "udsock_open_server");
    *(void **)&loaded_accept = dlsym(library, "udsock_accept");
    *opened = loaded_open_server(UDSOCK_STREAM, "stream", NULL, NULL);
    CHECK(*opened > 0 && loaded_cleanup_on_signal(SIGTERM) == 0);
    return library;
}

static void unload_and_return(const char *path)
{
    udsock_t opened;
    CHECK(dlclose(load(path, &opened)) == 0);
}

static void unload_and_die(const char *path)
{
    udsock_t opened;
    CHECK(dlclose(load(path, &opened)) == 0);
    raise(SIGTERM);
}

static void unload_under_a_thread(const char *path)
{
    udsock_t opened;
    void *library = load(path, &opened);
    pthread_t thread;
    CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, wait_and_outlive, &opened) == 0);
    pthread_barrier_wait(&barrier);
    CHECK(dlclose(library) == 0);
    pthread_barrier_wait(&barrier);
    CHECK(pthread_join(thread, NULL) == 0);
}

#endif
