/* One thread waits, and another closes or shuts down what it waits for. */

#ifndef FAULTS_THREADS_H
#define FAULTS_THREADS_H

#include <signal.h>

#include "descriptor.h"

static int64_t woken_with;
static char waiting_room[16];
static atomic_int may_go_on;

static void *wait_for_message(void *unused) {
    say_number();
    woken_with = udsock_recv(it.client, waiting_room, sizeof waiting_room, UDSOCK_FOREVER);
    return unused;
}

static void start_waiter(void *(*body)(void *)) {
    helper.waits = 1;
    start_helper(body);
    wait_for_helper();
}

static void prepare_waiter(void) {
    prepare_datagrams();
    start_waiter(wait_for_message);
}

/* What a debugger would do: it does not leave in time. */
static void get_stuck(int signo) {
    (void)signo;
    while (!may_go_on) usleep(1000);
}

static void get_helper_stuck(void) {
    const struct sigaction action = { .sa_handler = get_stuck };
    must(sigaction(SIGUSR1, &action, NULL) == 0, "sigaction");
    must(pthread_kill(helper.thread, SIGUSR1) == 0, "pthread_kill");
    usleep(SHORT_MS * 1000);
}

static void prepare_stuck_waiter(void) {
    prepare_waiter();
    get_helper_stuck();
}

static int64_t close_client(udsock_error *err) {
    (void)err;
    const udsock_t client = it.client;
    it.client = 0;
    return udsock_close(client);
}

static int64_t shut_down_reading(udsock_error *err) {
    (void)err;
    return udsock_shutdown(it.client, UDSOCK_READ);
}

static void check_woken(int64_t expected) {
    may_go_on = 1;
    end_helper();
    if (woken_with != expected) wrong("the other thread: %s", udsock_error_name(woken_with));
}

static void check_closed(int64_t result) {
    (void)result;
    check_woken(UDSOCK_CLOSED);
}

/* Where shutting down failed, the other goes on waiting: closing ends that. */
static void check_shut(int64_t result) {
    if (result < 0) close_client(NULL);
    check_woken(result < 0 ? UDSOCK_CLOSED : UDSOCK_EOF);
}

static void check_released_under_way(int64_t result) {
    check_woken(UDSOCK_CLOSED);
    check_released(result);
}

static void *close_later(void *unused) {
    wait_for_call();
    close_client(NULL);
    return unused;
}

static void *shut_down_later(void *unused) {
    wait_for_call();
    shut_down_reading(NULL);
    return unused;
}

static void prepare_closer(void) {
    prepare_datagrams();
    start_helper(close_later);
}

static void prepare_shutter(void) {
    prepare_datagrams();
    start_helper(shut_down_later);
}

/* As long as it takes: a wait that nobody ends hangs. */
static int64_t wait_for_the_end(udsock_error *err) {
    (void)err;
    return udsock_recv(it.client, waiting_room, sizeof waiting_room, UDSOCK_FOREVER);
}

static udsock_event waited_for[1];

static void *wait_for_events(void *unused) {
    say_number();
    woken_with = udsock_poller_wait(it.client, waited_for, 1, NULL, 0, UDSOCK_FOREVER);
    return unused;
}

static void prepare_poller_waiter(void) {
    it.client = udsock_poller_create(NULL);
    must(it.client > 0, "poller_create");
    start_waiter(wait_for_events);
}

static void prepare_stuck_poller_waiter(void) {
    prepare_poller_waiter();
    get_helper_stuck();
}

static int64_t wake_poller(udsock_error *err) {
    (void)err;
    return udsock_poller_wake(it.client);
}

static void check_poller_woken(int64_t result) { check_woken(result); }

static const struct scenario THREADS[] = {
    { "close-wakes", prepare_waiter, close_client, check_closed, NULL, 0, { 0 } },
    { "close-of-a-stuck-socket", prepare_stuck_waiter, close_client, check_closed, NULL, 0, { 0 } },
    { "release-wakes", prepare_waiter, release, check_released_under_way, NULL, 0, { 0 } },
    { "release-of-a-stuck-socket", prepare_stuck_waiter, release, check_released_under_way, NULL,
      0, { 0 } },
    { "shutdown-wakes", prepare_waiter, shut_down_reading, check_shut, NULL, 0, { 0 } },
    { "wait-is-closed", prepare_closer, wait_for_the_end, NULL, NULL, UDSOCK_CLOSED, { 0 } },
    { "wait-is-shut-down", prepare_shutter, wait_for_the_end, NULL, NULL, UDSOCK_EOF, { 0 } },
    { "poller-wakes", prepare_poller_waiter, wake_poller, check_poller_woken, NULL, 0, { 0 } },
    { "poller-close-wakes", prepare_poller_waiter, close_client, check_closed, NULL, 0, { 0 } },
    { "close-of-a-stuck-poller", prepare_stuck_poller_waiter, close_client, check_closed, NULL, 0,
      { 0 } },
};

#endif
