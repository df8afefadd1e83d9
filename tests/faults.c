/*
 * A scenario for faults.rs: one call of the library between two marks that strace's log
 * shows, so that every system call of it can be made to fail, and none before or after.
 *
 *     faults SCENARIO PATH [DESCRIPTOR]
 *
 * prints what came of it, a line a fact. The process ends by _exit: what is removed at a
 * normal exit would hide what the call left behind.
 *
 * DESCRIPTOR: strace makes close(2) fail by not calling it, where Linux closes whatever
 * it returns. The program then closes this descriptor in the kernel's place.
 */

#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "faults/poller.h"
#include "udsock.h"

enum { SECONDS_BEFORE_IT_HANGS = 30, CLIENT_TIMEOUT_MS = 5000 };

/* The one call that faults hit; what it needs is made before, without faults. */
enum call { OPEN, LISTEN, CLOSE, POLL };

static const char USER[] = "daemon";

static const struct scenario {
    const char *name;
    enum call call;
    uint32_t kind;
    int over_stale;
    udsock_bind_options options;
} SCENARIOS[] = {
    { "free", OPEN, UDSOCK_STREAM, 0, { .mode = 0 } },
    { "seqpacket", OPEN, UDSOCK_SEQPACKET, 0, { .mode = 0600 } },
    { "datagram", OPEN, UDSOCK_DGRAM, 1, { .mode = 0 } },
    { "stale", OPEN, UDSOCK_STREAM, 1, { .mode = 0 } },
    { "occupied", OPEN, UDSOCK_STREAM, 0, { .mode = 0 } },
    { "replace", OPEN, UDSOCK_STREAM, 0, { .flags = UDSOCK_REPLACE } },
    { "replace-stale", OPEN, UDSOCK_STREAM, 1, { .flags = UDSOCK_REPLACE } },
    { "replace-nothing", OPEN, UDSOCK_STREAM, 0, { .flags = UDSOCK_REPLACE } },
    { "owner", OPEN, UDSOCK_STREAM, 0, { .mode = 0666, .user = USER, .group = USER } },
    { "replace-owner", OPEN, UDSOCK_STREAM, 0,
      { .flags = UDSOCK_REPLACE, .user = USER, .group = USER } },
    { "parents", OPEN, UDSOCK_STREAM, 0, { .flags = UDSOCK_MAKE_PARENTS } },
    { "listen", LISTEN, UDSOCK_STREAM, 0, { .flags = UDSOCK_REPLACE } },
    { "close", CLOSE, UDSOCK_STREAM, 0, { .mode = 0 } },
    { "poller", POLL, UDSOCK_STREAM, 0, { .mode = 0 } },
    { "poller-seqpacket", POLL, UDSOCK_SEQPACKET, 0, { .mode = 0 } },
};

static void must(int success, const char *what) {
    if (success) return;
    perror(what);
    exit(1);
}

static int count_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    must(directory != NULL, "/proc/self/fd");
    int count = 0;
    while (readdir(directory) != NULL) count++;
    closedir(directory);
    return count;
}

/*
 * A dead server's file, or what an earlier run left. The descriptor keeps its inode's number
 * from being used again.
 */
static void leave_stale_file(const char *path) {
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    struct stat status;
    must(strlen(path) < sizeof name.sun_path, path);
    strcpy(name.sun_path, path);
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    must(server >= 0, "socket");
    must(bind(server, (struct sockaddr *)&name, sizeof name) == 0 || errno == EADDRINUSE, path);
    close(server);
    must(open(path, O_PATH | O_NOFOLLOW) >= 0 && lstat(path, &status) == 0, path);
    printf("stale %llu\n", (unsigned long long)status.st_ino);
}

static udsock_t prepared(const struct scenario *scenario, const char *path) {
    udsock_t s = 0;
    if (scenario->call == LISTEN) {
        s = udsock_create(scenario->kind);
        must(udsock_bind(s, path, &scenario->options, NULL) == 0, "bind");
    }
    if (scenario->call == CLOSE || scenario->call == POLL) {
        s = udsock_open_server(scenario->kind, path, &scenario->options, NULL);
    }
    must(s >= 0, "prepare");
    if (scenario->call == POLL) must(prepare_visit(scenario->kind, path), "prepare a visit");
    return s;
}

