//! libudsock: Unix domain sockets (stream, datagram, seqpacket) on Linux.
//!
//! A server and a client:
//!
//!     udsock_error err = UDSOCK_ERROR_INIT;
//!     udsock_t server = udsock_open_server(UDSOCK_STREAM, "/tmp/echo.sock", NULL, &err);
//!     if (server < 0) { fprintf(stderr, "%s\n", err.message); return 1; }
//!     udsock_t peer = udsock_accept(server, UDSOCK_FOREVER, NULL);
//!     int64_t n = udsock_recv(peer, buffer, sizeof buffer, UDSOCK_FOREVER);
//!     udsock_send_all(peer, buffer, (size_t)n, UDSOCK_FOREVER, NULL);
//!     udsock_close(peer);
//!     udsock_close(server);
//!
//!     udsock_t client = udsock_open_client(UDSOCK_STREAM, "/tmp/echo.sock", NULL, &err);
//!
//! The other kinds are UDSOCK_SEQPACKET and UDSOCK_DGRAM (udsock_open_datagram).
//!
//! Conventions, the same for every call:
//!
//! Results. 0 and above is success: a handle, a count, or 0. Below 0 is an error:
//! -errno as the system gives it (-EAGAIN, -ECONNREFUSED), or one of this library's
//! own codes (UDSOCK_EOF, UDSOCK_CLOSED, UDSOCK_PANIC), which lie below -4096.
//! errno itself is not used.
//!
//! Handles. A udsock_t is a number, not a descriptor and not a pointer. A handle
//! that was closed, or never was one, gets -EBADF from every call; it never reaches
//! another socket, nor one of another copy of the library in the program. A poller's
//! is -ENOTSOCK where a socket's is needed, a socket's -EINVAL where a poller's is. It
//! fits into a double exactly, and is 2^32 or more.
//!
//! Time. Every call that can wait takes timeout_ms: UDSOCK_FOREVER, 0 for not at all
//! (-EAGAIN if the call would have to wait), or milliseconds (-ETIMEDOUT after them,
//! never earlier). Less than UDSOCK_FOREVER is -EINVAL.
//!
//! Signals. A signal handler that runs during a wait ends it with -EINTR; nothing is
//! lost, call again. SIGPIPE is never raised. The library installs no handler unless
//! it is asked to (udsock_cleanup_on_signal).
//!
//! The end. UDSOCK_EOF says that the peer sends no more. 0 is never the end: it is an
//! empty message, which datagram and seqpacket sockets really have.
//!
//! Outputs are written only on success, except where progress is reported. Buffers to
//! receive into must not be of size 0, and no length may be above SSIZE_MAX: -EINVAL.
//! A NULL where something is needed is -EINVAL.
//!
//! Memory. A call that lacks some returns -ENOMEM, and nothing is lost: call again. It never
//! ends the program.
//!
//! Threads. Every call may be made from every thread, also on the same handle.
//! udsock_close ends the calls that wait on the handle: they return UDSOCK_CLOSED. No call
//! is a cancellation point: pthread_cancel ends a thread after the call has returned. To
//! end one that waits, close the handle, or udsock_poller_wake, and then join the thread.
//!
//! Processes. A forked child may make every call, whatever other threads of its parent did
//! at that moment: no call waits for one of them, unless the C library does, in the first
//! look-up of a user's or a group's name. A child of vfork may make none.
//!
//! Options are structs whose first field is their size: set it to sizeof. NULL stands
//! for all defaults, and so does 0 in every field. Unknown flags and reserved fields
//! that are not 0 are -EINVAL. A longer struct than this library knows is welcome if
//! the rest is 0, else -E2BIG.
//!
//! Addresses are text. A path of up to 4095 bytes, however short sun_path is. "@name":
//! an abstract name, which has no file; behind the "@" the escapes \0, \\ and \xNN
//! stand for any byte, and \z at the end for NULs up to the end of sun_path (108 bytes).
//! Some programs bind these, and they are other names: "abns@name" of HAProxy and "\0name"
//! of Node.js 20 are "@name\z", uWSGI's "@name" is "@name\0", and PostgreSQL's is
//! "@name/.s.PGSQL.5432". "@" alone: a name that the kernel picks. For a file whose name
//! begins with "@" write "./@name". Nothing is ever cut to fit.
//!
//! Descriptors are close-on-exec from the first moment.

// The safety contract of every function is its text in the header.
#![allow(unsafe_code, non_camel_case_types, clippy::missing_safety_doc)]

mod argument;
mod guard;

pub mod error;
pub mod socket;

pub mod open;

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
