/*
 * How much of a thread's stack each call takes. It makes the calls in threads whose stack it has
 * painted, and prints "BYTES NAME" for each, beyond what a thread takes that makes none:
 *
 *     stack DIRECTORY
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "udsock.h"

enum { STACK = 1 << 20, PAINT = 0x5a };

static unsigned char *stack;
static udsock_t server, member, poller, stream[2], packet[2];
static udsock_error err = UDSOCK_ERROR_INIT;
static char data[1 << 16];
static udsock_message messages[20];
static udsock_event events[64];
static char live[] = "live", path[] = "path", long_path[200];

static void nothing(void)
{
}

static void open_server(const char *at, uint32_t flags)
{
    udsock_bind_options options = { .size = sizeof options, .flags = flags, .mode = 0777 };
    udsock_t opened = udsock_open_server(UDSOCK_STREAM, at, &options, &err);
    CHECK(opened > 0);
    if (flags & UDSOCK_RESTORE_FILE) CHECK(unlink(at) == 0);
    CHECK(udsock_get_option(opened, UDSOCK_OPTION_OWNS_FILE) == 1);
    CHECK(udsock_close(opened) == 0);
}

static void at_a_free_path(void)
{
    open_server(path, 0);
}

static void at_a_dead_file(void)
{
    open_server(path, UDSOCK_KEEP_FILE);
    open_server(path, 0);
}

static void at_a_long_path(void)
{
    open_server(long_path, UDSOCK_MAKE_PARENTS);
}

static void at_a_path_to_restore(void)
{
    open_server(path, UDSOCK_RESTORE_FILE);
}

static void at_a_live_path(void)
{
    CHECK(udsock_open_server(UDSOCK_STREAM, live, NULL, &err) == -EADDRINUSE);
}

static void in_another_s_place(void)
{
    udsock_bind_options options = { .size = sizeof options, .flags = UDSOCK_REPLACE };
    udsock_t first = udsock_open_server(UDSOCK_STREAM, path, &options, &err);
    udsock_t second = udsock_open_server(UDSOCK_STREAM, path, &options, &err);
    CHECK(first > 0 && second > 0 && udsock_close(first) == 0 && udsock_close(second) == 0);
}

static void a_client(void)
{
    udsock_t client = udsock_open_client(UDSOCK_STREAM, live, NULL, &err);
    CHECK(client > 0);
    udsock_t peer = udsock_accept(server, 1000, NULL);
    CHECK(peer > 0 && udsock_close(client) == 0 && udsock_close(peer) == 0);
}

static void a_client_of_nobody(void)
{
    CHECK(udsock_open_client(UDSOCK_STREAM, "@udsock-stack-nobody", NULL, &err) == -ECONNREFUSED);
}

static void an_inspection(void)
{
    udsock_inspection found = { .size = sizeof found };
    CHECK(udsock_inspect(live, &found, &err) == 0 && found.state == UDSOCK_LIVE);
}

static void some_bytes(void)
{
    CHECK(udsock_send(stream[0], data, 20000, 0) == 20000);
    CHECK(udsock_get_option(stream[1], UDSOCK_OPTION_READABLE_BYTES) == 20000);
    CHECK(udsock_recv_exact(stream[1], data, 20000, 0, NULL) == 20000);
    CHECK(udsock_recv(stream[1], data, 1, 1) == -ETIMEDOUT);
}

static void a_message(void)
{
    CHECK(udsock_send_message(packet[0], &messages[0], 0) == 1);
    CHECK(udsock_recv_message(packet[1], &messages[0], 0) == 1);
}

static void a_batch(void)
{
    CHECK(udsock_send_batch(packet[0], messages, 20, 0) == 20);
    CHECK(udsock_recv_batch(packet[1], messages, 20, 0) > 0);
    while (udsock_recv_batch(packet[1], messages, 20, 0) > 0) {
    }
}

static void a_datagram(void)
{
    char from[UDSOCK_ADDRESS_SIZE];
    udsock_t one = udsock_open_datagram(path, NULL, &err);
    CHECK(one > 0 && udsock_send_to(one, data, 1, path, 0) == 1);
    CHECK(udsock_recv_from(one, data, sizeof data, from, 8, 0) == 1);
    CHECK(udsock_close(one) == 0);
}

static void a_peer(void)
{
    udsock_credentials who;
    uint32_t groups[8];
    CHECK(udsock_peer_credentials(stream[0], &who) == 0);
    (void)!udsock_peer_groups(stream[0], groups, 8);
    CHECK(udsock_allow_uid(server, who.uid) == 0);
}

static void a_poller(void)
{
    udsock_outgoing items[4] = { { .socket = member, .length = 1 } };
    udsock_t clients[4];
    for (int i = 0; i < 4; i++) {
        items[i] = items[0];
        clients[i] = udsock_open_client(UDSOCK_STREAM, live, NULL, NULL);
        CHECK(clients[i] > 0);
    }
    CHECK(udsock_poller_add(poller, member, 0, 0) == 0);
    CHECK(udsock_poller_add(poller, server, 0, 0) == 0);
    CHECK(udsock_send(stream[1], data, 1, 0) == 1);
    int64_t count = udsock_poller_wait(poller, events, 64, data, sizeof data, 1000);
    CHECK(count == 5);
    CHECK(udsock_poller_send(poller, items, 4, data, sizeof data) == 4);
    for (int i = 0; i < 4; i++) udsock_close(clients[i]);
    for (int64_t i = 0; i < count; i++) {
        if (events[i].kind == UDSOCK_EVENT_ACCEPTED) udsock_close(events[i].socket);
    }
    CHECK(udsock_poller_remove(poller, server) == 0 && udsock_poller_remove(poller, member) == 0);
    CHECK(udsock_recv_exact(stream[1], data, 4, 0, NULL) == 4);
}

static const struct {
    const char *name;
    void (*calls)(void);
} all[] = {
    { "a server at a free path", at_a_free_path },
    { "a server at a dead server's file", at_a_dead_file },
    { "a server at a long path", at_a_long_path },
    { "a server that gets its path back", at_a_path_to_restore },
    { "a server at a live one's path", at_a_live_path },
    { "a server in another's place", in_another_s_place },
    { "a client", a_client },
    { "a client of nobody", a_client_of_nobody },
    { "an inspection", an_inspection },
    { "bytes", some_bytes },
    { "a message", a_message },
    { "a batch", a_batch },
    { "a datagram", a_datagram },
    { "a peer", a_peer },
    { "a poller", a_poller },
};

static void *make(void *calls)
{
    (*(void (*const *)(void))calls)();
    return NULL;
}

static size_t taken_by(void (*const calls)(void))
{
    pthread_attr_t attributes;
    pthread_t thread;
    memset(stack, PAINT, STACK);
    CHECK(pthread_attr_init(&attributes) == 0);
    CHECK(pthread_attr_setstack(&attributes, stack, STACK) == 0);
    CHECK(pthread_create(&thread, &attributes, make, (void *)&calls) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    size_t untouched = 0;
    while (untouched < STACK && stack[untouched] == PAINT) untouched++;
    return STACK - untouched;
}

static void hear(void *unused, const udsock_log_record *record)
{
    (void)unused, (void)record;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2 && chdir(argv[1]) == 0);
    memset(long_path, 'l', sizeof long_path - 1);
    long_path[10] = '/';
    stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED);
    for (int i = 0; i < 20; i++) {
        messages[i] = (udsock_message){ .size = sizeof messages[i], .data = data,
                                        .data_capacity = sizeof data, .data_size = 1 };
    }
    server = udsock_open_server(UDSOCK_STREAM, live, NULL, &err);
    poller = udsock_poller_create(NULL);
    CHECK(server > 0 && poller > 0);
    CHECK(udsock_open_pair(UDSOCK_STREAM, stream) == 0);
    CHECK(udsock_open_pair(UDSOCK_SEQPACKET, packet) == 0);
    member = stream[0];
    /* Once without a log, and once with one, which is told everything. */
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
            size_t most = taken_by(all[i].calls), least = taken_by(nothing);
            printf("%zu %s\n", most - least, all[i].name);
        }
        CHECK(udsock_set_log(hear, NULL, UDSOCK_LOG_DEBUG) == 0);
    }
    return 0;
}
