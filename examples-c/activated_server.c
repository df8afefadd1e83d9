/*
 * An echo server on the sockets that a service manager opened and passed to it. Started by
 * hand it opens its own. The manager's sockets outlive the program: clients wait in their
 * queues while it restarts, and it does not remove their files.
 *
 *     build/activated_server /tmp/echo.sock
 *     systemd-socket-activate --listen=/tmp/echo.sock build/activated_server
 *     build/echo_client stream /tmp/echo.sock      (in another terminal)
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "udsock.h"

enum { MOST_SERVERS = 16, TIMEOUT_MS = 10000 };

/* One client at a time, which is enough here; echo_server.c serves many. */
static void *serve_clients(void *argument)
{
    udsock_t server = *(udsock_t *)argument;
    for (;;) {
        udsock_t client = udsock_accept(server, UDSOCK_FOREVER, NULL);
        if (client == UDSOCK_CLOSED || client == -EBADF) {
            return NULL;
        }
        if (client < 0) {
            fprintf(stderr, "activated_server: accept: %s\n", udsock_error_text(client));
            sleep(1);
            continue;
        }
        char buffer[65536];
        int64_t size;
        while ((size = udsock_recv(client, buffer, sizeof buffer, TIMEOUT_MS)) >= 0 &&
               (size = udsock_send_all(client, buffer, (size_t)size, TIMEOUT_MS, NULL)) >= 0) {
        }
        if (size != UDSOCK_EOF) {
            fprintf(stderr, "activated_server: %s\n", udsock_error_text(size));
        }
        udsock_close(client);
    }
}

/* There is nothing to accept. A message is answered if its sender has an address. */
static void *serve_datagrams(void *argument)
{
    udsock_t server = *(udsock_t *)argument;
    for (;;) {
        char buffer[65536], sender[UDSOCK_ADDRESS_SIZE];
        int64_t size = udsock_recv_from(server, buffer, sizeof buffer, sender, sizeof sender,
                                        UDSOCK_FOREVER);
        if (size == UDSOCK_CLOSED || size == -EBADF) {
            return NULL;
        }
        if (size >= 0 && sender[0] != '\0') {
            size = udsock_send_to(server, buffer, (size_t)size, sender, TIMEOUT_MS);
        }
        if (size < 0) {
            fprintf(stderr, "activated_server: %s\n", udsock_error_text(size));
        }
    }
}

int main(int argc, char **argv)
{
    /* The signals are blocked in every thread: they interrupt no call, and sigwait gets them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    udsock_t servers[MOST_SERVERS];
    pthread_t threads[MOST_SERVERS];
    udsock_error err = UDSOCK_ERROR_INIT;
    int64_t count = udsock_activated(servers, MOST_SERVERS, &err);
    int by_hand = count == 0;
    if (by_hand) {
        if (argc != 2) {
            fputs("usage: activated_server PATH, or without PATH by a service manager\n", stderr);
            return 2;
        }
        servers[0] = udsock_open_server(UDSOCK_STREAM, argv[1], NULL, &err);
        count = servers[0] < 0 ? servers[0] : 1;
    }
    if (count < 0) {
        fprintf(stderr, "activated_server: %s\n", err.message);
        return 1;
    }
    for (int64_t i = 0; i < count; i++) {
        int is_datagram = udsock_get_option(servers[i], UDSOCK_OPTION_KIND) == UDSOCK_DGRAM;
        void *(*serve)(void *) = is_datagram ? serve_datagrams : serve_clients;
        if (pthread_create(&threads[i], NULL, serve, &servers[i]) != 0) {
            fputs("activated_server: can't start a thread\n", stderr);
            return 1;
        }
        char address[UDSOCK_ADDRESS_SIZE] = "", name[256] = "";
        udsock_local_address(servers[i], address, sizeof address);
        udsock_activated_name(servers[i], name, sizeof name);
        printf("activated_server: %s%s, serving on %s\n",
               by_hand ? "started by hand" : "activated as ", name, address);
    }
    fflush(stdout);

    int signal_number;
    sigwait(&signals, &signal_number);
    for (int64_t i = 0; i < count; i++) {
        udsock_close(servers[i]); /* The threads that serve it return. A manager's file stays. */
        pthread_join(threads[i], NULL);
    }
    return 0;
}
