/* Who is at the other end, and who may be. */

#ifndef NO_MEMORY_PEERS_H
#define NO_MEMORY_PEERS_H

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>

#include "opening.h"

enum { MANY_GROUPS = 300, OVERFLOW_ID = 65534 };

static void peers(void) {
    char label[256];
    gid_t groups[MANY_GROUPS];
    uint32_t found[MANY_GROUPS];
    udsock_credentials who;
    udsock_t pair[2];
    for (gid_t i = 0; i < MANY_GROUPS; i++) groups[i] = 1000 + i;
    const int many = geteuid() == 0 && setgroups(MANY_GROUPS, groups) == 0;

    MUST(CALL(udsock_open_pair, UDSOCK_STREAM, pair) == 0);
    MUST(CALL(udsock_peer_credentials, pair[0], &who) == 0 && who.pid == getpid());
    const int64_t count = CALL(udsock_peer_groups, pair[0], found, MANY_GROUPS);
    MUST(many ? count == MANY_GROUPS : count >= 0);
    /* These two not with every kernel. */
    const int32_t pidfd = (int32_t)CALL(udsock_peer_pidfd, pair[0]);
    if (pidfd >= 0) close(pidfd);
    MUST(CALL(udsock_peer_label, pair[0], label, sizeof label) > 0 || result == -ENOPROTOOPT);
    close_it(pair[0]);
    close_it(pair[1]);
}

/* One more comes in, and stays. */
static udsock_t enter(udsock_t server, udsock_t *client) {
    *client = opened(CALL(udsock_open_client, UDSOCK_STREAM, "server", NULL, &err));
    return CALL(udsock_accept, server, 0, NULL);
}

static void allowed(void) {
    char user[256], group[256];
    udsock_t clients[3], connections[3];
    expect_names();
    snprintf(user, sizeof user, "%s", getpwuid(geteuid())->pw_name);
    snprintf(group, sizeof group, "%s", getgrgid(getegid())->gr_name);
    udsock_t server = serve(UDSOCK_STREAM, "server", NULL);
    MUST(CALL(udsock_allow_gid, server, 64000) == 0);
    MUST(enter(server, &clients[0]) == -EAGAIN);
    close_it(clients[0]);
    MUST(CALL(udsock_allow_group, server, group) == 0);
    connections[0] = opened(enter(server, &clients[0]));
    MUST(CALL(udsock_allow_uid, server, 1) == 0);
    MUST(CALL(udsock_allow_user, server, user) == 0);
    connections[1] = opened(enter(server, &clients[1]));
    MUST(CALL(udsock_set_option, server, UDSOCK_OPTION_MAX_PER_UID, 2) == 0);
    MUST(enter(server, &clients[2]) == -EAGAIN);
    MUST(CALL(udsock_get_option, server, UDSOCK_OPTION_REFUSED) == 2);
    for (int i = 0; i < 2; i++) close_it(connections[i]);
    for (int i = 0; i < 3; i++) close_it(clients[i]);
    close_it(server);
}

/* Counted before anything else is asked; and by a user whose number may be anybody's. */
static void counted(void) {
    const int is_root = geteuid() == 0;
    udsock_t client;
    udsock_t server = serve(UDSOCK_STREAM, "server", NULL);
    MUST(CALL(udsock_set_option, server, UDSOCK_OPTION_MAX_PER_UID, 1) == 0);
    MUST(chmod("server", 0777) == 0 && (!is_root || seteuid(OVERFLOW_ID) == 0));
    udsock_t connection = opened(enter(server, &client));
    MUST(!is_root || seteuid(0) == 0);
    close_it(connection);
    close_it(client);
    close_it(server);
}

#endif
