/* What can be asked of a socket and of its peer, and what can be set. */

#ifndef FAULTS_PROPERTY_H
#define FAULTS_PROPERTY_H

#include "scenario.h"

static udsock_credentials peer_is;
static char text[UDSOCK_ADDRESS_SIZE];

static int64_t ask_credentials(udsock_error *err) {
    (void)err;
    return udsock_peer_credentials(it.peer, &peer_is);
}

static void check_credentials(int64_t result) {
    if (peer_is.pid != (result < 0 ? 0 : getpid())) wrong("pid %d", peer_is.pid);
}

static int64_t ask_groups(udsock_error *err) {
    uint32_t groups[128];
    (void)err;
    return udsock_peer_groups(it.peer, groups, sizeof groups / sizeof *groups);
}

static int64_t ask_pidfd(udsock_error *err) {
    (void)err;
    return udsock_peer_pidfd(it.peer);
}

static void check_pidfd(int64_t result) {
    if (result >= 0 && close((int)result) != 0) wrong("pidfd %lld", (long long)result);
}

static int64_t ask_label(udsock_error *err) {
    (void)err;
    return udsock_peer_label(it.peer, text, sizeof text);
}

static int64_t allow_user(udsock_error *err) {
    (void)err;
    return udsock_allow_user(it.server, "daemon");
}

static int64_t allow_group(udsock_error *err) {
    (void)err;
    return udsock_allow_group(it.server, "daemon");
}

/* Only after the rule is the door closed. */
static void check_rule(int64_t result) {
    it.client = udsock_open_client(UDSOCK_STREAM, it.path, NULL, NULL);
    it.peer = udsock_accept(it.server, 0, NULL);
    if ((it.peer < 0) != (result >= 0)) wrong("then accept: %s", udsock_error_name(it.peer));
}

static int64_t get_options(udsock_error *err) {
    (void)err;
    for (uint32_t option = UDSOCK_OPTION_KIND; option <= UDSOCK_OPTION_RESTORED; option++) {
        const int64_t value = udsock_get_option(it.peer, option);
        if (value < 0) return value;
    }
    return 0;
}

static const struct {
    uint32_t option;
    int64_t value;
} SETTINGS[] = {
    { UDSOCK_OPTION_SEND_BUFFER, 8192 },     { UDSOCK_OPTION_RECEIVE_BUFFER, 8192 },
    { UDSOCK_OPTION_SPIN_US, 7 },            { UDSOCK_OPTION_RECEIVE_FDS, 1 },
    { UDSOCK_OPTION_RECEIVE_CREDENTIALS, 1 }, { UDSOCK_OPTION_MAX_PER_UID, 5 },
    { UDSOCK_OPTION_RECEIVE_PIDFD, 1 },
};
enum { SETTING_COUNT = sizeof SETTINGS / sizeof *SETTINGS };

static size_t set_count;

static int64_t set_options(udsock_error *err) {
    (void)err;
    for (set_count = 0; set_count < SETTING_COUNT; set_count++) {
        const int64_t value = SETTINGS[set_count].value;
        const int32_t result = udsock_set_option(it.client, SETTINGS[set_count].option, value);
        if (result < 0) return result;
    }
    return 0;
}

static int64_t value_set(size_t i) {
    const int64_t value = udsock_get_option(it.client, SETTINGS[i].option);
    const int is_doubled = SETTINGS[i].option <= UDSOCK_OPTION_RECEIVE_BUFFER;
    return is_doubled ? value / 2 : value;
}

/* What was set is; what failed is as it was. */
static void check_settings(int64_t result) {
    if (result >= 0 && set_count != SETTING_COUNT) wrong("only %zu were set", set_count);
    for (size_t i = 0; i < SETTING_COUNT; i++) {
        const int is_set = value_set(i) == SETTINGS[i].value;
        if (is_set != (i < set_count)) wrong("option %u is %lld", SETTINGS[i].option,
                                             (long long)value_set(i));
    }
}

/* Of a connection to a server with a name that the kernel picked. */
static void prepare_picked_name(void) {
    it.server = udsock_open_server(UDSOCK_STREAM, "@", NULL, NULL);
    must(udsock_local_address(it.server, text, sizeof text) > 0, "local_address");
    it.client = udsock_open_client(UDSOCK_STREAM, text, NULL, NULL);
    it.peer = udsock_accept(it.server, PATIENCE_MS, NULL);
    memset(text, 0, sizeof text);
}

static int64_t ask_addresses(udsock_error *err) {
    (void)err;
    const int64_t local = udsock_local_address(it.peer, text, sizeof text);
    if (local < 0) return local;
    const int64_t remote = udsock_remote_address(it.client, text, sizeof text);
    if (remote >= 0 && remote != local) wrong("%s", text);
    return remote;
}

#define ASK(name, call, check) \
    { name, prepare_stream_connection, call, check, NULL, 0, { -ENODATA } }

static const struct scenario PROPERTIES[] = {
    ASK("peer-credentials", ask_credentials, check_credentials),
    ASK("peer-groups", ask_groups, NULL),
    ASK("peer-pidfd", ask_pidfd, check_pidfd),
    { "peer-label", prepare_stream_connection, ask_label, NULL, NULL, -ENOPROTOOPT, { 0 } },
    { "allow-user", prepare_stream_server, allow_user, check_rule, NULL, 0, { -EINVAL } },
    { "allow-group", prepare_stream_server, allow_group, check_rule, NULL, 0, { -EINVAL } },
    { "get-options", prepare_stream_connection, get_options, NULL, NULL, 0, { 0 } },
    { "set-options", prepare_streams, set_options, check_settings, NULL, 0, { 0 } },
    { "addresses", prepare_picked_name, ask_addresses, NULL, NULL, 0, { 0 } },
};

#endif
