//! In one call: what most programs need

use std::ffi::c_char;

use super::argument::{self, Output};
use super::basics::{udsock_bind_options, udsock_connect_options, udsock_t};
use super::error::{explain, udsock_error};
use super::guard::guard;
use super::open_options::{bind_options, connect_options, required_address};
use crate::cleanup;
use crate::error::Result;
use crate::failure::Failure;
use crate::handles;
use crate::kind::Kind;
use crate::socket::Socket;
use crate::wait::Timeout;

/// A server: a socket that is bound to the address and listens. A server of the kind
/// UDSOCK_DGRAM is only bound. udsock_close removes its file. If anything fails, nothing is
/// left behind.
///
/// Returns its handle.
///
/// Errors: as of udsock_create, udsock_bind and udsock_listen.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_open_server(
    kind: u32,
    address: *const c_char,
    options: *const udsock_bind_options,
    err: *mut udsock_error,
) -> udsock_t {
    // SAFETY: the caller passes C strings, structs with their sizes, or NULL.
    guard(|| unsafe {
        explain(err, "open server", address, || {
            let kind = known_kind(kind)?;
            let (options, backlog) = bind_options(options)?;
            let address = required_address(address)?;
            cleanup::remove_at_exit()?;
            handles::open(|| Socket::open_server(kind, address, &options, backlog))
        })
    })
}

/// A client: a socket that is connected to the address. If anything fails, nothing is left
/// behind.
///
/// Returns its handle.
///
/// Errors: as of udsock_create and udsock_connect. Also:
/// -EINVAL: UDSOCK_RETRY with UDSOCK_DONT_WAIT, which are for attempts that the same socket makes.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_open_client(
    kind: u32,
    address: *const c_char,
    options: *const udsock_connect_options,
    err: *mut udsock_error,
) -> udsock_t {
    // SAFETY: the caller passes C strings, structs with their sizes, or NULL.
    guard(|| unsafe {
        explain(err, "open client", address, || {
            let kind = known_kind(kind)?;
            let options = connect_options(options, err)?;
            if options.retry && options.timeout == Timeout::NONE {
                return Err(Failure::Invalid(
                    "UDSOCK_RETRY with UDSOCK_DONT_WAIT is one attempt of several: create a socket, \
                     and connect it",
                ));
            }
            let address = required_address(address)?;
            cleanup::remove_at_exit()?;
            handles::open(|| Socket::open_client(kind, address, options))
        })
    })
}

/// A datagram socket that is bound to the address. `address`: a path or an abstract name. "@":
/// the kernel picks an abstract name, so that answers arrive and no file is made. NULL: no
/// name, for a sender that wants no answer.
///
/// Returns its handle.
///
/// Errors: as of udsock_create and udsock_bind.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_open_datagram(
    address: *const c_char,
    options: *const udsock_bind_options,
    err: *mut udsock_error,
) -> udsock_t {
    // SAFETY: the caller passes C strings, structs with their sizes, or NULL.
    guard(|| unsafe {
        explain(err, "open datagram", address, || {
            let (options, _) = bind_options(options)?;
            let address = argument::text(address);
            cleanup::remove_at_exit()?;
            handles::open(|| Socket::open_datagram(address, &options))
        })
    })
}

/// Two sockets that are connected with each other. `out`: room for two handles.
///
/// Returns 0.
///
/// Errors: as of udsock_create.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn udsock_open_pair(kind: u32, out: *mut udsock_t) -> i32 {
    guard(|| {
        let kind = Kind::from_number(kind)?;
        let out = Output::required(out.cast::<[udsock_t; 2]>())?;
        let pair = handles::open_pair(|| Socket::pair(kind))?;
        // SAFETY: the caller passes room for two handles, or NULL.
        unsafe { out.write(pair) };
        Ok(0)
    })
}

fn known_kind(kind: u32) -> Result<Kind, Failure> {
    Kind::from_number(kind).map_err(|_| {
        Failure::Invalid("the kind is none of UDSOCK_STREAM, UDSOCK_DGRAM, UDSOCK_SEQPACKET")
    })
}
