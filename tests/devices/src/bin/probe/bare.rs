//! System calls by number, with structures laid out as in the kernel's headers.

#![allow(unsafe_code, reason = "system calls")]

use nix::errno::Errno;
use nix::libc;

mod events;
mod grants;
mod privcmd;
mod programs;
mod sharing;

/// The cases, by name.
pub(crate) const CASES: &[(&str, fn())] = &[
    ("map", grants::map),
    ("copy", grants::copy),
    ("dmabuf", grants::dmabuf),
    ("share", sharing::share),
    ("limit", sharing::limit),
    ("events", events::events),
    ("restricted", events::restricted),
    ("hypercalls", privcmd::hypercalls),
    ("foreign", privcmd::foreign),
    ("resource", privcmd::resource),
    ("model", privcmd::model),
    ("heap", programs::heap),
    ("runaway", programs::runaway),
    ("leak", programs::leak),
    ("threads", programs::threads),
    ("fork", programs::fork),
    ("crash", programs::crash),
];

/// A descriptor.
pub(crate) struct Fd(i32);

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: the value owns the descriptor.
        unsafe { libc::close(self.0) };
    }
}

/// Opens a device, or panics.
pub(crate) fn open(device: &str) -> Fd {
    open_with(device, 0)
}

pub(crate) fn open_with(device: &str, flags: i32) -> Fd {
    let path = std::ffi::CString::new(format!("/dev/xen/{device}")).unwrap();
    // SAFETY: a string that ends in 0.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDWR | libc::O_CLOEXEC | flags) };
    assert!(fd >= 0, "{device}: {:?}", Errno::last());
    Fd(fd)
}

/// A request by letter, number and size.
pub(crate) const fn request(letter: u8, number: u64, size: u64) -> u64 {
    size << 16 | (letter as u64) << 8 | number
}

/// An ioctl on a structure.
pub(crate) fn ioctl(fd: &Fd, request: u64, argument: &mut [u32]) -> Result<i32, Errno> {
    // SAFETY: the structure is at least as large as the request says.
    Errno::result(unsafe { libc::ioctl(fd.0, request, argument.as_mut_ptr()) })
}

/// Prints a result.
pub(crate) fn say(what: &str, result: Result<i32, Errno>) {
    match result {
        Ok(value) => println!("{what}: {value}"),
        Err(errno) => println!("{what}: {errno:?}"),
    }
}

/// Mapped pages of a device.
pub(crate) struct Pages {
    pub(crate) address: *mut u8,
    length: usize,
}

impl Pages {
    pub(crate) fn map(fd: &Fd, index: u64, pages: usize, flags: i32) -> Result<Self, Errno> {
        Self::with(fd, index, pages, flags, libc::PROT_READ | libc::PROT_WRITE)
    }

    pub(crate) fn with(
        fd: &Fd,
        index: u64,
        pages: usize,
        flags: i32,
        rights: i32,
    ) -> Result<Self, Errno> {
        let length = pages * 4096;
        let null = std::ptr::null_mut();
        // SAFETY: the kernel chooses the place.
        let address = unsafe { libc::mmap(null, length, rights, flags, fd.0, index as i64) };
        if address == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        Ok(Self { address: address.cast(), length })
    }

    /// A word of a page.
    pub(crate) fn word(&self, page: usize, word: usize) -> u32 {
        // SAFETY: within the mapping, aligned.
        unsafe { self.address.add(page * 4096).cast::<u32>().add(word).read_volatile() }
    }

    pub(crate) fn write(&self, page: usize, word: usize, value: u32) {
        // SAFETY: within the mapping, aligned, writable where it is called.
        unsafe { self.address.add(page * 4096).cast::<u32>().add(word).write_volatile(value) };
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the value owns the mapping.
        unsafe { libc::munmap(self.address.cast(), self.length) };
    }
}

/// An address as two words of a structure.
pub(crate) fn address<T>(of: *const T) -> [u32; 2] {
    let address = of as u64;
    [address as u32, (address >> 32) as u32]
}

pub(crate) fn error(of: Result<Pages, Errno>) -> Result<i32, Errno> {
    of.map(|_| 0)
}

/// Reads ports.
pub(crate) fn read(fd: &Fd, words: &mut [u32]) -> Result<i32, Errno> {
    // SAFETY: the buffer's own size.
    let read = unsafe { libc::read(fd.0, words.as_mut_ptr().cast(), size_of_val(words)) };
    Errno::result(read as i32)
}

pub(crate) fn write(fd: &Fd, words: &[u32]) -> Result<i32, Errno> {
    // SAFETY: the buffer's own size.
    let written = unsafe { libc::write(fd.0, words.as_ptr().cast(), size_of_val(words)) };
    Errno::result(written as i32)
}

/// Whether the descriptor is readable.
pub(crate) fn readable(fd: &Fd) -> bool {
    let mut polled = libc::pollfd { fd: fd.0, events: libc::POLLIN, revents: 0 };
    // SAFETY: one structure.
    unsafe { libc::poll(&mut polled, 1, 0) == 1 && polled.revents & libc::POLLIN != 0 }
}

impl Fd {
    pub(crate) fn number(&self) -> u32 {
        self.0 as u32
    }

    pub(crate) fn adopt(number: u32) -> Self {
        Self(number as i32)
    }
}
