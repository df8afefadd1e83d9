/* Messages with descriptors and senders, and many in one call. */

#ifndef FAULTS_MESSAGE_H
#define FAULTS_MESSAGE_H

#include "data.h"

enum { MANY = 3, ROOM = 64 };

/* What a call sends, or room for what it receives. */
static struct {
    udsock_message messages[MANY];
    char data[MANY][ROOM], addresses[MANY][UDSOCK_ADDRESS_SIZE];
    int32_t descriptors[MANY][1];
} mail;

static void prepare_outgoing(void) {
    for (size_t i = 0; i < MANY; i++) {
        memcpy(mail.data[i], QUESTION, sizeof QUESTION);
        mail.messages[i] = (udsock_message){ .size = sizeof(udsock_message),
                                             .data = mail.data[i],
                                             .data_size = sizeof QUESTION };
    }
}

static void prepare_incoming(size_t address_capacity) {
    for (size_t i = 0; i < MANY; i++) {
        mail.messages[i] = (udsock_message){ .size = sizeof(udsock_message),
                                             .data = mail.data[i],
                                             .data_capacity = ROOM,
                                             .descriptors = mail.descriptors[i],
                                             .descriptors_capacity = 1,
                                             .address = mail.addresses[i],
                                             .address_capacity = address_capacity };
    }
}

/* The peer's process, a descriptor, everything. */
static void receive_all(udsock_t s) {
    static const uint32_t OPTIONS[] = { UDSOCK_OPTION_RECEIVE_FDS,
                                        UDSOCK_OPTION_RECEIVE_CREDENTIALS,
                                        UDSOCK_OPTION_RECEIVE_PIDFD };
    for (size_t i = 0; i < 3; i++) {
        const int32_t result = udsock_set_option(s, OPTIONS[i], 1);
        must(result == 0 || result == -ENOPROTOOPT, "what comes beside a message");
    }
}

static void attach_descriptors(void) {
    for (size_t i = 0; i < MANY; i++) {
        mail.descriptors[i][0] = STDOUT_FILENO;
        mail.messages[i].descriptors = mail.descriptors[i];
        mail.messages[i].descriptors_count = 1;
    }
}

static void prepare_letters(uint32_t kind) {
    prepare_pair(kind);
    receive_all(it.peer);
    prepare_outgoing();
    attach_descriptors();
}

static void prepare_stream_letters(void) { prepare_letters(UDSOCK_STREAM); }
static void prepare_seqpacket_letters(void) { prepare_letters(UDSOCK_SEQPACKET); }

static void prepare_addressed_letters(void) {
    prepare_sender();
    prepare_outgoing();
    for (size_t i = 0; i < MANY; i++) {
        strcpy(mail.addresses[i], it.path);
        mail.messages[i].address = mail.addresses[i];
    }
}

static void prepare_full_letter_box(void) {
    prepare_addressed_letters();
    while (udsock_send_to(it.client, much, 1, it.path, 0) > 0) continue;
}

/* They are there; what comes beside them is a descriptor, and who sent them. */
static void prepare_post(uint32_t kind, size_t address_capacity) {
    if (kind == UDSOCK_DGRAM) {
        prepare_addressed_letters();
        receive_all(it.peer);
        attach_descriptors();
    } else {
        prepare_letters(kind);
    }
    must(udsock_send_batch(it.client, mail.messages, MANY, 0) == MANY, "send_batch");
    prepare_incoming(address_capacity);
}

static void prepare_stream_post(void) { prepare_post(UDSOCK_STREAM, UDSOCK_ADDRESS_SIZE); }
static void prepare_seqpacket_post(void) { prepare_post(UDSOCK_SEQPACKET, UDSOCK_ADDRESS_SIZE); }
static void prepare_datagram_post(void) { prepare_post(UDSOCK_DGRAM, UDSOCK_ADDRESS_SIZE); }
static void prepare_post_with_little_room(void) { prepare_post(UDSOCK_DGRAM, 16); }

static void prepare_no_post(void) {
    prepare_seqpackets();
    prepare_incoming(UDSOCK_ADDRESS_SIZE);
}

static void prepare_no_stream_post(void) {
    prepare_streams();
    prepare_incoming(UDSOCK_ADDRESS_SIZE);
}

static int64_t send_message(udsock_error *err) {
    (void)err;
    return udsock_send_message(it.client, &mail.messages[0], limit_ms);
}

static int64_t receive_message(udsock_error *err) {
    (void)err;
    return udsock_recv_message(it.peer, &mail.messages[0], limit_ms);
}

static int64_t send_batch(udsock_error *err) {
    (void)err;
    return udsock_send_batch(it.client, mail.messages, MANY, limit_ms);
}

