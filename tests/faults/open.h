/* Servers, datagram sockets and pairs are opened; servers listen, and are closed. */

#ifndef FAULTS_OPEN_H
#define FAULTS_OPEN_H

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>

#include "scenario.h"

static const char USER[] = "daemon";

/* How the server of this scenario is opened. */
static struct {
    uint32_t kind;
    udsock_bind_options options;
} opening = { UDSOCK_STREAM, { .size = sizeof(udsock_bind_options) } };

static int pinned = -1;

/*
 * A dead server's file, or what an earlier run left. The descriptor keeps its inode's number
 * from being used again.
 */
static void leave_stale_file(void) {
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    struct stat status;
    must(strlen(it.path) < sizeof name.sun_path, it.path);
    strcpy(name.sun_path, it.path);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    must(server >= 0, "socket");
    must(bind(server, (struct sockaddr *)&name, sizeof name) == 0 || errno == EADDRINUSE, it.path);
    close(server);
    pinned = open(it.path, O_PATH | O_NOFOLLOW);
    must(pinned >= 0 && lstat(it.path, &status) == 0, it.path);
    printf("stale %llu\n", (unsigned long long)status.st_ino);
}

static void with_owner(void) { opening.options.user = opening.options.group = USER; }

static void prepare_mode(void) {
    opening.kind = UDSOCK_SEQPACKET;
    opening.options.mode = 0600;
}

static void prepare_wide(void) { opening.options.mode = 0777; }

static void prepare_signal(void) {
    must(udsock_cleanup_on_signal(SIGTERM) == 0, "udsock_cleanup_on_signal");
}

/* What is done about it is told, too. */
static void prepare_stale_told(void) {
    leave_stale_file();
    must(setenv("UDSOCK_LOG", "info", 1) == 0, "setenv");
}

static void prepare_stale_datagram(void) {
    leave_stale_file();
    opening.kind = UDSOCK_DGRAM;
}

static void prepare_replace(void) { opening.options.flags = UDSOCK_REPLACE; }

static void prepare_restore(void) { opening.options.flags = UDSOCK_RESTORE_FILE; }

static void prepare_replace_restore(void) {
    opening.options.flags = UDSOCK_REPLACE | UDSOCK_RESTORE_FILE;
}

static void prepare_replace_stale(void) {
    leave_stale_file();
    prepare_replace();
}

static void prepare_replace_owner(void) {
    prepare_replace();
    with_owner();
}

static void prepare_owner(void) {
    with_owner();
    opening.options.mode = 0666;
}

/* By their numbers, for which no file has to be read. */
static void prepare_owner_only(void) {
    static char user[16], group[16];
    const struct passwd *daemon = getpwnam(USER);
    must(daemon != NULL, USER);
    snprintf(user, sizeof user, "%u", (unsigned)daemon->pw_uid);
    snprintf(group, sizeof group, "%u", (unsigned)daemon->pw_gid);
    opening.options.user = user;
    opening.options.group = group;
}

static void prepare_parents(void) { opening.options.flags = UDSOCK_MAKE_PARENTS; }

static void prepare_no_reclaim(void) {
    leave_stale_file();
    opening.options.flags = UDSOCK_NO_RECLAIM;
}

static int64_t open_server(udsock_error *err) {
    return it.server = udsock_open_server(opening.kind, it.address, &opening.options, err);
}

/* Whether the file is as the options say, and leads clients to this server. */
static void check_server(int64_t result) {
    if (result < 0) return;
    const udsock_bind_options *options = &opening.options;
    const struct passwd *user = getpwnam(USER);
    const struct group *group = getgrnam(USER);
    struct stat status;
    must(user != NULL && group != NULL, USER);
    must(lstat(it.path, &status) == 0, it.path);
    mode_t mode = options->mode ? options->mode : 0777 & ~022;
    uid_t uid = options->user ? user->pw_uid : geteuid();
    gid_t gid = options->group ? group->gr_gid : getegid();
    if (status.st_mode != (S_IFSOCK | mode) || status.st_uid != uid || status.st_gid != gid) {
        wrong("mode %o, uid %u, gid %u", status.st_mode, status.st_uid, status.st_gid);
    }
    const udsock_connect_options patience = { .size = sizeof patience, .timeout_ms = PATIENCE_MS };
    it.client = udsock_open_client(opening.kind, it.path, &patience, NULL);
    if (it.client < 0) wrong("connect: %s", udsock_error_name(it.client));
    if (opening.kind == UDSOCK_DGRAM) return;
    it.peer = udsock_accept(it.server, PATIENCE_MS, NULL);
    if (it.peer < 0) wrong("accept: %s", udsock_error_name(it.peer));
}

