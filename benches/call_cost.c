/*
 * What a call through the ABI costs over the raw system call: a send and a receive of
 * 64 bytes on a pair of sockets, in one thread.
 *
 *     call_cost          a table of times, each way in turn
 *     call_cost count    rounds of raw and ours for callgrind to count
 *     call_cost trace    the same for strace
 *
 * "recvmsg" is the raw yardstick for seqpacket: recv(2) can't tell an empty message
 * from the end, so a program that wants to know needs recvmsg(2) and something that
 * comes beside every message.
 */
#define _GNU_SOURCE
#include <sys/socket.h>

#include "compare.h"

enum { SIZE = 64 };

static const struct {
    const char *name;
    int number;
} KINDS[] = {
    {"stream", SOCK_STREAM},
    {"seqpacket", SOCK_SEQPACKET},
    {"dgram", SOCK_DGRAM},
};
enum { KIND_COUNT = sizeof KINDS / sizeof KINDS[0] };

union ends {
    int fd[2];
    udsock_t handle[2];
};

static void open_raw(int kind, union ends *ends)
{
    require(socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, ends->fd) == 0, "socketpair");
}

static void run_raw(const union ends *ends, long rounds)
{
    char out[SIZE] = {0}, in[SIZE];
    while (rounds-- > 0) {
        require(send(ends->fd[0], out, SIZE, MSG_DONTWAIT | MSG_NOSIGNAL) == SIZE, "send");
        require(recv(ends->fd[1], in, SIZE, MSG_DONTWAIT) == SIZE, "recv");
    }
}

static void open_recvmsg(int kind, union ends *ends)
{
    int on = 1;
    open_raw(kind, ends);
    require(setsockopt(ends->fd[1], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof on) == 0,
            "setsockopt");
}

static void run_recvmsg(const union ends *ends, long rounds)
{
    char out[SIZE] = {0}, in[SIZE];
    struct iovec part = {.iov_base = in, .iov_len = SIZE};
    while (rounds-- > 0) {
        struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
        require(send(ends->fd[0], out, SIZE, MSG_DONTWAIT | MSG_NOSIGNAL) == SIZE, "send");
        require(recvmsg(ends->fd[1], &header, MSG_DONTWAIT) == SIZE, "recvmsg");
    }
}

static void open_ours(int kind, union ends *ends)
{
    require(udsock_open_pair((uint32_t)kind, ends->handle) == 0, "udsock_open_pair");
}

static void run_ours(const union ends *ends, long rounds)
{
    char out[SIZE] = {0}, in[SIZE];
    while (rounds-- > 0) {
        require(udsock_send(ends->handle[0], out, SIZE, UDSOCK_FOREVER) == SIZE, "udsock_send");
        require(udsock_recv(ends->handle[1], in, SIZE, UDSOCK_FOREVER) == SIZE, "udsock_recv");
    }
}

static const struct {
    const char *name;
    void (*open)(int kind, union ends *ends);
    void (*run)(const union ends *ends, long rounds);
} WAYS[] = {
    {"raw", open_raw, run_raw},
    {"recvmsg", open_recvmsg, run_recvmsg},
    {"ours", open_ours, run_ours},
};
enum { RAW, RECVMSG, OURS, WAY_COUNT };

/* The median of how much longer one way took than another, sample by sample: what
   disturbed both alike cancels. */
static double difference(const double longer[SAMPLES], const double shorter[SAMPLES])
{
    double differences[SAMPLES];
    for (int i = 0; i < SAMPLES; i++)
        differences[i] = longer[i] - shorter[i];
    return median(differences);
}

static void measure_kind(int kind)
{
    static double samples[WAY_COUNT][SAMPLES];
    union ends ends[WAY_COUNT];
    for (int way = 0; way < WAY_COUNT; way++) {
        WAYS[way].open(KINDS[kind].number, &ends[way]);
        WAYS[way].run(&ends[way], ROUNDS_PER_SAMPLE);
    }
    for (int i = 0; i < SAMPLES; i++) {
        for (int way = 0; way < WAY_COUNT; way++) {
            double start = now();
            WAYS[way].run(&ends[way], ROUNDS_PER_SAMPLE);
            samples[way][i] = (now() - start) / ROUNDS_PER_SAMPLE;
        }
    }
    printf("%-10s %8.1f %8.1f %8.1f %10.1f %14.1f\n", KINDS[kind].name, median(samples[RAW]),
           median(samples[RECVMSG]), median(samples[OURS]),
           difference(samples[OURS], samples[RAW]), difference(samples[OURS], samples[RECVMSG]));
}

static void once_raw(void *ends)
{
    run_raw(ends, 1);
}

static void once_ours(void *ends)
{
    run_ours(ends, 1);
}

static void count_kind(int kind)
{
    union ends raw, ours;
    open_raw(KINDS[kind].number, &raw);
    open_ours(KINDS[kind].number, &ours);
    const struct work work = {
        .name = KINDS[kind].name, .operations = 1,
        .raw = {.context = &raw, .run = once_raw}, .ours = {.context = &ours, .run = once_ours},
    };
    count(&work);
}

int main(int argc, char **argv)
{
    int counts = is_to_count(argc, argv);
    if (!counts) {
        stay_on_this_core();
        printf("%-10s %8s %8s %8s %10s %14s\n", "ns a pair", "raw", "recvmsg", "ours",
               "ours - raw", "ours - recvmsg");
    }
    for (int kind = 0; kind < KIND_COUNT; kind++)
        (counts ? count_kind : measure_kind)(kind);
    return 0;
}
