/*
 * The ways in which a program may end, and what becomes of its socket files. ends.rs runs
 * it, one way at a time, and looks at how it ended and which files are left:
 *
 *     ends WAY DIRECTORY [ARGUMENT]
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "udsock.h"

#include "ends/files.h"
#include "ends/storm.h"
#include "ends/unload.h"

static int status_of(pid_t child)
{
    int status;
    CHECK(child > 0 && waitpid(child, &status, 0) == child);
    return status;
}

static void send_to_self(int signal_number)
{
    CHECK(kill(getpid(), signal_number) == 0);
}

/* Never returns if the signal ends the process. */
static void wait_for_a_client(void)
{
    int64_t result = udsock_accept(server, UDSOCK_FOREVER, NULL);
    fprintf(stderr, "ends.c: accept: %s\n", udsock_error_name(result));
    _exit(97);
}

/* ---- Without a signal */

static void by_return(const char *unused)
{
    (void)unused;
    open_all();
}

static void *exit_here(void *unused)
{
    (void)unused;
    exit(0);
}

static void by_exit_in_a_thread(const char *unused)
{
    (void)unused;
    open_all();
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, exit_here, NULL) == 0);
    wait_for_a_client();
}

static void by_quick_exit(const char *unused)
{
    (void)unused;
    open_all();
    _exit(0);
}

/* A clean-up that was in vain can be tried again. */
static void cleanup_while_locked(const char *unused)
{
    (void)unused;
    open_all();
    CHECK(flock(directory, LOCK_EX) == 0);
    CHECK(udsock_cleanup() == -EBUSY);
    CHECK(all_are_there());
    CHECK(flock(directory, LOCK_UN) == 0);
    CHECK(udsock_cleanup() == TO_GO + 1); /* The private one, too. */
    _exit(0);
}

static void open_many(void)
{
    for (int number = 0; number < 100; number++) {
        char name[16];
        snprintf(name, sizeof name, "%d", number);
        open_server(UDSOCK_STREAM, name, 0);
    }
}

static void many_and_return(const char *unused)
{
    (void)unused;
    open_many();
}

static void many_and_signal(const char *unused)
{
    (void)unused;
    open_many();
    CHECK(udsock_cleanup_on_signal(SIGTERM) == 0);
    send_to_self(SIGTERM);
    pause();
}

/* The child takes its own file with it, and none of its parent's. */
static void in_a_child(const char *unused)
{
    (void)unused;
    open_all();
    pid_t child = fork();
    if (child == 0) {
        CHECK(fchdir(directory) == 0);
        open_server(UDSOCK_STREAM, "child", 0);
        exit(0);
    }
    CHECK(status_of(child) == 0);
    CHECK(all_are_there() && faccessat(directory, "child", F_OK, 0) != 0);
    CHECK(udsock_accept(server, 0, NULL) == -EAGAIN);
    _exit(0);
}

/* ---- With one */

/* Handlers get little room where threads have small stacks: as much as is usual. */
static void make_signal_stack(void)
{
    size_t size = (size_t)SIGSTKSZ, page = (size_t)sysconf(_SC_PAGESIZE);
    size = (size + page - 1) / page * page;
    void *room = mmap(NULL, page + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(room != MAP_FAILED);
    stack_t stack = { .ss_sp = (char *)room + page, .ss_size = size };
    CHECK(mprotect(stack.ss_sp, size, PROT_READ | PROT_WRITE) == 0);
    CHECK(sigaltstack(&stack, NULL) == 0);
}

static void by_signal(const char *number)
{
    open_all();
    make_signal_stack();
    CHECK(udsock_cleanup_on_signal(atoi(number)) == 0);
    CHECK(udsock_cleanup_on_signal(atoi(number)) == 0);
    send_to_self(atoi(number));
    wait_for_a_client();
}

static void *accept_here(void *unused)
{
    (void)unused;
    wait_for_a_client();
    return NULL;
}

/* The handler runs in a thread that sleeps in a call. */
static void by_signal_in_a_thread(const char *number)
{
    open_all();
    CHECK(udsock_cleanup_on_signal(atoi(number)) == 0);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, accept_here, NULL) == 0);
    usleep(20000);
    CHECK(pthread_kill(thread, atoi(number)) == 0);
    pthread_join(thread, NULL);
}

static void by_abort(const char *unused)
{
    (void)unused;
    open_all();
    CHECK(udsock_cleanup_on_signal(SIGABRT) == 0);
    abort();
}

static volatile sig_atomic_t handled;

static void handle(int signal_number)
{
    handled = signal_number;
}

