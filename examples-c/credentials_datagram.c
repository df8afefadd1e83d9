/*
 * A datagram server that knows who sent each message: the process, user and group that
 * the kernel vouches for. Every message goes back to the address that it came from. It
 * serves until Ctrl-C or SIGTERM and then removes its file.
 *
 *     build/credentials_datagram /tmp/datagram.sock
 *     build/datagram_client /tmp/datagram.sock      (in another terminal)
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "udsock.h"

/* A client that does not read its replies must not hold up the others for long. */
enum { REPLY_TIMEOUT_MS = 100 };

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "credentials_datagram: %s: %s\n", what, why);
    return 1;
}

static void *reply_to_all(void *argument)
{
    udsock_t server = *(udsock_t *)argument;
    char data[65536];
    char address[UDSOCK_ADDRESS_SIZE];
    for (;;) {
        udsock_message message;
        memset(&message, 0, sizeof message);
        message.size = sizeof message;
        message.data = data;
        message.data_capacity = sizeof data;
        message.address = address;
        message.address_capacity = sizeof address;
        int64_t size = udsock_recv_message(server, &message, UDSOCK_FOREVER);
        if (size == UDSOCK_CLOSED || size == -EBADF) {
            return NULL;
        }
        if (size < 0) {
            complain("receive", udsock_error_text(size));
            continue;
        }
        udsock_credentials sender = message.credentials;
        printf("credentials_datagram: \"%.*s\" from ", (int)size, data);
        if (sender.pid != 0) {
            printf("process %d, user %u, group %u\n", sender.pid, sender.uid, sender.gid);
        } else {
            puts("nobody that the kernel knows");
        }
        if (message.address_size == 0 || (message.flags & UDSOCK_TRUNCATED) != 0) {
            puts("credentials_datagram: no reply: it has no address, or was cut");
            continue;
        }
        /* What was received can be sent as it is: the address is the sender's. */
        int64_t sent = udsock_send_message(server, &message, REPLY_TIMEOUT_MS);
        if (sent < 0) {
            complain("reply", udsock_error_text(sent));
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: credentials_datagram PATH\n", stderr);
        return 2;
    }

    /* The signals are blocked in every thread: they interrupt no call, and sigwait gets them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    /* Before the socket has a name, and so before anybody can send: every message has a sender. */
    udsock_t server = udsock_create(UDSOCK_DGRAM);
    int32_t error = udsock_set_option(server, UDSOCK_OPTION_RECEIVE_CREDENTIALS, 1);
    if (error < 0) {
        udsock_close(server);
        return complain("start", udsock_error_text(server < 0 ? server : error));
    }
    udsock_error err = UDSOCK_ERROR_INIT;
    if (udsock_bind(server, argv[1], NULL, &err) < 0) {
        udsock_close(server);
        return complain("start", err.message);
    }
    pthread_t receiver;
    if (pthread_create(&receiver, NULL, reply_to_all, &server) != 0) {
        udsock_close(server);
        return complain("start", "no thread is left");
    }
    printf("credentials_datagram: serving on %s\n", argv[1]);
    fflush(stdout);

    int signal_number;
    sigwait(&signals, &signal_number);
    int32_t closed = udsock_close(server); /* The file is removed, and the receive returns. */
    pthread_join(receiver, NULL);
    return closed < 0 ? complain("close", udsock_error_text(closed)) : 0;
}
