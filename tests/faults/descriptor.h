/* Descriptors come in, and go out. */

#ifndef FAULTS_DESCRIPTOR_H
#define FAULTS_DESCRIPTOR_H

#include <fcntl.h>

#include "scenario.h"

/* As systemd passes them: from 3 on. */
enum { FIRST_PASSED = 3, PASSED = 2 };

/* A raw seqpacket pair: one is given away, and how it was. */
static struct {
    int fd, other;
    int close_on_exec, flags, timestamp;
} given;

static int timestamp_of(int fd) {
    int value = -1;
    socklen_t size = sizeof value;
    must(getsockopt(fd, SOL_SOCKET, SO_TIMESTAMP, &value, &size) == 0, "SO_TIMESTAMP");
    return value;
}

static void prepare_given(void) {
    int pair[2];
    it.address = NULL;
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "socketpair");
    given.fd = pair[0];
    given.other = pair[1];
    given.close_on_exec = fcntl(given.fd, F_GETFD);
    given.flags = fcntl(given.fd, F_GETFL);
    given.timestamp = timestamp_of(given.fd);
}

static int64_t adopt(udsock_error *err) {
    return it.server = udsock_adopt(given.fd, err);
}

static void check_as_it_was(int fd) {
    if (fcntl(fd, F_GETFL) != given.flags) wrong("flags %x", fcntl(fd, F_GETFL));
    if (timestamp_of(fd) != given.timestamp) wrong("SO_TIMESTAMP %d", timestamp_of(fd));
}

/* "On failure the descriptor stays the caller's, as it was." */
static void check_adopted(int64_t result) {
    if (result < 0) {
        const int close_on_exec = fcntl(given.fd, F_GETFD);
        if (close_on_exec != given.close_on_exec) wrong("F_GETFD %d", close_on_exec);
        check_as_it_was(given.fd);
        close(given.fd);
    } else if (fcntl(given.fd, F_GETFD) != FD_CLOEXEC) {
        wrong("it is not close-on-exec");
    }
    close(given.other);
}

static void prepare_adopted(void) {
    prepare_given();
    it.client = udsock_adopt(given.fd, NULL);
    must(it.client > 0, "adopt");
}

static int64_t release(udsock_error *err) {
    (void)err;
    const udsock_t s = it.client;
    it.client = 0;
    return udsock_release(s);
}

static void check_released(int64_t result) {
    if (result < 0) return;
    if (fcntl((int)result, F_GETFD) != FD_CLOEXEC) wrong("it is not close-on-exec");
    must(close((int)result) == 0, "close");
}

static void check_given_back(int64_t result) {
    close(given.other);
    check_released(result);
}

static udsock_t activated[PASSED];

/* Two sockets, of which the second can only be adopted after the first. */
static void prepare_activation(void) {
    int pair[2];
    char process[16];
    it.address = NULL;
    must(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0, "socketpair");
    for (int i = 0; i < PASSED; i++) {
        if (pair[i] == FIRST_PASSED + i) continue;
        must(dup2(pair[i], FIRST_PASSED + i) >= 0 && close(pair[i]) == 0, "dup2");
    }
    snprintf(process, sizeof process, "%d", (int)getpid());
    must(setenv("LISTEN_PID", process, 1) == 0 && setenv("LISTEN_FDS", "2", 1) == 0, "setenv");
}

static int64_t activate(udsock_error *err) { return udsock_activated(activated, PASSED, err); }

/* All or none; what was passed stays open. */
static void check_activated(int64_t result) {
    if (result >= 0 && result != PASSED) wrong("%lld were activated", (long long)result);
    /* Without memory the program can call again. */
    const int stay = result == -ENOMEM;
    if ((getenv("LISTEN_FDS") != NULL) != stay) wrong("the variables: %d", !stay);
    for (int i = 0; i < PASSED; i++) {
        if (result >= 0) keep(activated[i]);
        else if (activated[i] != 0) wrong("outputs were written");
        else if (close(FIRST_PASSED + i) != 0) wrong("descriptor %d is gone", FIRST_PASSED + i);
    }
}

static const struct scenario DESCRIPTORS[] = {
    { "adopt", prepare_given, adopt, check_adopted, "adopt", 0, { 0 } },
    { "release", prepare_seqpackets, release, check_released, NULL, 0, { 0 } },
    { "release-adopted", prepare_adopted, release, check_given_back, NULL, 0, { 0 } },
    { "activated", prepare_activation, activate, check_activated, "activated", 0, { 0 } },
};

#endif
