//! Hypercalls from user space.

#![allow(unsafe_code, reason = "issues hypercalls")]

use xen_abi::Errno;
use xen_abi::linux::privcmd::{IOCTL_PRIVCMD_HYPERCALL, privcmd_hypercall};
use xen_ops::hypercall::{BufferDesc, Hypercall};

use super::{Privcmd, errno};

// SAFETY: Linux passes number and arguments to Xen, and returns its result, which is as wide as a register. A buffer is copied to memory that no other buffer has at the time, and copied back from it.
unsafe impl Hypercall for Privcmd {
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        let arg = arguments.map(|argument| argument as u64);
        let mut call = privcmd_hypercall { op: number.into(), arg };
        let opcode = IOCTL_PRIVCMD_HYPERCALL;
        // SAFETY: the ioctl takes this structure; what Xen does then is the caller's promise.
        match unsafe { self.device.ioctl("IOCTL_PRIVCMD_HYPERCALL", opcode, &raw mut call) } {
            Ok(result) => result as isize,
            Err(error) => negative(errno::of(&error)),
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

/// An error number as the result of a hypercall.
fn negative(errno: Errno) -> isize {
    (errno.0 as isize).wrapping_neg()
}
