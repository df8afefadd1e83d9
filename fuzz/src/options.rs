//! Structs that begin with their size: of any size, with any bytes, anywhere in memory.

use std::ffi::{CStr, CString, c_char};
use std::mem::offset_of;
use std::{fs, ptr};

use arbitrary::Unstructured;

use super::place::Place;
use super::{bytes, codes, one_of, up_to};
use support::*;
use udsock::abi::inspection::*;
use udsock::abi::poller::*;

/// No version of a struct is larger.
const LARGEST: usize = 4096;

pub fn run(data: &[u8]) {
    let place = Place::enter();
    let mut input = Unstructured::new(data);
    let targets: [fn(&mut Unstructured<'_>); 7] =
        [bind, connect, poller, inspection, error_out, message, messages];
    one_of(&mut input, &targets)(&mut input);
    let _ = fs::remove_dir_all("made");
    let left = place.dir.list();
    assert!(left.iter().all(|name| name == "kept"), "{left:?}");
    place.leave();
}

/// A struct as a program hands it in: exactly as many bytes as its size says.
struct Sized {
    memory: Box<[u8]>,
    /// Aligned or not.
    offset: usize,
    size: usize,
    known: usize,
}

impl Sized {
    fn new<T>(input: &mut Unstructured<'_>) -> Self {
        let known = size_of::<T>();
        let size = match up_to(input, 7) {
            0..4 => known,
            4 => up_to(input, known),
            5 => known + up_to(input, 16),
            6 => up_to(input, LARGEST + 8),
            _ => input.arbitrary::<u32>().unwrap_or(0) as usize,
        };
        let offset = up_to(input, 1);
        let room = if size > LARGEST { size_of::<u32>() } else { size.max(size_of::<u32>()) };
        let mut memory = vec![0; offset + room].into_boxed_slice();
        memory[offset..].copy_from_slice(&bytes(input, room));
        memory[offset..][..4].copy_from_slice(&(size as u32).to_ne_bytes());
        Self { memory, offset, size, known }
    }

    /// Sets a field, as far as the struct has it: a pointer that is cut is NULL.
    fn set<T: Copy>(&mut self, offset: usize, value: T) {
        let struct_bytes = &mut self.memory[self.offset..];
        if offset + size_of::<T>() <= struct_bytes.len() {
            // SAFETY: within the struct, and any bytes are a value.
            unsafe { struct_bytes.as_mut_ptr().add(offset).cast::<T>().write_unaligned(value) };
        } else if offset < struct_bytes.len() {
            struct_bytes[offset..].fill(0);
        }
    }

    /// Completed with zeros, as the library does.
    fn field(&self, offset: usize) -> u32 {
        let mut field = [0; 4];
        let rest = self.memory[self.offset..].iter().skip(offset);
        field.iter_mut().zip(rest).for_each(|(place, byte)| *place = *byte);
        u32::from_ne_bytes(field)
    }

    fn pointer<T>(&mut self) -> *mut T {
        self.memory[self.offset..].as_mut_ptr().cast()
    }

    /// What every call says that takes such a struct, whatever else is in it.
    fn verdict(&self) -> Option<i64> {
        let tail = self.memory[self.offset..].get(self.known..).unwrap_or(&[]);
        match self.size {
            0..4 => Some(no(libc::EINVAL)),
            _ if self.size > LARGEST || tail.iter().any(|byte| *byte != 0) => Some(no(libc::E2BIG)),
            _ => None,
        }
    }

    /// The result of a call that had nothing else to complain about.
    #[track_caller]
    fn check(&self, call: &str, result: i64) -> i64 {
        codes::check(call, result);
        match self.verdict() {
            Some(code) => assert_eq!(result, code, "a struct of {} bytes", self.size),
            None => assert_ne!(result, no(libc::E2BIG), "a struct of {} bytes", self.size),
        }
        result
    }
}

fn closed(handle: i64) {
    if handle > 0 {
        assert_eq!(udsock_close(handle), 0);
    }
}

fn text(input: &mut Unstructured<'_>) -> CString {
    const TEXTS: [&CStr; 8] =
        [c"", c"root", c"0", c"4294967295", c"nobody of this name", c"@", c"@\\x", c"other"];
    match up_to(input, TEXTS.len()) {
        0 => {
            let mut text = bytes(input, 24).into_vec();
            text.retain(|byte| !matches!(byte, 0 | b'/'));
            CString::new(text).expect("no NUL")
        }
        which => TEXTS[which - 1].to_owned(),
    }
}

fn bind(input: &mut Unstructured<'_>) {
    let mut options = Sized::new::<udsock_bind_options>(input);
    let (user, group) = (text(input), text(input));
    if up_to(input, 3) != 0 {
        options.set(offset_of!(udsock_bind_options, user), ptr::null::<c_char>());
        options.set(offset_of!(udsock_bind_options, group), ptr::null::<c_char>());
    } else {
        options.set(offset_of!(udsock_bind_options, user), user.as_ptr());
        options.set(offset_of!(udsock_bind_options, group), group.as_ptr());
    }
    let flags = options.field(offset_of!(udsock_bind_options, flags));
    let keeps = flags & UDSOCK_KEEP_FILE != 0;
    let address = match up_to(input, 2) {
        0 if keeps => c"kept",
        0 => c"server",
        1 if keeps => c"@udsock-fuzz-\\x00",
        1 => c"made/deeper/server",
        _ => c"@udsock-fuzz-\\x00",
    };
    let kind = one_of(input, &KINDS);
    let mut err = error();
    // SAFETY: as many bytes as the size says, and text that lives on.
    let result = unsafe { udsock_open_server(kind, address.as_ptr(), options.pointer(), &mut err) };
    options.check("open_server", result);
    closed(result);
}

fn connect(input: &mut Unstructured<'_>) {
    let server = open_server(UDSOCK_SEQPACKET, "server");
    let mut options = Sized::new::<udsock_connect_options>(input);
    let local = text(input);
    let local = if up_to(input, 2) == 0 { local.as_ptr() } else { ptr::null() };
    options.set(offset_of!(udsock_connect_options, local_address), local);
    let mut err = error();
    // SAFETY: as many bytes as the size says, and text that lives on.
    let result = unsafe {
        udsock_open_client(UDSOCK_SEQPACKET, c"server".as_ptr(), options.pointer(), &mut err)
    };
    options.check("open_client", result);
    closed(result);
    drop(server);
}

fn poller(input: &mut Unstructured<'_>) {
    let mut options = Sized::new::<udsock_poller_options>(input);
    // SAFETY: as many bytes as the size says.
    let result = unsafe { udsock_poller_create(options.pointer()) };
    options.check("poller_create", result);
    closed(result);
}

/// A struct that a call fills is of its first version at least.
fn inspection(input: &mut Unstructured<'_>) {
    const FIRST_SIZE: usize = offset_of!(udsock_inspection, queue);
    let mut out = Sized::new::<udsock_inspection>(input);
    let size = out.size;
    // SAFETY: as many bytes as the size says.
    let result = unsafe { udsock_inspect(c"absent".as_ptr(), out.pointer(), ptr::null_mut()) };
    match out.verdict() {
        Some(code) => assert_eq!(i64::from(result), code),
        None if size < FIRST_SIZE => assert_eq!(result, -libc::EINVAL),
        None => {
            assert_eq!(result, 0);
            assert_eq!(out.field(offset_of!(udsock_inspection, state)), UDSOCK_ABSENT);
            assert_eq!(out.field(0) as usize, size);
        }
    }
    if up_to(input, 1) != 0 {
        counters(input);
    }
}

fn counters(input: &mut Unstructured<'_>) {
    let (here, _there) = pair(UDSOCK_SEQPACKET);
    assert_eq!(here.send(b"abc", 0), 3);
    let mut out = Sized::new::<udsock_counters>(input);
    let size = out.size;
    // SAFETY: as many bytes as the size says.
    let result = unsafe { udsock_get_counters(here.0, out.pointer()) };
    match out.verdict() {
        Some(code) => assert_eq!(i64::from(result), code),
        None if size < size_of::<udsock_counters>() => assert_eq!(result, -libc::EINVAL),
        None => {
            assert_eq!(result, 0);
            assert_eq!(out.field(offset_of!(udsock_counters, sent_bytes)), 3);
            assert_eq!(out.field(0) as usize, size);
        }
    }
}

/// An error takes any size, and never more bytes than that.
fn error_out(input: &mut Unstructured<'_>) {
    let size = match up_to(input, 1) {
        0 => up_to(input, 300),
        _ => up_to(input, 1 << 16),
    };
    // A forgotten size stands for that of this version.
    let room = if size == 0 { size_of::<udsock_error>() } else { size.max(4) };
    let address = bytes(input, room.min(5_000)).into_vec();
    let address: Vec<u8> = [b"@\\?", &address[..]].concat();
    let end = address.iter().position(|byte| *byte == 0).unwrap_or(address.len());
    let address = CString::new(&address[..end]).expect("it was cut at a NUL");
    let mut err = vec![0xC5_u8; room].into_boxed_slice();
    err[..4].copy_from_slice(&(size as u32).to_ne_bytes());
    // SAFETY: as many bytes as the size says.
    let result = unsafe {
        udsock_open_server(UDSOCK_STREAM, address.as_ptr(), ptr::null(), err.as_mut_ptr().cast())
    };
    assert_eq!(result, no(libc::EINVAL));
    let (code, message) = (offset_of!(udsock_error, code), offset_of!(udsock_error, message));
    if let Some(code) = err.get(code..code + 4) {
        assert_eq!(code, (-libc::EINVAL).to_ne_bytes());
    }
    if let Some(text @ [_, ..]) = err.get(message..) {
        let text = CStr::from_bytes_until_nul(text).expect("it ends");
        let text = text.to_str().expect("UTF-8");
        assert!("open server @\\?".starts_with(&text[..text.len().min(15)]), "{text}");
        assert!(text.len() < UDSOCK_MESSAGE_SIZE);
    }
    let beyond = err.get(size_of::<udsock_error>()..).unwrap_or(&[]);
    assert!(beyond.iter().all(|byte| *byte == 0xC5), "written beyond what this version knows");
}

/// Pointers to what is there, with the sizes that these have.
fn fill(message: &mut Sized, at: usize, data: &mut [u8], address: &mut [c_char]) {
    message.set(at + offset_of!(udsock_message, data), data.as_mut_ptr());
    message.set(at + offset_of!(udsock_message, data_capacity), data.len());
    message.set(at + offset_of!(udsock_message, data_size), data.len());
    message.set(at + offset_of!(udsock_message, descriptors), ptr::null_mut::<i32>());
    message.set(at + offset_of!(udsock_message, descriptors_capacity), 0_usize);
    message.set(at + offset_of!(udsock_message, descriptors_count), 0_usize);
    message.set(at + offset_of!(udsock_message, address), address.as_mut_ptr());
    message.set(at + offset_of!(udsock_message, address_capacity), address.len());
}

fn message(input: &mut Unstructured<'_>) {
    let (here, there) = pair(UDSOCK_SEQPACKET);
    let mut message = Sized::new::<udsock_message>(input);
    let (mut data, mut address) = ([7; 16], [0; 500]);
    fill(&mut message, 0, &mut data, &mut address);
    // SAFETY: as many bytes as the size says, with pointers to what lives on.
    let sent = unsafe { udsock_send_message(here.0, message.pointer(), 0) };
    codes::check("send_message", sent);
    if message.verdict().is_some() {
        message.check("send_message", sent);
    } else if sent >= 0 {
        assert_eq!(sent, 16);
        // SAFETY: as above.
        let got = unsafe { udsock_recv_message(there.0, message.pointer(), 0) };
        assert_eq!(got, 16);
        assert_eq!(message.field(offset_of!(udsock_message, result)), 16);
    }
}

/// An array, each element with its own bytes, and mostly of the first one's size.
fn messages(input: &mut Unstructured<'_>) {
    let (here, there) = pair(UDSOCK_SEQPACKET);
    let count = 1 + up_to(input, 20);
    let mut message = Sized::new::<udsock_message>(input);
    let stride = message.size;
    if !(4..=LARGEST).contains(&stride) {
        return;
    }
    let (mut data, mut address) = ([7; 16], [0; 500]);
    let mut array = message.memory[message.offset..].repeat(count);
    for element in array.chunks_exact_mut(stride).skip(1) {
        for _ in 0..up_to(input, 2) {
            element[up_to(input, stride - 1)] = up_to(input, 255) as u8;
        }
    }
    message.memory = array.into_boxed_slice();
    message.offset = 0;
    for index in 0..count {
        // What a cut pointer would point to is the next element's size.
        let end = (index + 1) * stride;
        let rest = message.memory[end..].to_vec();
        fill(&mut message, index * stride, &mut data, &mut address);
        message.memory[end..].copy_from_slice(&rest);
    }
    // SAFETY: as many elements of the size that the first one tells.
    let sent = unsafe { udsock_send_batch(here.0, message.pointer(), count, 0) };
    codes::check("send_batch", sent);
    assert!(sent <= count as i64);
    // SAFETY: as above.
    let got = unsafe { udsock_recv_batch(there.0, message.pointer(), count, 0) };
    codes::check("recv_batch", got);
    assert!(got <= sent.max(0));
}
