//! The devices without a library, for calls that a library refuses.

#![allow(unsafe_code, reason = "ioctls, and memory that is mapped")]

use std::ffi::{c_int, c_void};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::{self, NonNull};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, ioctl};
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use xen_abi::linux::evtchn::{
    ioctl_evtchn_bind, ioctl_evtchn_bind_interdomain, ioctl_evtchn_bind_unbound_port,
    ioctl_evtchn_bind_virq, ioctl_evtchn_notify, ioctl_evtchn_restrict_domid, ioctl_evtchn_unbind,
};
use xen_abi::linux::gntalloc::{
    ioctl_gntalloc_alloc_gref, ioctl_gntalloc_dealloc_gref, ioctl_gntalloc_unmap_notify,
};
use xen_abi::linux::gntdev::{
    ioctl_gntdev_dmabuf_exp_from_refs, ioctl_gntdev_dmabuf_exp_wait_released,
    ioctl_gntdev_dmabuf_imp_release, ioctl_gntdev_dmabuf_imp_to_refs,
    ioctl_gntdev_get_offset_for_vaddr, ioctl_gntdev_map_grant_ref, ioctl_gntdev_set_max_grants,
    ioctl_gntdev_unmap_grant_ref, ioctl_gntdev_unmap_notify,
};
use xen_abi::linux::privcmd::{privcmd_ioeventfd, privcmd_irqfd, privcmd_pcidev_get_gsi};
use xen_abi::xen::domid_t;

/// Bytes in a page of the kernel's.
pub(crate) const PAGE: usize = 4096;

/// An open device below `/dev/xen`.
pub(crate) struct Device(OwnedFd);

impl Device {
    /// Opens a device by its name.
    pub(crate) fn open(name: &str) -> Result<Self, Errno> {
        let flags = OFlags::RDWR | OFlags::CLOEXEC;
        open(format!("/dev/xen/{name}"), flags, Mode::empty()).map(Self)
    }

    /// An ioctl. It may write into the argument.
    pub(crate) fn call<T: Numbers>(&self, opcode: u32, argument: &mut T) -> Result<c_int, Errno> {
        // SAFETY: the kernel reads and writes the argument, which has no address.
        unsafe { self.call_unchecked(opcode, argument) }
    }

    /// An ioctl whose argument has addresses.
    ///
    /// # Safety
    ///
    /// The ioctl takes a `T`, and every address in it is valid for what the kernel does there.
    pub(crate) unsafe fn call_unchecked<T>(
        &self,
        opcode: u32,
        argument: *mut T,
    ) -> Result<c_int, Errno> {
        // SAFETY: the caller's promise.
        unsafe { ioctl(&self.0, Call { opcode, argument: argument.cast() }) }
    }

    /// An ioctl whose argument is at an address where nothing is mapped.
    pub(crate) fn call_nowhere(&self, opcode: u32) -> Result<c_int, Errno> {
        // SAFETY: nothing is mapped at the lowest addresses, and the kernel checks that.
        unsafe { self.call_unchecked(opcode, ptr::without_provenance_mut::<c_void>(8)) }
    }

    /// An ioctl whose argument is a number, or nothing.
    pub(crate) fn call_number(&self, opcode: u32, number: usize) -> Result<c_int, Errno> {
        // SAFETY: such an ioctl takes no address.
        unsafe { self.call_unchecked(opcode, ptr::without_provenance_mut::<c_void>(number)) }
    }

    /// Maps pages of the device.
    pub(crate) fn map(
        &self,
        offset: u64,
        pages: usize,
        rights: ProtFlags,
        sharing: MapFlags,
    ) -> Result<Area, Errno> {
        let length = pages * PAGE;
        // SAFETY: the kernel chooses a free address.
        let base = unsafe { mmap(ptr::null_mut(), length, rights, sharing, &self.0, offset) }?;
        let base = NonNull::new(base.cast()).ok_or(Errno::FAULT)?;
        Ok(Area { base, length })
    }

    /// Maps pages of the device for reading and writing.
    pub(crate) fn map_shared(&self, offset: u64, pages: usize) -> Result<Area, Errno> {
        self.map(offset, pages, ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED)
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Mapped pages, unmapped when the value is dropped.
pub(crate) struct Area {
    base: NonNull<u8>,
    length: usize,
}

impl Area {
    /// Where it begins.
    pub(crate) fn address(&self) -> u64 {
        self.base.addr().get() as u64
    }

    /// The byte at an offset.
    pub(crate) fn read(&self, offset: usize) -> u8 {
        assert!(offset < self.length);
        // SAFETY: inside the area, which is mapped for reading.
        unsafe { self.base.add(offset).read_volatile() }
    }

    /// Writes the byte at an offset of an area that is mapped for writing.
    pub(crate) fn write(&self, offset: usize, byte: u8) {
        assert!(offset < self.length);
        // SAFETY: inside the area. If it is read-only, the kernel ends the program.
        unsafe { self.base.add(offset).write_volatile(byte) }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        // SAFETY: there is no reference into it.
        let _ = unsafe { munmap(self.base.as_ptr().cast(), self.length) };
    }
}

/// Arguments without addresses.
///
/// # Safety
///
/// The kernel accesses no memory through the argument, or checks the address itself.
pub(crate) unsafe trait Numbers {}

macro_rules! numbers {
    ($($name:ty),* $(,)?) => {
        // SAFETY: they hold numbers. The kernel looks up one address among them, and copies from the others,
        // which it checks.
        $(unsafe impl Numbers for $name {})*
    };
}

numbers!(
    domid_t,
    ioctl_evtchn_bind,
    ioctl_evtchn_bind_interdomain,
    ioctl_evtchn_bind_unbound_port,
    ioctl_evtchn_bind_virq,
    ioctl_evtchn_notify,
    ioctl_evtchn_restrict_domid,
    ioctl_evtchn_unbind,
    ioctl_gntalloc_alloc_gref,
    ioctl_gntalloc_dealloc_gref,
    ioctl_gntalloc_unmap_notify,
    ioctl_gntdev_dmabuf_exp_from_refs,
    ioctl_gntdev_dmabuf_exp_wait_released,
    ioctl_gntdev_dmabuf_imp_release,
    ioctl_gntdev_dmabuf_imp_to_refs,
    ioctl_gntdev_get_offset_for_vaddr,
    ioctl_gntdev_map_grant_ref,
    ioctl_gntdev_set_max_grants,
    ioctl_gntdev_unmap_grant_ref,
    ioctl_gntdev_unmap_notify,
    privcmd_ioeventfd,
    privcmd_irqfd,
    privcmd_pcidev_get_gsi,
);

struct Call {
    opcode: u32,
    argument: *mut c_void,
}

// SAFETY: the argument goes to the kernel as it is, and the kernel may write there.
unsafe impl Ioctl for Call {
    type Output = c_int;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        self.opcode as Opcode
    }

    fn as_ptr(&mut self) -> *mut c_void {
        self.argument
    }

    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut c_void) -> Result<c_int, Errno> {
        Ok(output)
    }
}
