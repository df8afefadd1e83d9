/*
 * pthread_cancel(3) of threads in calls of the library, for cancel.rs: no call is a cancellation
 * point. A call that waits goes on until what it waits for, or a close, ends it; then the thread
 * acts on its cancellation, and nothing is lost.
 *
 *     cancel waits DIRECTORY          in every call that can wait
 *     cancel storm DIRECTORY COUNT    so many threads in the midst of calls
 *     cancel exit DIRECTORY           a thread that is to be cancelled ends the process,
 *     cancel signal DIRECTORY         or a signal does
 */
#define _GNU_SOURCE 1

#include <dirent.h>
#include <semaphore.h>
#include <time.h>

#include "every_call.h"

enum { SECONDS_BEFORE_IT_HANGS = 1200 };

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory != NULL);
    int count = 0;
    while (readdir(directory) != NULL) count++;
    closedir(directory);
    return count;
}

/* As pthread_join tells it. (Of one that may be cancelled at any moment glibc 2.36 does not
   keep the result, if it ends where its cancellation is let again.) */
static int was_cancelled(void *result, int type)
{
    return result == PTHREAD_CANCELED || (type == PTHREAD_CANCEL_ASYNCHRONOUS && result == NULL);
}

/* ---- In every call that can wait */

/* What is waited on, and its other end, if it has one in this process. */
static udsock_t handle, other;
static char address[UDSOCK_ADDRESS_SIZE], buffer[1 << 16];

static void open_idle_server(void)
{
    handle = opened(udsock_open_server(UDSOCK_STREAM, "@", NULL, NULL));
}

/* A server whose queue is full, and a client that has to wait for room in it. */
static void open_client_of_full_server(void)
{
    udsock_connect_options impatient = { sizeof impatient, UDSOCK_DONT_WAIT, 0, 0, NULL };
    udsock_bind_options short_queue = { sizeof short_queue, 0, 0, 1, NULL, NULL };
    other = opened(udsock_open_server(UDSOCK_STREAM, "@", &short_queue, NULL));
    CHECK(udsock_local_address(other, address, sizeof address) > 1);
    for (;;) {
        udsock_t client = opened(udsock_create(UDSOCK_STREAM));
        int full = udsock_connect(client, address, &impatient, NULL) == -EAGAIN;
        closed(client);
        if (full) break;
    }
    handle = opened(udsock_create(UDSOCK_STREAM));
}

static void open_pair_of(uint32_t kind)
{
    udsock_t pair[2];
    MUST(0, udsock_open_pair, kind, pair);
    handle = pair[0];
    other = pair[1];
}

static void open_stream(void)
{
    open_pair_of(UDSOCK_STREAM);
}

static void open_seqpacket(void)
{
    open_pair_of(UDSOCK_SEQPACKET);
}

static void open_datagram(void)
{
    open_pair_of(UDSOCK_DGRAM);
}

static void open_full_stream(void)
{
    open_stream();
    while (udsock_send(handle, buffer, sizeof buffer, 0) > 0) continue;
}

static void open_full_datagram(void)
{
    open_datagram();
    while (udsock_send(handle, buffer, 1, 0) > 0) continue;
}

static void open_poller(void)
{
    handle = opened(udsock_poller_create(NULL));
}

static int64_t accept_it(void)
{
    return udsock_accept(handle, UDSOCK_FOREVER, NULL);
}

static int64_t connect_it(void)
{
    return udsock_connect(handle, address, NULL, NULL);
}

static int64_t receive(void)
{
    return udsock_recv(handle, buffer, sizeof buffer, UDSOCK_FOREVER);
}

static int64_t receive_parts(void)
{
    udsock_part parts[] = { { buffer, 1 }, { buffer + 1, 1 } };
    return udsock_recvv(handle, parts, 2, UDSOCK_FOREVER);
}

static int64_t receive_exact(void)
{
    size_t progress;
    return udsock_recv_exact(handle, buffer, sizeof buffer, UDSOCK_FOREVER, &progress);
}

static int64_t receive_from(void)
{
    return udsock_recv_from(handle, buffer, 1, address, sizeof address, UDSOCK_FOREVER);
}

static int64_t receive_message(void)
{
    udsock_message message = { .size = sizeof message, .data = buffer, .data_capacity = 1 };
    return udsock_recv_message(handle, &message, UDSOCK_FOREVER);
}

