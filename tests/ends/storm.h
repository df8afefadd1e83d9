/* The end in the middle of everything: threads open, close and allocate without a pause. */

#ifndef ENDS_STORM_H
#define ENDS_STORM_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "udsock.h"

#include "files.h"

/* So a file is marked that is nobody's: the library's are made with other modes. */
enum { FOREIGN_MODE = 0600 };

/* Which of the threads the signal hits; ANY_THREAD: whichever; any other number: the first one,
 * which only waits. */
enum { ANY_THREAD = 99 };
static int hit_thread = -1;

/* The clean-up of another thread, or of the end, may have taken away what was just bound. */
static int is_good(int64_t result)
{
    return result >= 0 || result == -ENOENT;
}

static udsock_t begin(uint32_t kind, const char *path, uint32_t flags)
{
    udsock_bind_options options = { sizeof options, flags, 0, 0, NULL, NULL };
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t opened = udsock_open_server(kind, path, &options, &err);
    if (!is_good(opened)) {
        fprintf(stderr, "storm.h: %s\n", err.message);
        _exit(98);
    }
    return opened;
}

static void close_it(udsock_t s)
{
    CHECK(is_good(s) && (s < 0 || udsock_close(s) == 0));
}

static void open_free(void) { close_it(begin(UDSOCK_STREAM, "free", 0)); }
static void open_seqpacket(void) { close_it(begin(UDSOCK_SEQPACKET, "seqpacket", 0)); }
static void open_replacing(void) { close_it(begin(UDSOCK_STREAM, "replace", UDSOCK_REPLACE)); }

/* Both take the same path, one after the other. */
static void replace_live(void)
{
    udsock_t old = begin(UDSOCK_STREAM, "live", UDSOCK_REPLACE);
    udsock_t new = begin(UDSOCK_STREAM, "live", UDSOCK_REPLACE);
    close_it(old);
    close_it(new);
}

static void open_datagram(void)
{
    close_it(udsock_open_datagram("datagram", NULL, NULL));
}

static void open_in_new_directories(void)
{
    close_it(begin(UDSOCK_STREAM, "new/newer/server", UDSOCK_MAKE_PARENTS));
    rmdir("new/newer");
    rmdir("new");
}

static void open_under_a_long_name(void)
{
    char name[201];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    close_it(begin(UDSOCK_STREAM, name, 0));
}

/* What is dead is not of the library's making: if it is left it was there before. */
static void reclaim(void)
{
    struct sockaddr_un name = { AF_UNIX, "dead" };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && fchmod(fd, FOREIGN_MODE) == 0);
    CHECK(bind(fd, (struct sockaddr *)&name, sizeof name) == 0);
    close(fd);
    close_it(begin(UDSOCK_STREAM, "dead", 0));
}

static void open_with_a_wide_mode(void)
{
    udsock_bind_options options = { sizeof options, 0, 0777, 0, NULL, NULL };
    close_it(udsock_open_server(UDSOCK_STREAM, "wide", &options, NULL));
}

static void open_with_an_owner(void)
{
    char user[16];
    snprintf(user, sizeof user, "%u", (unsigned)geteuid());
    udsock_bind_options options = { sizeof options, 0, 0660, 0, user, NULL };
    close_it(udsock_open_server(UDSOCK_STREAM, "owned", &options, NULL));
}

static void open_step_by_step(void)
{
    udsock_bind_options replace = { sizeof replace, UDSOCK_REPLACE, 0, 0, NULL, NULL };
    udsock_t s = udsock_create(UDSOCK_STREAM);
    CHECK(s > 0 && udsock_bind(s, "steps", &replace, NULL) == 0);
    CHECK(is_good(udsock_listen(s, 0)));
    close_it(s);
}

/* It is bound, and waits for a server that never comes. */
static void open_client(void)
{
    udsock_connect_options options = { sizeof options, UDSOCK_RETRY, 1, 0, "client" };
    CHECK(udsock_open_client(UDSOCK_STREAM, "nobody", &options, NULL) == -ETIMEDOUT);
}

/* What is opened in vain leaves nothing either. */
static void fail_to_listen(void)
{
    udsock_bind_options owner = { sizeof owner, 0, 0, 0, "no such user", NULL };
    CHECK(udsock_open_server(UDSOCK_STREAM, "failed", &owner, NULL) == -EINVAL);
    udsock_t s = udsock_create(UDSOCK_STREAM);
    CHECK(udsock_bind(s, "twice", NULL, NULL) == 0);
    CHECK(udsock_bind(s, "never", NULL, NULL) == -EINVAL);
    close_it(s);
}

static void clean_up(void)
{
    CHECK(udsock_cleanup() >= 0);
    usleep(500);
}

static void allocate(void)
{
    for (volatile size_t size = 2000; size < 100000; size *= 2) {
        free(malloc(size));
    }
}

static void (*const doings[])(void) = {
    open_free, open_seqpacket, open_datagram, open_replacing, replace_live,
    open_in_new_directories, open_under_a_long_name, reclaim, open_with_a_wide_mode,
    open_with_an_owner, open_step_by_step, open_client, fail_to_listen, clean_up, allocate,
};

enum { STORM_THREADS = sizeof doings / sizeof doings[0] };

static void *rage(void *argument)
{
    int i = *(int *)argument;
    if (i == hit_thread || hit_thread == ANY_THREAD) {
        sigset_t none;
        sigemptyset(&none);
        pthread_sigmask(SIG_SETMASK, &none, NULL);
    }
    for (;;) {
        doings[i]();
    }
    return NULL;
}

static void start_the_storm(void)
{
    static int numbers[STORM_THREADS];
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    CHECK(udsock_cleanup_on_signal(SIGTERM) == 0);
    for (int i = 0; i < STORM_THREADS; i++) {
        pthread_t thread;
        numbers[i] = i;
        CHECK(pthread_create(&thread, NULL, rage, &numbers[i]) == 0);
    }
    puts("The storm rages.");
    fflush(stdout);
}

static void storm_until_signal(const char *hit)
{
    hit_thread = atoi(hit);
    start_the_storm();
    if (hit_thread >= STORM_THREADS) {
        sigset_t none;
        sigemptyset(&none);
        pthread_sigmask(SIG_SETMASK, &none, NULL);
    }
    for (;;) {
        pause();
    }
}

static void storm_until_exit(const char *microseconds)
{
    start_the_storm();
    usleep((useconds_t)atoi(microseconds));
}

#endif
