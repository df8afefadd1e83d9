/* udsock serve: a server of any kind, with all its clients on one terminal. */

#define _GNU_SOURCE
#include "talk.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static options chosen;
static udsock_t poller, server;
/* The client that last sent something or connected, and the sender of the last datagram. */
static udsock_t last_client;
static char last_sender[UDSOCK_ADDRESS_SIZE];
static uint64_t clients;

static int fail(const char *what, int64_t code)
{
    fprintf(stderr, "udsock serve: %s: %s\n", what, udsock_error_text(code));
    return FAILED;
}

static int64_t open_server(udsock_error *err)
{
    const udsock_bind_options how = {
        .size = sizeof how,
        .flags = chosen.replaces ? UDSOCK_REPLACE : 0,
        .mode = chosen.mode,
    };
    if (chosen.kind == UDSOCK_DGRAM) return udsock_open_datagram(chosen.address, &how, err);
    return udsock_open_server(chosen.kind, chosen.address, &how, err);
}

static void welcome(udsock_t client)
{
    udsock_credentials who;
    uint64_t number = ++clients;
    fprintf(stderr, "* client %llu: ", (unsigned long long)number);
    if (udsock_peer_credentials(client, &who) == 0) print_credentials(stderr, &who);
    else fprintf(stderr, "not known");
    fputc('\n', stderr);
    if (udsock_poller_add(poller, client, number, UDSOCK_POLLER_READINESS) < 0) {
        udsock_close(client);
        return;
    }
    last_client = client;
}

static void part(udsock_t client, uint64_t number, int64_t code)
{
    fprintf(stderr, "* client %llu has ended", (unsigned long long)number);
    if (code != UDSOCK_EOF) fprintf(stderr, ": %s", udsock_error_text(code));
    fputc('\n', stderr);
    if (last_client == client) last_client = 0;
    udsock_close(client);
}

/* Sends to a client or to a datagram's sender. What finds no room is kept. */
static void answer(udsock_t client, const char *sender, const char *data, size_t size)
{
    static char memory[MOST_BYTES + UDSOCK_ADDRESS_SIZE];
    udsock_outgoing item = { .socket = client, .length = (uint32_t)size };
    memcpy(memory, data, size);
    if (sender != NULL) {
        item.address_offset = (uint32_t)size;
        item.address_length = (uint32_t)strlen(sender);
        memcpy(memory + size, sender, item.address_length + 1);
    }
    udsock_poller_send(poller, &item, 1, memory, sizeof memory);
    if (item.result < 0) fail("what was to be sent is lost", item.result);
}

/* Receives one message of a client that is ready, so that each has its turn. */
static void hear(udsock_t socket, uint64_t number)
{
    static received came;
    int64_t size = receive(socket, 0, &came);
    if (size == -EAGAIN || size == -EINTR) return;
    bool is_datagram = chosen.kind == UDSOCK_DGRAM;
    if (size < 0) {
        if (is_datagram) fail("receiving", size);
        else part(socket, number, size);
        return;
    }
    if (is_datagram) {
        fprintf(stderr, "* from ");
        if (came.address[0] != 0) print_text(stderr, came.address);
        else fprintf(stderr, "a socket without a name");
        fputc('\n', stderr);
        memcpy(last_sender, came.address, sizeof last_sender);
    } else {
        last_client = socket;
    }
    show(&chosen, &came);
    if (chosen.echoes && (!is_datagram || came.address[0] != 0)) {
        answer(socket, is_datagram ? came.address : NULL, came.data, came.size);
    }
}

static void look(void)
{
    udsock_event events[64];
    int64_t count = udsock_poller_wait(poller, events, 64, NULL, 0, 0);
    for (int64_t i = 0; i < count; i++) {
        const udsock_event *event = &events[i];
        switch (event->kind) {
        case UDSOCK_EVENT_ACCEPTED: welcome(event->socket); break;
        case UDSOCK_EVENT_READY: hear(event->socket, event->token); break;
        case UDSOCK_EVENT_FAILED:
            if (event->socket == server) fail("the server", event->code);
            else part(event->socket, event->token, event->code);
            break;
        }
    }
}

/* Sends a line of standard input, once it is whole: the clients do not wait for whoever types it.
 * Whether there can be more. */
static bool read_line(void)
{
    static char line[MOST_BYTES];
    int64_t size = next_input(&chosen, line, sizeof line, false);
    if (size == NOT_YET) return true;
    if (size < 0) return false;
    if (chosen.kind == UDSOCK_DGRAM && last_sender[0] != 0) {
        answer(server, last_sender, line, (size_t)size);
    } else if (chosen.kind != UDSOCK_DGRAM && last_client != 0) {
        answer(last_client, NULL, line, (size_t)size);
    } else {
        fprintf(stderr, "* nobody is there to send that to\n");
    }
    return true;
}

static int serve(void)
{
    struct pollfd both[] = { { udsock_poller_fd(poller), POLLIN, 0 }, { STDIN_FILENO, POLLIN, 0 } };
    for (;;) {
        if (poll(both, 2, -1) < 0 && errno != EINTR) return fail("poll", -errno);
        if (both[0].revents != 0) look();
        /* The server goes on after the end of standard input. */
        if (both[1].revents != 0 && !read_line()) both[1].fd = -1;
        both[0].revents = both[1].revents = 0;
    }
}

int serve_command(int argc, char **argv)
{
    char address[UDSOCK_ADDRESS_SIZE];
    udsock_error err = UDSOCK_ERROR_INIT;
    int result = read_options("serve", "krcemRh", argc, argv, &chosen);
    if (result >= 0) return result;
    leave_no_file();
    server = open_server(&err);
    if (server < 0) {
        fprintf(stderr, "udsock: %s\n", err.message);
        return FAILED;
    }
    udsock_set_option(server, UDSOCK_OPTION_RECEIVE_FDS, 1);
    if (chosen.shows_credentials) {
        udsock_set_option(server, UDSOCK_OPTION_RECEIVE_CREDENTIALS, 1);
    }
    poller = udsock_poller_create(NULL);
    uint32_t how = chosen.kind == UDSOCK_DGRAM ? UDSOCK_POLLER_READINESS : 0;
    int64_t added = poller < 0 ? poller : udsock_poller_add(poller, server, 0, how);
    if (added < 0) return fail("the poller", added);
    fprintf(stderr, "* serving at ");
    if (udsock_local_address(server, address, sizeof address) >= 0) print_text(stderr, address);
    fputc('\n', stderr);
    return serve();
}
