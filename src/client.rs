//! Clients: connecting, and trying again until there is room or a server.

use std::ffi::CStr;

use crate::address::Address;
use crate::error::{Error, Failure, Result};
use crate::kind::Kind;
use crate::socket::Socket;
use crate::socket_file::FileOptions;
use crate::sys::{self, Replacement};
use crate::text::c_string;
use crate::wait::{Readiness, Timeout, Wait};

/// How to connect.
#[derive(Clone, Copy)]
pub(crate) struct ConnectOptions<'a> {
    /// Go on while there is no server.
    pub(crate) retry: bool,
    pub(crate) timeout: Timeout,
    /// Bound first.
    pub(crate) local_address: Option<&'a CStr>,
}

impl Socket {
    pub(crate) fn open_client(
        kind: Kind,
        address: &CStr,
        options: ConnectOptions<'_>,
    ) -> Result<Self, Failure> {
        let client = Self::create(kind)?;
        client.connect(address, options)?;
        Ok(client)
    }

    pub(crate) fn connect(&self, text: &CStr, options: ConnectOptions<'_>) -> Result<(), Failure> {
        let address = Address::parse(text)?;
        let remote = self.make_remote_address()?;
        let as_given = Replacement::new(c_string(text.to_bytes())?)?;
        // A second attempt with the same options finds what the first one bound.
        if let Some(local) = options.local_address {
            if !self.is_bound_to(local)? {
                self.bind(local, &FileOptions::default())?;
            }
        }
        self.never_block()?;
        let mut wait = Wait::new(options.timeout);
        let mut last = None;
        // A full backlog can't be polled for, nor can a server that isn't there.
        let connected = self.wait_until(&mut wait, Readiness::Unpollable, |_| {
            let attempt =
                address.destination().and_then(|to| Ok(sys::connect(self.fd(), &to.name)?));
            let attempt = attempt.map_err(explain_refusal);
            match attempt {
                Err(failure) if is_passing(&failure, options.retry) => {
                    last = Some(failure.error());
                    Err(Error::WOULD_BLOCK)
                }
                other => Ok(other),
            }
        });
        match (connected, last) {
            (Ok(result), _) => result?,
            (Err(Error::TIMED_OUT), Some(last)) => return Err(Failure::TimedOut { last }),
            (Err(error), _) => return Err(error.into()),
        }
        remote.replace(as_given);
        Ok(())
    }
}

/// A code with two meanings.
fn explain_refusal(failure: Failure) -> Failure {
    match failure {
        Failure::Plain(error @ Error::NOT_PERMITTED) => Failure::Step {
            step: "connect (a sandbox, Landlock for one, keeps this process from it, or the \
                   receiver is connected to another socket)",
            error,
        },
        failure => failure,
    }
}

/// Whether the same attempt may succeed later. (What has an explanation does not pass: /proc,
/// which is missing, say.)
fn is_passing(failure: &Failure, retry: bool) -> bool {
    match failure {
        Failure::Plain(Error::WOULD_BLOCK) => true,
        Failure::Plain(Error::NOT_FOUND | Error::CONNECTION_REFUSED) => retry,
        _ => false,
    }
}
