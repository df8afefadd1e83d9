/*
 * libudsock: Unix domain sockets (stream, datagram, seqpacket) on Linux.
 *
 * A server that answers one client after the other, and a client:
 *
 *     udsock_error err = UDSOCK_ERROR_INIT;
 *     udsock_t server = udsock_open_server(UDSOCK_STREAM, "/tmp/echo.sock", NULL, &err);
 *     if (server < 0) { fprintf(stderr, "%s\n", err.message); return 1; }
 *     for (;;) {
 *         udsock_t peer = udsock_accept(server, UDSOCK_FOREVER, NULL);
 *         int64_t n = udsock_recv(peer, buffer, sizeof buffer, UDSOCK_FOREVER);
 *         if (n > 0) udsock_send_all(peer, buffer, (size_t)n, UDSOCK_FOREVER, NULL);
 *         udsock_close(peer);
 *     }
 *
 *     udsock_t client = udsock_open_client(UDSOCK_STREAM, "/tmp/echo.sock", NULL, &err);
 *
 * The other kinds are UDSOCK_SEQPACKET and UDSOCK_DGRAM (udsock_open_datagram).
 *
 * Most programs need ten calls:
 *
 *     udsock_open_server, udsock_accept     a server, and its next client
 *     udsock_open_client                    a client
 *     udsock_open_datagram                  a datagram socket
 *     udsock_send_all, udsock_recv          bytes of a stream, or a message
 *     udsock_send_to, udsock_recv_from      a datagram, and whom it is to or from
 *     udsock_peer_credentials               who the peer is
 *     udsock_close                          closes a handle; removes a server's file
 *
 * The sections of this header, in their order:
 *
 *     Codes of this library's own
 *     Errors in words
 *     Handles, kinds, how to bind and how to connect
 *     In one call: what most programs need (a server, a client, a datagram socket, a pair)
 *     Step by step: POSIX's verbs (create, bind, listen, accept, connect, shutdown, close)
 *     Descriptors in and out: adopt one, borrow one, release one
 *     Activation: sockets that a service manager passed
 *     Data: send and receive: some, all, parts, with addresses
 *     Messages, many in one call: with descriptors and credentials
 *     Who is at the other end, and who may be
 *     Properties of a socket
 *     Addresses
 *     What is at an address
 *     Clean-up
 *     Many sockets, few calls: the poller
 *     Counters
 *     What the library does by itself: a log
 *     Version
 *
 * Conventions, the same for every call:
 *
 * Results. 0 and above is success: a handle, a count, or 0. Below 0 is an error: -errno as the
 * system gives it (-EAGAIN, -ECONNREFUSED), or one of this library's own codes (UDSOCK_EOF,
 * UDSOCK_CLOSED, UDSOCK_PANIC), which lie below -4096. The library does not use errno itself.
 *
 * Handles. A udsock_t is a number. It is neither a descriptor nor a pointer. It is 2^32 or more,
 * and fits into a double exactly. Every call returns -EBADF for a handle that was closed, or never
 * was one; such a handle never reaches another socket, nor a socket of another copy of the library
 * in the program. A poller's handle is -ENOTSOCK where a socket's is needed, and a socket's handle
 * is -EINVAL where a poller's is needed.
 *
 * Time. Every call that can wait takes timeout_ms. UDSOCK_FOREVER: it waits as long as it
 * takes. 0: it does not wait (-EAGAIN if it would have to). Above 0: it waits so many
 * milliseconds (then -ETIMEDOUT, never earlier). Less than UDSOCK_FOREVER is -EINVAL.
 *
 * Signals. A signal handler that runs while a call sleeps ends the call with -EINTR. Nothing
 * is lost: call again. A handler that runs at another moment does not end the call: right
 * before the sleep (as with read(2)), or while the call still tries again before it sleeps
 * (UDSOCK_OPTION_SPIN_US). The call then sleeps all the same. So do not use a signal alone to
 * end a wait. Let a thread wait for the signal (sigwait(3), signalfd(2)), and let that thread
 * close the handle, or call udsock_poller_wake. A signal handler may make no call of the
 * library. The library never raises SIGPIPE. It installs no handler unless it is asked to
 * (udsock_cleanup_on_signal).
 *
 * The end. UDSOCK_EOF says that the peer sends no more. 0 is never the end: it is an empty message,
 * which datagram and seqpacket sockets really have.
 *
 * Outputs. A call writes its outputs only on success. Exceptions: it writes a udsock_error
 * only on failure, and progress (a count of bytes, the result of each message) in both cases.
 * A buffer to receive into must not be of size 0, and no length may be above SSIZE_MAX:
 * -EINVAL. A NULL where something is needed is -EINVAL.
 *
 * Memory. A call that lacks memory returns -ENOMEM. Nothing is lost: call again. The library
 * never ends the program for lack of memory.
 *
 * Threads. Every thread may make every call, also on the same handle. udsock_close ends the calls
 * that wait on the handle: they return UDSOCK_CLOSED. No call is a cancellation point: a thread
 * that pthread_cancel asks to end does so after the call has returned. To end a thread that waits,
 * close the handle, or call udsock_poller_wake, and then join the thread.
 *
 * Processes. A forked child may make every call, whatever other threads of its parent did at
 * that moment. No call waits for a thread that only the parent has. One exception comes from
 * the C library: if another thread was making the process's first look-up of a user's or a
 * group's name at the fork, a look-up in the child may hang. A child of vfork may make no
 * call.
 *
 * Options are structs whose first field is their size: set it to sizeof. NULL stands for all
 * defaults, and so does 0 in every field. Unknown flags and reserved fields that are not 0 are
 * -EINVAL. A struct that is longer than this library knows is accepted if the rest is 0, else it
 * is -E2BIG.
 *
 * Addresses are text. A path has up to 4095 bytes, however short sun_path is. "@name" is an
 * abstract name, which has no file; behind the "@" the escapes \0, \\ and \xNN stand for any
 * byte, and \z at the end stands for NULs up to the end of sun_path (108 bytes). Some programs
 * bind another name than the one that they are given: HAProxy's "abns@name" and Node.js 20's
 * "\0name" are "@name\z" here, uWSGI's "@name" is "@name\0", and PostgreSQL's "@name" is
 * "@name/.s.PGSQL.5432". "@" alone is a name that the kernel picks. For a file whose name
 * begins with "@" write "./@name". The library never cuts an address to fit.
 *
 * Descriptors are close-on-exec from the first moment.
 */

#ifndef UDSOCK_H
#define UDSOCK_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define UDSOCK_MUST_USE __attribute__((warn_unused_result))
#else
#define UDSOCK_MUST_USE
#endif

/* The version of this header, as a number and in parts: see udsock_version. */
#define UDSOCK_VERSION_MAJOR 0
#define UDSOCK_VERSION_MINOR 2
#define UDSOCK_VERSION_PATCH 0
#define UDSOCK_VERSION \
    (UDSOCK_VERSION_MAJOR * 10000 + UDSOCK_VERSION_MINOR * 100 + UDSOCK_VERSION_PATCH)

/* An empty udsock_error, ready for use. */
#define UDSOCK_ERROR_INIT { (uint32_t)sizeof(udsock_error), 0, { 0 } }

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------
 * Codes of this library's own
 */

/** The end: the peer sends no more. The peer may still receive. */
#define UDSOCK_EOF -4097

/** The handle was closed by another thread while this call was waiting on it. */
#define UDSOCK_CLOSED -4098

/**
 * An error inside the library. The call reports it instead of ending the program. Please
 * report it to the project.
 */
#define UDSOCK_PANIC -4099

/* ------------------------------------------------------------------------
 * Errors in words
 */

/** The size of the text in a udsock_error, its NUL included. */
#define UDSOCK_MESSAGE_SIZE 256

/**
 * What went wrong, in words. The calls that open, bind, connect, adopt and inspect take one as
 * their last argument, or NULL. The struct is the caller's: initialise it with
 * UDSOCK_ERROR_INIT. A call writes it only if it fails.
 */
typedef struct udsock_error {
    /** sizeof(udsock_error). 0 counts as 264, the size of the first version. */
    uint32_t size;
    /** The code that the call returned. */
    int32_t code;
    /**
     * What was tried, on which address, what stood in the way, and what to do: "open server
     * /run/app.sock: a regular file is there, which is not a socket; it was left alone. Remove
     * it or choose another path". The text always ends with a NUL.
     */
    char message[UDSOCK_MESSAGE_SIZE];
} udsock_error;

/**
 * The name of a code, such as "EADDRINUSE" or "UDSOCK_EOF".
 *
 * Returns a static string for every number: "OK" for 0 and above, "UNKNOWN" for a number that
 * is no code.
 */
const char *udsock_error_name(int64_t code);

/**
 * A code in words, in English: "Address already in use".
 *
 * Returns a static string for every number.
 */
const char *udsock_error_text(int64_t code);

/* ------------------------------------------------------------------------
 * Handles, kinds, how to bind and how to connect
 */

/** A kind of socket: bytes in order, without bounds, over a connection (SOCK_STREAM). */
#define UDSOCK_STREAM 1

/**
 * A kind of socket: messages, each on its own, without a connection (SOCK_DGRAM). On Unix
 * sockets the kernel does not lose, duplicate or reorder a message that it has taken: a full
 * queue makes the sender wait. A message can be lost only with its receiver: in the queue of a
 * socket that is closed or connects again, or in what a poller keeps for that receiver
 * (udsock_poller_send).
 */
#define UDSOCK_DGRAM 2

/** A kind of socket: messages in order, over a connection (SOCK_SEQPACKET). */
#define UDSOCK_SEQPACKET 5

/** For timeout_ms: wait as long as it takes. */
#define UDSOCK_FOREVER -1

/**
 * Bind flag: take the path over, even from a live server. The new server gets the path when it
 * listens, with its mode and owner, in one step: clients that connect in a loop see no error.
 * The old server keeps its connections and its queue; its UDSOCK_OPTION_OWNS_FILE turns 0. It
 * should go on accepting until nothing has come for a while (100 ms, say: a client may have
 * looked the path up just before), and then close. Peers see a private name in the same
 * directory (".udsock-...") as the server's address, since the socket was bound to that first.
 *
 * Some file systems support no flags of renameat2(2) (most FUSE file systems, NFS), and a
 * filter of system calls may refuse it. Then a takeover takes two steps under the lock of the
 * directory (udsock_bind). At a free path a file without a server stands for an instant first,
 * and refuses clients (ECONNREFUSED). At a taken path, a file that is not a socket is lost if
 * it appears between the last look and the rename.
 *
 * Not for datagrams: -EOPNOTSUPP.
 */
