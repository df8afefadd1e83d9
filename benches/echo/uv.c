/* An echo server over libuv: uv ADDRESS */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

static void require(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, uv_strerror(result));
        exit(1);
    }
}

/* One buffer serves all: what is read is answered before the next read. */
static void give_buffer(uv_handle_t *client, size_t suggested, uv_buf_t *buffer)
{
    static char room[65536];
    (void)client;
    (void)suggested;
    *buffer = uv_buf_init(room, sizeof room);
}

static void release(uv_handle_t *client)
{
    free(client);
}

/* A client that leaves more answers unread than its socket holds is let go. */
static void echo(uv_stream_t *client, ssize_t length, const uv_buf_t *buffer)
{
    if (length == 0)
        return;
    if (length > 0) {
        uv_buf_t answer = uv_buf_init(buffer->base, (unsigned)length);
        if (uv_try_write(client, &answer, 1) == length)
            return;
    }
    uv_close((uv_handle_t *)client, release);
}

static void serve(uv_stream_t *server, int status)
{
    require(status, "listen");
    uv_pipe_t *client = malloc(sizeof *client);
    if (client == NULL)
        abort();
    require(uv_pipe_init(server->loop, client, 0), "uv_pipe_init");
    require(uv_accept(server, (uv_stream_t *)client), "uv_accept");
    require(uv_read_start((uv_stream_t *)client, give_buffer, echo), "uv_read_start");
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: uv ADDRESS\n");
        return 2;
    }
    uv_loop_t *loop = uv_default_loop();
    uv_pipe_t server;
    require(uv_pipe_init(loop, &server, 0), "uv_pipe_init");
    require(uv_pipe_bind(&server, argv[1]), "uv_pipe_bind");
    require(uv_listen((uv_stream_t *)&server, 4096, serve), "uv_listen");
    return uv_run(loop, UV_RUN_DEFAULT);
}
