/*
 * Calls that make sockets, and those that end them.
 */

#ifndef GARBAGE_SOCKETS_H
#define GARBAGE_SOCKETS_H

#include <fcntl.h>
#include <netinet/in.h>

#include "arguments.h"

static void call_create(thread *t) {
    begin(t, "create");
    keep(t, check(t, udsock_create(any_kind(t))));
}

static void call_bind(thread *t) {
    udsock_t s = on_handle(t, "bind");
    udsock_bind_options *options = any_bind_options(t);
    story story = new_story(t);
    int64_t result = check(t, udsock_bind(s, any_place(t, options), options, story.error));
    check_story(t, story, "bind", result);
    free(options);
}

static void call_listen(thread *t) {
    udsock_t s = on_handle(t, "listen");
    check(t, udsock_listen(s, percent(t, 50) ? (int32_t)below(t, 3) : (int32_t)number(t)));
}

static void call_accept(thread *t) {
    udsock_t s = on_handle(t, "accept");
    int32_t timeout = any_timeout(t);
    udsock_credentials *peer = percent(t, 95) ? NULL : canaries(sizeof *peer);
    udsock_t connection = udsock_accept(s, timeout, peer);
    check_timed(t, timeout, connection);
    if (peer != NULL && is_untouched(peer, sizeof *peer) != (connection < 0)) fail(t, "peer");
    if (peer != NULL && connection >= 0 && peer->pid != getpid()) fail(t, "pid %d", peer->pid);
    free(peer);
    keep(t, connection);
}

static void call_connect(thread *t) {
    const char *address;
    udsock_t s = on_handle(t, "connect");
    udsock_connect_options *options = any_connect_options(t, &address);
    story story = new_story(t);
    check_story(t, story, "connect", check(t, udsock_connect(s, address, options, story.error)));
    free(options);
}

static void call_shutdown(thread *t) {
    udsock_t s = on_handle(t, "shutdown");
    check(t, udsock_shutdown(s, percent(t, 80) ? 1 + (uint32_t)below(t, 2) : any_bits(t)));
}

static void call_close(thread *t) {
    udsock_t s = on_handle(t, "close");
    if (check(t, udsock_close(s)) == 0) {
        bury(t, s);
        if (udsock_close(s) != -EBADF) fail(t, "closed twice");
    }
}

static void call_open_server(thread *t) {
    begin(t, "open_server");
    udsock_bind_options *options = any_bind_options(t);
    story story = new_story(t);
    udsock_t s = udsock_open_server(any_kind(t), any_place(t, options), options, story.error);
    check_story(t, story, "open server", check(t, s));
    free(options);
    keep(t, s);
}

static void call_open_client(thread *t) {
    const char *address;
    begin(t, "open_client");
    udsock_connect_options *options = any_connect_options(t, &address);
    story story = new_story(t);
    udsock_t s = udsock_open_client(any_kind(t), address, options, story.error);
    check_story(t, story, "open client", check(t, s));
    free(options);
    keep(t, s);
}

static void call_open_datagram(thread *t) {
    begin(t, "open_datagram");
    udsock_bind_options *options = any_bind_options(t);
    story story = new_story(t);
    udsock_t s = udsock_open_datagram(any_address(t), options, story.error);
    check_story(t, story, "open datagram", check(t, s));
    free(options);
    keep(t, s);
}

static void call_open_pair(thread *t) {
    begin(t, "open_pair");
    udsock_t *out = percent(t, 5) ? NULL : canaries(2 * sizeof *out);
    if (check(t, udsock_open_pair(any_kind(t), out)) == 0) {
        keep(t, out[0]);
        keep(t, out[1]);
    } else if (out != NULL && !is_untouched(out, 2 * sizeof *out)) {
        fail(t, "out was written");
    }
    free(out);
}

/* ---- calls: descriptors */

/* A descriptor of the program's own, and what adopt has to say to it. */
static int any_descriptor(thread *t, int64_t *verdict) {
    int pair[2];
    switch (below(t, 8)) {
    case 0:
        *verdict = -ENOTSOCK;
        return open("file", O_RDONLY | O_CLOEXEC);
    case 1:
        *verdict = -EBADF;
        return open("file", O_PATH | O_CLOEXEC);
    case 2:
        *verdict = -EAFNOSUPPORT;
        return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    case 3:
        *verdict = -ENOTSOCK;
        if (pipe2(pair, O_CLOEXEC) != 0) abort();
        break;
    default:
        *verdict = 0;
        if (socketpair(AF_UNIX, (int)ONE_OF(t, KINDS) | SOCK_CLOEXEC, 0, pair) != 0) abort();
    }
    close(pair[1]);
    return pair[0];
}

static void adopt(thread *t, int fd, int64_t verdict) {
    story story = new_story(t);
    udsock_t s = udsock_adopt(fd, story.error);
    check_story(t, story, "adopt", check(t, s));
    if (verdict == 0 ? s < 0 : s != verdict) {
        fail(t, "descriptor %d: %s", fd, udsock_error_name(s));
    }
    keep(t, s);
}

static void call_adopt(thread *t) {
    static const int NEVER_OPEN[] = { -1, INT_MIN, INT_MAX, 1 << 30 };
    int64_t verdict = -EBADF;
    begin(t, "adopt");
    if (percent(t, 20)) {
        adopt(t, ONE_OF(t, NEVER_OPEN), verdict);
        return;
    }
    int fd = any_descriptor(t, &verdict);
    if (fd < 0) abort();
    adopt(t, fd, verdict);
    if (verdict != 0) {
        close(fd);
        /* Other threads may open something that gets the number. */
        if (alone) adopt(t, fd, -EBADF);
    }
}

static void call_fd(thread *t) {
    udsock_t s = on_handle(t, "fd");
    int fd = udsock_fd(s);
    check(t, fd);
    if (fd >= 0 && alone) {
        if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) fail(t, "%d is not close-on-exec", fd);
        begin(t, "adopt");
        adopt(t, fd, -EEXIST);
    }
}

static void call_disown(thread *t) {
    udsock_t s = on_handle(t, "disown");
    check(t, udsock_disown(s));
}

static void call_release(thread *t) {
    udsock_t s = on_handle(t, "release");
    int fd = udsock_release(s);
    if (check(t, fd) < 0) return;
    bury(t, s);
    if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) fail(t, "%d is not close-on-exec", fd);
    if (percent(t, 50)) {
        close(fd);
        return;
    }
    begin(t, "adopt");
    adopt(t, fd, 0);
}

#endif
