//! What a domain may do with pages of its own, for a monitor that is told of violations.

use core::ops::Range;

use xen_abi::memory::*;
use xen_ops::hypercall::memory_op;
use xen_ops::{DomainId, Hypercall};

use super::Toolstack;
use crate::Error;

const OPERATION: &str = "XENMEM_access_op";

/// The ring of the monitor must be in operation: see [`enable_monitor`](Self::enable_monitor). On x86 the
/// processor must have Intel's EPT; AMD's do not have what it takes. On Arm Xen must be built with
/// `CONFIG_MEM_ACCESS`, which is off by default, and in Debian's.
///
/// Every method fails with `ESRCH` if there is no such domain, `EINVAL` if the machine or a PV domain cannot
/// have it, `EPERM` if the caller is no control domain or for the caller's own domain, `ENODEV` if no monitor
/// is in operation, and `ENOSYS` if Xen was built without it.
impl<H: Hypercall> Toolstack<H> {
    /// Sets what the domain may do at these guest frames (`XENMEM_access_*`). The monitor is told of what the
    /// domain does nevertheless, and the vCPU waits for the response: as long as nothing was changed, it tries
    /// again after it.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a range that ends before it begins, or has 2^32 frames or more. `EINVAL` for a
    /// frame beyond the domain's highest, or an access that is none.
    pub fn set_mem_access(
        &self,
        domain: DomainId,
        frames: Range<u64>,
        access: xenmem_access_t,
    ) -> Result<(), Error> {
        let count = frames.end.checked_sub(frames.start).and_then(|count| count.try_into().ok());
        let what = "the range ends before it begins, or has 2^32 frames or more";
        let nr = count.ok_or(Error::Argument { operation: OPERATION, what })?;
        if nr == 0 {
            return Ok(());
        }
        self.access_op(xen_mem_access_op {
            op: XENMEM_access_op_set_access as u8,
            access: encode(access)?,
            domid: domain.domid(),
            nr,
            pfn: frames.start.into(),
            ..xen_mem_access_op::ZERO
        })?;
        Ok(())
    }

    /// What the domain may do at a guest frame.
    ///
    /// # Errors
    ///
    /// `EINVAL` for a frame beyond the domain's highest; `ESRCH` also if nothing is there.
    pub fn mem_access(&self, domain: DomainId, frame: u64) -> Result<xenmem_access_t, Error> {
        let done = self.access_op(xen_mem_access_op {
            op: XENMEM_access_op_get_access as u8,
            domid: domain.domid(),
            nr: 1,
            pfn: frame.into(),
            ..xen_mem_access_op::ZERO
        })?;
        Ok(xenmem_access_t(done.access.into()))
    }

    #[allow(unsafe_code, reason = "an operation that may take addresses")]
    fn access_op(&self, op: xen_mem_access_op) -> Result<xen_mem_access_op, Error> {
        // SAFETY: the handles are null, and the two commands read none.
        let (result, op) = unsafe { memory_op::access_op(self.hypervisor(), op) };
        result?;
        Ok(op)
    }
}

fn encode(access: xenmem_access_t) -> Result<u8, Error> {
    let what = "an access that is none";
    access.0.try_into().map_err(|_| Error::Argument { operation: OPERATION, what })
}