#define UDSOCK_REPLACE 1

/** Bind flag: leave a dead server's file where it is. Then the bind is -EADDRINUSE. */
#define UDSOCK_NO_RECLAIM 2

/** Bind flag: leave the file when the socket is closed. */
#define UDSOCK_KEEP_FILE 4

/**
 * Bind flag: make the directories that are missing, with mode 0755 less the umask. The bind is
 * -EPERM if everyone may write to the socket's directory, or to the one in which the first
 * missing directory was made, and that directory has no sticky bit.
 */
#define UDSOCK_MAKE_PARENTS 8

/**
 * Bind flag: the server gets its path back when it has lost it. A server loses its path when
 * somebody removes the file (a program that was replaced and removes its path when it ends; a
 * clean-up of /tmp), or when another program takes the path, as many servers do. It stays the
 * same socket, with its queue and its connections. It gets the path back at once while
 * udsock_accept or a poller waits for it (but not a forked child's poller), and otherwise when
 * the program reads UDSOCK_OPTION_OWNS_FILE. UDSOCK_OPTION_RESTORED says how often.
 *
 * A server with UDSOCK_REPLACE takes the path all the same, and keeps it: two servers of this
 * library never take it from each other in turn. Another program, whose file this server
 * replaces, runs on without a path. A server that loses its path more than 8 times in a minute
 * gives it up for good. If something stands in the way (no rights, no descriptors, something
 * at the path that is not a socket, another process that holds the lock of the directory), the
 * server tries again: within a second while udsock_accept or a poller waits for it, with the
 * next call of udsock_accept, and when the program reads UDSOCK_OPTION_OWNS_FILE, which is 0
 * until the server has the path back.
 *
 * For this the file has a second name beside the path, ".udsock-...-spare", as long as the
 * server lives, and the process has three descriptors more. If somebody removes the
 * second name the server makes it anew; if somebody removes both at once, or their directory,
 * the path is lost. The bind may fail with these codes. -EOPNOTSUPP: the file system has no
 * links, or the socket is a datagram socket. -EACCES: the mode does not let the file's owner
 * read it, and this process is not root. -EADDRINUSE: another server has this flag for this
 * path, or such a server was killed and a forked child still has its socket. -EEXIST:
 * something that is not a socket has the second name. -EPERM: a dead server of another user
 * has left the second name, in a sticky directory. -EMFILE: no descriptors are left, or the
 * user has as many inotify(7) instances (each such server is one, and other programs have
 * some) as fs.inotify.max_user_instances allows (often 128); the message says which. -ENOSPC:
 * as many files are watched as fs.inotify.max_user_watches allows. -ENOENT: /proc is not
 * there.
 */
#define UDSOCK_RESTORE_FILE 16

/**
 * Connect flag: while there is no server (no file: ENOENT; nobody behind it: ECONNREFUSED) try
 * again until the timeout, with pauses that grow from 50 microseconds to 20 ms. The call also
 * tries again, for a second, after EACCES and EPERM, since many servers make their file first
 * and open it to others afterwards. With UDSOCK_DONT_WAIT udsock_connect makes one attempt, for
 * a program that has an event loop. If another attempt makes sense the result is -EAGAIN, and
 * the program calls again with the same socket, after a pause of its own. (The second counts
 * from the first attempt that was refused.)
 */
#define UDSOCK_RETRY 1

/** Connect flag: return -EAGAIN if the server's queue is full, instead of waiting. */
#define UDSOCK_DONT_WAIT 2

/**
 * A handle: a socket or a poller of this process, a number from 2^32 to 2^53 - 1. A result of
 * this type that is below 0 is an error code.
 */
typedef int64_t udsock_t;

/**
 * How to bind. An abstract name has no file: with it only backlog, UDSOCK_NO_RECLAIM and
 * UDSOCK_KEEP_FILE may be set, and everything else is -EINVAL.
 */
typedef struct udsock_bind_options {
    /** sizeof(udsock_bind_options). */
    uint32_t size;
    /**
     * UDSOCK_REPLACE, UDSOCK_NO_RECLAIM, UDSOCK_KEEP_FILE, UDSOCK_MAKE_PARENTS,
     * UDSOCK_RESTORE_FILE, or 0.
     */
    uint32_t flags;
    /**
     * The permission bits of the socket file, exactly these, whatever the umask is. A client
     * needs the write bit to connect. They hold from the first moment: where the umask has to
     * be overruled, the file has fewer bits for an instant, never more. The library reads them
     * back: if the file system does not keep them, the call is -EOPNOTSUPP, and no file is
     * left. 0: 0777 less the umask, or what the file system makes of that.
     */
    uint32_t mode;
    /**
     * How many connections may wait to be accepted. Only udsock_open_server uses it; after
     * udsock_bind, the argument of udsock_listen says how many. 0 and below: as many as the
     * system allows (net.core.somaxconn).
     */
    int32_t backlog;
    /**
     * The file's owner: a user's name or number. Nobody can connect before the owner is set.
     * NULL: the user who makes it. -EINVAL: there is no such user. -EPERM: this process may
     * not give files to that user. -EOPNOTSUPP: the file system keeps no owners.
     */
    const char *user;
    /**
     * The file's group: a group's name or number. NULL: as the system sets it. The errors are
     * those of user.
     */
    const char *group;
} udsock_bind_options;

/** How to connect. */
typedef struct udsock_connect_options {
    /** sizeof(udsock_connect_options). */
    uint32_t size;
    /** UDSOCK_RETRY, UDSOCK_DONT_WAIT, both (udsock_connect), or 0. */
    uint32_t flags;
    /**
     * How long to wait, in milliseconds, for room in the server's queue, and with UDSOCK_RETRY
     * for the server. 0 and UDSOCK_FOREVER: as long as it takes.
     */
    int32_t timeout_ms;
    /** 0. */
    uint32_t reserved;
    /**
     * An address to bind the client to first, so that the server sees who calls and can answer
     * datagrams: a path, "@name", or "@" for a name that the kernel picks. NULL: none.
     */
    const char *local_address;
} udsock_connect_options;

/**
 * A process, and the user and group that it acts for. Each of the three is known or unknown by
 * itself.
 */
typedef struct udsock_credentials {
    /**
     * The process. 0: unknown. A process of a PID namespace that this process can't see is 0,
     * too; its user and group are known all the same.
     */
    int32_t pid;
    /**
     * Its effective user. UINT32_MAX: unknown, or a user who has no number in this user
     * namespace.
     */
    uint32_t uid;
    /**
     * Its effective group. UINT32_MAX: unknown, or a group that has no number in this user
     * namespace.
     */
    uint32_t gid;
} udsock_credentials;

/* ------------------------------------------------------------------------
 * In one call: what most programs need
 */

/**
 * A server: a socket that is bound to the address and listens. A server of the kind
 * UDSOCK_DGRAM is only bound. udsock_close removes its file. If anything fails, nothing is
 * left behind.
 *
 * Returns its handle.
 *
 * Errors: as of udsock_create, udsock_bind and udsock_listen.
 */
UDSOCK_MUST_USE
udsock_t udsock_open_server(uint32_t kind,
                            const char *address,
                            const udsock_bind_options *options,
                            udsock_error *err);

/**
 * A client: a socket that is connected to the address. If anything fails, nothing is left
 * behind.
 *
 * Returns its handle.
 *
 * Errors: as of udsock_create and udsock_connect. Also:
 * -EINVAL: UDSOCK_RETRY with UDSOCK_DONT_WAIT, which are for attempts that the same socket makes.
 */
UDSOCK_MUST_USE
udsock_t udsock_open_client(uint32_t kind,
                            const char *address,
                            const udsock_connect_options *options,
                            udsock_error *err);

/**
 * A datagram socket that is bound to the address. `address`: a path or an abstract name. "@":
 * the kernel picks an abstract name, so that answers arrive and no file is made. NULL: no
 * name, for a sender that wants no answer.
 *
 * Returns its handle.
 *
 * Errors: as of udsock_create and udsock_bind.
 */
UDSOCK_MUST_USE
udsock_t udsock_open_datagram(const char *address,
                              const udsock_bind_options *options,
                              udsock_error *err);

/**
 * Two sockets that are connected with each other. `out`: room for two handles.
 *
 * Returns 0.
 *
 * Errors: as of udsock_create.
 */
int32_t udsock_open_pair(uint32_t kind, udsock_t *out);

/* ------------------------------------------------------------------------
 * Step by step: POSIX's verbs
 */

/** For udsock_shutdown: nothing more will be received. */
#define UDSOCK_READ 1

/** For udsock_shutdown: nothing more will be sent. The peer sees the end. */
#define UDSOCK_WRITE 2

/**
 * A new socket, without a name or a peer. `kind`: UDSOCK_STREAM, UDSOCK_DGRAM or
 * UDSOCK_SEQPACKET.
 *
 * Returns its handle.
 *
 * -EINVAL: there is no such kind.
 * -EMFILE, -ENFILE: no descriptors are left.
 */
UDSOCK_MUST_USE udsock_t udsock_create(uint32_t kind);

