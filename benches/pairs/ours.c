/*
 * The same two parties over libudsock. See pair.h for the command line; beyond it the work
 * batch: a transfer of little messages, many in a call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>

#include "../must.h"
#include "pair.h"

enum { BATCH = 64 };

static void send_all(udsock_t s, const char *data, size_t size)
{
    must(udsock_send_all(s, data, size, UDSOCK_FOREVER, NULL), "udsock_send_all");
}

static void receive_exactly(const struct task *task, udsock_t s, char *buffer, size_t size)
{
    int64_t received = task->kind == SOCK_STREAM
                           ? udsock_recv_exact(s, buffer, size, UDSOCK_FOREVER, NULL)
                           : udsock_recv(s, buffer, size, UDSOCK_FOREVER);
    must(received, "receive");
    require((size_t)received == size, "a message of another size");
}

static udsock_t accept_one(udsock_t server)
{
    return must(udsock_accept(server, UDSOCK_FOREVER, NULL), "udsock_accept");
}

static udsock_t open_server(const struct task *task)
{
    uint32_t kind = (uint32_t)task->kind;
    udsock_t s = must(udsock_open_server(kind, task->address, NULL, NULL), "udsock_open_server");
    say_ready();
    if (task->kind == SOCK_DGRAM) {
        char hello;
        receive_exactly(task, s, &hello, 1);
        if (is_work(task, "round_trip"))
            must(udsock_connect(s, task->client_address, NULL, NULL), "udsock_connect");
    }
    return task->kind == SOCK_DGRAM || is_work(task, "connect") ? s : accept_one(s);
}

static udsock_t connect_one(const struct task *task)
{
    udsock_connect_options options = {.size = sizeof options};
    if (task->kind == SOCK_DGRAM)
        options.local_address = task->client_address;
    uint32_t kind = (uint32_t)task->kind;
    return must(udsock_open_client(kind, task->address, &options, NULL), "udsock_open_client");
}

static udsock_t open_client(const struct task *task)
{
    if (is_work(task, "connect"))
        return -1;
    udsock_t s = connect_one(task);
    if (task->kind == SOCK_DGRAM)
        send_all(s, "", 1);
    return s;
}

static void round_trip(const struct task *task, udsock_t s, char *buffer, long count)
{
    while (count-- > 0) {
        if (!task->is_server)
            send_all(s, buffer, task->size);
        receive_exactly(task, s, buffer, task->size);
        if (task->is_server)
            send_all(s, buffer, task->size);
    }
}

static void say_that_all_came(const struct task *task, udsock_t s)
{
    if (task->kind == SOCK_DGRAM)
        must(udsock_send_to(s, "", 1, task->client_address, UDSOCK_FOREVER), "udsock_send_to");
    else
        send_all(s, "", 1);
}

static void transfer(const struct task *task, udsock_t s, char *buffer, long count)
{
    if (task->is_server) {
        size_t total = task->size * (size_t)count;
        while (total > 0) {
            int64_t received = udsock_recv(s, buffer, read_size(task), UDSOCK_FOREVER);
            total -= (size_t)must(received, "udsock_recv");
        }
        say_that_all_came(task, s);
    } else {
        while (count-- > 0)
            send_all(s, buffer, task->size);
        receive_exactly(task, s, buffer, 1);
    }
}

static void send_messages(const struct task *task, udsock_t s, char *buffer, long count)
{
    udsock_message messages[BATCH] = {0};
    for (int i = 0; i < BATCH; i++) {
        messages[i].size = sizeof messages[i];
        messages[i].data = buffer;
        messages[i].data_size = task->size;
    }
    while (count > 0) {
        size_t batch = count < BATCH ? (size_t)count : BATCH;
        count -= must(udsock_send_batch(s, messages, batch, UDSOCK_FOREVER), "udsock_send_batch");
    }
}

static void receive_messages(const struct task *task, udsock_t s, char *buffer, long count)
{
    udsock_message messages[BATCH] = {0};
    for (size_t i = 0; i < BATCH; i++) {
        messages[i].size = sizeof messages[i];
        messages[i].data = buffer + i * task->size;
        messages[i].data_capacity = task->size;
    }
    while (count > 0) {
        size_t batch = count < BATCH ? (size_t)count : BATCH;
        count -= must(udsock_recv_batch(s, messages, batch, UDSOCK_FOREVER), "udsock_recv_batch");
    }
}

static void wait_for(udsock_t poller, uint32_t kind, char *arena, size_t size)
{
    udsock_event event;
    do {
        must(udsock_poller_wait(poller, &event, 1, arena, size, UDSOCK_FOREVER),
             "udsock_poller_wait");
        must(event.code, "the receiver");
    } while (event.kind != kind);
}

/* The items of a call leave together. What the socket does not take is kept, up to a limit. */
static void send_items(const struct task *task, udsock_t s, char *buffer, long count)
{
    udsock_outgoing items[BATCH] = {0};
    for (int i = 0; i < BATCH; i++) {
        items[i].socket = s;
        items[i].length = (uint32_t)task->size;
    }
    udsock_t poller = must(udsock_poller_create(NULL), "udsock_poller_create");
    must(udsock_poller_add(poller, s, 0, 0), "udsock_poller_add");
    while (count > 0) {
        size_t batch = count < BATCH ? (size_t)count : BATCH;
        int64_t taken = must(udsock_poller_send(poller, items, batch, buffer, task->size),
                             "udsock_poller_send");
        count -= taken;
        if ((size_t)taken < batch)
            wait_for(poller, UDSOCK_EVENT_DRAINED, buffer, read_size(task));
    }
    wait_for(poller, UDSOCK_EVENT_RECEIVED, buffer, read_size(task));
    must(udsock_close(poller), "udsock_close");
}

static void batch(const struct task *task, udsock_t s, char *buffer, long count)
{
    if (task->kind == SOCK_STREAM) {
        (task->is_server ? transfer : send_items)(task, s, buffer, count);
    } else if (task->is_server) {
        receive_messages(task, s, buffer, count);
        say_that_all_came(task, s);
    } else {
        send_messages(task, s, buffer, count);
        receive_exactly(task, s, buffer, 1);
    }
}

static void connect_cycle(const struct task *task, udsock_t server, char *buffer, long count)
{
    while (count-- > 0) {
        udsock_t s = task->is_server ? accept_one(server) : connect_one(task);
        round_trip(task, s, buffer, 1);
        must(udsock_close(s), "udsock_close");
    }
}

int main(int argc, char **argv)
{
    struct task task = parse_task(argc, argv);
    void (*run)(const struct task *, udsock_t, char *, long) =
        is_work(&task, "connect") ? connect_cycle
        : is_work(&task, "transfer") ? transfer
        : is_work(&task, "batch") ? batch : round_trip;
    char *buffer = allocate(read_size(&task));
    udsock_t s = task.is_server ? open_server(&task) : open_client(&task);
    run(&task, s, buffer, warm_up_of(&task));
    struct clocks start = read_clocks();
    run(&task, s, buffer, task.count);
    report(&task, start);
    return 0;
}
