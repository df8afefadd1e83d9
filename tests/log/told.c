/*
 * Programs for tests/log/programs.rs: each sets a callback of its own, which prints what it is
 * told, a line each.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../check.h"
#include "udsock.h"

enum { SOON = 20000, SECONDS_BEFORE_IT_HANGS = 60 };

static void print(void *user_data, const udsock_log_record *record)
{
    printf("%s %u %s: %s\n", (const char *)user_data, record->event,
           udsock_error_name(record->code), record->text);
}

/* Leaves the file of a server that has gone. */
static void leave(const char *path)
{
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && strlen(path) < sizeof name.sun_path);
    memcpy(name.sun_path, path, strlen(path));
    CHECK(bind(fd, (struct sockaddr *)&name, sizeof name) == 0 && close(fd) == 0);
}

/* What a callback is told of: a file is reclaimed. */
static void reclaim(const char *path)
{
    leave(path);
    udsock_t server = udsock_open_server(UDSOCK_STREAM, path, NULL, NULL);
    CHECK(server > 0 && udsock_close(server) == 0);
}

/* Standard error is closed, and a socket has its number: no peer reads the log. */
static void no_standard_error(const char *path)
{
    udsock_t pair[2];
    char byte;
    CHECK(close(STDERR_FILENO) == 0);
    if (udsock_open_pair(UDSOCK_STREAM, pair) != 0) _exit(98);
    if (udsock_fd(pair[0]) != STDERR_FILENO) _exit(97);
    reclaim(path);
    printf("%s\n", udsock_error_name(udsock_recv(pair[1], &byte, 1, 0)));
}

static void levels(const char *path)
{
    char a[] = "a", b[] = "b";
    CHECK(udsock_set_log(print, a, 0) == -EINVAL && udsock_set_log(print, a, 5) == -EINVAL);
    CHECK(udsock_set_log(NULL, NULL, 77) == 0);
    reclaim(path);
    CHECK(udsock_set_log(print, a, UDSOCK_LOG_WARNING) == 0);
    reclaim(path);
    CHECK(udsock_set_log(print, b, UDSOCK_LOG_INFO) == 0);
    reclaim(path);
    CHECK(udsock_open_client(UDSOCK_STREAM, path, NULL, NULL) == -ENOENT);
    CHECK(udsock_set_log(print, a, UDSOCK_LOG_DEBUG) == 0);
    CHECK(udsock_open_client(UDSOCK_STREAM, path, NULL, NULL) == -ENOENT);
    CHECK(udsock_set_log(NULL, NULL, 0) == 0);
    reclaim(path);
}

/* All that the process may have at once is open. */
static void no_alarm(const char *path)
{
    struct rlimit limit = { 32, 32 };
    udsock_t pair[2];
    char byte;
    (void)path;
    CHECK(udsock_set_log(print, (void *)"told", UDSOCK_LOG_DEBUG) == 0);
    CHECK(udsock_open_pair(UDSOCK_STREAM, pair) == 0);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int last = -1;
    for (int fd; (fd = dup(0)) >= 0;) last = fd;
    for (int i = 0; i < 3; i++) CHECK(udsock_recv(pair[0], &byte, 1, 20) == -ETIMEDOUT);
    CHECK(last >= 0 && close(last) == 0);
    /* Now there is one, which stays. */
    CHECK(udsock_recv(pair[0], &byte, 1, 20) == -ETIMEDOUT);
}

static atomic_int is_held, may_leave;

static void hold(int signo)
{
    (void)signo;
    is_held = 1;
    while (!may_leave) {}
}

static void *receive(void *socket)
{
    char byte;
    CHECK(udsock_recv(*(udsock_t *)socket, &byte, 1, UDSOCK_FOREVER) == UDSOCK_CLOSED);
    return NULL;
}

