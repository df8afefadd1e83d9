/* The yardstick: an echo server over epoll, level-triggered, in one thread: raw ADDRESS */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "timing.h"

enum { EVENTS = 256 };

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    require(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void accept_all(int epoll, int server)
{
    int fd;
    while ((fd = accept4(server, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        watch(epoll, fd);
    require(errno == EAGAIN || errno == ECONNABORTED, "accept4");
}

/* A client that leaves more answers unread than its socket holds is let go. */
static void echo(int fd)
{
    static char buffer[65536];
    ssize_t length = recv(fd, buffer, sizeof buffer, 0);
    if (length < 0 && errno == EAGAIN)
        return;
    if (length <= 0 || send(fd, buffer, (size_t)length, MSG_NOSIGNAL) != length)
        close(fd);
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 2 || strlen(argv[1]) >= sizeof address.sun_path) {
        fprintf(stderr, "usage: raw ADDRESS\n");
        return 2;
    }
    memcpy(address.sun_path, argv[1], strlen(argv[1]));
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    require(server >= 0 && epoll >= 0, "socket, epoll_create1");
    require(bind(server, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    require(listen(server, SOMAXCONN) == 0, "listen");
    watch(epoll, server);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(epoll, events, EVENTS, -1);
        require(count >= 0 || errno == EINTR, "epoll_wait");
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == server)
                accept_all(epoll, server);
            else
                echo(events[i].data.fd);
        }
    }
}
