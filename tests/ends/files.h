/* The files of a program that ends, one of each sort. */

#ifndef ENDS_FILES_H
#define ENDS_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../check.h"
#include "udsock.h"

/* The files that go with the program, and those that stay. */
static const char *const to_go[] = { "stream", "seqpacket", "datagram", "bound" };
static const char *const to_stay[] = { "adopted", "disowned", "kept", "foreign" };
enum { TO_GO = sizeof to_go / sizeof to_go[0], TO_STAY = sizeof to_stay / sizeof to_stay[0] };

static int directory;
static udsock_t server;

static udsock_t open_server(uint32_t kind, const char *path, uint32_t flags)
{
    udsock_bind_options options = { sizeof options, flags, 0, 0, NULL, NULL };
    udsock_error err = UDSOCK_ERROR_INIT;
    udsock_t opened = udsock_open_server(kind, path, &options, &err);
    if (opened < 0) {
        fprintf(stderr, "ends.c: %s\n", err.message);
        _exit(98);
    }
    return opened;
}

static void open_all(void)
{
    server = open_server(UDSOCK_STREAM, "stream", 0);
    open_server(UDSOCK_SEQPACKET, "seqpacket", 0);
    CHECK(udsock_open_datagram("datagram", NULL, NULL) > 0);
    CHECK(udsock_bind(udsock_create(UDSOCK_STREAM), "bound", NULL, NULL) == 0);
    /* Under a private name until it listens, which it never does. */
    udsock_bind_options replace = { sizeof replace, UDSOCK_REPLACE, 0, 0, NULL, NULL };
    CHECK(udsock_bind(udsock_create(UDSOCK_STREAM), "staged", &replace, NULL) == 0);
    CHECK(udsock_close(open_server(UDSOCK_STREAM, "closed", 0)) == 0);

    struct sockaddr_un name = { AF_UNIX, "adopted" };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(bind(fd, (struct sockaddr *)&name, sizeof name) == 0);
    CHECK(udsock_adopt(fd, NULL) > 0);
    CHECK(udsock_disown(open_server(UDSOCK_STREAM, "disowned", 0)) == 0);
    open_server(UDSOCK_STREAM, "kept", UDSOCK_KEEP_FILE);
    open_server(UDSOCK_STREAM, "foreign", 0);
    CHECK(unlink("foreign") == 0);
    CHECK(close(open("foreign", O_CREAT | O_WRONLY, 0600)) == 0);

    /* What was bound by a relative path is found from everywhere. */
    CHECK(chdir("/") == 0);
}

static int all_are_there(void)
{
    for (int i = 0; i < TO_GO; i++) {
        CHECK(faccessat(directory, to_go[i], F_OK, 0) == 0);
    }
    for (int i = 0; i < TO_STAY; i++) {
        CHECK(faccessat(directory, to_stay[i], F_OK, 0) == 0);
    }
    return 1;
}

#endif
