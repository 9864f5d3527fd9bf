//! Hypercalls: the one unsafe door to the hypervisor, and typed wrappers over it.
//!
//! There is a module for each hypercall, with a function for each of its operations. They come from
//! tables that say of each operation what it takes, what it returns and whether it can break memory,
//! as [`hypercalls!`] explains. Anyone can write one for a hypercall that has none here:
//!
//! ```
//! # #![allow(unsafe_code)]
//! use xen_ops::backend::{Recorder, Script};
//! use xen_ops::hypercall::hypercalls;
//! use xen_ops::xen_abi::callback::*;
//! use xen_ops::xen_abi::xen::__HYPERVISOR_callback_op;
//!
//! hypercalls! {
//!     unsafe hypercall __HYPERVISOR_callback_op(command, argument);
//!     commands CALLBACKOP_*, arguments callback_*;
//!
//!     /// Ends a callback of a PV guest's (`CALLBACKTYPE_*`).
//!     single unregister {
//!         in type_: u16,
//!     } -> errno;
//! }
//!
//! // A hypervisor that refuses, and what is remembered of it.
//! // SAFETY: nothing here relies on what a hypercall has done.
//! let xen: Recorder<_, 1> = Recorder::new(unsafe { Script::new(&[-22]) });
//!
//! let error = unregister(&xen, CALLBACKTYPE_nmi as u16).unwrap_err();
//! assert_eq!(error.to_string(), "CALLBACKOP_unregister: invalid argument (EINVAL)");
//!
//! let call = xen.calls().next().unwrap();
//! assert_eq!(call.number, __HYPERVISOR_callback_op);
//! assert_eq!(call.arguments()[0], CALLBACKOP_unregister as usize);
//! ```

#[doc(hidden)]
pub mod __private;
mod buffer;
mod error;
mod operation;

pub mod console_io;
pub mod event_channel_op;
pub mod grant_table_op;
pub mod hvm_op;
pub mod memory_op;
pub mod physdev_op;
pub mod sched_op;
pub mod vcpu_op;
pub mod xen_version;

pub use buffer::{BufferDesc, HypercallBuffer, Readable};
pub use error::{Cause, Error};
pub use operation::{Batch, Done, Request, UNTOUCHED};
use xen_abi::Errno;
pub use xen_abi_derive::hypercalls;

/// A way to the hypervisor.
///
/// The arguments are passed as the architecture's calling convention has them; `number` is one of
/// `__HYPERVISOR_*` of `xen.h`. [`call`](Self::call) is all that an implementation in a kernel needs:
/// `call1` to `call4` exist so that one which passes registers need not clear those that the hypercall
/// does not read, [`lend`](Self::lend) and [`bounce_out`](Self::give_back) for one whose caller's memory
/// the hypervisor cannot reach where it is.
///
/// # Safety
///
/// An implementation hands number and arguments to the hypervisor (or what stands for it) unchanged,
/// returns its result, and has no other effect on the caller's memory than the hypercall's own.
/// The hypercall is an ordinary memory access for the compiler: what was stored before it is in
/// memory when the hypervisor looks, and what is loaded after it is read after it.
///
/// If it lends: from [`lend`](Self::lend) to [`bounce_out`](Self::give_back) the hypervisor finds at the
/// address returned as many bytes as the memory has, with the memory's own contents, and nobody else
/// uses them unless they are the memory itself. Giving back memory that is written leaves in it what is
/// in those bytes then, and memory that is not written is never touched. Both may be called by several
/// threads at once if the type can be shared.
#[allow(unsafe_code, reason = "the door to the hypervisor")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no way to the hypervisor",
    label = "the first argument is a backend, one of `xen_ops::backend`"
)]
pub unsafe trait Hypercall {
    /// Makes a hypercall with all five arguments.
    ///
    /// # Safety
    ///
    /// The hypervisor does what it is asked to: every address in the arguments, or in memory they
    /// point to, must be good for the access that this hypercall makes, and no effect of it (a
    /// mapping changed, a page taken away) may break a promise that Rust code relies on.
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize;

    /// Makes a hypercall that takes one argument.
    ///
    /// # Safety
    ///
    /// As [`call`](Self::call); Xen's own table gives the hypercall no further argument. It may
    /// overwrite the registers of all arguments there, whatever a command reads.
    #[inline]
    unsafe fn call1(&self, number: u32, [a]: [usize; 1]) -> isize {
        // SAFETY: the caller's promise; arguments that are not read may hold anything.
        unsafe { self.call(number, [a, 0, 0, 0, 0]) }
    }