static void lives_on(int signal_number, int is_handled)
{
    send_to_self(signal_number);
    CHECK(handled == (is_handled ? signal_number : 0));
    CHECK(all_are_there());
    CHECK(udsock_accept(server, 0, NULL) == -EAGAIN);
}

static void handled_before(const char *number)
{
    open_all();
    signal(atoi(number), handle);
    CHECK(udsock_cleanup_on_signal(atoi(number)) == 0);
    lives_on(atoi(number), 1);
}

static void handled_since(const char *number)
{
    open_all();
    CHECK(udsock_cleanup_on_signal(atoi(number)) == 0);
    signal(atoi(number), handle);
    lives_on(atoi(number), 1);
}

static void ignored(const char *number)
{
    open_all();
    signal(atoi(number), SIG_IGN);
    CHECK(udsock_cleanup_on_signal(atoi(number)) == 0);
    lives_on(atoi(number), 0);
}

/* A signal that was not asked for, SIGKILL among them. */
static void not_asked(const char *number)
{
    open_all();
    CHECK(udsock_cleanup_on_signal(SIGTERM) == 0);
    send_to_self(atoi(number));
    wait_for_a_client();
}

/* The child inherits the handler. It dies of the signal, and removes its own file only. */
static void signal_in_a_child(const char *number)
{
    open_all();
    CHECK(udsock_cleanup_on_signal(atoi(number)) == 0);
    pid_t child = fork();
    if (child == 0) {
        CHECK(fchdir(directory) == 0);
        open_server(UDSOCK_STREAM, "child", 0);
        send_to_self(atoi(number));
        wait_for_a_client();
    }
    int status = status_of(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == atoi(number));
    CHECK(all_are_there() && faccessat(directory, "child", F_OK, 0) != 0);
    lives_on(0, 0);
    _exit(0);
}

/* A child that shares its parent's memory dies of the signal alone, however it came: to the child, or
 * to both. The parent's files stay until the parent ends. */
static void signal_in_a_child_of_vfork(const char *number)
{
    open_all();
    CHECK(udsock_cleanup_on_signal(atoi(number)) == 0);
    pid_t child = vfork();
    if (child == 0) {
        send_to_self(atoi(number));
        _exit(0);
    }
    int status = status_of(child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == atoi(number));
    lives_on(0, 0);
    /* What makes a file still does, and what ends the parent ends it, too. */
    CHECK(fchdir(directory) == 0);
    CHECK(udsock_close(open_server(UDSOCK_STREAM, "later", 0)) == 0);
    CHECK(setpgid(0, 0) == 0);
    child = vfork();
    if (child == 0) {
        kill(0, atoi(number));
        _exit(0);
    }
    wait_for_a_client();
}

static void no_such_signal(const char *number)
{
    CHECK(udsock_cleanup_on_signal(atoi(number)) == -EINVAL);
}

static const struct {
    const char *name;
    void (*way)(const char *argument);
} ways[] = {
    { "return", by_return },
    { "exit in a thread", by_exit_in_a_thread },
    { "_exit", by_quick_exit },
    { "cleanup while locked", cleanup_while_locked },
    { "many and return", many_and_return },
    { "many and signal", many_and_signal },
    { "child", in_a_child },
    { "signal", by_signal },
    { "signal in a thread", by_signal_in_a_thread },
    { "abort", by_abort },
    { "handled before", handled_before },
    { "handled since", handled_since },
    { "ignored", ignored },
    { "not asked", not_asked },
    { "signal in a child", signal_in_a_child },
    { "signal in a child of vfork", signal_in_a_child_of_vfork },
    { "no such signal", no_such_signal },
    { "storm until signal", storm_until_signal },
    { "storm until exit", storm_until_exit },
    { "unload and return", unload_and_return },
    { "unload and die", unload_and_die },
    { "unload under a thread", unload_under_a_thread },
};

int main(int argc, char **argv)
{
    CHECK(argc == 3 || argc == 4);
    CHECK(chdir(argv[2]) == 0 && (directory = open(".", O_RDONLY | O_CLOEXEC)) >= 0);
    /* What the parent ignores or blocks is no matter here, and no core is wanted. */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    for (int number = 1; number < NSIG; number++) {
        signal(number, SIG_DFL);
    }
    CHECK(setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }) == 0);

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (strcmp(ways[i].name, argv[1]) == 0) {
            ways[i].way(argc == 4 ? argv[3] : "0");
            return 0;
        }
    }
    fprintf(stderr, "ends.c: no such way: %s\n", argv[1]);
    return 96;
}
