/* Every size of udsock_connect_options: the fields that it has count, and no others do. */
#define _GNU_SOURCE 1

#include <unistd.h>

#include "sizes.h"

static const char path[] = "connect.sock", full_path[] = "full.sock", none_path[] = "none.sock";

static int64_t open_client(void *options)
{
    udsock_t client = udsock_open_client(UDSOCK_STREAM, path, options, NULL);
    if (client >= 0)
        CHECK(udsock_close(client) == 0);
    return client;
}

static int64_t connect_(void *options)
{
    udsock_t client = udsock_create(UDSOCK_STREAM);
    int32_t result = udsock_connect(client, path, options, NULL);
    CHECK(udsock_close(client) == 0);
    return result;
}

#define HAS_FIELD(field) HAS(udsock_connect_options, field, size)

static void check_fields(udsock_t server, size_t size)
{
    const char *const name = "@abi-promise";
    char own_name[64];
    snprintf(own_name, sizeof own_name, "%s-%ld", name, (long)getpid());

    /* With what there is a server that is gone is told at once, a full one after no wait, and
     * one that does not come when the time is over. */
    udsock_connect_options options = {0};
    if (HAS_FIELD(flags) && HAS_FIELD(timeout_ms)) {
        options.flags = UDSOCK_RETRY;
        options.timeout_ms = 2;
    }
    const void *given = place(&options, size, (uint32_t)size);
    CHECK(udsock_open_client(UDSOCK_STREAM, none_path, given, NULL)
          == (HAS_FIELD(timeout_ms) ? -ETIMEDOUT : -ENOENT));
    if (HAS_FIELD(flags)) {
        options.flags = UDSOCK_DONT_WAIT;
        given = place(&options, size, (uint32_t)size);
        CHECK(udsock_open_client(UDSOCK_STREAM, full_path, given, NULL) == -EAGAIN);
    }

    options.local_address = HAS_FIELD(local_address) ? own_name : NULL;
    given = place(&options, size, (uint32_t)size);
    udsock_t client = udsock_open_client(UDSOCK_STREAM, path, given, NULL);
    CHECK(client >= 0);
    CHECK(nothing_is_written_around());
    udsock_t peer = udsock_accept(server, 0, NULL);
    char seen[UDSOCK_ADDRESS_SIZE];
    CHECK(udsock_remote_address(peer, seen, sizeof seen) >= 0);
    CHECK(strcmp(seen, HAS_FIELD(local_address) ? own_name : "") == 0);
    CHECK(udsock_close(peer) == 0 && udsock_close(client) == 0);

    if (HAS_FIELD(reserved)) {
        options.reserved = 1;
        CHECK(open_client(place(&options, size, (uint32_t)size)) == -EINVAL);
    }
}

int main(void)
{
    udsock_t server = udsock_open_server(UDSOCK_STREAM, path, NULL, NULL);
    const udsock_bind_options short_queue = {.size = sizeof short_queue, .backlog = 1};
    udsock_t full = udsock_open_server(UDSOCK_STREAM, full_path, &short_queue, NULL);
    udsock_t waiting[2];
    for (int i = 0; i < 2; i++)
        waiting[i] = udsock_open_client(UDSOCK_STREAM, full_path, NULL, NULL);
    CHECK(server >= 0 && full >= 0 && waiting[0] >= 0 && waiting[1] >= 0);

    for (at_the_edge = 0; at_the_edge < 2; at_the_edge++)
        for (size_t size = sizeof(uint32_t); size <= sizeof(udsock_connect_options); size++)
            check_fields(server, size);

    const udsock_connect_options none = {.size = sizeof none};
    int64_t (*const calls[])(void *) = {open_client, connect_};
    for (int i = 0; i < 2; i++)
        check_sizes((sized_call){calls[i], &none, sizeof none.size, sizeof none});
    for (int i = 0; i < 2; i++)
        CHECK(udsock_close(waiting[i]) == 0);
    CHECK(udsock_close(full) == 0 && udsock_close(server) == 0);
}
