/*
 * A program from the time of the first header, old_udsock.h: every call and every struct
 * that there was. It was compiled then, and runs still; with CURRENT_HEADER it is its
 * source that still compiles, and runs.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef CURRENT_HEADER
#include "udsock.h"
#else
#include "old_udsock.h"
_Static_assert(sizeof(udsock_message) == 96, "the first version's message");
#endif

#define CHECK(condition)                                                               \
    ((condition) ? (void)0                                                             \
                 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort()))

static const uint32_t connected_kinds[] = {UDSOCK_STREAM, UDSOCK_SEQPACKET};

/* One step each, and with every struct of options and outputs. */
static void connect_and_look_around(uint32_t kind)
{
    char me[12], address[UDSOCK_ADDRESS_SIZE];
    snprintf(me, sizeof me, "%u", (unsigned)getuid());
    const udsock_bind_options file = {.size = sizeof file,
                                      .flags = UDSOCK_MAKE_PARENTS,
                                      .mode = 0600,
                                      .backlog = 5,
                                      .user = me};
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t server = udsock_create(kind);
    CHECK(udsock_bind(server, "dir/step.sock", &file, &err) == 0);
    CHECK(udsock_allow_uid(server, getuid()) == 0 && udsock_allow_user(server, me) == 0);
    CHECK(udsock_allow_gid(server, getgid()) == 0 && udsock_allow_group(server, "0") == 0);
    CHECK(udsock_listen(server, 5) == 0);

    const udsock_connect_options how = {.size = sizeof how,
                                        .flags = UDSOCK_RETRY,
                                        .timeout_ms = 20000,
                                        .local_address = "client.sock"};
    udsock_t client = udsock_create(kind);
    CHECK(udsock_connect(client, "dir/step.sock", &how, &err) == 0);
    udsock_credentials who = {0};
    udsock_t peer = udsock_accept(server, 20000, &who);
    CHECK(peer >= 0 && who.pid == getpid() && who.uid == getuid() && who.gid == getgid());
    CHECK(udsock_peer_credentials(client, &who) == 0 && who.pid == getpid());
    CHECK(udsock_peer_groups(client, NULL, 0) >= 0);
    const int32_t pidfd = udsock_peer_pidfd(client);
    CHECK(pidfd >= 0 ? close(pidfd) == 0 : pidfd == -ENOPROTOOPT);
    const int64_t label = udsock_peer_label(client, address, sizeof address);
    CHECK(label >= 0 || label == -ENOPROTOOPT);
    CHECK(udsock_remote_address(peer, address, sizeof address) == 11);
    CHECK(strcmp(address, "client.sock") == 0);
    CHECK(udsock_local_address(peer, address, sizeof address) == 13);

    udsock_inspection found = {.size = sizeof found};
    CHECK(udsock_inspect("dir/step.sock", &found, &err) == 0);
    CHECK(found.state == UDSOCK_LIVE && found.mode == 0600 && found.uid == getuid());
    CHECK(udsock_get_option(server, UDSOCK_OPTION_LISTENING) == 1);
    CHECK(udsock_get_option(server, UDSOCK_OPTION_REFUSED) == 0);
    CHECK(udsock_set_option(server, UDSOCK_OPTION_MAX_PER_UID, 9) == 0);

    CHECK(udsock_send(client, "hello", 5, 0) == 5);
    CHECK(udsock_get_option(peer, UDSOCK_OPTION_READABLE_BYTES) == 5);
    CHECK(udsock_recv(peer, address, 5, 0) == 5);
    CHECK(udsock_shutdown(client, UDSOCK_WRITE) == 0);
    CHECK(udsock_recv(peer, address, 5, 20000) == UDSOCK_EOF);
    CHECK(udsock_close(peer) == 0 && udsock_close(client) == 0);
    CHECK(udsock_disown(server) == 0 && udsock_close(server) == 0);
    CHECK(udsock_inspect("dir/step.sock", &found, &err) == 0 && found.state == UDSOCK_STALE);

    /* The stale file is no obstacle; a live server is, and the error says so. */
    server = udsock_open_server(kind, "dir/step.sock", &file, &err);
    CHECK(server >= 0);
    CHECK(udsock_open_server(kind, "dir/step.sock", NULL, &err) == -EADDRINUSE);
    CHECK(err.code == -EADDRINUSE && strstr(err.message, "dir/step.sock: "));
    CHECK(udsock_cleanup() == 1 && udsock_close(server) == 0);
}

