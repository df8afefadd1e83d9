/*
 * What waiting costs: blocking reads, the library's, and the library's without its spin.
 *
 *     spin WAY arrivals THEIR_CORE PACE THREADS SHORTEST_US LONGEST_US COUNT
 *     spin WAY round_trip THEIR_CORE COUNT
 *
 * WAY is raw, off or default. arrivals: THREADS receivers with a socket each; a process on
 * THEIR_CORE sends each of them the time, with gaps between the two lengths. PACE is how that
 * process waits: exact (it watches the clock) or asleep. round_trip: 64 bytes there and back,
 * to a process that answers in the same way. Prints the median and the mean of the latencies,
 * and the CPU time a message: of the receivers, for round trips of both ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../must.h"

enum { MOST_THREADS = 256, SIZE = 64 };

enum way { RAW, OFF, DEFAULT };

static int64_t read_clock(clockid_t clock)
{
    struct timespec time;
    require(clock_gettime(clock, &time) == 0, "clock_gettime");
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

static int64_t now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

/* ---------------------------------------------------------------- one end, in one of the ways */

struct end {
    enum way way;
    int fd;
    udsock_t socket;
};

static struct end open_end(enum way way, int fd)
{
    struct end end = {.way = way, .fd = fd};
    if (way != RAW)
        end.socket = must(udsock_adopt(fd, NULL), "udsock_adopt");
    if (way == OFF)
        must(udsock_set_option(end.socket, UDSOCK_OPTION_SPIN_US, 0), "udsock_set_option");
    return end;
}

static void receive(const struct end *end, void *buffer, size_t size)
{
    ssize_t received = end->way == RAW
                           ? recv(end->fd, buffer, size, 0)
                           : must(udsock_recv(end->socket, buffer, size, UDSOCK_FOREVER),
                                  "udsock_recv");
    require(received == (ssize_t)size, "receive");
}

static void send_to_peer(const struct end *end, const void *data, size_t size)
{
    ssize_t sent = end->way == RAW
                       ? send(end->fd, data, size, MSG_NOSIGNAL)
                       : must(udsock_send(end->socket, data, size, UDSOCK_FOREVER), "udsock_send");
    require(sent == (ssize_t)size, "send");
}

/* ---------------------------------------------------------------- what is measured */

static int64_t *latencies;
static long warm_up, total;
static atomic_long done;
static int64_t cpu_start, cpu_end;
static sem_t all_came;

/* A message has come; some may still come after the last that counts. */
static void count_message(int64_t latency)
{
    long number = atomic_fetch_add(&done, 1);
    if (number >= total)
        return;
    latencies[number] = latency;
    if (number + 1 == warm_up)
        cpu_start = read_clock(CLOCK_PROCESS_CPUTIME_ID);
    if (number + 1 == total) {
        cpu_end = read_clock(CLOCK_PROCESS_CPUTIME_ID);
        require(sem_post(&all_came) == 0, "sem_post");
    }
}

