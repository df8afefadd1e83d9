//! Random calls from two threads on the same few handles. Each returns, soon, with a
//! documented code; in the end no descriptor is lost.

use std::ffi::{CStr, c_char, c_void};
use std::mem::{self, ManuallyDrop};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::atomic::{AtomicI64, Ordering};
use std::{ptr, thread};

use arbitrary::Unstructured;

use super::place::Place;
use super::{bytes, codes, one_of, up_to};
use support::*;
use udsock::abi::inspection::*;
use udsock::abi::poller::*;

/// More would hardly show more, and take long.
const MOST_CALLS: usize = 100;

type Call = fn(&mut Caller<'_>) -> i64;

const CALLS: [(&str, Call); 57] = [
    ("accept", |c| {
        let peer = c.credentials();
        // SAFETY: room for credentials, or NULL.
        let handle = unsafe { udsock_accept(c.any(), c.timeout(), peer) };
        c.keep(handle)
    }),
    ("activated", |c| {
        // SAFETY: NULL is allowed, and there is no room.
        unsafe { udsock_activated(ptr::null_mut(), up_to(&mut c.input, 1), ptr::null_mut()) }
    }),
    ("activated_name", |c| c.text(udsock_activated_name)),
    ("adopt", |c| c.adopt()),
    ("allow_gid", |c| udsock_allow_gid(c.any(), c.number()).into()),
    // SAFETY: a C string, or NULL.
    ("allow_group", |c| unsafe { udsock_allow_group(c.any(), c.name()) }.into()),
    ("allow_uid", |c| udsock_allow_uid(c.any(), c.number()).into()),
    // SAFETY: as above.
    ("allow_user", |c| unsafe { udsock_allow_user(c.any(), c.name()) }.into()),
    ("bind", |c| {
        let options = c.bind_options();
        // SAFETY: valid arguments.
        unsafe { udsock_bind(c.any(), c.address(), &options, &mut c.err) }.into()
    }),
    ("cleanup", |_| udsock_cleanup()),
    ("cleanup_on_signal", |c| {
        let signal = one_of(&mut c.input, &[libc::SIGUSR2, libc::SIGKILL, libc::SIGCHLD, 0, 1000]);
        udsock_cleanup_on_signal(signal).into()
    }),
    ("close", |c| udsock_close(c.any()).into()),
    ("connect", |c| {
        let options = c.connect_options();
        // SAFETY: valid arguments.
        unsafe { udsock_connect(c.any(), c.address(), &options, &mut c.err) }.into()
    }),
    ("create", |c| {
        let handle = udsock_create(c.kind());
        c.keep(handle)
    }),
    ("disown", |c| udsock_disown(c.any()).into()),
    ("fd", |c| udsock_fd(c.any()).into()),
    ("get_option", |c| udsock_get_option(c.any(), c.option())),
    ("inspect", |c| {
        // SAFETY: all zero is an inspection.
        let mut found: udsock_inspection = unsafe { mem::zeroed() };
        found.size = size_of::<udsock_inspection>() as u32;
        // SAFETY: valid arguments.
        unsafe { udsock_inspect(c.address(), &mut found, &mut c.err) }.into()
    }),
    ("listen", |c| udsock_listen(c.any(), up_to(&mut c.input, 2) as i32).into()),
    ("local_address", |c| c.text(udsock_local_address)),
    ("open_client", |c| {
        let options = c.connect_options();
        // SAFETY: valid arguments.
        let handle = unsafe { udsock_open_client(c.kind(), c.address(), &options, &mut c.err) };
        c.keep(handle)
    }),
    ("open_datagram", |c| {
        let options = c.bind_options();
        // SAFETY: valid arguments.
        let handle = unsafe { udsock_open_datagram(c.address(), &options, &mut c.err) };
        c.keep(handle)
    }),
    ("open_pair", |c| {
        let mut pair = [0; 2];
        // SAFETY: room for two.
        let result = unsafe { udsock_open_pair(c.kind(), pair.as_mut_ptr()) };
        if result == 0 {
            for handle in pair {
                c.keep(handle);
            }
        }
        result.into()
    }),
    ("open_server", |c| {
        let options = c.bind_options();
        // SAFETY: valid arguments.
        let handle = unsafe { udsock_open_server(c.kind(), c.address(), &options, &mut c.err) };
        c.keep(handle)
    }),
    ("peer_credentials", |c| {
        let out = c.credentials();
        // SAFETY: room for credentials, or NULL.
        unsafe { udsock_peer_credentials(c.any(), out) }.into()
    }),
    ("peer_groups", |c| {
        let mut gids = vec![0; up_to(&mut c.input, 4)].into_boxed_slice();
        // SAFETY: room for so many.
        unsafe { udsock_peer_groups(c.any(), gids.as_mut_ptr(), gids.len()) }
    }),
    ("peer_label", |c| c.text(udsock_peer_label)),
    ("peer_pidfd", |c| owned(udsock_peer_pidfd(c.any()))),
    ("poller_add", |c| {
        let flags = up_to(&mut c.input, 8) as u32;
        udsock_poller_add(c.any(), c.any(), 7, flags).into()
    }),
    ("poller_create", |c| {
        let options = udsock_poller_options {
            size: size_of::<udsock_poller_options>() as u32,
            flags: 0,
            send_limit: up_to(&mut c.input, 255) as u64,
            receive_size: up_to(&mut c.input, 255) as u64,
        };
        // SAFETY: valid options.
        let handle = unsafe { udsock_poller_create(&options) };
        c.keep(handle)
    }),
    ("poller_fd", |c| udsock_poller_fd(c.any()).into()),
    ("poller_remove", |c| udsock_poller_remove(c.any(), c.any()).into()),
    ("poller_send", |c| c.poller_send()),
    ("poller_wait", |c| c.poller_wait()),
    // Twice: it is what a program calls most.
    ("poller_wait", |c| c.poller_wait()),
    ("poller_wake", |c| udsock_poller_wake(c.any()).into()),
    ("recv", |c| {
        let mut room = c.room();
        on(c.any()).recv_into(&mut room, c.timeout())
    }),
    ("recv_batch", |c| {
        c.receive_messages(|s, messages, timeout_ms| {
            // SAFETY: two messages that point to room of their sizes.
            unsafe { udsock_recv_batch(s, messages.as_mut_ptr(), messages.len(), timeout_ms) }
        })
    }),
    ("recv_exact", |c| {
        let mut room = c.room();
        let mut received = 0;
        let size = room.len();
        // SAFETY: room of this size.
        unsafe {
            let place = room.as_mut_ptr().cast();
            udsock_recv_exact(c.any(), place, size, c.timeout(), &mut received)
        }
    }),
    ("recv_from", |c| {
        let mut room = c.room();
        let mut address = vec![0; 1 + up_to(&mut c.input, 100)].into_boxed_slice();
        let (size, text) = (address.len(), address.as_mut_ptr());
        // SAFETY: room of these sizes.
        unsafe {
            let place = room.as_mut_ptr().cast();
            udsock_recv_from(c.any(), place, room.len(), text, size, c.timeout())
        }
    }),
    ("recv_message", |c| {
        c.receive_messages(|s, messages, timeout_ms| {
            // SAFETY: as above.
            match unsafe { udsock_recv_message(s, &mut messages[0], timeout_ms) } {
                0.. => 1,
                code => code,
            }
        })
    }),
    ("recvv", |c| {
        let mut room = c.room();
        let parts = c.parts(&mut room);
        // SAFETY: parts of the room.
        unsafe { udsock_recvv(c.any(), parts.as_ptr(), parts.len(), c.timeout()) }
    }),
    ("release", |c| owned(udsock_release(c.any()))),
    ("remote_address", |c| c.text(udsock_remote_address)),
    ("send", |c| {
        let data = c.room();
        on(c.any()).send(&data, c.timeout())
    }),
    ("send_all", |c| {
        let data = c.room();
        on(c.any()).send_all(&data, c.timeout()).0
    }),
    ("send_batch", |c| {
        c.send_messages(|s, messages, timeout_ms| {
            // SAFETY: messages that point to what lives on.
            unsafe { udsock_send_batch(s, messages.as_mut_ptr(), messages.len(), timeout_ms) }
        })
    }),
    ("send_message", |c| {
        c.send_messages(|s, messages, timeout_ms| {
            // SAFETY: as above.
            unsafe { udsock_send_message(s, &mut messages[0], timeout_ms) }
        })
    }),
    ("send_to", |c| {
        let data = c.room();
        let (s, to, timeout_ms) = (c.any(), c.address(), c.timeout());
        // SAFETY: data of this size, and a C string, or NULL.
        unsafe { udsock_send_to(s, data.as_ptr().cast(), data.len(), to, timeout_ms) }
    }),
    ("sendv", |c| {
        let mut data = c.room();
        let parts = c.parts(&mut data);
        // SAFETY: parts of the data.
        unsafe { udsock_sendv(c.any(), parts.as_ptr(), parts.len(), c.timeout()) }
    }),
    ("set_option", |c| {
        let value = one_of(&mut c.input, &[1, 0, 2, 5_000, -1, i64::MAX]);
        udsock_set_option(c.any(), c.option(), value).into()
    }),
    // Again what makes sockets that others meet at: else there is little to call.
    ("open_server", |c| {
        // SAFETY: NULL is all defaults.
        let handle = unsafe {
            udsock_open_server(c.kind(), PATHS[0].as_ptr(), ptr::null(), ptr::null_mut())
        };
        c.keep(handle)
    }),
    ("shutdown", |c| udsock_shutdown(c.any(), up_to(&mut c.input, 4) as u32).into()),
    // SAFETY: a C string.
    ("error_name", |c| i64::from(unsafe { *udsock_error_name(c.number().into()) } == 0)),
    // SAFETY: a C string.
    ("error_text", |c| i64::from(unsafe { *udsock_error_text(c.number().into()) } == 0)),
    ("get_counters", |c| {
        // SAFETY: all zero are counters.
        let mut counters: udsock_counters = unsafe { mem::zeroed() };
        counters.size = size_of::<udsock_counters>() as u32;
        // SAFETY: valid arguments.
        unsafe { udsock_get_counters(c.any(), &mut counters) }.into()
    }),
    ("set_log", |c| {
        let hears = one_of(&mut c.input, &[Some(hear as _), None]);
        udsock_set_log(hears, ptr::null_mut(), up_to(&mut c.input, 5) as u32).into()
    }),
];

/// What it is told is whole, and it may call.
unsafe extern "C" fn hear(_: *mut c_void, record: *const udsock_log_record) {
    // SAFETY: the record and its text are there until this returns.
    let (record, text) = unsafe { (&*record, CStr::from_ptr((*record).text)) };
    assert!((UDSOCK_LOG_ERROR..=UDSOCK_LOG_DEBUG).contains(&record.level), "{}", record.level);
    let text = text.to_str().expect("UTF-8");
    assert!(!text.is_empty() && !text.contains(char::is_control), "{text:?}");
    codes::check("close", udsock_close(0).into());
}

const HANDLES: usize = 8;
const PATHS: [&CStr; 3] = [c"first", c"@udsock-fuzz-calls", c"second"];

type Handles = [AtomicI64; HANDLES];

pub fn run(data: &[u8]) {
    let place = Place::enter();
    let handles = Handles::default();
    let (first, second) = data.split_at(data.len() / 2);
    thread::scope(|scope| {
        let threads = [first, second].map(|program| {
            let mut caller = Caller::new(program, &handles);
            scope.spawn(move || caller.run())
        });
        // The scope would not wait until they have gone.
        for thread in threads {
            thread.join().expect("it would have ended the process");
        }
    });
    for handle in handles {
        let result = udsock_close(handle.into_inner());
        assert!(result == 0 || result == -libc::EBADF, "{result}");
    }
    assert_eq!(udsock_set_log(None, ptr::null_mut(), 0), 0);
    place.leave();
}

/// A thread that calls what its part of the input says.
struct Caller<'a> {
    input: Unstructured<'a>,
    handles: &'a Handles,
    err: udsock_error,
    peer: udsock_credentials,
}

