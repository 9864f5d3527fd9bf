//! I/O request servers: what a device model answers a guest's accesses with.

#![allow(clippy::useless_conversion, reason = "64-bit members are a type of their own on x86_32")]

use std::ops::RangeInclusive;

use xen_abi::event_channel::evtchn_port_t;
use xen_abi::hvm::dm_op::*;
use xen_abi::hvm::hvm_op::{HVM_IOREQSRV_BUFIOREQ_ATOMIC, HVM_IOREQSRV_BUFIOREQ_OFF};
use xen_ops::Failed;
use xen_ops::memory::acquire::Resource;

use super::ioreq_pages::{IoreqPages, frames_of};
use super::{Buffer, Privcmd};
use crate::{Cause, DomainId, Error, ReadWrite};

/// How many vCPUs the pages can have requests of.
const MAX_VCPUS: usize = 4096;

/// Accesses that an I/O request server answers. Both ends of a range belong to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IoRange {
    /// I/O ports.
    Ports(RangeInclusive<u16>),
    /// Guest physical addresses, in bytes.
    Memory(RangeInclusive<u64>),
    /// The configuration space of a PCI device: segment in bits 31 to 16, bus in 15 to 8, device in 7 to 3,
    /// function in 2 to 0.
    Pci(u32),
}

/// An I/O request server of a domain, which is destroyed when the value is dropped.
///
/// A device model creates one, maps its pages, says which accesses it answers, and enables it. From then on
/// a vCPU that makes such an access waits for the answer.
///
/// ```no_run
/// use xen_linux::privcmd::IoRange;
/// use xen_linux::{DomainId, PortSet, Privcmd, domid_t};
///
/// let (xen, domain) = (Privcmd::open()?, DomainId::new(domid_t(3))?);
/// let server = xen.create_ioreq_server(domain, false)?;
/// let pages = server.map_pages(1)?;
/// server.add_range(&IoRange::Ports(0x510..=0x511))?;
/// server.set_enabled(true)?;
/// let remote = pages.port(0).ok_or("no port")?;
/// let mut events = PortSet::open()?;
/// events.bind_interdomain(domain, remote, 0)?;
/// while let Some(port) = events.wait(None)? {
///     events.unmask(port)?;
///     if let Some(request) = pages.request(0) {
///         // Each port reads as all ones.
///         request.complete(u64::MAX);
///         events.notify(port)?;
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "a server that is dropped is destroyed"]
pub struct IoreqServer<'x> {
    xen: &'x Privcmd,
    domain: DomainId,
    id: u16,
    is_buffered: bool,
    is_created: bool,
}

impl Privcmd {
    /// Creates an I/O request server for an HVM or PVH domain, not yet enabled. With `buffered` it has a ring
    /// of writes that no vCPU waits for.
    ///
    /// `XEN_DMOP_create_ioreq_server`.
    ///
    /// # Errors
    ///
    /// ENOSPC (the domain has 8 already), and what [`dm_op`](Self::dm_op) returns.
    pub fn create_ioreq_server(
        &self,
        domain: DomainId,
        buffered: bool,
    ) -> Result<IoreqServer<'_>, Error> {
        let handle =
            if buffered { HVM_IOREQSRV_BUFIOREQ_ATOMIC } else { HVM_IOREQSRV_BUFIOREQ_OFF };
        let mut op = xen_dm_op { op: XEN_DMOP_create_ioreq_server, ..xen_dm_op::ZERO };
        op.u.create_ioreq_server_mut().handle_bufioreq = handle as u8;
        self.dm_op(domain, &mut [Buffer::value(&mut op)])?;
        let id = op.u.create_ioreq_server().id;
        Ok(IoreqServer { xen: self, domain, id, is_buffered: buffered, is_created: true })
    }
}

