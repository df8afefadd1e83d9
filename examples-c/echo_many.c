/*
 * An echo server for ten thousand clients, in one thread: one call returns what many of them
 * sent, one call answers them all. It serves until Ctrl-C or SIGTERM.
 *
 *     build/echo_many stream /tmp/echo.sock
 *     build/echo_client stream /tmp/echo.sock      (in another terminal)
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "udsock.h"

enum { EVENTS = 256 };
static udsock_t server, poller;

/* Fills in the answer to an event; returns 1, or 0 if there is none. */
static size_t answer(const udsock_event *event, udsock_outgoing *item)
{
    switch (event->kind) {
    case UDSOCK_EVENT_RECEIVED:
        memset(item, 0, sizeof *item);
        item->socket = event->socket;
        item->offset = event->offset;
        item->length = event->length;
        return 1;
    case UDSOCK_EVENT_FAILED:
        fprintf(stderr, "echo_many: %s\n", udsock_error_text(event->code));
        /* fall through */
    case UDSOCK_EVENT_ENDED: /* It has all its answers: while one waits, nothing is received. */
        if (event->socket != server) { /* A server has no descriptors, say, and goes on. */
            udsock_close(event->socket);
        }
    }
    return 0;
}

static void *serve(void *unused)
{
    static udsock_event events[EVENTS];
    static udsock_outgoing items[EVENTS];
    static char arena[1 << 20];
    int64_t count;
    while ((count = udsock_poller_wait(poller, events, EVENTS, arena, sizeof arena,
                                       UDSOCK_FOREVER)) >= 0) {
        size_t filled = 0;
        for (int64_t i = 0; i < count; i++) {
            filled += answer(&events[i], &items[filled]);
        }
        /* An item's result says if it could not be sent; an event says if its client is gone. */
        udsock_poller_send(poller, items, filled, arena, sizeof arena);
    }
    /* -EBADF: main has closed the poller while we did not wait. */
    if (count != UDSOCK_CLOSED && count != -EBADF)
        fprintf(stderr, "echo_many: %s\n", udsock_error_text(count));
    return unused;
}

int main(int argc, char **argv)
{
    int is_stream = argc == 3 && strcmp(argv[1], "stream") == 0;
    if (argc != 3 || (!is_stream && strcmp(argv[1], "seqpacket") != 0)) {
        fputs("usage: echo_many stream|seqpacket PATH\n", stderr);
        return 2;
    }
    /* Each client takes a descriptor: raise the limit as far as the system allows. */
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    udsock_error err = UDSOCK_ERROR_INIT;
    server = udsock_open_server(is_stream ? UDSOCK_STREAM : UDSOCK_SEQPACKET, argv[2], NULL, &err);
    poller = udsock_poller_create(NULL);
    pthread_t thread;
    if (server < 0 || poller < 0 || udsock_poller_add(poller, server, 0, 0) < 0 ||
        pthread_create(&thread, NULL, serve, NULL) != 0) {
        fprintf(stderr, "echo_many: %s\n", server < 0 ? err.message : "no descriptor or no thread");
        udsock_close(server);
        return 1;
    }
    printf("echo_many: serving on %s\n", argv[2]);
    fflush(stdout);
    int signal_number;
    sigwait(&signals, &signal_number);
    udsock_close(poller); /* The wait returns UDSOCK_CLOSED, the next one -EBADF. */
    pthread_join(thread, NULL);
    return udsock_close(server) == 0 ? 0 : 1;
}
