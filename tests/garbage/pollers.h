/*
 * Calls on pollers.
 */

#ifndef GARBAGE_POLLERS_H
#define GARBAGE_POLLERS_H

#include "data.h"

/* Some that were added to each poller, so that not everything is refused. */
enum { MEMBERS = 4 };
static _Atomic udsock_t members[POLLERS][MEMBERS];

static void note_member(thread *t, uint64_t place, udsock_t s) {
    if (place < POLLERS) members[place][below(t, MEMBERS)] = s;
}

/* Begins a call on a poller: the place that it has, POLLERS if none. */
static uint64_t on_poller(thread *t, const char *name) {
    begin(t, name);
    uint64_t place = percent(t, 90) ? below(t, POLLERS) : POLLERS;
    t->handle = place < POLLERS ? pollers[place] : any_handle(t);
    return place;
}

static udsock_t any_member(thread *t, uint64_t place) {
    bool knows = place < POLLERS && percent(t, 80);
    return knows ? members[place][below(t, MEMBERS)] : any_handle(t);
}

static void call_poller_create(thread *t) {
    static const uint64_t LIMITS[] = { 0, 1, 100, 5000, INT64_MAX, UINT64_C(1) << 63, UINT64_MAX };
    /* Old ones have members. */
    if (percent(t, 70)) return;
    begin(t, "poller_create");
    const udsock_poller_options whole = {
        .flags = percent(t, 95) ? 0 : any_bits(t),
        .send_limit = ONE_OF(t, LIMITS),
        .receive_size = ONE_OF(t, LIMITS),
    };
    uint32_t size = any_size(t, sizeof whole);
    void *options = percent(t, 30) ? NULL : sized(t, &whole, sizeof whole, sizeof whole, size);
    keep_at(t, &pollers[below(t, POLLERS)], check(t, udsock_poller_create(options)));
    free(options);
}

static void call_poller_add(thread *t) {
    uint64_t place = on_poller(t, "poller_add");
    udsock_t poller = t->handle, s = any_handle(t);
    uint32_t flags = percent(t, 80) ? 0 : percent(t, 80) ? (uint32_t)below(t, 8) : any_bits(t);
    int64_t result = check(t, udsock_poller_add(poller, s, number(t), flags));
    if (result == 0) note_member(t, place, s);
    if (result == 0 && flags > 7) fail(t, "flags %u", flags);
}

static void call_poller_remove(thread *t) {
    uint64_t place = on_poller(t, "poller_remove");
    udsock_t poller = t->handle;
    check(t, udsock_poller_remove(poller, any_member(t, place)));
}

static void call_poller_wake(thread *t) {
    on_poller(t, "poller_wake");
    check(t, udsock_poller_wake(t->handle));
}

static void call_poller_fd(thread *t) {
    on_poller(t, "poller_fd");
    int fd = udsock_poller_fd(t->handle);
    check(t, fd);
    if (fd >= 0 && alone && (fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) {
        fail(t, "%d is not close-on-exec", fd);
    }
}

/* ---- waiting */

/* Whatever is in the arena is behind what came before it: where that ends. */
static size_t check_event(thread *t, const udsock_event *event, span arena, size_t used) {
    const char *data = arena.data;
    const char *name = t->name;
    size_t end = used;
    if (event->kind < UDSOCK_EVENT_ACCEPTED || event->kind > UDSOCK_EVENT_READY) {
        fail(t, "event %u", event->kind);
    }
    if (event->code > 0 || (event->kind == UDSOCK_EVENT_FAILED && event->code == 0)) {
        fail(t, "event %u with code %d", event->kind, event->code);
    }
    t->name = event->kind == UDSOCK_EVENT_FAILED     ? "failed"
              : event->kind == UDSOCK_EVENT_RECEIVED ? "received"
                                                     : "event";
    check_code(t, event->code);
    t->name = name;
    if (event->kind == UDSOCK_EVENT_RECEIVED) {
        end = (size_t)event->offset + event->length;
        if (event->offset < used || end > arena.size) {
            fail(t, "%u bytes at %u of %zu", event->length, event->offset, arena.size);
        }
    } else if (event->length != 0 || event->address_length != 0) {
        fail(t, "event %u with data", event->kind);
    }
    if (event->address_length != 0) {
        size_t at = event->address_offset;
        if (at < end || at + event->address_length >= arena.size
            || strnlen(data + at, arena.size - at) != event->address_length) {
            fail(t, "%u bytes of an address at %zu of %zu", event->address_length, at, arena.size);
        }
        end = at + event->address_length + 1;
    }
    return end;
}

static void call_poller_wait(thread *t) {
    uint64_t place = on_poller(t, "poller_wait");
    udsock_t poller = t->handle;
    size_t capacity = percent(t, 90) ? below(t, 6) : below(t, 600);
    udsock_event *events = percent(t, 3) ? NULL : canaries(capacity * sizeof *events);
    size_t claimed = percent(t, 97) ? capacity : SIZE_MAX / sizeof *events + below(t, 2);
    span arena = span_to_fill(t);
    int32_t timeout = any_timeout(t);
    int64_t result = udsock_poller_wait(poller, events, claimed, arena.data, arena.size, timeout);
    check_timed(t, timeout, result);
    bool good = events != NULL && claimed == capacity && capacity > 0
                && (arena.real || arena.size == 0);
    size_t count = result < 0 ? 0 : (size_t)result;
    if (result >= 0 && !good) fail(t, "%zu events of %zu", claimed, capacity);
    if (count > capacity) fail(t, "%zu events in %zu", count, capacity);
    if (events != NULL && !is_untouched(events + count, (capacity - count) * sizeof *events)) {
        fail(t, "an event beyond %zu of %zu", count, capacity);
    }
    if (count == 0 && !is_untouched(arena.real ? arena.data : incoming, arena.real ? arena.size : 64)) {
        fail(t, "the arena was written");
    }
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        used = check_event(t, &events[i], arena, used);
        note_member(t, place, events[i].socket);
        if (events[i].kind == UDSOCK_EVENT_ACCEPTED) keep(t, events[i].socket);
    }
    free(events);
}

