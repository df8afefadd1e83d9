/*
 * Where the time goes: connect, send 5 bytes, receive them back, close, 10,000 times, over
 * a socket file and over TCP to 127.0.0.1. The server is a thread of this program.
 *
 *     build/profile            (or build/profile 100000)
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "udsock.h"

enum { CONNECT, SEND, RECEIVE, CLOSE, TOTAL, STEPS, BYTES = 5, TIMEOUT_MS = 10000 };
static const char *const names[STEPS] = { "connect", "send", "receive", "close", "total" };
static long rounds;
static char path[64];
static udsock_t unix_server;
static int tcp_server;
static struct sockaddr_in tcp_address;

static int64_t must(int64_t result)
{
    if (result >= 0) {
        return result;
    }
    fprintf(stderr, "profile: %s\n", udsock_error_text(result == -1 ? -errno : result));
    udsock_cleanup();
    exit(1);
}

/* The server's side: all rounds over unix, then all over TCP. */
static void *serve(void *unused)
{
    char bytes[BYTES];
    for (long i = 0; i < rounds; i++) {
        udsock_t s = must(udsock_accept(unix_server, TIMEOUT_MS, NULL));
        must(udsock_recv_exact(s, bytes, BYTES, TIMEOUT_MS, NULL));
        must(udsock_send_all(s, bytes, BYTES, TIMEOUT_MS, NULL));
        udsock_close(s);
    }
    for (long i = 0; i < rounds; i++) {
        int s = (int)must(accept(tcp_server, NULL, NULL));
        must(recv(s, bytes, BYTES, MSG_WAITALL));
        must(send(s, bytes, BYTES, MSG_NOSIGNAL));
        close(s);
    }
    return unused;
}

static void done(double *steps, int step, int64_t result)
{
    static double before;
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    double now = (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
    must(result);
    steps[step] += (now - before) / (double)rounds;
    steps[TOTAL] += (now - before) / (double)rounds;
    before = now;
}

static void go_over_unix(double *steps)
{
    char bytes[] = "hello";
    for (long i = 0; i < rounds; i++) {
        udsock_t s = udsock_open_client(UDSOCK_STREAM, path, NULL, NULL);
        done(steps, CONNECT, s);
        done(steps, SEND, udsock_send_all(s, bytes, BYTES, TIMEOUT_MS, NULL));
        done(steps, RECEIVE, udsock_recv_exact(s, bytes, BYTES, TIMEOUT_MS, NULL));
        done(steps, CLOSE, udsock_close(s));
    }
}

static void go_over_tcp(double *steps)
{
    char bytes[] = "hello";
    for (long i = 0; i < rounds; i++) {
        int s = (int)must(socket(AF_INET, SOCK_STREAM, 0));
        done(steps, CONNECT, connect(s, (struct sockaddr *)&tcp_address, sizeof tcp_address));
        done(steps, SEND, send(s, bytes, BYTES, MSG_NOSIGNAL));
        done(steps, RECEIVE, recv(s, bytes, BYTES, MSG_WAITALL));
        done(steps, CLOSE, close(s));
    }
}

int main(int argc, char **argv)
{
    rounds = argc == 2 && atol(argv[1]) > 0 ? atol(argv[1]) : 10000;
    snprintf(path, sizeof path, "/tmp/profile.%ld.sock", (long)getpid());
    unix_server = must(udsock_open_server(UDSOCK_STREAM, path, NULL, NULL));
    tcp_server = (int)must(socket(AF_INET, SOCK_STREAM, 0));
    tcp_address.sin_family = AF_INET;
    tcp_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof tcp_address;
    must(bind(tcp_server, (struct sockaddr *)&tcp_address, size));
    must(getsockname(tcp_server, (struct sockaddr *)&tcp_address, &size));
    must(listen(tcp_server, SOMAXCONN));
    pthread_t server;
    must(-pthread_create(&server, NULL, serve, NULL));

    double nothing[STEPS] = { 0 }, over_unix[STEPS] = { 0 }, over_tcp[STEPS] = { 0 };
    done(nothing, TOTAL, 0); /* From here on time is counted. */
    go_over_unix(over_unix);
    go_over_tcp(over_tcp);
    pthread_join(server, NULL);
    must(udsock_close(unix_server));
    printf("Microseconds%12s%10s%10s\n", "unix", "TCP", "TCP/unix");
    for (int i = 0; i < STEPS; i++) {
        printf("%-14s%10.1f%10.1f%10.1f\n", names[i], over_unix[i], over_tcp[i],
               over_tcp[i] / over_unix[i]);
    }
    return 0;
}
