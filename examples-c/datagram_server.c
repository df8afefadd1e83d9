/*
 * A datagram server: every message goes back to the address that it came from. It serves
 * until Ctrl-C or SIGTERM and then removes its file.
 *
 *     build/datagram_server /tmp/datagram.sock
 *     build/datagram_client /tmp/datagram.sock      (in another terminal)
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>

#include "udsock.h"

/* A client that does not read its replies must not hold up the others for long. */
enum { REPLY_TIMEOUT_MS = 100 };

static void *reply_to_all(void *argument)
{
    udsock_t server = *(udsock_t *)argument;
    char message[65536];
    char sender[UDSOCK_ADDRESS_SIZE];
    for (;;) {
        int64_t size = udsock_recv_from(server, message, sizeof message, sender, sizeof sender,
                                        UDSOCK_FOREVER);
        if (size == UDSOCK_CLOSED || size == -EBADF) {
            return NULL;
        }
        if (size < 0) {
            fprintf(stderr, "datagram_server: receive: %s\n", udsock_error_text(size));
            continue;
        }
        if (sender[0] == '\0') {
            printf("datagram_server: \"%.*s\" from nobody; can't reply\n", (int)size, message);
            continue;
        }
        printf("datagram_server: \"%.*s\" from %s\n", (int)size, message, sender);
        int64_t sent = udsock_send_to(server, message, (size_t)size, sender, REPLY_TIMEOUT_MS);
        if (sent < 0) {
            fprintf(stderr, "datagram_server: reply to %s: %s\n", sender, udsock_error_text(sent));
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: datagram_server PATH\n", stderr);
        return 2;
    }

    /* The signals are blocked in every thread: they interrupt no call, and sigwait gets them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t server = udsock_open_server(UDSOCK_DGRAM, argv[1], NULL, &err);
    if (server < 0) {
        fprintf(stderr, "datagram_server: %s\n", err.message);
        return 1;
    }
    pthread_t receiver;
    if (pthread_create(&receiver, NULL, reply_to_all, &server) != 0) {
        fputs("datagram_server: can't start a thread\n", stderr);
        udsock_close(server);
        return 1;
    }
    printf("datagram_server: serving on %s\n", argv[1]);
    fflush(stdout);

    int signal_number;
    sigwait(&signals, &signal_number);
    int32_t closed = udsock_close(server); /* The file is removed, and the receive returns. */
    pthread_join(receiver, NULL);
    if (closed < 0) {
        fprintf(stderr, "datagram_server: close: %s\n", udsock_error_text(closed));
        return 1;
    }
    return 0;
}
