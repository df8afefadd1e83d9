/*
 * What things cost while so many connections are open:
 *
 *     growth raw|ours CONNECTIONS
 *
 * Another process has the clients' ends, and says nothing. Here they are accepted and watched, by
 * epoll(7) or by a poller, and then, beside them, in one thread:
 *
 *     connect       a client connects, and its connection is accepted and closed
 *     round_trip    64 bytes there and back, over one more connection
 *     poller_round  64 bytes that are waited for among all, and answered
 *
 * Prints the nanoseconds of each; of accept, of a connection while they all come (if there are a
 * thousand); and the bytes that one takes: of memory from malloc(3), and of this process's resident
 * memory.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../must.h"

enum { SIZE = 64, EVENTS = 64, SAMPLES = 21, ROUNDS = 200, DESCRIPTORS_BESIDE = 32,
       LEAST_TO_ACCEPT = 1000 };

static double now(void)
{
    struct timespec time;
    require(clock_gettime(CLOCK_MONOTONIC, &time) == 0, "clock_gettime");
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static struct sockaddr_un address;
static socklen_t address_size;
static char address_text[32];

static int new_socket(int flags)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    require(fd >= 0, "socket");
    return fd;
}

static int connect_raw(void)
{
    int fd = new_socket(0);
    require(connect(fd, (struct sockaddr *)&address, address_size) == 0, "connect");
    return fd;
}

/* ---------------------------------------------------------------- the two ways */

static int listener, epoll;
static udsock_t server, poller;

static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    require(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
}

static void open_raw(void)
{
    listener = new_socket(SOCK_NONBLOCK);
    require(bind(listener, (struct sockaddr *)&address, address_size) == 0, "bind");
    require(listen(listener, SOMAXCONN) == 0, "listen");
    epoll = epoll_create1(EPOLL_CLOEXEC);
    require(epoll >= 0, "epoll_create1");
    watch(listener);
}

static void open_ours(void)
{
    server = must(udsock_open_server(UDSOCK_STREAM, address_text, NULL, NULL),
                  "udsock_open_server");
    poller = must(udsock_poller_create(NULL), "udsock_poller_create");
    must(udsock_poller_add(poller, server, 0, 0), "udsock_poller_add");
}

/* How many came; of the last one what it is. */
static int accept_some_raw(int *last)
{
    struct epoll_event event;
    int count = 0, fd;
    require(epoll_wait(epoll, &event, 1, -1) == 1 && event.data.fd == listener, "epoll_wait");
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        watch(fd);
        *last = fd;
        count++;
    }
    require(errno == EAGAIN, "accept4");
    return count;
}

static udsock_event events[EVENTS];
static char arena[1 << 16];

static int64_t wait_ours(uint32_t kind)
{
    int64_t count = must(udsock_poller_wait(poller, events, EVENTS, arena, sizeof arena,
                                            UDSOCK_FOREVER), "udsock_poller_wait");
    for (int64_t i = 0; i < count; i++)
        require(events[i].kind == kind, "another event");
    return count;
}

static int64_t accept_some_ours(udsock_t *last)
{
    int64_t count = wait_ours(UDSOCK_EVENT_ACCEPTED);
    if (count > 0)
        *last = events[count - 1].socket;
    return count;
}

static char data[SIZE];

static void connect_once_raw(void)
{
    int peer = -1, client = connect_raw();
    while (accept_some_raw(&peer) == 0)
        continue;
    require(close(peer) == 0 && close(client) == 0, "close");
}

static void connect_once_ours(void)
{
    udsock_t peer = 0, client = must(udsock_open_client(UDSOCK_STREAM, address_text, NULL, NULL),
                                     "udsock_open_client");
    while (accept_some_ours(&peer) == 0)
        continue;
    must(udsock_close(peer), "udsock_close");
    must(udsock_close(client), "udsock_close");
}

/* One more connection. */
static int raw_client, raw_peer;
static udsock_t our_client, our_peer;

static void send_raw(int fd)
{
    require(send(fd, data, SIZE, MSG_NOSIGNAL) == SIZE, "send");
}

static void receive_raw(int fd)
{
    require(recv(fd, data, SIZE, 0) == SIZE, "recv");
}

static void send_ours(udsock_t s)
{
    must(udsock_send(s, data, SIZE, UDSOCK_FOREVER), "udsock_send");
}

static void receive_ours(udsock_t s)
{
    must(udsock_recv(s, data, SIZE, UDSOCK_FOREVER), "udsock_recv");
}

