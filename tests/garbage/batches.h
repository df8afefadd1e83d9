/*
 * Calls that send and receive many messages.
 */

#ifndef GARBAGE_BATCHES_H
#define GARBAGE_BATCHES_H

#include "data.h"

/* An array of messages of equal size, and a copy of it as it was. */
typedef struct batch {
    size_t stride;
    size_t count;
    char *messages;
    char *before;
} batch;

static udsock_message *at(const batch *batch, size_t index) {
    return (udsock_message *)(void *)(batch->messages + index * batch->stride);
}

static batch new_batch(thread *t) {
    static const uint32_t STRIDES[] = { 104, 160, 0, 4, 88, 100, 4096, 5000 };
    batch batch = { .stride = sizeof(udsock_message), .count = below(t, 6) };
    uint32_t size = percent(t, 90) ? (uint32_t)sizeof(udsock_message) : ONE_OF(t, STRIDES);
    if (size > batch.stride) batch.stride = (size + 7) / 8 * 8;
    if (percent(t, 3)) batch.count = 60 + below(t, 80);
    batch.messages = memory(batch.count * batch.stride);
    memset(batch.messages, 0, batch.count * batch.stride);
    for (size_t i = 0; i < batch.count; i++) {
        udsock_message *message = at(&batch, i);
        message->size = percent(t, 99) ? size : 4;
        if (percent(t, 1)) message->flags = any_bits(t);
        if (percent(t, 1)) message->descriptors_count = below(t, 300);
        if (percent(t, 1)) batch.messages[(i + 1) * batch.stride - 1] = 1;
        message->result = INT32_MIN;
    }
    return batch;
}

/* As it was before the call. */
static void remember(batch *batch) {
    batch->before = memory(batch->count * batch->stride);
    memcpy(batch->before, batch->messages, batch->count * batch->stride);
}

static bool is_changed(const batch *batch, size_t index) {
    size_t offset = index * batch->stride;
    return memcmp(batch->messages + offset, batch->before + offset, batch->stride) != 0;
}

static size_t claimed_count(thread *t, const batch *batch) {
    if (batch->count == 0 || !percent(t, 1)) return batch->count;
    return percent(t, 50) ? SIZE_MAX : SSIZE_MAX / sizeof(udsock_message) + 1;
}

static void end_batch(batch *batch) {
    free(batch->before);
    free(batch->messages);
}

/* Either nothing was looked at, or every message was told its fate. */
static void check_fates(thread *t, batch *batch, int64_t result) {
    size_t went = 0, told = 0;
    for (size_t i = 0; i < batch->count; i++) {
        int32_t fate = at(batch, i)->result;
        told += fate != INT32_MIN;
        went += fate >= 0;
        if (fate != INT32_MIN) check_code(t, fate);
        if (i == 0 && result < 0 && told != 0 && fate != result) {
            fail(t, "%s, but the first one's is %s", udsock_error_name(result),
                 udsock_error_name(fate));
        }
        at(batch, i)->result = INT32_MIN;
        if (is_changed(batch, i)) fail(t, "message %zu was written", i);
    }
    if (told != 0 && told != batch->count) fail(t, "%zu of %zu told", told, batch->count);
    if (result < 0 ? went != 0 : result == 0 || went != (size_t)result) {
        fail(t, "%zu of %zu went, the result is %lld", went, batch->count, (long long)result);
    }
}

/* Descriptors to pass: all of them good, or one of them bad. */
static const int32_t *any_descriptors(thread *t, size_t *count) {
    static int32_t good[UDSOCK_MAX_DESCRIPTORS + 1];
    static const int32_t BAD[] = { 0, -1 };
    bool is_good = percent(t, 80);
    *count = percent(t, 90) ? below(t, 3) : UDSOCK_MAX_DESCRIPTORS + below(t, 2);
    if (!is_good) *count = 2;
    return is_good ? good : BAD;
}

static void call_send_batch(thread *t) {
    udsock_t s = on_handle(t, percent(t, 70) ? "send_batch" : "send_message");
    batch batch = new_batch(t);
    for (size_t i = 0; i < batch.count; i++) {
        span span = span_to_send(t);
        at(&batch, i)->data = span.data;
        at(&batch, i)->data_size = span.size;
        if (percent(t, 30)) at(&batch, i)->address = (char *)any_address(t);
        if (percent(t, 10)) {
            size_t passed;
            at(&batch, i)->descriptors = (int32_t *)any_descriptors(t, &passed);
            at(&batch, i)->descriptors_count = passed;
        }
    }
    remember(&batch);
    int32_t timeout = any_timeout(t);
    size_t count = claimed_count(t, &batch);
    udsock_message *messages = percent(t, 1) ? NULL : at(&batch, 0);
    if (strcmp(t->name, "send_message") == 0) {
        if (batch.count == 0) messages = NULL;
        check_timed(t, timeout, udsock_send_message(s, messages, timeout));
    } else {
        int64_t result = udsock_send_batch(s, messages, count, timeout);
        check_timed(t, timeout, result);
        check_fates(t, &batch, result);
    }
    end_batch(&batch);
}