impl<'a> Caller<'a> {
    fn new(program: &'a [u8], handles: &'a Handles) -> Self {
        let peer = udsock_credentials { pid: 0, uid: 0, gid: 0 };
        Self { input: Unstructured::new(program), handles, err: error(), peer }
    }

    fn run(&mut self) {
        for _ in 0..MOST_CALLS {
            if self.input.is_empty() {
                break;
            }
            let (name, call) = one_of(&mut self.input, &CALLS);
            codes::check(name, call(self));
        }
    }

    fn any(&mut self) -> udsock_t {
        let handle = self.handles[up_to(&mut self.input, HANDLES - 1)].load(Ordering::Relaxed);
        match up_to(&mut self.input, 15) {
            15 => handle ^ (1 << up_to(&mut self.input, 62)),
            _ => handle,
        }
    }

    /// It takes the place of another one, which is closed.
    fn keep(&mut self, handle: i64) -> i64 {
        if handle > 0 {
            let place = &self.handles[up_to(&mut self.input, HANDLES - 1)];
            let former = place.swap(handle, Ordering::Relaxed);
            codes::check("close", udsock_close(former).into());
        }
        handle
    }

    fn timeout(&mut self) -> i32 {
        one_of(&mut self.input, &[0, 1, 0, 1, 0, 1, 0, -2])
    }

