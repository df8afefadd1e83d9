/*
 * Every size of udsock_inspection, which is written and not read: whatever was in it, a
 * newer program finds 0 in what this library does not know.
 */
#define _GNU_SOURCE 1

#include "sizes.h"

static const char path[] = "inspected.sock";

static int64_t inspect(void *out)
{
    return udsock_inspect(path, out, NULL);
}

int main(void)
{
    enum { FIRST = 48 };
    udsock_t server = udsock_open_server(UDSOCK_SEQPACKET, path, NULL, NULL);
    CHECK(server >= 0);
    const sized_call call = {inspect, NULL, FIRST, sizeof(udsock_inspection)};
    unsigned char content[2 * LARGEST];
    memset(content, MARK, sizeof content);
    for (at_the_edge = 0; at_the_edge < 2; at_the_edge++) {
        check_limits(&call, content);
        for (size_t size = FIRST; size <= LARGEST; size += size < call.full + 16 ? 1 : 504) {
            CHECK(inspect(place(content, size, (uint32_t)size)) == 0);
            CHECK(nothing_is_written_around());
            udsock_inspection found;
            memcpy(&found, placed, FIRST);
            CHECK(found.size == size);
            CHECK(found.state == UDSOCK_LIVE && found.kind == UDSOCK_SEQPACKET);
            CHECK(found.inode != 0 && found.device != 0);
            for (size_t at = call.full; at < size; at++)
                CHECK(placed[at] == 0);
        }
    }
    CHECK(udsock_close(server) == 0);
}