static void round_trip_raw(void)
{
    send_raw(raw_client);
    receive_raw(raw_peer);
    send_raw(raw_peer);
    receive_raw(raw_client);
}

static void round_trip_ours(void)
{
    send_ours(our_client);
    receive_ours(our_peer);
    send_ours(our_peer);
    receive_ours(our_client);
}

static void poller_round_raw(void)
{
    struct epoll_event event;
    send_raw(raw_client);
    require(epoll_wait(epoll, &event, 1, -1) == 1 && event.data.fd == raw_peer, "epoll_wait");
    receive_raw(raw_peer);
    send_raw(raw_peer);
    receive_raw(raw_client);
}

static void poller_round_ours(void)
{
    send_ours(our_client);
    require(wait_ours(UDSOCK_EVENT_RECEIVED) == 1, "another count");
    udsock_outgoing item = {.socket = events[0].socket, .offset = events[0].offset,
                            .length = events[0].length};
    require(udsock_poller_send(poller, &item, 1, arena, sizeof arena) == 1, "udsock_poller_send");
    receive_ours(our_client);
}

/* ---------------------------------------------------------------- measuring */

static void measure(const char *name, void (*step)(void))
{
    double samples[SAMPLES];
    for (int i = 0; i < ROUNDS; i++)
        step();
    for (int i = 0; i < SAMPLES; i++) {
        double start = now();
        for (int j = 0; j < ROUNDS; j++)
            step();
        samples[i] = (now() - start) / ROUNDS;
    }
    qsort(samples, SAMPLES, sizeof samples[0], compare);
    printf("%s %.1f\n", name, samples[SAMPLES / 2]);
}

static double malloced(void)
{
    struct mallinfo2 info = mallinfo2();
    return (double)info.uordblks + (double)info.hblkhd;
}

static double resident(void)
{
    long pages = 0, rest;
    FILE *file = fopen("/proc/self/statm", "r");
    require(file != NULL && fscanf(file, "%ld %ld", &rest, &pages) == 2, "/proc/self/statm");
    fclose(file);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

static void raise_limit(long connections)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)connections + DESCRIPTORS_BESIDE;
    require(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit");
    limit.rlim_cur = wanted;
    if (limit.rlim_max < wanted)
        limit.rlim_max = wanted;
    require(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit");
}

/* Has them, and does nothing. */
static pid_t start_clients(long connections)
{
    pid_t child = fork();
    require(child >= 0, "fork");
    if (child != 0)
        return child;
    require(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
    for (long i = 0; i < connections; i++)
        connect_raw();
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    int is_ours = argc == 3 && strcmp(argv[1], "ours") == 0;
    long connections = argc == 3 ? atol(argv[2]) : 0;
    if (connections < 1 || (!is_ours && strcmp(argv[1], "raw") != 0)) {
        fputs("usage: growth raw|ours CONNECTIONS\n", stderr);
        return 2;
    }
    raise_limit(connections);
    snprintf(address_text, sizeof address_text, "@growth.%ld", (long)getpid());
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path + 1, address_text + 1, strlen(address_text) - 1);
    address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address_text));

    (is_ours ? open_ours : open_raw)();
    double memory = malloced(), all = resident(), start = 0;
    long first = 0;
    pid_t clients = start_clients(connections);
    for (long count = 0; count < connections;) {
        udsock_t socket;
        int fd;
        count += is_ours ? (long)accept_some_ours(&socket) : accept_some_raw(&fd);
        /* Without the first ones: the clients' process has to start before them. */
        if (start == 0 && connections > count) {
            start = now();
            first = count;
        }
    }
    if (connections >= LEAST_TO_ACCEPT && start != 0)
        printf("accept %.1f\n", (now() - start) / (double)(connections - first));
    printf("own_memory %.1f\n", (malloced() - memory) / (double)connections);
    printf("resident_memory %.1f\n", (resident() - all) / (double)connections);

    measure("connect", is_ours ? connect_once_ours : connect_once_raw);
    if (is_ours) {
        our_client = must(udsock_open_client(UDSOCK_STREAM, address_text, NULL, NULL),
                          "udsock_open_client");
        while (accept_some_ours(&our_peer) == 0)
            continue;
    } else {
        raw_client = connect_raw();
        while (accept_some_raw(&raw_peer) == 0)
            continue;
    }
    measure("round_trip", is_ours ? round_trip_ours : round_trip_raw);
    measure("poller_round", is_ours ? poller_round_ours : poller_round_raw);
    require(kill(clients, SIGKILL) == 0 && waitpid(clients, NULL, 0) == clients, "the clients");
    return 0;
}
