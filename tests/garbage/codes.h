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
/* Of every call that waits; by other threads that close: UDSOCK_CLOSED. */
#define WAIT_CODES -EAGAIN, -ETIMEDOUT, UDSOCK_CLOSED
#define BIND_CODES                                                                     \
    -EADDRINUSE, -EEXIST, -EINVAL, PATH_CODES, -EROFS, -ENOSPC, -E2BIG, -EBUSY,        \
    -EOPNOTSUPP, -EPERM
#define CONNECT_CODES                                                                  \
    -EINVAL, -ECONNREFUSED, -EPROTOTYPE, -EISCONN, PATH_CODES, -E2BIG, WAIT_CODES,     \
    -EADDRINUSE, -EEXIST, -EPERM, -EBUSY
#define SEND_CODES                                                                     \
    -EBADF, -EINVAL, -EPIPE, -ECONNRESET, -ENOTCONN, -EDESTADDRREQ, -EMSGSIZE,         \
    -ENOBUFS, -ECONNREFUSED, -EPERM, WAIT_CODES
#define RECV_CODES -EBADF, -EINVAL, UDSOCK_EOF, -ECONNRESET, -ENOTCONN, WAIT_CODES

typedef struct allowed {
    const char *name;
    int32_t codes[32];
} allowed;

/* The names without their prefix. What is not here returns no codes. */
static const allowed ALLOWED[] = {
    { "create", { -EINVAL } },
    { "bind", { -EBADF, BIND_CODES } },
    { "listen", { -EBADF, -EINVAL, -EOPNOTSUPP, -EEXIST, -EBUSY, -ENOENT } },
    { "accept", { -EBADF, -EINVAL, -EOPNOTSUPP, -ENODATA, WAIT_CODES } },
    { "connect", { -EBADF, CONNECT_CODES } },
    { "shutdown", { -EBADF, -EINVAL, -ENOTCONN } },
    { "close", { -EBADF } },
    { "open_server", { BIND_CODES } },
    { "open_client", { CONNECT_CODES } },
    { "open_datagram", { BIND_CODES } },
    { "open_pair", { -EINVAL } },
    { "adopt", { -EBADF, -ENOTSOCK, -EAFNOSUPPORT, -EEXIST } },
    { "fd", { -EBADF } },
    { "disown", { -EBADF } },
    { "release", { -EBADF } },
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
    { "activated_name", { -EBADF, -EINVAL, -ENODATA } },
    { "peer_credentials", { -EBADF, -EINVAL, -ENOTCONN, -ENODATA } },
    { "peer_groups", { -EBADF, -EINVAL, -ENOTCONN, -ENODATA, -ERANGE, -ENOPROTOOPT } },
    { "peer_pidfd", { -EBADF, -ENOTCONN, -ENODATA, -ENOPROTOOPT } },
    { "peer_label", { -EBADF, -EINVAL, -ENOTCONN, -ERANGE, -ENOPROTOOPT } },
    { "allow_uid", { -EBADF, -EINVAL, -EOPNOTSUPP } },
    { "allow_gid", { -EBADF, -EINVAL, -EOPNOTSUPP } },
    { "allow_user", { -EBADF, -EINVAL, -EOPNOTSUPP } },
    { "allow_group", { -EBADF, -EINVAL, -EOPNOTSUPP } },
    { "get_option", { -EBADF, -ENOPROTOOPT, -EINVAL } },
    { "set_option", { -EBADF, -ENOPROTOOPT, -EINVAL, -EOPNOTSUPP } },
    { "local_address", { -EBADF, -EINVAL, -ERANGE } },
    { "remote_address", { -EBADF, -EINVAL, -ERANGE, -ENOTCONN } },
    { "inspect", { -EINVAL, -E2BIG, PATH_CODES } },
    { "cleanup", { 0 } },
    { "cleanup_on_signal", { -EINVAL } },
};

#endif