static void in_parts(void)
{
    udsock_t pair[2];
    size_t progress = 0;
    char one[3] = "ab", two[3] = "cd", all[4];
    const udsock_part parts[2] = {{one, 2}, {two, 2}};
    CHECK(udsock_open_pair(UDSOCK_STREAM, pair) == 0);
    CHECK(udsock_sendv(pair[0], parts, 2, 0) == 4);
    CHECK(udsock_recv_exact(pair[1], all, 4, 0, &progress) == 4 && progress == 4);
    CHECK(memcmp(all, "abcd", 4) == 0);
    CHECK(udsock_send_all(pair[0], "wxyz", 4, 0, &progress) == 4 && progress == 4);
    CHECK(udsock_recvv(pair[1], parts, 2, 0) == 4);
    CHECK(strcmp(one, "wx") == 0 && strcmp(two, "yz") == 0);

    /* A descriptor's way out and in again. */
    const int32_t fd = udsock_release(pair[0]);
    CHECK(fd >= 0);
    pair[0] = udsock_adopt(fd, NULL);
    CHECK(pair[0] >= 0 && udsock_fd(pair[0]) == fd);
    CHECK(udsock_close(pair[0]) == 0 && udsock_close(pair[1]) == 0);
}

/* With its sender and a descriptor, in a struct of the first version: what came later is
 * not written behind it. */
static void a_message(uint32_t kind)
{
    udsock_t pair[2];
    CHECK(udsock_open_pair(kind, pair) == 0);
    CHECK(udsock_set_option(pair[1], UDSOCK_OPTION_RECEIVE_FDS, 1) == 0);
    CHECK(udsock_set_option(pair[1], UDSOCK_OPTION_RECEIVE_CREDENTIALS, 1) == 0);
    int32_t pipe_ends[2];
    CHECK(pipe(pipe_ends) == 0);
    udsock_message out = {.size = sizeof out,
                          .data = "take this",
                          .data_size = 9,
                          .descriptors = pipe_ends,
                          .descriptors_count = 1};
    CHECK(udsock_send_message(pair[0], &out, 0) == 9);

    char text[4], address[UDSOCK_ADDRESS_SIZE] = "?";
    int32_t descriptors[UDSOCK_MAX_DESCRIPTORS];
    struct {
        udsock_message in;
        unsigned char behind[64];
    } place = {.in = {.size = sizeof place.in,
                      .data = text,
                      .data_capacity = sizeof text,
                      .descriptors = descriptors,
                      .descriptors_capacity = UDSOCK_MAX_DESCRIPTORS,
                      .address = address,
                      .address_capacity = sizeof address}};
    memset(place.behind, 0xa5, sizeof place.behind);
    CHECK(udsock_recv_message(pair[1], &place.in, 0) == 4);
    for (size_t i = 0; i < sizeof place.behind; i++)
        CHECK(place.behind[i] == 0xa5);
    CHECK(place.in.result == 4 && memcmp(text, "take", 4) == 0);
    CHECK(place.in.credentials.pid == getpid() && place.in.credentials.uid == getuid());
    CHECK(place.in.descriptors_count == 1 && close(descriptors[0]) == 0);
    CHECK(kind == UDSOCK_STREAM ? place.in.flags == 0 : place.in.flags == UDSOCK_TRUNCATED);
    CHECK(close(pipe_ends[0]) == 0 && close(pipe_ends[1]) == 0);
    CHECK(udsock_close(pair[0]) == 0 && udsock_close(pair[1]) == 0);
}

