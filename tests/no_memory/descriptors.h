/* Descriptors in and out. */

#ifndef NO_MEMORY_DESCRIPTORS_H
#define NO_MEMORY_DESCRIPTORS_H

#include <stdlib.h>

#include "opening.h"

static void adopted(void) {
    int pair[2];
    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
    udsock_t one = opened(CALL(udsock_adopt, pair[0], &err));
    udsock_t other = opened(CALL(udsock_adopt, pair[1], &err));
    MUST(CALL(udsock_fd, one) == pair[0]);
    MUST(CALL(udsock_disown, one) == 0);
    greet(one, other);
    MUST(CALL(udsock_release, one) == pair[0]);
    close(pair[0]);
    close_it(other);
}

/* Passed as systemd does it, from descriptor 3 on: a socket, a file, a socket. */
static void activated(void) {
    enum { FIRST = 3, COUNT = 3 };
    char text[32], name[32];
    udsock_t passed[COUNT];
    for (int fd = FIRST; fd < FIRST + COUNT; fd++) {
        MUST((fd == FIRST + 1 ? open("/dev/null", O_RDONLY) : socket(AF_UNIX, SOCK_STREAM, 0)) == fd);
    }
    snprintf(text, sizeof text, "%d", getpid());
    setenv("LISTEN_PID", text, 1);
    setenv("LISTEN_FDS", "3", 1);
    setenv("LISTEN_FDNAMES", "first:file:second", 1);
    MUST(CALL(udsock_activated, passed, 1, &err) == -ERANGE);
    MUST(CALL(udsock_activated, passed, COUNT, &err) == 2);
    MUST(CALL(udsock_activated_name, passed[1], name, sizeof name) == 6);
    MUST(strcmp(name, "second") == 0);
    MUST(CALL(udsock_activated, passed, COUNT, &err) == 0);
    close_it(passed[0]);
    close_it(passed[1]);
    close(FIRST + 1);
}

#endif
