/* What a poller does with one member, a scenario each. */

#ifndef FAULTS_MEMBER_H
#define FAULTS_MEMBER_H

#include "data.h"
#include "poller.h"

enum { TOKEN = 7, ITEMS = 3, LONG_ITEM = 8192 };

/* The poller is it.server: it is closed last. */
static udsock_event events[MOST_EVENTS];
static char arena[1 << 17];

static void prepare_poller(void) {
    it.server = udsock_poller_create(NULL);
    must(it.server > 0, "poller_create");
}

static void add_peer(uint32_t flags) {
    prepare_poller();
    must(udsock_poller_add(it.server, it.peer, TOKEN, flags) == 0, "poller_add");
}

static void prepare_stream_member(void) {
    prepare_asked_stream();
    add_peer(0);
}

static void prepare_seqpacket_member(void) {
    prepare_asked_seqpacket();
    add_peer(0);
}

static void prepare_datagram_member(void) {
    prepare_sent_to();
    add_peer(0);
}

static void prepare_ready_member(void) {
    prepare_asked_stream();
    add_peer(UDSOCK_POLLER_READINESS);
}

static void prepare_ended_member(void) {
    prepare_stream_end();
    add_peer(0);
}

static void prepare_shut_member(void) {
    prepare_hidden_end();
    add_peer(0);
}

static void prepare_idle_member(void) {
    prepare_streams();
    add_peer(0);
}

static void prepare_idle_seqpacket_member(void) {
    prepare_seqpackets();
    add_peer(0);
}

static void prepare_idle_datagram_member(void) {
    prepare_datagrams();
    add_peer(0);
}

static void prepare_woken_poller(void) {
    prepare_idle_member();
    must(udsock_poller_wake(it.server) == 0, "poller_wake");
}

static void prepare_narrow_member(void) {
    prepare_idle_member();
    must(udsock_set_option(it.peer, UDSOCK_OPTION_SEND_BUFFER, 4096) == 0, "SEND_BUFFER");
}

static void prepare_paused_member(void) {
    prepare_asked_stream();
    add_peer(UDSOCK_POLLER_PAUSED);
}

/* Somebody who shares the server has shut it down. */
static void prepare_shut_server(void) {
    prepare_poller();
    it.peer = udsock_open_server(UDSOCK_STREAM, it.path, NULL, NULL);
    must(udsock_poller_add(it.server, it.peer, TOKEN, 0) == 0, "poller_add");
    must(shutdown(udsock_fd(it.peer), SHUT_RDWR) == 0, "shutdown");
}

static int64_t create_poller(udsock_error *err) {
    (void)err;
    return it.server = udsock_poller_create(NULL);
}

static int64_t add_member(udsock_error *err) {
    (void)err;
    return udsock_poller_add(it.server, it.peer, TOKEN, 0);
}

/* A socket that no poller has, and one that it has: both can be added. */
static void prepare_addition(void) {
    prepare_asked_stream();
    prepare_poller();
}

static int64_t wait_for_event(udsock_error *err) {
    (void)err;
    return udsock_poller_wait(it.server, events, MOST_EVENTS, arena, sizeof arena, limit_ms);
}

static int64_t remove_member(udsock_error *err) {
    (void)err;
    return udsock_poller_remove(it.server, it.peer);
}

/* What was not added can be added; what was is told of. */
static void check_added(int64_t result) {
    if (result < 0) result = udsock_poller_add(it.server, it.peer, TOKEN, 0);
    if (result < 0) wrong("the next attempt: %s", udsock_error_name(result));
    else if (wait_for_event(NULL) != 1 || events[0].token != TOKEN) wrong("nothing is told");
}

static void check_event(uint32_t kind, int32_t code) {
    if (events[0].kind != kind || events[0].code != code || events[0].token != TOKEN) {
        wrong("event %u, %s", events[0].kind, udsock_error_name(events[0].code));
    }
}

/*
 * A wait that failed has changed nothing. A member that failed is told as such, with the
 * errno, and is out.
 */
static void check_told(int64_t result, uint32_t kind, int32_t code) {
    if (result < 0) result = wait_for_event(NULL);
    const udsock_event *last = &events[result - 1];
    if (result < 1 || result > 2) {
        wrong("%lld events", (long long)result);
    } else if (last->kind == UDSOCK_EVENT_FAILED && last->code != code) {
        printf("named %s\n", udsock_error_name(last->code));
        const int stays = is_scarcity(last->code)
                          && udsock_get_option(it.peer, UDSOCK_OPTION_LISTENING) == 1;
        const int32_t removed = udsock_poller_remove(it.server, it.peer);
        if (removed != (stays ? 0 : -ENOENT)) wrong("remove: %s", udsock_error_name(removed));
    } else {
        check_event(kind, code);
    }
}

static void check_heard(int64_t result) {
    check_told(result, UDSOCK_EVENT_RECEIVED, 0);
    if (events[0].kind == UDSOCK_EVENT_RECEIVED
        && memcmp(arena + events[0].offset, QUESTION, sizeof QUESTION) != 0) {
        wrong("not what was sent");
    }
}