    /// Makes a hypercall that takes two arguments.
    ///
    /// # Safety
    ///
    /// As [`call`](Self::call); Xen's own table gives the hypercall no further argument. It may
    /// overwrite the registers of all arguments there, whatever a command reads.
    #[inline]
    unsafe fn call2(&self, number: u32, [a, b]: [usize; 2]) -> isize {
        // SAFETY: the caller's promise; arguments that are not read may hold anything.
        unsafe { self.call(number, [a, b, 0, 0, 0]) }
    }

    /// Makes a hypercall that takes three arguments.
    ///
    /// # Safety
    ///
    /// As [`call`](Self::call); Xen's own table gives the hypercall no further argument. It may
    /// overwrite the registers of all arguments there, whatever a command reads.
    #[inline]
    unsafe fn call3(&self, number: u32, [a, b, c]: [usize; 3]) -> isize {
        // SAFETY: the caller's promise; arguments that are not read may hold anything.
        unsafe { self.call(number, [a, b, c, 0, 0]) }
    }

    /// Makes a hypercall that takes four arguments.
    ///
    /// # Safety
    ///
    /// As [`call`](Self::call); Xen's own table gives the hypercall no further argument. It may
    /// overwrite the registers of all arguments there, whatever a command reads.
    #[inline]
    unsafe fn call4(&self, number: u32, [a, b, c, d]: [usize; 4]) -> isize {
        // SAFETY: the caller's promise; arguments that are not read may hold anything.
        unsafe { self.call(number, [a, b, c, d, 0]) }
    }

    /// Makes memory reachable for the hypervisor, and returns the address to hand to it: in an argument
    /// of the next hypercalls, or in memory that an argument points to.
    ///
    /// Here that is the memory's own. A backend in user space, where pages come and go, copies it to
    /// memory that stays.
    ///
    /// # Errors
    ///
    /// Why the hypervisor cannot reach it. No hypercall is made then, and a typed wrapper returns this
    /// as if it were the hypervisor's answer.
    ///
    /// # Safety
    ///
    /// Until the memory is given back it can be read (and written, if it says so), and nobody writes
    /// there (or looks there) but through the address returned. The provenance of its address is
    /// exposed, since an implementation makes a pointer of it.
    #[inline]
    unsafe fn bounce_in(&self, memory: BufferDesc) -> Result<usize, Errno> {
        Ok(memory.address)
    }

    /// Ends what [`lend`](Self::lend) began: what the hypervisor has written is in the memory now.
    ///
    /// # Safety
    ///
    /// The memory was lent by this backend to the address `lent`, has not been given back since, and no
    /// hypercall will use that address any more.
    #[inline]
    unsafe fn bounce_out(&self, _memory: BufferDesc, _lent: usize) {}
}

// SAFETY: hands everything on.
#[allow(unsafe_code, reason = "the trait is unsafe to implement")]
unsafe impl<H: Hypercall + ?Sized> Hypercall for &H {
    #[inline]
    unsafe fn call(&self, number: u32, arguments: [usize; 5]) -> isize {
        // SAFETY: the caller's promise.
        unsafe { (**self).call(number, arguments) }
    }

    #[inline]
    unsafe fn call1(&self, number: u32, arguments: [usize; 1]) -> isize {
        // SAFETY: the caller's promise.
        unsafe { (**self).call1(number, arguments) }
    }

    #[inline]
    unsafe fn call2(&self, number: u32, arguments: [usize; 2]) -> isize {
        // SAFETY: the caller's promise.
        unsafe { (**self).call2(number, arguments) }
    }

    #[inline]
    unsafe fn call3(&self, number: u32, arguments: [usize; 3]) -> isize {
        // SAFETY: the caller's promise.
        unsafe { (**self).call3(number, arguments) }
    }

    #[inline]
    unsafe fn call4(&self, number: u32, arguments: [usize; 4]) -> isize {
        // SAFETY: the caller's promise.
        unsafe { (**self).call4(number, arguments) }
    }

    #[inline]
    unsafe fn bounce_in(&self, memory: BufferDesc) -> Result<usize, Errno> {
        // SAFETY: the caller's promise.
        unsafe { (**self).bounce_in(memory) }
    }

    #[inline]
    unsafe fn bounce_out(&self, memory: BufferDesc, lent: usize) {
        // SAFETY: the caller's promise.
        unsafe { (**self).bounce_out(memory, lent) }
    }
}
