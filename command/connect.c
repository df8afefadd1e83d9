/* udsock connect: a client of any kind. */

#define _GNU_SOURCE
#include "talk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static options chosen;
static atomic_bool input_has_ended;
static udsock_t client;

/* Takes the kind of the server, unless one was given. */
static void look_for_kind(void)
{
    udsock_inspection found = { .size = sizeof found };
    if (chosen.is_kind_given || udsock_inspect(chosen.address, &found, NULL) < 0) return;
    if (found.state == UDSOCK_LIVE && found.kind != 0) chosen.kind = found.kind;
}

/* Whether connecting failed because there is no server. (A connect that waited for one in vain ends
 * with a timeout.) */
static bool is_nobody_there(int64_t error)
{
    udsock_inspection found = { .size = sizeof found };
    if (error == -ENOENT || error == -ECONNREFUSED) return true;
    return error == -ETIMEDOUT && udsock_inspect(chosen.address, &found, NULL) == 0
           && (found.state == UDSOCK_ABSENT || found.state == UDSOCK_STALE);
}

static int64_t open_client(udsock_error *err)
{
    const udsock_connect_options how = {
        .size = sizeof how,
        /* (In these options a timeout of 0 means to wait for ever.) */
        .flags = chosen.timeout_ms == 0 ? UDSOCK_DONT_WAIT : chosen.retries ? UDSOCK_RETRY : 0,
        .timeout_ms = chosen.timeout_ms,
        .local_address = chosen.local != NULL ? chosen.local
                         : chosen.kind == UDSOCK_DGRAM ? "@" : NULL,
    };
    return udsock_open_client(chosen.kind, chosen.address, &how, err);
}

/* Everything that comes, until the end; of datagrams until nothing has come for a while after the
 * last was sent. */
static void *show_all(void *unused)
{
    static received came;
    (void)unused;
    for (;;) {
        int64_t size = receive(client, UDSOCK_FOREVER, &came);
        if (size >= 0) {
            show(&chosen, &came);
        } else if (size != -EINTR) {
            if (size != UDSOCK_EOF && size != UDSOCK_CLOSED) {
                complain("connect", udsock_error_text(size));
                exit(FAILED);
            }
            /* What is read from standard input may still be sent. */
            if (size == UDSOCK_EOF && !input_has_ended) {
                fprintf(stderr, "* the other end sends no more\n");
            }
            return NULL;
        }
    }
}

/* Sends a message, with the descriptor, if it was not sent yet. */
static int64_t send_one(const char *data, size_t size, int *descriptor)
{
    int32_t descriptors[] = { *descriptor };
    udsock_message message = {
        .size = sizeof message,
        .data = (void *)data,
        .data_size = size,
        .descriptors = descriptors,
        .descriptors_count = *descriptor >= 0 && (size > 0 || chosen.kind != UDSOCK_STREAM),
    };
    if (message.descriptors_count == 0) return udsock_send_all(client, data, size, -1, NULL);
    int64_t sent = udsock_send_message(client, &message, UDSOCK_FOREVER);
    if (sent < 0) return sent;
    close(*descriptor);
    *descriptor = -1;
    if ((size_t)sent == size) return sent;
    return udsock_send_all(client, data + sent, size - (size_t)sent, UDSOCK_FOREVER, NULL);
}

static int send_all(int descriptor)
{
    static char buffer[MOST_BYTES];
    int64_t size;
    while ((size = next_input(&chosen, buffer, sizeof buffer, true)) >= 0) {
        int64_t sent = send_one(buffer, (size_t)size, &descriptor);
        if (sent < 0) return complain("connect", udsock_error_text(sent));
    }
    if (size == FAILED_INPUT) return FAILED;
    if (descriptor >= 0) complain("connect", "nothing was sent that the descriptor could go with");
    return YES;
}

int connect_command(int argc, char **argv)
{
    udsock_error err = UDSOCK_ERROR_INIT;
    pthread_t reader;
    int result = read_options("connect", "krcdltyh", argc, argv, &chosen);
    if (result >= 0) return result;
    int descriptor = -1;
    if (chosen.file != NULL && (descriptor = open(chosen.file, O_RDONLY | O_CLOEXEC)) < 0) {
        fprintf(stderr, "udsock connect: %s: %s\n", chosen.file, strerror(errno));
        return FAILED;
    }
    look_for_kind();
    if (chosen.local != NULL) leave_no_file();
    client = open_client(&err);
    if (client < 0) {
        fprintf(stderr, "udsock: %s\n", err.message);
        return is_nobody_there(client) ? NO : FAILED;
    }
    udsock_set_option(client, UDSOCK_OPTION_RECEIVE_FDS, 1);
    if (chosen.shows_credentials) {
        udsock_set_option(client, UDSOCK_OPTION_RECEIVE_CREDENTIALS, 1);
    }
    if (pthread_create(&reader, NULL, show_all, NULL) != 0) return complain("connect", "no thread");
    result = send_all(descriptor);
    input_has_ended = true;
    if (chosen.kind == UDSOCK_DGRAM) {
        /* Datagrams have no end: answers are waited for so long. */
        int32_t ms = chosen.timeout_ms;
        nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000L }, NULL);
        udsock_close(client);
    } else {
        udsock_shutdown(client, UDSOCK_WRITE);
    }
    pthread_join(reader, NULL);
    udsock_close(client);
    return result;
}