enum { ROOM = 64, NAME_ROOM = 512 };

static void check_message(thread *t, const udsock_message *message, const char *data,
                          const char *name) {
    size_t filled = message->data_size < message->data_capacity ? message->data_size
                                                                : message->data_capacity;
    uint32_t flags = message->data_size > message->data_capacity ? UDSOCK_TRUNCATED : 0;
    if ((message->flags & ~(uint32_t)UDSOCK_FDS_LOST) != flags) fail(t, "flags");
    if (message->descriptors_count > message->descriptors_capacity) fail(t, "descriptors");
    for (size_t i = 0; i < message->descriptors_count; i++) {
        int fd = message->descriptors[i];
        if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) fail(t, "%d is not close-on-exec", fd);
        close(fd);
    }
    if (message->pidfd >= 0) {
        if ((fcntl(message->pidfd, F_GETFD) & FD_CLOEXEC) == 0) fail(t, "the pidfd");
        close(message->pidfd);
    } else if (message->pidfd != -ENODATA && message->pidfd != -ESRCH
               && message->pidfd != -EMFILE) {
        fail(t, "the pidfd is %s", udsock_error_name(message->pidfd));
    }
    if (!is_untouched(data + filled, ROOM - filled)) fail(t, "data beyond %zu", filled);
    if (message->result == -ERANGE) {
        if (message->address == NULL || message->address_size < message->address_capacity) {
            fail(t, "an address of %zu did fit", message->address_size);
        }
        check_text(t, name, NAME_ROOM, NAME_ROOM, -1);
    } else if (message->result != (int32_t)filled) {
        fail(t, "%zu bytes, the result is %d", filled, message->result);
    } else if (message->address != NULL) {
        check_text(t, name, NAME_ROOM, message->address_capacity, (int64_t)message->address_size);
    }
}

static void call_recv_batch(thread *t) {
    static const size_t CAPACITIES[] = { 0, 1, 8, 40, NAME_ROOM, NAME_ROOM, SIZE_MAX };
    udsock_t s = on_handle(t, percent(t, 70) ? "recv_batch" : "recv_message");
    batch batch = new_batch(t);
    int32_t *descriptors = canaries(batch.count * UDSOCK_MAX_DESCRIPTORS * sizeof *descriptors);
    if (percent(t, 30)) udsock_set_option(s, UDSOCK_OPTION_RECEIVE_FDS, percent(t, 80));
    if (percent(t, 30)) udsock_set_option(s, UDSOCK_OPTION_RECEIVE_CREDENTIALS, percent(t, 50));
    if (percent(t, 20)) udsock_set_option(s, UDSOCK_OPTION_RECEIVE_PIDFD, percent(t, 50));
    char *data = canaries(batch.count * ROOM);
    char *names = canaries(batch.count * NAME_ROOM);
    for (size_t i = 0; i < batch.count; i++) {
        udsock_message *message = at(&batch, i);
        message->data = percent(t, 99) ? data + i * ROOM : NULL;
        message->data_capacity = percent(t, 98) ? 1 + below(t, ROOM) : percent(t, 50) ? 0 : SIZE_MAX;
        if (percent(t, 30)) {
            message->descriptors = descriptors + i * UDSOCK_MAX_DESCRIPTORS;
            message->descriptors_capacity = percent(t, 98) ? below(t, UDSOCK_MAX_DESCRIPTORS + 1)
                                                           : SIZE_MAX;
        }
        if (percent(t, 50)) continue;
        message->address = names + i * NAME_ROOM;
        message->address_capacity = ONE_OF(t, CAPACITIES);
    }
    remember(&batch);
    int32_t timeout = any_timeout(t);
    size_t count = claimed_count(t, &batch);
    udsock_message *messages = percent(t, 1) ? NULL : at(&batch, 0);
    bool one = strcmp(t->name, "recv_message") == 0;
    if (one && batch.count == 0) messages = NULL;
    int64_t result = one ? udsock_recv_message(s, messages, timeout)
                         : udsock_recv_batch(s, messages, count, timeout);
    check_timed(t, timeout, result);
    if (one && result >= 0) result = count = 1;
    size_t came = result < 0 ? 0 : (size_t)result;
    if (result == 0 || came > batch.count || (came > 0 && count > batch.count)) {
        fail(t, "%zu of %zu came", came, count);
    }
    for (size_t i = 0; i < batch.count; i++) {
        if (i < came) {
            check_message(t, at(&batch, i), data + i * ROOM, names + i * NAME_ROOM);
        } else if (is_changed(&batch, i) || !is_untouched(data + i * ROOM, ROOM)
                   || !is_untouched(names + i * NAME_ROOM, NAME_ROOM)) {
            fail(t, "message %zu was written", i);
        }
    }
    free(descriptors);
    free(data);
    free(names);
    end_batch(&batch);
}

#endif
