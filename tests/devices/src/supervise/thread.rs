//! A stopped thread of a supervised program: its system call and its memory.

use std::io::{IoSlice, IoSliceMut};

use nix::errno::Errno;
use nix::sys::ptrace;
use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::unistd::Pid;

/// A system call as the program makes it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemCall {
    pub(crate) number: i64,
    pub(crate) arguments: [u64; 6],
}

/// The number with which the kernel skips a call.
const SKIPPED: i64 = -1;
/// Bytes below the stack pointer that belong to the running function.
const RED_ZONE: u64 = 128;

/// A thread at the entry to a system call, or at the exit from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Thread(pub(crate) Pid);

impl Thread {
    pub(crate) fn call(self) -> nix::Result<SystemCall> {
        let r = ptrace::getregs(self.0)?;
        let arguments = [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9];
        Ok(SystemCall { number: r.orig_rax as i64, arguments })
    }

    /// At the entry: makes the kernel perform this call instead.
    pub(crate) fn replace(self, call: SystemCall) -> nix::Result<()> {
        let mut r = ptrace::getregs(self.0)?;
        r.orig_rax = call.number as u64;
        [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9] = call.arguments;
        ptrace::setregs(self.0, r)
    }

    /// At the entry: makes the kernel skip the call.
    pub(crate) fn skip(self) -> nix::Result<()> {
        let call = self.call()?;
        self.replace(SystemCall { number: SKIPPED, ..call })
    }

    /// At the exit: restores the arguments, and sets the result. A program may rely on the registers of its
    /// arguments, which the kernel preserves.
    pub(crate) fn finish(self, arguments: [u64; 6], result: i64) -> nix::Result<()> {
        let mut r = ptrace::getregs(self.0)?;
        [r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9] = arguments;
        r.rax = result as u64;
        ptrace::setregs(self.0, r)
    }

    /// At the exit: the result.
    pub(crate) fn result(self) -> nix::Result<i64> {
        Ok(ptrace::getregs(self.0)?.rax as i64)
    }

    /// Address of a few hundred bytes of the stack that are free while the program is stopped.
    pub(crate) fn scratch(self) -> nix::Result<u64> {
        Ok(ptrace::getregs(self.0)?.rsp.wrapping_sub(RED_ZONE + 512))
    }

    /// Fills the buffer, or EFAULT, as `copy_from_user` does.
    pub(crate) fn read(self, address: u64, buffer: &mut [u8]) -> Result<(), Errno> {
        let length = buffer.len();
        let remote = remote(address, length)?;
        let read = process_vm_readv(self.0, &mut [IoSliceMut::new(buffer)], &[remote]);
        if length == 0 || read == Ok(length) { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// Writes all of it, or EFAULT, as `copy_to_user` does.
    pub(crate) fn write(self, address: u64, bytes: &[u8]) -> Result<(), Errno> {
        let remote = remote(address, bytes.len())?;
        let written = process_vm_writev(self.0, &[IoSlice::new(bytes)], &[remote]);
        if bytes.is_empty() || written == Ok(bytes.len()) { Ok(()) } else { Err(Errno::EFAULT) }
    }

    /// A path, if it is one of fewer than `LONGEST` bytes.
    pub(crate) fn path(self, address: u64) -> Option<String> {
        const LONGEST: u64 = 64;
        let mut path = Vec::new();
        for offset in 0..LONGEST {
            let mut byte = [0];
            self.read(address.checked_add(offset)?, &mut byte).ok()?;
            if byte == [0] {
                return String::from_utf8(path).ok();
            }
            path.extend(byte);
        }
        None
    }
}

fn remote(address: u64, len: usize) -> Result<RemoteIoVec, Errno> {
    Ok(RemoteIoVec { base: usize::try_from(address).map_err(|_| Errno::EFAULT)?, len })
}

/// A structure in the program's memory, by address. Members are read and written by offset: this crate
/// has the layout from the kernel's headers, not from the code that is tested with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Struct {
    pub(crate) thread: Thread,
    pub(crate) address: u64,
}

impl Struct {
    fn get<const N: usize>(self, offset: u64) -> Result<[u8; N], Errno> {
        let mut bytes = [0; N];
        let address = self.address.checked_add(offset).ok_or(Errno::EFAULT)?;
        self.thread.read(address, &mut bytes).map(|()| bytes)
    }

    pub(crate) fn u16(self, offset: u64) -> Result<u16, Errno> {
        self.get(offset).map(u16::from_ne_bytes)
    }

    pub(crate) fn u32(self, offset: u64) -> Result<u32, Errno> {
        self.get(offset).map(u32::from_ne_bytes)
    }

    pub(crate) fn u64(self, offset: u64) -> Result<u64, Errno> {
        self.get(offset).map(u64::from_ne_bytes)
    }

    /// Writes a member.
    pub(crate) fn put(self, offset: u64, bytes: impl AsRef<[u8]>) -> Result<(), Errno> {
        let address = self.address.checked_add(offset).ok_or(Errno::EFAULT)?;
        self.thread.write(address, bytes.as_ref())
    }

    /// Element `index` of the array that a member points to, of structures of `size` bytes.
    pub(crate) fn element(self, offset: u64, index: u32, size: u64) -> Result<Self, Errno> {
        let address = self.u64(offset)?.checked_add(u64::from(index) * size);
        Ok(Self { address: address.ok_or(Errno::EFAULT)?, ..self })
    }
}
