/*
 * What holds for every struct that begins with its size, whatever is in it: which sizes a
 * call takes, and that it looks at nothing else.
 */
#include <errno.h>

#include "place.h"

/* A call with a struct of `full` bytes. Those of less than `first` no version had. */
typedef struct {
    int64_t (*call)(void *argument);
    const void *content;
    size_t first, full;
} sized_call;

static void refuse(const sized_call *it, const void *content, size_t size, uint32_t said,
                   int code)
{
    unsigned char before[2 * LARGEST];
    void *argument = place(content, size, said);
    memcpy(before, argument, placed_size);
    CHECK(it->call(argument) == -code);
    CHECK(memcmp(before, argument, placed_size) == 0);
    CHECK(nothing_is_written_around());
}

static void take(const sized_call *it, const void *content, size_t size)
{
    CHECK(it->call(place(content, size, (uint32_t)size)) >= 0);
    CHECK(nothing_is_written_around());
    for (size_t at = it->full; at < size; at++)
        CHECK(placed[at] == 0);
}

static void check_sizes(sized_call it)
{
    unsigned char content[2 * LARGEST] = {0};
    memcpy(content, it.content, it.full);
    for (at_the_edge = 0; at_the_edge < 2; at_the_edge++) {
        for (size_t size = 0; size < it.first; size++)
            refuse(&it, content, size, (uint32_t)size, EINVAL);

        /* A newer program: fine, as long as it uses nothing new. */
        const size_t longer[] = {it.full + 1, it.full + 8, it.full + 24, LARGEST};
        for (size_t i = 0; i < sizeof longer / sizeof *longer; i++) {
            take(&it, content, longer[i]);
            for (size_t at = it.full; at < longer[i]; at += at + 1 < it.full + 32 ? 1 : 509) {
                content[at] = 1;
                refuse(&it, content, longer[i], (uint32_t)longer[i], E2BIG);
                content[at] = 0;
            }
        }

        /* No struct is so large; what a wrong size claims to be there is not looked at. */
        refuse(&it, content, LARGEST + 1, (uint32_t)LARGEST + 1, E2BIG);
        refuse(&it, content, it.full, (uint32_t)LARGEST + 1, E2BIG);
        refuse(&it, content, sizeof(uint32_t), UINT32_MAX, E2BIG);
    }
}
