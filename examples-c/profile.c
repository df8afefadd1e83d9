/*
 * Shows where the time goes: 10,000 times it connects, sends 5 bytes, receives them back and
 * closes, over a socket file by this library and by plain calls, and over TCP to 127.0.0.1. The
 * server is a thread of this program. The time is the client's, step by step; the CPU time is
 * that of both threads. First both are on one core, and then (if there are two) each on its own.
 *
 *     build/profile            (or build/profile 100000)
 */
#define _GNU_SOURCE 1 /* for pthread_setaffinity_np */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "udsock.h"

enum { CONNECT, SEND, RECEIVE, CLOSE, TOTAL, CPU, FIGURES, BYTES = 5, TIMEOUT_MS = 10000 };
static const char *const names[FIGURES] = { "connect", "send", "receive", "close", "total",
                                            "CPU time" };
enum { UNIX_OURS, UNIX_RAW, TCP_RAW, WAYS };
static long rounds;

/* A server for each way, and its address. */
static char ours_path[64], raw_path[64];
static udsock_t ours_server;
static int raw_servers[WAYS];
static struct sockaddr_un unix_address;
static struct sockaddr_in tcp_address;

static int64_t must(int64_t result)
{
    if (result >= 0) {
        return result;
    }
    fprintf(stderr, "profile: %s\n", udsock_error_text(result == -1 ? -errno : result));
    udsock_cleanup();
    unlink(raw_path);
    exit(1);
}