static void check_ready(int64_t result) { check_told(result, UDSOCK_EVENT_READY, 0); }
static void check_ended(int64_t result) { check_told(result, UDSOCK_EVENT_ENDED, 0); }
static void check_failed(int64_t result) { check_told(result, UDSOCK_EVENT_FAILED, -EINVAL); }

/* A wake-up ends one wait, and is not lost. */
static void check_wake(int64_t result) {
    if (result < 0) result = wait_for_event(NULL);
    if (result != 0) wrong("%lld events", (long long)result);
    limit_ms = SHORT_MS;
    if (wait_for_event(NULL) != -ETIMEDOUT) wrong("it is woken twice");
}

static void check_removed(int64_t result) {
    (void)result;
    limit_ms = SHORT_MS;
    if (wait_for_event(NULL) != -ETIMEDOUT) wrong("it is still told of");
}

static udsock_outgoing items[ITEMS];

/* All for the same socket, so that they go together. */
static int64_t send_items(uint32_t length, uint32_t flags) {
    for (size_t i = 0; i < ITEMS; i++) {
        items[i] = (udsock_outgoing){ .socket = it.peer, .length = length,
                                      .flags = i + 1 == ITEMS ? flags : 0 };
    }
    return udsock_poller_send(it.server, items, ITEMS, much, sizeof much);
}

static int64_t send_few(udsock_error *err) {
    (void)err;
    memcpy(much, QUESTION, sizeof QUESTION);
    return send_items(sizeof QUESTION, UDSOCK_THEN_SHUTDOWN);
}

/* More than there is room for: some is kept, and goes when the peer has read. */
static int64_t send_more(udsock_error *err) {
    (void)err;
    return send_items(LONG_ITEM, 0);
}

static size_t came;

static size_t taken(void) {
    size_t size = 0;
    for (size_t i = 0; i < ITEMS; i++) size += items[i].result < 0 ? 0 : items[i].length;
    return size;
}

static void take_what_came(void) {
    int64_t size;
    while ((size = udsock_recv(it.client, arena, sizeof arena, 0)) > 0) came += (size_t)size;
}

static int64_t send_more_until_it_has_gone(udsock_error *err) {
    int64_t result = send_more(err);
    for (int i = 0; i < PATIENCE_MS && result >= 0 && came < taken(); i++) {
        take_what_came();
        const int64_t count = udsock_poller_wait(it.server, events, MOST_EVENTS, NULL, 0, 1);
        if (count > 0 && events[0].kind == UDSOCK_EVENT_FAILED) return events[0].code;
        if (count < 0 && count != -ETIMEDOUT && count != -EINTR) return count;
    }
    return result;
}

static void check_all_came(int64_t result) {
    for (size_t i = 0; i < ITEMS; i++) {
        if (items[i].result < 0) printf("named %s\n", udsock_error_name(items[i].result));
    }
    if (result >= 0 && came != taken()) wrong("%zu bytes came", came);
}

/* Every item that was taken comes whole; each other says why not. */
static void check_few(int64_t result) {
    /* What was kept for lack of memory goes by itself. */
    for (int i = 0; i < PATIENCE_MS && result >= 0 && came < taken(); i++) {
        take_what_came();
        udsock_poller_wait(it.server, events, MOST_EVENTS, NULL, 0, 1);
    }
    check_all_came(result);
}

#define TOLD(name, prepare, check) { name, prepare, wait_for_event, check, NULL, 0, { 0 } }
#define SENT(name, prepare) { name, prepare, send_few, check_few, NULL, 0, { 0 } }

static const struct scenario MEMBERS[] = {
    { "poller", NULL, create_poller, NULL, NULL, 0, { 0 } },
    { "add", prepare_addition, add_member, check_added, NULL, 0, { 0 } },
    { "add-again", prepare_paused_member, add_member, check_added, NULL, 0, { 0 } },
    { "remove", prepare_stream_member, remove_member, check_removed, NULL, 0, { 0 } },
    TOLD("hear", prepare_stream_member, check_heard),
    TOLD("hear-seqpacket", prepare_seqpacket_member, check_heard),
    TOLD("hear-datagram", prepare_datagram_member, check_heard),
    TOLD("ready", prepare_ready_member, check_ready),
    TOLD("ended", prepare_ended_member, check_ended),
    TOLD("ended-datagram", prepare_shut_member, check_ended),
    TOLD("shut-server", prepare_shut_server, check_failed),
    TOLD("wake", prepare_woken_poller, check_wake),
    WAIT("nothing-happens", prepare_idle_member, wait_for_event),
    SENT("tell", prepare_idle_member),
    SENT("tell-seqpacket", prepare_idle_seqpacket_member),
    SENT("tell-datagram", prepare_idle_datagram_member),
    /* What was taken and then failed did not get there: EPIPE. */
    { "tell-more", prepare_narrow_member, send_more_until_it_has_gone, check_all_came, NULL, 0,
      { -EPIPE } },
};

#endif
