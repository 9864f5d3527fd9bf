//! Pages that the first domain shares with itself.

use rustix::io::Errno;
use xen_abi::linux::gntalloc::{
    GNTALLOC_FLAG_WRITABLE, IOCTL_GNTALLOC_ALLOC_GREF, IOCTL_GNTALLOC_DEALLOC_GREF,
    ioctl_gntalloc_alloc_gref, ioctl_gntalloc_dealloc_gref,
};
use xen_abi::linux::gntdev::{
    IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_UNMAP_GRANT_REF, ioctl_gntdev_grant_ref,
    ioctl_gntdev_map_grant_ref, ioctl_gntdev_unmap_grant_ref,
};
use xen_abi::xen::domid_t;

use crate::device::{Area, Device};

/// The first domain.
pub(crate) const DOM0: u16 = 0;

/// A reference that is beyond any table.
pub(crate) const NO_REFERENCE: u32 = 0x7fff_ffff;

/// A page that may be mapped by its own domain.
pub(crate) struct Page {
    pub(crate) area: Area,
    pub(crate) reference: u32,
    pub(crate) index: u64,
}

impl Page {
    /// A fresh page of `gntalloc`'s.
    pub(crate) fn new(gntalloc: &Device, writable: bool) -> Result<Self, Errno> {
        let mut argument = ioctl_gntalloc_alloc_gref::ZERO;
        argument.domid = domid_t(DOM0).0;
        if writable {
            argument.flags = GNTALLOC_FLAG_WRITABLE;
        }
        argument.count = 1;
        gntalloc.call(IOCTL_GNTALLOC_ALLOC_GREF, &mut argument)?;
        let area = gntalloc.map_shared(argument.index, 1)?;
        Ok(Self { area, reference: argument.gref_ids.gref_ids()[0], index: argument.index })
    }

    /// Gives it back.
    pub(crate) fn end(self, gntalloc: &Device) -> Result<i32, Errno> {
        let mut argument = ioctl_gntalloc_dealloc_gref::ZERO;
        (argument.index, argument.count) = (self.index, 1);
        drop(self.area);
        gntalloc.call(IOCTL_GNTALLOC_DEALLOC_GREF, &mut argument)
    }
}

/// The argument that asks gntdev to map one grant.
pub(crate) fn grant(domid: u16, reference: u32) -> ioctl_gntdev_map_grant_ref {
    let refs = [ioctl_gntdev_grant_ref { domid: domid.into(), ref_: reference }];
    ioctl_gntdev_map_grant_ref { count: 1, refs, ..ioctl_gntdev_map_grant_ref::ZERO }
}

/// Has gntdev keep one grant: its index.
pub(crate) fn keep(gntdev: &Device, domid: u16, reference: u32) -> Result<u64, Errno> {
    let mut argument = grant(domid, reference);
    gntdev.call(IOCTL_GNTDEV_MAP_GRANT_REF, &mut argument)?;
    Ok(argument.index)
}

/// Has gntdev keep so many grants no more.
pub(crate) fn forget(gntdev: &Device, index: u64, count: u32) -> Result<i32, Errno> {
    let mut argument =
        ioctl_gntdev_unmap_grant_ref { index, count, ..ioctl_gntdev_unmap_grant_ref::ZERO };
    gntdev.call(IOCTL_GNTDEV_UNMAP_GRANT_REF, &mut argument)
}
