//! Linux's structures and ioctls from xen-abi, under the names that the rest of the module uses.

use std::os::raw::c_ulong;

use xen_abi::linux::gntdev::{
    IOCTL_GNTDEV_MAP_GRANT_REF, IOCTL_GNTDEV_UNMAP_GRANT_REF, ioctl_gntdev_map_grant_ref,
    ioctl_gntdev_unmap_grant_ref,
};
use xen_abi::linux::privcmd::{IOCTL_PRIVCMD_MMAPBATCH_V2, privcmd_mmapbatch_v2};
use xen_abi::{GuestHandle, xen::domid_t};

use super::Result;

pub(super) fn ioctl_privcmd_mmapbatch_v2() -> c_ulong {
    IOCTL_PRIVCMD_MMAPBATCH_V2.into()
}

pub(super) fn ioctl_gntdev_map_grant_ref() -> c_ulong {
    IOCTL_GNTDEV_MAP_GRANT_REF.into()
}

pub(super) fn ioctl_gntdev_unmap_grant_ref() -> c_ulong {
    IOCTL_GNTDEV_UNMAP_GRANT_REF.into()
}

pub(super) fn mmapbatch(
    count: usize,
    domid: u32,
    address: *mut u8,
    frames: &[u64],
    errors: &mut [i32],
) -> privcmd_mmapbatch_v2 {
    privcmd_mmapbatch_v2 {
        num: count as u32,
        dom: domid_t(domid as u16),
        addr: address.expose_provenance() as u64,
        arr: GuestHandle::from_slice(frames).cast(),
        err: GuestHandle::from_mut_slice(errors),
        ..privcmd_mmapbatch_v2::ZERO
    }
}

/// The structure with its list: two words before it, and one for each grant.
pub(super) struct GntDevMapGrantRef(Vec<u64>);

impl GntDevMapGrantRef {
    pub(super) fn new(domid: u32, base: u32, count: usize) -> Result<Self> {
        let refs = (0..count as u64).map(|i| u64::from(domid) | (u64::from(base) + i) << 32);
        let mut words: Vec<u64> = [count as u64, 0].into_iter().chain(refs).collect();
        // The structure has a first grant in any case.
        words.resize(words.len().max(3), 0);
        Ok(Self(words))
    }

    pub(super) fn as_fam_struct_ref(&self) -> &ioctl_gntdev_map_grant_ref {
        // SAFETY: it has three words of this alignment, any of which are a value.
        unsafe { &*self.0.as_ptr().cast() }
    }
}

pub(super) struct GntDevUnmapGrantRef;

impl GntDevUnmapGrantRef {
    #[allow(clippy::new_ret_no_self)]
    pub(super) fn new(index: u64, count: u32) -> ioctl_gntdev_unmap_grant_ref {
        ioctl_gntdev_unmap_grant_ref { index, count, ..ioctl_gntdev_unmap_grant_ref::ZERO }
    }
}
