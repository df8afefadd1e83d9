/*
 * The peers in C.
 *
 *     peer ROLE ADDRESS [LOCAL ADDRESS]
 *
 * Servers of datagrams say "ready"; servers run until they are killed.
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "udsock.h"

enum { SIZE = 1 << 16, MESSAGES = 3, LONG = 256 * 150, GUARD_MS = 20000 };

/* What the clients and servers of messages exchange. */
static unsigned char long_message[LONG];
static const struct {
    const void *data;
    size_t size;
} messages[MESSAGES] = {{"hello", 5}, {"", 0}, {long_message, LONG}};

static char buffer[SIZE];

static int64_t must(int64_t result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, udsock_error_text(result));
        exit(1);
    }
    return result;
}

static void must_be(int64_t size, int message)
{
    if (size != (int64_t)messages[message].size ||
        memcmp(buffer, messages[message].data, (size_t)size) != 0) {
        fprintf(stderr, "message %d: %lld other bytes\n", message, (long long)size);
        exit(1);
    }
}

static udsock_t connect_to(uint32_t kind, const char *address)
{
    udsock_connect_options options = {0};
    options.size = sizeof options;
    options.flags = UDSOCK_RETRY;
    options.timeout_ms = GUARD_MS;
    return must(udsock_open_client(kind, address, &options, NULL), "open client");
}

/* An echo server for streams and for messages. */
static void serve(uint32_t kind, const char *address)
{
    udsock_t server = must(udsock_open_server(kind, address, NULL, NULL), "open server");
    for (;;) {
        udsock_t peer = must(udsock_accept(server, UDSOCK_FOREVER, NULL), "accept");
        int64_t size;
        while ((size = udsock_recv(peer, buffer, SIZE, UDSOCK_FOREVER)) >= 0)
            if (udsock_send_all(peer, buffer, (size_t)size, UDSOCK_FOREVER, NULL) < 0)
                break;
        udsock_close(peer);
    }
}

static void *send_input(void *argument)
{
    udsock_t client = *(udsock_t *)argument;
    static char input[SIZE];
    ssize_t size;
    while ((size = read(STDIN_FILENO, input, SIZE)) > 0)
        must(udsock_send_all(client, input, (size_t)size, GUARD_MS, NULL), "send");
    must(udsock_shutdown(client, UDSOCK_WRITE), "shutdown");
    return NULL;
}

static void stream_client(const char *address)
{
    udsock_t client = connect_to(UDSOCK_STREAM, address);
    pthread_t sender;
    if (pthread_create(&sender, NULL, send_input, &client) != 0)
        exit(1);
    int64_t size;
    while ((size = udsock_recv(client, buffer, SIZE, GUARD_MS)) >= 0)
        if (fwrite(buffer, 1, (size_t)size, stdout) != (size_t)size)
            exit(1);
    if (size != UDSOCK_EOF)
        must(size, "receive");
    pthread_join(sender, NULL);
}

static void seqpacket_client(const char *address)
{
    udsock_t client = connect_to(UDSOCK_SEQPACKET, address);
    for (int i = 0; i < MESSAGES; i++) {
        must(udsock_send(client, messages[i].data, messages[i].size, GUARD_MS), "send");
        must_be(must(udsock_recv(client, buffer, SIZE, GUARD_MS), "receive"), i);
    }
}

static void datagram_server(const char *address)
{
    udsock_t server = must(udsock_open_datagram(address, NULL, NULL), "open datagram");
    puts("ready");
    fflush(stdout);
    for (;;) {
        static char from[UDSOCK_ADDRESS_SIZE];
        int64_t size = must(udsock_recv_from(server, buffer, SIZE, from, sizeof from,
                                             UDSOCK_FOREVER), "receive");
        must(udsock_send_to(server, buffer, (size_t)size, from, GUARD_MS), "send");
    }
}

static void datagram_client(const char *address, const char *local)
{
    udsock_t client = must(udsock_open_datagram(local, NULL, NULL), "open datagram");
    for (int i = 0; i < MESSAGES; i++) {
        must(udsock_send_to(client, messages[i].data, messages[i].size, address, GUARD_MS), "send");
        must_be(must(udsock_recv(client, buffer, SIZE, GUARD_MS), "receive"), i);
    }
    must(udsock_close(client), "close");
}

int main(int argc, char **argv)
{
    for (int i = 0; i < LONG; i++)
        long_message[i] = (unsigned char)i;
    const char *role = argc > 2 ? argv[1] : "";
    if (strcmp(role, "stream-server") == 0)
        serve(UDSOCK_STREAM, argv[2]);
    else if (strcmp(role, "seqpacket-server") == 0)
        serve(UDSOCK_SEQPACKET, argv[2]);
    else if (strcmp(role, "datagram-server") == 0)
        datagram_server(argv[2]);
    else if (strcmp(role, "stream-client") == 0)
        stream_client(argv[2]);
    else if (strcmp(role, "seqpacket-client") == 0)
        seqpacket_client(argv[2]);
    else if (strcmp(role, "datagram-client") == 0 && argc == 4)
        datagram_client(argv[2], argv[3]);
    else
        return 2;
    return 0;
}
