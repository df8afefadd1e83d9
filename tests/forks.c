/*
 * fork() while other threads are in every call of the library, for forks.rs: the child, which
 * does not have those threads, makes every call, and has to get the right answers in time.
 *
 *     forks list DIRECTORY            prints which calls are made
 *     forks storm DIRECTORY COUNT     forks so often out of a storm of threads
 *     forks first DIRECTORY COUNT     so many processes, each of which forks while another thread
 *                                     makes its first calls
 *     forks nested DIRECTORY          the same in processes that are all number 1: of nested PID
 *                                     namespaces
 */
#define _GNU_SOURCE 1

#include <pwd.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "every_call.h"

enum { THREADS = 8, SECONDS_BEFORE_IT_HANGS = 30 };

/* The storm is over; the storm makes a pause, in which a child gets on faster. */
static atomic_int stop, pausing;

/* What the threads have in common, and the children inherit. */
static udsock_t allowing, poller, watched, talker, targets[2];
static char allowing_s[UDSOCK_ADDRESS_SIZE], target_s[2][UDSOCK_ADDRESS_SIZE];

static void open_what_is_shared(void)
{
    udsock_t pair[2];
    allowing = opened(udsock_open_server(UDSOCK_STREAM, "@", NULL, NULL));
    CHECK(udsock_local_address(allowing, allowing_s, sizeof allowing_s) > 1);
    CHECK(udsock_allow_uid(allowing, geteuid()) == 0);
    /* And room for the groups of each client, which is kept for the next one. */
    CHECK(udsock_allow_gid(allowing, getegid()) == 0);
    poller = opened(udsock_poller_create(NULL));
    CHECK(udsock_open_pair(UDSOCK_STREAM, pair) == 0);
    watched = pair[0];
    talker = opened(udsock_open_datagram(NULL, NULL, NULL));
    for (int i = 0; i < 2; i++) {
        targets[i] = opened(udsock_open_datagram("@", NULL, NULL));
        CHECK(udsock_local_address(targets[i], target_s[i], TEXT) > 1);
    }
    CHECK(udsock_connect(talker, target_s[0], NULL, NULL) == 0);
}

/* What others do at the same time, in this process and in those that share the sockets, makes
   some of the answers uncertain, but not many. */
static void use_what_is_shared(int number)
{
    char told[UDSOCK_ADDRESS_SIZE], byte;
    udsock_event events[8];
    udsock_t caller = udsock_open_client(UDSOCK_STREAM, allowing_s, NULL, NULL);
    udsock_t peer = udsock_accept(allowing, 20, NULL);
    CHECK(caller > 0 && (peer > 0 || peer == -ETIMEDOUT));
    if (peer > 0) closed(peer);
    closed(caller);
    CHECK(udsock_set_option(allowing, UDSOCK_OPTION_MAX_PER_UID, number % 2 ? 0 : 100000) == 0);
    int64_t most = udsock_get_option(allowing, UDSOCK_OPTION_MAX_PER_UID);
    CHECK(most == 0 || most == 100000);
    CHECK(udsock_allow_uid(allowing, geteuid() + 1 + (uint32_t)number) == 0);
    CHECK(udsock_connect(talker, target_s[number % 2], NULL, NULL) == 0);
    CHECK(udsock_remote_address(talker, told, sizeof told) > 1);
    CHECK(strcmp(told, target_s[0]) == 0 || strcmp(told, target_s[1]) == 0);
    CHECK(udsock_recv(watched, &byte, 1, 1) == -ETIMEDOUT);
    int64_t result = udsock_poller_add(poller, allowing, 1, UDSOCK_POLLER_READINESS);
    CHECK(result == 0 || result == -EBADF);
    result = udsock_poller_wait(poller, events, 8, told, sizeof told, 0);
    CHECK(result >= 0 || result == -EBADF);
    (void)udsock_poller_remove(poller, allowing);
}

static void *rage(void *argument)
{
    int number = *(int *)argument;
    for (int i = number; !stop; i++) {
        while (pausing) usleep(500);
        if (i % (THEMES + 1) == THEMES) {
            use_what_is_shared(number);
        } else {
            themes[i % (THEMES + 1)](number);
        }
    }
    return NULL;
}

/* What was the parent's poller's is free for a poller of the child's; and closing what a thread
   of the parent perhaps uses does not wait for it. */
static void close_what_was_inherited(void)
{
    udsock_event event;
    char arena[4096];
    udsock_t own = opened(udsock_poller_create(NULL));
    CHECK(udsock_poller_add(own, watched, 3, 0) == 0);
    CHECK(udsock_poller_add(poller, watched, 3, 0) == -EBADF);
    CHECK(udsock_poller_wait(own, &event, 1, arena, sizeof arena, 0) == 0);
    closed(watched);
    CHECK(udsock_poller_remove(own, watched) == -EBADF);
    closed(own);
    closed(poller);
    closed(talker);
    closed(allowing);
}

static void be_a_child(void)
{
    signal(SIGALRM, SIG_DFL);
    alarm(SECONDS_BEFORE_IT_HANGS);
    for (int i = 0; i < THEMES; i++) themes[i](i);
    use_what_is_shared(100);
    close_what_was_inherited();
    CHECK(udsock_cleanup() == 0);
    _exit(0);
}