/* Elements of an array are as far apart as they were. */
static void many_datagrams(void)
{
    enum { COUNT = 5 };
    udsock_t here = udsock_open_datagram("here.sock", NULL, NULL);
    udsock_t there = udsock_open_datagram("there.sock", NULL, NULL);
    CHECK(here >= 0 && there >= 0);
    char to[] = "here.sock", bytes[COUNT] = "01234", from[COUNT][64];
    udsock_message messages[COUNT] = {{0}};
    for (int i = 0; i < COUNT; i++)
        messages[i] = (udsock_message){
            .size = sizeof messages[i], .data = &bytes[i], .data_size = 1, .address = to};
    CHECK(udsock_send_batch(there, messages, COUNT, 0) == COUNT);
    memset(bytes, 0, sizeof bytes);
    for (int i = 0; i < COUNT; i++) {
        CHECK(messages[i].result == 1);
        messages[i] = (udsock_message){.size = sizeof messages[i],
                                       .data = &bytes[i],
                                       .data_capacity = 1,
                                       .address = from[i],
                                       .address_capacity = sizeof from[i]};
    }
    CHECK(udsock_recv_batch(here, messages, COUNT, 0) == COUNT);
    CHECK(memcmp(bytes, "01234", COUNT) == 0);
    for (int i = 0; i < COUNT; i++)
        CHECK(messages[i].address_size == 10 && strcmp(from[i], "there.sock") == 0);

    char text[8], sender[64];
    CHECK(udsock_send_to(there, "again", 5, "here.sock", 0) == 5);
    CHECK(udsock_recv_from(here, text, sizeof text, sender, sizeof sender, 0) == 5);
    CHECK(strcmp(sender, "there.sock") == 0);
    CHECK(udsock_close(here) == 0 && udsock_close(there) == 0);
}

static useconds_t head_start = 10000;

static void *close_it(void *handle)
{
    usleep(head_start);
    CHECK(udsock_close(*(udsock_t *)handle) == 0);
    return NULL;
}

static void every_code_is_what_it_was(void)
{
    udsock_t passed, pair[2];
    char byte;
    CHECK(udsock_activated(&passed, 1, NULL) == 0);
    CHECK(udsock_open_pair(UDSOCK_STREAM, pair) == 0);
    CHECK(udsock_activated_name(pair[0], &byte, 1) == -ENODATA);
    CHECK(udsock_recv(pair[0], &byte, 1, 0) == -EAGAIN);
    CHECK(udsock_recv(pair[0], &byte, 1, 1) == -ETIMEDOUT);
    int64_t woken;
    do {
        pthread_t closer;
        CHECK(pthread_create(&closer, NULL, close_it, &pair[0]) == 0);
        woken = udsock_recv(pair[0], &byte, 1, UDSOCK_FOREVER);
        CHECK(pthread_join(closer, NULL) == 0);
        CHECK(udsock_send(pair[0], "x", 1, 0) == -EBADF);
        CHECK(udsock_close(pair[1]) == 0);
        /* On a slow machine it was closed before anybody waited. */
    } while (woken == -EBADF && (head_start *= 2) < 5000000 &&
             udsock_open_pair(UDSOCK_STREAM, pair) == 0);
    CHECK(woken == UDSOCK_CLOSED);
    CHECK(strcmp(udsock_error_name(UDSOCK_EOF), "UDSOCK_EOF") == 0);
    CHECK(*udsock_error_text(-EBADF) && *udsock_version_string() && udsock_version() >= 100);
    CHECK(udsock_cleanup_on_signal(SIGKILL) == -EINVAL);
    CHECK(udsock_cleanup_on_signal(SIGTERM) == 0);
    CHECK(udsock_open_client(UDSOCK_STREAM, "none.sock", NULL, NULL) == -ENOENT);
}

int main(void)
{
    for (int i = 0; i < 2; i++) {
        connect_and_look_around(connected_kinds[i]);
        a_message(connected_kinds[i]);
    }
    in_parts();
    many_datagrams();
    every_code_is_what_it_was();
}
