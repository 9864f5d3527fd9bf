//! Parts of a domain: its vCPUs, its saved state, its settings.

use xen_abi::domctl::*;
use xen_ops::hypercall::{self, HypercallBuffer};
use xen_ops::{DomainId, Hypercall};

use super::{Reader, capacity, checked_len};
use crate::Error;
use crate::every::every;

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
use xen_abi::arch_arm::vcpu_guest_context;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_abi::arch_x86::xen::vcpu_guest_context;

/// How a domain sees the time-stamp counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TscInfo {
    /// The mode: 0 to 3.
    pub mode: u32,
    /// Its frequency in kHz.
    pub khz: u32,
    /// How often the domain was restored.
    pub incarnation: u32,
    /// Nanoseconds that passed for it.
    pub elapsed: u64,
}

impl<H: Hypercall> Reader<H> {
    /// The state of a vCPU: whether it is online, blocked or running, where, and for how long it has run.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, and `EPERM` if the caller is no control domain. If there is no such
    /// vCPU: `ENOENT` since 4.22, and before that `EINVAL`, or `ESRCH` if it is only not allocated yet.
    pub fn vcpu_info(&self, domain: DomainId, vcpu: u32) -> Result<xen_domctl_getvcpuinfo, Error> {
        let mut argument = xen_domctl_getvcpuinfo { vcpu, ..xen_domctl_getvcpuinfo::ZERO };
        self.domctl(every!(domctl::getvcpuinfo), domain, &mut argument)?;
        Ok(argument)
    }

    /// Writes the registers of a vCPU of another domain to `context`.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, `EINVAL` if there is no such vCPU or it is the caller's own domain,
    /// `ENODATA` if the vCPU has no registers yet, and `EPERM` if the caller is no control domain. On x86 a vCPU
    /// of an HVM domain has none by [`set_vcpu_context`](crate::Toolstack::set_vcpu_context): it has them once
    /// its saved state was restored, or the domain itself started it.
    #[allow(unsafe_code, reason = "the argument has an address")]
    pub fn vcpu_context(
        &self,
        domain: DomainId,
        vcpu: u32,
        context: &mut vcpu_guest_context,
    ) -> Result<(), Error> {
        let list = core::slice::from_mut(context);
        let buffer = HypercallBuffer::to_write(&self.xen, list);
        let buffer = buffer
            .map_err(|errno| hypercall::Error::from_errno("XEN_DOMCTL_getvcpucontext", errno))?;
        let mut argument =
            xen_domctl_vcpucontext { vcpu, ctxt: buffer.handle(), ..xen_domctl_vcpucontext::ZERO };
        // SAFETY: the handle is that of the one structure.
        unsafe { self.domctl_unsafe(every!(domctl::getvcpucontext), domain, &mut argument) }?;
        Ok(())
    }

    /// The number of bytes that the saved state of an HVM domain takes.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, `EINVAL` if it is the caller's or no HVM domain, and `EPERM` if
    /// the caller is no control domain.
    #[allow(unsafe_code, reason = "an operation that may take an address")]
    pub fn hvm_context_size(&self, domain: DomainId) -> Result<usize, Error> {
        let mut argument = xen_domctl_hvmcontext::ZERO;
        // SAFETY: the handle is null.
        unsafe { self.domctl_unsafe(every!(domctl::gethvmcontext), domain, &mut argument) }?;
        checked_len("XEN_DOMCTL_gethvmcontext", argument.size, usize::MAX)
    }

    /// Writes the saved state of an HVM domain to `context`, and returns its length in bytes. Pause the
    /// domain first.
    ///
    /// # Errors
    ///
    /// As [`hvm_context_size`](Self::hvm_context_size), and `ENOSPC` if `context` is too small.
    #[allow(unsafe_code, reason = "the argument has an address")]
    pub fn hvm_context(&self, domain: DomainId, context: &mut [u8]) -> Result<usize, Error> {
        const OPERATION: &str = "XEN_DOMCTL_gethvmcontext";
        let length = context.len();
        let buffer = HypercallBuffer::to_write(&self.xen, context);
        let buffer = buffer.map_err(|errno| hypercall::Error::from_errno(OPERATION, errno))?;
        let mut argument = xen_domctl_hvmcontext {
            size: capacity(length),
            buffer: buffer.handle(),
            ..xen_domctl_hvmcontext::ZERO
        };
        // SAFETY: the handle is that of as many bytes.
        unsafe { self.domctl_unsafe(every!(domctl::gethvmcontext), domain, &mut argument) }?;
        checked_len(OPERATION, argument.size, length)
    }

    /// The memory that Xen keeps for a domain's page tables, in bytes.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, and `EPERM` if the caller is no control domain.
    pub fn paging_mempool_size(&self, domain: DomainId) -> Result<u64, Error> {
        let mut argument = xen_domctl_paging_mempool::ZERO;
        self.domctl(every!(domctl::get_paging_mempool_size), domain, &mut argument)?;
        Ok(argument.size.into())
    }

    /// The width of a PV domain's registers in bits: 32 or 64.
    ///
    /// # Errors
    ///
    /// `EOPNOTSUPP` for a domain that is not PV, `ENOSYS` on Arm, `ESRCH` if there is no such domain, and
    /// `EPERM` if the caller is no control domain.
    pub fn address_size(&self, domain: DomainId) -> Result<u32, Error> {
        let mut argument = xen_domctl_address_size::ZERO;
        self.domctl(every!(domctl::get_address_size), domain, &mut argument)?;
        Ok(argument.size)
    }

    /// How a domain sees the time-stamp counter. x86 only.
    ///
    /// # Errors
    ///
    /// `ESRCH` if there is no such domain, `ENOSYS` on Arm, and `EPERM` if the caller is no control domain.
    pub fn tsc_info(&self, domain: DomainId) -> Result<TscInfo, Error> {
        let mut argument = xen_domctl_tsc_info::ZERO;
        self.domctl(every!(domctl::gettscinfo), domain, &mut argument)?;
        Ok(TscInfo {
            mode: argument.tsc_mode,
            khz: argument.gtsc_khz,
            incarnation: argument.incarnation,
            elapsed: argument.elapsed_nsec.into(),
        })
    }
}
