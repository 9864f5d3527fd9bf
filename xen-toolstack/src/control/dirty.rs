//! Which pages a domain writes to.

use xen_abi::domctl::*;
use xen_ops::hypercall::{self, HypercallBuffer};
use xen_ops::{DomainId, Hypercall};

use super::Toolstack;
use crate::Error;
use crate::every::every;

const OPERATION: &str = "XEN_DOMCTL_shadow_op";

/// Every method fails with `EPERM` if the caller is no control domain, with `ESRCH` if there is no such
/// domain, and with `EINVAL` for the caller's own domain. x86 only; `ENOSYS` on Arm.
impl<H: Hypercall> Toolstack<H> {
    /// Begins to log which pages a domain writes to.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is logged already, `ENOMEM`.
    pub fn enable_log_dirty(&self, domain: DomainId) -> Result<(), Error> {
        let mode = XEN_DOMCTL_SHADOW_ENABLE_LOG_DIRTY;
        self.shadow(domain, XEN_DOMCTL_SHADOW_OP_ENABLE, mode)
    }

    /// Ends the log.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is none.
    pub fn disable_log_dirty(&self, domain: DomainId) -> Result<(), Error> {
        self.shadow(domain, XEN_DOMCTL_SHADOW_OP_OFF, 0)
    }

    /// Writes the log to `bitmap`, a bit for each guest frame from 0 on, and returns how many bits are
    /// written. With `clean` the log begins anew.
    ///
    /// # Errors
    ///
    /// `EINVAL` if there is no log, and [`Error::Malformed`].
    #[allow(unsafe_code, reason = "the argument has an address")]
    pub fn dirty_pages(
        &self,
        domain: DomainId,
        clean: bool,
        bitmap: &mut [u8],
    ) -> Result<u64, Error> {
        let bits = bitmap.len() as u64 * 8;
        let buffer = HypercallBuffer::to_write(self.hypervisor(), bitmap);
        let buffer = buffer.map_err(|errno| hypercall::Error::from_errno(OPERATION, errno))?;
        let op = if clean { XEN_DOMCTL_SHADOW_OP_CLEAN } else { XEN_DOMCTL_SHADOW_OP_PEEK };
        let mut argument = xen_domctl_shadow_op {
            op,
            dirty_bitmap: buffer.handle(),
            pages: bits.into(),
            ..xen_domctl_shadow_op::ZERO
        };
        // SAFETY: the handle is that of as many bits.
        unsafe { self.domctl_unsafe(every!(domctl::shadow_op), domain, &mut argument) }?;
        let pages = u64::from(argument.pages);
        let what = "more pages than the bitmap has bits";
        if pages > bits { Err(Error::Malformed { operation: OPERATION, what }) } else { Ok(pages) }
    }

    #[allow(unsafe_code, reason = "an operation that may take an address")]
    fn shadow(&self, domain: DomainId, op: u32, mode: u32) -> Result<(), Error> {
        let mut argument = xen_domctl_shadow_op { op, mode, ..xen_domctl_shadow_op::ZERO };
        // SAFETY: the handle is null.
        unsafe { self.domctl_unsafe(every!(domctl::shadow_op), domain, &mut argument) }?;
        Ok(())
    }
}
