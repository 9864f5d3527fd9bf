//! The life of a domain, and its limits.

use xen_abi::domctl::*;
use xen_abi::xen::xen_domain_handle_t;
use xen_ops::hypercall::{self, HypercallBuffer};
use xen_ops::{DomainId, Hypercall};

use super::Toolstack;
use crate::every::every;
use crate::reader::capacity;
use crate::{Error, SchedulerParams};

#[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
use xen_abi::arch_arm::vcpu_guest_context;
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
use xen_abi::arch_x86::xen::vcpu_guest_context;

/// Every method fails with `EPERM` if the caller is no control domain, and with `ESRCH` if there is no such
/// domain.
impl<H: Hypercall> Toolstack<H> {
    /// Stops all vCPUs of a domain. Xen counts: as many calls of [`unpause`](Self::unpause) let it run
    /// again.
    ///
    /// # Errors
    ///
    /// `EINVAL` for the caller's own domain.
    pub fn pause(&self, domain: DomainId) -> Result<(), Error> {
        self.domctl(every!(domctl::pausedomain), domain, &mut [])?;
        Ok(())
    }

    /// Undoes one [`pause`](Self::pause), or lets a new domain run.
    ///
    /// # Errors
    ///
    /// `EINVAL` if the domain is not paused.
    pub fn unpause(&self, domain: DomainId) -> Result<(), Error> {
        self.domctl(every!(domctl::unpausedomain), domain, &mut [])?;
        Ok(())
    }

    /// Lets a domain go on that has shut down to be saved.
    ///
    /// # Errors
    ///
    /// `EINVAL` for the caller's own domain.
    pub fn resume(&self, domain: DomainId) -> Result<(), Error> {
        self.domctl(every!(domctl::resumedomain), domain, &mut [])?;
        Ok(())
    }

    /// Destroys a domain. It stays, dying, until others have given up its memory.
    ///
    /// # Errors
    ///
    /// `EINVAL` for the caller's own domain.
    pub fn destroy(&self, domain: DomainId) -> Result<(), Error> {
        self.domctl(every!(domctl::destroydomain), domain, &mut [])?;
        Ok(())
    }

    /// Sets how much memory a domain may have, in KiB.
    ///
    /// # Errors
    ///
    /// Those of every method.
    pub fn set_max_memory(&self, domain: DomainId, kib: u64) -> Result<(), Error> {
        let mut argument = xen_domctl_max_mem { max_memkb: kib.into() };
        self.domctl(every!(domctl::max_mem), domain, &mut argument)?;
        Ok(())
    }

    /// Allocates a domain's vCPUs: as many as it was created for.
    ///
    /// # Errors
    ///
    /// `EINVAL` for another number, `ENOMEM`.
    pub fn set_max_vcpus(&self, domain: DomainId, vcpus: u32) -> Result<(), Error> {
        let mut argument = xen_domctl_max_vcpus { max: vcpus };
        self.domctl(every!(domctl::max_vcpus), domain, &mut argument)?;
        Ok(())
    }

    /// Sets a domain's UUID.
    ///
    /// # Errors
    ///
    /// Those of every method.
    pub fn set_handle(&self, domain: DomainId, handle: xen_domain_handle_t) -> Result<(), Error> {
        let mut argument = xen_domctl_setdomainhandle { handle };
        self.domctl(every!(domctl::setdomainhandle), domain, &mut argument)?;
        Ok(())
    }

    /// Sets the size of the memory that Xen keeps for a domain's page tables, in bytes.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is not a whole number of pages, `ENOMEM`.
    pub fn set_paging_mempool_size(&self, domain: DomainId, bytes: u64) -> Result<(), Error> {
        let mut argument = xen_domctl_paging_mempool { size: bytes.into() };
        self.domctl(every!(domctl::set_paging_mempool_size), domain, &mut argument)?;
        Ok(())
    }