/* ---- sending */

/* Addresses, one behind the other, and some more. */
static char *any_base(thread *t, size_t *size) {
    char *base = canaries(*size = below(t, 1 << 12));
    for (size_t at = 0; at < *size;) {
        const char *address = addresses[below(t, USABLE)];
        size_t length = strlen(address);
        if (length > *size - at) break;
        memcpy(base + at, address, length);
        at += length;
    }
    return base;
}

static udsock_outgoing any_item(thread *t, udsock_t s, const char *base, size_t size) {
    udsock_outgoing item = { .socket = s, .result = INT64_MIN };
    item.offset = (uint32_t)below(t, size + 1);
    item.length = (uint32_t)below(t, size - item.offset + 1);
    if (percent(t, 5)) item.offset = any_bits(t);
    if (percent(t, 5)) item.length = any_bits(t);
    if (percent(t, 20)) {
        item.address_offset = percent(t, 50) ? 0 : (uint32_t)below(t, size + 1);
        item.address_length = percent(t, 90) ? (uint32_t)below(t, 120) : any_bits(t);
        /* The first address of base, in full, is one to send to. */
        for (size_t i = 0; i < USABLE && item.address_offset == 0; i++) {
            size_t length = strlen(addresses[i]);
            if (length <= size && memcmp(base, addresses[i], length) == 0) {
                item.address_length = (uint32_t)length;
            }
        }
    }
    static const uint32_t FLAGS[] = {
        UDSOCK_THEN_SHUTDOWN, UDSOCK_THEN_CLOSE, UDSOCK_DONT_KEEP,
        UDSOCK_DONT_KEEP | UDSOCK_THEN_CLOSE,
    };
    if (percent(t, 20)) item.flags = percent(t, 90) ? ONE_OF(t, FLAGS) : any_bits(t);
    if (percent(t, 2)) item.reserved = any_bits(t);
    return item;
}

/* Every item was told its fate, or none, and nothing else of it was written. */
static void check_items(thread *t, const udsock_outgoing *items, const udsock_outgoing *before,
                        size_t count, int64_t result) {
    size_t taken = 0, told = 0;
    for (size_t i = 0; i < count; i++) {
        udsock_outgoing item = items[i];
        told += item.result != INT64_MIN;
        taken += item.result >= 0;
        int is_part = (item.flags & UDSOCK_DONT_KEEP) && item.result > 0 && item.result < item.length;
        if (item.result >= 0 && item.result != item.length && !is_part) {
            fail(t, "%lld of %u bytes", (long long)item.result, item.length);
        }
        if (item.result != INT64_MIN) {
            t->name = "item";
            check_code(t, item.result);
            t->name = "poller_send";
        }
        item.result = INT64_MIN;
        if (memcmp(&item, &before[i], sizeof item) != 0) fail(t, "item %zu was written", i);
    }
    if (told != (result < 0 ? 0 : count) || (result >= 0 && taken != (size_t)result)) {
        fail(t, "%zu of %zu told, %zu taken, the result is %lld", told, count, taken,
             (long long)result);
    }
}

static void call_poller_send(thread *t) {
    uint64_t place = on_poller(t, "poller_send");
    udsock_t poller = t->handle;
    size_t size;
    char *base = any_base(t, &size);
    size_t count = percent(t, 95) ? below(t, 8) : below(t, 300);
    udsock_outgoing *items = memory(count * sizeof *items);
    udsock_outgoing *before = memory(count * sizeof *items);
    const bool dead = t->dead;
    udsock_t some = any_member(t, place);
    for (size_t i = 0; i < count; i++) {
        items[i] = any_item(t, percent(t, 50) ? some : any_member(t, place), base, size);
    }
    /* The items' handles don't fail the call. */
    t->dead = dead;
    if (count > 0) memcpy(before, items, count * sizeof *items);
    size_t claimed = percent(t, 98) ? count : SIZE_MAX / sizeof *items + below(t, 2);
    size_t claimed_size = percent(t, 98) ? size : (size_t)SSIZE_MAX + 1;
    bool has_items = percent(t, 98), has_base = percent(t, 98);
    int64_t result = check(t, udsock_poller_send(poller, has_items ? items : NULL, claimed,
                                                 has_base ? base : NULL, claimed_size));
    bool good = claimed == count && claimed_size == size && (has_items || count == 0)
                && (has_base || size == 0);
    if (result >= 0 && !good) fail(t, "%zu items, %zu bytes", claimed, claimed_size);
    check_items(t, items, before, count, result);
    free(base);
    free(items);
    free(before);
}

#endif