    fn kind(&mut self) -> u32 {
        one_of(&mut self.input, &[UDSOCK_STREAM, UDSOCK_DGRAM, UDSOCK_SEQPACKET, 3])
    }

    fn number(&mut self) -> u32 {
        one_of(&mut self.input, &[0, 1, 1_000, u32::MAX])
    }

    fn option(&mut self) -> u32 {
        up_to(&mut self.input, UDSOCK_OPTION_RESTORED as usize + 1) as u32
    }

    fn name(&mut self) -> *const c_char {
        one_of(&mut self.input, &[c"root", c"0", c"nobody of this name", c""]).as_ptr()
    }

    fn address(&mut self) -> *const c_char {
        match up_to(&mut self.input, PATHS.len() + 2) {
            3 => c"@".as_ptr(),
            4 => c"missing/socket".as_ptr(),
            5 => ptr::null(),
            which => PATHS[which].as_ptr(),
        }
    }

    fn bind_options(&mut self) -> udsock_bind_options {
        let flags =
            [0, UDSOCK_REPLACE, UDSOCK_NO_RECLAIM, UDSOCK_KEEP_FILE, UDSOCK_RESTORE_FILE, 1 << 31];
        let mode = one_of(&mut self.input, &[0, 0o666, 0o7777, 0o10000]);
        let backlog = up_to(&mut self.input, 2) as i32;
        udsock_bind_options {
            flags: one_of(&mut self.input, &flags),
            mode,
            backlog,
            ..bind_options()
        }
    }