static void must_end_well(pid_t child, const char *what, int count)
{
    int status = -1;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    if (status != 0) {
        fprintf(stderr, "%s %d: the child %s %d\n", what, count,
                WIFSIGNALED(status) ? "hung, or died of signal" : "ended with",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
        _exit(97);
    }
}

static void storm(int count)
{
    static int numbers[THREADS];
    pthread_t threads[THREADS];
    open_what_is_shared();
    CHECK(udsock_poller_add(poller, watched, 2, 0) == 0);
    udsock_t kept = opened(udsock_open_server(UDSOCK_STREAM, "parent", NULL, NULL));
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, rage, &numbers[i]) == 0);
    }
    for (int i = 0; i < count; i++) {
        pid_t child = fork();
        if (child == 0) be_a_child();
        pausing = 1;
        must_end_well(child, "fork", i);
        pausing = 0;
        usleep((useconds_t)(i % 50 * 100));
    }
    stop = 1;
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0);
    CHECK(access("parent", F_OK) == 0);
    closed(kept);
}

static pthread_barrier_t barrier;

static void *first_calls(void *theme)
{
    pthread_barrier_wait(&barrier);
    themes[*(int *)theme](1);
    return NULL;
}

static int64_t nanoseconds(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* In a fresh process; the fork comes a little later each time. */
static void first(int count)
{
    int theme = count % THEMES;
    pthread_t thread;
    CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
    CHECK(pthread_create(&thread, NULL, first_calls, &theme) == 0);
    pthread_barrier_wait(&barrier);
    for (int64_t end = nanoseconds() + count * 300 % 300000; nanoseconds() < end;) continue;
    pid_t child = fork();
    if (child == 0) {
        alarm(SECONDS_BEFORE_IT_HANGS);
        themes[theme](2);
        _exit(0);
    }
    must_end_well(child, "first calls, and fork", count);
    CHECK(pthread_join(thread, NULL) == 0);
    _exit(0);
}

/* ---- Processes of the same number */

/* By the bare system call, too: no handler of pthread_atfork(3) runs. */
static pid_t fork_nested(void)
{
    pid_t child = (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);
    CHECK(child >= 0 && (child > 0 || getpid() == 1));
    return child;
}

static void *sleep_until_closed(void *s)
{
    char byte;
    return (void *)(intptr_t)udsock_recv(*(udsock_t *)s, &byte, 1, UDSOCK_FOREVER);
}

/* A child that has the parent's number has not got its file, its poller, or its alarm. */
static void be_number_1(void)
{
    udsock_t pair[2], child_s[2];
    char byte, arena[4096];
    udsock_event event;
    pthread_t thread;
    alarm(2 * SECONDS_BEFORE_IT_HANGS);
    CHECK(getpid() == 1);
    udsock_t server = opened(udsock_open_server(UDSOCK_STREAM, "number-1", NULL, NULL));
    poller = opened(udsock_poller_create(NULL));
    CHECK(udsock_open_pair(UDSOCK_STREAM, pair) == 0);
    CHECK(udsock_poller_add(poller, pair[1], 1, 0) == 0);
    /* Now there is a place for a sleeper, with an alarm, which is free. */
    CHECK(udsock_recv(pair[0], &byte, 1, 1) == -ETIMEDOUT);

    pid_t child = fork_nested();
    if (child == 0) exit(0); /* A normal end, at which the library cleans up. */
    must_end_well(child, "normal end", 0);
    CHECK(access("number-1", F_OK) == 0);

    child = fork_nested();
    if (child == 0) {
        CHECK(udsock_poller_wait(poller, &event, 1, arena, sizeof arena, 0) == -EBADF);
        CHECK(udsock_poller_wake(poller) == -EBADF);
        CHECK(udsock_cleanup() == 0);
        CHECK(udsock_close(server) == 0 && access("number-1", F_OK) == 0);
        CHECK(udsock_close(poller) == 0);
        /* Sleeps, and would take whatever wakes the parent. */
        CHECK(udsock_open_pair(UDSOCK_STREAM, child_s) == 0);
        CHECK(udsock_recv(child_s[0], &byte, 1, 300) == -ETIMEDOUT);
        _exit(0);
    }
    usleep(50000);
    for (int i = 0; i < 20; i++) {
        CHECK(udsock_open_pair(UDSOCK_STREAM, child_s) == 0);
        CHECK(pthread_create(&thread, NULL, sleep_until_closed, &child_s[0]) == 0);
        usleep(20000);
        closed(child_s[0]);
        void *result;
        CHECK(pthread_join(thread, &result) == 0);
        CHECK((intptr_t)result == UDSOCK_CLOSED || (intptr_t)result == -EBADF);
        closed(child_s[1]);
    }
    must_end_well(child, "child of the same number", 0);
    CHECK(udsock_send(pair[0], "x", 1, SOON) == 1);
    CHECK(udsock_poller_wait(poller, &event, 1, arena, sizeof arena, SOON) == 1);
    closed(server);
    CHECK(access("number-1", F_OK) != 0);
    _exit(0);
}

int main(int count, char **words_)
{
    CHECK(count >= 3 && chdir(words_[2]) == 0);
    int times = count > 3 ? atoi(words_[3]) : 0;
    alarm(3600);
    if (strcmp(words_[1], "list") == 0) {
        is_listing = 1;
        for (int i = 0; i < THEMES; i++) themes[i](i);
        MUST(0, udsock_cleanup, );
    } else if (strcmp(words_[1], "storm") == 0) {
        storm(times);
    } else if (strcmp(words_[1], "first") == 0) {
        /* The first look-up of a process takes a lock of the C library, with which it hangs in a
           child by itself (glibc 2.36: 2 of 1,302 forks in a program without this library). */
        CHECK(getpwnam("root") != NULL);
        for (int i = 0; i < times; i++) {
            pid_t fresh = fork();
            if (fresh == 0) first(i);
            must_end_well(fresh, "fresh process", i);
        }
    } else {
        pid_t child = fork_nested();
        if (child == 0) be_number_1();
        must_end_well(child, "number 1", 0);
    }
    return 0;
}
