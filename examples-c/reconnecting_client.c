/*
 * A client that outlives its server. Each message has a number and is sent again until its
 * echo has come back: the server gets it at least once, and no message is lost silently.
 * When the server goes away, the client waits for the next one and goes on where it was.
 *
 *     build/echo_server seqpacket /tmp/echo.sock
 *     build/reconnecting_client /tmp/echo.sock 100    (in another terminal)
 *
 * Meanwhile end the server with Ctrl-C and start it again.
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "udsock.h"

enum { ECHO_TIMEOUT_MS = 2000, SERVER_TIMEOUT_MS = 30000, ATTEMPTS = 10 };

static udsock_t connect_to(const char *path)
{
    udsock_connect_options options = { sizeof options, UDSOCK_RETRY, SERVER_TIMEOUT_MS, 0, NULL };
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t server = udsock_open_client(UDSOCK_SEQPACKET, path, &options, &err);
    if (server < 0) {
        fprintf(stderr, "reconnecting_client: %s\n", err.message);
    }
    return server;
}

/* 0 if the echo has come back, otherwise the reason. */
static int64_t exchange(udsock_t server, const char *message)
{
    size_t size = strlen(message);
    int64_t sent = udsock_send(server, message, size, ECHO_TIMEOUT_MS);
    if (sent < 0) {
        return sent;
    }
    char echo[64];
    int64_t received = udsock_recv(server, echo, sizeof echo, ECHO_TIMEOUT_MS);
    if (received < 0) {
        return received;
    }
    if ((size_t)received != size || memcmp(echo, message, size) != 0) {
        fputs("reconnecting_client: that is not what was sent\n", stderr);
        exit(1);
    }
    return 0;
}

int main(int argc, char **argv)
{
    long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    if (count <= 0) {
        fputs("usage: reconnecting_client PATH COUNT\n", stderr);
        return 2;
    }
    udsock_t server = connect_to(argv[1]);
    if (server < 0) {
        return 1;
    }
    long reconnected = 0;
    for (long number = 1; number <= count; number++) {
        char message[64];
        snprintf(message, sizeof message, "message %ld", number);
        int attempts = 1;
        int64_t why;
        while ((why = exchange(server, message)) < 0) {
            printf("reconnecting_client: %s: %s\n", message, udsock_error_text(why));
            fflush(stdout);
            /* Late echoes go with the connection: the next echo can only be this one's. */
            udsock_close(server);
            if (attempts++ == ATTEMPTS || (server = connect_to(argv[1])) < 0) {
                fprintf(stderr, "reconnecting_client: gave up at %s\n", message);
                return 1;
            }
            reconnected++;
            printf("reconnecting_client: reconnected, sending %s again\n", message);
        }
        printf("reconnecting_client: %s came back\n", message);
        fflush(stdout);
        struct timespec pause = { 0, 100 * 1000 * 1000 };
        nanosleep(&pause, NULL);
    }
    udsock_close(server);
    printf("reconnecting_client: all %ld came back; reconnected: %ld\n", count, reconnected);
    return 0;
}
