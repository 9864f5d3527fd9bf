//! Operations of device models.

#![allow(unsafe_code, reason = "an ioctl that reads and writes memory")]

use std::marker::PhantomData;

use rustix::io::Errno;
use xen_abi::linux::privcmd::{IOCTL_PRIVCMD_DM_OP, privcmd_dm_op, privcmd_dm_op_buf};
use xen_abi::xen::{DOMID_SELF, domid_t};
use xen_abi::{Plain, PointerHandle};
use xen_ops::gnttab::DomainId;

use super::Privcmd;
use crate::device::Device;
use crate::{Cause, Error};

/// How many buffers an operation can have: the kernel's limit, unless its module's parameter
/// `dm_op_max_nr_bufs` says otherwise.
pub const MOST: usize = 16;

const DM_OP: &str = "IOCTL_PRIVCMD_DM_OP";

/// Memory that an operation reads and writes. It is what the kernel takes, so that a slice of them is
/// the argument.
#[derive(Debug)]
#[repr(transparent)]
pub struct Buffer<'a> {
    raw: privcmd_dm_op_buf,
    memory: PhantomData<&'a mut [u8]>,
}

impl<'a> Buffer<'a> {
    /// A value: for the first buffer, the operation itself.
    pub fn value<T: Plain>(value: &'a mut T) -> Self {
        Self::slice(std::slice::from_mut(value))
    }

    /// Elements that the operation wants besides.
    pub fn slice<T: Plain>(elements: &'a mut [T]) -> Self {
        let mut raw = privcmd_dm_op_buf::ZERO;
        // Of an empty one the address is none of memory.
        if !elements.is_empty() {
            raw.size = size_of_val(elements) as _;
            raw.uptr = PointerHandle::from_mut_slice(elements).cast();
        }
        Self { raw, memory: PhantomData }
    }
}

impl Privcmd {
    /// Makes an operation on `peer` (`XEN_DMOP_*` of upstream's `hvm/dm_op.h`, which `xen-abi` has under
    /// its feature `toolstack`): the first buffer is the operation, others are what it wants besides. Xen
    /// reads the buffers, and writes into them what comes out.
    ///
    /// `IOCTL_PRIVCMD_DM_OP`.
    ///
    /// ```no_run
    /// use xen_linux::privcmd::{Buffer, Privcmd};
    /// use xen_linux::xen_abi::hvm::dm_op::*;
    /// use xen_linux::xen_abi::xen::domid_t;
    /// use xen_linux::xen_ops::gnttab::DomainId;
    ///
    /// // How many vCPUs may domain 3 have?
    /// let mut operation = xen_dm_op { op: XEN_DMOP_nr_vcpus, ..xen_dm_op::ZERO };
    /// let peer = DomainId::new(domid_t(3))?;
    /// Privcmd::open()?.dm_op(peer, &mut [Buffer::value(&mut operation)])?;
    /// println!("{}", operation.u.nr_vcpus().vcpus);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if there are no buffers, or more than [`MOST`](super::MOST_BUFFERS).
    /// - E2BIG if one is larger than the kernel takes: 4096 bytes, or what its module's parameter
    ///   `dm_op_buf_max_size` says.
    /// - What Xen says: ESRCH (no such domain), EPERM (not allowed, or restricted to another domain),
    ///   EOPNOTSUPP (it has no such operation), EINVAL, EFAULT (a buffer is too small), and what the
    ///   operation itself has.
    pub fn dm_op(&self, peer: DomainId, buffers: &mut [Buffer<'_>]) -> Result<(), Error> {
        let count = buffers.len();
        if !(1..=MOST).contains(&count) {
            return Err(Error::new(DM_OP, Cause::Count { count, least: 1, most: MOST }));
        }
        // SAFETY: each buffer says where memory is that is borrowed for this, and how many bytes; any
        // bytes may come to be there.
        unsafe { dm_op(&self.device, peer.domain(), buffers) }
    }
}

/// That the device answers as privcmd does, which then does nothing without buffers.
pub(super) fn check(device: &Device) -> Result<(), Error> {
    // SAFETY: there is nothing that the kernel could read or write.
    match unsafe { dm_op(device, DOMID_SELF, &mut []) } {
        // One that is restricted.
        Err(error) if error.as_errno() == Some(Errno::PERM) => Ok(()),
        checked => checked,
    }
}

/// # Safety
///
/// The memory of the buffers can be read and written, and any bytes can come to be there.
unsafe fn dm_op(device: &Device, domid: domid_t, buffers: &mut [Buffer<'_>]) -> Result<(), Error> {
    let mut argument = privcmd_dm_op::ZERO;
    argument.dom = domid;
    argument.num = buffers.len() as u16;
    argument.ubufs = PointerHandle::from_mut_slice(buffers).cast();
    // SAFETY: the structure says where the buffers are; the rest is the caller's promise.
    unsafe { device.ioctl(DM_OP, IOCTL_PRIVCMD_DM_OP, &raw mut argument) }?;
    Ok(())
}
