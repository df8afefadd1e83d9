/* Pollers: everything that they keep takes memory. */

#ifndef NO_MEMORY_POLLERS_H
#define NO_MEMORY_POLLERS_H

#include <stdlib.h>

#include "opening.h"

enum { ARENA = 1 << 16, MOST_EVENTS = 16 };

static char arena[ARENA];
static udsock_event events[MOST_EVENTS];

static udsock_t new_poller(void) {
    const udsock_poller_options options = { .size = sizeof options, .send_limit = 1 << 22 };
    return opened(CALL(udsock_poller_create, &options));
}

/* Waits for this event and returns it; the others are of no interest. */
static udsock_event next(udsock_t poller, uint32_t kind, size_t room) {
    for (;;) {
        const int64_t count = CALL(udsock_poller_wait, poller, events, MOST_EVENTS, arena, room,
                                   PATIENCE_MS);
        if (count < 0) complain("poller_wait for %u: %s", kind, udsock_error_name(count));
        for (int64_t i = 0; i < count; i++) {
            if (events[i].kind == kind) return events[i];
            const int is_scarce = events[i].kind == UDSOCK_EVENT_FAILED && is_told(events[i].code);
            MUST(is_scarce || events[i].kind == UDSOCK_EVENT_READY);
        }
    }
}

/* An item that there was no memory for is sent again. */
static int64_t send_item(udsock_t poller, udsock_outgoing item, const void *base, size_t size) {
    MUST(CALL(udsock_poller_send, poller, &item, 1, base, size) >= 0);
    if (is_told(item.result)) MUST(CALL(udsock_poller_send, poller, &item, 1, base, size) == 1);
    return item.result;
}

/* A client of a server on a poller is heard, answered and left. */
static void serve_with_poller(uint32_t kind) {
    char buffer[SIZE];
    udsock_t server = serve(kind, "server", NULL), poller = new_poller();
    udsock_t client = opened(CALL(udsock_open_client, kind, "server", NULL, &err));
    MUST(CALL(udsock_send, client, HELLO, SIZE, 0) == SIZE);
    MUST(CALL(udsock_poller_fd, poller) >= 0);
    MUST(CALL(udsock_poller_add, poller, server, 1, 0) == 0);
    udsock_t connection = next(poller, UDSOCK_EVENT_ACCEPTED, ARENA).socket;
    const udsock_event got = next(poller, UDSOCK_EVENT_RECEIVED, ARENA);
    MUST(got.socket == connection && got.length == SIZE);
    const udsock_outgoing answer = { .socket = connection, .offset = got.offset,
                                     .length = SIZE, .flags = UDSOCK_THEN_CLOSE };
    MUST(send_item(poller, answer, arena, ARENA) == SIZE);
    /* Closing it may have had to wait. */
    while (CALL(udsock_fd, connection) >= 0) {
        MUST(CALL(udsock_poller_wait, poller, events, MOST_EVENTS, arena, ARENA, 1) >= 0
             || result == -ETIMEDOUT);
    }
    MUST(CALL(udsock_recv, client, buffer, SIZE, 0) == SIZE);
    MUST(CALL(udsock_recv, client, buffer, SIZE, 0) == UDSOCK_EOF);
    MUST(CALL(udsock_poller_wake, poller) == 0);
    MUST(CALL(udsock_poller_wait, poller, events, MOST_EVENTS, arena, ARENA, -1) == 0);
    MUST(CALL(udsock_poller_remove, poller, server) == 0);
    close_it(client);
    close_it(server);
    close_it(poller);
}

static void polled_streams(void) {
    serve_with_poller(UDSOCK_STREAM);
}

static void polled_seqpackets(void) {
    serve_with_poller(UDSOCK_SEQPACKET);
}

/* Of a server with an allow list nobody is lost who may come in. */
static void polled_and_allowed(void) {
    udsock_t server = serve(UDSOCK_STREAM, "server", NULL), poller = new_poller();
    MUST(CALL(udsock_allow_gid, server, getegid()) == 0);
    udsock_t client = opened(CALL(udsock_open_client, UDSOCK_STREAM, "server", NULL, &err));
    MUST(CALL(udsock_poller_add, poller, server, 1, 0) == 0);
    udsock_t connection = next(poller, UDSOCK_EVENT_ACCEPTED, ARENA).socket;
    MUST(CALL(udsock_get_option, server, UDSOCK_OPTION_REFUSED) == 0);
    close_it(connection);
    close_it(client);
    close_it(server);
    close_it(poller);
}

static void shared_servers(void) {
    udsock_t server = serve(UDSOCK_STREAM, "server", NULL), pollers[3];
    for (int i = 0; i < 3; i++) {
        pollers[i] = new_poller();
        MUST(CALL(udsock_poller_add, pollers[i], server, 1, 0) == 0);
    }
    close_it(server);
    for (int i = 0; i < 3; i++) close_it(pollers[i]);
}

