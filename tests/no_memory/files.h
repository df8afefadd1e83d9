/* What is at a path, and what becomes of it. */

#ifndef NO_MEMORY_FILES_H
#define NO_MEMORY_FILES_H

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>

#include "opening.h"

/* A socket of another library's. */
static int raw_server(const char *path) {
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    strcpy(name.sun_path, path);
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(server >= 0 && bind(server, (struct sockaddr *)&name, sizeof name) == 0);
    MUST(listen(server, 5) == 0);
    return server;
}

static void leave_stale_file(const char *path) {
    close(raw_server(path));
}

static void over_stale_files(void) {
    const udsock_bind_options leave = { .size = sizeof leave, .flags = UDSOCK_NO_RECLAIM };
    leave_stale_file("server");
    MUST(CALL(udsock_open_server, UDSOCK_STREAM, "server", &leave, &err) == -EADDRINUSE);
    serve_at(UDSOCK_STREAM, "server", NULL);
    leave_stale_file("server");
    udsock_t s = opened(CALL(udsock_create, UDSOCK_SEQPACKET));
    MUST(CALL(udsock_bind, s, "server", NULL, &err) == 0);
    close_it(s);
}

/* A dead server's file that this user has no access to; root has to everything. */
static void without_permission(void) {
    const int is_root = geteuid() == 0;
    const uid_t user = is_root ? 1 : geteuid();
    MUST(chmod(".", 0777 | S_ISVTX) == 0 && seteuid(user) == 0);
    leave_stale_file("server");
    MUST(chmod("server", 0) == 0);
    serve_at(UDSOCK_STREAM, "server", NULL);
    MUST(!is_root || seteuid(0) == 0);
}

static void occupied(void) {
    const int live = raw_server("server"), file = open("file", O_CREAT | O_CLOEXEC, 0644);
    udsock_t s = opened(CALL(udsock_create, UDSOCK_STREAM));
    MUST(CALL(udsock_open_server, UDSOCK_STREAM, "server", NULL, &err) == -EADDRINUSE);
    MUST(CALL(udsock_bind, s, "server", NULL, &err) == -EADDRINUSE);
    MUST(CALL(udsock_open_server, UDSOCK_STREAM, "file", NULL, &err) == -EEXIST);
    MUST(CALL(udsock_bind, s, "free", NULL, &err) == 0);
    close_it(s);
    close(live);
    close(file);
    MUST(unlink("server") == 0 && unlink("file") == 0);
}

static void replaced(void) {
    const udsock_bind_options replace = { .size = sizeof replace, .flags = UDSOCK_REPLACE };
    udsock_t old = serve(UDSOCK_STREAM, "server", &replace);
    udsock_t new = serve(UDSOCK_STREAM, "server", &replace);
    MUST(CALL(udsock_get_option, old, UDSOCK_OPTION_OWNS_FILE) == 0);
    MUST(CALL(udsock_get_option, new, UDSOCK_OPTION_OWNS_FILE) == 1);
    close_it(old);
    udsock_t newest = opened(CALL(udsock_create, UDSOCK_STREAM));
    MUST(CALL(udsock_bind, newest, "server", &replace, &err) == 0);
    MUST(CALL(udsock_listen, newest, 0) == 0);
    close_it(new);
    visit(UDSOCK_STREAM, "server", newest);
    close_it(newest);
}

static void restored(void) {
    const udsock_bind_options restore = { .size = sizeof restore, .flags = UDSOCK_RESTORE_FILE };
    udsock_t server = serve(UDSOCK_STREAM, "server", &restore);
    MUST(unlink("server") == 0);
    MUST(CALL(udsock_accept, server, 0, NULL) == -EAGAIN);
    MUST(CALL(udsock_get_option, server, UDSOCK_OPTION_RESTORED) == 1);
    visit(UDSOCK_STREAM, "server", server);
    close_it(server);
}

