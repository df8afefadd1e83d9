/* A server accepts, or refuses. */

#ifndef FAULTS_ACCEPT_H
#define FAULTS_ACCEPT_H

#include <sys/stat.h>

#include "scenario.h"

enum { NOBODY = 65534 };

static int accept_timeout_ms;

static void connect_client(uint32_t kind) {
    it.client = without_spin(udsock_open_client(kind, it.path, NULL, NULL));
}

static void prepare_stream_client(void) {
    prepare_stream_server();
    connect_client(UDSOCK_STREAM);
}

static void prepare_seqpacket_client(void) {
    prepare_seqpacket_server();
    connect_client(UDSOCK_SEQPACKET);
}

static void prepare_list(void) {
    prepare_stream_client();
    must(udsock_allow_uid(it.server, geteuid()) == 0, "allow_uid");
}

static void prepare_group_list(void) {
    prepare_stream_client();
    must(udsock_allow_gid(it.server, getegid()) == 0, "allow_gid");
}

static void prepare_limit(void) {
    prepare_stream_client();
    must(udsock_set_option(it.server, UDSOCK_OPTION_MAX_PER_UID, 1) == 0, "MAX_PER_UID");
}

/* The client is somebody for whom a user namespace may have no number. */
static void prepare_nobody(void) {
    prepare_stream_server();
    must(chmod(it.path, 0777) == 0, it.path);
    must(setresgid(-1, NOBODY, -1) == 0 && setresuid(-1, NOBODY, -1) == 0, "become nobody");
    connect_client(UDSOCK_STREAM);
    must(setresuid(-1, 0, -1) == 0 && setresgid(-1, 0, -1) == 0, "become root again");
    must(udsock_allow_uid(it.server, NOBODY) == 0, "allow_uid");
    must(udsock_allow_gid(it.server, NOBODY) == 0, "allow_gid");
}

static void prepare_stranger(void) {
    prepare_stream_client();
    must(udsock_allow_uid(it.server, geteuid() + 1) == 0, "allow_uid");
}

static void prepare_patient_server(void) {
    prepare_stream_server();
    accept_timeout_ms = SHORT_MS;
}

/* Blocking, so that it has to be made non-blocking. */
static void prepare_adopted_server(void) {
    prepare_stream_client();
    const int fd = udsock_release(it.server);
    must(unlink(it.path) == 0, it.path);
    it.server = without_spin(udsock_adopt(fd, NULL));
}

static void *connect_later(void *unused) {
    wait_for_call();
    it.client = udsock_open_client(UDSOCK_STREAM, it.path, NULL, NULL);
    return unused;
}

static void prepare_later_client(void) {
    prepare_stream_server();
    accept_timeout_ms = PATIENCE_MS;
    start_helper(connect_later);
}

static int64_t accept_client(udsock_error *err) {
    (void)err;
    return it.peer = udsock_accept(it.server, accept_timeout_ms, NULL);
}

static int64_t accept_known(udsock_error *err) {
    (void)err;
    udsock_credentials who = { 0, 0, 0 };
    it.peer = udsock_accept(it.server, accept_timeout_ms, &who);
    if (it.peer >= 0 && who.pid != getpid()) wrong("pid %d", who.pid);
    if (it.peer < 0 && who.pid != 0) wrong("outputs were written");
    return it.peer;
}

/* Who was not let in is counted; nobody else is. */
static void check_accepted(int64_t result) {
    const int64_t refused = udsock_get_option(it.server, UDSOCK_OPTION_REFUSED);
    if (result >= 0) check_talks(it.client, it.peer);
    if (refused != (result == -EAGAIN)) wrong("%lld were refused", (long long)refused);
}

static void check_stranger(int64_t result) {
    const int64_t refused = udsock_get_option(it.server, UDSOCK_OPTION_REFUSED);
    if (result == -EAGAIN && refused != 1) wrong("%lld were refused", (long long)refused);
}

/* Nobody came, so nobody was refused; the next client is let in. */
static void check_next_client(int64_t result) {
    if (result < 0) it.peer = 0;
    if (it.client == 0) connect_client(UDSOCK_STREAM);
    if (it.peer == 0) it.peer = udsock_accept(it.server, PATIENCE_MS, NULL);
    check_talks(it.client, it.peer);
}

/* Whom the kernel does not tell is refused as those whom no rule names. */
#define REFUSED { -EAGAIN }

static const struct scenario ACCEPTS[] = {
    { "accept", prepare_stream_client, accept_client, check_accepted, NULL, 0, { 0 } },
    { "accept-seqpacket", prepare_seqpacket_client, accept_client, check_accepted, NULL, 0, { 0 } },
    { "accept-known", prepare_stream_client, accept_known, check_accepted, NULL, 0, REFUSED },
    { "accept-listed", prepare_list, accept_client, check_accepted, NULL, 0, REFUSED },
    { "accept-group", prepare_group_list, accept_known, check_accepted, NULL, 0, REFUSED },
    { "accept-limited", prepare_limit, accept_client, check_accepted, NULL, 0, REFUSED },
    { "accept-stranger", prepare_stranger, accept_client, check_stranger, NULL, -EAGAIN, { 0 } },
    { "accept-adopted", prepare_adopted_server, accept_client, check_accepted, NULL, 0, { 0 } },
    { "accept-in-vain", prepare_patient_server, accept_client, check_next_client, NULL, -ETIMEDOUT,
      { 0 } },
    { "accept-waits", prepare_later_client, accept_client, check_next_client, NULL, 0, { 0 } },
};

/* Only root can become somebody else. */
static const struct scenario ROOT_ACCEPTS[] = {
    { "accept-nobody", prepare_nobody, accept_known, check_accepted, NULL, 0, REFUSED },
};

#endif