/**
 * Gives the socket a name: creates the socket file, or takes the abstract name. The path is
 * bound as it is written. The library finds the file again, to remove it, even after chdir(2)
 * and after its directory was renamed. A path that does not fit into sun_path (108 bytes) is
 * bound through a descriptor of its directory. Clients connect to the path as to any other,
 * but they see another name as the socket's address, and can't answer datagrams that come from
 * it.
 *
 * A dead server's file is removed first. A live server's file is removed only with
 * UDSOCK_REPLACE. A server is live even if it does not listen yet, if its queue is full, if it
 * is of another kind, or if only a forked child still has it. A live server does not notice
 * this check. The library removes, replaces and publishes files under flock(2) on the
 * directory. (If some users may write to the directory but not read it, the lock is on the
 * next directory above that everyone may read.)
 *
 * A socket belongs to the file that it was bound to. Another layer of file systems may show a
 * second file for it: the upper directory of an overlay, what lies below a FUSE file system, a
 * hard link there. The kernel does not lead from that second file to the socket. So through
 * that file a live server looks dead, both to clients (ECONNREFUSED) and to this call, which
 * removes the file. All programs should use a socket through the same layer.
 *
 * Without /proc (in a chroot) this call works for paths of up to 107 bytes, with two
 * differences: no message names the process that is in the way, and a mode with bits that the
 * umask excludes takes Linux 6.6. If the lack of /proc is the cause of an error, the message
 * says so.
 *
 * If the call fails it leaves no file. After an error that comes from the path (taken, not
 * there, no permission) the socket has no name, and can be bound elsewhere. After a later
 * error (the file can't get its mode, its owner or its path) the socket keeps the name that
 * the kernel has given it, and every further bind is -EINVAL.
 *
 * Returns 0.
 *
 * -EADDRINUSE: a live server is at the path, or a socket of this kind has the name.
 * -EBUSY: another process has held the lock of the directory for more than a second; or a file
 * system is mounted on the path.
 * -EEXIST: something that is not a socket is at the path; the library never touches it.
 * -EINVAL: the socket is bound already, another thread is binding it, the path ends in a
 * slash, or an argument has no meaning.
 * -ENOENT, -ENOTDIR, -EACCES, -EROFS, -ENOSPC, -ELOOP: as of bind(2). Also -ENOENT: the path
 * is longer than 107 bytes, and /proc is not there; or a directory of the path was renamed or
 * replaced, or the working directory changed, during the call.
 * -EPERM: a dead server's file in a sticky directory is another user's; the file system has no
 * sockets (sshfs, mqueue, cgroup2); or see udsock_bind_options and UDSOCK_MAKE_PARENTS.
 * -EIO: the file system has no sockets (exfat-fuse), or it fails.
 * -EOVERFLOW: this user or group has no number on the mount, which is idmapped.
 * -ENAMETOOLONG: the path has 4096 bytes or more, a component of it more than 255, or an
 * abstract name more than 107.
 * -EOPNOTSUPP: UDSOCK_REPLACE for a datagram socket; or the file system does not keep the mode
 * or the owner that was asked for, and the message says what the file has instead.
 */
int32_t udsock_bind(udsock_t s,
                    const char *address,
                    const udsock_bind_options *options,
                    udsock_error *err);

/**
 * Lets clients connect. `backlog`: how many clients may wait to be accepted (the kernel adds
 * one); 0 and below: as many as the system allows. A second call changes the backlog. After a
 * bind with UDSOCK_REPLACE this call takes the path over.
 *
 * Returns 0.
 *
 * -EINVAL: the socket has no name, or is connected.
 * -EOPNOTSUPP: a datagram socket.
 * -EEXIST, -EBUSY: after UDSOCK_REPLACE, as of udsock_bind.
 */
int32_t udsock_listen(udsock_t s, int32_t backlog);

/**
 * Waits for the next client. The client gets a handle of its own; close it with udsock_close.
 * Any number of threads may accept on one server. A client may have gone already: the program
 * can still receive what it sent, and then the end.
 *
 * A server with an allow list (udsock_allow_uid) or a limit (UDSOCK_OPTION_MAX_PER_UID) closes
 * the connections of those whom it does not let in, and goes on waiting. If `peer` is not
 * NULL, the call writes there who the client is, as udsock_peer_credentials does. (If that
 * call would say -ENODATA, the client is refused, too; Linux always knows a client.)
 *
 * Returns the client's handle.
 *
 * -EINVAL: the socket does not listen, or was shut down.
 * -EOPNOTSUPP: a datagram socket.
 * -EMFILE, -ENFILE: no descriptors are left. The client stays in the queue. The call returns
 * this at once, even if no client waits.
 */
UDSOCK_MUST_USE
udsock_t udsock_accept(udsock_t s,
                       int32_t timeout_ms,
                       udsock_credentials *peer);

/**
 * Connects to a server. A datagram socket gets the address that it sends to; from then on it
 * receives messages from that address only. If the server's queue is full the call waits,
 * within the timeout of the options. After a failure the same socket can try again. A datagram
 * socket may connect again, and must do so after its server was restarted. When it connects
 * again, the kernel drops the messages that it has not received yet.
 *
 * Returns 0.
 *
 * -ENOENT: nothing is at the path. Also: the path is longer than 107 bytes, and /proc is not
 * there.
 * -ECONNREFUSED: no server has the address: it is gone or does not listen, the file is not a
 * socket (the message says what it is), or nobody has the abstract name. (If a socket that can
 * be connected to has a name that differs only in NULs at its end, or that goes on with a
 * slash, the message says how to write that name.) Also: the file belongs to a live server, but
 * through another layer (see udsock_bind).
 * -EACCES: no write permission on the file, or no search permission on a directory of the
 * path. With UDSOCK_RETRY the call returns this after a second.
 * -EPERM: a sandbox forbids it (Landlock: abstract names beyond its scope), or the datagram
 * socket there is connected to another one. With UDSOCK_RETRY the call returns this, too,
 * after a second.
 * -EPROTOTYPE: a socket of another kind is there.
 * -EISCONN: the socket is connected already.
 * -EAGAIN: the server's queue is full, and UDSOCK_DONT_WAIT was given; with UDSOCK_RETRY as well,
 * also: there is no server, or it does not let anybody in yet.
 * -ETIMEDOUT: the time ran out.
 * Others: for local_address as of udsock_bind.
 */
int32_t udsock_connect(udsock_t s,
                       const char *address,
                       const udsock_connect_options *options,
                       udsock_error *err);

/**
 * Shuts one side of the connection, or both. The handle stays open. `how`: UDSOCK_READ,
 * UDSOCK_WRITE, or both added. It acts on the socket itself, and so also on copies of its
 * descriptor in other processes. A server that was shut down accepts nothing more, for good. A
 * socket without a peer can be shut down, too: that side stays shut when the socket gets a
 * peer.
 *
 * Some peers do not answer a client that has shut its writing side. Some HTTP servers
 * (Node.js, Bun, Deno, uvicorn, daphne, granian, nginx as a proxy) take such a client for one
 * that has gone, and close without an answer if the answer is not ready yet; so does redis
 * with a command that blocks. A client of HTTP should give the length of its request, and shut
 * nothing down before it has the answer.
 *
 * Returns 0.
 *
 * -EINVAL: `how` is something else.
 */
int32_t udsock_shutdown(udsock_t s, uint32_t how);

/**
 * Closes a socket or a poller. The library removes a socket's file if this process made it,
 * and if the path still leads to the file that it made (the same inode). Calls of other
 * threads that wait on the handle return UDSOCK_CLOSED at once. This call waits until they
 * have left, a tenth of a second at most, so that nothing new gets the descriptor's number
 * before that. It does not wait if the handle was inherited by fork. From now on the handle is
 * -EBADF.
 *
 * Returns 0.
 *
 * -EBADF: the handle was not open.
 * -EBUSY: another process has held the lock of the file's directory for a second (see
 * udsock_bind).
 * Others: the file could not be removed, for the reason that the code says. After every error
 * but -EBADF the socket is closed.
 */
int32_t udsock_close(udsock_t s);

/* ------------------------------------------------------------------------
 * Descriptors in and out
 */

/**
 * Takes over a descriptor of any Unix socket, in any state: inherited, passed, or made by
 * another library. From now on it belongs to the handle: do not close it. The library never
 * removes its file.
 *
 * The descriptor becomes close-on-exec. It becomes non-blocking before it accepts or connects,
 * for other processes that share it, too: a blocking accept could not be woken. Its other
 * settings stay as they are, and udsock_get_option reports them (UDSOCK_OPTION_RECEIVE_FDS,
 * say). One exception: a seqpacket socket gets SO_TIMESTAMP, if neither that nor one of its
 * other forms is on (see udsock_fd). Other holders of the same socket may change its settings
 * at any time: the library still tells an empty message from the end.
 *
 * On failure the descriptor stays the caller's, unchanged.
 *
 * Returns a handle.
 *
 * -EBADF: not a descriptor.
 * -ENOTSOCK, -EAFNOSUPPORT: not a socket; not a Unix socket.
 * -EEXIST: a handle that this process has opened has this descriptor already. (If a handle
 * that was inherited by fork has it, that handle is closed instead, and the call succeeds.)
 */
UDSOCK_MUST_USE udsock_t udsock_adopt(int32_t fd, udsock_error *err);

/**
 * The descriptor behind the handle, on loan, for poll(2), epoll(7) or another library's event
 * loop. It stays the handle's: do not close it, and do not use it after udsock_close. It is
 * non-blocking, unless it was adopted blocking.
 *
 * A seqpacket socket has SO_TIMESTAMP on: by the time stamp the library tells an empty message
 * from the end. It still can if a program turns SO_TIMESTAMP off, or turns on another form of
 * it. A program that calls recvmsg(2) on the descriptor gets SCM_TIMESTAMP with each message,
 * before any descriptors: it needs room for that, else the kernel sets MSG_CTRUNC.
 *
 * Returns the descriptor.
 */
int32_t udsock_fd(udsock_t s);

/**
 * Ends the handle and gives its descriptor to the caller, who has to close it. First, calls of
 * other threads on the handle return UDSOCK_CLOSED. The socket's file stays. The descriptor is
 * close-on-exec. The library sets back the settings that it changed, to what they were at
 * udsock_adopt or to the defaults of socket(2): whether the descriptor blocks, whether time
 * stamps, descriptors, credentials and pidfds come with messages. A setting that somebody else
 * has changed since then stays as it is. A forked child gets its copy of the descriptor with
 * all settings as they are.
 *
 * Returns the descriptor.
 */
int32_t udsock_release(udsock_t s);

/**
 * Leaves the socket's file to another process (a successor, say). From now on this process
 * never removes the file.
 *
 * Returns 0, also if there is no file.
 */
int32_t udsock_disown(udsock_t s);

/* ------------------------------------------------------------------------
 * Activation: sockets that a service manager passed
 */

