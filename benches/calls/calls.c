/*
 * What a call costs in C, in nanoseconds:
 *
 *     calls version    udsock_version: the call alone
 *     calls raw        recv(2) where nothing is there
 *     calls receive    udsock_recv where nothing is there
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/socket.h>

#include "timing.h"
#include "udsock.h"

enum { CALLS = 1000000, SIZE = 64 };

static void call_version(void)
{
    for (int i = 0; i < CALLS; i++)
        if (udsock_version() == 0)
            abort();
}

static void call_raw(void)
{
    int fd[2];
    char buffer[SIZE];
    require(socketpair(AF_UNIX, SOCK_STREAM, 0, fd) == 0, "socketpair");
    for (int i = 0; i < CALLS; i++)
        require(recv(fd[0], buffer, SIZE, MSG_DONTWAIT) < 0 && errno == EAGAIN, "recv");
}

static void call_receive(void)
{
    udsock_t pair[2];
    char buffer[SIZE];
    require(udsock_open_pair(UDSOCK_STREAM, pair) == 0, "udsock_open_pair");
    for (int i = 0; i < CALLS; i++)
        require(udsock_recv(pair[0], buffer, SIZE, 0) == -EAGAIN, "udsock_recv");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } WAYS[] = {{"version", call_version}, {"raw", call_raw}, {"receive", call_receive}};
    for (size_t i = 0; argc == 2 && i < sizeof WAYS / sizeof WAYS[0]; i++) {
        if (strcmp(argv[1], WAYS[i].name) == 0) {
            double start = now();
            WAYS[i].run();
            printf("ns %.2f\n", (now() - start) / CALLS);
            return 0;
        }
    }
    fprintf(stderr, "usage: calls version|raw|receive\n");
    return 2;
}
