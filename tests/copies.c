/*
 * A program with several copies of the library, as plugins bring them along, for copies.rs:
 *
 *     copies WAY DIRECTORY COPY COPY
 *
 * The ways "signal" and "unloaded" end with SIGTERM; no file may be left then.
 */
#define _GNU_SOURCE 1

#include <dlfcn.h>

#include "every_call.h"

/* What is called of a copy. */
struct copy {
    void *library;
    int32_t (*open_pair)(uint32_t, udsock_t *);
    udsock_t (*open_server)(uint32_t, const char *, const udsock_bind_options *, udsock_error *);
    udsock_t (*poller_create)(const udsock_poller_options *);
    int32_t (*poller_add)(udsock_t, udsock_t, uint64_t, uint32_t);
    int64_t (*recv)(udsock_t, void *, size_t, int32_t);
    int32_t (*close)(udsock_t);
    int32_t (*cleanup_on_signal)(int32_t);
};

static void *find(const struct copy *copy, const char *name)
{
    void *symbol = dlsym(copy->library, name);
    CHECK(symbol != NULL);
    return symbol;
}

static struct copy load(const char *path, int is_apart)
{
    struct copy copy;
    copy.library = is_apart ? dlmopen(LM_ID_NEWLM, path, RTLD_NOW | RTLD_LOCAL)
                            : dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (copy.library == NULL) fprintf(stderr, "%s\n", dlerror());
    CHECK(copy.library != NULL);
    *(void **)&copy.open_pair = find(&copy, "udsock_open_pair");
    *(void **)&copy.open_server = find(&copy, "udsock_open_server");
    *(void **)&copy.poller_create = find(&copy, "udsock_poller_create");
    *(void **)&copy.poller_add = find(&copy, "udsock_poller_add");
    *(void **)&copy.recv = find(&copy, "udsock_recv");
    *(void **)&copy.close = find(&copy, "udsock_close");
    *(void **)&copy.cleanup_on_signal = find(&copy, "udsock_cleanup_on_signal");
    return copy;
}

static void handles_are_nobody_else_s(const struct copy *one, const struct copy *other)
{
    enum { PAIRS = 100, TIMES = 200 };
    static udsock_t pairs[PAIRS][2];
    char byte;
    for (int time = 0; time < TIMES; time++) {
        udsock_t theirs[2], poller = other->poller_create(NULL);
        CHECK(poller > 0 && other->open_pair(UDSOCK_STREAM, theirs) == 0);
        for (int i = 0; i < PAIRS; i++) CHECK(one->open_pair(UDSOCK_STREAM, pairs[i]) == 0);
        for (int i = 0; i < PAIRS; i++) {
            CHECK(other->recv(pairs[i][0], &byte, 1, 0) == -EBADF);
            CHECK(other->poller_add(poller, pairs[i][0], 0, 0) == -EBADF);
            CHECK(other->close(pairs[i][0]) == -EBADF);
            CHECK(one->recv(pairs[i][0], &byte, 1, 0) == -EAGAIN);
            CHECK(one->close(pairs[i][0]) == 0 && one->close(pairs[i][1]) == 0);
        }
        CHECK(other->recv(theirs[0], &byte, 1, 0) == -EAGAIN);
        CHECK(other->close(theirs[0]) == 0 && other->close(theirs[1]) == 0);
        CHECK(other->close(poller) == 0);
    }
}

static void serve(const struct copy *copy, const char *path)
{
    CHECK(copy->open_server(UDSOCK_STREAM, path, NULL, NULL) > 0);
    CHECK(copy->cleanup_on_signal(SIGTERM) == 0);
}

static void own_handler(int signal_number)
{
    (void)signal_number;
}

static void program_s_handler_stays(const struct copy *one, const struct copy *other)
{
    struct sigaction own = { .sa_handler = own_handler }, now;
    CHECK(sigaction(SIGUSR1, &own, NULL) == 0 && signal(SIGUSR2, SIG_IGN) != SIG_ERR);
    for (int i = 0; i < 4; i++) {
        CHECK((i % 2 ? one : other)->cleanup_on_signal(i < 2 ? SIGUSR1 : SIGUSR2) == 0);
    }
    CHECK(sigaction(SIGUSR1, NULL, &now) == 0 && now.sa_handler == own_handler);
    CHECK(sigaction(SIGUSR2, NULL, &now) == 0 && now.sa_handler == SIG_IGN);
}

/* A plugin may be unloaded and loaded again, at the same address. */
static void handles_of_a_former_load_are_nobody_s(const char *path)
{
    enum { TIMES = 20 };
    static udsock_t pairs[TIMES][2];
    char byte;
    for (int time = 0; time < TIMES; time++) {
        struct copy copy = load(path, 0);
        CHECK(copy.open_pair(UDSOCK_STREAM, pairs[time]) == 0);
        for (int former = 0; former < time; former++) {
            CHECK(copy.recv(pairs[former][0], &byte, 1, 0) == -EBADF);
        }
        CHECK(copy.close(pairs[time][0]) == 0 && copy.close(pairs[time][1]) == 0);
        CHECK(dlclose(copy.library) == 0);
    }
}

int main(int count, char **arguments)
{
    CHECK(count == 5 && chdir(arguments[2]) == 0);
    const char *way = arguments[1];
    int is_apart = strstr(way, "apart") != NULL;
    if (strncmp(way, "reloaded", 8) == 0) {
        handles_of_a_former_load_are_nobody_s(arguments[3]);
        handles_of_a_former_load_are_nobody_s(arguments[4]);
        return 0;
    }
    struct copy one = load(arguments[3], 0), other = load(arguments[4], is_apart);
    if (strncmp(way, "handles", 7) == 0) {
        handles_are_nobody_else_s(&one, &other);
        handles_are_nobody_else_s(&other, &one);
        program_s_handler_stays(&one, &other);
        return 0;
    }
    serve(&one, "one");
    serve(&other, "other");
    /* Asked again, in any order, they still call each other only once. */
    CHECK(one.cleanup_on_signal(SIGTERM) == 0 && other.cleanup_on_signal(SIGTERM) == 0);
    if (strncmp(way, "unloaded", 8) == 0) {
        CHECK(dlclose(one.library) == 0 && dlclose(other.library) == 0);
    }
    CHECK(access("one", F_OK) == 0 && access("other", F_OK) == 0);
    alarm(20);
    raise(SIGTERM);
    return 96;
}
