//! Writes of a guest for which the kernel signals an eventfd.

#![allow(unsafe_code, reason = "an ioctl that reads memory")]

use std::mem::forget;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::sync::Arc;

use rustix::io::{Errno, fcntl_dupfd_cloexec};
use xen_abi::event_channel::evtchn_port_t;
use xen_abi::linux::privcmd::{
    IOCTL_PRIVCMD_IOEVENTFD, PRIVCMD_IOEVENTFD_FLAG_DEASSIGN, privcmd_ioeventfd,
};
use xen_ops::Failed;
use xen_ops::page::PAGE_SIZE;

use super::{Privcmd, ResourceFrames};
use crate::device::{Device, release_twice};
use crate::{Cause, DomainId, Error, ReadWrite};

const IOEVENTFD: &str = "IOCTL_PRIVCMD_IOEVENTFD";

/// Bytes of an I/O request, of which each vCPU has one: `struct ioreq`.
const IOREQ_SIZE: usize = 32;

/// How many vCPUs the kernel takes.
const MAX_VCPUS: usize = 4096;

/// What the kernel says of an assignment that it does not have.
const NOT_ASSIGNED: Errno = Errno::NODEV;

/// Writes to the register `QueueNotify` of a virtio MMIO device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueNotify {
    /// Guest address of the device, not of the register.
    pub device: u64,
    /// The queue: the low 16 bits of the written value.
    pub queue: u16,
    /// How wide the write is. Drivers write 32 bits.
    pub width: Width,
}

/// Width of a guest's access.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Width {
    /// 8 bits.
    U8,
    /// 16 bits.
    U16,
    /// 32 bits.
    #[default]
    U32,
    /// 64 bits.
    U64,
}

impl Width {
    const fn bytes(self) -> u32 {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 4,
            Self::U64 => 8,
        }
    }
}

/// An eventfd that the kernel signals for a guest's writes, until the value is dropped.
///
/// It keeps privcmd and the eventfd open, and the frames of the I/O request server mapped.
#[derive(Debug)]
#[must_use = "an ioeventfd that is dropped is deassigned"]
pub struct Ioeventfd {
    device: Device,
    domain: DomainId,
    eventfd: OwnedFd,
    vcpus: usize,
    /// `None` once it is deassigned. The kernel uses these frames until then.
    frames: Option<Arc<ResourceFrames<ReadWrite>>>,
}

impl Privcmd {
    /// Makes the kernel signal `eventfd` for each of the writes `notify` of `domain`, and complete the
    /// write, without this process. Other I/O requests still reach the process.
    ///
    /// `frames` are those of the I/O request server's synchronous requests: resource
    /// [`IoreqServer`](xen_ops::memory::acquire::Resource::IoreqServer), from its frame 1 on. `ports` are
    /// the local ports of these requests, one for each vCPU, in order. Both must be the same for all
    /// eventfds of a server.
    ///
    /// The kernel supports it in translated control domains, not in PV ones.
    ///
    /// `IOCTL_PRIVCMD_IOEVENTFD`, since Linux 6.7 with `CONFIG_XEN_PRIVCMD_EVENTFD`.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    ///
    /// use xen_linux::privcmd::{QueueNotify, Width};
    /// use xen_linux::xen_ops::memory::acquire::Resource;
    /// use xen_linux::{DomainId, Privcmd, ReadWrite, domid_t, evtchn_port_t};
    ///
    /// let (xen, domain) = (Privcmd::open()?, DomainId::new(domid_t(3))?);
    /// let frames = xen.map_resource(domain, Resource::IoreqServer { id: 1 }, 1, 1, ReadWrite)?;
    /// let frames = Arc::new(frames);
    /// let notify = QueueNotify { device: 0x0200_0000, queue: 0, width: Width::U32 };
    /// let kick = rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC)?;
    /// // The local ports of the server's vCPUs, which `Evtchn` has bound.
    /// let ports = [evtchn_port_t(20), evtchn_port_t(21)];
    /// let ioeventfd = xen.ioeventfd(domain, &frames, &ports, notify, &kick)?;
    /// // A vhost back end polls it.
    /// ioeventfd.deassign()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if there are no ports, or more than there are I/O requests in the frames.
    /// - [`Cause::Unsupported`] if the kernel is too old for it or built without it.
    /// - The kernel's error number: EBUSY (the eventfd is assigned already), EINVAL (it is not an eventfd;
    ///   another domain or number of vCPUs than before with these frames; an address at the end of memory),
    ///   EPERM (restricted to another domain), EMFILE, ENOMEM.
    pub fn ioeventfd(
        &self,
        domain: DomainId,
        frames: &Arc<ResourceFrames<ReadWrite>>,
        ports: &[evtchn_port_t],
        notify: QueueNotify,
        eventfd: impl AsFd,
    ) -> Result<Ioeventfd, Error> {
        let (count, max) = (ports.len(), MAX_VCPUS.min(frames.count() * (PAGE_SIZE / IOREQ_SIZE)));
        if !(1..=max).contains(&count) {
            return Err(Error::new(IOEVENTFD, Cause::Count { count, min: 1, max }));
        }
        let eventfd = fcntl_dupfd_cloexec(eventfd, 0).map_err(Error::errno("fcntl"))?;
        let device = self.device.clone();
        let mut ioeventfd = Ioeventfd { device, domain, eventfd, vcpus: count, frames: None };
        let mut argument = ioeventfd.argument(frames);
        argument.ports = ports.as_ptr().expose_provenance() as u64;
        argument.addr = notify.device;
        argument.addr_len = notify.width.bytes();
        argument.vq = notify.queue.into();
        // SAFETY: the kernel reads the structure, and as many ports as there are. It uses the requests in
        // the frames, which stay mapped until it is deassigned.
        unsafe { self.device.ioctl_again(IOEVENTFD, IOCTL_PRIVCMD_IOEVENTFD, &raw mut argument) }
            .map_err(Error::instead(Errno::OPNOTSUPP, Cause::Unsupported))?;
        ioeventfd.frames = Some(Arc::clone(frames));
        Ok(ioeventfd)
    }
}

