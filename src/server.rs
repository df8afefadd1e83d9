//! Servers: listening and accepting.

use std::ffi::CStr;

use crate::error::{Error, Failure, Result};
use crate::socket::{BindOptions, Kind, Socket};
use crate::sys;
use crate::wait::{Readiness, Wait};

impl Socket {
    /// A socket that is bound and, if its kind has connections, listens.
    pub(crate) fn open_server(
        kind: Kind,
        address: &CStr,
        options: BindOptions,
        backlog: i32,
    ) -> Result<Self, Failure> {
        let server = Self::create(kind)?;
        server.bind(address, options)?;
        if kind != Kind::Datagram {
            server.listen(backlog).map_err(Failure::at("listen"))?;
        }
        Ok(server)
    }

    /// A datagram socket, with a name that answers can be sent to, or with none.
    pub(crate) fn open_datagram(
        address: Option<&CStr>,
        options: BindOptions,
    ) -> Result<Self, Failure> {
        let socket = Self::create(Kind::Datagram)?;
        if let Some(address) = address {
            socket.bind(address, options)?;
        }
        Ok(socket)
    }

    /// 0 and below: as many waiting connections as the system allows.
    pub(crate) fn listen(&self, backlog: i32) -> Result<()> {
        sys::listen(self.fd(), if backlog > 0 { backlog } else { i32::MAX })
    }

    pub(crate) fn accept(&self, wait: &mut Wait) -> Result<Self> {
        self.never_block()?;
        let connection = self.wait_until(wait, Readiness::ReadableOrShut, |shut_down| {
            match sys::accept(self.fd()) {
                // Readable for ever, and nothing to accept: someone who shares this
                // server shut it down. Blocked acceptors are told the same.
                Err(Error::WOULD_BLOCK) if shut_down => Err(Error::INVALID),
                result => result,
            }
        })?;
        self.accepted(connection)
    }

    pub(crate) fn is_listening(&self) -> Result<bool> {
        sys::option(self.fd(), libc::SO_ACCEPTCONN).map(|listening| listening != 0)
    }
}
