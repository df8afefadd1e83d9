/*
 * HTTP/1.1 over a socket file, for curl, nginx (proxy_pass http://unix:/tmp/http.sock:) and
 * every other client. Connections stay open; requests may come in pieces, or many at once.
 *
 *     build/http_server /tmp/http.sock
 *     curl --unix-socket /tmp/http.sock http://localhost/echo -d hello
 */
#define _GNU_SOURCE 1 /* for strcasestr */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "udsock.h"

enum { REQUEST_MAX = 1 << 20, IDLE_MS = 60000, SEND_MS = 10000 };
/* Answers hold `answering` for reading, the program's end for writing. Each takes `door` first, and
 * the end keeps it, so that no answer begins after it. */
static pthread_rwlock_t answering = PTHREAD_RWLOCK_INITIALIZER;
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;

struct connection {
    udsock_t client;
    size_t size; /* of what has come and was not answered yet; a NUL follows it */
    char data[REQUEST_MAX + 1];
};

/* 1: the first request was answered. 0: it is not whole yet. -1: the connection has to end. */
static int answer(struct connection *c)
{
    char *end = strstr(c->data, "\r\n\r\n"), head[128];
    if (end == NULL) {
        return 0;
    }
    *end = '\0'; /* What we look for is in the head. */
    const char *length = strcasestr(c->data, "\r\nContent-Length:");
    size_t body_size = length == NULL ? 0 : strtoul(length + 17, NULL, 10);
    int is_last = strcasestr(c->data, "\r\nConnection: close") != NULL;
    int is_chunked = strcasestr(c->data, "\r\nTransfer-Encoding:") != NULL;
    *end = '\r';
    size_t size = (size_t)(end + 4 - c->data) + body_size;
    if (is_chunked || body_size > REQUEST_MAX) {
        return -1; /* We don't know where the next request begins. */
    } else if (c->size < size) {
        return 0;
    }
    int hello = strncmp(c->data, "GET / ", 6) == 0, echo = strncmp(c->data, "POST /echo ", 11) == 0;
    const char *text = echo ? end + 4 : hello ? "Hello from a socket file.\n" : "";
    size_t text_size = echo ? body_size : strlen(text);
    snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n",
             hello || echo ? "200 OK" : "404 Not Found", text_size);
    int failed = udsock_send_all(c->client, head, strlen(head), SEND_MS, NULL) < 0 ||
                 udsock_send_all(c->client, text, text_size, SEND_MS, NULL) < 0;
    c->size -= size;
    memmove(c->data, c->data + size, c->size + 1);
    return failed || is_last ? -1 : 1;
}

static void *serve(void *argument)
{
    struct connection *c = (struct connection *)argument;
    int64_t n, answered = 0;
    pthread_detach(pthread_self());
    while (answered >= 0 && (n = udsock_recv(c->client, c->data + c->size, REQUEST_MAX - c->size,
                                             IDLE_MS)) > 0) {
        c->data[c->size += (size_t)n] = '\0';
        pthread_mutex_lock(&door);
        pthread_rwlock_rdlock(&answering);
        pthread_mutex_unlock(&door);
        while ((answered = answer(c)) > 0) {
        }
        pthread_rwlock_unlock(&answering);
    }
    udsock_close(c->client);
    free(c);
    return NULL;
}

static void *accept_clients(void *server)
{
    udsock_t client;
    while ((client = udsock_accept(*(udsock_t *)server, UDSOCK_FOREVER, NULL)) != UDSOCK_CLOSED &&
           client != -EBADF) {
        pthread_t thread;
        struct connection *c = (struct connection *)calloc(1, sizeof *c);
        if (c == NULL || (c->client = client) < 0 || pthread_create(&thread, NULL, serve, c) != 0) {
            fprintf(stderr, "http_server: %s\n", udsock_error_text(client < 0 ? client : -ENOMEM));
            udsock_close(client);
            free(c);
            sleep(1); /* A client that leaves makes room. */
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    sigset_t signals; /* The signals are blocked in every thread: sigwait gets them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    const char *path = argc == 2 ? argv[1] : NULL;
    udsock_bind_options open_to_all = { sizeof open_to_all, 0, 0666, 0, NULL, NULL };
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t server = udsock_open_server(UDSOCK_STREAM, path, &open_to_all, &err);
    pthread_t acceptor;
    if (server < 0 || pthread_create(&acceptor, NULL, accept_clients, &server) != 0) {
        return fprintf(stderr, "http_server: %s\n", server < 0 ? err.message : "no thread"), 1;
    }
    printf("http_server: serving on %s\n", path);
    fflush(stdout);
    int signal_number;
    sigwait(&signals, &signal_number);
    udsock_close(server); /* The file is removed, and the accept returns. */
    pthread_join(acceptor, NULL);
    return pthread_mutex_lock(&door) || pthread_rwlock_wrlock(&answering);
}