    /// Never for ever.
    fn connect_options(&mut self) -> udsock_connect_options {
        let flags = one_of(&mut self.input, &[0, UDSOCK_RETRY, UDSOCK_DONT_WAIT, 1 << 31]);
        let local_address =
            one_of(&mut self.input, &[ptr::null(), c"@".as_ptr(), c"local".as_ptr()]);
        udsock_connect_options { flags, timeout_ms: 1, local_address, ..connect_options() }
    }

    fn credentials(&mut self) -> *mut udsock_credentials {
        one_of(&mut self.input, &[&raw mut self.peer, ptr::null_mut()])
    }

    fn room(&mut self) -> Box<[u8]> {
        let size = one_of(&mut self.input, &[1, 0, 7, 100, 1 << 16]);
        bytes(&mut self.input, size.min(8)).repeat(size.div_ceil(8).max(1))[..size].into()
    }

    fn parts(&mut self, room: &mut [u8]) -> Vec<udsock_part> {
        let size = up_to(&mut self.input, 50);
        let parts = room.chunks_mut(1 + size).take(3);
        parts.map(|part| udsock_part { data: part.as_mut_ptr().cast(), size: part.len() }).collect()
    }

    fn text(&mut self, which: unsafe extern "C" fn(udsock_t, *mut c_char, usize) -> i64) -> i64 {
        let mut text = vec![0; up_to(&mut self.input, 120)].into_boxed_slice();
        // SAFETY: room of this size.
        unsafe { which(self.any(), text.as_mut_ptr(), text.len()) }
    }

    fn adopt(&mut self) -> i64 {
        let (first, second): (OwnedFd, OwnedFd) = match up_to(&mut self.input, 1) {
            0 => UnixStream::pair().map(|(first, second)| (first.into(), second.into())),
            _ => UnixDatagram::pair().map(|(first, second)| (first.into(), second.into())),
        }
        .expect("descriptors are left");
        // SAFETY: valid arguments.
        let handle = unsafe { udsock_adopt(first.as_raw_fd(), &mut self.err) };
        assert!(handle > 0, "{}", message_of(&self.err));
        mem::forget(first);
        drop(second);
        self.keep(handle)
    }

