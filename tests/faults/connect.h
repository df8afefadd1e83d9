/* Clients connect. */

#ifndef FAULTS_CONNECT_H
#define FAULTS_CONNECT_H

#include "scenario.h"

static struct {
    uint32_t kind;
    udsock_connect_options options;
    char text[512];
} connecting = { .kind = UDSOCK_STREAM, .options = { .size = sizeof(udsock_connect_options) } };

static void prepare_seqpacket_connect(void) {
    connecting.kind = UDSOCK_SEQPACKET;
    prepare_seqpacket_server();
}

static void prepare_connect_from(const char *address) {
    prepare_stream_server();
    connecting.options.local_address = address;
}

static void prepare_from_any(void) { prepare_connect_from("@"); }

static void prepare_from_path(void) {
    snprintf(connecting.text, sizeof connecting.text, "%s-client", it.path);
    prepare_connect_from(connecting.text);
}

/* A path that no sun_path holds: another way to write it. */
static void prepare_long_way(void) {
    const char *name = strrchr(it.path, '/') + 1;
    prepare_stream_server();
    int length = snprintf(connecting.text, sizeof connecting.text, "%.*s",
                          (int)(name - it.path), it.path);
    for (int i = 0; i < 60; i++) length += sprintf(connecting.text + length, "./");
    strcpy(connecting.text + length, name);
    it.address = connecting.text;
}

static void prepare_abstract_server(void) {
    snprintf(connecting.text, sizeof connecting.text, "@udsock-faults-%d", (int)getpid());
    it.address = connecting.text;
    it.server = without_spin(udsock_open_server(UDSOCK_STREAM, connecting.text, NULL, NULL));
}

/* No more fit into the queue. */
static void prepare_full_server(void) {
    prepare_stream_server();
    must(udsock_listen(it.server, 1) == 0, "listen");
    const udsock_connect_options at_once = { .size = sizeof at_once, .flags = UDSOCK_DONT_WAIT };
    udsock_t client;
    while ((client = udsock_open_client(UDSOCK_STREAM, it.path, &at_once, NULL)) > 0) keep(client);
    must(client == -EAGAIN, "a full queue");
}

static void prepare_no_wait(void) {
    prepare_full_server();
    connecting.options.flags = UDSOCK_DONT_WAIT;
}

static void prepare_wait(void) {
    prepare_full_server();
    connecting.options.timeout_ms = SHORT_MS;
}

static void *serve_later(void *unused) {
    wait_for_call();
    it.server = udsock_open_server(UDSOCK_STREAM, it.path, NULL, NULL);
    return unused;
}

static void prepare_retry(void) {
    connecting.options.flags = UDSOCK_RETRY;
    connecting.options.timeout_ms = PATIENCE_MS;
    start_helper(serve_later);
}

static int64_t open_client(udsock_error *err) {
    return it.client = udsock_open_client(connecting.kind, it.address, &connecting.options, err);
}

static void check_client(int64_t result) {
    if (result < 0) return;
    it.peer = udsock_accept(it.server, PATIENCE_MS, NULL);
    check_talks(it.client, it.peer);
}

static void prepare_connect(void) {
    prepare_stream_server();
    it.client = udsock_create(UDSOCK_STREAM);
}

static int64_t connect_socket(udsock_error *err) {
    return udsock_connect(it.client, it.path, NULL, err);
}

/* "After a failure the same socket can try again." */
static void check_connected(int64_t result) {
    if (result < 0 && (result = udsock_connect(it.client, it.path, NULL, NULL)) != 0) {
        wrong("the next attempt: %s", udsock_error_name(result));
        return;
    }
    check_client(result);
}

static void prepare_receiver(void) {
    it.server = udsock_open_datagram(it.path, NULL, NULL);
    it.client = udsock_open_datagram(NULL, NULL, NULL);
}

static void check_connected_datagram(int64_t result) {
    if (result < 0) result = udsock_connect(it.client, it.path, NULL, NULL);
    if (result < 0) wrong("the next attempt: %s", udsock_error_name(result));
    else check_talks(it.client, it.server);
}

#define CONNECT(name, prepare, expected) \
    { name, prepare, open_client, check_client, "open client", expected, { 0 } }

static const struct scenario CONNECTS[] = {
    CONNECT("client", prepare_stream_server, 0),
    CONNECT("client-seqpacket", prepare_seqpacket_connect, 0),
    CONNECT("client-from-any", prepare_from_any, 0),
    CONNECT("client-from-path", prepare_from_path, 0),
    CONNECT("client-long-way", prepare_long_way, 0),
    CONNECT("client-abstract", prepare_abstract_server, 0),
    CONNECT("client-no-wait", prepare_no_wait, -EAGAIN),
    CONNECT("client-waits", prepare_wait, -ETIMEDOUT),
    CONNECT("client-retries", prepare_retry, 0),
    { "connect", prepare_connect, connect_socket, check_connected, "connect", 0, { 0 } },
    { "connect-datagram", prepare_receiver, connect_socket, check_connected_datagram, "connect",
      0, { 0 } },
};

#endif
