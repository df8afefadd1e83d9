//! Clients: connecting, and trying again until there is room or a server.

use std::ffi::CStr;

use crate::address::Address;
use crate::error::{Error, Result};
use crate::failure::{Failure, Told};
use crate::inspection;
use crate::kind::Kind;
use crate::socket::Socket;
use crate::socket_file::FileOptions;
use crate::sys::{self, Replacement};
use crate::text::c_string;
use crate::unix_diag;
use crate::wait::{Readiness, Timeout, Wait};

/// How to connect.
#[derive(Clone, Copy)]
pub(crate) struct ConnectOptions<'a> {
    /// Go on while there is no server.
    pub(crate) retry: bool,
    pub(crate) timeout: Timeout,
    /// The client's own address, bound first.
    pub(crate) local_address: Option<&'a CStr>,
    /// Whether anybody will read why it failed. To find that out may take further system calls.
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
        let remote = self.make_remote()?;
        let as_given = Replacement::new(c_string(text.to_bytes())?)?;
        // A second attempt with the same options finds the socket bound by the first one.
        if let Some(local) = options.local_address {
            if !self.is_bound_to(local)? {
                self.bind(local, &FileOptions::default())?;
            }
        }
        self.never_block()?;
        // Attempts that are not to wait are made one by one: this one may go on where the last ended.
        if options.timeout != Timeout::NONE {
            remote.forget_refusals();
        }
        self.can_be_sent_to()?;
        let mut wait = Wait::new(options.timeout);
        let mut last = None;
        // A full backlog can't be polled for, nor can a server that isn't there.
        let connected = self.wait_until(&mut wait, Readiness::Unpollable, |_| {
            let attempt =
                address.destination().and_then(|to| Ok(sys::connect(self.fd(), &to.name)?));
            match attempt {
                Err(failure) if remote.may_pass(text, &failure, options.retry) => {
                    last = Some(failure.error());
                    Err(Error::EAGAIN)
                }
                other => Ok(other.map_err(explain_refusal)),
            }
        });
        let connected = match (connected, last) {
            (Ok(result), _) => result,
            (Err(Error::ETIMEDOUT), Some(last)) => Err(Failure::TimedOut { last }),
            (Err(Error::EAGAIN), Some(last)) if options.retry => Err(Failure::NotYet { last }),
            (Err(error), _) => Err(error.into()),
        };
        connected.map_err(|failure| match options.explains {
            true => self.explain_absence(&address, failure),
            false => failure,
        })?;
        remote.address.replace(as_given);
        remote.forget_refusals();
        Ok(())
    }

    /// If nobody is at the address: says what is there instead, or what is easily taken for it.
    fn explain_absence(&self, address: &Address<'_>, failure: Failure) -> Failure {
        let told = match failure {
            Failure::Plain(Error::ECONNREFUSED) => Told::AtOnce,
            Failure::TimedOut { last: Error::ECONNREFUSED } => Told::AtTheEnd,
            _ => return failure,
        };
        let explained = match address {
            Address::Abstract(name) => unix_diag::find_neighbour(self.kind(), name.bytes())
                .map(|name| Failure::NotThatName { name, told }),
            Address::Path(path) => inspection::other_than_a_socket(path)
                .map(|what| Failure::NoSocketThere { what, told }),
            Address::Any => None,
        };
        explained.unwrap_or(failure)
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