static int64_t receive_batch(udsock_error *err) {
    (void)err;
    return udsock_recv_batch(it.peer, mail.messages, MANY, limit_ms);
}

/* Takes what came beside a message. What did not come is told. */
static void open_letter(const udsock_message *message, int has_descriptor) {
    if (message->data_size < sizeof QUESTION
        || memcmp(message->data, QUESTION, sizeof QUESTION) != 0) {
        wrong("a message of %zu bytes", message->data_size);
    }
    if (message->descriptors_count == 1) close(message->descriptors[0]);
    else if (has_descriptor && !(message->flags & UDSOCK_FDS_LOST)) wrong("no descriptor");
    if (message->pidfd >= 0) close(message->pidfd);
    if (has_descriptor && message->credentials.pid != getpid()) wrong("no sender");
}

/* How many of them are there, of those that one receive takes. */
static int64_t open_post(int has_descriptor) {
    int64_t total = 0, count;
    prepare_incoming(UDSOCK_ADDRESS_SIZE);
    while ((count = udsock_recv_batch(it.peer, mail.messages, 1, 0)) > 0) {
        for (int64_t i = 0; i < count; i++) open_letter(&mail.messages[i], has_descriptor);
        total += count;
    }
    if (count != -EAGAIN) wrong("receive: %s", udsock_error_name(count));
    return total;
}

static void check_message_sent(int64_t result) {
    const int has_descriptor = mail.messages[0].descriptors_count == 1;
    const int64_t came = open_post(has_descriptor);
    if (came != (result >= 0)) wrong("%lld messages came", (long long)came);
}

/* Each went, or says why not. */
static void check_batch_sent(int64_t result) {
    int64_t went = 0;
    for (size_t i = 0; i < MANY; i++) {
        const int32_t one = mail.messages[i].result;
        if (one == sizeof QUESTION) went++;
        else printf("named %s\n", udsock_error_name(one));
    }
    if (result != went && (result >= 0 || went != 0)) {
        wrong("%lld went, and %lld say so", (long long)result, (long long)went);
    }
    const int64_t came = open_post(mail.messages[0].descriptors_count == 1);
    if (came != went) wrong("%lld messages came, and %lld went", (long long)came, (long long)went);
}

static void check_message_received(int64_t result) {
    const int has_descriptor = 1;
    int64_t count = 0;
    if (result >= 0) {
        open_letter(&mail.messages[0], has_descriptor);
        count = 1;
    }
    count += open_post(has_descriptor);
    if (count != MANY) wrong("%lld messages came", (long long)count);
}

static void check_batch_received(int64_t result) {
    for (int64_t i = 0; i < result; i++) open_letter(&mail.messages[i], 1);
    const int64_t count = (result > 0 ? result : 0) + open_post(1);
    if (count != MANY) wrong("%lld messages came", (long long)count);
}

#define SEND_MESSAGE(name, prepare) \
    { name, prepare, send_message, check_message_sent, NULL, 0, { 0 } }
#define SEND_BATCH(name, prepare) \
    { name, prepare, send_batch, check_batch_sent, NULL, 0, { 0 } }
#define RECEIVE_MESSAGE(name, prepare) \
    { name, prepare, receive_message, check_message_received, NULL, 0, { 0 } }
#define RECEIVE_BATCH(name, prepare) \
    { name, prepare, receive_batch, check_batch_received, NULL, 0, { 0 } }

static const struct scenario MESSAGES[] = {
    SEND_MESSAGE("message", prepare_stream_letters),
    SEND_MESSAGE("message-seqpacket", prepare_seqpacket_letters),
    SEND_MESSAGE("message-addressed", prepare_addressed_letters),
    WAIT("message-waits", prepare_full_letter_box, send_message),
    RECEIVE_MESSAGE("receive-message", prepare_stream_post),
    RECEIVE_MESSAGE("receive-message-seqpacket", prepare_seqpacket_post),
    RECEIVE_MESSAGE("receive-message-datagram", prepare_datagram_post),
    RECEIVE_MESSAGE("receive-message-with-little-room", prepare_post_with_little_room),
    WAIT("receive-message-waits", prepare_no_post, receive_message),
    SEND_BATCH("batch", prepare_stream_letters),
    SEND_BATCH("batch-seqpacket", prepare_seqpacket_letters),
    SEND_BATCH("batch-addressed", prepare_addressed_letters),
    WAIT("batch-waits", prepare_full_letter_box, send_batch),
    RECEIVE_BATCH("receive-batch", prepare_stream_post),
    RECEIVE_BATCH("receive-batch-seqpacket", prepare_seqpacket_post),
    RECEIVE_BATCH("receive-batch-datagram", prepare_datagram_post),
    WAIT("receive-batch-waits", prepare_no_stream_post, receive_batch),
};

#endif
