/*
 * The yardstick: two parties with plain blocking system calls, as a careful C programmer
 * writes them. See pair.h for the command line.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/un.h>
#include <unistd.h>

#include "pair.h"

union address {
    struct sockaddr any;
    struct sockaddr_un local;
    struct sockaddr_in tcp;
};

static int is_tcp(const struct task *task)
{
    return strcmp(task->kind_name, "tcp") == 0;
}

/* A path, or for TCP a port of this machine. */
static socklen_t make_address(const struct task *task, const char *text, union address *address)
{
    memset(address, 0, sizeof *address);
    if (is_tcp(task)) {
        address->tcp.sin_family = AF_INET;
        address->tcp.sin_port = htons((uint16_t)strtoul(text, NULL, 10));
        address->tcp.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof address->tcp;
    }
    address->local.sun_family = AF_UNIX;
    snprintf(address->local.sun_path, sizeof address->local.sun_path, "%s", text);
    return sizeof address->local;
}

static int new_socket(const struct task *task)
{
    int s = socket(is_tcp(task) ? AF_INET : AF_UNIX, task->kind | SOCK_CLOEXEC, 0);
    require(s >= 0, "socket");
    return s;
}

static void bind_to(const struct task *task, int s, const char *text)
{
    union address address;
    socklen_t length = make_address(task, text, &address);
    int on = 1;
    require(setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0, "setsockopt");
    require(bind(s, &address.any, length) == 0, "bind");
}

static void connect_to(const struct task *task, int s, const char *text)
{
    union address address;
    socklen_t length = make_address(task, text, &address);
    require(connect(s, &address.any, length) == 0, "connect");
}

static void send_all(int s, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(s, data, size, MSG_NOSIGNAL);
        require(sent > 0, "send");
        data += sent;
        size -= (size_t)sent;
    }
}

static void receive_exactly(int s, char *buffer, size_t size)
{
    while (size > 0) {
        ssize_t received = recv(s, buffer, size, 0);
        require(received > 0, "recv");
        buffer += received;
        size -= (size_t)received;
    }
}

static int accept_one(int listener)
{
    int s = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    require(s >= 0, "accept4");
    return s;
}

static int listen_at(const struct task *task)
{
    int listener = new_socket(task);
    bind_to(task, listener, task->address);
    require(listen(listener, SOMAXCONN) == 0, "listen");
    say_ready();
    return listener;
}

static int open_server(const struct task *task)
{
    if (task->kind != SOCK_DGRAM) {
        int listener = listen_at(task);
        return is_work(task, "connect") ? listener : accept_one(listener);
    }
    int s = new_socket(task);
    char hello;
    bind_to(task, s, task->address);
    say_ready();
    receive_exactly(s, &hello, 1);
    if (is_work(task, "round_trip"))
        connect_to(task, s, task->client_address);
    return s;
}

static int open_client(const struct task *task)
{
    if (is_work(task, "connect"))
        return -1;
    int s = new_socket(task);
    if (task->kind == SOCK_DGRAM)
        bind_to(task, s, task->client_address);
    connect_to(task, s, task->address);
    if (task->kind == SOCK_DGRAM)
        send_all(s, "", 1);
    return s;
}

static void round_trip(const struct task *task, int s, char *buffer, long count)
{
    while (count-- > 0) {
        if (!task->is_server)
            send_all(s, buffer, task->size);
        receive_exactly(s, buffer, task->size);
        if (task->is_server)
            send_all(s, buffer, task->size);
    }
}

static void say_that_all_came(const struct task *task, int s)
{
    union address address;
    socklen_t length = 0;
    if (task->kind == SOCK_DGRAM)
        length = make_address(task, task->client_address, &address);
    struct sockaddr *to = length > 0 ? &address.any : NULL;
    require(sendto(s, "", 1, MSG_NOSIGNAL, to, length) == 1, "sendto");
}

static void transfer(const struct task *task, int s, char *buffer, long count)
{
    if (task->is_server) {
        size_t total = task->size * (size_t)count;
        while (total > 0) {
            ssize_t received = recv(s, buffer, read_size(task), 0);
            require(received > 0, "recv");
            total -= (size_t)received;
        }
        say_that_all_came(task, s);
    } else {
        while (count-- > 0)
            send_all(s, buffer, task->size);
        receive_exactly(s, buffer, 1);
    }
}

static void connect_cycle(const struct task *task, int listener, char *buffer, long count)
{
    while (count-- > 0) {
        int s = task->is_server ? accept_one(listener) : new_socket(task);
        if (!task->is_server)
            connect_to(task, s, task->address);
        round_trip(task, s, buffer, 1);
        require(close(s) == 0, "close");
    }
}

int main(int argc, char **argv)
{
    struct task task = parse_task(argc, argv);
    void (*run)(const struct task *, int, char *, long) =
        is_work(&task, "connect") ? connect_cycle
        : is_work(&task, "transfer") ? transfer : round_trip;
    char *buffer = allocate(read_size(&task));
    int s = task.is_server ? open_server(&task) : open_client(&task);
    run(&task, s, buffer, warm_up_of(&task));
    struct clocks start = read_clocks();
    run(&task, s, buffer, task.count);
    report(&task, start);
    return 0;
}
