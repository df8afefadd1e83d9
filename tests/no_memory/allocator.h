/*
 * The C library's allocator, in front of it one that can be told to have no memory, and that
 * counts: while it is armed, what is asked for; always, what is outstanding.
 */

#ifndef NO_MEMORY_ALLOCATOR_H
#define NO_MEMORY_ALLOCATOR_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *place, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *place);

/* Volatile: the compiler believes that functions of the C library don't come back here. */
static volatile struct allocator {
    int is_armed;
    /* Since it was first armed. */
    int64_t asked;
    /* Which of them is refused, from 1; 0: none. */
    int64_t refused;
    /* And all those behind it. */
    int and_later;
    /* Since it was last armed. */
    int has_refused;
    int64_t outstanding;
} allocator;

static int refuses(void) {
    if (!allocator.is_armed) return 0;
    allocator.asked++;
    if (allocator.refused == 0 || allocator.asked < allocator.refused) return 0;
    if (allocator.asked > allocator.refused && !allocator.and_later) return 0;
    allocator.has_refused = 1;
    errno = ENOMEM;
    return 1;
}

static void *given(void *place) {
    if (place != NULL) allocator.outstanding++;
    return place;
}

void *malloc(size_t size) {
    return refuses() ? NULL : given(__libc_malloc(size));
}

void *calloc(size_t count, size_t size) {
    return refuses() ? NULL : given(__libc_calloc(count, size));
}

void *realloc(void *place, size_t size) {
    if (place == NULL) return malloc(size);
    return refuses() ? NULL : __libc_realloc(place, size);
}

void *memalign(size_t alignment, size_t size) {
    return refuses() ? NULL : given(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size) {
    return memalign(alignment, size);
}

int posix_memalign(void **place, size_t alignment, size_t size) {
    *place = memalign(alignment, size);
    return *place == NULL ? ENOMEM : 0;
}

void free(void *place) {
    if (place != NULL) allocator.outstanding--;
    __libc_free(place);
}

#endif