/**
 * Handles for the Unix sockets that a service manager passed to this process: systemd, or a
 * program that follows its protocol (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS, from descriptor
 * 3 on). They are adopted (udsock_adopt), and their files stay. Passed descriptors that are
 * not Unix sockets get no handle. All become close-on-exec.
 *
 * The variables are removed from the environment, so that a second call finds none. They are
 * removed even if they were meant for another process, and after every error but -ERANGE and
 * -ENOMEM. Call it early: no other thread may change the environment meanwhile.
 *
 * Returns how many handles were written to `out`; 0 if nothing was passed to this process.
 *
 * -ERANGE: there are more than `capacity`; nothing has changed, call again with more room.
 * -EINVAL: a variable has no valid value, or there are not as many names as descriptors.
 * -EBADF: fewer descriptors are open than the variables say.
 * Others: as of udsock_adopt.
 */
int64_t udsock_activated(udsock_t *out, size_t capacity, udsock_error *err);

/**
 * The name that the service manager has for this socket (LISTEN_FDNAMES). "unknown" if it has
 * none.
 *
 * Returns the length of the name without its NUL.
 *
 * -ENODATA: no service manager passed the socket.
 * -ERANGE: `size` is too small.
 */
int64_t udsock_activated_name(udsock_t s, char *buffer, size_t size);

/* ------------------------------------------------------------------------
 * Data
 */

/** A part of what is sent or received: an iovec. */
typedef struct udsock_part {
    /** Where it is. May be NULL if size is 0. */
    void *data;
    /** Its length in bytes. */
    size_t size;
} udsock_part;

/**
 * Sends some bytes of a stream, or a message. On a stream it sends at least one byte, and as
 * many as there is room for; udsock_send_all sends all. On the other kinds it sends the whole
 * message, or nothing. `size` 0 sends an empty message; on a stream it sends nothing.
 *
 * Returns how many bytes were sent.
 *
 * -EPIPE: the peer is gone or reads no more.
 * -ECONNRESET: the peer left without reading what was sent before.
 * -ENOTCONN, -EDESTADDRREQ: not connected.
 * -EMSGSIZE: the message is larger than the send buffer (UDSOCK_OPTION_SEND_BUFFER).
 * -ENOBUFS: the message is larger than any message can be.
 * -ECONNREFUSED: the datagram server is gone; connect again.
 */
int64_t udsock_send(udsock_t s, const void *data, size_t size, int32_t timeout_ms);

/**
 * Receives some bytes of a stream, or a message. On a stream it receives what is there, at
 * least one byte. A stream's urgent byte (MSG_OOB) ends a receive, and the next one passes
 * over it; every call that receives does so, and so does a poller. With SO_OOBINLINE set on
 * the descriptor it is received like the others.
 *
 * Returns how many bytes came. 0 is an empty message, never the end.
 *
 * UDSOCK_EOF: the peer sends no more.
 * -EMSGSIZE: the message was larger than `size`; the buffer holds its beginning, and the rest
 * is gone.
 * -ECONNRESET: the peer left without reading everything. One call returns this, after all that
 * the peer had sent; the next one returns the end.
 * -EINVAL, -ENOTCONN: a stream, a seqpacket socket without a peer.
 */
int64_t udsock_recv(udsock_t s, void *buffer, size_t size, int32_t timeout_ms);

/**
 * Sends everything, or one message on message sockets. The call writes to `sent` (may be NULL)
 * how many bytes were sent, even after an error: after -EINTR or -ETIMEDOUT go on from there.
 *
 * Returns `size`.
 *
 * Errors: as of udsock_send.
 */
int64_t udsock_send_all(udsock_t s,
                        const void *data,
                        size_t size,
                        int32_t timeout_ms,
                        size_t *sent);

/**
 * Receives exactly `size` bytes of a stream. The call writes to `received` (may be NULL) how
 * many bytes have come, even after an error: after -EINTR or -ETIMEDOUT go on from there;
 * after UDSOCK_EOF no more will come.
 *
 * Returns `size`.
 *
 * -EOPNOTSUPP: not a stream.
 * Others: as of udsock_recv.
 */
int64_t udsock_recv_exact(udsock_t s,
                          void *buffer,
                          size_t size,
                          int32_t timeout_ms,
                          size_t *received);

/**
 * Sends many parts as one message. Otherwise as udsock_send.
 *
 * Returns how many bytes were sent.
 *
 * -EMSGSIZE: more than 1024 parts, or as of udsock_send.
 * Others: as of udsock_send.
 */
int64_t udsock_sendv(udsock_t s,
                     const udsock_part *parts,
                     size_t parts_count,
                     int32_t timeout_ms);

/**
 * Receives into many parts, and fills them in turn. Otherwise as udsock_recv.
 *
 * Returns how many bytes came.
 *
 * -EMSGSIZE: more than 1024 parts, or as of udsock_recv.
 * Others: as of udsock_recv.
 */
int64_t udsock_recvv(udsock_t s,
                     const udsock_part *parts,
                     size_t parts_count,
                     int32_t timeout_ms);

/**
 * Sends a datagram to an address. The socket need not be connected. If the receiver's queue is
 * full the call tries again after pauses that grow: the kernel does not report when there is
 * room again.
 *
 * Returns how many bytes were sent.
 *
 * -ENOENT, -ECONNREFUSED, -EACCES, -EPROTOTYPE: as of udsock_connect.
 * -EPERM: the receiver is connected to another socket, or a sandbox forbids it (Landlock:
 * abstract names beyond its scope).
 * -EOPNOTSUPP: not a datagram socket.
 * Others: as of udsock_send.
 */
int64_t udsock_send_to(udsock_t s,
                       const void *data,
                       size_t size,
                       const char *address,
                       int32_t timeout_ms);

/**
 * Receives some bytes or a message, and the address of the sender, as text. The address is
 * empty if the sender has no name (then it can't be answered), and on streams. `address` may
 * be NULL if it is not wanted; UDSOCK_ADDRESS_SIZE bytes are always enough. Otherwise as
 * udsock_recv.
 *
 * Returns how many bytes came.
 *
 * -ERANGE: `address_size` is too small; the message stays in the queue.
 * -EMSGSIZE: as of udsock_recv; the address is not written then (udsock_recv_message gives
 * both).
 * Others: as of udsock_recv.
 */
int64_t udsock_recv_from(udsock_t s,
                         void *buffer,
                         size_t size,
                         char *address,
                         size_t address_size,
                         int32_t timeout_ms);

/* ------------------------------------------------------------------------
 * Messages, many in one call
 */

/**
 * Message flag, set by receiving: the message was larger than data_capacity. data_size is its
 * true length; the bytes that did not fit are gone.
 */
#define UDSOCK_TRUNCATED 1

/**
 * Message flag, set by receiving: descriptors came that could not be taken, and were closed.
 * UDSOCK_OPTION_RECEIVE_FDS was off, there was no room for them, or this process has too many
 * descriptors open.
 */
#define UDSOCK_FDS_LOST 2

/** The most descriptors that go with one message. */
#define UDSOCK_MAX_DESCRIPTORS 253

/**
 * A message, and all that goes with it. A call that sends reads data_size, descriptors_count
 * and address. A call that receives reads the capacities and writes the sizes and counts, so
 * that a received message can be sent on as it is. Set size, and set the fields that are not
 * used to 0. Fields that only receiving writes have no meaning before that: a pid, uid or
 * pidfd of 0 there stands for nothing.
 */
typedef struct udsock_message {
    /**
     * sizeof(udsock_message). In an array every element has the same size, and the elements
     * are that many bytes apart.
     */
    uint32_t size;
    /**
     * Out: UDSOCK_TRUNCATED, UDSOCK_FDS_LOST. A message that was cut can't be sent on:
     * -EINVAL.
     */
    uint32_t flags;
    /** The bytes, or room for them. */
    void *data;
    /** Receiving: the room at data, in bytes, at least 1. */
    size_t data_capacity;
    /** How many bytes to send; how many bytes the received message has. */
    size_t data_size;
    /**
     * Descriptors to pass, or room for them. Those that are passed stay open here. Those that
     * are received are close-on-exec, and the caller has to close them. To pass the descriptor
     * of a handle, use udsock_fd. To receive descriptors, set UDSOCK_OPTION_RECEIVE_FDS.
     */
    int32_t *descriptors;
    /**
     * Receiving: for how many descriptors there is room. UDSOCK_MAX_DESCRIPTORS is always
     * enough.
     */
    size_t descriptors_capacity;
    /** How many descriptors to pass, at most UDSOCK_MAX_DESCRIPTORS; how many were received. */
    size_t descriptors_count;
    /**
     * The address to send to (datagrams; NULL or "": the one that the socket is connected to).
     * Receiving: room for the address of the sender, or NULL.
     */
    char *address;
    /**
     * Receiving: the room at address, in bytes, at least 1. UDSOCK_ADDRESS_SIZE is
     * always enough.
     */
    size_t address_capacity;
    /**
     * Receiving: the length of the sender's address without its NUL. 0: the sender has no
     * address, or there was no room for one.
     */
    size_t address_size;
    /**
     * Receiving, with UDSOCK_OPTION_RECEIVE_CREDENTIALS: who sent it. Unknown (see
     * udsock_credentials) without that option, and if the message was sent before the option
     * was on. If the sender is in a PID namespace that this process can't see, uid and gid are
     * known, and the pid is 0. But if the kernel then shows uid and gid as 65534, all three
     * are unknown: a message without a sender looks the same.
     */
    udsock_credentials credentials;
    /** What became of the message: how many bytes were sent or came, or an error code. */
    int32_t result;
    /**
     * Receiving, with UDSOCK_OPTION_RECEIVE_PIDFD: a descriptor that stands for the process
     * that sent it (pidfd_open(2)). It is close-on-exec, and the caller has to close it. A
     * later process with the same number can't be mistaken for the sender. If there is no
     * descriptor, this is the reason. -ENODATA: the option is off, or the message was sent
     * before it was on. -ESRCH: the process has gone. -EMFILE: too many descriptors are open.
     */
    int32_t pidfd;
    /** 0. */
    uint32_t reserved;
} udsock_message;

