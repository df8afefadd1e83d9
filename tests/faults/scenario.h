/* What a scenario is, and what all of them share. */

#ifndef FAULTS_SCENARIO_H
#define FAULTS_SCENARIO_H

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "udsock.h"

enum { SHORT_MS = 20, PATIENCE_MS = 5000, MOST_HANDLES = 8, MOST_INSTEAD = 3 };

/* How long the call waits: a moment where nothing comes, and else against a hang only. */
static int32_t limit_ms;

struct scenario {
    const char *name;
    /* Without faults: makes what the call needs. */
    void (*prepare)(void);
    /* The one call that faults hit, or a few in a row until one fails. */
    int64_t (*call)(udsock_error *err);
    /* After the faults: what failed changed nothing, and what did not came about. */
    void (*check)(int64_t result);
    /* How its message begins; NULL: it has none. */
    const char *tells;
    /* Its code without faults. 0: it succeeds. */
    int32_t expected;
    /* What the header lets it answer instead of the errno. */
    int32_t instead[MOST_INSTEAD];
};

static const char QUESTION[] = "hello";

/* What is there in a scenario. Handles of 0 are none; the others are closed at its end. */
static struct {
    /* Where files are made; and what the call is about, if it has an address. */
    const char *path, *address;
    udsock_t server, client, peer, others[MOST_HANDLES];
} it;

static void must(int success, const char *what) {
    if (success) return;
    perror(what);
    exit(1);
}

static void wrong(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    printf("wrong ");
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

/* The handle is closed at the end. */
static udsock_t keep(udsock_t s) {
    for (size_t i = 0; i < MOST_HANDLES; i++) {
        if (it.others[i] == 0) return it.others[i] = s;
    }
    must(0, "room for a handle");
    return 0;
}

static void close_handle(udsock_t s) {
    if (s <= 0) return;
    const int32_t result = udsock_close(s);
    if (result != 0) wrong("close: %s", udsock_error_name(result));
}

static void close_all(void) {
    for (size_t i = 0; i < MOST_HANDLES; i++) close_handle(it.others[i]);
    close_handle(it.client);
    close_handle(it.peer);
    close_handle(it.server);
}

/* Its waits sleep at once, so that every run makes the same system calls. */
static udsock_t without_spin(udsock_t s) {
    must(s > 0, "a socket");
    must(udsock_set_option(s, UDSOCK_OPTION_SPIN_US, 0) == 0, "UDSOCK_OPTION_SPIN_US");
    return s;
}

static void prepare_server(uint32_t kind) {
    it.server = without_spin(udsock_open_server(kind, it.path, NULL, NULL));
}

static void prepare_stream_server(void) { prepare_server(UDSOCK_STREAM); }
static void prepare_seqpacket_server(void) { prepare_server(UDSOCK_SEQPACKET); }

static void prepare_pair(uint32_t kind) {
    udsock_t pair[2];
    must(udsock_open_pair(kind, pair) == 0, "a pair");
    it.client = without_spin(pair[0]);
    it.peer = without_spin(pair[1]);
}

static void prepare_streams(void) { prepare_pair(UDSOCK_STREAM); }
static void prepare_seqpackets(void) { prepare_pair(UDSOCK_SEQPACKET); }
static void prepare_datagrams(void) { prepare_pair(UDSOCK_DGRAM); }

/* A connection through a server: the client, and the server's side of it. */
static void prepare_connection(uint32_t kind) {
    prepare_server(kind);
    it.client = without_spin(udsock_open_client(kind, it.path, NULL, NULL));
    it.peer = without_spin(udsock_accept(it.server, PATIENCE_MS, NULL));
}

static void prepare_stream_connection(void) { prepare_connection(UDSOCK_STREAM); }

/* What is at the other end now: this and nothing else, or nothing (NULL). */
static void check_arrived(udsock_t s, const char *text) {
    char buffer[64];
    const int64_t size = udsock_recv(s, buffer, sizeof buffer, 0);
    if (text == NULL) {
        if (size != -EAGAIN) wrong("something arrived: %lld", (long long)size);
        return;
    }
    const size_t length = strlen(text) + 1;
    if (size != (int64_t)length || memcmp(buffer, text, length) != 0) {
        wrong("%s did not arrive: %s", text, udsock_error_name(size));
    } else if (udsock_recv(s, buffer, sizeof buffer, 0) != -EAGAIN) {
        wrong("it arrived twice");
    }
}

static void check_talks(udsock_t from, udsock_t to) {
    const int64_t sent = udsock_send(from, QUESTION, sizeof QUESTION, PATIENCE_MS);
    if (sent != sizeof QUESTION) wrong("send: %s", udsock_error_name(sent));
    else check_arrived(to, QUESTION);
}

/*
 * Another thread, which faults do not hit: what it does happens while the call waits, or it
 * waits itself.
 */
static struct {
    pthread_t thread;
    atomic_int number;
    /* Until it has acted; or it waits, and is to be woken. */
    int is_there, waits;
} helper;

static int is_asleep(int thread) {
    char name[64], state = 0;
    snprintf(name, sizeof name, "/proc/self/task/%d/stat", thread);
    FILE *file = fopen(name, "r");
    must(file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) == 1, name);
    fclose(file);
    return state == 'S';
}

static void wait_until_asleep(int thread) {
    for (int i = 0; i < PATIENCE_MS && !is_asleep(thread); i++) usleep(1000);
}

static atomic_int is_calling;

/* In the helper: until the call has begun to wait, or is over. */
static void wait_for_call(void) {
    while (!is_calling) usleep(1000);
    /* The main thread's number is the process's. */
    wait_until_asleep((int)getpid());
}

static void start_helper(void *(*body)(void *)) {
    must(pthread_create(&helper.thread, NULL, body, NULL) == 0, "a thread");
    helper.is_there = 1;
}

static void *watch_helper(void *unused) {
    while (helper.number == 0) usleep(100);
    wait_until_asleep(helper.number);
    return unused;
}

/* In a thread of its own: how often it looks must not change what the main thread calls. */
static void wait_for_helper(void) {
    pthread_t watcher;
    must(pthread_create(&watcher, NULL, watch_helper, NULL) == 0, "a thread");
    must(pthread_join(watcher, NULL) == 0, "the end of a thread");
}

static void end_helper(void) {
    if (helper.is_there) pthread_join(helper.thread, NULL);
    helper.is_there = 0;
}

/* For who waits for it. */
static void say_number(void) {
    helper.number = (int)syscall(SYS_gettid);
}

#endif