static int compare(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static void report(double cpu)
{
    long count = total - warm_up;
    double sum = 0;
    qsort(latencies + warm_up, (size_t)count, sizeof latencies[0], compare);
    for (long i = warm_up; i < total; i++)
        sum += (double)latencies[i];
    printf("median_us %.3f\n", (double)latencies[warm_up + count / 2] / 1e3);
    printf("mean_us %.3f\n", sum / (double)count / 1e3);
    printf("cpu_us %.3f\n", cpu / (double)count / 1e3);
}

/* ---------------------------------------------------------------- the other process */

/* As fork(2). The child stays on its core, and dies with its parent. */
static pid_t start_peer(int core)
{
    pid_t parent = getpid(), child = fork();
    require(child >= 0, "fork");
    if (child == 0) {
        cpu_set_t cores;
        CPU_ZERO(&cores);
        CPU_SET((size_t)core, &cores);
        require(sched_setaffinity(0, sizeof cores, &cores) == 0, "sched_setaffinity");
        require(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent, "prctl");
    }
    return child;
}

static void end_peer(pid_t child)
{
    require(kill(child, SIGKILL) == 0, "kill");
    require(waitpid(child, NULL, 0) == child, "waitpid");
}

/* ---------------------------------------------------------------- arrivals */

static struct {
    int is_exact, threads;
    int64_t shortest, longest; /* Nanoseconds between two messages to one receiver. */
    int64_t next[MOST_THREADS];
    int fds[MOST_THREADS][2];
    struct end ends[MOST_THREADS];
} arrivals;

static int64_t next_gap(void)
{
    static unsigned seed = 1;
    int64_t range = arrivals.longest - arrivals.shortest;
    return arrivals.shortest + (int64_t)((double)range * rand_r(&seed) / RAND_MAX);
}

static void wait_until(int64_t time)
{
    struct timespec until = {time / 1000000000, time % 1000000000};
    if (!arrivals.is_exact)
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
    while (now() < time)
        continue;
}

/* When a message is late the ones after it are, too: there are no bursts to catch up. */
static void send_for_ever(void)
{
    require(prctl(PR_SET_TIMERSLACK, 1UL) == 0, "prctl");
    for (int i = 0; i < arrivals.threads; i++)
        arrivals.next[i] = now() + next_gap();
    for (;;) {
        int first = 0;
        for (int i = 1; i < arrivals.threads; i++)
            if (arrivals.next[i] < arrivals.next[first])
                first = i;
        wait_until(arrivals.next[first]);
        int64_t time = now();
        arrivals.next[first] = time + next_gap();
        require(send(arrivals.fds[first][1], &time, sizeof time, 0) == sizeof time, "send");
    }
}

static void *receive_times(void *argument)
{
    for (;;) {
        int64_t time;
        receive(argument, &time, sizeof time);
        count_message(now() - time);
    }
    return NULL;
}

static void run_arrivals(enum way way, int core)
{
    for (int i = 0; i < arrivals.threads; i++)
        require(socketpair(AF_UNIX, SOCK_STREAM, 0, arrivals.fds[i]) == 0, "socketpair");
    pid_t sender = start_peer(core);
    if (sender == 0)
        send_for_ever();
    for (int i = 0; i < arrivals.threads; i++) {
        pthread_t thread;
        arrivals.ends[i] = open_end(way, arrivals.fds[i][0]);
        errno = pthread_create(&thread, NULL, receive_times, &arrivals.ends[i]);
        require(errno == 0, "pthread_create");
    }
    while (sem_wait(&all_came) != 0)
        continue;
    end_peer(sender);
    report((double)(cpu_end - cpu_start));
}

/* ---------------------------------------------------------------- round trips */

static void run_round_trips(enum way way, int core)
{
    int fds[2];
    char data[SIZE] = {0};
    require(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair");
    pid_t peer = start_peer(core);
    struct end end = open_end(way, fds[peer == 0]);
    while (peer == 0) {
        receive(&end, data, SIZE);
        send_to_peer(&end, data, SIZE);
    }
    clockid_t peers_clock;
    require(clock_getcpuclockid(peer, &peers_clock) == 0, "clock_getcpuclockid");
    int64_t peers_start = 0;
    for (long i = 0; i < total; i++) {
        if (i == warm_up)
            peers_start = read_clock(peers_clock);
        int64_t start = now();
        send_to_peer(&end, data, SIZE);
        receive(&end, data, SIZE);
        count_message(now() - start);
    }
    int64_t peers = read_clock(peers_clock) - peers_start;
    end_peer(peer);
    report((double)(cpu_end - cpu_start + peers));
}

/* ---------------------------------------------------------------- the command line */

static int usage(void)
{
    fputs("usage: spin raw|off|default arrivals THEIR_CORE exact|asleep THREADS SHORTEST_US"
          " LONGEST_US COUNT\n       spin raw|off|default round_trip THEIR_CORE COUNT\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    if (argc != 5 && argc != 9)
        return usage();
    enum way way = strcmp(argv[1], "raw") == 0 ? RAW : strcmp(argv[1], "off") == 0 ? OFF : DEFAULT;
    int core = atoi(argv[3]);
    total = atol(argv[argc - 1]);
    warm_up = total / 5 + 1;
    total += warm_up;
    latencies = calloc((size_t)total, sizeof latencies[0]);
    require(latencies != NULL, "calloc");
    require(sem_init(&all_came, 0, 0) == 0, "sem_init");
    if (argc == 5) {
        run_round_trips(way, core);
        return 0;
    }
    arrivals.is_exact = strcmp(argv[4], "exact") == 0;
    arrivals.threads = atoi(argv[5]);
    arrivals.shortest = atol(argv[6]) * 1000;
    arrivals.longest = atol(argv[7]) * 1000;
    if (arrivals.threads < 1 || arrivals.threads > MOST_THREADS)
        return usage();
    run_arrivals(way, core);
    return 0;
}
