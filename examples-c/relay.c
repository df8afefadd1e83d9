/*
 * A relay: a client that connects to PATH talks to TARGET. It relays many pairs at once, in one
 * thread. The end of one side reaches the other side, and while one side does not read, the relay
 * does not read from the other. It relays until Ctrl-C or SIGTERM, and only bytes: it does not
 * pass descriptors (see docs/relay.md).
 *
 *     build/relay /tmp/front.sock /tmp/echo.sock
 *     build/echo_client stream /tmp/front.sock      (in another terminal)
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include "udsock.h"

enum { EVENTS = 256, DESCRIPTORS = 1 << 16, RETRY_MS = 20 };
enum { CLIENT, TARGET };
struct pair {
    udsock_t side[2];
    int has_ended[2];
};
static struct pair pairs[DESCRIPTORS]; /* Each pair at the number of its client's descriptor. */
static udsock_t server, poller;
static const char *target;
static char arena[1 << 20];

/* Clients that have no target yet: its queue is full, or no descriptor is left. The next target's
 * socket is made beforehand: otherwise waiting clients could take all descriptors. */
static struct pair *waiting[EVENTS];
static size_t waiting_count;
static udsock_t next;

/* While clients wait, nobody else is accepted. */
static int is_busy(void)
{
    return waiting_count > 0 || next < 0;
}

/* Sends to a side: what is at an event's data, or (NULL) nothing but what is to happen then.
 * What finds no room is kept, which is -EAGAIN here. */
static int64_t send_to(udsock_t side, const udsock_event *data, uint32_t then)
{
    udsock_outgoing items[2];
    memset(items, 0, sizeof items);
    items[0].socket = items[1].socket = side;
    items[0].offset = data == NULL ? 0 : data->offset;
    items[0].length = data == NULL ? 0 : data->length;
    items[0].flags = then;
    items[1].flags = UDSOCK_DONT_KEEP; /* Without data it asks whether all is out. */
    udsock_poller_send(poller, items, data == NULL ? 1 : 2, arena, sizeof arena);
    return items[0].result < 0 ? items[0].result : items[1].result;
}

/* Receives from a side, or (UDSOCK_POLLER_PAUSED) does not for now. The other side is served in
 * both cases: otherwise two that both send much before they receive would wait for each other. */
static int32_t watch(struct pair *pair, int side, uint32_t paused)
{
    uint64_t token = (uint64_t)(pair - pairs) * 2 + (uint64_t)side;
    return udsock_poller_add(poller, pair->side[side], token, UDSOCK_POLLER_DUPLEX | paused);
}

/* The pair has ended. What is kept for a side is still sent before the side is closed. */
static void end_pair(struct pair *pair)
{
    for (int side = CLIENT; side <= TARGET; side++) {
        watch(pair, side, UDSOCK_POLLER_PAUSED);
        if (send_to(pair->side[side], NULL, UDSOCK_THEN_CLOSE) < 0) udsock_close(pair->side[side]);
        pair->side[side] = 0; /* Later events of this round for it have no pair any more. */
    }
}

static void serve_pair(struct pair *pair, int from, const udsock_event *event)
{
    udsock_t to = pair->side[!from];
    int64_t result = 0;
    switch (event->kind) {
    case UDSOCK_EVENT_RECEIVED:
        result = send_to(to, event, 0);
        if (result == -EAGAIN) { /* Until the other side is drained. */
            result = watch(pair, from, UDSOCK_POLLER_PAUSED);
        } else if (result == -EPIPE) { /* Nobody listens; who talks learns so. */
            result = udsock_shutdown(pair->side[from], UDSOCK_READ);
        }
        break;
    case UDSOCK_EVENT_DRAINED:
        result = watch(pair, !from, 0);
        break;
    case UDSOCK_EVENT_ENDED: /* The other half goes on. */
        result = send_to(to, NULL, UDSOCK_THEN_SHUTDOWN);
        pair->has_ended[from] = 1;
        break;
    case UDSOCK_EVENT_FAILED: /* A reset, for example. */
        result = event->code;
    }
    if (result < 0 || (pair->has_ended[CLIENT] && pair->has_ended[TARGET])) end_pair(pair);
}