/* More members than the first tables have room for. */
static void many_members(void) {
    enum { PAIRS = 70 };
    udsock_t pairs[PAIRS][2], poller = new_poller();
    for (int i = 0; i < PAIRS; i++) {
        MUST(CALL(udsock_open_pair, UDSOCK_SEQPACKET, pairs[i]) == 0);
        MUST(CALL(udsock_poller_add, poller, pairs[i][0], (uint64_t)i, 0) == 0);
        MUST(CALL(udsock_send, pairs[i][1], HELLO, SIZE, 0) == SIZE);
    }
    /* For two events there is room, and for no third message. */
    for (int i = 0; i < PAIRS; i++) {
        const int64_t count = CALL(udsock_poller_wait, poller, events, 2, arena, SIZE + 2,
                                   PATIENCE_MS);
        MUST(count == 1 && events[0].kind == UDSOCK_EVENT_RECEIVED && events[0].length == SIZE);
    }
    for (int i = 0; i < PAIRS; i++) {
        close_it(pairs[i][0]);
        close_it(pairs[i][1]);
    }
    close_it(poller);
}

/* A stream that takes a part of an item: the rest is kept, and nothing is lost or doubled. */
static void kept_bytes(void) {
    enum { LARGE = 1 << 20 };
    char *bytes = malloc(LARGE), *came = malloc(2 * LARGE);
    udsock_t pair[2], poller = new_poller();
    MUST(CALL(udsock_open_pair, UDSOCK_STREAM, pair) == 0);
    MUST(CALL(udsock_poller_add, poller, pair[0], 1, 0) == 0);
    for (int i = 0; i < LARGE; i++) bytes[i] = (char)(i * 7);
    for (int i = 0; i < 2; i++) {
        const udsock_outgoing item = { .socket = pair[0], .length = LARGE,
                                       .flags = i == 1 ? UDSOCK_THEN_CLOSE : 0 };
        MUST(send_item(poller, item, bytes, LARGE) == LARGE);
    }
    int64_t count = 0;
    while (count < 2 * LARGE) {
        MUST(CALL(udsock_poller_wait, poller, events, MOST_EVENTS, arena, ARENA, 0) >= 0
             || result == -EAGAIN);
        const int64_t more = CALL(udsock_recv, pair[1], came + count, 2 * LARGE - count, 0);
        MUST(more > 0 || more == -EAGAIN);
        count += more > 0 ? more : 0;
    }
    MUST(memcmp(came, bytes, LARGE) == 0 && memcmp(came + LARGE, bytes, LARGE) == 0);
    while (CALL(udsock_fd, pair[0]) >= 0) {
        MUST(CALL(udsock_poller_wait, poller, events, MOST_EVENTS, arena, ARENA, 1) >= 0
             || result == -ETIMEDOUT);
    }
    MUST(CALL(udsock_recv, pair[1], came, 1, 0) == UDSOCK_EOF);
    close_it(pair[1]);
    close_it(poller);
    free(bytes);
    free(came);
}

/* More messages than there is room for. */
static void keep_messages(udsock_t sender, const char *address, udsock_t receiver) {
    enum { COUNT = 24 };
    const size_t length = address == NULL ? 0 : strlen(address);
    char base[SIZE + 64], buffer[SIZE];
    udsock_outgoing items[COUNT];
    udsock_t poller = new_poller();
    MUST(CALL(udsock_set_option, sender, UDSOCK_OPTION_SEND_BUFFER, 1) == 0);
    MUST(CALL(udsock_poller_add, poller, sender, 1, 0) == 0);
    memcpy(base, HELLO, SIZE);
    if (address != NULL) memcpy(base + SIZE, address, length);
    for (int i = 0; i < COUNT; i++) {
        items[i] = (udsock_outgoing){ .socket = sender, .length = SIZE, .address_offset = SIZE,
                                      .address_length = (uint32_t)length };
    }
    int64_t taken = CALL(udsock_poller_send, poller, items, COUNT, base, SIZE + length);
    for (int i = 0; i < COUNT; i++) {
        if (is_told(items[i].result)) taken += send_item(poller, items[i], base, SIZE + length) == SIZE;
    }
    MUST(taken == COUNT);
    for (int came = 0; came < COUNT;) {
        MUST(CALL(udsock_poller_wait, poller, events, MOST_EVENTS, arena, ARENA, 0) >= 0
             || result == -EAGAIN);
        const int64_t more = CALL(udsock_recv, receiver, buffer, SIZE, 1);
        MUST(more == SIZE || more == -ETIMEDOUT);
        came += more == SIZE;
    }
    close_it(sender);
    close_it(receiver);
    close_it(poller);
}

static void kept_messages(void) {
    udsock_t pair[2];
    MUST(CALL(udsock_open_pair, UDSOCK_SEQPACKET, pair) == 0);
    keep_messages(pair[0], NULL, pair[1]);
}

/* The kernel does not say when there is room: there are pauses. */
static void kept_datagrams(void) {
    udsock_t receiver = opened(CALL(udsock_open_datagram, "receiver", NULL, &err));
    udsock_t sender = opened(CALL(udsock_open_datagram, NULL, NULL, &err));
    keep_messages(sender, "receiver", receiver);
}

#endif
