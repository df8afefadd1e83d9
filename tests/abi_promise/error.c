/*
 * Every size of udsock_error, which is written and not read: it is filled as far as it
 * goes, whatever its size, since the call has failed already.
 */
#define _GNU_SOURCE 1

#include <errno.h>

#include "place.h"

static const char whole[] = "open client missing.sock: No such file or directory";

static void check_error(size_t size, uint32_t said)
{
    unsigned char content[2 * LARGEST];
    memset(content, MARK, sizeof content);
    udsock_error *err = place(content, size, said);
    CHECK(udsock_open_client(UDSOCK_STREAM, "missing.sock", NULL, err) == -ENOENT);
    CHECK(nothing_is_written_around());

    unsigned char *const message = placed + offsetof(udsock_error, message);
    const size_t end = size < sizeof(udsock_error) ? size : sizeof(udsock_error);
    for (size_t at = end < sizeof said ? sizeof said : end; at < placed_size; at++)
        CHECK(placed[at] == MARK);
    if (HAS(udsock_error, code, size)) {
        int32_t code;
        memcpy(&code, placed + offsetof(udsock_error, code), sizeof code);
        CHECK(code == -ENOENT);
    }
    if (end > offsetof(udsock_error, message)) {
        const size_t room = end - offsetof(udsock_error, message);
        const size_t shown = room < sizeof whole ? room - 1 : sizeof whole - 1;
        CHECK(memcmp(message, whole, shown) == 0 && message[shown] == 0);
    }
    CHECK(memcmp(placed, &said, sizeof said) == 0);
}

int main(void)
{
    for (at_the_edge = 0; at_the_edge < 2; at_the_edge++) {
        for (uint32_t size = 1; size <= sizeof(udsock_error) + 64; size++)
            check_error(size, size);
        check_error(LARGEST, (uint32_t)LARGEST);
        /* Here a longer one is never too big; and it was forgotten to say how long. */
        check_error(sizeof(udsock_error), UINT32_MAX);
        check_error(sizeof(udsock_error), 0);
    }
}
