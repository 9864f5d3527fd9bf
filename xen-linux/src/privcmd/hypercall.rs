//! Hypercalls from user space.

#![allow(unsafe_code, reason = "issues hypercalls")]

use std::ffi::c_int;

use xen_abi::Errno;
use xen_abi::linux::privcmd::{IOCTL_PRIVCMD_HYPERCALL, privcmd_hypercall};
use xen_abi::xen::{__HYPERVISOR_memory_op, __HYPERVISOR_multicall, multicall_entry, xen_ulong_t};
use xen_ops::hypercall::{BufferDesc, Hypercall, HypercallBuffer};

use super::{Privcmd, errno};

// SAFETY: Linux passes number and arguments to Xen, directly or as the entry of a multicall, and returns
// its result. A buffer is copied to memory that no other buffer has at the time, and copied back from it.
unsafe impl Hypercall for Privcmd {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        let is_truncated = isize::BITS > c_int::BITS;
        // SAFETY: the caller's promise.
        unsafe {
            if is_truncated && number == __HYPERVISOR_memory_op {
                self.call_multicall(number, arguments)
            } else {
                self.call_direct(number, arguments)
            }
        }
    }

    unsafe fn bounce_in(&self, memory: BufferDesc) -> Result<usize, Errno> {
        // SAFETY: the caller's promise.
        unsafe { self.bounce.bounce_in(memory) }
    }

    unsafe fn bounce_out(&self, memory: BufferDesc, bounced: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.bounce.bounce_out(memory, bounced) }
    }
}

impl Privcmd {
    /// Issues a hypercall. Its result is truncated to an `int`, as that of any ioctl.
    ///
    /// # Safety
    ///
    /// As [`Hypercall::call`].
    unsafe fn call_direct(&self, number: u32, arguments: [usize; 5]) -> isize {
        let arg = arguments.map(|argument| argument as u64);
        let mut call = privcmd_hypercall { op: number.into(), arg };
        let opcode = IOCTL_PRIVCMD_HYPERCALL;
        // SAFETY: the ioctl takes this structure; what Xen does then is the caller's promise.
        match unsafe { self.device.ioctl("IOCTL_PRIVCMD_HYPERCALL", opcode, &raw mut call) } {
            Ok(result) => result as isize,
            Err(error) => negative(errno::of(&error)),
        }
    }

    /// Issues a hypercall whose result may be wider than an `int`, as a number of pages or of a frame: as
    /// the only entry of a multicall, into which Xen writes the whole result.
    ///
    /// # Safety
    ///
    /// As [`Hypercall::call`].
    unsafe fn call_multicall(&self, number: u32, [a, b, c, d, e]: [usize; 5]) -> isize {
        let args = [a, b, c, d, e, 0].map(|argument| argument as xen_ulong_t);
        let op = xen_ulong_t::from(number);
        let mut entry = multicall_entry { op, args, ..multicall_entry::ZERO };
        let done = match HypercallBuffer::to_write(self, &mut entry) {
            // SAFETY: a list of one entry, which is bounced; what the entry does is the caller's promise.
            Ok(list) => unsafe {
                self.call_direct(__HYPERVISOR_multicall, [list.address(), 1, 0, 0, 0])
            },
            Err(errno) => negative(errno),
        };
        if done == 0 { entry.result as isize } else { done }
    }
}

/// An error number as the result of a hypercall.
fn negative(errno: Errno) -> isize {
    (errno.0 as isize).wrapping_neg()
}
