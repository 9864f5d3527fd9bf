//! Hypercalls from user space.

#![allow(unsafe_code, reason = "implements the door to the hypervisor")]

use std::ffi::c_int;

use xen_abi::Errno;
use xen_abi::linux::privcmd::{IOCTL_PRIVCMD_HYPERCALL, privcmd_hypercall};
use xen_abi::xen::{__HYPERVISOR_memory_op, __HYPERVISOR_multicall, multicall_entry, xen_ulong_t};
use xen_ops::hypercall::{BufferDesc, Hypercall, HypercallBuffer};

use super::{Privcmd, errno};
use crate::wide::wide;

// SAFETY: Linux hands number and arguments on to Xen, alone or as the entry of a list, and its result
// back. What is lent is copied to memory that is handed out once at a time, and copied back from there.
unsafe impl Hypercall for Privcmd {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        let is_cut = isize::BITS > c_int::BITS;
        // SAFETY: the caller's promise.
        unsafe {
            if is_cut && number == __HYPERVISOR_memory_op {
                self.whole(number, arguments)
            } else {
                self.cut(number, arguments)
            }
        }
    }

    unsafe fn bounce_in(&self, memory: BufferDesc) -> Result<usize, Errno> {
        // SAFETY: the caller's promise.
        unsafe { self.bounce.bounce_in(memory) }
    }

    unsafe fn bounce_out(&self, memory: BufferDesc, lent: usize) {
        // SAFETY: the caller's promise.
        unsafe { self.bounce.bounce_out(memory, lent) }
    }
}

impl Privcmd {
    /// Makes a hypercall. Of its result there are as many bits as `int` has, like of any ioctl's.
    ///
    /// # Safety
    ///
    /// As [`Hypercall::call`].
    unsafe fn cut(&self, number: u32, arguments: [usize; 5]) -> isize {
        let arg = arguments.map(|argument| wide(argument as u64));
        let mut call = privcmd_hypercall { op: wide(number.into()), arg };
        let opcode = IOCTL_PRIVCMD_HYPERCALL;
        // SAFETY: the ioctl takes this structure; what Xen then does is the caller's promise.
        match unsafe { self.device.ioctl("IOCTL_PRIVCMD_HYPERCALL", opcode, &raw mut call) } {
            Ok(result) => result as isize,
            Err(error) => negative(errno::of(&error)),
        }
    }

    /// Makes a hypercall whose result may be wider than `int`, a number of pages or of a frame: as the
    /// only one in a list of calls, where Xen leaves the whole result.
    ///
    /// # Safety
    ///
    /// As [`Hypercall::call`].
    unsafe fn whole(&self, number: u32, [a, b, c, d, e]: [usize; 5]) -> isize {
        let args = [a, b, c, d, e, 0].map(|argument| argument as xen_ulong_t);
        let op = xen_ulong_t::from(number);
        let mut entry = multicall_entry { op, args, ..multicall_entry::ZERO };
        let done = match HypercallBuffer::to_write(self, &mut entry) {
            // SAFETY: a list of one entry, which is lent; what that does is the caller's promise.
            Ok(list) => unsafe { self.cut(__HYPERVISOR_multicall, [list.address(), 1, 0, 0, 0]) },
            Err(errno) => negative(errno),
        };
        if done == 0 { entry.result as isize } else { done }
    }
}

/// The result that an error number is.
fn negative(errno: Errno) -> isize {
    (errno.0 as isize).wrapping_neg()
}
