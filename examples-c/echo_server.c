/*
 * An echo server: each client gets back what it sends. It has one thread for each
 * connection, serves until Ctrl-C or SIGTERM, and then removes its file.
 *
 *     build/echo_server stream /tmp/echo.sock
 *     build/echo_client stream /tmp/echo.sock      (in another terminal)
 *
 * "seqpacket" in the place of "stream" keeps the bounds of messages, of empty ones, too.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "udsock.h"

static void *echo(void *argument)
{
    udsock_t client = *(udsock_t *)argument;
    free(argument);

    /* 0 is an empty message, not the end: the end is UDSOCK_EOF, below 0. */
    char buffer[65536];
    int64_t received;
    while ((received = udsock_recv(client, buffer, sizeof buffer, UDSOCK_FOREVER)) >= 0) {
        int64_t sent = udsock_send_all(client, buffer, (size_t)received, UDSOCK_FOREVER, NULL);
        if (sent < 0) {
            fprintf(stderr, "echo_server: send: %s\n", udsock_error_text(sent));
            break;
        }
    }
    if (received < 0 && received != UDSOCK_EOF) {
        fprintf(stderr, "echo_server: receive: %s\n", udsock_error_text(received));
    }
    udsock_close(client);
    return NULL;
}

static void serve(udsock_t client)
{
    pthread_t thread;
    udsock_t *argument = (udsock_t *)malloc(sizeof *argument);
    if (argument != NULL) {
        *argument = client;
        if (pthread_create(&thread, NULL, echo, argument) == 0) {
            pthread_detach(thread);
            return;
        }
    }
    fputs("echo_server: no memory for another client\n", stderr);
    free(argument);
    udsock_close(client);
}

static void *accept_clients(void *argument)
{
    udsock_t server = *(udsock_t *)argument;
    for (;;) {
        udsock_t client = udsock_accept(server, UDSOCK_FOREVER, NULL);
        if (client >= 0) {
            serve(client);
        } else if (client == UDSOCK_CLOSED || client == -EBADF) {
            return NULL;
        } else {
            /* No descriptors are left, say: a client that leaves makes room. */
            fprintf(stderr, "echo_server: accept: %s\n", udsock_error_text(client));
            sleep(1);
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 3 || (strcmp(argv[1], "stream") != 0 && strcmp(argv[1], "seqpacket") != 0)) {
        fputs("usage: echo_server stream|seqpacket PATH\n", stderr);
        return 2;
    }
    uint32_t kind = strcmp(argv[1], "stream") == 0 ? UDSOCK_STREAM : UDSOCK_SEQPACKET;

    /* The signals are blocked in every thread: they interrupt no call, and sigwait gets them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t server = udsock_open_server(kind, argv[2], NULL, &err);
    if (server < 0) {
        fprintf(stderr, "echo_server: %s\n", err.message);
        return 1;
    }
    pthread_t acceptor;
    if (pthread_create(&acceptor, NULL, accept_clients, &server) != 0) {
        fputs("echo_server: can't start a thread\n", stderr);
        udsock_close(server);
        return 1;
    }
    printf("echo_server: serving on %s\n", argv[2]);
    fflush(stdout);

    int signal_number;
    sigwait(&signals, &signal_number);
    int32_t closed = udsock_close(server); /* The file is removed, and the accept returns. */
    pthread_join(acceptor, NULL);
    if (closed < 0) {
        fprintf(stderr, "echo_server: close: %s\n", udsock_error_text(closed));
        return 1;
    }
    return 0;
}
