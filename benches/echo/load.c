/*
 * Puts an echo server under load, and says what a request costs it in CPU time.
 *
 *     load ADDRESS SERVER_PID CONNECTIONS BUSY MILLISECONDS
 *
 * It opens the connections, and keeps BUSY requests of 64 bytes on the way, each on another
 * connection: when an answer comes, the connection that has rested longest sends the next
 * request. After a warm-up it measures for so many milliseconds, and prints the server's CPU
 * time a request in microseconds, and how many requests there were in a second.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "timing.h"

enum {
    EVENTS = 1024,
    WORDS = 8, /* of 8 bytes, in a request */
    WARM_UP_MS = 200,
    PATIENCE_MS = 10000,
};

struct connection {
    int fd;
    uint64_t request; /* the number of the last one, which fills it */
};

static struct connection *connections;
static size_t *resting; /* a ring of those without a request */
static size_t resting_count, longest;
static uint64_t requests;

static void fail(const char *what)
{
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

/* The server may still be starting. */
static int connect_to(const struct sockaddr_un *address)
{
    double deadline = now() + PATIENCE_MS * 1e6;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(fd >= 0, "socket");
    while (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        require((errno == ENOENT || errno == ECONNREFUSED) && now() < deadline, "connect");
        usleep(1000);
    }
    return fd;
}

static void open_connections(const char *path, size_t count, int epoll)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        fail("the address is too long");
    memcpy(address.sun_path, path, strlen(path));
    connections = calloc(count, sizeof *connections);
    resting = calloc(count, sizeof *resting);
    require(connections != NULL && resting != NULL, "calloc");
    for (size_t i = 0; i < count; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};
        connections[i].fd = connect_to(&address);
        require(epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event) == 0, "epoll_ctl");
    }
}

static void send_request(size_t number)
{
    struct connection *connection = &connections[number];
    uint64_t request[WORDS];
    connection->request = ++requests;
    for (int i = 0; i < WORDS; i++)
        request[i] = connection->request;
    require(send(connection->fd, request, sizeof request, MSG_NOSIGNAL) == sizeof request, "send");
}

static void receive_answer(size_t number)
{
    uint64_t answer[WORDS + 1];
    ssize_t length = recv(connections[number].fd, answer, sizeof answer, MSG_DONTWAIT);
    if (length == 0)
        fail("the server closed a connection");
    require(length > 0, "recv");
    if (length != WORDS * sizeof answer[0])
        fail("an answer has another length than its request");
    for (int i = 0; i < WORDS; i++)
        if (answer[i] != connections[number].request)
            fail("an answer is not its request");
}

/* The connection that has got its answer rests; which one sends the next request. */
static size_t relieve(size_t number)
{
    if (resting_count == 0)
        return number;
    size_t next = resting[longest];
    resting[longest] = number;
    longest = (longest + 1) % resting_count;
    return next;
}

static double cpu_time(clockid_t process)
{
    struct timespec time;
    require(clock_gettime(process, &time) == 0, "the server's CPU time");
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Goes on for so long, and until so many answers have come. How many have. */
static uint64_t keep_busy(int epoll, double milliseconds, uint64_t at_least)
{
    struct epoll_event events[EVENTS];
    double deadline = now() + milliseconds * 1e6;
    uint64_t answers = 0;
    while (answers < at_least || now() < deadline) {
        int count = epoll_wait(epoll, events, EVENTS, PATIENCE_MS);
        require(count >= 0, "epoll_wait");
        if (count == 0)
            fail("the server does not answer");
        for (int i = 0; i < count; i++) {
            receive_answer(events[i].data.u64);
            send_request(relieve(events[i].data.u64));
        }
        answers += (uint64_t)count;
    }
    return answers;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: load ADDRESS SERVER_PID CONNECTIONS BUSY MILLISECONDS\n");
        return 2;
    }
    size_t count = strtoul(argv[3], NULL, 10), busy = strtoul(argv[4], NULL, 10);
    double milliseconds = strtod(argv[5], NULL);
    if (busy == 0 || busy > count)
        fail("BUSY is from 1 to CONNECTIONS");
    clockid_t server;
    if (clock_getcpuclockid((pid_t)strtol(argv[2], NULL, 10), &server) != 0)
        fail("no such process");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    require(epoll >= 0, "epoll_create1");
    open_connections(argv[1], count, epoll);

    while (resting_count < count - busy) {
        resting[resting_count] = busy + resting_count;
        resting_count++;
    }
    for (size_t i = 0; i < busy; i++)
        send_request(i);
    keep_busy(epoll, WARM_UP_MS, 2 * count);

    double start = now(), cpu_start = cpu_time(server);
    uint64_t answers = keep_busy(epoll, milliseconds, 1);
    double cpu = cpu_time(server) - cpu_start, time = now() - start;
    printf("cpu_us %.4f\nrequests_a_second %.0f\n", cpu / 1e3 / (double)answers,
           (double)answers * 1e9 / time);
    return 0;
}