static void prepare_listen(void) {
    prepare_replace();
    it.server = udsock_create(opening.kind);
    must(udsock_bind(it.server, it.path, &opening.options, NULL) == 0, "bind");
}

static int64_t listen_at_last(udsock_error *err) {
    (void)err;
    return udsock_listen(it.server, 0);
}

static void prepare_lost(void) {
    prepare_restore();
    it.server = udsock_open_server(opening.kind, it.path, &opening.options, NULL);
    must(it.server > 0, "open server");
    must(unlink(it.path) == 0, it.path);
}

/* 0 is an answer, too: it can't be had back, and nothing of it is left. */
static int64_t ask_for_the_path(udsock_error *err) {
    (void)err;
    if (udsock_accept(it.server, 0, NULL) > 0) wrong("nobody has connected");
    return udsock_get_option(it.server, UDSOCK_OPTION_OWNS_FILE);
}

static void check_restored(int64_t result) {
    if (result == 1) check_server(result);
    if (result == 1 && udsock_get_option(it.server, UDSOCK_OPTION_RESTORED) != 1) wrong("count");
}

static int64_t close_server(udsock_error *err) {
    (void)err;
    const udsock_t server = it.server;
    it.server = 0;
    return udsock_close(server);
}

static void prepare_abstract(void) {
    static char name[32];
    snprintf(name, sizeof name, "@udsock-faults-%d", (int)getpid());
    it.address = name;
}

static void prepare_any(void) { it.address = "@"; }
static void prepare_none(void) { it.address = NULL; }

static int64_t open_datagram(udsock_error *err) {
    return it.server = udsock_open_datagram(it.address, NULL, err);
}

static int64_t open_pair(udsock_error *err) {
    (void)err;
    udsock_t pair[2] = { 0, 0 };
    const int32_t result = udsock_open_pair(opening.kind, pair);
    it.client = pair[0];
    it.peer = pair[1];
    return result;
}

static void prepare_pair_of_seqpackets(void) { opening.kind = UDSOCK_SEQPACKET; }

static void check_pair(int64_t result) {
    if (result >= 0) check_talks(it.client, it.peer);
    else if (it.client != 0 || it.peer != 0) wrong("outputs were written");
}

/* What the header gives to whatever keeps it from knowing, or from having, the path. */
#define PATH_CODES { -EADDRINUSE, -EBUSY, -EPERM }

#define OPENING(name, prepare) \
    { name, prepare, open_server, check_server, "open server", 0, PATH_CODES }

static const struct scenario OPENINGS[] = {
    OPENING("free", NULL),
    OPENING("free-with-signal", prepare_signal),
    OPENING("mode", prepare_mode),
    OPENING("wide", prepare_wide),
    OPENING("stale", leave_stale_file),
    OPENING("stale-told", prepare_stale_told),
    OPENING("stale-datagram", prepare_stale_datagram),
    OPENING("replace", prepare_replace),
    OPENING("replace-stale", prepare_replace_stale),
    OPENING("owner", prepare_owner),
    OPENING("owner-only", prepare_owner_only),
    OPENING("replace-owner", prepare_replace_owner),
    OPENING("parents", prepare_parents),
    OPENING("restore", prepare_restore),
    OPENING("replace-restore", prepare_replace_restore),
    { "restored", prepare_lost, ask_for_the_path, check_restored, NULL, 1, { 0 } },
    { "occupied", NULL, open_server, NULL, "open server", -EADDRINUSE, PATH_CODES },
    { "no-reclaim", prepare_no_reclaim, open_server, NULL, "open server", -EADDRINUSE,
      PATH_CODES },
    { "listen", prepare_listen, listen_at_last, check_server, NULL, 0, PATH_CODES },
    { "close", prepare_stream_server, close_server, NULL, NULL, 0, { -EBUSY } },
    { "abstract", prepare_abstract, open_server, NULL, "open server", 0, { 0 } },
    { "datagram", NULL, open_datagram, NULL, "open datagram", 0, PATH_CODES },
    { "datagram-any", prepare_any, open_datagram, NULL, "open datagram", 0, { 0 } },
    { "datagram-unnamed", prepare_none, open_datagram, NULL, "open datagram", 0, { 0 } },
    { "pair", NULL, open_pair, check_pair, NULL, 0, { 0 } },
    { "pair-seqpacket", prepare_pair_of_seqpackets, open_pair, check_pair, NULL, 0, { 0 } },
};

#endif