static void held_up(const char *path)
{
    pthread_t thread;
    struct sigaction action = { .sa_handler = hold };
    CHECK(udsock_set_log(print, (void *)"told", UDSOCK_LOG_WARNING) == 0);
    udsock_t server = udsock_open_datagram(path, NULL, NULL);
    CHECK(server > 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(pthread_create(&thread, NULL, receive, &server) == 0);
    usleep(100 * 1000);
    CHECK(pthread_kill(thread, SIGUSR1) == 0);
    while (!is_held) usleep(1000);
    CHECK(udsock_close(server) == 0);
    may_leave = 1;
    CHECK(pthread_join(thread, NULL) == 0);
}

static void in_a_child(const char *path)
{
    int status;
    CHECK(udsock_set_log(print, (void *)"inherited", UDSOCK_LOG_INFO) == 0);
    for (int sets = 0; sets < 2; sets++) {
        pid_t child = fork();
        if (child == 0) {
            if (sets) CHECK(udsock_set_log(print, (void *)"own", UDSOCK_LOG_INFO) == 0);
            reclaim(path);
            fflush(stdout);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    reclaim(path);
}

static const char *place;

/* Does what it is told of. */
static void recurse(void *user_data, const udsock_log_record *record)
{
    char path[200];
    print(user_data, record);
    snprintf(path, sizeof path, "%s-within", place);
    reclaim(path);
    CHECK(udsock_set_log(recurse, (void *)"again", UDSOCK_LOG_INFO) == 0);
}

static void within(const char *path)
{
    place = path;
    CHECK(udsock_set_log(recurse, (void *)"told", UDSOCK_LOG_INFO) == 0);
    reclaim(path);
    reclaim(path);
}

static atomic_int is_within, goes_on, has_left;

static void linger(void *user_data, const udsock_log_record *record)
{
    (void)user_data;
    (void)record;
    is_within = 1;
    while (!goes_on) usleep(1000);
    usleep(50 * 1000);
    has_left = 1;
}

static void *reclaim_in_thread(void *path)
{
    reclaim(path);
    return NULL;
}

/* Who takes the callback off can free what it uses. */
static void taken_off(const char *path)
{
    pthread_t thread;
    CHECK(udsock_set_log(linger, NULL, UDSOCK_LOG_INFO) == 0);
    CHECK(pthread_create(&thread, NULL, reclaim_in_thread, (void *)path) == 0);
    while (!is_within) usleep(1000);
    CHECK(udsock_set_log(print, (void *)"new", UDSOCK_LOG_INFO) == -EBUSY && !has_left);
    char other[200];
    snprintf(other, sizeof other, "%s-other", path);
    reclaim(other);
    goes_on = 1;
    CHECK(pthread_join(thread, NULL) == 0 && has_left);

    is_within = has_left = 0;
    CHECK(udsock_set_log(linger, NULL, UDSOCK_LOG_INFO) == 0);
    CHECK(pthread_create(&thread, NULL, reclaim_in_thread, (void *)path) == 0);
    while (!is_within) usleep(1000);
    CHECK(udsock_set_log(NULL, NULL, 0) == 0 && has_left);
    CHECK(pthread_join(thread, NULL) == 0);
}

/* A forked child waits for no thread that only its parent has. */
static void taken_off_in_a_child(const char *path)
{
    pthread_t thread;
    int status;
    CHECK(udsock_set_log(linger, NULL, UDSOCK_LOG_INFO) == 0);
    CHECK(pthread_create(&thread, NULL, reclaim_in_thread, (void *)path) == 0);
    while (!is_within) usleep(1000);
    pid_t child = fork();
    if (child == 0) {
        CHECK(udsock_set_log(print, (void *)"child", UDSOCK_LOG_INFO) == 0);
        char other[200];
        snprintf(other, sizeof other, "%s-other", path);
        reclaim(other);
        fflush(stdout);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    goes_on = 1;
    CHECK(pthread_join(thread, NULL) == 0);
}

/* Nothing is set here. */
static void quiet(const char *path)
{
    reclaim(path);
    CHECK(udsock_open_client(UDSOCK_STREAM, path, NULL, NULL) == -ENOENT);
}

/* Standard error is a pipe that nobody reads any more. */
static void nobody_reads(const char *path)
{
    int ends[2];
    CHECK(pipe(ends) == 0 && dup2(ends[1], STDERR_FILENO) >= 0 && close(ends[0]) == 0);
    reclaim(path);
    puts("alive");
}

/* What is left at normal exit is told, too. */
static void at_exit(const char *path)
{
    CHECK(udsock_set_log(print, (void *)"told", UDSOCK_LOG_INFO) == 0);
    CHECK(udsock_open_server(UDSOCK_STREAM, path, NULL, NULL) > 0 && unlink(path) == 0);
}

static void replace(const char *path)
{
    udsock_bind_options options = { .size = sizeof options, .flags = UDSOCK_REPLACE };
    CHECK(udsock_set_log(print, (void *)"told", UDSOCK_LOG_DEBUG) == 0);
    for (int i = 0; i < 2; i++) {
        udsock_t server = udsock_open_server(UDSOCK_STREAM, path, &options, NULL);
        CHECK(server > 0 && udsock_close(server) == 0);
    }
}

static void *set_again_and_again(void *number)
{
    for (int i = 0; i < 2000; i++) {
        udsock_log_callback callback = i % 3 == 0 ? NULL : print;
        int32_t set = udsock_set_log(callback, number, UDSOCK_LOG_INFO);
        CHECK(set == 0 || set == -EBUSY);
    }
    return NULL;
}

static void *reclaim_again_and_again(void *path)
{
    for (int i = 0; i < 500; i++) reclaim(path);
    return NULL;
}

/* Many set it while many are told. */
static void storm(const char *path)
{
    pthread_t threads[8];
    char paths[4][200];
    for (int i = 0; i < 8; i++) {
        if (i < 4) snprintf(paths[i], sizeof paths[i], "%s-%d", path, i);
        void *(*run)(void *) = i < 4 ? reclaim_again_and_again : set_again_and_again;
        CHECK(pthread_create(&threads[i], NULL, run, i < 4 ? (void *)paths[i] : "told") == 0);
    }
    for (int i = 0; i < 8; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(udsock_set_log(print, (void *)"last", UDSOCK_LOG_INFO) == 0);
    reclaim(path);
}

static const struct {
    const char *name;
    void (*run)(const char *path);
} PROGRAMS[] = {
    { "levels", levels },         { "no_alarm", no_alarm },
    { "held_up", held_up },       { "in_a_child", in_a_child },
    { "within", within },         { "taken_off", taken_off },
    { "quiet", quiet },           { "taken_off_in_a_child", taken_off_in_a_child },
    { "at_exit", at_exit },       { "nobody_reads", nobody_reads },
    { "storm", storm },           { "replace", replace },
    { "no_standard_error", no_standard_error },
};

int main(int argc, char **argv)
{
    alarm(SECONDS_BEFORE_IT_HANGS);
    for (size_t i = 0; argc == 3 && i < sizeof PROGRAMS / sizeof PROGRAMS[0]; i++) {
        if (strcmp(argv[1], PROGRAMS[i].name) == 0) return PROGRAMS[i].run(argv[2]), 0;
    }
    return 2;
}
