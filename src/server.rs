//! Servers: listening and accepting.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd};

use crate::counters::Rare;
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::kind::Kind;
use crate::log::{Note, Refused};
use crate::socket::Socket;
use crate::socket_file::{FileOptions, SocketFile};
use crate::sys::{self, Credentials};
use crate::wait::{self, Readiness, Wait};

impl Socket {
    /// A socket that is bound and, if its kind has connections, listens.
    pub(crate) fn open_server(
        kind: Kind,
        address: &CStr,
        options: &FileOptions,
        backlog: i32,
    ) -> Result<Self, Failure> {
        let server = Self::create(kind)?;
        server.bind_new(address, options)?;
        if kind != Kind::Datagram {
            server.listen(backlog).inspect_err(|_| server.undo_bind())?;
        }
        Ok(server)
    }

    /// A datagram socket, with a name that answers can be sent to, or with none.
    pub(crate) fn open_datagram(
        address: Option<&CStr>,
        options: &FileOptions,
    ) -> Result<Self, Failure> {
        let socket = Self::create(Kind::Datagram)?;
        if let Some(address) = address {
            socket.bind_new(address, options)?;
        }
        Ok(socket)
    }

    /// 0 and below: as many waiting connections as the system allows. A server that is to
    /// replace another does so now.
    pub(crate) fn listen(&self, backlog: i32) -> Result<(), Failure> {
        let backlog = if backlog > 0 { backlog } else { i32::MAX };
        sys::listen(self.fd(), backlog).map_err(Failure::at("listen"))?;
        self.note_listening();
        self.publish_file()
    }

    /// The next client that may come in. Clients that may not are closed, and the wait goes on.
    pub(crate) fn accept(&self, wait: &mut Wait) -> Result<Self> {
        self.accept_if(wait, |_| Some(())).map(|(client, ())| client)
    }

    /// The same, with the client's credentials. A client without any is refused.
    pub(crate) fn accept_known(&self, wait: &mut Wait) -> Result<(Self, Credentials)> {
        // Where accepted clients are counted.
        self.make_access()?;
        self.accept_if(wait, |client| client.peer_credentials().ok())
    }

    // Not inlined: the code that the optimizer made of it in its callers read what valgrind takes
    // for uninitialised memory (its result was right).
    #[inline(never)]
    fn accept_if<T>(
        &self,
        wait: &mut Wait,
        known_as: impl Fn(&Self) -> Option<T>,
    ) -> Result<(Self, T)> {
        /// No queue is longer, unless a sysctl says so: after this many, every client that was in
        /// the queue at the call has been seen.
        const LONG_QUEUE: u32 = 4096 + 1;
        const BREATH: u32 = 64;
        self.never_block()?;
        for refused in 1.. {
            if let Some(client) = self.next_client(wait)? {
                if let Some(known) = known_as(&client) {
                    return Ok((client, known));
                }
                self.make_access()?.count_refused();
                let error = Error::ENODATA;
                self.tell(&Note::refused(Refused { pid: None, uid: None, error }));
            }
            // However many clients come that have to be refused.
            self.check_open()?;
            wait.check()?;
            if refused % BREATH == 0 {
                self.breathe(wait)?;
            }
            if refused >= LONG_QUEUE && wait.is_none() {
                return Err(Error::EAGAIN);
            }
        }
        unreachable!("the count goes on for ever")
    }

    /// One attempt, for a server that never blocks. `None`: a client was refused.
    pub(crate) fn accept_once(&self, refused: &mut Option<Refused>) -> Result<Option<Self>> {
        let before = self.access();
        let room = before.as_ref().map(|access| access.reserve()).transpose()?;
        let client = sys::accept(self.fd())?;
        // The rules that hold now are what counts.
        let admission = match self.access() {
            None => None,
            Some(access) => match access.admit(client.as_fd(), room) {
                Err(client) => {
                    *refused = Some(client);
                    return Ok(None);
                }
                Ok(admission) => admission,
            },
        };
        self.count_rare(Rare::count_accepted);
        self.accepted(client, admission).map(Some)
    }

    /// `None`: one was refused.
    fn next_client(&self, wait: &mut Wait) -> Result<Option<Self>> {
        if let Some(file) = self.claimed_file() {
            return self.next_client_at_claim(wait, &file);
        }
        self.wait_until(wait, Readiness::Client, |shut_down| {
            self.accept_and_tell(|_| Ok(shut_down))
        })
    }

    /// One attempt. A refused client is reported to the log.
    #[inline(always)]
    fn accept_and_tell(
        &self,
        is_shut: impl FnOnce(BorrowedFd<'_>) -> Result<bool>,
    ) -> Result<Option<Self>> {
        let mut refused = None;
        match self.accept_once(&mut refused) {
            // It is ready, but there is nothing to accept: another process that shares this server
            // has shut it down. The kernel returns the same to threads that are blocked in
            // accept(2).
            Err(Error::EAGAIN) if is_shut(self.fd())? => Err(Error::EINVAL),
            Ok(None) => {
                if let Some(client) = refused {
                    self.tell(&Note::refused(client));
                }
                Ok(None)
            }
            result => result,
        }
    }

    /// The same, for a server that gets its path back meanwhile.
    #[cold]
    fn next_client_at_claim(&self, wait: &mut Wait, file: &SocketFile) -> Result<Option<Self>> {
        let Some(claim) = file.claim() else { return Err(Error::EINVAL) };
        let patience = wait.patience();
        self.wait_for(claim.any(), wait, Readiness::Readable, |_| {
            file.restore_if_told(self.handle(), patience);
            self.accept_and_tell(wait::is_shut)
        })
    }
}
