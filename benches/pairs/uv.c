/*
 * The two parties over libuv's pipes, which are streams. Each write is tried at once, and
 * only what does not fit is queued. See pair.h for the command line.
 */
#define _GNU_SOURCE
#include <uv.h>

#include "pair.h"

static struct task task;
static struct clocks start;
static char *buffer;
static uv_loop_t *loop;
static uv_pipe_t listener, connection;
static uv_connect_t connecting;
static int is_warm;

/* How many operations are left, and how many bytes of the present one are to come. */
static long left;
static size_t missing;

static int must(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, uv_strerror(result));
        exit(1);
    }
    return result;
}

/* What the socket did not take at once: the buffer's content never changes. */
struct rest {
    uv_write_t request;
    void (*then)(void);
};

static void rest_is_out(uv_write_t *request, int status)
{
    struct rest *rest = (struct rest *)request;
    void (*then)(void) = rest->then;
    must(status, "uv_write");
    free(rest);
    if (then != NULL)
        then();
}

/* 1 if everything is out; else `then` is called once it is. */
static int send_all(size_t size, void (*then)(void))
{
    uv_buf_t whole = uv_buf_init(buffer, (unsigned)size);
    int sent = uv_try_write((uv_stream_t *)&connection, &whole, 1);
    if (sent == UV_EAGAIN)
        sent = 0;
    if ((size_t)must(sent, "uv_try_write") == size)
        return 1;
    struct rest *rest = allocate(sizeof *rest);
    uv_buf_t end = uv_buf_init(buffer + sent, (unsigned)(size - (size_t)sent));
    rest->then = then;
    must(uv_write(&rest->request, (uv_stream_t *)&connection, &end, 1, rest_is_out), "uv_write");
    return 0;
}

static void send_many(void);

static void begin(void)
{
    left = is_warm ? task.count : warm_up_of(&task);
    missing = task.size;
    if (is_warm)
        start = read_clocks();
    if (task.is_server || is_work(&task, "connect"))
        return;
    if (is_work(&task, "transfer"))
        send_many();
    else
        send_all(task.size, NULL);
}

static void operation_is_done(void)
{
    if (--left > 0)
        return;
    if (is_warm) {
        report(&task, start);
        exit(0);
    }
    is_warm = 1;
    begin();
}

static void send_many(void)
{
    while (left > 1) {
        left--;
        if (!send_all(task.size, send_many))
            return;
    }
    /* The last operation is done when the receiver says that all have come. */
    missing = 1;
    send_all(task.size, NULL);
}

static void connect_again(void);

static void connection_is_closed(uv_handle_t *handle)
{
    (void)handle;
    operation_is_done();
    if (!task.is_server)
        connect_again();
}

static void message_is_complete(void)
{
    missing = task.size;
    if (is_work(&task, "transfer")) {
        if (task.is_server && left == 1)
            send_all(1, NULL);
        operation_is_done();
        return;
    }
    if (is_work(&task, "connect")) {
        if (task.is_server)
            send_all(task.size, NULL);
        uv_close((uv_handle_t *)&connection, connection_is_closed);
        return;
    }
    if (task.is_server || left > 1)
        send_all(task.size, NULL);
    operation_is_done();
}

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    (void)handle, (void)suggested;
    *room = uv_buf_init(buffer, (unsigned)read_size(&task));
}

static void data_came(uv_stream_t *stream, ssize_t received, const uv_buf_t *room)
{
    (void)stream, (void)room;
    if (received == UV_EOF)
        exit(1);
    size_t size = (size_t)must((int)received, "uv_read_start");
    while (size >= missing && size > 0) {
        size -= missing;
        message_is_complete();
    }
    missing -= size;
}

static void start_reading(void)
{
    must(uv_read_start((uv_stream_t *)&connection, give_buffer, data_came), "uv_read_start");
}

static void is_connected(uv_connect_t *request, int status)
{
    (void)request;
    must(status, "uv_pipe_connect");
    start_reading();
    if (is_work(&task, "connect"))
        send_all(task.size, NULL);
    else
        begin();
}

static void connect_again(void)
{
    must(uv_pipe_init(loop, &connection, 0), "uv_pipe_init");
    uv_pipe_connect(&connecting, &connection, task.address, is_connected);
}

static void somebody_connects(uv_stream_t *server, int status)
{
    must(status, "uv_listen");
    must(uv_pipe_init(loop, &connection, 0), "uv_pipe_init");
    must(uv_accept(server, (uv_stream_t *)&connection), "uv_accept");
    start_reading();
}

int main(int argc, char **argv)
{
    task = parse_task(argc, argv);
    buffer = allocate(read_size(&task));
    loop = uv_default_loop();
    if (task.is_server) {
        must(uv_pipe_init(loop, &listener, 0), "uv_pipe_init");
        must(uv_pipe_bind(&listener, task.address), "uv_pipe_bind");
        must(uv_listen((uv_stream_t *)&listener, SOMAXCONN, somebody_connects), "uv_listen");
        say_ready();
    }
    if (task.is_server || is_work(&task, "connect"))
        begin();
    if (!task.is_server)
        connect_again();
    return uv_run(loop, UV_RUN_DEFAULT);
}
