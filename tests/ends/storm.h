/* The end in the middle of everything: threads open, close and allocate without a pause. */

#ifndef ENDS_STORM_H
#define ENDS_STORM_H

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "udsock.h"

#include "files.h"

/* The last one allocates: a handler that does so too waits for ever for itself. */
enum { OPENING_THREADS = 4, STORM_THREADS };

/* Which of them the signal hits; any other number: none. */
static int hit_thread = -1;

static void open_and_close(int i)
{
    static const char *const paths[] = { "0", "1", "2", "3" };
    static const uint32_t kinds[] = {
        UDSOCK_STREAM, UDSOCK_SEQPACKET, UDSOCK_DGRAM, UDSOCK_STREAM,
    };
    static const uint32_t flags[] = { 0, 0, 0, UDSOCK_REPLACE };
    CHECK(udsock_close(open_server(kinds[i], paths[i], flags[i])) == 0);
}

static void allocate(void)
{
    for (volatile size_t size = 2000; size < 100000; size *= 2) {
        free(malloc(size));
    }
}

static void *rage(void *argument)
{
    int i = *(int *)argument;
    if (i == hit_thread) {
        sigset_t none;
        sigemptyset(&none);
        pthread_sigmask(SIG_SETMASK, &none, NULL);
    }
    for (;;) {
        if (i < OPENING_THREADS) {
            open_and_close(i);
        } else {
            allocate();
        }
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
