//! Memory of the caller, which the kernel reads and writes; and allocations that may fail, where
//! std would end the process.

use std::alloc::{Layout, alloc};
use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering, fence};

use super::Pointer;
use crate::error::{Error, Result};

/// A stretch of the caller's memory, an iovec. The kernel checks it, as it is handed on; Rust never
/// looks inside, and only copies.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Buffer<'a>(libc::iovec, PhantomData<&'a [u8]>);

impl Buffer<'_> {
    pub(crate) const EMPTY: Self =
        Self(libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 }, PhantomData);

    /// What the caller of an export passed, whatever it is.
    pub(crate) fn from_raw(data: *const c_void, size: usize) -> Self {
        Self(libc::iovec { iov_base: data.cast_mut(), iov_len: size }, PhantomData)
    }

    /// A buffer to send from. (The kernel only reads it.)
    pub(crate) fn of(bytes: &[u8]) -> Buffer<'_> {
        Buffer::from_raw(bytes.as_ptr().cast(), bytes.len())
    }

    pub(super) fn as_iovec(&self) -> &libc::iovec {
        &self.0
    }

    pub(crate) fn size(&self) -> usize {
        self.0.iov_len
    }

    pub(crate) fn is_null(&self) -> bool {
        self.0.iov_base.is_null()
    }

    /// Its first bytes, at most so many.
    pub(crate) fn first(&self, count: usize) -> Self {
        Self::from_raw(self.0.iov_base, count.min(self.size()))
    }

    /// Its bytes from one place on.
    pub(crate) fn part(&self, offset: usize, count: usize) -> Option<Self> {
        let end = offset.checked_add(count)?;
        (end <= self.size()).then(|| self.skip(offset).first(count))
    }

    /// Copies what has been received into another buffer, as much of it as fits. Both are for
    /// receiving.
    pub(crate) fn copy_from(&self, other: Buffer<'_>, size: usize) {
        let (to, from) = (self.0.iov_base.cast::<u8>(), other.0.iov_base.cast::<u8>());
        let size = size.min(other.size()).min(self.size());
        // SAFETY: the caller lent both for writing (they may overlap), and no more than either
        // holds is copied.
        unsafe { std::ptr::copy(from, to, size) };
    }

    /// Appends the bytes to `out`.
    pub(crate) fn copy_to(&self, out: &mut impl for<'b> Extend<&'b u8>) {
        if self.is_null() {
            return;
        }
        // SAFETY: the caller lent this memory, and leaves it alone during the call.
        out.extend(unsafe { std::slice::from_raw_parts(self.0.iov_base.cast(), self.size()) });
    }

    /// Writes the bytes at its beginning, as far as there is room.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let count = bytes.len().min(self.size());
        // SAFETY: the caller lent this memory for writing, and no more than it is written.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.iov_base.cast(), count) };
    }

    /// What comes after the first `count` bytes.
    pub(crate) fn skip(&self, count: usize) -> Self {
        let count = count.min(self.size());
        Self::from_raw(self.0.iov_base.cast::<u8>().wrapping_add(count).cast(), self.size() - count)
    }
}

/// The largest message of a Unix socket, whatever its buffer.
pub(crate) const LARGEST_MESSAGE: usize = 4_263_616;

/// Memory for a value that is made later, when it must not be lacking.
pub(crate) struct Room<T>(Box<MaybeUninit<T>>);

impl<T> Room<T> {
    pub(crate) fn fill(mut self, value: T) -> Box<T> {
        self.0.write(value);
        // SAFETY: it has just been written.
        unsafe { self.0.assume_init() }
    }
}

pub(crate) fn room_for<T>() -> Result<Room<T>> {
    const { assert!(size_of::<T>() > 0) };
    // SAFETY: the size is not 0.
    let place = unsafe { alloc(Layout::new::<T>()) }.cast::<MaybeUninit<T>>();
    if place.is_null() {
        return Err(Error::ENOMEM);
    }
    // SAFETY: it was allocated for a T just now, and is nobody else's.
    Ok(Room(unsafe { Box::from_raw(place) }))
}

/// `Box::new`.
pub(crate) fn boxed<T>(value: T) -> Result<Box<T>> {
    room_for().map(|room| room.fill(value))
}

/// Memory of the kernel's, beside the heap.
pub(super) struct Pages {
    place: *mut c_void,
    size: usize,
}

impl Pages {
    /// All zero.
    pub(super) fn new(size: usize) -> Result<Self> {
        let (access, kind) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        // SAFETY: new memory, at an address of the kernel's choice.
        let place = unsafe { libc::mmap(ptr::null_mut(), size, access, kind, -1, 0) };
        if place == libc::MAP_FAILED { Err(Error::ENOMEM) } else { Ok(Self { place, size }) }
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: as many bytes, which are nobody else's.
        unsafe { std::slice::from_raw_parts_mut(self.place.cast(), self.size) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: it was made by mmap, of this size, and nobody has it any more.
        unsafe { libc::munmap(self.place, self.size) };
    }
}

/// A value with many owners: `Arc`.
#[repr(transparent)]
pub(crate) struct Shared<T>(NonNull<Counted<T>>);

struct Counted<T> {
    owners: AtomicUsize,
    value: T,
}

// SAFETY: the owners have the value in common (T: Sync), and the last one of them, on whatever
// thread it is, drops it (T: Send).
unsafe impl<T: Send + Sync> Send for Shared<T> {}
// SAFETY: as above; who has a reference can make itself an owner.
unsafe impl<T: Send + Sync> Sync for Shared<T> {}

// SAFETY: it is one NonNull.
unsafe impl<T> Pointer for Shared<T> {}

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Result<Self> {
        let counted = boxed(Counted { owners: AtomicUsize::new(1), value })?;
        Ok(Self(NonNull::from(Box::leak(counted))))
    }

    fn counted(&self) -> &Counted<T> {
        // SAFETY: it is there as long as it has an owner.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        self.counted().owners.fetch_add(1, Ordering::Relaxed);
        Self(self.0)
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.counted().value
    }
}

impl<T> Drop for Shared<T> {
    fn drop(&mut self) {
        if self.counted().owners.fetch_sub(1, Ordering::Release) == 1 {
            // What the other owners did with it happened before this.
            fence(Ordering::Acquire);
            // SAFETY: it came from a Box, and this was the last owner.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }
}
