/*
 * What the two-party programs in C and C++ share: their command line, their clocks, what they print.
 *
 *     PROGRAM server|client WORK KIND SIZE COUNT ADDRESS
 *
 * WORK is round_trip (SIZE bytes there and back), transfer (SIZE bytes there, COUNT times,
 * then one byte back) or connect (a connection a time, SIZE bytes there and back). KIND is
 * stream, seqpacket, dgram or tcp. A fifth of COUNT is done first, uncounted. The server
 * says "ready". Each end prints, an operation, its CPU time, and the client the time that
 * went by. Datagrams come from ADDRESS.client, and a first one of a byte says that it is
 * there; for round trips the server then connects to it, for transfers it stays open to all,
 * as servers are.
 */
#ifndef PAIR_H
#define PAIR_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "../require.h"

struct task {
    int is_server;
    const char *work;
    const char *kind_name;
    int kind;
    size_t size;
    long count;
    const char *address;
    char client_address[108];
};

static inline void *allocate(size_t size)
{
    void *memory = calloc(1, size);
    require(memory != NULL, "calloc");
    return memory;
}

static inline int is_work(const struct task *task, const char *work)
{
    return strcmp(task->work, work) == 0;
}

/* What is read at once: little messages of a stream come many together. */
static inline size_t read_size(const struct task *task)
{
    const size_t usual = 64 * 1024;
    return task->size > usual ? task->size : usual;
}

static inline int kind_of(const char *name)
{
    if (strcmp(name, "seqpacket") == 0)
        return SOCK_SEQPACKET;
    return strcmp(name, "dgram") == 0 ? SOCK_DGRAM : SOCK_STREAM;
}

static inline struct task parse_task(int argc, char **argv)
{
    if (argc != 7) {
        fprintf(stderr, "usage: %s server|client WORK KIND SIZE COUNT ADDRESS\n", argv[0]);
        exit(2);
    }
    struct task task;
    task.is_server = strcmp(argv[1], "server") == 0;
    task.work = argv[2];
    task.kind_name = argv[3];
    task.kind = kind_of(argv[3]);
    task.size = strtoul(argv[4], NULL, 10);
    task.count = strtol(argv[5], NULL, 10);
    task.address = argv[6];
    snprintf(task.client_address, sizeof task.client_address, "%s.client", task.address);
    return task;
}

static inline long warm_up_of(const struct task *task)
{
    return task->count / 5 + 1;
}

static inline void say_ready(void)
{
    puts("ready");
    fflush(stdout);
}

struct clocks {
    double wall, cpu;
};

static inline double read_clock(clockid_t clock)
{
    struct timespec time;
    clock_gettime(clock, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static inline struct clocks read_clocks(void)
{
    struct clocks clocks = {read_clock(CLOCK_MONOTONIC), read_clock(CLOCK_PROCESS_CPUTIME_ID)};
    return clocks;
}

static inline void report(const struct task *task, struct clocks start)
{
    struct clocks end = read_clocks();
    if (!task->is_server)
        printf("ns_per_operation %.1f\n", (end.wall - start.wall) / (double)task->count);
    printf("cpu_ns_per_operation %.1f\n", (end.cpu - start.cpu) / (double)task->count);
}

#endif
