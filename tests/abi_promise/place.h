/*
 * A place for a struct of any size, which shows what a call reads and writes: either no
 * page is behind the struct, so that a byte too many is SIGSEGV, or marks are, which as a
 * value are wrong in every field. Marks are before it, too.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "udsock.h"

#define CHECK(condition)                                                               \
    ((condition) ? (void)0                                                             \
                 : (fprintf(stderr, "%s:%d: %s; size %zu, at the edge: %d\n",          \
                            __FILE__, __LINE__, #condition, placed_size, at_the_edge), \
                    abort()))

/* The largest struct that the library takes. */
#define LARGEST ((size_t)4096)
/* A multiple of every page's size. */
#define ROOM ((size_t)1 << 16)
#define MARK 0xa5

static unsigned char *room, *placed;
static size_t placed_size;
static int at_the_edge;

/* Copies the struct, and sets its first field. The library may always read that. */
static void *place(const void *content, size_t size, uint32_t said)
{
    if (!room) {
        const int access = PROT_READ | PROT_WRITE, kind = MAP_PRIVATE | MAP_ANONYMOUS;
        room = mmap(NULL, 2 * ROOM, access, kind, -1, 0);
        if (room == MAP_FAILED || mprotect(room + ROOM, ROOM, PROT_NONE))
            abort();
    }
    placed_size = size < sizeof said ? sizeof said : size;
    placed = at_the_edge ? room + ROOM - placed_size : room + LARGEST;
    memset(room, MARK, ROOM);
    memcpy(placed, content, placed_size);
    memcpy(placed, &said, sizeof said);
    return placed;
}

static int nothing_is_written_around(void)
{
    for (unsigned char *byte = room; byte < room + ROOM; byte++)
        if ((byte < placed || byte >= placed + placed_size) && *byte != MARK)
            return 0;
    return 1;
}

/* Whether a struct of this size has the field, all of it. */
#define HAS(type, field, size) (offsetof(type, field) + sizeof(((type *)0)->field) <= (size))
