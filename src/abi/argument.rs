//! What C hands in, checked and made safe.

use std::ffi::{CStr, c_char, c_void};
use std::mem::{MaybeUninit, size_of};
use std::ptr;

use crate::error::{Error, Result};
use crate::sys::Buffer;
use crate::wait::Timeout;

/// A C string; `None` for NULL.
pub(super) unsafe fn text<'a>(text: *const c_char) -> Option<&'a CStr> {
    // SAFETY: the caller passes NULL or a C string that outlives the call.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
}

pub(super) unsafe fn required_text<'a>(pointer: *const c_char) -> Result<&'a CStr> {
    // SAFETY: as for text.
    unsafe { text(pointer) }.ok_or(Error::EINVAL)
}

pub(super) fn timeout(timeout_ms: i32) -> Result<Timeout> {
    match timeout_ms {
        super::basics::UDSOCK_FOREVER => Ok(Timeout::Forever),
        _ => u32::try_from(timeout_ms).map(Timeout::Milliseconds).map_err(|_| Error::EINVAL),
    }
}

/// Bytes to send: none at all is fine.
pub(super) fn outgoing<'a>(data: *const c_void, size: usize) -> Result<Buffer<'a>> {
    if isize::try_from(size).is_err() || (data.is_null() && size != 0) {
        return Err(Error::EINVAL);
    }
    Ok(Buffer::from_raw(data, size))
}

/// Room to receive into: a byte at least.
pub(super) fn incoming<'a>(data: *mut c_void, size: usize) -> Result<Buffer<'a>> {
    if size == 0 { Err(Error::EINVAL) } else { outgoing(data, size) }
}

/// A place for a result.
pub(super) struct Output<T>(*mut T);

impl<T> Output<T> {
    /// NULL is an error.
    pub(super) fn required(place: *mut T) -> Result<Self> {
        if place.is_null() { Err(Error::EINVAL) } else { Ok(Self(place)) }
    }

    /// The caller must have passed room for a T, or NULL.
    pub(super) unsafe fn write(&self, value: T) {
        // SAFETY: not NULL (checked), and the caller passed room for a T. Callers
        // from other languages may not align it.
        unsafe { self.0.write_unaligned(value) };
    }
}

/// Runs a call that counts its progress, and writes the count, also after an error.
pub(super) unsafe fn with_progress<T>(
    place: *mut usize,
    body: impl FnOnce(&mut usize) -> Result<T>,
) -> Result<T> {
    let mut progress = 0;
    let result = body(&mut progress);
    if let Ok(place) = Output::required(place) {
        // SAFETY: the caller passed room for a size_t, or NULL.
        unsafe { place.write(progress) };
    }
    result
}

/// Room for text, its NUL included: a byte at least.
pub(super) struct TextRoom {
    buffer: *mut c_char,
    size: usize,
}

impl TextRoom {
    pub(super) fn new(buffer: *mut c_char, size: usize) -> Result<Self> {
        incoming(buffer.cast(), size)?;
        Ok(Self { buffer, size })
    }

    /// `None` for NULL, whatever size goes with it.
    pub(super) fn optional(buffer: *mut c_char, size: usize) -> Result<Option<Self>> {
        if buffer.is_null() { Ok(None) } else { Self::new(buffer, size).map(Some) }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Writes the text if it fits, else an empty one. The caller must have passed this room.
    pub(super) unsafe fn write_or_empty(&self, text: &CStr) -> Result<i64> {
        // SAFETY: as for write.
        unsafe { self.write(text).or_else(|_| self.write(c"")) }
    }

    /// Writes the text, and returns its length without the NUL. The caller must have passed this
    /// room.
    pub(super) unsafe fn write(&self, text: &CStr) -> Result<i64> {
        // SAFETY: as for write_bytes.
        unsafe { self.write_bytes(text.to_bytes()) }
    }

    /// The same for a text without a NUL: one is put after it.
    pub(super) unsafe fn write_bytes(&self, text: &[u8]) -> Result<i64> {
        if text.len() >= self.size {
            return Err(Error::ERANGE);
        }
        // SAFETY: the caller passed room for `size` bytes, and no more are written.
        unsafe {
            ptr::copy_nonoverlapping(text.as_ptr().cast(), self.buffer, text.len());
            self.buffer.add(text.len()).write(0);
        }
        Ok(super::codes::count(text.len()))
    }
}

/// A struct that begins with its size.
///
/// # Safety
/// Any bytes must be a value of the type.
pub(super) unsafe trait Sized32: Copy {}

/// The largest size that a struct of this library has, or will have.
const LARGEST_STRUCT: usize = 4096;

/// Reads a struct that may be of an older or a newer version. `None` for NULL.
pub(super) unsafe fn options<T: Sized32>(pointer: *const T) -> Result<Option<T>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller passes a struct that begins with its size, and as many
    // readable bytes as that says.
    unsafe { read_sized(pointer.cast()) }.map(Some)
}

unsafe fn read_sized<T: Sized32>(bytes: *const u8) -> Result<T> {
    // SAFETY: the first field is the size, in four bytes.
    let size = unsafe { bytes.cast::<u32>().read_unaligned() } as usize;
    if size == size_of::<T>() {
        // SAFETY: the struct is as long as a T, and any bytes are a T.
        return Ok(unsafe { bytes.cast::<T>().read_unaligned() });
    }
    if size < size_of::<u32>() {
        return Err(Error::EINVAL);
    }
    if size > LARGEST_STRUCT {
        return Err(Error::E2BIG);
    }
    for offset in size_of::<T>()..size {
        // SAFETY: offset < size.
        if unsafe { *bytes.add(offset) } != 0 {
            return Err(Error::E2BIG);
        }
    }
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: at most `size` bytes are read and at most a T is written; what is not
    // written is 0, and all zero is a T.
    unsafe {
        ptr::copy_nonoverlapping(bytes, value.as_mut_ptr().cast(), size.min(size_of::<T>()));
        Ok(value.assume_init())
    }
}

/// Writes a struct, as far as the caller's goes: its size is in the value.
pub(super) unsafe fn write_sized<T: SizedOutput>(pointer: *mut T, value: &T) {
    let size = (value.size() as usize).min(size_of::<T>());
    // SAFETY: the caller passes a struct of at least so many bytes, not necessarily aligned.
    unsafe { ptr::copy_nonoverlapping(ptr::from_ref(value).cast::<u8>(), pointer.cast(), size) };
}

/// A struct that the library writes.
pub(super) trait SizedOutput: Sized32 {
    fn size(&self) -> u32;
}

pub(super) fn known_flags(flags: u32, known: u32) -> Result<u32> {
    if flags & !known == 0 { Ok(flags) } else { Err(Error::EINVAL) }
}
