/*
 * An echo server on a listening socket that another process opened and handed down: a
 * supervisor or a parent. To try it, give the program a path: it opens a server, gives up
 * its handle, and executes itself with the number of the descriptor.
 *
 *     build/adopted_listener /tmp/adopted.sock
 *     build/echo_client stream /tmp/adopted.sock      (in another terminal)
 *
 * An adopted socket's file is never removed: it belongs to the process that made it. So
 * after Ctrl-C the file is still there.
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "udsock.h"

/* This is what a parent does: a descriptor is inherited if it is not close-on-exec. */
static int hand_down(const char *program, const char *path)
{
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t server = udsock_open_server(UDSOCK_STREAM, path, NULL, &err);
    if (server < 0) {
        fprintf(stderr, "adopted_listener: %s\n", err.message);
        return 1;
    }
    int fd = udsock_release(server);
    if (fd < 0) {
        fprintf(stderr, "adopted_listener: release: %s\n", udsock_error_text(fd));
        return 1;
    }
    char number[16];
    snprintf(number, sizeof number, "%d", fd);
    if (fcntl(fd, F_SETFD, 0) == 0) {
        printf("adopted_listener: opened %s, handing down descriptor %d\n", path, fd);
        fflush(stdout);
        execlp(program, program, "--fd", number, (char *)NULL);
    }
    fprintf(stderr, "adopted_listener: %s: %s\n", program, strerror(errno));
    unlink(path);
    return 1;
}

/* One client at a time, which is enough here; echo_server.c serves many. */
static void *serve(void *argument)
{
    udsock_t server = *(udsock_t *)argument;
    for (;;) {
        udsock_t client = udsock_accept(server, UDSOCK_FOREVER, NULL);
        if (client == UDSOCK_CLOSED || client == -EBADF) {
            return NULL;
        }
        if (client < 0) {
            fprintf(stderr, "adopted_listener: accept: %s\n", udsock_error_text(client));
            sleep(1);
            continue;
        }
        char buffer[65536];
        int64_t size;
        while ((size = udsock_recv(client, buffer, sizeof buffer, 10000)) >= 0 &&
               (size = udsock_send_all(client, buffer, (size_t)size, 10000, NULL)) >= 0) {
        }
        if (size != UDSOCK_EOF) {
            fprintf(stderr, "adopted_listener: %s\n", udsock_error_text(size));
        }
        udsock_close(client);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2) {
        return hand_down(argv[0], argv[1]);
    }
    if (argc != 3 || strcmp(argv[1], "--fd") != 0) {
        fputs("usage: adopted_listener PATH | --fd NUMBER\n", stderr);
        return 2;
    }
    /* The signals are blocked in every thread: they interrupt no call, and sigwait gets them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t server = udsock_adopt(atoi(argv[2]), &err);
    if (server < 0) {
        fprintf(stderr, "adopted_listener: %s\n", err.message);
        return 1;
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, &server) != 0) {
        fputs("adopted_listener: can't start a thread\n", stderr);
        udsock_close(server);
        return 1;
    }
    char address[UDSOCK_ADDRESS_SIZE] = "";
    udsock_local_address(server, address, sizeof address);
    printf("adopted_listener: serving on %s\n", address);
    fflush(stdout);

    int signal_number;
    sigwait(&signals, &signal_number);
    udsock_close(server); /* The accept returns. The file stays. */
    pthread_join(thread, NULL);
    return 0;
}
