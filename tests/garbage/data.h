/*
 * Calls that send and receive.
 */

#ifndef GARBAGE_DATA_H
#define GARBAGE_DATA_H

#include "arguments.h"

/* Memory that ends where a sanitizer notices, to send from and to receive into. */
enum { MOST_TO_SEND = 300000, MOST_TO_RECEIVE = 8192 };
static _Thread_local char *outgoing;
static _Thread_local char *incoming;

/* A pointer and a length; NULL, and lengths that can't be, among them. */
typedef struct span {
    void *data;
    size_t size;
    bool real;
} span;

static span any_span(thread *t, char *room, size_t room_size) {
    static const size_t HUGE_SIZES[] = { (size_t)SSIZE_MAX + 1, SIZE_MAX, SIZE_MAX - 4095 };
    uint64_t which = below(t, 1000);
    if (which < 20) return (span){ NULL, below(t, 10000), false };
    if (which < 30) return (span){ NULL, ONE_OF(t, HUGE_SIZES), false };
    if (which < 50) return (span){ room, ONE_OF(t, HUGE_SIZES), false };
    size_t size = below(t, which < 995 ? 65 : room_size + 1);
    return (span){ room + room_size - size, size, true };
}

static span span_to_send(thread *t) {
    return any_span(t, outgoing, MOST_TO_SEND);
}

static span span_to_fill(thread *t) {
    span span = any_span(t, incoming, MOST_TO_RECEIVE);
    memset(span.real ? span.data : incoming, CANARY, span.real ? span.size : 64);
    return span;
}

static void check_sent(thread *t, span span, int32_t timeout, int64_t result) {
    check_timed(t, timeout, result);
    if (result >= 0 && (size_t)result > span.size) {
        fail(t, "%lld of %zu", (long long)result, span.size);
    }
    if (result >= 0 && !span.real && span.size != 0) fail(t, "%zu bytes of nothing", span.size);
}

static void check_filled(thread *t, span span, int32_t timeout, int64_t result) {
    check_timed(t, timeout, result);
    if (!span.real) {
        if (result >= 0) fail(t, "%zu bytes into nothing", span.size);
        if (!is_untouched(incoming, 64)) fail(t, "the buffer was written");
    } else if (result > (int64_t)span.size) {
        fail(t, "%lld of %zu", (long long)result, span.size);
    } else if (result != -EMSGSIZE) {
        size_t came = result < 0 ? 0 : (size_t)result;
        if (!is_untouched((char *)span.data + came, span.size - came)) {
            fail(t, "the buffer was written beyond %zu", came);
        }
    }
}

static void call_send(thread *t) {
    udsock_t s = on_handle(t, "send");
    span span = span_to_send(t);
    int32_t timeout = any_timeout(t);
    check_sent(t, span, timeout, udsock_send(s, span.data, span.size, timeout));
}

static void call_recv(thread *t) {
    udsock_t s = on_handle(t, "recv");
    span span = span_to_fill(t);
    int32_t timeout = any_timeout(t);
    check_filled(t, span, timeout, udsock_recv(s, span.data, span.size, timeout));
}

static void check_progress(thread *t, span span, const size_t *progress, int64_t result) {
    if (progress == NULL) return;
    if (*progress > (span.real ? span.size : 0)) fail(t, "progress is %zu", *progress);
    if ((result >= 0) != (*progress == span.size) && span.size != 0) {
        fail(t, "progress is %zu, the result %lld", *progress, (long long)result);
    }
}

static void call_send_all(thread *t) {
    udsock_t s = on_handle(t, "send_all");
    span span = span_to_send(t);
    int32_t timeout = any_timeout(t);
    size_t place = SIZE_MAX;
    size_t *sent = percent(t, 10) ? NULL : &place;
    int64_t result = udsock_send_all(s, span.data, span.size, timeout, sent);
    check_sent(t, span, timeout, result);
    check_progress(t, span, sent, result);
}

static void call_recv_exact(thread *t) {
    udsock_t s = on_handle(t, "recv_exact");
    span span = span_to_fill(t);
    int32_t timeout = any_timeout(t);
    size_t place = SIZE_MAX;
    size_t *received = percent(t, 10) ? NULL : &place;
    int64_t result = udsock_recv_exact(s, span.data, span.size, timeout, received);
    check_timed(t, timeout, result);
    check_progress(t, span, received, result);
    if (received != NULL && span.real
        && !is_untouched((char *)span.data + *received, span.size - *received)) {
        fail(t, "the buffer was written beyond %zu", *received);
    }
}