/* Who holds the lock is looked for. (It takes a second, so no other call has its faults here.) */
static void locked(void) {
    const udsock_bind_options replace = { .size = sizeof replace, .flags = UDSOCK_REPLACE };
    const int directory = open(".", O_RDONLY | O_CLOEXEC);
    udsock_t s = udsock_create(UDSOCK_STREAM);
    MUST(udsock_bind(s, "server", &replace, NULL) == 0);
    MUST(flock(directory, LOCK_EX) == 0);
    MUST(CALL(udsock_listen, s, 0) == -EBUSY);
    close(directory);
    close_it(s);
}

static void made_parents(void) {
    const udsock_bind_options make = { .size = sizeof make, .flags = UDSOCK_MAKE_PARENTS };
    serve_at(UDSOCK_STREAM, "made/deeper/still/server", &make);
    MUST(rmdir("made/deeper/still") == 0 && rmdir("made/deeper") == 0 && rmdir("made") == 0);
    udsock_t s = opened(CALL(udsock_create, UDSOCK_STREAM));
    MUST(CALL(udsock_bind, s, "made/deeper/server", &make, &err) == 0);
    close_it(s);
    MUST(rmdir("made/deeper") == 0 && rmdir("made") == 0);
}

/* Only root can give files away. */
static void owned_by_name(void) {
    char user[256], group[256];
    expect_names();
    snprintf(user, sizeof user, "%s", getpwuid(geteuid() == 0 ? 1 : geteuid())->pw_name);
    snprintf(group, sizeof group, "%s", getgrgid(geteuid() == 0 ? 1 : getegid())->gr_name);
    const udsock_bind_options owned = { .size = sizeof owned, .user = user, .group = group };
    serve_at(UDSOCK_STREAM, "server", &owned);
    const udsock_bind_options narrow = { .size = sizeof narrow, .mode = 0600 };
    serve_at(UDSOCK_STREAM, "server", &narrow);
}

static void inspected(void) {
    udsock_inspection found = { .size = sizeof found };
    char name[64];
    snprintf(name, sizeof name, "@udsock-no-memory-%d", getpid());
    udsock_t server = serve(UDSOCK_SEQPACKET, "server", NULL);
    udsock_t nameless = serve(UDSOCK_STREAM, name, NULL);
    leave_stale_file("stale");
    MUST(mkdir("directory", 0700) == 0);

    MUST(CALL(udsock_inspect, "server", &found, &err) == 0 && found.state == UDSOCK_LIVE);
    MUST(found.kind == UDSOCK_SEQPACKET && found.pid == getpid());
    MUST(CALL(udsock_inspect, name, &found, &err) == 0 && found.pid == getpid());
    MUST(CALL(udsock_inspect, "stale", &found, &err) == 0 && found.state == UDSOCK_STALE);
    MUST(CALL(udsock_inspect, "directory", &found, &err) == 0);
    MUST(found.state == UDSOCK_NOT_A_SOCKET);
    MUST(CALL(udsock_inspect, "nothing", &found, &err) == 0 && found.state == UDSOCK_ABSENT);

    MUST(unlink("stale") == 0 && rmdir("directory") == 0);
    close_it(server);
    close_it(nameless);
}

static void cleaned_up(void) {
    udsock_t s = serve(UDSOCK_STREAM, "server", NULL);
    MUST(CALL(udsock_cleanup_on_signal, SIGTERM) == 0);
    MUST(CALL(udsock_cleanup, ) == 1);
    close_it(s);
}

static void do_nothing(void) {
}

/* The C library has room for some exit handlers, and then takes memory for more. */
static void exit_handlers(void) {
    enum { AS_MANY_AS_A_BLOCK_HOLDS = 32 };
    const int64_t before = allocator.outstanding;
    while (allocator.outstanding == before) MUST(atexit(do_nothing) == 0);
    for (int i = 1; i < AS_MANY_AS_A_BLOCK_HOLDS; i++) MUST(atexit(do_nothing) == 0);
    serve_at(UDSOCK_STREAM, "server", NULL);
}

#endif
