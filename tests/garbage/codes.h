/*
 * The codes that each call may return.
 */

#ifndef GARBAGE_CODES_H
#define GARBAGE_CODES_H

#include <errno.h>
#include <stdint.h>

#include "udsock.h"

/* Why a path does not lead to a file; udsock_bind lists them. */
#define PATH_CODES -ENOENT, -ENOTDIR, -EACCES, -ELOOP, -ENAMETOOLONG
/* Of every call on a socket: the handle is none, or a poller's. */
#define HANDLE_CODES -EBADF, -ENOTSOCK
/* Of every call on a poller: the handle is none, a socket's, or was closed under the call. */
#define POLLER_CODES -EBADF, -EINVAL, UDSOCK_CLOSED
/* Of every call that waits; by other threads that close: UDSOCK_CLOSED. */
#define WAIT_CODES -EAGAIN, -ETIMEDOUT, UDSOCK_CLOSED
#define BIND_CODES                                                                     \
    -EADDRINUSE, -EEXIST, -EINVAL, PATH_CODES, -EROFS, -ENOSPC, -E2BIG, -EBUSY,        \
    -EOPNOTSUPP, -EPERM, -EIO, -EOVERFLOW
#define CONNECT_CODES                                                                  \
    -EINVAL, -ECONNREFUSED, -EPROTOTYPE, -EISCONN, PATH_CODES, -E2BIG, WAIT_CODES,     \
    -EADDRINUSE, -EEXIST, -EPERM, -EBUSY, -EIO, -EOVERFLOW
#define SEND_CODES                                                                     \
    HANDLE_CODES, -EINVAL, -EPIPE, -ECONNRESET, -ENOTCONN, -EDESTADDRREQ, -EMSGSIZE,         \
    -ENOBUFS, -ECONNREFUSED, -EPERM, WAIT_CODES
#define RECV_CODES HANDLE_CODES, -EINVAL, UDSOCK_EOF, -ECONNRESET, -ENOTCONN, WAIT_CODES

typedef struct allowed {
    const char *name;
    int32_t codes[32];
} allowed;

/* The names without their prefix. What is not here returns no codes. */
static const allowed ALLOWED[] = {
    { "create", { -EINVAL } },
    { "bind", { HANDLE_CODES, BIND_CODES } },
    { "listen", { HANDLE_CODES, -EINVAL, -EOPNOTSUPP, -EEXIST, -EBUSY, -ENOENT } },
    { "accept", { HANDLE_CODES, -EINVAL, -EOPNOTSUPP, -ENODATA, WAIT_CODES } },
    { "connect", { HANDLE_CODES, CONNECT_CODES } },
    { "shutdown", { HANDLE_CODES, -EINVAL, -ENOTCONN } },
    { "close", { -EBADF } },
    { "open_server", { BIND_CODES } },
    { "open_client", { CONNECT_CODES } },
    { "open_datagram", { BIND_CODES } },
    { "open_pair", { -EINVAL } },
    { "adopt", { -EBADF, -ENOTSOCK, -EAFNOSUPPORT, -EEXIST } },
    { "fd", { HANDLE_CODES } },
    { "disown", { HANDLE_CODES } },
    { "release", { HANDLE_CODES } },
    { "send", { SEND_CODES } },
    { "recv", { RECV_CODES, -EMSGSIZE } },
    { "send_all", { SEND_CODES } },
    { "recv_exact", { RECV_CODES, -EOPNOTSUPP } },
    { "sendv", { SEND_CODES } },
    { "recvv", { RECV_CODES, -EMSGSIZE } },
    { "send_to", { SEND_CODES, PATH_CODES, -EPROTOTYPE, -EOPNOTSUPP } },
    { "recv_from", { RECV_CODES, -EMSGSIZE, -ERANGE } },
    { "send_message", { SEND_CODES, PATH_CODES, -EPROTOTYPE, -EOPNOTSUPP, -E2BIG, -ETOOMANYREFS } },
    { "recv_message", { RECV_CODES, -E2BIG, -ERANGE } },
    { "send_batch", { SEND_CODES, PATH_CODES, -EPROTOTYPE, -EOPNOTSUPP, -E2BIG, -ETOOMANYREFS } },
    { "recv_batch", { RECV_CODES, -E2BIG } },
    { "activated", { -EINVAL } },
    { "activated_name", { HANDLE_CODES, -EINVAL, -ENODATA } },
    { "peer_credentials", { HANDLE_CODES, -EINVAL, -ENOTCONN, -ENODATA } },
    { "peer_groups", { HANDLE_CODES, -EINVAL, -ENOTCONN, -ENODATA, -ERANGE, -ENOPROTOOPT } },
    { "peer_pidfd", { HANDLE_CODES, -ENOTCONN, -ENODATA, -ESRCH, -ENOPROTOOPT } },
    { "peer_label", { HANDLE_CODES, -EINVAL, -ENOTCONN, -ERANGE, -ENOPROTOOPT } },
    { "allow_uid", { HANDLE_CODES, -EINVAL, -EOPNOTSUPP } },
    { "allow_gid", { HANDLE_CODES, -EINVAL, -EOPNOTSUPP } },
    { "allow_user", { HANDLE_CODES, -EINVAL, -EOPNOTSUPP } },
    { "allow_group", { HANDLE_CODES, -EINVAL, -EOPNOTSUPP } },
    { "get_option", { HANDLE_CODES, -ENOPROTOOPT, -EINVAL } },
    { "set_option", { HANDLE_CODES, -ENOPROTOOPT, -EINVAL, -EOPNOTSUPP } },
    { "local_address", { HANDLE_CODES, -EINVAL, -ERANGE } },
    { "remote_address", { HANDLE_CODES, -EINVAL, -ERANGE, -ENOTCONN } },
    { "inspect", { -EINVAL, -E2BIG, -EOPNOTSUPP, PATH_CODES } },
    { "cleanup", { 0 } },
    { "cleanup_on_signal", { -EINVAL } },
    { "get_counters", { -EBADF, -EINVAL, -E2BIG, UDSOCK_CLOSED } },
    { "set_log", { -EINVAL, -EBUSY } },
    { "poller_create", { -EINVAL, -E2BIG } },
    { "poller_add", { POLLER_CODES, -ENOTSOCK, -EBUSY } },
    { "poller_remove", { POLLER_CODES, -ENOTSOCK, -ENOENT } },
    { "poller_wait", { POLLER_CODES, -ETIMEDOUT } },
    { "poller_send", { POLLER_CODES } },
    { "poller_wake", { POLLER_CODES } },
    { "poller_fd", { POLLER_CODES } },
    /* Of a poller's items and events. */
    { "item", { SEND_CODES, PATH_CODES, -EPROTOTYPE, -EOPNOTSUPP } },
    { "received", { -EMSGSIZE, -ERANGE } },
    { "failed", { -EINVAL, -EPIPE, -ECONNRESET, -ENOTCONN } },
};

#endif
