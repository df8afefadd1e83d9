/*
 * What the life of a socket costs, over the raw calls, in one thread: a server's at a path, a
 * connection's, the end of a seqpacket's, and a wait that sleeps.
 *
 *     server_cost            a table of times, each way in turn
 *     server_cost count      rounds for callgrind to count
 *     server_cost trace      the same rounds for strace to count
 *
 * The raw ways do what a careful C program does: to take over from a dead server it removes the
 * file, to replace a live one it binds beside it and renames. Neither looks who is there. A wait
 * has an answer two milliseconds later, from a process of its own: it sleeps for certain.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "compare.h"

enum { SIZE = 64 };

static char folder[] = "/tmp/server_cost.XXXXXX";
static char path[64], path_beside[64];
static const char *program;

static void remove_folder(void)
{
    rmdir(folder);
}

static struct sockaddr_un address_of(const char *text)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", text);
    return address;
}

static int new_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    require(fd >= 0, "socket");
    return fd;
}

/* ------------------------------------------------------------------------
 * Servers
 */

static int bind_raw(const char *text)
{
    struct sockaddr_un address = address_of(text);
    int fd = new_socket();
    require(bind(fd, (struct sockaddr *)&address, sizeof address) == 0, "bind");
    return fd;
}

static int listen_raw(const char *text)
{
    int fd = bind_raw(text);
    require(listen(fd, SOMAXCONN) == 0, "listen");
    return fd;
}

static void close_raw(int fd)
{
    require(close(fd) == 0, "close");
}

static void unlink_raw(const char *text)
{
    require(unlink(text) == 0, "unlink");
}

static void serve_raw(void *unused)
{
    (void)unused;
    close_raw(listen_raw(path));
    unlink_raw(path);
}

static void serve_ours(void *flags)
{
    udsock_bind_options options = {.size = sizeof options, .flags = *(uint32_t *)flags};
    must(udsock_close(must(udsock_open_server(UDSOCK_STREAM, path, &options, NULL),
                           "udsock_open_server")), "udsock_close");
}

/* Somebody has died without removing it. */
static void leave_file(void *unused)
{
    (void)unused;
    close_raw(bind_raw(path));
}

static void reclaim_raw(void *unused)
{
    unlink_raw(path);
    serve_raw(unused);
}

static int replaced;

static void serve_before(void *unused)
{
    (void)unused;
    replaced = listen_raw(path);
}

static void replaced_ends(void *unused)
{
    (void)unused;
    close_raw(replaced);
}

static void replace_raw(void *unused)
{
    (void)unused;
    int fd = listen_raw(path_beside);
    require(rename(path_beside, path) == 0, "rename");
    close_raw(fd);
    unlink_raw(path);
}

/* ------------------------------------------------------------------------
 * Connections
 */

static struct sockaddr_un server_address;
static socklen_t server_address_size = sizeof server_address;
static int raw_server;

struct server {
    udsock_t socket;
    char name[32];
};
static struct server our_server, strict_server;

static void find_name(udsock_t server, char name[32])
{
    int fd = (int)must(udsock_fd(server), "udsock_fd");
    server_address_size = sizeof server_address;
    require(getsockname(fd, (struct sockaddr *)&server_address, &server_address_size) == 0,
            "getsockname");
    snprintf(name, 32, "@%.*s",
             (int)(server_address_size - sizeof(sa_family_t) - 1), server_address.sun_path + 1);
}

static void open_server(struct server *server)
{
    server->socket = must(udsock_open_server(UDSOCK_STREAM, "@", NULL, NULL),
                          "udsock_open_server");
    find_name(server->socket, server->name);
}

static void open_servers(void)
{
    open_server(&strict_server);
    must(udsock_allow_gid(strict_server.socket, (uint32_t)getegid()), "udsock_allow_gid");
    open_server(&our_server);
    raw_server = (int)must(udsock_fd(our_server.socket), "udsock_fd");
}

static void connect_raw(void *unused)
{
    (void)unused;
    char data[SIZE] = {0};
    int client = new_socket();
    require(connect(client, (struct sockaddr *)&server_address, server_address_size) == 0,
            "connect");
    int peer = accept4(raw_server, NULL, NULL, SOCK_CLOEXEC);
    require(peer >= 0, "accept4");
    require(send(client, data, SIZE, MSG_NOSIGNAL) == SIZE, "send");
    require(recv(peer, data, SIZE, 0) == SIZE, "recv");
    require(send(peer, data, SIZE, MSG_NOSIGNAL) == SIZE, "send");
    require(recv(client, data, SIZE, 0) == SIZE, "recv");
    close_raw(peer);
    close_raw(client);
}

static void connect_ours(void *context)
{
    const struct server *server = context;
    char data[SIZE] = {0};
    udsock_t client = must(udsock_open_client(UDSOCK_STREAM, server->name, NULL, NULL),
                           "udsock_open_client");
    udsock_t peer = must(udsock_accept(server->socket, UDSOCK_FOREVER, NULL), "udsock_accept");
    must(udsock_send(client, data, SIZE, UDSOCK_FOREVER), "udsock_send");
    must(udsock_recv(peer, data, SIZE, UDSOCK_FOREVER), "udsock_recv");
    must(udsock_send(peer, data, SIZE, UDSOCK_FOREVER), "udsock_send");
    must(udsock_recv(client, data, SIZE, UDSOCK_FOREVER), "udsock_recv");
    must(udsock_close(peer), "udsock_close");
    must(udsock_close(client), "udsock_close");
}

/* ------------------------------------------------------------------------
 * The end of a seqpacket
 */