static int64_t call(const struct scenario *scenario, const char *path, udsock_t s,
                    udsock_error *err) {
    switch (scenario->call) {
    case LISTEN: return udsock_listen(s, 0);
    case CLOSE: return udsock_close(s);
    case POLL: return serve_visit(s);
    case OPEN: break;
    }
    return udsock_open_server(scenario->kind, path, &scenario->options, err);
}

/* Whether the file is as the options say, and leads clients to this server. */
static void check_server(const struct scenario *scenario, const char *path, udsock_t server) {
    const udsock_bind_options *options = &scenario->options;
    const struct passwd *user = getpwnam(USER);
    const struct group *group = getgrnam(USER);
    struct stat status;
    must(user != NULL && group != NULL, USER);
    must(lstat(path, &status) == 0, path);
    mode_t mode = options->mode ? options->mode : 0777 & ~022;
    uid_t uid = options->user ? user->pw_uid : geteuid();
    gid_t gid = options->group ? group->gr_gid : getegid();
    if (status.st_mode != (S_IFSOCK | mode) || status.st_uid != uid || status.st_gid != gid) {
        printf("wrong mode %o, uid %u, gid %u\n", status.st_mode, status.st_uid, status.st_gid);
    }
    const udsock_connect_options patience = { .size = sizeof patience,
                                              .timeout_ms = CLIENT_TIMEOUT_MS };
    udsock_t client = udsock_open_client(scenario->kind, path, &patience, NULL);
    if (client < 0) printf("wrong connect %s\n", udsock_error_name(client));
    if (scenario->kind != UDSOCK_DGRAM) {
        udsock_t peer = udsock_accept(server, CLIENT_TIMEOUT_MS, NULL);
        if (peer < 0) printf("wrong accept %s\n", udsock_error_name(peer));
        udsock_close(peer);
    }
    udsock_close(client);
}

static struct scenario named(const char *name) {
    for (size_t i = 0; i < sizeof SCENARIOS / sizeof SCENARIOS[0]; i++) {
        struct scenario scenario = SCENARIOS[i];
        scenario.options.size = sizeof scenario.options;
        if (strcmp(name, scenario.name) == 0) return scenario;
    }
    fprintf(stderr, "%s: no such scenario\n", name);
    exit(2);
}

static void mark(const char *name) {
    must(access(name, F_OK) != 0, name);
}

int main(int argc, char **argv) {
    if (argc != 3 && argc != 4) return 2;
    const struct scenario scenario = named(argv[1]);
    const char *path = argv[2];
    const int unclosed = argc > 3 ? atoi(argv[3]) : -1;
    alarm(SECONDS_BEFORE_IT_HANGS);
    umask(022);
    if (scenario.over_stale) leave_stale_file(path);

    const int before = count_descriptors();
    const udsock_t s = prepared(&scenario, path);
    udsock_error err = UDSOCK_ERROR_INIT;
    mark("/udsock-begin");
    const int64_t result = call(&scenario, path, s, &err);
    mark("/udsock-end");
    if (unclosed >= 0) must(close(unclosed) == 0, "the descriptor that strace left open");

    printf("result %lld\n", (long long)result);
    if (err.code != 0) printf("code %d\nmessage %s\n", err.code, err.message);
    if (scenario.call != CLOSE) {
        const udsock_t server = scenario.call == OPEN ? result : s;
        if (scenario.call == POLL) end_visit(result);
        else if (result >= 0) check_server(&scenario, path, server);
        if (server >= 0 && udsock_close(server) != 0) puts("wrong close");
    }
    const int after = count_descriptors();
    if (after != before) printf("wrong descriptors: %d, then %d\n", before, after);
    fflush(stdout);
    _exit(0);
}
