/*
 * A client that sends and receives at the same time, in two threads on one handle, and
 * checks that what comes back is what it sent.
 *
 *     build/echo_server seqpacket /tmp/echo.sock
 *     build/echo_client seqpacket /tmp/echo.sock      (in another terminal)
 */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "udsock.h"

enum { TIMEOUT_MS = 10000 };

static const char *const messages[] = {
    "hello", "is anybody there?", "", "both ways at once", "goodbye",
};
enum { MESSAGES = sizeof messages / sizeof messages[0] };

static udsock_t server;
static uint32_t kind;

/* A stream has no empty messages: a send of 0 bytes sends nothing. */
static int is_sent(const char *message)
{
    return kind == UDSOCK_SEQPACKET || message[0] != '\0';
}

static void *send_messages(void *argument)
{
    int *failed = (int *)argument;
    for (int i = 0; i < MESSAGES; i++) {
        if (!is_sent(messages[i])) {
            continue;
        }
        printf("echo_client: sending   \"%s\"\n", messages[i]);
        size_t size = strlen(messages[i]);
        int64_t sent = udsock_send_all(server, messages[i], size, TIMEOUT_MS, NULL);
        if (sent < 0) {
            fprintf(stderr, "echo_client: send: %s\n", udsock_error_text(sent));
            *failed = 1;
            break;
        }
    }
    udsock_shutdown(server, UDSOCK_WRITE); /* The server sees the end; we still receive. */
    return NULL;
}

/* Seqpacket messages come one by one; on a stream we receive as many bytes as we sent. */
static int64_t receive(char *buffer, size_t size, size_t expected)
{
    if (kind == UDSOCK_SEQPACKET) {
        return udsock_recv(server, buffer, size, TIMEOUT_MS);
    }
    return udsock_recv_exact(server, buffer, expected, TIMEOUT_MS, NULL);
}

static int receive_messages(void)
{
    char buffer[256];
    for (int i = 0; i < MESSAGES; i++) {
        if (!is_sent(messages[i])) {
            continue;
        }
        size_t expected = strlen(messages[i]);
        int64_t received = receive(buffer, sizeof buffer, expected);
        if (received < 0) {
            fprintf(stderr, "echo_client: receive: %s\n", udsock_error_text(received));
            return 1;
        }
        printf("echo_client: received  \"%.*s\"\n", (int)received, buffer);
        if ((size_t)received != expected || memcmp(buffer, messages[i], expected) != 0) {
            fputs("echo_client: that is not what was sent\n", stderr);
            return 1;
        }
    }
    int64_t end = udsock_recv(server, buffer, sizeof buffer, TIMEOUT_MS);
    if (end != UDSOCK_EOF) {
        fprintf(stderr, "echo_client: %s instead of the end\n", udsock_error_name(end));
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 3 || (strcmp(argv[1], "stream") != 0 && strcmp(argv[1], "seqpacket") != 0)) {
        fputs("usage: echo_client stream|seqpacket PATH\n", stderr);
        return 2;
    }
    kind = strcmp(argv[1], "stream") == 0 ? UDSOCK_STREAM : UDSOCK_SEQPACKET;

    udsock_error err = UDSOCK_ERROR_INIT;
    server = udsock_open_client(kind, argv[2], NULL, &err);
    if (server < 0) {
        fprintf(stderr, "echo_client: %s\n", err.message);
        return 1;
    }
    int send_failed = 0;
    pthread_t sender;
    if (pthread_create(&sender, NULL, send_messages, &send_failed) != 0) {
        fputs("echo_client: can't start a thread\n", stderr);
        udsock_close(server);
        return 1;
    }
    int receive_failed = receive_messages();
    if (receive_failed) {
        udsock_shutdown(server, UDSOCK_READ | UDSOCK_WRITE); /* The sender should not go on. */
    }
    pthread_join(sender, NULL);
    udsock_close(server);
    return send_failed || receive_failed;
}
