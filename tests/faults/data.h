/* Bytes and messages are sent and received. */

#ifndef FAULTS_DATA_H
#define FAULTS_DATA_H

#include "scenario.h"

enum { MUCH = 1 << 16 };

static char much[MUCH];
static size_t progress;

static void ask(void) {
    must(udsock_send(it.client, QUESTION, sizeof QUESTION, 0) == sizeof QUESTION, "send");
}

static void prepare_asked_stream(void) {
    prepare_streams();
    ask();
}

static void prepare_asked_seqpacket(void) {
    prepare_seqpackets();
    ask();
}

static void prepare_asked_datagram(void) {
    prepare_datagrams();
    ask();
}

/* What no read has taken when its peer closes makes it a reset. */
static void prepare_reset(void) {
    prepare_seqpackets();
    ask();
    must(udsock_send(it.peer, QUESTION, sizeof QUESTION, 0) == sizeof QUESTION, "send");
    must(udsock_close(it.client) == 0, "close");
    it.client = 0;
}

static void prepare_end(uint32_t kind) {
    prepare_pair(kind);
    must(udsock_close(it.client) == 0, "close");
    it.client = 0;
}

static void prepare_stream_end(void) { prepare_end(UDSOCK_STREAM); }
static void prepare_seqpacket_end(void) { prepare_end(UDSOCK_SEQPACKET); }

static void prepare_datagram_end(void) {
    prepare_datagrams();
    must(udsock_shutdown(it.peer, UDSOCK_READ) == 0, "shutdown");
}

/* Shut down by somebody who shares it: only poll knows. */
static void prepare_hidden_end(void) {
    prepare_datagrams();
    must(shutdown(udsock_fd(it.peer), SHUT_RD) == 0, "shutdown");
}

/* There is room for nothing more. */
static void prepare_full_stream(void) {
    prepare_streams();
    while (udsock_send(it.client, much, sizeof much, 0) > 0) continue;
    while (udsock_send(it.client, much, 1, 0) > 0) continue;
}

static void prepare_small_buffer(void) {
    prepare_streams();
    must(udsock_set_option(it.client, UDSOCK_OPTION_SEND_BUFFER, 4096) == 0, "SEND_BUFFER");
}

static void prepare_sender(void) {
    it.peer = without_spin(udsock_open_datagram(it.path, NULL, NULL));
    it.client = without_spin(udsock_open_datagram("@", NULL, NULL));
}

static void prepare_sent_to(void) {
    prepare_sender();
    must(udsock_send_to(it.client, QUESTION, sizeof QUESTION, it.path, 0) == sizeof QUESTION,
         "send_to");
}

static int filled;

static void prepare_full_receiver(void) {
    prepare_sender();
    while (udsock_send_to(it.client, much, 1, it.path, 0) > 0) filled++;
}

static void *drain_later(void *unused) {
    char byte;
    wait_for_call();
    for (int i = 0; i < filled; i++) udsock_recv(it.peer, &byte, 1, 0);
    return unused;
}

static void prepare_receiver_with_room_soon(void) {
    prepare_full_receiver();
    start_helper(drain_later);
}

static int64_t send_question(udsock_error *err) {
    (void)err;
    return udsock_send(it.client, QUESTION, sizeof QUESTION, limit_ms);
}

static int64_t send_much(udsock_error *err) {
    (void)err;
    return udsock_send_all(it.client, much, sizeof much, limit_ms, &progress);
}

static int64_t send_parts(udsock_error *err) {
    (void)err;
    char hel[] = "hel", lo[] = "lo";
    const udsock_part parts[] = { { hel, 3 }, { lo, 3 } };
    return udsock_sendv(it.client, parts, 2, limit_ms);
}

static int64_t send_question_to(udsock_error *err) {
    (void)err;
    return udsock_send_to(it.client, QUESTION, sizeof QUESTION, it.path, limit_ms);
}

static int64_t send_question_to_in_time(udsock_error *err) {
    (void)err;
    return udsock_send_to(it.client, QUESTION, sizeof QUESTION, it.path, PATIENCE_MS);
}

static void check_sent(int64_t result) { check_arrived(it.peer, result < 0 ? NULL : QUESTION); }

/* As much has gone as the call says. */
static void check_sent_much(int64_t result) {
    size_t count = 0;
    int64_t came;
    while ((came = udsock_recv(it.peer, much, sizeof much, 0)) > 0) count += (size_t)came;
    if (came != -EAGAIN) wrong("receive: %s", udsock_error_name(came));
    if (count != progress) wrong("%zu came, and %zu were said to have gone", count, progress);
    if (result >= 0 && count != sizeof much) wrong("only %zu came", count);
}

static char received[64];

static int64_t receive(udsock_error *err) {
    (void)err;
    return udsock_recv(it.peer, received, sizeof received, limit_ms);
}

static int64_t receive_exactly(udsock_error *err) {
    (void)err;
    return udsock_recv_exact(it.peer, received, sizeof QUESTION, limit_ms, &progress);
}

static int64_t receive_in_vain(udsock_error *err) {
    (void)err;
    return udsock_recv_exact(it.peer, received, sizeof received, limit_ms, &progress);
}

static int64_t receive_parts(udsock_error *err) {
    (void)err;
    const udsock_part parts[] = { { received, 3 }, { received + 3, 3 } };
    return udsock_recvv(it.peer, parts, 2, limit_ms);
}

