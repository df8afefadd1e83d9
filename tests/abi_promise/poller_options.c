/* Every size of udsock_poller_options: the fields that it has count, and no others do. */
#define _GNU_SOURCE 1

#include "sizes.h"

static int64_t create(void *options)
{
    udsock_t poller = udsock_poller_create(options);
    if (poller >= 0)
        CHECK(udsock_close(poller) == 0);
    return poller;
}

#define HAS_FIELD(field) HAS(udsock_poller_options, field, size)

/* More than a socket takes, and twice as much is less than is kept for one by default. */
#define MUCH ((uint32_t)450 << 10)

static void check_fields(size_t size)
{
    static unsigned char bytes[MUCH];
    udsock_poller_options options = {
        .send_limit = HAS_FIELD(send_limit) ? 1 : 0,
        .receive_size = HAS_FIELD(receive_size) ? 16 : 0,
    };
    udsock_t poller = udsock_poller_create(place(&options, size, (uint32_t)size));
    CHECK(poller >= 0);
    CHECK(nothing_is_written_around());

    udsock_t pair[2];
    CHECK(udsock_open_pair(UDSOCK_STREAM, pair) == 0);
    CHECK(udsock_poller_add(poller, pair[0], 0, 0) == 0);
    CHECK(udsock_send(pair[1], bytes, 100, 0) == 100);
    udsock_event event;
    CHECK(udsock_poller_wait(poller, &event, 1, bytes, sizeof bytes, UDSOCK_FOREVER) == 1);
    CHECK(event.kind == UDSOCK_EVENT_RECEIVED);
    CHECK(event.length == (HAS_FIELD(receive_size) ? 16 : 100));

    udsock_outgoing items[2];
    for (int i = 0; i < 2; i++) {
        items[i] = (udsock_outgoing){.socket = pair[0], .length = MUCH};
        udsock_poller_send(poller, &items[i], 1, bytes, sizeof bytes);
    }
    CHECK(items[1].result == (HAS_FIELD(send_limit) ? -EAGAIN : (int64_t)MUCH));
    CHECK(udsock_close(poller) == 0);
    CHECK(udsock_close(pair[0]) == 0 && udsock_close(pair[1]) == 0);

    if (HAS_FIELD(flags)) {
        options.flags = 1;
        CHECK(create(place(&options, size, (uint32_t)size)) == -EINVAL);
    }
}

int main(void)
{
    for (at_the_edge = 0; at_the_edge < 2; at_the_edge++)
        for (size_t size = sizeof(uint32_t); size <= sizeof(udsock_poller_options); size++)
            check_fields(size);
    const udsock_poller_options none = {.size = sizeof none};
    check_sizes((sized_call){create, &none, sizeof none.size, sizeof none});
}