static int raw_end;
static udsock_t our_end;

static void end_raw_pair(void *unused)
{
    (void)unused;
    int ends[2];
    require(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
    close_raw(ends[1]);
    raw_end = ends[0];
}

static void receive_raw_end(void *unused)
{
    (void)unused;
    char data[SIZE];
    require(recv(raw_end, data, SIZE, 0) == 0, "recv");
}

static void close_raw_end(void *unused)
{
    (void)unused;
    close_raw(raw_end);
}

static void end_our_pair(void *unused)
{
    (void)unused;
    udsock_t ends[2];
    must(udsock_open_pair(UDSOCK_SEQPACKET, ends), "udsock_open_pair");
    must(udsock_close(ends[1]), "udsock_close");
    our_end = ends[0];
}

static void receive_our_end(void *unused)
{
    (void)unused;
    char data[SIZE];
    require(udsock_recv(our_end, data, SIZE, UDSOCK_FOREVER) == UDSOCK_EOF, "udsock_recv");
}

static void close_our_end(void *unused)
{
    (void)unused;
    must(udsock_close(our_end), "udsock_close");
}

/* ------------------------------------------------------------------------
 * Waits
 */

/* The other process, whose standard input is a socket: it answers all that comes, two milliseconds
   later. */
static int answer(void)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    char data[SIZE];
    /* Datagrams have no end that would come. */
    require(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0, "prctl");
    while (recv(STDIN_FILENO, data, SIZE, 0) == SIZE) {
        nanosleep(&pause, NULL);
        if (send(STDIN_FILENO, data, SIZE, MSG_NOSIGNAL) != SIZE)
            break;
    }
    return 0;
}

/* A program of its own: what it does is not counted. It ends with this one. */
static void start_answerer(int fd)
{
    char *words[] = {"server_cost", "answer", NULL}, *no_variables[] = {NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    errno = posix_spawn_file_actions_init(&actions);
    require(errno == 0, "posix_spawn_file_actions_init");
    errno = posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO);
    require(errno == 0, "posix_spawn_file_actions_adddup2");
    errno = posix_spawn(&child, program, &actions, NULL, words, no_variables);
    require(errno == 0, "posix_spawn");
    posix_spawn_file_actions_destroy(&actions);
    close_raw(fd);
}

struct ends {
    int fd;
    udsock_t socket;
};

static void wait_raw(void *context)
{
    int fd = ((struct ends *)context)->fd;
    char data[SIZE] = {0};
    require(send(fd, data, SIZE, MSG_NOSIGNAL) == SIZE, "send");
    require(recv(fd, data, SIZE, 0) == SIZE, "recv");
}

static void wait_ours(void *context)
{
    udsock_t socket = ((struct ends *)context)->socket;
    char data[SIZE] = {0};
    must(udsock_send(socket, data, SIZE, UDSOCK_FOREVER), "udsock_send");
    must(udsock_recv(socket, data, SIZE, UDSOCK_FOREVER), "udsock_recv");
}

static struct work waiting(const char *name, int kind, struct ends *ends)
{
    int raw[2];
    udsock_t ours[2];
    require(socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, raw) == 0, "socketpair");
    start_answerer(raw[1]);
    ends->fd = raw[0];
    must(udsock_open_pair((uint32_t)kind, ours), "udsock_open_pair");
    int fd = (int)must(udsock_release(ours[1]), "udsock_release");
    start_answerer(fd);
    ends->socket = ours[0];
    return (struct work){
        .name = name, .operations = 1, .is_only_counted = 1,
        .raw = {.context = ends, .run = wait_raw}, .ours = {.context = ends, .run = wait_ours},
    };
}

int main(int argc, char **argv)
{
    static uint32_t none, replace = UDSOCK_REPLACE;
    static struct ends ends[3];
    if (argc == 2 && strcmp(argv[1], "answer") == 0)
        return answer();
    program = argv[0];
    require(mkdtemp(folder) != NULL, "mkdtemp");
    require(atexit(remove_folder) == 0, "atexit");
    snprintf(path, sizeof path, "%s/s", folder);
    snprintf(path_beside, sizeof path_beside, "%s/beside", folder);
    open_servers();
    const struct work works[] = {
        {"server, a free path", 1, {NULL, serve_raw, NULL, NULL}, {&none, serve_ours, NULL, NULL},
         .cost = 20},
        {"server, a dead file", 1, {NULL, reclaim_raw, leave_file, NULL},
         {&none, serve_ours, leave_file, NULL}, .cost = 20},
        {"server, UDSOCK_REPLACE", 1, {NULL, replace_raw, serve_before, replaced_ends},
         {&replace, serve_ours, serve_before, replaced_ends}, .cost = 20},
        {"connection, both ends", 1, {NULL, connect_raw, NULL, NULL},
         {&our_server, connect_ours, NULL, NULL}, .cost = 10},
        {"connection, a group's", 1, {NULL, connect_raw, NULL, NULL},
         {&strict_server, connect_ours, NULL, NULL}, .cost = 10},
        {"seqpacket, the end", 1, {NULL, receive_raw_end, end_raw_pair, close_raw_end},
         {NULL, receive_our_end, end_our_pair, close_our_end}, .cost = 10},
        waiting("wait, stream", SOCK_STREAM, &ends[0]),
        waiting("wait, seqpacket", SOCK_SEQPACKET, &ends[1]),
        waiting("wait, dgram", SOCK_DGRAM, &ends[2]),
    };
    return side_by_side("ns each", works, sizeof works / sizeof works[0], argc, argv);
}
