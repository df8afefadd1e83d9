/*
 * An echo server that is replaced while it runs. When it is started again on the same path,
 * the new instance takes the path over. The old one sees that, accepts the clients that had
 * found it before, finishes them and ends. No client is refused.
 *
 *     build/hot_restart /tmp/echo.sock
 *     build/echo_client stream /tmp/echo.sock      (in another terminal, as often as you like)
 *     build/hot_restart /tmp/echo.sock             (in a third one: the first leaves)
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "udsock.h"

enum { LOOK_UP_MS = 200, GRACE_MS = 100 };

static pthread_mutex_t clients_lock = PTHREAD_MUTEX_INITIALIZER;
static int clients;

/* Adds 1, -1 or 0 to the number of clients, and returns it. */
static int count_clients(int change)
{
    pthread_mutex_lock(&clients_lock);
    int count = clients += change;
    pthread_mutex_unlock(&clients_lock);
    return count;
}

static void *echo(void *argument)
{
    udsock_t client = *(udsock_t *)argument;
    free(argument);
    char buffer[65536];
    int64_t n;
    while ((n = udsock_recv(client, buffer, sizeof buffer, UDSOCK_FOREVER)) >= 0 &&
           (n = udsock_send_all(client, buffer, (size_t)n, UDSOCK_FOREVER, NULL)) >= 0) {
    }
    if (n != UDSOCK_EOF) {
        fprintf(stderr, "hot_restart: a client: %s\n", udsock_error_text(n));
    }
    udsock_close(client);
    count_clients(-1);
    return NULL;
}

static void serve(udsock_t client)
{
    pthread_t thread;
    udsock_t *argument = (udsock_t *)malloc(sizeof *argument);
    count_clients(1);
    if (argument != NULL) {
        *argument = client;
        if (pthread_create(&thread, NULL, echo, argument) == 0) {
            pthread_detach(thread);
            return;
        }
    }
    fputs("hot_restart: no memory for another client\n", stderr);
    free(argument);
    udsock_close(client);
    count_clients(-1);
}

/* Waits for Ctrl-C or SIGTERM for this time, and says whether one came. */
static int told_to_end(const sigset_t *signals, int milliseconds)
{
    struct timespec timeout = { 0, milliseconds * 1000000L };
    return sigtimedwait(signals, NULL, &timeout) > 0;
}

int main(int argc, char **argv)
{
    sigset_t signals; /* The signals are blocked in every thread: sigtimedwait gets them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    const char *path = argc == 2 ? argv[1] : NULL;
    udsock_bind_options replace = { sizeof replace, UDSOCK_REPLACE, 0, 0, NULL, NULL };
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t server = udsock_open_server(UDSOCK_STREAM, path, &replace, &err);
    if (server < 0) {
        fprintf(stderr, "hot_restart: %s\n", err.message);
        return 1;
    }
    printf("hot_restart: %d is serving on %s\n", (int)getpid(), path);
    fflush(stdout);

    int ends, is_replaced = 0;
    while (!(ends = told_to_end(&signals, 0))) {
        udsock_t client = udsock_accept(server, is_replaced ? GRACE_MS : LOOK_UP_MS, NULL);
        if (client >= 0) {
            serve(client);
        } else if (client == -ETIMEDOUT && is_replaced) {
            break; /* Clients that found the path before the exchange have come by now. */
        } else if (client != -ETIMEDOUT) {
            fprintf(stderr, "hot_restart: accept: %s\n", udsock_error_text(client));
            sleep(1); /* A client that leaves makes room. */
        }
        is_replaced = udsock_get_option(server, UDSOCK_OPTION_OWNS_FILE) == 0;
    }
    int32_t closed = udsock_close(server); /* The file is removed, unless it is the successor's. */
    while (!ends && count_clients(0) > 0) {
        ends = told_to_end(&signals, GRACE_MS);
    }
    printf("hot_restart: %d %s\n", (int)getpid(), is_replaced ? "was replaced and leaves" : "ends");
    if (closed < 0) {
        fprintf(stderr, "hot_restart: close: %s\n", udsock_error_text(closed));
    }
    return closed < 0;
}
