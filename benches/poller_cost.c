/*
 * What a message and a connection cost through a poller, over epoll, in one thread:
 *
 *     poller_cost          a table of times, each way in turn
 *     poller_cost count    rounds for callgrind to count
 *     poller_cost trace    the same for strace
 *
 * A round of messages: every peer has sent 64 bytes, and each gets them back. A round of
 * connections: as many clients have connected, and are accepted, watched and closed. Only
 * the server's side is measured; the other is raw in both ways.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "compare.h"

enum { MEMBERS = 64, SIZE = 64 };

static int epoll_of_none(void)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    require(epoll >= 0, "epoll_create1");
    return epoll;
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    require(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static int wait_raw(int epoll, struct epoll_event events[MEMBERS])
{
    int count = epoll_wait(epoll, events, MEMBERS, -1);
    require(count > 0, "epoll_wait");
    return count;
}

static udsock_t poller_of_none(void)
{
    return must(udsock_poller_create(NULL), "udsock_poller_create");
}

static int64_t wait_ours(udsock_t poller, udsock_event events[MEMBERS], char *arena, size_t size)
{
    return must(udsock_poller_wait(poller, events, MEMBERS, arena, size, UDSOCK_FOREVER),
                "udsock_poller_wait");
}

/* ------------------------------------------------------------------------
 * Messages
 */

struct members {
    int epoll;
    udsock_t poller;
    int peers[MEMBERS];
};

static void open_raw_members(struct members *members, int kind)
{
    members->epoll = epoll_of_none();
    for (int i = 0; i < MEMBERS; i++) {
        int ends[2];
        require(socketpair(AF_UNIX, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0,
                "socketpair");
        watch(members->epoll, ends[0]);
        members->peers[i] = ends[1];
    }
}

static void open_our_members(struct members *members, int kind)
{
    members->poller = poller_of_none();
    for (int i = 0; i < MEMBERS; i++) {
        udsock_t ends[2];
        must(udsock_open_pair((uint32_t)kind, ends), "udsock_open_pair");
        must(udsock_poller_add(members->poller, ends[0], (uint64_t)i, 0), "udsock_poller_add");
        members->peers[i] = (int)must(udsock_fd(ends[1]), "udsock_fd");
    }
}

static void peers_send(void *context)
{
    const struct members *members = context;
    char data[SIZE] = {0};
    for (int i = 0; i < MEMBERS; i++)
        require(send(members->peers[i], data, SIZE, MSG_DONTWAIT | MSG_NOSIGNAL) == SIZE, "send");
}

static void peers_receive(void *context)
{
    const struct members *members = context;
    char data[SIZE];
    for (int i = 0; i < MEMBERS; i++)
        require(recv(members->peers[i], data, SIZE, MSG_DONTWAIT) == SIZE, "recv");
}

static void echo_raw(void *context)
{
    const struct members *members = context;
    struct epoll_event events[MEMBERS];
    char data[SIZE];
    for (int done = 0, count; done < MEMBERS; done += count) {
        count = wait_raw(members->epoll, events);
        for (int i = 0; i < count; i++) {
            require(recv(events[i].data.fd, data, SIZE, 0) == SIZE, "recv");
            require(send(events[i].data.fd, data, SIZE, MSG_NOSIGNAL) == SIZE, "send");
        }
    }
}

static void echo_ours(void *context)
{
    const struct members *members = context;
    udsock_event events[MEMBERS];
    udsock_outgoing items[MEMBERS];
    char arena[MEMBERS * SIZE];
    for (int64_t done = 0, count; done < MEMBERS; done += count) {
        count = wait_ours(members->poller, events, arena, sizeof arena);
        for (int64_t i = 0; i < count; i++) {
            require(events[i].kind == UDSOCK_EVENT_RECEIVED, "no message");
            items[i] = (udsock_outgoing){.socket = events[i].socket,
                .offset = events[i].offset, .length = events[i].length};
        }
        require(udsock_poller_send(members->poller, items, (size_t)count, arena, sizeof arena)
                    == count, "udsock_poller_send");
    }
}

static struct work messages(const char *name, int kind, struct members both[2])
{
    struct members *raw = &both[0], *ours = &both[1];
    open_raw_members(raw, kind);
    open_our_members(ours, kind);
    return (struct work){
        .name = name,
        .operations = MEMBERS,
        .raw = {raw, echo_raw, peers_send, peers_receive},
        .ours = {ours, echo_ours, peers_send, peers_receive},
    };
}

/* ------------------------------------------------------------------------
 * Connections
 */

struct server {
    struct sockaddr_un address;
    socklen_t address_size;
    int fd, epoll;
    udsock_t poller;
    int clients[MEMBERS];
};

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    require(fd >= 0, "socket");
    return fd;
}