    fn poller_wait(&mut self) -> i64 {
        // SAFETY: all zero is an event.
        let mut events: Box<[udsock_event]> = vec![unsafe { mem::zeroed() }; 3].into();
        let mut arena = self.room();
        // SAFETY: room of these sizes.
        let count = unsafe {
            let (place, size) = (arena.as_mut_ptr().cast(), arena.len());
            udsock_poller_wait(self.any(), events.as_mut_ptr(), 3, place, size, self.timeout())
        };
        for event in &events[..count.max(0) as usize] {
            assert!(event.offset as usize + event.length as usize <= arena.len());
            match event.kind {
                UDSOCK_EVENT_ACCEPTED => self.keep(event.socket),
                UDSOCK_EVENT_RECEIVED => codes::check("received", event.code.into()),
                UDSOCK_EVENT_FAILED => codes::check("failed", event.code.into()),
                kind => i64::from(kind),
            };
        }
        count
    }

    fn poller_send(&mut self) -> i64 {
        let base = self.room();
        let mut items = Vec::new();
        for _ in 0..up_to(&mut self.input, 3) {
            items.push(udsock_outgoing {
                socket: self.any(),
                offset: up_to(&mut self.input, 10) as u32,
                length: up_to(&mut self.input, base.len()) as u32,
                address_offset: 0,
                address_length: up_to(&mut self.input, 4).saturating_sub(2) as u32,
                flags: up_to(&mut self.input, 3) as u32,
                reserved: 0,
                result: 0,
            });
        }
        let place = base.as_ptr().cast();
        // SAFETY: items and data of these sizes.
        let count = unsafe {
            udsock_poller_send(self.any(), items.as_mut_ptr(), items.len(), place, base.len())
        };
        for item in items.iter().filter(|_| count >= 0) {
            codes::check("item", item.result);
        }
        count
    }

    /// Three messages, with a descriptor that the other thread may close meanwhile.
    fn send_messages(&mut self, call: impl Fn(udsock_t, &mut [udsock_message], i32) -> i64) -> i64 {
        let mut data = self.room();
        let mut descriptor = udsock_fd(self.any());
        let address = one_of(&mut self.input, &[ptr::null(), PATHS[0].as_ptr(), PATHS[1].as_ptr()]);
        let message = udsock_message {
            data: data.as_mut_ptr().cast(),
            data_size: data.len(),
            descriptors: &mut descriptor,
            descriptors_count: usize::from(descriptor >= 0),
            address: address.cast_mut(),
            ..message()
        };
        let mut messages = [message; 3];
        call(self.any(), &mut messages, self.timeout())
    }

    fn receive_messages(
        &mut self,
        call: impl Fn(udsock_t, &mut [udsock_message], i32) -> i64,
    ) -> i64 {
        let mut rooms = [self.room(), self.room()];
        let (mut descriptors, mut addresses) = ([[-1]; 2], [[0; 500]; 2]);
        let (descriptors, addresses) = (descriptors.iter_mut(), addresses.iter_mut());
        let parts = rooms.iter_mut().zip(descriptors).zip(addresses);
        let mut messages: Vec<udsock_message> = parts
            .map(|((data, descriptor), address)| udsock_message {
                data: data.as_mut_ptr().cast(),
                data_capacity: data.len(),
                descriptors: descriptor.as_mut_ptr(),
                descriptors_capacity: 1,
                address: address.as_mut_ptr(),
                address_capacity: address.len(),
                ..message()
            })
            .collect();
        let count = call(self.any(), &mut messages, self.timeout());
        for message in &messages[..count.max(0) as usize] {
            if message.descriptors_count == 1 {
                // SAFETY: it is this program's now.
                owned(unsafe { *message.descriptors });
            }
            owned(message.pidfd);
        }
        count
    }
}

/// A socket that this does not own.
fn on(handle: udsock_t) -> ManuallyDrop<Sock> {
    ManuallyDrop::new(Sock(handle))
}

/// A descriptor that the call gave away, or an error.
fn owned(fd: i32) -> i64 {
    if fd >= 0 {
        // SAFETY: it is this program's now.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
    fd.into()
}
