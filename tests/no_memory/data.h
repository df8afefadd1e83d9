/* Bytes and messages, and what goes with them. */

#ifndef NO_MEMORY_DATA_H
#define NO_MEMORY_DATA_H

#include "opening.h"

static void all_data_calls(void) {
    char buffer[2 * SIZE];
    size_t progress;
    udsock_t pair[2];
    udsock_part parts[] = { { buffer, SIZE }, { buffer + SIZE, SIZE } };
    MUST(CALL(udsock_open_pair, UDSOCK_STREAM, pair) == 0);
    MUST(CALL(udsock_sendv, pair[0], parts, 2, 0) == sizeof buffer);
    MUST(CALL(udsock_recvv, pair[1], parts, 2, 0) == sizeof buffer);
    MUST(CALL(udsock_send_all, pair[0], buffer, sizeof buffer, 0, &progress) == sizeof buffer);
    MUST(CALL(udsock_recv_exact, pair[1], buffer, sizeof buffer, 0, &progress) == sizeof buffer);
    close_it(pair[0]);
    close_it(pair[1]);
}

/* A thread that has to sleep takes a place among the sleepers. */
static void waits(void) {
    char byte;
    udsock_t pair[2];
    udsock_t server = serve(UDSOCK_STREAM, "server", NULL);
    MUST(CALL(udsock_accept, server, 1, NULL) == -ETIMEDOUT);
    close_it(server);
    MUST(CALL(udsock_open_pair, UDSOCK_DGRAM, pair) == 0);
    MUST(CALL(udsock_recv, pair[0], &byte, 1, 1) == -ETIMEDOUT);
    while (CALL(udsock_send, pair[0], HELLO, SIZE, 1) == SIZE) continue;
    MUST(result == -ETIMEDOUT);
    close_it(pair[0]);
    close_it(pair[1]);
}

static void options(void) {
    udsock_t s = serve(UDSOCK_STREAM, "server", NULL);
    for (uint32_t option = 1; option <= UDSOCK_OPTION_RECEIVE_PIDFD; option++) {
        const int64_t value = CALL(udsock_get_option, s, option);
        /* What a server can't be asked. */
        MUST(value >= 0 || value == -EINVAL);
        (void)CALL(udsock_set_option, s, option, value);
    }
    close_it(s);
}

static void words_of_codes(void) {
    for (int64_t code = 1; code > -5000; code--) {
        (void)WORDS(udsock_error_name, code);
        (void)WORDS(udsock_error_text, code);
    }
    MUST(CALL(udsock_version, ) > 0);
    (void)WORDS(udsock_version_string, );
}

/* With descriptors, who sent it, and a descriptor for that process. */
static void messages(void) {
    char bytes[SIZE], from[UDSOCK_ADDRESS_SIZE];
    int32_t copies[2], descriptors[] = { STDIN_FILENO, STDOUT_FILENO };
    udsock_t s = opened(CALL(udsock_open_datagram, "one", NULL, &err));
    udsock_t client = opened(CALL(udsock_open_datagram, "other", NULL, &err));
    MUST(CALL(udsock_set_option, s, UDSOCK_OPTION_RECEIVE_FDS, 1) == 0);
    MUST(CALL(udsock_set_option, s, UDSOCK_OPTION_RECEIVE_CREDENTIALS, 1) == 0);
    /* Not with every kernel. */
    (void)CALL(udsock_set_option, s, UDSOCK_OPTION_RECEIVE_PIDFD, 1);

    char address[] = "one";
    udsock_message out = { .size = sizeof out, .data = bytes, .data_size = SIZE,
                           .descriptors = descriptors, .descriptors_count = 2,
                           .address = address };
    udsock_message in = { .size = sizeof in, .data = bytes, .data_capacity = SIZE,
                          .descriptors = copies, .descriptors_capacity = 2,
                          .address = from, .address_capacity = sizeof from };
    MUST(CALL(udsock_send_message, client, &out, 0) == SIZE);
    MUST(CALL(udsock_recv_message, s, &in, 0) == SIZE);
    MUST(in.descriptors_count == 2 && in.credentials.pid == getpid());
    MUST(strcmp(from, "other") == 0);
    close(copies[0]);
    close(copies[1]);
    if (in.pidfd >= 0) close(in.pidfd);
    close_it(s);
    close_it(client);
}

enum { BATCH = 20 };

/* What there was no memory for is sent again, by itself. */
static void send_batch(udsock_t s, udsock_message *out) {
    int64_t went = CALL(udsock_send_batch, s, out, BATCH, 0);
    for (int i = 0; i < BATCH; i++) {
        if (is_told(out[i].result)) went += CALL(udsock_send_message, s, &out[i], 0) == SIZE;
    }
    MUST(went == BATCH);
}

static void batches(void) {
    char bytes[BATCH][SIZE], from[BATCH][16], address[] = "receiver";
    int32_t copies[BATCH], descriptor = STDIN_FILENO;
    udsock_message in[BATCH], out[BATCH];
    udsock_t pair[2];
    MUST(CALL(udsock_open_pair, UDSOCK_SEQPACKET, pair) == 0);
    MUST(CALL(udsock_set_option, pair[1], UDSOCK_OPTION_RECEIVE_FDS, 1) == 0);
    for (int i = 0; i < BATCH; i++) {
        out[i] = (udsock_message){ .size = sizeof *out, .data = bytes[i], .data_size = SIZE,
                                   .descriptors = &descriptor, .descriptors_count = i % 2 };
        in[i] = (udsock_message){ .size = sizeof *in, .data = bytes[i], .data_capacity = SIZE,
                                  .descriptors = &copies[i], .descriptors_capacity = 1,
                                  .address = from[i], .address_capacity = sizeof from[i] };
    }
    send_batch(pair[0], out);
    for (int64_t came = 0; came < BATCH; came += result) {
        MUST(CALL(udsock_recv_batch, pair[1], in, BATCH, 0) > 0);
        for (int i = 0; i < result; i++) {
            MUST(in[i].result == SIZE);
            if (in[i].descriptors_count == 1) close(copies[i]);
        }
    }
    close_it(pair[0]);
    close_it(pair[1]);

    udsock_t receiver = opened(CALL(udsock_open_datagram, address, NULL, &err));
    udsock_t sender = opened(CALL(udsock_open_datagram, NULL, NULL, &err));
    out[0].address = address;
    MUST(CALL(udsock_send_batch, sender, out, 1, 0) == 1);
    MUST(CALL(udsock_recv_batch, receiver, in, BATCH, 0) == 1);
    close_it(receiver);
    close_it(sender);
}

#endif
