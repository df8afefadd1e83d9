/*
 * GETs a path over a socket file: the status line goes to stderr, the body to stdout. The
 * exit status is 0 only if the server says 2xx and the body is whole.
 *
 * The request ends with an empty line, and nothing is shut down: many servers take a client that
 * has shut down its sending side for one that has gone, and close without an answer.
 *
 *     build/http_server /tmp/http.sock
 *     build/http_client /tmp/http.sock /      (in another terminal)
 */
#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "udsock.h"

enum { TIMEOUT_MS = 30000 };

static udsock_t server;

static void fail(const char *what, const char *why)
{
    fprintf(stderr, "http_client: %s: %s\n", what, why);
    exit(1);
}

/* The next byte of the reply; below 0: the end, where the reply may end. */
static int next_byte(int may_end)
{
    static unsigned char buffer[16384];
    static int64_t used, size;
    if (used == size) {
        int64_t received = udsock_recv(server, buffer, sizeof buffer, TIMEOUT_MS);
        if (received == UDSOCK_EOF && may_end) {
            return -1;
        }
        if (received < 0) {
            fail("receive", udsock_error_text(received));
        }
        used = 0;
        size = received;
    }
    return buffer[used++];
}

/* A line without its end. If it is longer than the room it is cut: we need only its beginning. */
static const char *read_line(void)
{
    static char line[1024];
    size_t length = 0;
    for (int byte; (byte = next_byte(0)) != '\n';) {
        if (byte != '\r' && length < sizeof line - 1) {
            line[length++] = (char)byte;
        }
    }
    line[length] = '\0';
    return line;
}

static long long number(const char *text, int base)
{
    char *end;
    long long value = strtoll(text, &end, base);
    if (end == text || value < 0) {
        fail("not a size", text);
    }
    return value;
}

static void copy(long long size)
{
    for (; size > 0; size--) {
        putchar(next_byte(0));
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: http_client SOCKET PATH\n", stderr);
        return 2;
    }
    udsock_error err = UDSOCK_ERROR_INIT;
    server = udsock_open_client(UDSOCK_STREAM, argv[1], NULL, &err);
    if (server < 0) {
        fail("connect", err.message);
    }
    const char *parts[] = { "GET ", argv[2],
                            " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" };
    for (int i = 0; i < 3; i++) {
        int64_t sent = udsock_send_all(server, parts[i], strlen(parts[i]), TIMEOUT_MS, NULL);
        if (sent < 0) {
            fail("send", udsock_error_text(sent));
        }
    }

    int status = 0, chunked = 0;
    long long size = -1;
    const char *line = read_line();
    fprintf(stderr, "%s\n", line);
    sscanf(line, "HTTP/1.%*d %d", &status);
    while (*(line = read_line()) != '\0') {
        if (strncasecmp(line, "Content-Length:", 15) == 0) {
            size = number(line + 15, 10);
        } else if (strncasecmp(line, "Transfer-Encoding:", 18) == 0) {
            chunked = strstr(line, "chunked") != NULL;
        }
    }
    while (chunked && (size = number(read_line(), 16)) > 0) {
        copy(size);
        read_line();
    }
    copy(size);
    for (int byte; size < 0 && (byte = next_byte(1)) >= 0;) { /* A body of unknown size. */
        putchar(byte);
    }
    udsock_close(server);
    return fflush(stdout) == 0 && !ferror(stdout) && status / 100 == 2 ? 0 : 1;
}
