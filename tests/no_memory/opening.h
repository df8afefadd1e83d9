/* Servers, clients, datagram sockets and pairs, at every sort of address. */

#ifndef NO_MEMORY_OPENING_H
#define NO_MEMORY_OPENING_H

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "call.h"

static const char HELLO[] = "hello";
enum { SIZE = sizeof HELLO, PATIENCE_MS = 10000 };

static udsock_t opened(int64_t s) {
    if (s <= 0) complain("%s: %s %s", account->call, udsock_error_name(s), err.message);
    return s;
}

static void close_it(udsock_t s) {
    MUST(CALL(udsock_close, s) == 0);
}

static void greet(udsock_t from, udsock_t to) {
    char buffer[SIZE];
    MUST(CALL(udsock_send, from, HELLO, SIZE, 0) == SIZE);
    MUST(CALL(udsock_recv, to, buffer, SIZE, 0) == SIZE && memcmp(buffer, HELLO, SIZE) == 0);
}

static udsock_t serve(uint32_t kind, const char *address, const udsock_bind_options *options) {
    return opened(CALL(udsock_open_server, kind, address, options, &err));
}

/* A client comes, and goes. */
static void visit(uint32_t kind, const char *address, udsock_t server) {
    char text[UDSOCK_ADDRESS_SIZE];
    udsock_credentials who;
    udsock_t client = opened(CALL(udsock_open_client, kind, address, NULL, &err));
    udsock_t peer = opened(CALL(udsock_accept, server, 0, &who));
    MUST(who.pid == getpid());
    greet(client, peer);
    greet(peer, client);
    MUST(CALL(udsock_local_address, peer, text, sizeof text) == (int64_t)strlen(address));
    MUST(strcmp(text, address) == 0);
    MUST(CALL(udsock_remote_address, client, text, sizeof text) == (int64_t)strlen(address));
    MUST(strcmp(text, address) == 0);
    close_it(client);
    close_it(peer);
}

static void serve_at(uint32_t kind, const char *address, const udsock_bind_options *options) {
    udsock_t server = serve(kind, address, options);
    visit(kind, address, server);
    close_it(server);
    MUST(access(address, F_OK) != 0);
}

/* Two that send each other datagrams by their addresses. */
static void write_letters(const char *one, const char *other) {
    char buffer[SIZE], from[UDSOCK_ADDRESS_SIZE];
    udsock_t first = opened(CALL(udsock_open_datagram, one, NULL, &err));
    udsock_t second = opened(CALL(udsock_open_datagram, other, NULL, &err));
    MUST(CALL(udsock_send_to, first, HELLO, SIZE, other, 0) == SIZE);
    MUST(CALL(udsock_recv_from, second, buffer, SIZE, from, sizeof from, 0) == SIZE);
    MUST(CALL(udsock_send_to, second, HELLO, SIZE, one, 0) == SIZE);
    MUST(CALL(udsock_recv_from, first, buffer, SIZE, NULL, 0, 0) == SIZE);
    close_it(first);
    close_it(second);
}

static void relative_path(void) {
    serve_at(UDSOCK_STREAM, "server", NULL);
    serve_at(UDSOCK_SEQPACKET, "./@server", NULL);
    write_letters("one", "other");
}

static void absolute_path(void) {
    char path[1024];
    MUST(getcwd(path, sizeof path - 16) != NULL);
    serve_at(UDSOCK_STREAM, strcat(path, "/server"), NULL);
}

/* No address of the kernel's can hold the path, nor, of the second, its last name. */
static void long_paths(void) {
    char directory[201] = { 0 }, path[410];
    memset(directory, 'd', 200);
    MUST(mkdir(directory, 0755) == 0);
    snprintf(path, sizeof path, "%s/server", directory);
    serve_at(UDSOCK_STREAM, path, NULL);
    write_letters(path, "other");
    snprintf(path, sizeof path, "%s/%s", directory, directory);
    serve_at(UDSOCK_SEQPACKET, path, NULL);
    MUST(rmdir(directory) == 0);
}

static void abstract_names(void) {
    char one[64], other[64];
    snprintf(one, sizeof one, "@udsock-no-memory-\\x01-%d", getpid());
    snprintf(other, sizeof other, "@udsock-no-memory-\\0-%d", getpid());
    serve_at(UDSOCK_STREAM, one, NULL);
    write_letters(one, other);
    close_it(opened(CALL(udsock_open_datagram, "@", NULL, &err)));
    close_it(opened(CALL(udsock_open_datagram, NULL, NULL, &err)));
}

static void pairs(void) {
    const uint32_t kinds[] = { UDSOCK_STREAM, UDSOCK_DGRAM, UDSOCK_SEQPACKET };
    udsock_t pair[2];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        MUST(CALL(udsock_open_pair, kinds[i], pair) == 0);
        greet(pair[0], pair[1]);
        close_it(pair[0]);
        close_it(pair[1]);
    }
}

/* Each of POSIX's verbs by itself. */
static void verbs(void) {
    udsock_connect_options options = { .size = sizeof options, .flags = UDSOCK_RETRY,
                                       .timeout_ms = 1, .local_address = "client" };
    udsock_t server = opened(CALL(udsock_create, UDSOCK_STREAM));
    udsock_t client = opened(CALL(udsock_create, UDSOCK_STREAM));
    MUST(CALL(udsock_connect, client, "server", &options, &err) == -ETIMEDOUT);
    MUST(CALL(udsock_bind, server, "server", NULL, &err) == 0);
    MUST(CALL(udsock_listen, server, 5) == 0);
    options.flags = UDSOCK_DONT_WAIT;
    MUST(CALL(udsock_connect, client, "server", &options, &err) == 0);
    udsock_t peer = opened(CALL(udsock_accept, server, 0, NULL));
    greet(client, peer);
    MUST(CALL(udsock_shutdown, client, UDSOCK_WRITE) == 0);
    char byte;
    MUST(CALL(udsock_recv, peer, &byte, 1, 0) == UDSOCK_EOF);
    close_it(server);
    close_it(client);
    close_it(peer);
}

/* A datagram socket connects anew. */
static void connect_anew(void) {
    udsock_t one = opened(CALL(udsock_open_datagram, "one", NULL, &err));
    udsock_t other = opened(CALL(udsock_open_datagram, "other", NULL, &err));
    udsock_t client = opened(CALL(udsock_open_client, UDSOCK_DGRAM, "one", NULL, &err));
    greet(client, one);
    MUST(CALL(udsock_connect, client, "other", NULL, &err) == 0);
    greet(client, other);
    close_it(one);
    close_it(other);
    close_it(client);
}

#endif
