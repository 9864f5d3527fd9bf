//! Memory that devices need kept free.

use core::fmt;

use xen_abi::errno::XEN_ENOBUFS;
use xen_abi::memory::{
    XENMEM_RDM_ALL, xen_reserved_device_memory, xen_reserved_device_memory_map_dev,
};
use xen_abi::physdev::physdev_pci_device;

use super::{Error, list};
use crate::hypercall::{Hypercall, memory_op};

/// The devices whose reserved memory is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Devices {
    /// All devices of the host.
    All,
    /// One PCI device.
    One {
        /// PCI segment.
        segment: u16,
        /// PCI bus.
        bus: u8,
        /// PCI device, in the upper five bits, and function.
        devfn: u8,
    },
}

/// Why the ranges were not listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReservedError {
    /// There are more ranges than the buffer holds. It is filled with the first ones.
    TooSmall {
        /// How many ranges there are.
        needed: u32,
    },
    /// Xen's answer.
    Failed(Error),
}

/// Writes the ranges of guest-physical memory that must be kept free for `devices` to `buffer`. For
/// the control domain, on x86 hosts with an IOMMU.
///
/// `XENMEM_reserved_device_memory_map` of `memory.h`.
///
/// # Errors
///
/// [`ReservedError::TooSmall`] with the number of ranges; call with an empty `buffer` to learn it. In
/// [`ReservedError::Failed`]: -ENOSYS (Xen has no such operation).
pub fn reserved_device_memory_map<'a, H>(
    xen: &H,
    devices: Devices,
    buffer: &'a mut [xen_reserved_device_memory],
) -> Result<&'a [xen_reserved_device_memory], ReservedError>
where
    H: Hypercall + ?Sized,
{
    let (flags, pci) = match devices {
        Devices::All => (XENMEM_RDM_ALL, physdev_pci_device::ZERO),
        Devices::One { segment: seg, bus, devfn } => (0, physdev_pci_device { seg, bus, devfn }),
    };
    let dev = xen_reserved_device_memory_map_dev::from_pci(pci);
    let (result, entries) = memory_op::reserved_device_memory_map(xen, flags, buffer, dev);
    match result {
        Ok(()) => list::written("XENMEM_reserved_device_memory_map", buffer, entries)
            .map_err(ReservedError::Failed),
        Err(error) if error.errno() == Some(XEN_ENOBUFS) => {
            Err(ReservedError::TooSmall { needed: entries })
        }
        Err(error) => Err(ReservedError::Failed(error.into())),
    }
}

impl fmt::Display for ReservedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooSmall { needed } => {
                write!(
                    f,
                    "XENMEM_reserved_device_memory_map: a buffer for {needed} ranges is needed"
                )
            }
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for ReservedError {}