/**
 * Sends one message, and descriptors with it. It is sent as by udsock_send, or, with an
 * address, as by udsock_send_to. Of a stream a part may be sent: the descriptors go with its
 * first byte, so send the rest without them.
 *
 * Returns how many bytes were sent.
 *
 * -EINVAL: there are more than UDSOCK_MAX_DESCRIPTORS, or descriptors without data on a
 * stream, where the kernel would lose them.
 * -EBADF: one of the descriptors is not open.
 * -EPERM: the receiver does not take descriptors.
 * -ETOOMANYREFS: too many descriptors are under way.
 * Others: as of udsock_send and udsock_send_to.
 */
int64_t udsock_send_message(udsock_t s, udsock_message *message, int32_t timeout_ms);

/**
 * Receives one message, and all that comes with it. A message that is larger than its room is
 * cut: UDSOCK_TRUNCATED is set, and data_size says how large it was.
 *
 * Returns how many bytes are at data.
 *
 * -ERANGE: the sender's address does not fit; the message stays in the queue.
 * -EINVAL: there is no room: data_capacity is 0, or address_capacity is 0 and address is not
 * NULL.
 * Others: as of udsock_recv.
 */
int64_t udsock_recv_message(udsock_t s, udsock_message *message, int32_t timeout_ms);

/**
 * Sends many messages. Up to 16 go in one system call. The `result` of each is its length or
 * its own error, and one that fails does not hold up the others. If the time runs out, a
 * signal handler ends the call or the handle is closed, the remaining messages have that error
 * as their result. On a stream the messages follow each other without bounds; if a message was
 * sent in part, its result says how much, and no later message was sent.
 *
 * Returns how many were sent. If none was sent, it returns the error of the first one.
 *
 * -EINVAL: there are no messages, or their sizes differ.
 * Others: as of udsock_send and udsock_send_to; also in each result.
 */
int64_t udsock_send_batch(udsock_t s,
                          udsock_message *messages,
                          size_t messages_count,
                          int32_t timeout_ms);

/**
 * Receives many messages. The call waits for one message, and takes those that are there
 * already along with it, up to 64 in one call (16 datagrams). The `result` of each is the
 * number of bytes at data, or -ERANGE if the sender's address did not fit (address_size says
 * its length); data and descriptors have come all the same. UDSOCK_TRUNCATED marks those that
 * were larger than their room. The call does not touch the elements beyond those that came.
 *
 * Returns how many came.
 *
 * -EINVAL: an element has no room; nothing was received.
 * Others: as of udsock_recv.
 */
int64_t udsock_recv_batch(udsock_t s,
                          udsock_message *messages,
                          size_t messages_count,
                          int32_t timeout_ms);

/* ------------------------------------------------------------------------
 * Who is at the other end, and who may be
 */

/**
 * Who the peer is: process, user and group. The kernel vouches for them, as they were when the
 * client connected, when the server listened, or when the pair was made. They do not change
 * when the peer changes its user, or ends. After its end another process may have its pid; a
 * descriptor of udsock_peer_pidfd always stands for the peer itself.
 *
 * If the peer is in a PID namespace that this process can't see (the host or another
 * container, seen from a container), the pid is 0, and uid and gid are true. If its user or
 * group has no number in this user namespace, uid or gid is UINT32_MAX. The library never
 * makes up a number.
 *
 * Returns 0.
 *
 * -ENOTCONN: the socket has no peer; a server that listens has none.
 * -ENODATA: the kernel does not know the peer: the socket is a datagram socket that was
 * connected.
 */
int32_t udsock_peer_credentials(udsock_t s, udsock_credentials *out);

/**
 * The peer's supplementary groups, as they were at the moment of its credentials
 * (udsock_peer_credentials). UINT32_MAX stands for each group that has no number in this user
 * namespace. With `gids` NULL and `capacity` 0 the call only counts them.
 *
 * Returns how many there are.
 *
 * -ERANGE: there are more than `capacity`; nothing is written.
 * -ENOPROTOOPT: the kernel is older than Linux 4.13.
 * Others: as of udsock_peer_credentials.
 */
int64_t udsock_peer_groups(udsock_t s, uint32_t *gids, size_t capacity);

/**
 * A descriptor for the peer's process (pidfd_open(2)). It is close-on-exec, and the caller has
 * to close it. A later process with the same number can't be mistaken for the peer. The peer
 * may be in a PID namespace that this process can't see: then poll(2) on the descriptor still
 * reports when the peer ends, but no signal can be sent to it.
 *
 * Returns the descriptor.
 *
 * -ENODATA: no process is known.
 * -ESRCH: the process has gone, and the kernel is older than Linux 6.16.
 * -ENOPROTOOPT: the kernel is older than Linux 6.5.
 * Others: as of udsock_peer_credentials.
 */
int32_t udsock_peer_pidfd(udsock_t s);

/**
 * The peer's security label (SO_PEERSEC), as text.
 *
 * Returns its length without the NUL.
 *
 * -ENOPROTOOPT: no security module gives one.
 * -ERANGE: `size` is too small.
 * -ENOTCONN: no peer.
 */
int64_t udsock_peer_label(udsock_t s, char *buffer, size_t size);

/**
 * Lets a user in. After the first call of this kind the server lets in only those whom a rule
 * names: udsock_accept closes the connections of all others, counts them
 * (UDSOCK_OPTION_REFUSED) and goes on waiting, within its timeout. A poller does the same,
 * without an event. The program never sees those clients, and they see the end. Connections
 * that were accepted before stay. If the rules are set before udsock_listen, at no moment is
 * anybody else let in.
 *
 * Root, too, is refused if no rule names it. Rules compare users and groups, so the PID
 * namespace of a client does not matter. No rule matches a user who has no number in this user
 * namespace.
 *
 * Returns 0.
 *
 * -EINVAL: uid is UINT32_MAX.
 * -EOPNOTSUPP: the socket is a datagram socket, which accepts nobody.
 */
int32_t udsock_allow_uid(udsock_t server, uint32_t uid);

/**
 * Lets the members of a group in: clients that had it as their effective group or among their
 * supplementary groups when they connected. Otherwise as udsock_allow_uid.
 *
 * Returns 0.
 *
 * -EINVAL: gid is UINT32_MAX.
 * Others: as of udsock_allow_uid.
 */
int32_t udsock_allow_gid(udsock_t server, uint32_t gid);

/**
 * Lets a user in, by name or by a decimal number. Otherwise as udsock_allow_uid.
 *
 * Returns 0.
 *
 * -EINVAL: there is no such user.
 * Others: as of udsock_allow_uid.
 */
int32_t udsock_allow_user(udsock_t server, const char *name);

/**
 * Lets the members of a group in, by its name or by a decimal number. Otherwise as
 * udsock_allow_gid.
 *
 * Returns 0.
 *
 * -EINVAL: there is no such group.
 * Others: as of udsock_allow_uid.
 */
int32_t udsock_allow_group(udsock_t server, const char *name);

/* ------------------------------------------------------------------------
 * Properties of a socket
 */

/** Option, to read: UDSOCK_STREAM, UDSOCK_DGRAM or UDSOCK_SEQPACKET. */
#define UDSOCK_OPTION_KIND 1

/**
 * Option: the send buffer in bytes (SO_SNDBUF). The kernel doubles the value that is set, for
 * its own needs, and limits it to net.core.wmem_max; reading gives the kernel's value. A
 * message may have 32 bytes less than that.
 */
#define UDSOCK_OPTION_SEND_BUFFER 2

/**
 * Option: the receive buffer in bytes (SO_RCVBUF). It changes little: what was sent through a
 * Unix socket lies in the sender's buffer until it is received.
 */
#define UDSOCK_OPTION_RECEIVE_BUFFER 3

/**
 * Option: for how long at most, in microseconds (0 to 1000000), a wait to receive or to accept
 * tries again before it sleeps. Waking a thread that sleeps takes longer than most answers
 * take. The default is 50, or 0 if only one processor is online. A wait tries again only if it
 * waits for an answer (something was sent before), or if the program has set this option. A
 * wait for an answer first lets other threads have its processor once (sched_yield). It does
 * either only if the last wait was short and if that has paid lately, so it costs little more
 * than sleeping. Setting 0 turns both off. Accepted connections have the value of their
 * server.
 */
#define UDSOCK_OPTION_SPIN_US 4

/**
 * Option: 1 if udsock_recv_message and udsock_recv_batch shall receive descriptors that come
 * with messages. 0, the default: a peer that sends some gets EPERM (Linux 6.16); with an older
 * kernel, or a filter of system calls that does not let SO_PASSRIGHTS through, they are closed,
 * and UDSOCK_FDS_LOST is set. Accepted connections have the value of their server. A socket
 * that was adopted has the value of its descriptor (SO_PASSRIGHTS): 1, unless somebody turned
 * it off. All other calls that receive lose the descriptors that come.
 */
#define UDSOCK_OPTION_RECEIVE_FDS 5

/**
 * Option: 1 if udsock_recv_message and udsock_recv_batch shall say who sent each message
 * (SO_PASSCRED). Accepted connections have the value of their server. A socket that was
 * adopted has the value of its descriptor. While it is on, the kernel gives a socket without a
 * name one of its own (as "@") when it connects or sends.
 */
#define UDSOCK_OPTION_RECEIVE_CREDENTIALS 6

/**
 * Option, to read: how many clients this server has refused, because no rule let them in
 * (udsock_allow_uid) or because of UDSOCK_OPTION_MAX_PER_UID.
 */
#define UDSOCK_OPTION_REFUSED 7

/**
 * Option: how many connections of one user may be open at once, counting those that this
 * server accepted since the option was set. The server refuses more until one is closed. 0: no
 * limit. All users who have no number in this user namespace count as one user. Not for
 * datagram sockets: -EOPNOTSUPP.
 */
#define UDSOCK_OPTION_MAX_PER_UID 8

/** Option, to read: 1 if the socket is a server that listens. */
#define UDSOCK_OPTION_LISTENING 9

/**
 * Option, to read. On a stream: how many bytes the next receive would return if it had room
 * for them (at most 4 MiB are counted). On the other kinds: the length of the next message.
 * Unlike FIONREAD it does not count urgent bytes, so it is never more than a receive returns.
 */
#define UDSOCK_OPTION_READABLE_BYTES 10

