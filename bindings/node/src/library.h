// The C library, loaded at run time. JavaScript says which file it is.

#ifndef UDSOCK_NODE_LIBRARY_H
#define UDSOCK_NODE_LIBRARY_H

#include <udsock.h>

#define LIBRARY_FUNCTIONS(X)                                                              \
    X(accept) X(adopt) X(allow_gid) X(allow_group) X(allow_uid) X(allow_user) X(bind)     \
    X(cleanup) X(close) X(connect) X(create) X(disown) X(error_name) X(error_text) X(fd)  \
    X(get_counters) X(get_option) X(inspect) X(listen) X(local_address) X(open_client) X(open_datagram)   \
    X(open_pair) X(open_server) X(peer_credentials) X(peer_groups) X(peer_label)          \
    X(peer_pidfd) X(poller_add) X(poller_create) X(poller_fd) X(poller_remove)            \
    X(poller_send) X(poller_wait) X(recv_message) X(release) X(remote_address) X(send)    \
    X(send_message) X(set_log) X(set_option) X(shutdown) X(version) X(version_string)

struct library {
#define FUNCTION(name) __typeof__(udsock_##name) *name;
    LIBRARY_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

/** The library of the process. It is never unloaded, since its threads may run until the end. */
extern struct library library;

/** Loads it, once a process, if it is of this version (as udsock_version has it) or a later one.
 * Returns NULL, or what is wrong. */
const char *load_library(const char *file, uint32_t needed);

#endif
