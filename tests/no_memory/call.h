/*
 * A call of the library, during which the allocator is armed. If it says that there was no
 * memory it is made again, and must then do as if nothing had happened.
 */

#ifndef NO_MEMORY_CALL_H
#define NO_MEMORY_CALL_H

#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "allocator.h"
#include "udsock.h"

enum { NAME_SIZE = 32, MOST_NAMES = 128, COMPLAINT_SIZE = 256 };

/* What a cell, a process of its own, tells the one that judges; it may end at any time. */
struct account {
    char call[NAME_SIZE];
    /* The call that had no memory. */
    char refused[NAME_SIZE];
    int was_told, was_mistaken, is_done;
    int64_t asked, outstanding, descriptors;
    char complaint[COMPLAINT_SIZE];
    char called[MOST_NAMES][NAME_SIZE];
};

static struct account *account;

/* Of every call that takes one. */
static udsock_error err;

#define MUST(condition) \
    ((condition) ? (void)0 : complain("line %d of %s: %s", __LINE__, __FILE__, #condition))

static void complain(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(account->complaint, COMPLAINT_SIZE, format, arguments);
    va_end(arguments);
    _exit(1);
}

static void begin(const char *call) {
    snprintf(account->call, NAME_SIZE, "%s", call);
    size_t i = 0;
    while (i < MOST_NAMES && account->called[i][0] != 0 && strcmp(account->called[i], call) != 0) i++;
    MUST(i < MOST_NAMES);
    strcpy(account->called[i], account->call);
    err = (udsock_error)UDSOCK_ERROR_INIT;
    allocator.has_refused = 0;
    allocator.is_armed = 1;
}

static int has_refused(void) {
    allocator.is_armed = 0;
    if (!allocator.has_refused) return 0;
    allocator.refused = 0;
    strcpy(account->refused, account->call);
    return 1;
}

/* For what is told beside a call's result, in an event, say. */
static int is_told(int64_t code) {
    if (code != -ENOMEM) return 0;
    account->was_told = 1;
    return 1;
}

static int64_t result;

/*
 * The C library's getpwnam_r, if it has no memory for one source of names, asks the next one,
 * and so may have nobody of a name that there is. And what it loads for that it keeps; at that,
 * as of glibc 2.36, it may even crash. So this is done before.
 */
static int looks_up_names;

static void expect_names(void) {
    looks_up_names = 1;
    MUST(getpwnam("udsock-nobody") == NULL && getgrnam("udsock-nobody") == NULL);
}

static int is_mistaken(int64_t now) {
    if (!looks_up_names || now != -EINVAL) return 0;
    account->was_mistaken = 1;
    return 1;
}

/* Any other result than -ENOMEM must be the usual one, which the scenario knows. */
static int is_in_vain(int64_t now) {
    result = now;
    const int was_refused = has_refused();
    if (now < 0 && err.code != 0) MUST(err.code == now && err.message[0] != 0);
    if (was_refused && is_mistaken(now)) return 1;
    if (!is_told(now)) return 0;
    MUST(was_refused);
    return 1;
}

#define CALL(function, ...) \
    (begin(#function), is_in_vain(function(__VA_ARGS__)) ? (result = function(__VA_ARGS__)) : result)

static const char *words(const char *text) {
    has_refused();
    MUST(text != NULL);
    return text;
}

#define WORDS(function, ...) (begin(#function), words(function(__VA_ARGS__)))

#endif