/**
 * Option, to read: 1 if the name that this socket was bound to, in the directory that it was
 * bound in, still leads to its own file. (If that directory was renamed, the path does not lead
 * there any more, and this is 1 all the same.) A server with UDSOCK_RESTORE_FILE that has lost
 * its path gets it back before this returns; 0 means that it could not, or that it was
 * replaced. The call waits for the lock of the directory, for a second at most.
 */
#define UDSOCK_OPTION_OWNS_FILE 11

/**
 * Option: 1 if udsock_recv_message and udsock_recv_batch shall receive, in the field pidfd, a
 * descriptor for the process that sent each message (SO_PASSPIDFD). Accepted connections have
 * the value of their server. A socket that was adopted has the value of its descriptor. The
 * kernel gives a socket without a name one of its own, as with
 * UDSOCK_OPTION_RECEIVE_CREDENTIALS. -ENOPROTOOPT: the kernel is older than Linux 6.5.
 */
#define UDSOCK_OPTION_RECEIVE_PIDFD 12

/** Option, to read: how often a server with UDSOCK_RESTORE_FILE got its path back. */
#define UDSOCK_OPTION_RESTORED 13

/**
 * Reads an option (UDSOCK_OPTION_...).
 *
 * Returns its value, 0 or above.
 *
 * -ENOPROTOOPT: there is no such option.
 * -EINVAL: UDSOCK_OPTION_READABLE_BYTES of a server that listens.
 */
int64_t udsock_get_option(udsock_t s, uint32_t option);

/**
 * Sets an option (UDSOCK_OPTION_...).
 *
 * Returns 0.
 *
 * -ENOPROTOOPT: there is no such option, or it can only be read.
 * -EINVAL: the value is out of range. The ranges: 1 to 2^31 - 1 for buffers, 0 to 2^32 - 1 for
 * UDSOCK_OPTION_MAX_PER_UID, 0 to 1000000 for UDSOCK_OPTION_SPIN_US, 0 or 1 for all others.
 */
int32_t udsock_set_option(udsock_t s, uint32_t option, int64_t value);

/* ------------------------------------------------------------------------
 * Addresses
 */

/** Room for any address as text, its NUL included (PATH_MAX). */
#define UDSOCK_ADDRESS_SIZE 4096

/**
 * The address that the socket is bound to, as text. It is the text that the program gave. On
 * an accepted connection it is the server's address. If the kernel picked the name, or the
 * socket was adopted, it is the kernel's name as text.
 *
 * Returns its length without the NUL; 0: the socket has no name.
 *
 * -ERANGE: `size` is too small; UDSOCK_ADDRESS_SIZE is always enough.
 */
int64_t udsock_local_address(udsock_t s, char *buffer, size_t size);

/**
 * The address that the socket is connected to, as text. It is the text that the program gave
 * to connect; on an accepted connection, the name that the peer bound.
 *
 * Returns its length without the NUL; 0: the peer has no name, as most clients.
 *
 * -ENOTCONN: the socket has no peer.
 * -ERANGE: `size` is too small; UDSOCK_ADDRESS_SIZE is always enough.
 */
int64_t udsock_remote_address(udsock_t s, char *buffer, size_t size);

/* ------------------------------------------------------------------------
 * What is at an address
 */

/** State: nothing has the address. */
#define UDSOCK_ABSENT 0

/** State: a socket has the address, and some process has that socket open. */
#define UDSOCK_LIVE 1

/** State: the file of a socket that no process has open any more. A bind removes it. */
#define UDSOCK_STALE 2

/** State: something else is at the path. A symbolic link is something else, wherever it leads. */
#define UDSOCK_NOT_A_SOCKET 3

/**
 * Reach: every program that supports Unix sockets (but Sanic can serve only at paths of up to
 * 63 bytes). The address is an abstract name, or a path of up to 97 bytes as it was given.
 */
#define UDSOCK_REACH_ALL 0

/**
 * Reach: most programs. The path has 98 to 107 bytes; some programs append to it or have less
 * room (HAProxy, dbus-daemon, supervisord, uWSGI, Java, mpv).
 */
#define UDSOCK_REACH_MOST 1

/**
 * Reach: few programs. The path has more than 107 bytes: most programs refuse it, and some
 * (memcached, PHP, unbound) use only its beginning.
 */
#define UDSOCK_REACH_FEW 2

/** What udsock_inspect finds. */
typedef struct udsock_inspection {
    /** sizeof(udsock_inspection). */
    uint32_t size;
    /** UDSOCK_ABSENT, UDSOCK_LIVE, UDSOCK_STALE or UDSOCK_NOT_A_SOCKET. */
    uint32_t state;
    /** The live socket's kind. 0: not known. */
    uint32_t kind;
    /** The file's permission bits; 0 for an abstract name. */
    uint32_t mode;
    /**
     * The file's owner. UINT32_MAX: there is no file, or its owner has no number in this user
     * namespace.
     */
    uint32_t uid;
    /**
     * The file's group. UINT32_MAX: there is no file, or its group has no number in this user
     * namespace.
     */
    uint32_t gid;
    /**
     * A process that has the socket open. If there are several, it is the one with the lowest
     * number, which may be a child that inherited the socket. 0: this process may not look
     * into any of them.
     */
    int32_t pid;
    /** The user who made the socket; UINT32_MAX: not known. */
    uint32_t process_uid;
    /** The device that the file is on. 0: there is no file. */
    uint64_t device;
    /** The file's inode. 0: there is no file. */
    uint64_t inode;
    /**
     * How many connections wait to be accepted. This and what follows is written only if size
     * has room for it.
     */
    uint32_t queue;
    /**
     * How many may wait at most; beyond that a client that connects waits, or gets EAGAIN. 0:
     * not known, or the socket does not listen.
     */
    uint32_t queue_limit;
    /** How many processes have the socket open, of those that this process may look into. */
    uint32_t processes;
    /**
     * UDSOCK_REACH_ALL, UDSOCK_REACH_MOST or UDSOCK_REACH_FEW: which programs can connect to
     * the address, or serve at it, judged by its length alone.
     */
    uint32_t reach;
} udsock_inspection;

/**
 * Says what is at an address, and which process has it. A server there does not notice the
 * call. The state may have changed by the time the call returns. Kind and process come from
 * /proc and from the kernel's list of the sockets in this network namespace; they are 0 if
 * those do not say. A server's file that is seen through another layer (see udsock_bind) is
 * UDSOCK_STALE, since nobody can reach the server through it. If this process has no
 * permission to connect, and nothing else says more, the file counts as UDSOCK_LIVE.
 *
 * `out`: the caller sets its size; the call writes the rest. Set the whole struct to 0 first:
 * what lies beyond the fields of this version has to be 0, as in every struct.
 *
 * Returns 0.
 *
 * -EACCES, -ENOTDIR, -ELOOP: the path can't be followed: this process may not search a
 * directory, a part of the path is not a directory, or there are too many symbolic links.
 * -ENOENT: the path is longer than 107 bytes, and /proc is not there.
 * -EOPNOTSUPP: the kernel's list of sockets can't be read (a filter of system calls; no module
 * unix_diag), so it is not known whether anybody has this abstract name.
 * -EINVAL: no address, or "@" alone; `out` is NULL, or its size is less than 48, that of the
 * first version.
 * -E2BIG: its size is above 4096, or what this version does not know is not 0.
 */
int32_t udsock_inspect(const char *address, udsock_inspection *out, udsock_error *err);

/* ------------------------------------------------------------------------
 * Clean-up
 */

/**
 * Removes the socket files of this process: those that udsock_close would remove. The sockets
 * stay open. At a normal exit (exit(3), a return from main) the library does this by itself,
 * once: files that other threads make meanwhile or later may stay. A program that ends by
 * _exit(2), by execve(2) or by a signal that it sends to itself has to call this before.
 * (Python does the last after an uncaught KeyboardInterrupt; there use atexit.register.)
 *
 * Returns how many files were removed.
 *
 * -EBUSY: a file that is still there could not be removed; try again.
 */
int64_t udsock_cleanup(void);

/**
 * Has the socket files removed also when this signal (SIGTERM, say) ends the process. The
 * library installs a handler, which removes the files and then lets the process die by the
 * same signal. If the program handles or ignores the signal, the signal does not end the
 * process, and this call changes nothing. A handler that the program installs later replaces
 * the library's.
 *
 * If the program has several copies of this library (plugins may bring them along), each copy
 * whose call was made removes its own files. A copy that has installed a handler stays loaded
 * until the process ends, even after dlclose.
 *
 * No file is left, whatever the process is in the middle of. A thread that makes, publishes or
 * removes a file has the signal blocked for that moment, and the handler waits for it, for
 * five seconds at most. Two exceptions: a file that another thread makes during this very call
 * may be left; and if another process holds a directory's lock for more than a second, the
 * files in that directory stay. The next start removes them.
 *
 * Returns 0.
 *
 * -EINVAL: there is no such signal, it can't be caught, or its default does not end the
 * process.
 */
int32_t udsock_cleanup_on_signal(int32_t signo);

/* ------------------------------------------------------------------------
 * Many sockets, few calls
 *
 * A poller waits for many sockets at once. One call returns what happened to many of them,
 * with their data; one call sends answers to many of them. A server that fails for want of
 * descriptors stays a member, and goes on by itself. If a client has gone before its answer,
 * an event reports that. An echo server:
 *
 *     udsock_t poller = udsock_poller_create(NULL);
 *     udsock_poller_add(poller, server, 0, 0);
 *     for (;;) {
 *         int64_t n = udsock_poller_wait(poller, events, 256, arena, sizeof arena,
 *                                        UDSOCK_FOREVER);
 *         size_t answers = 0;
 *         for (int64_t i = 0; i < n; i++) {
 *             if (events[i].kind == UDSOCK_EVENT_RECEIVED)
 *                 items[answers++] = (udsock_outgoing){.socket = events[i].socket,
 *                     .offset = events[i].offset, .length = events[i].length};
 *             else if ((events[i].kind == UDSOCK_EVENT_ENDED ||
 *                       events[i].kind == UDSOCK_EVENT_FAILED) && events[i].socket != server)
 *                 udsock_close(events[i].socket);
 *         }
 *         udsock_poller_send(poller, items, answers, arena, sizeof arena);
 *     }
 */