    /// Sets the width of a domain's registers in bits: 32 or 64. On x86 only that of a PV domain, before it
    /// has memory.
    ///
    /// # Errors
    ///
    /// `EINVAL` for another width, `EOPNOTSUPP` for a domain that is not PV or a Xen without 32-bit PV domains,
    /// `EACCES` if the domain has memory.
    pub fn set_address_size(&self, domain: DomainId, bits: u32) -> Result<(), Error> {
        let mut argument = xen_domctl_address_size { size: bits };
        self.domctl(every!(domctl::set_address_size), domain, &mut argument)?;
        Ok(())
    }

    /// Sends `XEN_DOMCTL_SENDTRIGGER_*` to a vCPU: a non-maskable interrupt, the power button. x86 only.
    ///
    /// # Errors
    ///
    /// `EINVAL` (no such trigger or vCPU), `ENOSYS` on Arm.
    pub fn send_trigger(&self, domain: DomainId, vcpu: u32, trigger: u32) -> Result<(), Error> {
        let mut argument = xen_domctl_sendtrigger { trigger, vcpu };
        self.domctl(every!(domctl::sendtrigger), domain, &mut argument)?;
        Ok(())
    }

    /// Sets a domain's parameters under the scheduler of its cpupool.
    ///
    /// # Errors
    ///
    /// `EINVAL` if its cpupool has another scheduler, or for a parameter out of range.
    #[allow(unsafe_code, reason = "an operation that may take an address")]
    pub fn set_scheduler_params(
        &self,
        domain: DomainId,
        params: SchedulerParams,
    ) -> Result<(), Error> {
        let mut argument = params.argument();
        // SAFETY: this command takes no address.
        unsafe { self.domctl_unsafe(every!(domctl::scheduler_op), domain, &mut argument) }?;
        Ok(())
    }

    /// Sets the registers of a vCPU of another domain.
    ///
    /// # Errors
    ///
    /// `EINVAL` (the caller's own domain, no such vCPU, or registers that no vCPU can have), `ENOMEM`.
    #[allow(unsafe_code, reason = "the argument has an address")]
    pub fn set_vcpu_context(
        &self,
        domain: DomainId,
        vcpu: u32,
        context: &vcpu_guest_context,
    ) -> Result<(), Error> {
        let list = core::slice::from_ref(context);
        let buffer = HypercallBuffer::to_read(self.hypervisor(), list);
        let buffer = buffer
            .map_err(|errno| hypercall::Error::from_errno("XEN_DOMCTL_setvcpucontext", errno))?;
        let mut argument =
            xen_domctl_vcpucontext { vcpu, ctxt: buffer.handle(), ..xen_domctl_vcpucontext::ZERO };
        // SAFETY: the handle is that of the one structure. Xen refuses it for the caller's own domain.
        unsafe { self.domctl_unsafe(every!(domctl::setvcpucontext), domain, &mut argument) }?;
        Ok(())
    }

    /// Restores the saved state of another HVM domain, as [`hvm_context`](crate::Reader::hvm_context) has
    /// read it.
    ///
    /// # Errors
    ///
    /// `EINVAL` (the caller's own domain, no HVM domain, or state that is not valid), `ENOMEM`.
    #[allow(unsafe_code, reason = "the argument has an address")]
    pub fn set_hvm_context(&self, domain: DomainId, context: &[u8]) -> Result<(), Error> {
        let length = context.len();
        let buffer = HypercallBuffer::to_read(self.hypervisor(), context);
        let buffer = buffer
            .map_err(|errno| hypercall::Error::from_errno("XEN_DOMCTL_sethvmcontext", errno))?;
        let mut argument = xen_domctl_hvmcontext {
            size: capacity(length),
            buffer: buffer.handle(),
            ..xen_domctl_hvmcontext::ZERO
        };
        // SAFETY: the handle is that of as many bytes. Xen refuses it for the caller's own domain.
        unsafe { self.domctl_unsafe(every!(domctl::sethvmcontext), domain, &mut argument) }?;
        Ok(())
    }
}
