/* Every size of udsock_bind_options: the fields that it has count, and no others do. */
#define _GNU_SOURCE 1

#include <sys/stat.h>
#include <unistd.h>

#include "sizes.h"

static const char path[] = "bind.sock";

static int64_t closed(int64_t handle)
{
    if (handle >= 0)
        CHECK(udsock_close(handle) == 0);
    unlink(path);
    return handle;
}

static int64_t open_server(void *options)
{
    return closed(udsock_open_server(UDSOCK_STREAM, path, options, NULL));
}

static int64_t open_datagram(void *options)
{
    return closed(udsock_open_datagram(path, options, NULL));
}

static int64_t bind_(void *options)
{
    udsock_t s = udsock_create(UDSOCK_STREAM);
    int32_t result = udsock_bind(s, path, options, NULL);
    closed(s);
    return result;
}

/* How many of three clients find room in the queue. */
static int clients_with_room(void)
{
    const udsock_connect_options dont_wait = {
        .size = sizeof dont_wait, .flags = UDSOCK_DONT_WAIT};
    udsock_t clients[3];
    int count = 0;
    for (int i = 0; i < 3; i++) {
        clients[i] = udsock_open_client(UDSOCK_STREAM, path, &dont_wait, NULL);
        CHECK(clients[i] >= 0 || clients[i] == -EAGAIN);
        count += clients[i] >= 0;
    }
    for (int i = 0; i < 3; i++)
        udsock_close(clients[i]);
    return count;
}

#define HAS_FIELD(field) HAS(udsock_bind_options, field, size)

static void check_fields(size_t size)
{
    char me[12], my_group[12];
    snprintf(me, sizeof me, "%u", (unsigned)getuid());
    snprintf(my_group, sizeof my_group, "%u", (unsigned)getgid());
    udsock_bind_options options = {
        .flags = HAS_FIELD(flags) ? UDSOCK_KEEP_FILE : 0,
        .mode = HAS_FIELD(mode) ? 0640 : 0,
        .backlog = HAS_FIELD(backlog) ? 1 : 0,
        .user = HAS_FIELD(user) ? me : NULL,
        .group = HAS_FIELD(group) ? my_group : NULL,
    };
    udsock_t server =
        udsock_open_server(UDSOCK_STREAM, path, place(&options, size, (uint32_t)size), NULL);
    CHECK(server >= 0);
    CHECK(nothing_is_written_around());

    struct stat file;
    CHECK(stat(path, &file) == 0);
    CHECK((file.st_mode & 07777) == (HAS_FIELD(mode) ? 0640 : 0755));
    CHECK(clients_with_room() == (HAS_FIELD(backlog) ? 2 : 3));
    CHECK(udsock_close(server) == 0);
    CHECK((stat(path, &file) == 0) == HAS_FIELD(flags));
    unlink(path);

    const char *const nobody = "nobody has this name";
    options.user = HAS_FIELD(user) ? nobody : NULL;
    CHECK((open_server(place(&options, size, (uint32_t)size)) == -EINVAL) == HAS_FIELD(user));
    options.user = NULL;
    options.group = HAS_FIELD(group) ? nobody : NULL;
    CHECK((open_server(place(&options, size, (uint32_t)size)) == -EINVAL) == HAS_FIELD(group));
}

int main(void)
{
    umask(022);
    for (at_the_edge = 0; at_the_edge < 2; at_the_edge++)
        for (size_t size = sizeof(uint32_t); size <= sizeof(udsock_bind_options); size++)
            check_fields(size);
    const udsock_bind_options none = {.size = sizeof none};
    int64_t (*const calls[])(void *) = {open_server, open_datagram, bind_};
    for (int i = 0; i < 3; i++)
        check_sizes((sized_call){calls[i], &none, sizeof none.size, sizeof none});
}