/**
 * Poller flag, for udsock_poller_add: the poller does not receive or accept; it only reports
 * UDSOCK_EVENT_READY, and the program makes the call (udsock_recv_message for descriptors,
 * say).
 */
#define UDSOCK_POLLER_READINESS 1

/**
 * Poller flag: the poller receives from a connection even while it keeps something for it.
 * Without the flag a client that does not read its answers can't cause more of them, but two
 * ends that both send much before they receive wait for each other. A server's connections
 * have the server's flag. UDSOCK_EVENT_ENDED may come before everything that is kept has been
 * sent.
 */
#define UDSOCK_POLLER_DUPLEX 2

/**
 * Poller flag: the poller receives (or accepts) nothing for now, and goes on sending what is
 * kept. udsock_poller_add without the flag ends the pause.
 */
#define UDSOCK_POLLER_PAUSED 4

/**
 * Event: a server has accepted a connection. `socket` is the connection's handle, which is a
 * member of the poller now. `token` is the server's; the connection has it, too, until
 * udsock_poller_add gives it another. The poller closes the connections of those whom the
 * server does not let in (udsock_allow_uid), without an event.
 */
#define UDSOCK_EVENT_ACCEPTED 1

/**
 * Event: `length` bytes of a stream, or a message, are at `offset` in the arena. If a
 * datagram's sender has a name, it is at `address_offset`, followed by a NUL. `code` is 0, or
 * -EMSGSIZE if the message was larger than the whole arena (the rest is gone), or -ERANGE if
 * the address did not fit beside it.
 */
#define UDSOCK_EVENT_RECEIVED 2

/**
 * Event: the poller had refused an item for this socket (-EAGAIN), or had sent only a part of
 * an item with UDSOCK_DONT_KEEP, and now there is room: go on. A paused member gets this
 * event, too, if what was kept for it is lost; then the next item is -EPIPE.
 */
#define UDSOCK_EVENT_DRAINED 3

/**
 * Event: the peer sends no more. The program may still answer. The program has to close the
 * socket.
 */
#define UDSOCK_EVENT_ENDED 4

/**
 * Event: the socket failed, as `code` says. The socket is not a member any more, and the
 * program has to close it. One exception is a server that had no descriptor or no memory for a
 * connection (-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM or -ENOSPC). It is still a member: the
 * poller reports this once and tries again after pauses, and the program need do nothing. So
 * close a server only if the code is another one.
 */
#define UDSOCK_EVENT_FAILED 5

/**
 * Event: there is something to receive or to accept, or the end, or an urgent byte that the
 * next receive passes over (udsock_recv). Every wait reports it again, for as long as that is
 * so.
 */
#define UDSOCK_EVENT_READY 6

/**
 * Flag of an item: when it and everything before it has been sent, the sending side is shut
 * down.
 */
#define UDSOCK_THEN_SHUTDOWN 1

/**
 * Flag of an item: when it and everything before it has been sent, the socket is closed. After
 * an item with UDSOCK_THEN_SHUTDOWN only an item with this flag and without data may follow.
 */
#define UDSOCK_THEN_CLOSE 2

/**
 * Flag of an item for a connection: the poller does not keep what finds no room. Then `result`
 * is how many bytes were sent, which may be less than the length, or -EAGAIN;
 * UDSOCK_EVENT_DRAINED reports when there is room. Another flag of the item takes effect only
 * if all was sent. On a stream, an item with this flag and without data asks whether
 * everything before it has been sent: 0, or -EAGAIN if something is kept.
 */
#define UDSOCK_DONT_KEEP 16

/** The limits of a poller. */
typedef struct udsock_poller_options {
    /** sizeof(udsock_poller_options). */
    uint32_t size;
    /** 0. */
    uint32_t flags;
    /**
     * How many bytes the poller keeps at most for one socket that does not take them. 0: 1
     * MiB.
     */
    uint64_t send_limit;
    /** How many bytes of a stream one event brings at most. 0: 64 KiB. */
    uint64_t receive_size;
} udsock_poller_options;

/** What happened to a socket. */
typedef struct udsock_event {
    /** Its handle. */
    udsock_t socket;
    /**
     * The token that the program gave to udsock_poller_add for this socket. A connection that
     * the poller accepted has its server's token, until the program gives it another.
     */
    uint64_t token;
    /** UDSOCK_EVENT_... */
    uint32_t kind;
    /** 0, or an error code. */
    int32_t code;
    /** Where its data is in the arena. */
    uint32_t offset;
    /** How many bytes that is. */
    uint32_t length;
    /** Where the sender's address is in the arena. */
    uint32_t address_offset;
    /** Its length without the NUL; 0: none. */
    uint32_t address_length;
} udsock_event;

/** Something to send. */
typedef struct udsock_outgoing {
    /** The member that it is sent through. */
    udsock_t socket;
    /** Where the data is, in bytes from base. */
    uint32_t offset;
    /** How many bytes that is. */
    uint32_t length;
    /** Where the address to send to is, in bytes from base. */
    uint32_t address_offset;
    /** Its length without a NUL. 0: the address that the socket is connected to. */
    uint32_t address_length;
    /** UDSOCK_THEN_SHUTDOWN or UDSOCK_THEN_CLOSE, and UDSOCK_DONT_KEEP, or 0. */
    uint32_t flags;
    /** 0. */
    uint32_t reserved;
    /** Out: the item's length if the poller took it, or an error code. See UDSOCK_DONT_KEEP. */
    int64_t result;
} udsock_outgoing;

/**
 * A poller without members. It takes three descriptors. udsock_close closes it, and leaves its
 * members open. After a fork only the parent can use it: in the child every call but
 * udsock_close is -EBADF.
 *
 * Returns its handle.
 *
 * -EMFILE, -ENFILE: no descriptors are left.
 */
UDSOCK_MUST_USE udsock_t udsock_poller_create(const udsock_poller_options *options);

/**
 * Adds a socket, or gives a member this token and these flags. `flags`:
 * UDSOCK_POLLER_READINESS, UDSOCK_POLLER_DUPLEX, UDSOCK_POLLER_PAUSED, or 0. `token` is the
 * program's own: it comes back in the socket's events. The poller accepts from a server, and
 * adds its connections with its token; it receives from other sockets. A server may be in many
 * pollers, one in each thread: each connection wakes one of the pollers that wait.
 *
 * Returns 0.
 *
 * -EBUSY: the socket is in another poller, and is not a server.
 * -ENOTSOCK: `s` is a poller.
 * -ENOSPC, -ENOMEM: the kernel can't watch more sockets.
 */
int32_t udsock_poller_add(udsock_t poller, udsock_t s, uint64_t token, uint32_t flags);

/**
 * Takes a socket out. The poller drops what it kept for the socket. Data that the peer has
 * sent and that no event has brought stays in the socket, for the next call that receives.
 * udsock_close takes a socket out by itself.
 *
 * Returns 0.
 *
 * -ENOENT: the socket is not a member.
 */
int32_t udsock_poller_remove(udsock_t poller, udsock_t s);

/**
 * Waits until something happens to a member. Data is put into the arena, in the order of the
 * events; it stays until the next wait with this arena. A message that does not fit into what
 * is left of the arena is not received: it comes first in the next call, which has the whole
 * arena for it. If another thread or process receives from the same socket during the call, a
 * message may be cut to what is left of the arena (-EMSGSIZE).
 *
 * One call never returns both data of a socket and its end: answer first, and close when the
 * end comes. Without an arena (`arena_size` 0) the poller receives nothing, and
 * UDSOCK_EVENT_READY reports that something is there. The poller uses at most the first 4 GiB
 * of an arena. If several threads wait on one poller, each event goes to one of them.
 *
 * Returns how many events were written. 0: nothing had happened and `timeout_ms` is 0, or
 * udsock_poller_wake ended the wait.
 *
 * -EINTR: a signal handler ran while the call slept. Also: the process was stopped and
 * continued, if it handles any signal and one of the poller's servers is in several pollers or
 * was opened before a fork.
 * -EINVAL: `events_capacity` is 0.
 */
int64_t udsock_poller_wait(udsock_t poller,
                           udsock_event *events,
                           size_t events_capacity,
                           void *arena,
                           size_t arena_size,
                           int32_t timeout_ms);

/**
 * Sends items, each through its socket, without waiting. The offsets of the items count from
 * `base` (the arena, say), which may be used again when the call returns. The poller takes an
 * item whole, to send or to keep it, or not at all. If it does not take an item, the item's
 * `result` is an error, and items for other sockets are still sent. Items for one socket keep
 * their order; items for one stream are sent together.
 *
 * While the poller keeps something for a connection it receives nothing from it, unless the
 * connection has UDSOCK_POLLER_DUPLEX. If what is kept for a connection can't be sent later,
 * UDSOCK_EVENT_FAILED reports it (-EPIPE). If a kept datagram can't be sent later, it is
 * dropped without an event; udsock_get_counters counts it.
 *
 * Returns how many items were taken. The errors are those of each `result`.
 *
 * -EAGAIN: with this item more than send_limit would be kept. All later items for this
 * connection in the call get the same. UDSOCK_EVENT_DRAINED says when to go on.
 * -ENOENT: the socket is not a member.
 * -EPIPE: the peer is gone, or an earlier item had UDSOCK_THEN_SHUTDOWN or UDSOCK_THEN_CLOSE.
 * -EINVAL: the item lies beyond base_size.
 * -EOPNOTSUPP: the item has an address, and the socket is not a datagram socket; or it has
 * UDSOCK_DONT_KEEP, and the socket is one.
 * Others: as of udsock_send and udsock_send_to.
 */
int64_t udsock_poller_send(udsock_t poller,
                           udsock_outgoing *items,
                           size_t items_count,
                           const void *base,
                           size_t base_size);

/**
 * Ends a wait on the poller. The wait returns 0 if nothing else has happened. If nobody waits,
 * the next wait ends. Many calls before one wait count once.
 *
 * Returns 0.
 */
int32_t udsock_poller_wake(udsock_t poller);

/**
 * A descriptor for another event loop. It is readable when udsock_poller_wait would return
 * events: then call that with `timeout_ms` 0. It is borrowed: do not close it.
 *
 * Returns the descriptor.
 */
int32_t udsock_poller_fd(udsock_t poller);

/* ------------------------------------------------------------------------
 * Counters
 */