enum { MOST_PARTS = 1024 };

/* Parts of a span, one after the other. An array that is just as long. */
static udsock_part *any_parts(thread *t, span *span, size_t *count) {
    *count = percent(t, 98) ? below(t, 9) : MOST_PARTS + below(t, 2);
    udsock_part *parts = memory(*count * sizeof *parts);
    char *at = span->data;
    size_t left = span->real ? span->size : 0;
    for (size_t i = 0; i < *count; i++) {
        size_t size = i + 1 == *count ? left : below(t, left + 1);
        parts[i] = (udsock_part){ size == 0 && percent(t, 50) ? NULL : at, size };
        at += size;
        left -= size;
    }
    if (*count == 0) {
        *span = (struct span){ span->data, 0, true };
    } else if (!span->real) {
        parts[*count - 1] = (udsock_part){ span->data, span->size };
    }
    if (percent(t, 2)) {
        free(parts);
        parts = NULL;
        span->real = *count == 0;
    }
    return parts;
}

static void call_sendv(thread *t) {
    udsock_t s = on_handle(t, "sendv");
    span span = span_to_send(t);
    size_t count;
    udsock_part *parts = any_parts(t, &span, &count);
    int32_t timeout = any_timeout(t);
    /* Of real parts there are never so many. */
    size_t claimed = percent(t, 1) ? SIZE_MAX : count;
    int64_t result = check_timed(t, timeout, udsock_sendv(s, parts, claimed, timeout));
    bool good = claimed <= MOST_PARTS && (parts != NULL || count == 0);
    if (!good && result >= 0) fail(t, "%zu parts", claimed);
    if (span.real && result > (int64_t)span.size) fail(t, "%lld", (long long)result);
    free(parts);
}

static void call_recvv(thread *t) {
    udsock_t s = on_handle(t, "recvv");
    span span = span_to_fill(t);
    size_t count;
    udsock_part *parts = any_parts(t, &span, &count);
    int32_t timeout = any_timeout(t);
    size_t claimed = percent(t, 1) ? SIZE_MAX : count;
    int64_t result = udsock_recvv(s, parts, claimed, timeout);
    if (parts == NULL || claimed > MOST_PARTS) {
        if (check_timed(t, timeout, result) >= 0) fail(t, "%zu parts", claimed);
    } else {
        check_filled(t, span, timeout, result);
    }
    free(parts);
}

static void call_send_to(thread *t) {
    udsock_t s = on_handle(t, "send_to");
    span span = span_to_send(t);
    int32_t timeout = any_timeout(t);
    const char *address = any_address(t);
    check_sent(t, span, timeout, udsock_send_to(s, span.data, span.size, address, timeout));
}

static const size_t ADDRESS_SIZES[] = { 0, 1, 2, 20, 100, 108, 433, 434, 435, UDSOCK_ADDRESS_SIZE };

/* Room for an address, and the size that is claimed for it. */
static char *any_room(thread *t, size_t *room, size_t *claimed) {
    *room = ONE_OF(t, ADDRESS_SIZES);
    *claimed = percent(t, 98) ? *room : (size_t)SSIZE_MAX + 1 + below(t, 4096);
    return percent(t, 5) ? NULL : canaries(*room);
}

static void check_text(thread *t, const char *text, size_t room, size_t claimed, int64_t length) {
    if (length < 0 ? !is_untouched(text, room)
                   : claimed > SSIZE_MAX || strnlen(text, room) != (size_t)length
                         || !is_untouched(text + length + 1, room - (size_t)length - 1)) {
        fail(t, "the address, in %zu bytes: %lld", claimed, (long long)length);
    }
}

static void call_recv_from(thread *t) {
    udsock_t s = on_handle(t, "recv_from");
    span span = span_to_fill(t);
    int32_t timeout = any_timeout(t);
    size_t room, claimed;
    char *address = any_room(t, &room, &claimed);
    int64_t result = udsock_recv_from(s, span.data, span.size, address, claimed, timeout);
    check_filled(t, span, timeout, result);
    if (address != NULL) {
        int64_t length = result < 0 ? -1 : (int64_t)strnlen(address, room);
        check_text(t, address, room, claimed, length);
    }
    free(address);
}

#endif
