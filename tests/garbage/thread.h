/*
 * A thread that calls: its random numbers, which can be repeated, memory of exact sizes
 * that tells if it was touched, and what is checked after each call.
 */

#ifndef GARBAGE_THREAD_H
#define GARBAGE_THREAD_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codes.h"
#include "udsock.h"

/* ---- the state of one thread */

typedef struct thread {
    uint64_t random;
    uint64_t seed;
    int number;
    uint64_t calls;
    /* The call that is running: its name, and its handle. */
    const char *name;
    udsock_t handle;
    /* The handle is none, for sure: closed, or never made. */
    bool dead;
} thread;

__attribute__((noreturn, format(printf, 2, 3)))
static inline void fail(const thread *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "seed %llu, thread %d, call %llu, udsock_%s(%lld): ",
            (unsigned long long)t->seed, t->number, (unsigned long long)t->calls, t->name,
            (long long)t->handle);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

/* xorshift64*: the same numbers for the same seed. */
static inline uint64_t number(thread *t) {
    t->random ^= t->random >> 12;
    t->random ^= t->random << 25;
    t->random ^= t->random >> 27;
    return t->random * 0x2545F4914F6CDD1D;
}

/* Below the limit. */
static inline uint64_t below(thread *t, uint64_t limit) {
    return (number(t) >> 16) % limit;
}

/* In so many of a hundred cases. */
static inline bool percent(thread *t, unsigned cases) {
    return below(t, 100) < cases;
}

#define ONE_OF(t, array) ((array)[below(t, sizeof(array) / sizeof *(array))])

/* ---- memory */

/* What memory holds that no call has written to. */
enum { CANARY = 0xC5 };

/* Of exactly this size, so that the sanitizer sees every byte beyond. */
static inline void *memory(size_t size) {
    void *memory = malloc(size);
    if (memory == NULL && size != 0) abort();
    return memory;
}

/* The same, and untouched. */
static inline void *canaries(size_t size) {
    void *fresh = memory(size);
    if (size != 0) memset(fresh, CANARY, size);
    return fresh;
}

static inline bool is_untouched(const void *memory, size_t size) {
    const unsigned char *bytes = memory;
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != CANARY) return false;
    }
    return true;
}

/* ---- codes */

static inline bool is_allowed(const char *name, int64_t code) {
    for (size_t i = 0; i < sizeof ALLOWED / sizeof *ALLOWED; i++) {
        if (strcmp(ALLOWED[i].name, name) != 0) continue;
        for (const int32_t *known = ALLOWED[i].codes; *known != 0; known++) {
            if (*known == code) return true;
        }
    }
    return false;
}

static inline void check_code(const thread *t, int64_t code) {
    if (code < 0 && !is_allowed(t->name, code)) {
        fail(t, "an undocumented code: %s", udsock_error_name(code));
    }
}

/* The result of the call that was begun. */
static inline int64_t check(thread *t, int64_t result) {
    check_code(t, result);
    if (t->dead && result >= 0) fail(t, "%lld from a handle that is none", (long long)result);
    return result;
}

static inline void begin(thread *t, const char *name) {
    t->name = name;
    t->handle = 0;
    t->dead = false;
}

/* ---- the story of an error */

typedef struct story {
    udsock_error *error; /* or NULL */
    size_t room;
} story;

static inline story new_story(thread *t) {
    static const uint32_t SIZES[] = { 0, 4, 8, 9, 12, 20, 263, 264, 265, 400, 4096 };
    if (percent(t, 10)) return (story){ NULL, 0 };
    uint32_t size = percent(t, 70) ? (uint32_t)sizeof(udsock_error) : ONE_OF(t, SIZES);
    size_t room = size == 0 ? sizeof(udsock_error) : size;
    udsock_error *error = canaries(room);
    memcpy(error, &size, sizeof size);
    return (story){ error, room };
}

/* Written only on failure, only as far as it goes, and with the call's own words. */
static inline void check_story(const thread *t, story story, const char *words, int64_t result) {
    const size_t code_at = offsetof(udsock_error, code);
    const size_t text_at = offsetof(udsock_error, message);
    const char *bytes = (const char *)story.error;
    if (story.error == NULL) return;
    if (result >= 0 || story.room < text_at) {
        if (!is_untouched(bytes + code_at, story.room - code_at)) {
            fail(t, "the error was written");
        }
    } else {
        int32_t code;
        memcpy(&code, bytes + code_at, sizeof code);
        if (code != result) fail(t, "the error tells %d, the result %lld", code, (long long)result);
        size_t room = story.room - text_at;
        const char *text = bytes + text_at;
        if (room > 0 && memchr(text, 0, room) == NULL) fail(t, "the message has no end");
        size_t most = strlen(words) < room ? strlen(words) : room - (room > 0);
        if (room > 0 && strncmp(text, words, most) != 0) fail(t, "the message is: %s", text);
        if (room > UDSOCK_MESSAGE_SIZE
            && !is_untouched(text + UDSOCK_MESSAGE_SIZE, room - UDSOCK_MESSAGE_SIZE)) {
            fail(t, "the error was written beyond what this version knows");
        }
    }
    free(story.error);
}

#endif
