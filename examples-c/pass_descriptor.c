/*
 * An agent opens a file and passes its descriptor to each worker that connects. A worker
 * reads the file without the right to open it: if root starts a worker, it becomes the user
 * nobody first.
 *
 *     build/pass_descriptor agent /tmp/agent.sock /etc/shadow     (until Ctrl-C or SIGTERM)
 *     build/pass_descriptor worker /tmp/agent.sock                (in another terminal)
 */
#define _DEFAULT_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "udsock.h"

/* If it has not succeeded, says why and ends; then the agent's file is removed, too. */
static void require(int succeeded, const char *what, const char *why)
{
    if (!succeeded) {
        fprintf(stderr, "pass_descriptor: %s: %s\n", what, why);
        exit(1);
    }
}

/* A file's name and its descriptor, or room for them. */
static udsock_message message_of(char *name, size_t size, int32_t *fd)
{
    udsock_message message;
    memset(&message, 0, sizeof message);
    message.size = sizeof message;
    message.data = name;
    message.data_size = message.data_capacity = size;
    message.descriptors = fd;
    message.descriptors_count = message.descriptors_capacity = 1;
    return message;
}

static void be_agent(const char *path, char *file)
{
    int32_t fd = open(file, O_RDONLY | O_CLOEXEC);
    require(fd >= 0, file, strerror(errno));

    /* The signals are blocked and interrupt no call: poll waits for them as for a client. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    require(signal_fd >= 0, "signalfd", strerror(errno));
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_bind_options open_to_all = { sizeof open_to_all, 0, 0666, 0, NULL, NULL };
    udsock_t server = udsock_open_server(UDSOCK_SEQPACKET, path, &open_to_all, &err);
    require(server >= 0, "agent", err.message);
    printf("agent: serving on %s\n", path);
    fflush(stdout);
    udsock_message message = message_of(file, strlen(file), &fd);
    struct pollfd waits[2] = { { signal_fd, POLLIN, 0 }, { udsock_fd(server), POLLIN, 0 } };
    while (poll(waits, 2, -1) > 0 && waits[0].revents == 0) {
        udsock_t worker = udsock_accept(server, 0, NULL);
        require(worker >= 0, "accept", udsock_error_text(worker));
        int64_t sent = udsock_send_message(worker, &message, 0);
        printf("agent: %s: %s\n", file, sent < 0 ? udsock_error_text(sent) : "passed");
        udsock_close(worker);
    }
    close(signal_fd);
    close(fd);
    require(udsock_close(server) == 0, path, "could not be removed");
}

static void be_worker(const char *path)
{
    if (geteuid() == 0) {
        struct passwd *nobody = getpwnam("nobody");
        require(nobody != NULL && setgroups(0, NULL) == 0 && setgid(nobody->pw_gid) == 0
                && setuid(nobody->pw_uid) == 0, "become nobody", strerror(errno));
    }
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t agent = udsock_create(UDSOCK_SEQPACKET);
    int32_t asked = udsock_set_option(agent, UDSOCK_OPTION_RECEIVE_FDS, 1); /* It comes at once. */
    require(asked == 0, "socket", udsock_error_text(agent < 0 ? agent : asked));
    require(udsock_connect(agent, path, NULL, &err) == 0, "worker", err.message);

    char text[4096] = { 0 };
    int32_t fd;
    udsock_message message = message_of(text, sizeof text - 1, &fd);
    int64_t size = udsock_recv_message(agent, &message, UDSOCK_FOREVER);
    require(size >= 0, "receive", udsock_error_text(size));
    require(message.descriptors_count == 1, text, "came without a descriptor");
    require(open(text, O_RDONLY | O_CLOEXEC) < 0, text, "this worker may open it itself");
    printf("worker: open %s: %s\n", text, strerror(errno));
    /* All holders of the descriptor share its position, so it is not used. */
    for (off_t at = 0; (size = pread(fd, text, sizeof text, at)) > 0; at += size) {
        fwrite(text, 1, (size_t)size, stdout);
    }
    require(size == 0, "read", strerror(errno));
    close(fd);
    udsock_close(agent);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "agent") == 0) {
        be_agent(argv[2], argv[3]);
    } else if (argc == 3 && strcmp(argv[1], "worker") == 0) {
        be_worker(argv[2]);
    } else {
        fputs("usage: pass_descriptor agent PATH FILE | worker PATH\n", stderr);
        return 2;
    }
    return 0;
}
