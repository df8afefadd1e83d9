//! The options of a socket, read and set.

use crate::error::{Error, Result};
use crate::socket::{Pass, Socket};
use crate::sys;

/// A property of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SocketOption {
    Kind,
    SendBuffer,
    ReceiveBuffer,
    ReceiveDescriptors,
    ReceiveCredentials,
    ReceivePidfd,
    Refused,
    MaxPerUid,
    Listening,
    ReadableBytes,
    OwnsFile,
    Restored,
    SpinMicroseconds,
}

impl Socket {
    pub(crate) fn option(&self, option: SocketOption) -> Result<i64> {
        let value = match option {
            SocketOption::Refused => {
                return Ok(self.access().map_or(0, |access| access.refused()));
            }
            SocketOption::MaxPerUid => {
                return Ok(self.access().map_or(0, |access| access.most_per_user()).into());
            }
            // Another holder of the socket may have turned it off.
            SocketOption::ReceiveDescriptors => {
                (self.receives_descriptors() && Pass::Descriptors.is_on(self.fd())?).into()
            }
            SocketOption::ReceiveCredentials => Pass::Credentials.is_on(self.fd())?.into(),
            SocketOption::ReceivePidfd => Pass::Pidfd.is_on(self.fd())?.into(),
            SocketOption::SpinMicroseconds => {
                return Ok(self.spin().limit().as_micros() as i64);
            }
            SocketOption::Kind => self.kind().number() as i32,
            SocketOption::SendBuffer => sys::option(self.fd(), libc::SO_SNDBUF)?,
            SocketOption::ReceiveBuffer => sys::option(self.fd(), libc::SO_RCVBUF)?,
            SocketOption::Listening => self.is_listening()?.into(),
            SocketOption::ReadableBytes => return Ok(self.readable_bytes()? as i64),
            SocketOption::Restored => return Ok(self.restored().into()),
            SocketOption::OwnsFile => self.owns_file().into(),
        };
        Ok(value.into())
    }

    pub(crate) fn set_option(&self, option: SocketOption, value: i64) -> Result<()> {
        let name = match option {
            SocketOption::MaxPerUid => {
                let most = u32::try_from(value).map_err(|_| Error::EINVAL)?;
                self.make_access()?.set_most_per_user(most);
                return Ok(());
            }
            SocketOption::SpinMicroseconds => {
                let limit = u32::try_from(value).ok().filter(|limit| *limit <= MOST_SPIN);
                self.spin().set_limit(limit.ok_or(Error::EINVAL)?);
                return Ok(());
            }
            SocketOption::ReceiveDescriptors => {
                return self.pass(Pass::Descriptors, switch(value)?);
            }
            SocketOption::ReceiveCredentials => {
                return self.pass(Pass::Credentials, switch(value)?);
            }
            SocketOption::ReceivePidfd => return self.pass(Pass::Pidfd, switch(value)?),
            SocketOption::SendBuffer => libc::SO_SNDBUF,
            SocketOption::ReceiveBuffer => libc::SO_RCVBUF,
            _ => return Err(Error::ENOPROTOOPT),
        };
        let size = i32::try_from(value).ok().filter(|size| *size > 0).ok_or(Error::EINVAL)?;
        sys::set_option(self.fd(), name, size)
    }
}

/// The highest limit of a spin: a second, in microseconds.
const MOST_SPIN: u32 = 1_000_000;

fn switch(value: i64) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Error::EINVAL),
    }
}
