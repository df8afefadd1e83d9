//! Clients: connecting, and trying again until there is room or a server.

use std::ffi::CStr;
use std::time::{Duration, Instant};

use crate::address::Address;
use crate::bound_path::FileOptions;
use crate::error::{Error, Result};
use crate::failure::{Failure, Told};
use crate::kind::Kind;
use crate::socket::Socket;
use crate::sys::{self, Replacement, SocketName};
use crate::text::c_string;
use crate::unix_diag;
use crate::wait::{Readiness, Timeout, Wait};

/// How to connect.
#[derive(Clone, Copy)]
pub(crate) struct ConnectOptions<'a> {
    /// Go on while there is no server.
    pub(crate) retry: bool,
    pub(crate) timeout: Timeout,
    /// Bound first.
    pub(crate) local_address: Option<&'a CStr>,
    /// Whether anybody will read why it failed, which may take a look around.
    pub(crate) explains: bool,
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
        self.can_be_sent_to()?;
        let mut wait = Wait::new(options.timeout);
        let mut last = None;
        let mut patience = Patience::new(options.retry);
        // A full backlog can't be polled for, nor can a server that isn't there.
        let connected = self.wait_until(&mut wait, Readiness::Unpollable, |_| {
            let attempt =
                address.destination().and_then(|to| Ok(sys::connect(self.fd(), &to.name)?));
            match attempt {
                Err(failure) if patience.lasts(&failure) => {
                    last = Some(failure.error());
                    Err(Error::EAGAIN)
                }
                other => Ok(other.map_err(explain_refusal)),
            }
        });
        let connected = match (connected, last) {
            (Ok(result), _) => result,
            (Err(Error::ETIMEDOUT), Some(last)) => Err(Failure::TimedOut { last }),
            (Err(error), _) => Err(error.into()),
        };
        connected.map_err(|failure| match &address {
            Address::Abstract(name) if options.explains => self.name_neighbour(name, failure),
            _ => failure,
        })?;
        remote.replace(as_given);
        Ok(())
    }

    /// Of an abstract name that nobody has: whether somebody has one that is easily taken for it.
    fn name_neighbour(&self, name: &SocketName, failure: Failure) -> Failure {
        let told = match failure {
            Failure::Plain(Error::ECONNREFUSED) => Told::AtOnce,
            Failure::TimedOut { last: Error::ECONNREFUSED } => Told::AtTheEnd,
            _ => return failure,
        };
        match unix_diag::find_neighbour(self.kind(), name.bytes()) {
            Some(name) => Failure::NotThatName { name, told },
            None => failure,
        }
    }
}

/// A code with two meanings.
fn explain_refusal(failure: Failure) -> Failure {
    match failure {
        Failure::Plain(error @ Error::EPERM) => Failure::Step {
            step: "connect (a sandbox, Landlock for one, keeps this process from it, or the \
                   receiver is connected to another socket)",
            error,
        },
        failure => failure,
    }
}

/// Whether the same attempt may succeed later. (What has an explanation does not pass: /proc,
/// which is missing, say.)
struct Patience {
    retry: bool,
    /// Since when nothing but refusals has been seen.
    refused_since: Option<Instant>,
}

impl Patience {
    /// Many servers make their file first and open it to others afterwards (bind, chmod). So long
    /// that may take; the gap itself is of microseconds, but a process may be held up in it.
    const OPENING_TIME: Duration = Duration::from_secs(1);

    fn new(retry: bool) -> Self {
        Self { retry, refused_since: None }
    }

    fn lasts(&mut self, failure: &Failure) -> bool {
        match failure {
            Failure::Plain(Error::EAGAIN) => true,
            Failure::Plain(Error::ENOENT | Error::ECONNREFUSED) => {
                self.refused_since = None;
                self.retry
            }
            Failure::Plain(Error::EACCES | Error::EPERM) if self.retry => {
                let since = *self.refused_since.get_or_insert_with(Instant::now);
                since.elapsed() < Self::OPENING_TIME
            }
            _ => false,
        }
    }
}
