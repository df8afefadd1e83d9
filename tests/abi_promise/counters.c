/* Every size of udsock_counters, which is written and not read. */
#define _GNU_SOURCE 1

#include "sizes.h"

enum { FIRST = 104 };

static udsock_t pair[2];

static int64_t count(void *out)
{
    return udsock_get_counters(pair[0], out);
}

int main(void)
{
    CHECK(udsock_open_pair(UDSOCK_SEQPACKET, pair) == 0);
    CHECK(udsock_send(pair[0], "hello", 5, 0) == 5);
    const size_t known = sizeof(udsock_counters);
    for (at_the_edge = 0; at_the_edge < 2; at_the_edge++) {
        for (size_t size = FIRST; size < known + 16; size++) {
            unsigned char content[sizeof(udsock_counters) + 16] = {0};
            memset(content, MARK, known);
            CHECK(count(place(content, size, (uint32_t)size)) == 0);
            CHECK(nothing_is_written_around());
            udsock_counters found;
            memcpy(&found, placed, sizeof found);
            CHECK(found.size == size && found.reserved == 0);
            CHECK(found.sent_bytes == 5 && found.sent_messages == 1 && found.dropped == 0);
        }
    }
    const udsock_counters none = {.size = sizeof none};
    check_sizes((sized_call){count, &none, FIRST, sizeof none});
    CHECK(udsock_close(pair[0]) == 0 && udsock_close(pair[1]) == 0);
}
