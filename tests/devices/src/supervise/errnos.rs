//! Error numbers that a call may return, according to Linux's drivers and memory management.

use nix::errno::Errno::{
    self, E2BIG, EACCES, EAGAIN, EBADF, EBUSY, EEXIST, EFAULT, EINTR, EINVAL, EIO, EMFILE, ENFILE,
    ENODEV, ENOENT, ENOMEM, ENOSPC, ENOSYS, ENOTCONN, ENOTTY, ENXIO, EOPNOTSUPP, EPERM, ESRCH,
    ETIMEDOUT,
};

use super::call::Call;
use super::device::Device;

/// The error numbers of a call, EINTR last; none if the call is not expected.
#[must_use]
pub fn errnos(call: &Call) -> &'static [Errno] {
    match &*call.name {
        "openat" => &[ENOENT, EACCES, EPERM, ENODEV, ENXIO, EMFILE, ENFILE, ENOMEM, EINTR],
        "close" => &[EIO, EINTR],
        "fstat" => &[ENOMEM],
        "readlinkat" => &[EIO, ENOMEM],
        "mmap" => &[ENOMEM, EINVAL, EAGAIN, ENODEV, EPERM],
        // If a mapping must be split and there are too many.
        "munmap" => &[ENOMEM, EINVAL],
        "madvise" => &[EINVAL, ENOMEM, EAGAIN],
        "fcntl" => &[EMFILE, EINVAL],
        "dup3" => &[EMFILE, EINTR],
        "ppoll" => &[ENOMEM, EINTR],
        "read" | "write" if call.device == Some(Device::Evtchn) => &[EFAULT, EAGAIN, EIO, EINTR],
        "ioctl" => call.device.zip(call.request).map_or(&[], |(on, what)| request(on, what)),
        _ => &[],
    }
}

fn request(device: Device, request: &str) -> &'static [Errno] {
    match (device, request) {
        (Device::Gntdev, "MAP_GRANT_REF") => &[ENOMEM, EINVAL, EFAULT, ENOTTY, EINTR],
        (Device::Gntdev, "UNMAP_GRANT_REF") => &[ENOENT, EFAULT, EINTR],
        (Device::Gntdev, "GET_OFFSET_FOR_VADDR") => &[EINVAL, EFAULT, ENOTTY, EINTR],
        (_, "SET_UNMAP_NOTIFY") => &[EINVAL, ENOENT, EFAULT, ENOTTY, EINTR],
        (Device::Gntdev, "GRANT_COPY") => &[EINVAL, EFAULT, ENOMEM, ENOTTY, EINTR],
        (Device::Gntdev, "DMABUF_EXP_FROM_REFS") => {
            &[EINVAL, ENOMEM, EFAULT, EMFILE, ENOTTY, EINTR]
        }
        (Device::Gntdev, "DMABUF_EXP_WAIT_RELEASED") => {
            &[ETIMEDOUT, ENOENT, ENOMEM, EINVAL, EFAULT, EINTR]
        }
        (Device::Gntdev, "DMABUF_IMP_TO_REFS") => {
            &[EINVAL, EBADF, ENOSPC, ENOMEM, EFAULT, ENOTTY, EINTR]
        }
        (Device::Gntdev, "DMABUF_IMP_RELEASE") => &[ENOENT, EINVAL, EFAULT, EINTR],
        (Device::Gntalloc, "ALLOC_GREF") => &[ENOSPC, ENOMEM, EFAULT, ENOTTY, EINTR],
        (Device::Gntalloc, "DEALLOC_GREF") => &[EINVAL, EFAULT, ENOTTY, EINTR],
        (Device::Privcmd, "HYPERCALL") => {
            &[EPERM, EFAULT, ENOSYS, EINVAL, ESRCH, ENOMEM, EAGAIN, ENOTTY, EINTR]
        }
        (Device::Privcmd, "MMAPBATCH_V2") => {
            &[ENOENT, EINVAL, EPERM, EFAULT, ENOMEM, ENOTTY, EINTR]
        }
        (Device::Privcmd, "MMAP_RESOURCE") => {
            &[EINVAL, EPERM, ESRCH, EOPNOTSUPP, EFAULT, ENOMEM, ENOTTY, EINTR]
        }
        (Device::Privcmd, "DM_OP") => {
            &[E2BIG, EPERM, ESRCH, EINVAL, EOPNOTSUPP, EFAULT, ENOMEM, ENOTTY, EINTR]
        }
        (Device::Privcmd, "IRQFD") => {
            &[EBUSY, EINVAL, EBADF, EPERM, EFAULT, ENOMEM, EOPNOTSUPP, ENOTTY, EINTR]
        }
        (Device::Privcmd, "IOEVENTFD") => {
            &[EBUSY, EINVAL, EBADF, EPERM, EFAULT, ENODEV, ENOMEM, EOPNOTSUPP, ENOTTY, EINTR]
        }
        (Device::Privcmd, "RESTRICT") => &[EINVAL, EFAULT, ENOTTY, EINTR],
        (Device::Evtchn, "BIND_VIRQ") => {
            &[EEXIST, EINVAL, EACCES, ENOSPC, ENOMEM, EFAULT, ENOTTY, EINTR]
        }
        (Device::Evtchn, "BIND_INTERDOMAIN" | "BIND_UNBOUND_PORT") => {
            &[ESRCH, EINVAL, EACCES, ENOSPC, ENOMEM, EFAULT, ENOTTY, EINTR]
        }
        (Device::Evtchn, "UNBIND" | "NOTIFY") => &[ENOTCONN, EINVAL, EFAULT, EINTR],
        (_, "FIONBIO") => &[EBADF],
        (Device::Evtchn, "RESET") => &[EACCES, ENOTTY, EINTR],
        (Device::Evtchn, "RESTRICT_DOMID") => &[EACCES, EINVAL, EFAULT, ENOTTY, EINTR],
        _ => &[],
    }
}
