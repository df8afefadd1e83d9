/*
 * A visit to a server on a poller: a client is accepted, heard, answered and left; and a
 * datagram whose receiver has no room is kept, tried again and arrives. Every call of it
 * either works in spite of the fault or says what happened.
 */

#ifndef FAULTS_POLLER_H
#define FAULTS_POLLER_H

#include "scenario.h"

enum { VISIT_TIMEOUT_MS = 1000, MOST_EVENTS = 8, ARENA_SIZE = 4096 };

static const char FILLING[] = "filling";
static const char NEWS[] = "news";

static struct {
    udsock_t receiver, sender, poller, connection;
    char receiver_address[64];
    int is_answered, has_news;
    /* What the server lacked. */
    int32_t lacked;
} visit;

/* Fills the receiver's queue, from sockets each with a buffer of its own. */
static int fill_receiver(void) {
    for (;;) {
        udsock_t filler = udsock_open_datagram(NULL, NULL, NULL);
        int64_t sent = udsock_send_to(filler, FILLING, sizeof FILLING, visit.receiver_address, 0);
        udsock_close(filler);
        if (sent != sizeof FILLING) return sent == -EAGAIN;
    }
}

static void prepare_visit(uint32_t kind) {
    prepare_server(kind);
    snprintf(visit.receiver_address, sizeof visit.receiver_address, "@udsock-faults-%d",
             (int)getpid());
    it.client = udsock_open_client(kind, it.path, NULL, NULL);
    visit.receiver = udsock_open_datagram(visit.receiver_address, NULL, NULL);
    visit.sender = udsock_open_datagram(NULL, NULL, NULL);
    must(visit.sender > 0 && fill_receiver(), "a full receiver");
    must(udsock_send(it.client, QUESTION, sizeof QUESTION, 0) == sizeof QUESTION, "send");
}

static void prepare_stream_visit(void) { prepare_visit(UDSOCK_STREAM); }
static void prepare_seqpacket_visit(void) { prepare_visit(UDSOCK_SEQPACKET); }

/* Something to be kept: the receiver has no room. */
static int64_t send_news(void) {
    char base[sizeof NEWS + sizeof visit.receiver_address];
    const size_t length = strlen(visit.receiver_address);
    memcpy(base, NEWS, sizeof NEWS);
    memcpy(base + sizeof NEWS, visit.receiver_address, length);
    udsock_outgoing item = { .socket = visit.sender, .length = sizeof NEWS,
                             .address_offset = sizeof NEWS, .address_length = (uint32_t)length };
    int64_t result = udsock_poller_send(visit.poller, &item, 1, base, sizeof base);
    return result < 0 ? result : item.result;
}

static int64_t receive_news(void) {
    char buffer[16];
    int64_t result;
    while ((result = udsock_recv(visit.receiver, buffer, sizeof buffer, 0)) >= 0) {
        if (result == sizeof NEWS && memcmp(buffer, NEWS, sizeof NEWS) == 0) visit.has_news = 1;
    }
    return result == -EAGAIN || result == -EINTR ? 0 : result;
}

static int64_t answer(const udsock_event *event, const char *arena) {
    udsock_outgoing item = { .socket = event->socket, .offset = event->offset,
                             .length = event->length, .flags = UDSOCK_THEN_CLOSE };
    int64_t result = udsock_poller_send(visit.poller, &item, 1, arena, ARENA_SIZE);
    if (result >= 0) result = item.result;
    if (result >= 0) visit.is_answered = 1;
    return result < 0 ? result : 0;
}

/* A server that lacks descriptors, or memory, stays and tries again by itself. */
static int is_scarcity(int32_t code) {
    return code == -EMFILE || code == -ENFILE || code == -ENOMEM || code == -ENOBUFS
           || code == -ENOSPC;
}

static int is_scarce(const udsock_event *event) {
    return event->socket == it.server && is_scarcity(event->code);
}

static int64_t take(const udsock_event *event, const char *arena) {
    switch (event->kind) {
    case UDSOCK_EVENT_ACCEPTED: visit.connection = event->socket; return 0;
    case UDSOCK_EVENT_RECEIVED: return event->code != 0 ? event->code : answer(event, arena);
    case UDSOCK_EVENT_FAILED: visit.lacked = event->code; return is_scarce(event) ? 0 : event->code;
    default: wrong("event %u", event->kind); return 0;
    }
}

/* Until the client is answered and the news is there. */
static int64_t serve_until_done(void) {
    udsock_event events[MOST_EVENTS];
    char arena[ARENA_SIZE];
    int64_t result = 0;
    for (int waited = 0; result >= 0 && !(visit.is_answered && visit.has_news); waited++) {
        int64_t count = udsock_poller_wait(visit.poller, events, MOST_EVENTS, arena,
                                           sizeof arena, 1);
        if (count < 0 && count != -EINTR && count != -ETIMEDOUT) return count;
        for (int64_t i = 0; i < count && result >= 0; i++) result = take(&events[i], arena);
        if (result >= 0) result = receive_news();
        if (waited > VISIT_TIMEOUT_MS) {
            /* Then the client may have been lost on the way in. */
            if (visit.lacked != 0 && visit.has_news) return visit.lacked;
            /* What a receiver refuses is dropped, as if it had got there too late. */
            if (visit.is_answered) printf("named EACCES\n");
            else wrong("hang: news %d", visit.has_news);
            return 0;
        }
    }
    return result;
}

static int64_t serve_visit(udsock_error *err) {
    (void)err;
    int64_t result = visit.poller = udsock_poller_create(NULL);
    if (result < 0) return result;
    result = udsock_poller_add(visit.poller, it.server, 1, 0);
    if (result >= 0) result = udsock_poller_add(visit.poller, visit.sender, 2, 0);
    if (result >= 0) result = send_news();
    if (result >= 0) result = serve_until_done();
    if (result >= 0) result = udsock_poller_remove(visit.poller, visit.sender);
    /* In vain, if it was not made. */
    int32_t closed = udsock_close(visit.poller);
    return result < 0 ? result : closed;
}

/* What failed was told, and what was not told to fail came about. */
static void end_visit(int64_t result) {
    char buffer[16];
    if (result >= 0 && visit.is_answered) {
        int64_t size = udsock_recv(it.client, buffer, sizeof buffer, VISIT_TIMEOUT_MS);
        if (size != sizeof QUESTION || memcmp(buffer, QUESTION, sizeof QUESTION) != 0) {
            wrong("answer: %s", udsock_error_name(size));
        }
        size = udsock_recv(it.client, buffer, sizeof buffer, VISIT_TIMEOUT_MS);
        if (size != UDSOCK_EOF) wrong("end: %s", udsock_error_name(size));
    }
    /* The poller has closed it, unless something failed. */
    if (visit.connection != 0) udsock_close(visit.connection);
    close_handle(visit.receiver);
    close_handle(visit.sender);
}

static const struct scenario VISITS[] = {
    { "visit", prepare_stream_visit, serve_visit, end_visit, NULL, 0, { 0 } },
    { "visit-seqpacket", prepare_seqpacket_visit, serve_visit, end_visit, NULL, 0, { 0 } },
};

#endif
