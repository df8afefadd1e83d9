/*
 * A server that lets in only the users and groups that are named, tells each client who
 * the kernel says it is, and echoes. Without names the program is a client of that server.
 *
 *     build/authenticated_server /tmp/auth.sock user:alice group:staff
 *     build/authenticated_server /tmp/auth.sock      (in another terminal)
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "udsock.h"

enum { TIMEOUT_MS = 10000 };

static int complain(const char *what, const char *why)
{
    fprintf(stderr, "authenticated_server: %s: %s\n", what, why);
    return 1;
}

/* One client at a time, which is enough here; echo_server.c serves many. */
static void *serve(void *argument)
{
    udsock_t server = *(udsock_t *)argument;
    for (;;) {
        udsock_credentials who; /* They are those of the moment when it connected. */
        udsock_t client = udsock_accept(server, UDSOCK_FOREVER, &who);
        if (client == UDSOCK_CLOSED || client == -EBADF) {
            return NULL;
        }
        if (client < 0) {
            complain("accept", udsock_error_text(client));
            sleep(1);
            continue;
        }
        char buffer[65536];
        int64_t size = snprintf(buffer, sizeof buffer, "you are process %ld, user %lu, group %lu",
                                (long)who.pid, (unsigned long)who.uid, (unsigned long)who.gid);
        while ((size = udsock_send_all(client, buffer, (size_t)size, TIMEOUT_MS, NULL)) >= 0 &&
               (size = udsock_recv(client, buffer, sizeof buffer, TIMEOUT_MS)) >= 0) {
        }
        if (size != UDSOCK_EOF) {
            complain("echo", udsock_error_text(size));
        }
        udsock_close(client);
    }
}

static int ask(const char *path)
{
    udsock_t server = udsock_open_client(UDSOCK_SEQPACKET, path, NULL, NULL);
    int64_t size = server;
    for (int i = 0; i < 2 && size >= 0; i++) {
        char answer[256];
        if (i > 0) {
            udsock_send(server, "thank you", 9, TIMEOUT_MS);
        }
        if ((size = udsock_recv(server, answer, sizeof answer, TIMEOUT_MS)) >= 0) {
            printf("authenticated_server: it says: %.*s\n", (int)size, answer);
        }
    }
    udsock_close(server);
    return size < 0 ? complain("not let in", udsock_error_text(size)) : 0;
}

static int32_t allow(udsock_t server, const char *rule)
{
    if (strncmp(rule, "user:", 5) == 0) {
        return udsock_allow_user(server, rule + 5);
    }
    return strncmp(rule, "group:", 6) == 0 ? udsock_allow_group(server, rule + 6) : -EINVAL;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        return argc == 2 ? ask(argv[1]) : complain("usage", "PATH user:NAME|group:NAME...");
    }
    /* The signals are blocked in every thread: they interrupt no call, and sigwait gets them. */
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);

    /* The file lets everyone connect; the list says who is let in. */
    udsock_bind_options options = { sizeof options, 0, 0666, 0, NULL, NULL };
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t server = udsock_open_server(UDSOCK_SEQPACKET, argv[1], &options, &err);
    if (server < 0) {
        return complain("no server", err.message);
    }
    for (int i = 2; i < argc; i++) { /* Nobody is accepted before the list is complete. */
        int32_t allowed = allow(server, argv[i]);
        if (allowed < 0) {
            return complain(argv[i], udsock_error_text(allowed));
        }
    }
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, &server) != 0) {
        return complain("no server", "no thread for it");
    }
    printf("authenticated_server: serving on %s\n", argv[1]);
    fflush(stdout);

    int signal_number;
    sigwait(&signals, &signal_number);
    int64_t refused = udsock_get_option(server, UDSOCK_OPTION_REFUSED);
    printf("authenticated_server: refused %lld\n", (long long)refused);
    udsock_close(server); /* The file is removed, and the accept returns. */
    pthread_join(thread, NULL);
    return 0;
}