/**
 * What udsock_get_counters returns. All but kept_bytes count from the moment when the handle
 * was made. Calls on the descriptor that bypass the library are not counted.
 */
typedef struct udsock_counters {
    /** sizeof(udsock_counters). */
    uint32_t size;
    /** 0. */
    uint32_t reserved;
    /** Bytes that the kernel has taken. */
    uint64_t sent_bytes;
    /** In how many messages; of a stream, in how many system calls. */
    uint64_t sent_messages;
    /** Bytes that have come, including those that found no room in the buffer and were cut. */
    uint64_t received_bytes;
    /** In how many messages; of a stream, in how many system calls. */
    uint64_t received_messages;
    /** How often a thread fell asleep in a wait. */
    uint64_t sleeps;
    /**
     * How often a wait that tried again before it slept found what it waited for
     * (UDSOCK_OPTION_SPIN_US).
     */
    uint64_t spins_paid;
    /** How often such a wait did not. */
    uint64_t spins_lost;
    /** Clients that a server has let in; of a poller, those of its servers. */
    uint64_t accepted;
    /**
     * Clients that a server has refused, as in UDSOCK_OPTION_REFUSED; of a poller, those that
     * it has refused for its servers.
     */
    uint64_t refused;
    /**
     * Bytes that a poller keeps now for the socket because they found no room; of a poller,
     * the sum of all its members.
     */
    uint64_t kept_bytes;
    /** The highest value that kept_bytes has had. */
    uint64_t kept_bytes_most;
    /** Datagrams that a poller had kept and could not deliver. */
    uint64_t dropped;
} udsock_counters;

/**
 * Says what a socket, a server or a poller has done. Each count is right by itself; while
 * other threads use the handle, two counts may be of two moments. A poller counts what went
 * through its own calls; each member counts its part of that, too. `out`: the caller sets its
 * size; the call writes the rest. Set the struct to 0 first, as for udsock_inspect.
 *
 * Returns 0.
 *
 * -EBADF: `handle` is not open, or it is a poller of the process that this one was forked
 * from.
 * -EINVAL: `out` is NULL, or its size less than 104, that of the first version.
 * -E2BIG: its size is above 4096, or what this version does not know is not 0.
 */
int32_t udsock_get_counters(udsock_t handle, udsock_counters *out);

/* ------------------------------------------------------------------------
 * What the library does by itself
 */

/** Level: a bug in the library. */
#define UDSOCK_LOG_ERROR 1

/** Level: something that the program or its administrator should know about. */
#define UDSOCK_LOG_WARNING 2

/** Level: something that the library did by itself, and that is in order. */
#define UDSOCK_LOG_INFO 3

/** Level: something that helps to find a cause. */
#define UDSOCK_LOG_DEBUG 4

/**
 * Event, of level INFO: the file of a server that has gone was removed, to make room for
 * another one.
 */
#define UDSOCK_LOGGED_RECLAIMED 1

/**
 * Event, of level INFO: private names (".udsock-...") that a killed takeover had left were
 * removed.
 */
#define UDSOCK_LOGGED_SWEPT 2

/**
 * Event, of level INFO: the path was taken over from a live server; pid and uid are that
 * server's.
 */
#define UDSOCK_LOGGED_TOOK_OVER 3

/**
 * Event, of level INFO: the library wanted to remove the socket's file, but the path has
 * another file now, which stays.
 */
#define UDSOCK_LOGGED_TAKEN_OVER 4

/**
 * Event, of level WARNING: the library wanted to remove the socket's file, but somebody else
 * had removed it. Since then clients could not find the server.
 */
#define UDSOCK_LOGGED_FILE_GONE 5

/**
 * Event, of level WARNING: a file that the library should have removed is still there; code
 * says why.
 */
#define UDSOCK_LOGGED_NOT_REMOVED 6

/**
 * Event, of level INFO: a server has refused a client; pid and uid are the client's. The code
 * is -EACCES if no rule lets it in (udsock_allow_uid), -EUSERS if its user has as many
 * connections as UDSOCK_OPTION_MAX_PER_UID allows; any other code says why the library could
 * not find out who the client is.
 */
#define UDSOCK_LOGGED_REFUSED 7

/**
 * Event, of level WARNING: no descriptor or no memory was left for waking a thread that
 * sleeps, so the thread looks every 5 ms. The event comes again only after one was available
 * meanwhile.
 */
#define UDSOCK_LOGGED_NO_ALARM 8

/**
 * Event, of level WARNING: the handle was closed while a thread was held up in a call on it
 * (by a debugger, say), and the library took the socket away from that thread.
 */
#define UDSOCK_LOGGED_TAKEN_AWAY 9

/**
 * Event, of level WARNING: datagrams that a poller had kept could not be delivered and were
 * dropped; code says why.
 */
#define UDSOCK_LOGGED_DATAGRAM_DROPPED 10

/**
 * Event, of level INFO: what a poller had kept for a socket was dropped. The code says why the
 * socket failed; 0: it was closed or removed, or the poller was closed.
 */
#define UDSOCK_LOGGED_UNSENT_DROPPED 11

/**
 * Event, of level DEBUG: this system lacks something; the text says what, and what the library
 * does instead. Each is reported once.
 */
#define UDSOCK_LOGGED_MISSING 12

/**
 * Event, of level DEBUG: a call that takes a udsock_error has failed, other than by -EINTR;
 * text is the message of the udsock_error, and path is the call's address.
 */
#define UDSOCK_LOGGED_CALL_FAILED 13

/** Event, of level ERROR: a call has returned UDSOCK_PANIC. */
#define UDSOCK_LOGGED_PANIC 14

/** Event, of level WARNING: more happened at once than a poller can record. */
#define UDSOCK_LOGGED_NOT_NOTED 15

/**
 * Event, of level WARNING: a server with UDSOCK_RESTORE_FILE had lost its path and got it
 * back; pid and uid are those of the server that had taken the path, if one had.
 */
#define UDSOCK_LOGGED_RESTORED 16

/**
 * Event, of level INFO, and WARNING beyond 107 bytes: a socket was bound to a path that some
 * programs can't reach: see the field reach of udsock_inspection.
 */
#define UDSOCK_LOGGED_LONG_PATH 17

/**
 * Something that has happened. The record, and what it points to, belongs to the library and
 * is valid only until the callback returns. A field that an event has no value for is 0,
 * UINT32_MAX (uid) or NULL.
 */
typedef struct udsock_log_record {
    /**
     * The struct's size in this version of the library. If the library is newer than the
     * program, its additional fields follow those that the program knows.
     */
    uint32_t size;
    /** UDSOCK_LOG_ERROR, UDSOCK_LOG_WARNING, UDSOCK_LOG_INFO or UDSOCK_LOG_DEBUG. */
    uint32_t level;
    /** What has happened: UDSOCK_LOGGED_...; there may be others in later versions. */
    uint32_t event;
    /** Why, as an error code. */
    int32_t code;
    /**
     * The socket or the poller that it happened to. 0: that has no handle yet, or no longer
     * has one.
     */
    udsock_t handle;
    /**
     * The other process that is concerned: a client that was refused, the server whose path
     * was taken over.
     */
    int32_t pid;
    /** Its user. */
    uint32_t uid;
    /** The address of the socket, whole and unchanged. It may contain any byte. */
    const char *path;
    /**
     * All of this in words, in one line of UTF-8 without control characters, and without its
     * level. A long path is shown by its two ends. The words may change.
     */
    const char *text;
} udsock_log_record;

/**
 * A function that is told what happens. It may be called from every thread that makes a call,
 * from several at once, and at normal exit (udsock_cleanup). See udsock_set_log.
 */
typedef void (*udsock_log_callback)(void *user_data, const struct udsock_log_record *record);

/**
 * Sets the function that is told what the library does by itself and does not report
 * otherwise. The process has one such function: the next call of this replaces it, and
 * `callback` NULL removes it. The function gets `user_data` and a udsock_log_record, which
 * says what has happened (UDSOCK_LOGGED_...). It gets what has this `level` (UDSOCK_LOG_...)
 * or a more important one.
 *
 * The function may be set at any time, from every thread, even from within a callback. A
 * forked child has its parent's. When this call has returned, no thread is in the former
 * function, and none will enter it: what it used can be freed. (Two exceptions: the calling
 * thread may be in it itself; and if a forked child removes its parent's function, the call
 * does not wait for other threads of the child.) Without a function each possible report costs
 * one look at a variable.
 *
 * The library calls the function within the call in which the thing has happened, on the same
 * thread, with cancellation disabled. No lock is held, so the function may make every call.
 * The time that it takes adds to the time of that call. What would be reported on the same
 * thread meanwhile is dropped, so the function is never called from within itself; so is what
 * would be reported while 64 other threads are in it. (A child that is forked within the
 * function is not in it: there it may be called again.) The function has to return: no
 * exception, no longjmp, no pthread_exit. It should not close the handle of the record: the
 * close would wait for the call, for a tenth of a second. The library allocates no memory to
 * call it. It is never called from a signal handler, so what the handler of
 * udsock_cleanup_on_signal does is not reported.
 *
 * The environment variable UDSOCK_LOG needs no callback. It may be error, warning, info or
 * debug: what has this level or a more important one is written to standard error, one line
 * each. (If descriptor 2 is close-on-exec, nothing is written: the program had closed standard
 * error, and opened something else there.) The library reads the variable once, when there is
 * first something to report. It ignores it in a program that has other rights than the user
 * who started it (set-user-ID).
 *
 * Returns 0.
 *
 * -EINVAL: no such level (with `callback` NULL none is needed).
 * -EBUSY: the new function was set, but a thread has not returned from the former one for a
 * second.
 */
int32_t udsock_set_log(udsock_log_callback callback, void *user_data, uint32_t level);

/* ------------------------------------------------------------------------
 * Version
 */

/**
 * The version of the library that is loaded. UDSOCK_VERSION is that of the header.
 *
 * Returns major * 10000 + minor * 100 + patch.
 */
uint32_t udsock_version(void);

/**
 * The version of the library that is loaded, as text: "0.2.0".
 *
 * Returns a static string.
 */
const char *udsock_version_string(void);

#ifdef __cplusplus
}
#endif

#endif /* UDSOCK_H */
