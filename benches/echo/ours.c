/* An echo server over the poller: ours ADDRESS */
#include <stdio.h>
#include <stdlib.h>

#include "udsock.h"

enum { EVENTS = 1024, ARENA_SIZE = 1 << 20 };

static int64_t require(int64_t result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, udsock_error_text(result));
        exit(1);
    }
    return result;
}

int main(int argc, char **argv)
{
    static udsock_event events[EVENTS];
    static udsock_outgoing answers[EVENTS];
    static char arena[ARENA_SIZE];
    if (argc != 2) {
        fprintf(stderr, "usage: ours ADDRESS\n");
        return 2;
    }
    udsock_t server = udsock_open_server(UDSOCK_STREAM, argv[1], NULL, NULL);
    udsock_t poller = udsock_poller_create(NULL);
    require(server, "udsock_open_server");
    require(poller, "udsock_poller_create");
    require(udsock_poller_add(poller, server, 0, 0), "udsock_poller_add");
    for (;;) {
        int64_t count = udsock_poller_wait(poller, events, EVENTS, arena, sizeof arena,
                                           UDSOCK_FOREVER);
        size_t ready = 0;
        require(count, "udsock_poller_wait");
        for (int64_t i = 0; i < count; i++) {
            const udsock_event *event = &events[i];
            if (event->kind == UDSOCK_EVENT_RECEIVED)
                answers[ready++] = (udsock_outgoing){
                    .socket = event->socket, .offset = event->offset, .length = event->length};
            else if (event->socket == server)
                require(event->code, "the server");
            else if (event->kind == UDSOCK_EVENT_ENDED || event->kind == UDSOCK_EVENT_FAILED)
                udsock_close(event->socket);
        }
        /* Of a client that has gone before its answer an event will tell. */
        if (ready > 0)
            udsock_poller_send(poller, answers, ready, arena, sizeof arena);
    }
}
