//! Interrupts of a guest that the kernel raises for an eventfd.

#![allow(unsafe_code, reason = "an ioctl that reads memory")]

use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::ptr;

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use xen_abi::Plain;
use xen_abi::linux::privcmd::{IOCTL_PRIVCMD_IRQFD, PRIVCMD_IRQFD_FLAG_DEASSIGN, privcmd_irqfd};
use xen_ops::Failed;

use super::Privcmd;
use crate::device::{Device, release_twice};
use crate::{Cause, DomainId, Error};

const IRQFD: &str = "IOCTL_PRIVCMD_IRQFD";

/// An eventfd for which the kernel performs an operation of a device model, until the value is dropped.
///
/// It keeps privcmd and the eventfd open.
#[derive(Debug)]
#[must_use = "an irqfd that is dropped is deassigned"]
pub struct Irqfd {
    device: Device,
    domain: DomainId,
    eventfd: OwnedFd,
    is_assigned: bool,
}

impl Privcmd {
    /// Makes the kernel perform `operation` on `domain` each time `eventfd` is signalled, without this
    /// process. The operation is one of [`dm_op`](Self::dm_op): `XEN_DMOP_set_irq_level` raises an
    /// interrupt. The kernel copies it.
    ///
    /// An eventfd can be assigned once.
    ///
    /// `IOCTL_PRIVCMD_IRQFD`, since Linux 6.7 with `CONFIG_XEN_PRIVCMD_EVENTFD`.
    ///
    /// ```no_run
    /// use std::fs::File;
    /// use std::io::Write;
    ///
    /// use xen_linux::xen_abi::hvm::dm_op::*;
    /// use xen_linux::{DomainId, Privcmd, domid_t};
    ///
    /// let eventfd = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC)?;
    /// let mut eventfd = File::from(eventfd);
    /// let mut operation = xen_dm_op { op: XEN_DMOP_set_irq_level, ..xen_dm_op::ZERO };
    /// (operation.u.set_irq_level_mut().irq, operation.u.set_irq_level_mut().level) = (33, 1);
    /// let domain = DomainId::new(domid_t(3))?;
    /// let irqfd = Privcmd::open()?.irqfd(domain, &operation, &eventfd)?;
    /// // A vhost back end signals it in the same way.
    /// eventfd.write_all(&1_u64.to_ne_bytes())?;
    /// irqfd.deassign()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Cause::Unsupported`] if the kernel is too old for it or built without it.
    /// - The kernel's error number: EBUSY (the eventfd is assigned already), EINVAL (it is not an
    ///   eventfd), EPERM (restricted to another domain), EMFILE, ENOMEM.
    pub fn irqfd<T: Plain>(
        &self,
        domain: DomainId,
        operation: &T,
        eventfd: impl AsFd,
    ) -> Result<Irqfd, Error> {
        let eventfd = fcntl_dupfd_cloexec(eventfd, 0).map_err(Error::errno("fcntl"))?;
        let device = self.device.clone();
        let mut irqfd = Irqfd { device, domain, eventfd, is_assigned: false };
        let mut argument = irqfd.argument();
        argument.dm_op = ptr::from_ref(operation).expose_provenance() as u64;
        argument.size = size_of::<T>() as u32;
        // SAFETY: the kernel reads the structure and the operation, which is as large as it says.
        unsafe { self.device.ioctl_again(IRQFD, IOCTL_PRIVCMD_IRQFD, &raw mut argument) }
            .map_err(Error::instead(Errno::OPNOTSUPP, Cause::Unsupported))?;
        irqfd.is_assigned = true;
        Ok(irqfd)
    }
}

impl Irqfd {
    /// Deassigns it: the kernel performs no more operations. Dropping the value does the same, without a
    /// report.
    ///
    /// # Errors
    ///
    /// The kernel's error number, after two attempts. The eventfd is still assigned, and returned.
    pub fn deassign(mut self) -> Result<(), Failed<Error, Self>> {
        match self.deassign_once() {
            Ok(()) => Ok(()),
            Err(error) => Err(Failed::returning(error, self)),
        }
    }

    fn deassign_once(&mut self) -> Result<(), Error> {
        if !self.is_assigned {
            return Ok(());
        }
        let deassign = || {
            let mut argument = self.argument();
            argument.flags = PRIVCMD_IRQFD_FLAG_DEASSIGN;
            // SAFETY: the kernel reads the structure.
            unsafe { self.device.ioctl_again(IRQFD, IOCTL_PRIVCMD_IRQFD, &raw mut argument) }
                .map(drop)
        };
        release_twice(deassign, &[])?;
        self.is_assigned = false;
        Ok(())
    }

    /// Without an operation.
    fn argument(&self) -> privcmd_irqfd {
        let mut argument = privcmd_irqfd::ZERO;
        argument.fd = self.eventfd.as_raw_fd().unsigned_abs();
        argument.dom = self.domain.domid();
        argument
    }
}

impl Drop for Irqfd {
    fn drop(&mut self) {
        let _ = self.deassign_once();
    }
}