static char sender[UDSOCK_ADDRESS_SIZE];

static int64_t receive_from(udsock_error *err) {
    (void)err;
    return udsock_recv_from(it.peer, received, sizeof received, sender, sizeof sender, limit_ms);
}

/* So small that the sender has to be looked at first. */
static int64_t receive_from_with_little_room(udsock_error *err) {
    (void)err;
    return udsock_recv_from(it.peer, received, sizeof received, sender, 16, limit_ms);
}

/* What was not received is still there. */
static void check_received(int64_t result) {
    if (result < 0) {
        check_arrived(it.peer, QUESTION);
    } else if (result != sizeof QUESTION || memcmp(received, QUESTION, sizeof QUESTION) != 0) {
        wrong("%lld bytes came", (long long)result);
    }
}

static void check_received_from(int64_t result) {
    check_received(result);
    if (result >= 0 && udsock_send_to(it.peer, QUESTION, sizeof QUESTION, sender, 0) < 0) {
        wrong("%s can't be answered", sender);
    } else if (result < 0 && sender[0] != 0) {
        wrong("outputs were written");
    }
}

/* What has not come is still there. */
static void check_progress(int64_t result) {
    if (result >= 0) wrong("%lld bytes came", (long long)result);
    if (progress != sizeof QUESTION) check_arrived(it.peer, &QUESTION[progress]);
}

/* It goes on for ever. */
static void check_end(int64_t result) {
    if (result >= 0) wrong("%lld bytes came", (long long)result);
    const int64_t next = udsock_recv(it.peer, received, sizeof received, 0);
    if (next != UDSOCK_EOF) wrong("then %s", udsock_error_name(next));
}

/* What came before the reset comes first, then the reset, once, then the end. */
static void check_reset(int64_t result) {
    if (result < 0) check_received(udsock_recv(it.peer, received, sizeof received, 0));
    const int64_t reset = udsock_recv(it.peer, received, sizeof received, 0);
    if (reset != -ECONNRESET) wrong("not the reset: %s", udsock_error_name(reset));
    check_end(UDSOCK_EOF);
}

static int64_t shut_down(udsock_error *err) {
    (void)err;
    return udsock_shutdown(it.client, UDSOCK_WRITE);
}

static void check_shut_down(int64_t result) {
    if (result < 0) check_talks(it.client, it.peer);
    else check_end(UDSOCK_EOF);
}

#define SEND(name, prepare, call, expected) \
    { name, prepare, call, check_sent, NULL, expected, { 0 } }
#define RECEIVE(name, prepare, call) \
    { name, prepare, call, check_received, NULL, 0, { 0 } }
#define WAIT(name, prepare, call) { name, prepare, call, NULL, NULL, -ETIMEDOUT, { 0 } }
#define END(name, prepare) { name, prepare, receive, check_end, NULL, UDSOCK_EOF, { 0 } }

static const struct scenario DATA[] = {
    SEND("send", prepare_streams, send_question, 0),
    SEND("send-seqpacket", prepare_seqpackets, send_question, 0),
    SEND("send-datagram", prepare_datagrams, send_question, 0),
    SEND("send-parts", prepare_streams, send_parts, 0),
    SEND("send-message-of-parts", prepare_seqpackets, send_parts, 0),
    SEND("send-to", prepare_sender, send_question_to, 0),
    WAIT("send-waits", prepare_full_stream, send_question),
    WAIT("send-to-waits", prepare_full_receiver, send_question_to),
    SEND("send-to-in-time", prepare_receiver_with_room_soon, send_question_to_in_time, 0),
    { "send-all", prepare_streams, send_much, check_sent_much, NULL, 0, { 0 } },
    { "send-all-waits", prepare_small_buffer, send_much, check_sent_much, NULL, -ETIMEDOUT, { 0 } },
    RECEIVE("receive", prepare_asked_stream, receive),
    RECEIVE("receive-seqpacket", prepare_asked_seqpacket, receive),
    RECEIVE("receive-datagram", prepare_asked_datagram, receive),
    RECEIVE("receive-exactly", prepare_asked_stream, receive_exactly),
    RECEIVE("receive-parts", prepare_asked_stream, receive_parts),
    RECEIVE("receive-message-in-parts", prepare_asked_seqpacket, receive_parts),
    { "receive-from", prepare_sent_to, receive_from, check_received_from, NULL, 0, { 0 } },
    { "receive-from-with-little-room", prepare_sent_to, receive_from_with_little_room,
      check_received_from, NULL, 0, { 0 } },
    WAIT("receive-waits", prepare_streams, receive),
    WAIT("receive-seqpacket-waits", prepare_seqpackets, receive),
    WAIT("receive-datagram-waits", prepare_datagrams, receive),
    { "receive-exactly-waits", prepare_asked_stream, receive_in_vain, check_progress, NULL,
      -ETIMEDOUT, { 0 } },
    END("receive-end", prepare_stream_end),
    END("receive-seqpacket-end", prepare_seqpacket_end),
    END("receive-datagram-end", prepare_datagram_end),
    END("receive-hidden-end", prepare_hidden_end),
    { "receive-reset", prepare_reset, receive, check_reset, NULL, 0, { 0 } },
    { "shutdown", prepare_streams, shut_down, check_shut_down, NULL, 0, { 0 } },
};

#endif
