//! Operations of device models.

#![allow(unsafe_code, reason = "an ioctl that reads and writes memory")]

use std::marker::PhantomData;

use rustix::io::Errno;
use xen_abi::linux::privcmd::{IOCTL_PRIVCMD_DM_OP, privcmd_dm_op, privcmd_dm_op_buf};
use xen_abi::xen::{DOMID_SELF, domid_t};
use xen_abi::{Plain, PointerHandle};

use super::Privcmd;
use crate::device::Device;
use crate::{Cause, DomainId, Error};

/// How many buffers an operation can have. It is the default of the parameter `dm_op_max_nr_bufs` of the
/// kernel's module.
pub const MAX_DM_OP_BUFFERS: usize = 16;

const DM_OP: &str = "IOCTL_PRIVCMD_DM_OP";

/// Memory that an operation reads and writes. It has the kernel's layout, so a slice of them is the
/// argument.
#[derive(Debug)]
#[repr(transparent)]
pub struct Buffer<'a> {
    raw: privcmd_dm_op_buf,
    memory: PhantomData<&'a mut [u8]>,
}

impl<'a> Buffer<'a> {
    /// One value. In the first buffer it is the operation itself.
    pub fn value<T: Plain>(value: &'a mut T) -> Self {
        Self::slice(std::slice::from_mut(value))
    }

    /// Elements that the operation takes besides.
    pub fn slice<T: Plain>(elements: &'a mut [T]) -> Self {
        let mut raw = privcmd_dm_op_buf::ZERO;
        // The address of an empty slice is not one of memory.
        if !elements.is_empty() {
            raw.size = size_of_val(elements) as _;
            raw.uptr = PointerHandle::from_mut_slice(elements).cast();
        }
        Self { raw, memory: PhantomData }
    }
}

impl Privcmd {
    /// Performs an operation of a device model on `domain`. The first buffer is the operation, others are
    /// what it takes besides. Xen reads the buffers and writes its results into them.
    ///
    /// The operations are `XEN_DMOP_*` of upstream's `hvm/dm_op.h`. [`IoreqServer`](super::IoreqServer) has
    /// those of I/O request servers.
    ///
    /// `IOCTL_PRIVCMD_DM_OP`.
    ///
    /// ```no_run
    /// use xen_linux::privcmd::Buffer;
    /// use xen_linux::xen_abi::hvm::dm_op::*;
    /// use xen_linux::{DomainId, Privcmd, domid_t};
    ///
    /// // How many vCPUs may domain 3 have?
    /// let mut operation = xen_dm_op { op: XEN_DMOP_nr_vcpus, ..xen_dm_op::ZERO };
    /// let domain = DomainId::new(domid_t(3))?;
    /// Privcmd::open()?.dm_op(domain, &mut [Buffer::value(&mut operation)])?;
    /// println!("{}", operation.u.nr_vcpus().vcpus);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Cause::Count`] if there are no buffers, or more than [`MAX_DM_OP_BUFFERS`].
    /// - E2BIG if one is larger than the kernel takes: 4096 bytes, or the parameter `dm_op_buf_max_size`
    ///   of its module.
    /// - Xen's error number: ESRCH (no such domain), EPERM (not allowed, or restricted to another
    ///   domain), EOPNOTSUPP (no such operation), EINVAL, EFAULT (a buffer is too small), and those of the
    ///   operation itself.
    pub fn dm_op(&self, domain: DomainId, buffers: &mut [Buffer<'_>]) -> Result<(), Error> {
        let count = buffers.len();
        if !(1..=MAX_DM_OP_BUFFERS).contains(&count) {
            let max = MAX_DM_OP_BUFFERS;
            return Err(Error::new(DM_OP, Cause::Count { count, min: 1, max }));
        }
        // SAFETY: each buffer has address and size of memory that is borrowed for this. Its type allows
        // any bytes.
        unsafe { dm_op(&self.device, domain.domid(), buffers) }
    }
}

/// Checks that the device answers as privcmd does: an operation without buffers does nothing.
pub(super) fn check(device: &Device) -> Result<(), Error> {
    // SAFETY: there is no memory that the kernel could read or write.
    match unsafe { dm_op(device, DOMID_SELF, &mut []) } {
        // A restricted privcmd.
        Err(error) if error.as_errno() == Some(Errno::PERM) => Ok(()),
        checked => checked,
    }
}

/// # Safety
///
/// The memory of the buffers can be read and written, and its type allows any bytes.
unsafe fn dm_op(device: &Device, domid: domid_t, buffers: &mut [Buffer<'_>]) -> Result<(), Error> {
    let mut argument = privcmd_dm_op::ZERO;
    argument.dom = domid;
    argument.num = buffers.len() as u16;
    argument.ubufs = PointerHandle::from_mut_slice(buffers).cast();
    // SAFETY: the structure has the address of the buffers; the rest is the caller's promise.
    unsafe { device.ioctl(DM_OP, IOCTL_PRIVCMD_DM_OP, &raw mut argument) }?;
    Ok(())
}
