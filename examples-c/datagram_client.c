/*
 * A datagram client that gets answers. A reply needs an address, so the client is bound
 * to a file of its own, and removes it at the end. With "@" it is bound to a name that the
 * kernel picks and that needs no file.
 *
 *     build/datagram_server /tmp/datagram.sock
 *     build/datagram_client /tmp/datagram.sock        (in another terminal)
 *     build/datagram_client /tmp/datagram.sock @
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "udsock.h"

enum { TIMEOUT_MS = 2000 };

static const char *const messages[] = { "hello", "", "goodbye" };

static volatile sig_atomic_t interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

/* Sends a message and waits until it comes back. */
static int exchange(udsock_t client, const char *server, const char *message)
{
    size_t size = strlen(message);
    int64_t sent = udsock_send_to(client, message, size, server, TIMEOUT_MS);
    if (sent < 0) {
        fprintf(stderr, "datagram_client: send to %s: %s\n", server, udsock_error_text(sent));
        return -1;
    }
    char reply[65536];
    char sender[UDSOCK_ADDRESS_SIZE];
    int64_t received = udsock_recv_from(client, reply, sizeof reply, sender, sizeof sender,
                                        TIMEOUT_MS);
    if (received < 0) {
        fprintf(stderr, "datagram_client: receive: %s\n", udsock_error_text(received));
        return -1;
    }
    printf("datagram_client: \"%.*s\" from %s\n", (int)received, reply, sender);
    if ((size_t)received != size || memcmp(reply, message, size) != 0) {
        fputs("datagram_client: that is not what was sent\n", stderr);
        return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fputs("usage: datagram_client SERVER [OWN_ADDRESS]\n", stderr);
        return 2;
    }
    char own[64];
    snprintf(own, sizeof own, "/tmp/client.%ld.sock", (long)getpid());

    /* A signal ends the sleep of a wait with -EINTR, and then the file is removed, too. */
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = interrupt;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);

    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t client = udsock_open_datagram(argc == 3 ? argv[2] : own, NULL, &err);
    if (client < 0) {
        fprintf(stderr, "datagram_client: %s\n", err.message);
        return 1;
    }
    char name[UDSOCK_ADDRESS_SIZE];
    if (udsock_local_address(client, name, sizeof name) > 0) {
        printf("datagram_client: my address is %s\n", name);
    }

    int failed = 0;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0] && !failed; i++) {
        failed = interrupted || exchange(client, argv[1], messages[i]) < 0;
    }
    int32_t closed = udsock_close(client);
    if (closed < 0) {
        fprintf(stderr, "datagram_client: close: %s\n", udsock_error_text(closed));
        failed = 1;
    }
    return failed;
}