static int64_t receive_batch(void)
{
    udsock_message message = { .size = sizeof message, .data = buffer, .data_capacity = 1 };
    return udsock_recv_batch(handle, &message, 1, UDSOCK_FOREVER);
}

static int64_t send_it(void)
{
    return udsock_send(handle, buffer, sizeof buffer, UDSOCK_FOREVER);
}

static int64_t send_all(void)
{
    size_t progress;
    return udsock_send_all(handle, buffer, sizeof buffer, UDSOCK_FOREVER, &progress);
}

static int64_t send_message(void)
{
    udsock_message message = { .size = sizeof message, .data = buffer, .data_size = 1 };
    return udsock_send_message(handle, &message, UDSOCK_FOREVER);
}

static int64_t wait_in_poller(void)
{
    udsock_event event;
    return udsock_poller_wait(handle, &event, 1, buffer, sizeof buffer, UDSOCK_FOREVER);
}

static void close_other(void)
{
    closed(other);
}

static void send_from_other(void)
{
    MUST(1, udsock_send, other, "x", 1, 0);
    closed(other);
}

static void wake_poller(void)
{
    MUST(0, udsock_poller_wake, handle);
}

static void call_server(void)
{
    CHECK(udsock_local_address(handle, address, sizeof address) > 1);
    closed(opened(udsock_open_client(UDSOCK_STREAM, address, NULL, NULL)));
}

static const struct {
    const char *name;
    void (*open)(void);
    int64_t (*wait)(void);
    /* Ends the wait without closing its handle. */
    void (*end)(void);
} WAITS[] = {
    { "accept", open_idle_server, accept_it, call_server },
    { "connect", open_client_of_full_server, connect_it, close_other },
    { "recv, stream", open_stream, receive, close_other },
    { "recv, seqpacket", open_seqpacket, receive, close_other },
    { "recv, datagram", open_datagram, receive, send_from_other },
    { "recvv", open_stream, receive_parts, close_other },
    { "recv_exact", open_stream, receive_exact, close_other },
    { "recv_from", open_datagram, receive_from, send_from_other },
    { "recv_message", open_seqpacket, receive_message, close_other },
    { "recv_batch", open_datagram, receive_batch, send_from_other },
    { "send, full stream", open_full_stream, send_it, close_other },
    { "send, full datagram", open_full_datagram, send_it, close_other },
    { "send_all", open_full_stream, send_all, close_other },
    { "send_message", open_full_datagram, send_message, close_other },
    { "poller_wait", open_poller, wait_in_poller, wake_poller },
};

static sem_t started;
static int type;
static volatile int64_t answer;
static volatile int is_cleaned_up;

static void clean_up(void *unused)
{
    (void)unused;
    is_cleaned_up = 1;
}

static void *wait_in(void *call)
{
    int before;
    pthread_cleanup_push(clean_up, NULL);
    /* Until then no other function may be called that is not made for it. */
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before) == 0);
    CHECK(pthread_setcanceltype(type, &before) == 0);
    CHECK(sem_post(&started) == 0);
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before) == 0);
    answer = (*(int64_t (**)(void))call)();
    pthread_testcancel();
    pthread_cleanup_pop(0);
    return NULL;
}

/* Its wait is ended by closing what it waits on, or otherwise. */
static void wait_and_be_cancelled(int i, int is_closed)
{
    void *result;
    pthread_t thread;
    answer = is_cleaned_up = other = 0;
    WAITS[i].open();
    CHECK(pthread_create(&thread, NULL, wait_in, (void *)&WAITS[i].wait) == 0);
    CHECK(sem_wait(&started) == 0);
    usleep(20000);
    CHECK(pthread_cancel(thread) == 0);
    usleep(5000);
    if (is_closed) {
        closed(handle);
        if (other != 0) closed(other);
    } else {
        WAITS[i].end();
    }
    CHECK(pthread_join(thread, &result) == 0 && was_cancelled(result, type));
    CHECK(is_cleaned_up);
    if (type == PTHREAD_CANCEL_DEFERRED && answer != 0) {
        CHECK(is_closed ? answer == UDSOCK_CLOSED || answer == -EBADF : answer != UDSOCK_CLOSED);
    }
    if (WAITS[i].wait == accept_it && answer > 0) closed(answer);
    if (!is_closed) closed(handle);
}

