//! libudsock: Unix domain sockets (stream, datagram, seqpacket) on Linux.
//!
//! A server that answers one client after the other, and a client:
//!
//!     udsock_error err = UDSOCK_ERROR_INIT;
//!     udsock_t server = udsock_open_server(UDSOCK_STREAM, "/tmp/echo.sock", NULL, &err);
//!     if (server < 0) { fprintf(stderr, "%s\n", err.message); return 1; }
//!     for (;;) {
//!         udsock_t peer = udsock_accept(server, UDSOCK_FOREVER, NULL);
//!         int64_t n = udsock_recv(peer, buffer, sizeof buffer, UDSOCK_FOREVER);
//!         if (n > 0) udsock_send_all(peer, buffer, (size_t)n, UDSOCK_FOREVER, NULL);
//!         udsock_close(peer);
//!     }
//!
//!     udsock_t client = udsock_open_client(UDSOCK_STREAM, "/tmp/echo.sock", NULL, &err);
//!
//! The other kinds are UDSOCK_SEQPACKET and UDSOCK_DGRAM (udsock_open_datagram).
//!
//! Most programs need ten calls:
//!
//!     udsock_open_server, udsock_accept     a server, and its next client
//!     udsock_open_client                    a client
//!     udsock_open_datagram                  a datagram socket
//!     udsock_send_all, udsock_recv          bytes of a stream, or a message
//!     udsock_send_to, udsock_recv_from      a datagram, and whom it is to or from
//!     udsock_peer_credentials               who the peer is
//!     udsock_close                          closes a handle; removes a server's file
//!
//! The sections of this header, in their order:
//!
//!     Codes of this library's own
//!     Errors in words
//!     Handles, kinds, how to bind and how to connect
//!     In one call: what most programs need (a server, a client, a datagram socket, a pair)
//!     Step by step: POSIX's verbs (create, bind, listen, accept, connect, shutdown, close)
//!     Descriptors in and out: adopt one, borrow one, release one
//!     Activation: sockets that a service manager passed
//!     Data: send and receive: some, all, parts, with addresses
//!     Messages, many in one call: with descriptors and credentials
//!     Who is at the other end, and who may be
//!     Properties of a socket
//!     Addresses
//!     What is at an address
//!     Clean-up
//!     Many sockets, few calls: the poller
//!     Counters
//!     What the library does by itself: a log
//!     Version
//!
//! Conventions, the same for every call:
//!
//! Results. 0 and above is success: a handle, a count, or 0. Below 0 is an error: -errno as the
//! system gives it (-EAGAIN, -ECONNREFUSED), or one of this library's own codes (UDSOCK_EOF,
//! UDSOCK_CLOSED, UDSOCK_PANIC), which lie below -4096. The library does not use errno itself.
//!
//! Handles. A udsock_t is a number. It is neither a descriptor nor a pointer. It is 2^32 or more,
//! and fits into a double exactly. Every call returns -EBADF for a handle that was closed, or never
//! was one; such a handle never reaches another socket, nor a socket of another copy of the library
//! in the program. A poller's handle is -ENOTSOCK where a socket's is needed, and a socket's handle
//! is -EINVAL where a poller's is needed.
//!
//! Time. Every call that can wait takes timeout_ms. UDSOCK_FOREVER: it waits as long as it
//! takes. 0: it does not wait (-EAGAIN if it would have to). Above 0: it waits so many
//! milliseconds (then -ETIMEDOUT, never earlier). Less than UDSOCK_FOREVER is -EINVAL.
//!
//! Signals. A signal handler that runs while a call sleeps ends the call with -EINTR. Nothing
//! is lost: call again. A handler that runs at another moment does not end the call: right
//! before the sleep (as with read(2)), or while the call still tries again before it sleeps
//! (UDSOCK_OPTION_SPIN_US). The call then sleeps all the same. So do not use a signal alone to
//! end a wait. Let a thread wait for the signal (sigwait(3), signalfd(2)), and let that thread
//! close the handle, or call udsock_poller_wake. A signal handler may make no call of the
//! library. The library never raises SIGPIPE. It installs no handler unless it is asked to
//! (udsock_cleanup_on_signal).
//!
//! The end. UDSOCK_EOF says that the peer sends no more. 0 is never the end: it is an empty message,
//! which datagram and seqpacket sockets really have.
//!
//! Outputs. A call writes its outputs only on success. Exceptions: it writes a udsock_error
//! only on failure, and progress (a count of bytes, the result of each message) in both cases.
//! A buffer to receive into must not be of size 0, and no length may be above SSIZE_MAX:
//! -EINVAL. A NULL where something is needed is -EINVAL.
//!
//! Memory. A call that lacks memory returns -ENOMEM. Nothing is lost: call again. The library
//! never ends the program for lack of memory.
//!
//! Threads. Every thread may make every call, also on the same handle. udsock_close ends the calls
//! that wait on the handle: they return UDSOCK_CLOSED. No call is a cancellation point: a thread
//! that pthread_cancel asks to end does so after the call has returned. To end a thread that waits,
//! close the handle, or call udsock_poller_wake, and then join the thread.
//!
//! Processes. A forked child may make every call, whatever other threads of its parent did at
//! that moment. No call waits for a thread that only the parent has. One exception comes from
//! the C library: if another thread was making the process's first look-up of a user's or a
//! group's name at the fork, a look-up in the child may hang. A child of vfork may make no
//! call.
//!
//! Options are structs whose first field is their size: set it to sizeof. NULL stands for all
//! defaults, and so does 0 in every field. Unknown flags and reserved fields that are not 0 are
//! -EINVAL. A struct that is longer than this library knows is accepted if the rest is 0, else it
//! is -E2BIG.
//!
//! Addresses are text. A path has up to 4095 bytes, however short sun_path is. "@name" is an
//! abstract name, which has no file; behind the "@" the escapes \0, \\ and \xNN stand for any
//! byte, and \z at the end stands for NULs up to the end of sun_path (108 bytes). Some programs
//! bind another name than the one that they are given: HAProxy's "abns@name" and Node.js 20's
//! "\0name" are "@name\z" here, uWSGI's "@name" is "@name\0", and PostgreSQL's "@name" is
//! "@name/.s.PGSQL.5432". "@" alone is a name that the kernel picks. For a file whose name
//! begins with "@" write "./@name". The library never cuts an address to fit.
//!
//! Descriptors are close-on-exec from the first moment.

// The safety contract of every function is its text in the header.
#![allow(unsafe_code, non_camel_case_types, clippy::missing_safety_doc)]

mod argument;
mod guard;
mod open_options;

pub mod codes;

pub mod error;

pub mod basics;

pub mod open;

pub mod socket;

pub mod descriptor;

pub mod activation;

pub mod transfer;

pub mod message;

pub mod peer;

pub mod option;

pub mod address;

pub mod inspection;

pub mod cleanup;

pub mod poller;

pub mod counters;

pub mod log;

pub mod version;