impl Ioeventfd {
    /// Deassigns it: the guest's writes reach the process again. Dropping the value does the same, without
    /// a report.
    ///
    /// # Errors
    ///
    /// The kernel's error number, after two attempts. The eventfd is still assigned, and returned, unless
    /// the kernel does not know it (ENODEV). If such a value is dropped and still cannot be deassigned, the
    /// frames stay mapped until the process ends.
    pub fn deassign(mut self) -> Result<(), Failed<Error, Self>> {
        match self.deassign_once() {
            Ok(()) => Ok(()),
            Err(error) if self.frames.is_none() => Err(Failed::keeping(error)),
            Err(error) => Err(Failed::returning(error, self)),
        }
    }

    fn deassign_once(&mut self) -> Result<(), Error> {
        let Some(frames) = &self.frames else { return Ok(()) };
        let deassign = || {
            let mut argument = self.argument(frames);
            argument.flags = PRIVCMD_IOEVENTFD_FLAG_DEASSIGN;
            // SAFETY: the kernel reads the structure.
            unsafe {
                self.device.ioctl_again(IOEVENTFD, IOCTL_PRIVCMD_IOEVENTFD, &raw mut argument)
            }
            .map(drop)
        };
        let deassigned = release_twice(deassign, &[NOT_ASSIGNED]);
        let is_gone = |error: &Error| error.as_errno() == Some(NOT_ASSIGNED);
        if deassigned.as_ref().err().is_none_or(is_gone) {
            self.frames = None;
        }
        deassigned
    }

    /// Without ports and writes.
    fn argument(&self, frames: &ResourceFrames<ReadWrite>) -> privcmd_ioeventfd {
        let mut argument = privcmd_ioeventfd::ZERO;
        argument.ioreq = frames.as_ptr().expose_provenance() as u64;
        argument.event_fd = self.eventfd.as_raw_fd().unsigned_abs();
        argument.vcpus = self.vcpus as u32;
        argument.dom = self.domain.domid();
        argument
    }
}

impl Drop for Ioeventfd {
    fn drop(&mut self) {
        let _ = self.deassign_once();
        // Still assigned: the kernel uses the frames.
        forget(self.frames.take());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_size_of_the_abi() {
        assert_eq!(IOREQ_SIZE, size_of::<xen_abi::hvm::ioreq::ioreq>());
    }

    #[test]
    fn widths_are_bytes() {
        let widths = [Width::U8, Width::U16, Width::U32, Width::U64];
        assert_eq!(widths.map(Width::bytes), [1, 2, 4, 8]);
        assert_eq!(Width::default().bytes(), 4);
    }
}