static double microseconds(clockid_t clock)
{
    struct timespec time;
    must(clock_gettime(clock, &time));
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void go_to_core(pthread_t thread, size_t core)
{
    cpu_set_t cores;
    CPU_ZERO(&cores);
    CPU_SET(core, &cores);
    must(-pthread_setaffinity_np(thread, sizeof cores, &cores));
}

/* The server's side of all rounds, for one way. */
static void *serve(void *way)
{
    char bytes[BYTES];
    for (long i = 0; i < rounds; i++) {
        if (*(int *)way == UNIX_OURS) {
            udsock_t s = must(udsock_accept(ours_server, TIMEOUT_MS, NULL));
            must(udsock_recv_exact(s, bytes, BYTES, TIMEOUT_MS, NULL));
            must(udsock_send_all(s, bytes, BYTES, TIMEOUT_MS, NULL));
            must(udsock_close(s));
        } else {
            int s = (int)must(accept(raw_servers[*(int *)way], NULL, NULL));
            must(recv(s, bytes, BYTES, MSG_WAITALL));
            must(send(s, bytes, BYTES, MSG_NOSIGNAL));
            must(close(s));
        }
    }
    return NULL;
}

static void done(double *figures, int step, int64_t result)
{
    static double before;
    double now = microseconds(CLOCK_MONOTONIC);
    must(result);
    figures[step] += (now - before) / (double)rounds;
    figures[TOTAL] += (now - before) / (double)rounds;
    before = now;
}

static void connect_ours(double *figures)
{
    char bytes[] = "hello";
    for (long i = 0; i < rounds; i++) {
        udsock_t s = udsock_open_client(UDSOCK_STREAM, ours_path, NULL, NULL);
        done(figures, CONNECT, s);
        done(figures, SEND, udsock_send_all(s, bytes, BYTES, TIMEOUT_MS, NULL));
        done(figures, RECEIVE, udsock_recv_exact(s, bytes, BYTES, TIMEOUT_MS, NULL));
        done(figures, CLOSE, udsock_close(s));
    }
}

static void connect_raw(double *figures, int family, const struct sockaddr *address,
                        socklen_t size)
{
    char bytes[] = "hello";
    for (long i = 0; i < rounds; i++) {
        int s = (int)must(socket(family, SOCK_STREAM, 0));
        done(figures, CONNECT, connect(s, address, size));
        done(figures, SEND, send(s, bytes, BYTES, MSG_NOSIGNAL));
        done(figures, RECEIVE, recv(s, bytes, BYTES, MSG_WAITALL));
        done(figures, CLOSE, close(s));
    }
}

static void measure(int way, size_t client_core, size_t server_core, double *figures)
{
    double nothing[FIGURES] = { 0 };
    pthread_t server;
    must(-pthread_create(&server, NULL, serve, &way));
    go_to_core(server, server_core);
    go_to_core(pthread_self(), client_core);
    double cpu = microseconds(CLOCK_PROCESS_CPUTIME_ID);
    done(nothing, TOTAL, 0); /* From here on time is counted. */
    if (way == UNIX_OURS) {
        connect_ours(figures);
    } else if (way == UNIX_RAW) {
        connect_raw(figures, AF_UNIX, (struct sockaddr *)&unix_address, sizeof unix_address);
    } else {
        connect_raw(figures, AF_INET, (struct sockaddr *)&tcp_address, sizeof tcp_address);
    }
    pthread_join(server, NULL);
    figures[CPU] = (microseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / (double)rounds;
}

static void show(const char *title, size_t client_core, size_t server_core)
{
    double figures[WAYS][FIGURES] = { { 0 } };
    for (int way = 0; way < WAYS; way++) {
        measure(way, client_core, server_core, figures[way]);
    }
    printf("%-24s%10s%10s%10s%12s%12s\n", title, "unix,", "unix,", "TCP,", "udsock", "plain");
    printf("%-24s%10s%10s%10s%12s%12s\n", "microseconds", "udsock", "plain", "plain", "of TCP",
           "of TCP");
    for (int i = 0; i < FIGURES; i++) {
        const double ours = figures[UNIX_OURS][i], raw = figures[UNIX_RAW][i];
        const double tcp = figures[TCP_RAW][i];
        printf("%-24s%10.1f%10.1f%10.1f%12.2f%12.2f\n", names[i], ours, raw, tcp, ours / tcp,
               raw / tcp);
    }
}

static void open_servers(void)
{
    snprintf(ours_path, sizeof ours_path, "/tmp/profile.%ld.sock", (long)getpid());
    snprintf(raw_path, sizeof raw_path, "/tmp/profile.%ld.plain.sock", (long)getpid());
    ours_server = must(udsock_open_server(UDSOCK_STREAM, ours_path, NULL, NULL));

    unix_address.sun_family = AF_UNIX;
    strcpy(unix_address.sun_path, raw_path);
    raw_servers[UNIX_RAW] = (int)must(socket(AF_UNIX, SOCK_STREAM, 0));
    must(bind(raw_servers[UNIX_RAW], (struct sockaddr *)&unix_address, sizeof unix_address));
    must(listen(raw_servers[UNIX_RAW], SOMAXCONN));

    tcp_address.sin_family = AF_INET;
    tcp_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof tcp_address;
    raw_servers[TCP_RAW] = (int)must(socket(AF_INET, SOCK_STREAM, 0));
    must(bind(raw_servers[TCP_RAW], (struct sockaddr *)&tcp_address, size));
    must(getsockname(raw_servers[TCP_RAW], (struct sockaddr *)&tcp_address, &size));
    must(listen(raw_servers[TCP_RAW], SOMAXCONN));
}

int main(int argc, char **argv)
{
    rounds = argc == 2 && atol(argv[1]) > 0 ? atol(argv[1]) : 10000;
    cpu_set_t cores;
    size_t first = 0, second = 0;
    must(sched_getaffinity(0, sizeof cores, &cores));
    for (size_t core = CPU_SETSIZE; core-- > 0;) {
        if (CPU_ISSET(core, &cores)) {
            second = first;
            first = core;
        }
    }
    open_servers();
    show("On one core", first, first);
    if (CPU_COUNT(&cores) > 1) {
        printf("\n");
        show("On two cores", first, second);
    }
    must(udsock_close(ours_server));
    must(unlink(raw_path));
    return 0;
}
