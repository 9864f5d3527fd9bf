//! Hypercalls: [`Hypercall`], the only trait that issues them, and typed wrappers over it.
//!
//! There is a module for each hypercall, with a function for each of its operations. The functions are
//! generated from tables that state what each operation takes, what it returns and whether it can break
//! memory safety, as [`hypercalls!`] explains.
//!
//! [`multicall`] makes several calls of them by one hypercall.
//!
//! # Errors
//!
//! Each function lists what Xen answers in the releases from 4.14 to 4.22, with the default security policy
//! and with SILO; other policies can refuse more. It does not repeat `ENOSYS`, for a Xen that lacks the
//! hypercall or the operation, nor `EFAULT`, for an argument that Xen cannot access.
//!
//! An unprivileged caller is neither a control domain nor the device model of the domain that it names.
//!
//! # Tables
//!
//! Other crates can define a table of their own:
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
//!     /// Unregisters a callback (`CALLBACKTYPE_*`). PV guests only.
//!     single unregister {
//!         in type_: u16,
//!     } -> errno;
//! }
//!
//! // A hypervisor that refuses, and a record of the hypercall.
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

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub mod altp2m;
#[cfg(feature = "argo")]
#[cfg_attr(docsrs, doc(cfg(feature = "argo")))]
pub mod argo_op;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub mod callback_op;
pub mod console_io;
#[cfg(feature = "device-model")]
#[cfg_attr(docsrs, doc(cfg(feature = "device-model")))]
pub mod dm_op;
pub mod event_channel_op;
pub mod grant_table_op;
pub mod hvm_op;
#[cfg(feature = "toolstack")]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub mod hypfs_op;
#[cfg(all(feature = "toolstack", any(target_arch = "x86", target_arch = "x86_64")))]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub mod kexec_op;
#[cfg(all(feature = "toolstack", any(target_arch = "x86", target_arch = "x86_64")))]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub mod mca;
pub mod memory_op;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub mod mmuext_op;
pub mod multicall;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub mod nmi_op;
pub mod physdev_op;
#[cfg(feature = "toolstack")]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub mod platform_op;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
pub mod pv;
pub mod sched_op;
pub mod timer;
pub mod vcpu_op;
pub mod vm_assist;
pub mod xen_version;
#[cfg(all(feature = "toolstack", any(target_arch = "x86", target_arch = "x86_64")))]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub mod xenpmu_op;
#[cfg(feature = "toolstack")]
#[cfg_attr(docsrs, doc(cfg(feature = "toolstack")))]
pub mod xsm_op;

pub use buffer::{BufferDesc, HypercallBuffer, Readable, Writable};
pub use error::{Cause, Error};
pub use operation::{Batch, Caller, Done, Operation, Request, UNTOUCHED};
use xen_abi::Errno;
pub use xen_abi_derive::hypercalls;

use crate::page::Owner;

/// Issues hypercalls. It is the only trait that does.
///
/// The arguments are passed as the architecture's calling convention defines; `number` is one of
/// `__HYPERVISOR_*` of `xen.h`. An implementation in a kernel needs only [`call`](Self::call). It can
/// override `call1` to `call4` to leave alone the registers of arguments that the hypercall does not
/// have. An implementation whose callers' memory the hypervisor cannot reach in place overrides
/// [`bounce_in`](Self::bounce_in) and [`bounce_out`](Self::bounce_out).
///
/// # Safety
///
/// An implementation passes number and arguments to the hypervisor (or what stands for it) unchanged,
/// returns its result, and has no other effect on the caller's memory than the hypercall's own.
/// The hypercall is an ordinary memory access for the compiler: stores before it reach memory before the
/// hypervisor reads them, and loads after it are not moved before it.
///
/// If it bounces: from [`bounce_in`](Self::bounce_in) to [`bounce_out`](Self::bounce_out) the address
/// returned is that of as many bytes as the buffer has, with the buffer's contents. The hypervisor can
/// reach them, and nothing else uses them unless they are the buffer itself. Bouncing out a buffer that
/// is written copies those bytes to it; a buffer that is not written is never changed. Both may be
/// called by several threads at once if the type is `Sync`.
#[allow(unsafe_code, reason = "issues hypercalls")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not issue hypercalls",
    label = "the first argument is a backend, one of `xen_ops::backend`"
)]
pub unsafe trait Hypercall {
    /// Makes a hypercall with all five arguments.
    ///
    /// # Safety
    ///
    /// Every address in the arguments, or in memory that they point to, is valid for the access that
    /// this hypercall makes, and no effect of it (a mapping changed, a page removed) breaks what Rust
    /// code relies on.
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

    /// Makes a buffer reachable for the hypervisor, and returns the address to pass to it: in an
    /// argument of the next hypercalls, or in memory that an argument points to.
    ///
    /// By default that is the buffer's own address. A backend in user space, whose pages may be moved or
    /// swapped out, copies the buffer to memory that is locked. Libxc's name is
    /// `xc_hypercall_bounce_pre`.
    ///
    /// # Errors
    ///
    /// The reason why the hypervisor cannot reach it. A typed wrapper then makes no hypercall, and
    /// returns this number as if it were the hypervisor's.
    ///
    /// # Safety
    ///
    /// Until the buffer is bounced out, it is valid for reads (and writes, if it is written), and it is
    /// not written (nor read, if it is written) but through the address returned. The provenance of its
    /// address is exposed, since an implementation makes a pointer of it.
    #[inline]
    unsafe fn bounce_in(&self, buffer: BufferDesc) -> Result<usize, Errno> {
        Ok(buffer.address)
    }

    /// Ends what [`bounce_in`](Self::bounce_in) began: the buffer now has what the hypervisor wrote.
    /// Libxc's name is `xc_hypercall_bounce_post`.
    ///
    /// # Safety
    ///
    /// This backend has bounced the buffer in, to the address `bounced`, and has not bounced it out
    /// since. No hypercall uses that address afterwards.
    #[inline]
    unsafe fn bounce_out(&self, _buffer: BufferDesc, _bounced: usize) {}

    /// The domain that makes the hypercalls, if the program has several. By default there is one domain.
    #[inline]
    fn owner(&self) -> Option<Owner> {
        None
    }
}

// SAFETY: forwards everything.
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
    unsafe fn bounce_in(&self, buffer: BufferDesc) -> Result<usize, Errno> {
        // SAFETY: the caller's promise.
        unsafe { (**self).bounce_in(buffer) }
    }

    #[inline]
    unsafe fn bounce_out(&self, buffer: BufferDesc, bounced: usize) {
        // SAFETY: the caller's promise.
        unsafe { (**self).bounce_out(buffer, bounced) }
    }

    #[inline]
    fn owner(&self) -> Option<Owner> {
        (**self).owner()
    }
}