/* Connects as many of the waiting clients as possible. If one can't be connected it is closed. */
static void connect_waiting(void)
{
    static const udsock_connect_options at_once = { sizeof at_once, UDSOCK_DONT_WAIT, 0, 0, NULL };
    udsock_error err = UDSOCK_ERROR_INIT;
    size_t done = 0;
    if (next < 0) next = udsock_create(UDSOCK_STREAM);
    for (; done < waiting_count; done++) {
        struct pair *pair = waiting[done];
        int32_t code = next < 0 ? (int32_t)next : udsock_connect(next, target, &at_once, &err);
        if (code == -EAGAIN || code == -EMFILE || code == -ENFILE) {
            break; /* Later: nothing reports when, so we wait RETRY_MS. */
        } else if (code == 0) {
            pair->side[TARGET] = next;
            next = udsock_create(UDSOCK_STREAM);
            if (watch(pair, TARGET, 0) == 0 && watch(pair, CLIENT, 0) == 0) continue;
            end_pair(pair);
            fputs("relay: out of memory\n", stderr);
        } else {
            fprintf(stderr, "relay: %s\n", next < 0 ? udsock_error_text(code) : err.message);
            udsock_close(pair->side[CLIENT]);
        }
    }
    waiting_count -= done;
    memmove(waiting, waiting + done, waiting_count * sizeof *waiting);
    udsock_poller_add(poller, server, 0, is_busy() ? UDSOCK_POLLER_PAUSED : 0);
}

static void serve(const udsock_event *event)
{
    struct pair *pair = &pairs[event->token / 2];
    int side = (int)(event->token % 2);
    if (event->kind == UDSOCK_EVENT_ACCEPTED) {
        pair = &pairs[udsock_fd(event->socket)];
        memset(pair, 0, sizeof *pair);
        pair->side[CLIENT] = event->socket;
        if (waiting_count < EVENTS && watch(pair, CLIENT, UDSOCK_POLLER_PAUSED) == 0) {
            waiting[waiting_count++] = pair;
        } else { /* There is no memory for a waiting client. */
            udsock_close(event->socket);
        }
    } else if (event->socket == server) { /* No descriptors, say: the poller tries again. */
        fprintf(stderr, "relay: accept: %s\n", udsock_error_text(event->code));
    } else if (event->socket == pair->side[side]) {
        serve_pair(pair, side, event);
    }
}

static void *relay(void *unused)
{
    static udsock_event events[EVENTS];
    int64_t count;
    do {
        count = udsock_poller_wait(poller, events, EVENTS, arena, sizeof arena,
                                   is_busy() ? RETRY_MS : UDSOCK_FOREVER);
        for (int64_t i = 0; i < count; i++) serve(&events[i]);
        if (is_busy()) connect_waiting();
    } while (count >= 0 || count == -ETIMEDOUT || count == -EINTR);
    /* -EBADF: main has closed the poller while we did not wait. */
    if (count != UDSOCK_CLOSED && count != -EBADF)
        fprintf(stderr, "relay: %s\n", udsock_error_text(count));
    return unused;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: relay PATH TARGET\n", stderr);
        return 2;
    }
    target = argv[2];
    /* A pair takes two descriptors: raise the limit as far as the system and our table allow. */
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    if (limit.rlim_cur > DESCRIPTORS) limit.rlim_cur = DESCRIPTORS;
    setrlimit(RLIMIT_NOFILE, &limit);
    sigset_t signals; /* The signals are blocked in every thread: sigwait gets them. */
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    udsock_error err = UDSOCK_ERROR_INIT;
    server = udsock_open_server(UDSOCK_STREAM, argv[1], NULL, &err);
    poller = udsock_poller_create(NULL);
    next = udsock_create(UDSOCK_STREAM);
    pthread_t thread;
    if (server < 0 || poller < 0 || next < 0 || udsock_poller_add(poller, server, 0, 0) < 0 ||
        pthread_create(&thread, NULL, relay, NULL) != 0) {
        fprintf(stderr, "relay: %s\n", server < 0 ? err.message : "no descriptor or no thread");
        udsock_close(server);
        return 1;
    }
    printf("relay: %s goes to %s\n", argv[1], target);
    fflush(stdout);
    int signal_number;
    sigwait(&signals, &signal_number);
    udsock_close(poller); /* The wait returns UDSOCK_CLOSED, the next one -EBADF. */
    pthread_join(thread, NULL);
    return udsock_close(server) == 0 ? 0 : 1;
}
