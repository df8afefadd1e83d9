/*
 * Every call of the library, by themes, each with what it has to answer. Every theme may run
 * in many threads at once, each with a number of its own, and in many processes.
 */

#ifndef EVERY_CALL_H
#define EVERY_CALL_H

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "udsock.h"

enum { SOON = 20000, TEXT = 64 };

/* Prints the names of the calls that are made. */
static int is_listing;

static inline void note(const char *name)
{
    if (is_listing) printf("called %s\n", name);
}

#define CALL(name, ...) (note(#name), name(__VA_ARGS__))

/* `CHECK` of a call's result, which it tells. */
#define MUST(wanted, name, ...)                                                                \
    do {                                                                                       \
        int64_t must_ = CALL(name, __VA_ARGS__);                                               \
        if (must_ != (int64_t)(wanted)) {                                                      \
            fprintf(stderr, "%s:%d: %s: %lld\n", __FILE__, __LINE__, #name, (long long)must_); \
            _exit(99);                                                                         \
        }                                                                                      \
    } while (0)

static inline udsock_t opened(udsock_t s)
{
    if (s < 0) {
        fprintf(stderr, "every_call.h: not opened: %lld\n", (long long)s);
        _exit(98);
    }
    return s;
}

static inline void closed(udsock_t s)
{
    MUST(0, udsock_close, s);
}

static void files(int number)
{
    char path[TEXT], told[UDSOCK_ADDRESS_SIZE];
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_bind_options options = { sizeof options, 0, 0600, 0, NULL, NULL };
    udsock_connect_options connecting = { sizeof connecting, 0, SOON, 0, NULL };
    udsock_inspection there = { .size = sizeof there };
    udsock_credentials who;
    struct stat file;
    snprintf(path, sizeof path, "file-%d-%d", (int)getpid(), number);
    udsock_t server = opened(CALL(udsock_open_server, UDSOCK_STREAM, path, &options, &err));
    MUST(-EEXIST, udsock_open_server, UDSOCK_STREAM, "/dev/null", NULL, &err);
    CHECK(err.code == -EEXIST && strstr(err.message, "/dev/null") != NULL);
    MUST(strlen(path), udsock_local_address, server, told, sizeof told);
    CHECK(strcmp(told, path) == 0);
    /* (Who stands behind a live one would take all of /proc to find out.) */
    MUST(0, udsock_inspect, "/dev/null", &there, &err);
    CHECK(there.state == UDSOCK_NOT_A_SOCKET);
    CHECK(stat(path, &file) == 0 && S_ISSOCK(file.st_mode) && (file.st_mode & 0777) == 0600);
    MUST(1, udsock_get_option, server, UDSOCK_OPTION_OWNS_FILE);
    udsock_t client = opened(CALL(udsock_open_client, UDSOCK_STREAM, path, &connecting, &err));
    udsock_t peer = opened(CALL(udsock_accept, server, SOON, &who));
    CHECK(who.uid == geteuid() && who.gid == getegid() && who.pid == getpid());
    MUST(strlen(path), udsock_remote_address, client, told, sizeof told);
    CHECK(strcmp(told, path) == 0);
    closed(peer);
    closed(client);
    closed(server);
    CHECK(access(path, F_OK) != 0);

    server = opened(CALL(udsock_create, UDSOCK_SEQPACKET));
    MUST(0, udsock_bind, server, path, NULL, &err);
    MUST(0, udsock_listen, server, 0);
    client = opened(CALL(udsock_create, UDSOCK_SEQPACKET));
    MUST(0, udsock_connect, client, path, &connecting, &err);
    MUST(-ETIMEDOUT, udsock_recv, client, told, sizeof told, 1);
    MUST(0, udsock_disown, server);
    closed(client);
    closed(server);
    CHECK(unlink(path) == 0);
}

static void data(int number)
{
    static const uint32_t kinds[] = { UDSOCK_STREAM, UDSOCK_DGRAM, UDSOCK_SEQPACKET };
    char out[] = "datagram", in[sizeof out];
    udsock_t pair[2];
    size_t progress;
    uint32_t kind = kinds[number % 3];
    MUST(0, udsock_open_pair, kind, pair);
    MUST(kind, udsock_get_option, pair[0], UDSOCK_OPTION_KIND);
    MUST(sizeof out, udsock_send, pair[0], out, sizeof out, SOON);
    MUST(sizeof out, udsock_recv, pair[1], in, sizeof in, SOON);
    CHECK(memcmp(in, out, sizeof out) == 0);
    udsock_part from[] = { { out, 4 }, { out + 4, 5 } }, to[] = { { in, 2 }, { in + 2, 7 } };
    memset(in, 0, sizeof in);
    MUST(sizeof out, udsock_sendv, pair[1], from, 2, SOON);
    MUST(sizeof out, udsock_recvv, pair[0], to, 2, SOON);
    CHECK(memcmp(in, out, sizeof out) == 0);
    MUST(-EAGAIN, udsock_recv, pair[0], in, sizeof in, 0);
    MUST(-ETIMEDOUT, udsock_recv, pair[0], in, sizeof in, 1);
    udsock_counters counters = { .size = sizeof counters };
    MUST(0, udsock_get_counters, pair[1], &counters);
    CHECK(counters.sent_messages == 1 && counters.received_bytes == sizeof out);
    closed(pair[0]);
    MUST(-EBADF, udsock_recv, pair[0], in, sizeof in, SOON);
    closed(pair[1]);

    MUST(0, udsock_open_pair, UDSOCK_STREAM, pair);
    MUST(sizeof out, udsock_send_all, pair[0], out, sizeof out, SOON, &progress);
    MUST(0, udsock_shutdown, pair[0], UDSOCK_WRITE);
    MUST(sizeof in, udsock_recv_exact, pair[1], in, sizeof in, SOON, &progress);
    CHECK(progress == sizeof in && memcmp(in, out, sizeof out) == 0);
    MUST(UDSOCK_EOF, udsock_recv, pair[1], in, sizeof in, SOON);
    closed(pair[0]);
    closed(pair[1]);
}

static void datagrams(int number)
{
    char one_s[UDSOCK_ADDRESS_SIZE], from[UDSOCK_ADDRESS_SIZE], in[TEXT];
    (void)number;
    udsock_t one = opened(CALL(udsock_open_datagram, "@", NULL, NULL));
    udsock_t other = opened(CALL(udsock_open_datagram, "@", NULL, NULL));
    CHECK(CALL(udsock_local_address, one, one_s, sizeof one_s) > 1);
    MUST(5, udsock_send_to, other, "hello", 5, one_s, SOON);
    MUST(5, udsock_recv_from, one, in, sizeof in, from, sizeof from, SOON);
    MUST(0, udsock_connect, one, from, NULL, NULL);
    MUST(strlen(from), udsock_remote_address, one, in, sizeof in);
    CHECK(strcmp(in, from) == 0);
    char bytes[2][TEXT];
    udsock_message messages[2] = { { .size = sizeof messages[0], .data = (void *)"a" },
                                   { .size = sizeof messages[1], .data = (void *)"bc" } };
    messages[0].data_size = 1;
    messages[1].data_size = 2;
    MUST(2, udsock_send_batch, one, messages, 2, SOON);
    for (int i = 0; i < 2; i++) {
        messages[i] = (udsock_message){ .size = sizeof messages[i], .data = bytes[i] };
        messages[i].data_capacity = TEXT;
    }
    MUST(2, udsock_recv_batch, other, messages, 2, SOON);
    CHECK(messages[1].data_size == 2 && memcmp(bytes[1], "bc", 2) == 0);
    closed(one);
    closed(other);
}

static void messages(int number)
{
    udsock_t pair[2];
    char in[TEXT];
    int32_t descriptors[] = { STDERR_FILENO };
    (void)number;
    MUST(0, udsock_open_pair, UDSOCK_SEQPACKET, pair);
    MUST(0, udsock_set_option, pair[1], UDSOCK_OPTION_RECEIVE_FDS, 1);
    udsock_message message = { .size = sizeof message, .data = (void *)"hello" };
    message.data_size = 5;
    message.descriptors = descriptors;
    message.descriptors_count = 1;
    MUST(5, udsock_send_message, pair[0], &message, SOON);
    message = (udsock_message){ .size = sizeof message, .data = in, .data_capacity = TEXT };
    message.descriptors = descriptors;
    message.descriptors_capacity = 1;
    MUST(5, udsock_recv_message, pair[1], &message, SOON);
    CHECK(message.descriptors_count == 1 && close(descriptors[0]) == 0);
    closed(pair[0]);
    closed(pair[1]);
}

static void adopted(int number)
{
    int fds[2];
    char name[TEXT];
    (void)number;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
    udsock_t s = opened(CALL(udsock_adopt, fds[0], NULL));
    MUST(-EEXIST, udsock_adopt, fds[0], NULL);
    MUST(fds[0], udsock_fd, s);
    MUST(-ENODATA, udsock_activated_name, s, name, sizeof name);
    MUST(fds[0], udsock_release, s);
    closed(opened(CALL(udsock_adopt, fds[0], NULL)));
    CHECK(close(fds[1]) == 0);
    udsock_t passed[4];
    MUST(0, udsock_activated, passed, 4, NULL);
}

static void peers(int number)
{
    char address[UDSOCK_ADDRESS_SIZE], label[TEXT];
    udsock_credentials who;
    uint32_t groups[128];
    (void)number;
    udsock_t server = opened(CALL(udsock_open_server, UDSOCK_STREAM, "@", NULL, NULL));
    CHECK(CALL(udsock_local_address, server, address, sizeof address) > 1);
    MUST(0, udsock_allow_uid, server, geteuid() + 1);
    udsock_t stranger = opened(CALL(udsock_open_client, UDSOCK_STREAM, address, NULL, NULL));
    MUST(-EAGAIN, udsock_accept, server, 0, NULL);
    MUST(1, udsock_get_option, server, UDSOCK_OPTION_REFUSED);
    MUST(0, udsock_allow_user, server, "root");
    MUST(0, udsock_allow_group, server, "0");
    MUST(0, udsock_allow_gid, server, getegid());
    MUST(0, udsock_allow_uid, server, geteuid());
    MUST(0, udsock_set_option, server, UDSOCK_OPTION_MAX_PER_UID, 1);
    MUST(1, udsock_get_option, server, UDSOCK_OPTION_MAX_PER_UID);
    for (int i = 0; i < 2; i++) {
        udsock_t client = opened(CALL(udsock_open_client, UDSOCK_STREAM, address, NULL, NULL));
        udsock_t second = opened(CALL(udsock_open_client, UDSOCK_STREAM, address, NULL, NULL));
        udsock_t peer = opened(CALL(udsock_accept, server, SOON, NULL));
        MUST(-EAGAIN, udsock_accept, server, 0, NULL);
        MUST(2 + i, udsock_get_option, server, UDSOCK_OPTION_REFUSED);
        MUST(0, udsock_peer_credentials, peer, &who);
        CHECK(who.uid == geteuid() && who.pid == getpid());
        CHECK(CALL(udsock_peer_groups, peer, groups, 128) >= 0);
        (void)CALL(udsock_peer_label, peer, label, sizeof label);
        int pidfd = CALL(udsock_peer_pidfd, peer);
        CHECK(pidfd >= 0 ? close(pidfd) == 0 : pidfd == -ENODATA || pidfd == -ENOPROTOOPT);
        closed(client);
        closed(second);
        closed(peer);
    }
    closed(stranger);
    closed(server);
}

static void pollers(int number)
{
    char arena[8192];
    udsock_t pair[2];
    udsock_event events[8];
    (void)number;
    udsock_t poller = opened(CALL(udsock_poller_create, NULL));
    MUST(0, udsock_open_pair, UDSOCK_STREAM, pair);
    MUST(0, udsock_poller_add, poller, pair[0], 7, 0);
    MUST(4, udsock_send, pair[1], "data", 4, SOON);
    MUST(1, udsock_poller_wait, poller, events, 8, arena, sizeof arena, SOON);
    CHECK(events[0].kind == UDSOCK_EVENT_RECEIVED && events[0].token == 7);
    CHECK(events[0].length == 4 && memcmp(arena + events[0].offset, "data", 4) == 0);
    udsock_outgoing item = { .socket = pair[0], .length = 6 };
    MUST(1, udsock_poller_send, poller, &item, 1, "answer", 6);
    MUST(6, udsock_recv, pair[1], arena, sizeof arena, SOON);
    MUST(0, udsock_poller_wake, poller);
    MUST(0, udsock_poller_wait, poller, events, 8, arena, sizeof arena, SOON);
    CHECK(CALL(udsock_poller_fd, poller) >= 0);
    MUST(0, udsock_poller_remove, poller, pair[0]);
    MUST(-ENOENT, udsock_poller_remove, poller, pair[0]);
    MUST(-ETIMEDOUT, udsock_poller_wait, poller, events, 8, arena, sizeof arena, 1);
    closed(pair[0]);
    closed(poller);
    closed(pair[1]);
}

static void words(int number)
{
    CHECK(strcmp(CALL(udsock_error_name, -EAGAIN), "EAGAIN") == 0);
    CHECK(CALL(udsock_error_text, -number) != NULL);
    CHECK(CALL(udsock_version, ) == UDSOCK_VERSION);
    CHECK(CALL(udsock_version_string, )[0] != 0);
    MUST(0, udsock_cleanup_on_signal, SIGTERM);
}

static void count_record(void *user_data, const udsock_log_record *record)
{
    CHECK(record->level <= UDSOCK_LOG_INFO && record->text[0] != 0);
    __atomic_fetch_add((unsigned *)user_data, 1, __ATOMIC_RELAXED);
}

/* (Other threads may have set another one meanwhile, which is told then.) */
static void logs(int number)
{
    static unsigned count;
    char path[TEXT];
    snprintf(path, sizeof path, "log-%d-%d", (int)getpid(), number);
    int set = CALL(udsock_set_log, count_record, &count, UDSOCK_LOG_INFO);
    CHECK(set == 0 || set == -EBUSY);
    udsock_t server = opened(CALL(udsock_open_server, UDSOCK_STREAM, path, NULL, NULL));
    CHECK(unlink(path) == 0);
    closed(server);
    while ((set = CALL(udsock_set_log, NULL, NULL, 0)) == -EBUSY) {}
    CHECK(set == 0);
}

static void (*const themes[])(int) = {
    logs, files, data, datagrams, messages, adopted, peers, pollers, words,
};
enum { THEMES = sizeof themes / sizeof themes[0] };

#endif