impl IoreqServer<'_> {
    /// Its number in the domain.
    #[must_use]
    pub const fn id(&self) -> u16 {
        self.id
    }

    /// The domain that it serves.
    #[must_use]
    pub const fn domain(&self) -> DomainId {
        self.domain
    }

    /// The guest's port that tells of buffered requests, to bind to; `None` without a ring.
    ///
    /// `XEN_DMOP_get_ioreq_server_info`.
    ///
    /// # Errors
    ///
    /// ENOENT (it was destroyed), and what [`Privcmd::dm_op`] returns.
    pub fn buffered_port(&self) -> Result<Option<evtchn_port_t>, Error> {
        if !self.is_buffered {
            return Ok(None);
        }
        let mut op = xen_dm_op { op: XEN_DMOP_get_ioreq_server_info, ..xen_dm_op::ZERO };
        let info = op.u.get_ioreq_server_info_mut();
        // Without them Xen does not place the pages in the guest's memory.
        (info.id, info.flags) = (self.id, XEN_DMOP_no_gfns);
        self.call(&mut op)?;
        Ok(Some(op.u.get_ioreq_server_info().bufioreq_port))
    }

    /// Maps its pages: the requests of vCPUs 0 to `vcpus`, and the ring if it has one. Only the device model
    /// of the domain may.
    ///
    /// # Errors
    ///
    /// [`Cause::Count`] without a vCPU or for more than 4096, and what [`Privcmd::map_resource`] returns.
    pub fn map_pages(&self, vcpus: usize) -> Result<IoreqPages, Error> {
        let max = MAX_VCPUS;
        if !(1..=max).contains(&vcpus) {
            let count = vcpus;
            return Err(Error::new("map_pages", Cause::Count { count, min: 1, max }));
        }
        let resource = Resource::IoreqServer { id: self.id };
        // Frame 0 is the ring, which does not exist without one.
        let (first, ring) = if self.is_buffered { (0, 1) } else { (1, 0) };
        let count = ring + frames_of(vcpus);
        let frames = self.xen.map_resource(self.domain, resource, first, count, ReadWrite)?;
        Ok(IoreqPages::new(frames, vcpus, self.is_buffered))
    }

    /// Has the server answer accesses to `range`.
    ///
    /// `XEN_DMOP_map_io_range_to_ioreq_server`.
    ///
    /// # Errors
    ///
    /// EEXIST (a part of it is the server's already), EINVAL (it ends before it begins), ENOSPC (256 ranges of
    /// that kind), ENOENT (the server was destroyed), and what [`Privcmd::dm_op`] returns.
    pub fn add_range(&self, range: &IoRange) -> Result<(), Error> {
        self.range(XEN_DMOP_map_io_range_to_ioreq_server, range)
    }

    /// Has the server answer accesses to `range` no longer.
    ///
    /// `XEN_DMOP_unmap_io_range_from_ioreq_server`.
    ///
    /// # Errors
    ///
    /// ENOENT (the range is not the server's, or the server was destroyed), EINVAL (it ends before it begins),
    /// and what [`Privcmd::dm_op`] returns.
    pub fn remove_range(&self, range: &IoRange) -> Result<(), Error> {
        self.range(XEN_DMOP_unmap_io_range_from_ioreq_server, range)
    }

    fn range(&self, operation: u32, range: &IoRange) -> Result<(), Error> {
        let (kind, start, end) = match range {
            IoRange::Ports(ports) => {
                (XEN_DMOP_IO_RANGE_PORT, u64::from(*ports.start()), u64::from(*ports.end()))
            }
            IoRange::Memory(bytes) => (XEN_DMOP_IO_RANGE_MEMORY, *bytes.start(), *bytes.end()),
            IoRange::Pci(device) => (XEN_DMOP_IO_RANGE_PCI, u64::from(*device), u64::from(*device)),
        };
        let mut op = xen_dm_op { op: operation, ..xen_dm_op::ZERO };
        *op.u.map_io_range_to_ioreq_server_mut() = xen_dm_op_ioreq_server_range {
            id: self.id,
            type_: kind,
            start: start.into(),
            end: end.into(),
            ..xen_dm_op_ioreq_server_range::ZERO
        };
        self.call(&mut op)
    }

    /// Enables or disables the server. A server that is disabled gets no requests.
    ///
    /// `XEN_DMOP_set_ioreq_server_state`.
    ///
    /// # Errors
    ///
    /// ENOENT (it was destroyed), and what [`Privcmd::dm_op`] returns.
    pub fn set_enabled(&self, enabled: bool) -> Result<(), Error> {
        let mut op = xen_dm_op { op: XEN_DMOP_set_ioreq_server_state, ..xen_dm_op::ZERO };
        let state = op.u.set_ioreq_server_state_mut();
        (state.id, state.enabled) = (self.id, enabled.into());
        self.call(&mut op)
    }

    /// Destroys the server. Dropping the value does the same, without a report.
    ///
    /// `XEN_DMOP_destroy_ioreq_server`.
    ///
    /// # Errors
    ///
    /// What [`Privcmd::dm_op`] returns. The server still exists, and is returned.
    pub fn destroy(mut self) -> Result<(), Failed<Error, Self>> {
        match self.destroy_once() {
            Ok(()) => Ok(()),
            Err(error) => Err(Failed::returning(error, self)),
        }
    }

    fn destroy_once(&mut self) -> Result<(), Error> {
        if !self.is_created {
            return Ok(());
        }
        let mut op = xen_dm_op { op: XEN_DMOP_destroy_ioreq_server, ..xen_dm_op::ZERO };
        op.u.destroy_ioreq_server_mut().id = self.id;
        self.call(&mut op)?;
        self.is_created = false;
        Ok(())
    }

    fn call(&self, op: &mut xen_dm_op) -> Result<(), Error> {
        self.xen.dm_op(self.domain, &mut [Buffer::value(op)])
    }
}

impl Drop for IoreqServer<'_> {
    fn drop(&mut self) {
        let _ = self.destroy_once();
    }
}
