/* Every size of udsock_inspection, which is written and not read. It has grown since the first
 * version. */
#define _GNU_SOURCE 1

#include "sizes.h"

static const char path[] = "inspected.sock";

enum { FIRST = 48 };

static int64_t inspect(void *out)
{
    return udsock_inspect(path, out, NULL);
}

int main(void)
{
    udsock_t server = udsock_open_server(UDSOCK_SEQPACKET, path, NULL, NULL);
    udsock_t client = udsock_open_client(UDSOCK_SEQPACKET, path, NULL, NULL);
    CHECK(server >= 0 && client >= 0);
    const size_t known = sizeof(udsock_inspection);
    for (at_the_edge = 0; at_the_edge < 2; at_the_edge++) {
        for (size_t size = FIRST; size < known + 16; size++) {
            unsigned char content[sizeof(udsock_inspection) + 16] = {0};
            memset(content, MARK, size < known ? size : known);
            CHECK(inspect(place(content, size, (uint32_t)size)) == 0);
            CHECK(nothing_is_written_around());
            udsock_inspection found;
            memset(&found, 0, sizeof found);
            memcpy(&found, placed, size < known ? size : known);
            CHECK(found.size == size);
            CHECK(found.state == UDSOCK_LIVE && found.kind == UDSOCK_SEQPACKET);
            CHECK(found.inode != 0 && found.device != 0);
            CHECK(size < known || (found.queue == 1 && found.queue_limit > 1));
            CHECK(size < known || (found.processes == 1 && found.reserved == 0));
        }
    }
    const udsock_inspection none = {.size = sizeof none};
    check_sizes((sized_call){inspect, &none, FIRST, sizeof none});
    CHECK(udsock_close(client) == 0 && udsock_close(server) == 0);
}
