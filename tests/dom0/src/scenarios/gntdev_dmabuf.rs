//! Grants as buffers of devices. Debian's kernels are built without.

use std::os::fd::AsRawFd as _;

use rustix::io::Errno;
use xen_abi::linux::gntdev::{
    IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS, IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED,
    IOCTL_GNTDEV_DMABUF_IMP_RELEASE, IOCTL_GNTDEV_DMABUF_IMP_TO_REFS,
    ioctl_gntdev_dmabuf_exp_from_refs, ioctl_gntdev_dmabuf_exp_wait_released,
    ioctl_gntdev_dmabuf_imp_release, ioctl_gntdev_dmabuf_imp_to_refs,
};

use super::pages::Page;
use crate::device::Device;
use crate::transcript::Transcript;

pub(crate) fn run(t: &mut Transcript) -> Result<(), Errno> {
    let (gntalloc, gntdev) = (Device::open("gntalloc")?, Device::open("gntdev")?);
    let page = Page::new(&gntalloc, true)?;
    let mut export = ioctl_gntdev_dmabuf_exp_from_refs::ZERO;
    (export.count, export.refs) = (1, [page.reference]);
    t.call("export", gntdev.call(IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS, &mut export));
    let fd = std::io::stdout().as_raw_fd().unsigned_abs();
    let mut wait = ioctl_gntdev_dmabuf_exp_wait_released { fd, wait_to_ms: 1 };
    t.call("wait", gntdev.call(IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED, &mut wait));
    let mut import = ioctl_gntdev_dmabuf_imp_to_refs::ZERO;
    (import.fd, import.count) = (fd, 1);
    t.call("import", gntdev.call(IOCTL_GNTDEV_DMABUF_IMP_TO_REFS, &mut import));
    let mut release = ioctl_gntdev_dmabuf_imp_release::ZERO;
    release.fd = fd;
    t.call("release", gntdev.call(IOCTL_GNTDEV_DMABUF_IMP_RELEASE, &mut release));
    page.end(&gntalloc).map(drop)
}