static void open_raw_server(struct server *server)
{
    server->fd = new_socket();
    server->epoll = epoll_of_none();
    /* The kernel picks the name. */
    server->address.sun_family = AF_UNIX;
    require(bind(server->fd, (struct sockaddr *)&server->address, sizeof(sa_family_t)) == 0,
            "bind");
    require(listen(server->fd, SOMAXCONN) == 0, "listen");
    watch(server->epoll, server->fd);
}

static void open_our_server(struct server *server)
{
    udsock_t s = must(udsock_open_server(UDSOCK_STREAM, "@", NULL, NULL), "udsock_open_server");
    server->poller = poller_of_none();
    must(udsock_poller_add(server->poller, s, 0, 0), "udsock_poller_add");
    server->fd = (int)must(udsock_fd(s), "udsock_fd");
}

static void find_address(struct server *server)
{
    server->address_size = sizeof server->address;
    require(getsockname(server->fd, (struct sockaddr *)&server->address,
                        &server->address_size) == 0, "getsockname");
}

static void clients_connect(void *context)
{
    struct server *server = context;
    for (int i = 0; i < MEMBERS; i++) {
        server->clients[i] = new_socket();
        require(connect(server->clients[i], (struct sockaddr *)&server->address,
                        server->address_size) == 0, "connect");
    }
}

static void clients_close(void *context)
{
    const struct server *server = context;
    for (int i = 0; i < MEMBERS; i++)
        require(close(server->clients[i]) == 0, "close");
}

static void accept_raw(void *context)
{
    const struct server *server = context;
    struct epoll_event event;
    int accepted[MEMBERS], count = 0, fd;
    require(epoll_wait(server->epoll, &event, 1, -1) == 1, "epoll_wait");
    while ((fd = accept4(server->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        require(count < MEMBERS, "somebody else connected");
        watch(server->epoll, fd);
        accepted[count++] = fd;
    }
    require(errno == EAGAIN && count == MEMBERS, "accept4");
    for (int i = 0; i < count; i++)
        require(close(accepted[i]) == 0, "close");
}

static void accept_ours(void *context)
{
    const struct server *server = context;
    udsock_event events[MEMBERS];
    udsock_t accepted[MEMBERS];
    char arena[SIZE];
    for (int64_t done = 0, count; done < MEMBERS; done += count) {
        count = wait_ours(server->poller, events, arena, sizeof arena);
        for (int64_t i = 0; i < count; i++) {
            require(events[i].kind == UDSOCK_EVENT_ACCEPTED, "no connection");
            require(done + i < MEMBERS, "somebody else connected");
            accepted[done + i] = events[i].socket;
        }
    }
    for (int i = 0; i < MEMBERS; i++)
        must(udsock_close(accepted[i]), "udsock_close");
}

static struct work connections(const char *name, struct server both[2])
{
    struct server *raw = &both[0], *ours = &both[1];
    open_raw_server(raw);
    find_address(raw);
    open_our_server(ours);
    find_address(ours);
    return (struct work){
        .name = name,
        .operations = MEMBERS,
        .raw = {raw, accept_raw, clients_connect, clients_close},
        .ours = {ours, accept_ours, clients_connect, clients_close},
    };
}

int main(int argc, char **argv)
{
    static struct members stream[2], seqpacket[2], dgram[2];
    static struct server servers[2];
    const struct work works[] = {
        messages("poller, stream", SOCK_STREAM, stream),
        messages("poller, seqpacket", SOCK_SEQPACKET, seqpacket),
        messages("poller, dgram", SOCK_DGRAM, dgram),
        connections("poller, connection", servers),
    };
    return side_by_side("ns each", works, sizeof works / sizeof works[0], argc, argv);
}