static void cancel_waits(void)
{
    const int types[] = { PTHREAD_CANCEL_DEFERRED, PTHREAD_CANCEL_ASYNCHRONOUS };
    wait_and_be_cancelled(0, 1);
    for (int i = 0; i < (int)(sizeof WAITS / sizeof *WAITS); i++) {
        for (int way = 0; way < 4; way++) {
            type = types[way / 2];
            int before = count_descriptors();
            printf("%s, type %d, %s\n", WAITS[i].name, type, way % 2 ? "closed" : "ended");
            fflush(stdout);
            wait_and_be_cancelled(i, way % 2);
            /* (A client that is accepted as a thread ends at any moment is lost with it.) */
            int lost = WAITS[i].wait == accept_it && way == 2;
            CHECK(count_descriptors() <= before + lost);
        }
    }
}

/* ---- In the midst of every call */

/* Leaves nothing open at the one place at which it may end. */
static void *call_and_call(void *unused)
{
    udsock_bind_options replace = { sizeof replace, UDSOCK_REPLACE, 0, 0, NULL, NULL };
    udsock_t pair[2] = { 0, 0 }, server, client, peer, p;
    udsock_event event;
    char in[TEXT];
    (void)unused;
    CHECK(sem_post(&started) == 0);
    for (;;) {
        server = udsock_open_server(UDSOCK_STREAM, "storm", &replace, NULL);
        udsock_allow_user(server, "root");
        client = udsock_open_client(UDSOCK_STREAM, "storm", NULL, NULL);
        peer = udsock_accept(server, 0, NULL);
        udsock_send(client, in, 1, 1);
        udsock_recv(peer, in, sizeof in, 1);
        udsock_recv(peer, in, sizeof in, 1);
        udsock_close(peer);
        udsock_open_pair(UDSOCK_SEQPACKET, pair);
        p = udsock_poller_create(NULL);
        udsock_poller_add(p, pair[0], 1, 0);
        udsock_poller_wait(p, &event, 1, in, sizeof in, 1);
        udsock_close(udsock_adopt(udsock_release(pair[1]), NULL));
        udsock_close(pair[0]);
        udsock_close(p);
        udsock_close(client);
        udsock_close(server);
        (void)udsock_error_text(-EAGAIN);
        pthread_testcancel();
    }
    return NULL;
}

static void cancel_in_a_storm(int count)
{
    enum { THREADS = 4 };
    int before = count_descriptors();
    for (int i = 0; i < count; i += THREADS) {
        pthread_t threads[THREADS];
        for (int k = 0; k < THREADS; k++) {
            CHECK(pthread_create(&threads[k], NULL, call_and_call, NULL) == 0);
            CHECK(sem_wait(&started) == 0);
        }
        for (int k = 0; k < THREADS; k++) {
            void *result;
            usleep((useconds_t)(i * 37 % 700));
            CHECK(pthread_cancel(threads[k]) == 0);
            CHECK(pthread_join(threads[k], &result) == 0 && result == PTHREAD_CANCELED);
        }
    }
    /* What sleepers are woken by stays. */
    CHECK(count_descriptors() <= before + THREADS && access("storm", F_OK) != 0);
    /* No lock is held. */
    for (int i = 0; i < THEMES; i++) themes[i](i);
}

/* ---- At the end of the process */

static void *be_cancelled_and_end(void *is_by_signal)
{
    CHECK(udsock_open_server(UDSOCK_STREAM, "end", NULL, NULL) > 0);
    CHECK(udsock_cleanup_on_signal(SIGTERM) == 0);
    CHECK(pthread_cancel(pthread_self()) == 0);
    if (is_by_signal != NULL) raise(SIGTERM);
    exit(0);
}

int main(int count, char **words_)
{
    CHECK(count >= 3 && chdir(words_[2]) == 0);
    alarm(SECONDS_BEFORE_IT_HANGS);
    CHECK(sem_init(&started, 0, 0) == 0);
    if (strcmp(words_[1], "waits") == 0) {
        cancel_waits();
    } else if (strcmp(words_[1], "storm") != 0) {
        pthread_t thread;
        void *is_by_signal = strcmp(words_[1], "signal") == 0 ? &thread : NULL;
        CHECK(pthread_create(&thread, NULL, be_cancelled_and_end, is_by_signal) == 0);
        pthread_join(thread, NULL);
        return 96;
    } else {
        cancel_in_a_storm(count > 3 ? atoi(words_[3]) : 0);
    }
    return 0;
}
