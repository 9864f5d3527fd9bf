//! What a domain may use of the machine: interrupts, ports, memory, devices.

use core::ops::Range;

use xen_abi::domctl::*;
use xen_ops::{DomainId, Hypercall};

use super::Toolstack;
use crate::Error;
use crate::every::every;
use crate::raw::{v4_20, v4_21, v4_22};

/// The number of elements, or an error for a range that ends before it begins.
fn count<T: Copy + PartialOrd + core::ops::Sub<Output = T>>(
    operation: &'static str,
    range: &Range<T>,
) -> Result<T, Error> {
    if range.start > range.end {
        return Err(Error::Argument { operation, what: "the range ends before it begins" });
    }
    Ok(range.end - range.start)
}

/// Every method fails with `EPERM` if the caller is no control domain or may not use the thing itself, and
/// with `ESRCH` if there is no such domain.
impl<H: Hypercall> Toolstack<H> {
    /// Lets a domain use a physical interrupt, or takes it back.
    ///
    /// # Errors
    ///
    /// `EINVAL` for an interrupt that the caller does not have. Arm does not have the operation since 4.20:
    /// `ENOSYS`, or `EILSEQ`.
    pub fn permit_irq(&self, domain: DomainId, pirq: u32, allow: bool) -> Result<(), Error> {
        let mut argument = xen_domctl_irq_permission {
            pirq,
            allow_access: allow.into(),
            ..xen_domctl_irq_permission::ZERO
        };
        self.domctl(every!(domctl::irq_permission), domain, &mut argument)?;
        Ok(())
    }

    /// Lets a domain use a global system interrupt, or takes it back. Since 4.20, x86 only.
    ///
    /// # Errors
    ///
    /// [`Error::Lacks`] before 4.20, `EINVAL` for an interrupt that does not exist.
    pub fn permit_gsi(&self, domain: DomainId, gsi: u32, allow: bool) -> Result<(), Error> {
        let flags = if allow { XEN_DOMCTL_GSI_GRANT } else { XEN_DOMCTL_GSI_REVOKE };
        let mut argument = xen_domctl_gsi_permission { gsi, flags };
        let each = [
            None,
            None,
            None,
            Some(v4_20::domctl::gsi_permission),
            Some(v4_21::domctl::gsi_permission),
            Some(v4_22::domctl::gsi_permission),
        ];
        self.newer_domctl("XEN_DOMCTL_gsi_permission", each, domain, &mut argument)?;
        Ok(())
    }

    /// Lets a domain use memory of devices, in machine frames, or takes it back.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a range that ends before it begins, `EINVAL` for an empty one.
    pub fn permit_iomem(
        &self,
        domain: DomainId,
        frames: Range<u64>,
        allow: bool,
    ) -> Result<(), Error> {
        let mut argument = xen_domctl_iomem_permission {
            first_mfn: frames.start.into(),
            nr_mfns: count("XEN_DOMCTL_iomem_permission", &frames)?.into(),
            allow_access: allow.into(),
            ..xen_domctl_iomem_permission::ZERO
        };
        self.domctl(every!(domctl::iomem_permission), domain, &mut argument)?;
        Ok(())
    }

    /// Lets a domain use I/O ports, or takes them back. x86 only.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a range that ends before it begins, `EINVAL` for ports above 2^16, `ENOSYS` on
    /// Arm.
    pub fn permit_ioports(
        &self,
        domain: DomainId,
        ports: Range<u32>,
        allow: bool,
    ) -> Result<(), Error> {
        let mut argument = xen_domctl_ioport_permission {
            first_port: ports.start,
            nr_ports: count("XEN_DOMCTL_ioport_permission", &ports)?,
            allow_access: allow.into(),
            ..xen_domctl_ioport_permission::ZERO
        };
        self.domctl(every!(domctl::ioport_permission), domain, &mut argument)?;
        Ok(())
    }

    /// Maps machine frames of a device at `gfn` of a translated domain that may use them, or unmaps them.
    /// Arm takes up to 64 frames at a time.
    ///
    /// # Errors
    ///
    /// [`Error::Argument`] for a range that ends before it begins, `EINVAL` (an empty range, or frames that
    /// no machine has), `E2BIG` (more than 64 on Arm).
    ///
    /// # Safety
    ///
    /// If `domain` is the caller's own, nothing relies on what is at those guest frames.
    #[allow(unsafe_code, reason = "changes memory of the domain")]
    pub unsafe fn map_iomem(
        &self,
        domain: DomainId,
        gfn: u64,
        frames: Range<u64>,
        add: bool,
    ) -> Result<(), Error> {
        let add_mapping = if add { DPCI_ADD_MAPPING } else { DPCI_REMOVE_MAPPING };
        let mut argument = xen_domctl_memory_mapping {
            first_gfn: gfn.into(),
            first_mfn: frames.start.into(),
            nr_mfns: count("XEN_DOMCTL_memory_mapping", &frames)?.into(),
            add_mapping,
            ..xen_domctl_memory_mapping::ZERO
        };
        // SAFETY: there is no address in the argument; the caller promises the rest.
        unsafe { self.domctl_unsafe(every!(domctl::memory_mapping), domain, &mut argument) }?;
        Ok(())
    }

    /// Gives a PCI device to a domain. `sbdf` is segment, bus, device and function: bits 31 to 16, 15 to 8,
    /// 7 to 3 and 2 to 0.
    ///
    /// # Errors
    ///
    /// `EBUSY` (it is given to another domain), `ENODEV` (no such device), `EINVAL` (no IOMMU).
    #[allow(unsafe_code, reason = "an operation that may take an address")]
    pub fn assign_pci_device(&self, domain: DomainId, sbdf: u32) -> Result<(), Error> {
        // SAFETY: a PCI device has no address in the argument.
        unsafe { self.domctl_unsafe(every!(domctl::assign_device), domain, &mut pci(sbdf)) }?;
        Ok(())
    }

    /// Takes a PCI device back from a domain.
    ///
    /// # Errors
    ///
    /// `ENODEV` (no such device, or it is not the domain's), `EINVAL` (no IOMMU).
    #[allow(unsafe_code, reason = "an operation that may take an address")]
    pub fn deassign_pci_device(&self, domain: DomainId, sbdf: u32) -> Result<(), Error> {
        // SAFETY: a PCI device has no address in the argument.
        unsafe { self.domctl_unsafe(every!(domctl::deassign_device), domain, &mut pci(sbdf)) }?;
        Ok(())
    }

    /// Fails if a PCI device cannot be given to the domain now.
    ///
    /// # Errors
    ///
    /// `EINVAL` if it is given to a domain already, `ENODEV` (no such device), `ENOSYS` (no IOMMU).
    #[allow(unsafe_code, reason = "an operation that may take an address")]
    pub fn test_assign_pci_device(&self, domain: DomainId, sbdf: u32) -> Result<(), Error> {
        // SAFETY: a PCI device has no address in the argument.
        unsafe { self.domctl_unsafe(every!(domctl::test_assign_device), domain, &mut pci(sbdf)) }?;
        Ok(())
    }
}

fn pci(machine_sbdf: u32) -> xen_domctl_assign_device {
    let pci = xen_domctl_assign_device_u_pci { machine_sbdf };
    xen_domctl_assign_device {
        dev: XEN_DOMCTL_DEV_PCI,
        flags: 0,
        u: xen_domctl_assign_device_u::from_pci(pci),
    }
}
