//! Linux's structures and ioctls from xen-abi, under the names that the rest of the crate uses.

use nix::ioctl_readwrite_bad;
use xen_abi::linux::gntalloc::*;
use xen_abi::linux::gntdev::*;

pub use xen_abi::linux::gntdev::{
    ioctl_gntdev_get_offset_for_vaddr as GetOffsetForVaddr,
    ioctl_gntdev_set_max_grants as SetMaxGrants, ioctl_gntdev_unmap_grant_ref as UnmapGrantRef,
};

pub const UNMAP_NOTIFY_CLEAR_BYTE: u32 = xen_abi::linux::gntalloc::UNMAP_NOTIFY_CLEAR_BYTE.0;
pub const UNMAP_NOTIFY_SEND_EVENT: u32 = xen_abi::linux::gntalloc::UNMAP_NOTIFY_SEND_EVENT.0;

ioctl_readwrite_bad!(map_grant_ref, IOCTL_GNTDEV_MAP_GRANT_REF, u32);
ioctl_readwrite_bad!(unmap_grant_ref, IOCTL_GNTDEV_UNMAP_GRANT_REF, UnmapGrantRef);
ioctl_readwrite_bad!(get_offset_for_vaddr, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, GetOffsetForVaddr);
ioctl_readwrite_bad!(set_max_grants, IOCTL_GNTDEV_SET_MAX_GRANTS, SetMaxGrants);
ioctl_readwrite_bad!(unmap_notify, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, UnmapNotify);
ioctl_readwrite_bad!(alloc_gref, IOCTL_GNTALLOC_ALLOC_GREF, u16);
ioctl_readwrite_bad!(dealloc_gref, IOCTL_GNTALLOC_DEALLOC_GREF, DeallocGref);

#[derive(Clone, Debug)]
pub struct GrantRef {
    pub domid: u32,
    pub reference: u32,
}

/// With the action as a number.
#[repr(C)]
pub struct UnmapNotify {
    pub index: u64,
    pub action: u32,
    pub port: u32,
}

const _: () = assert!(size_of::<UnmapNotify>() == size_of::<ioctl_gntdev_unmap_notify>());

/// Without the padding at its end.
#[repr(C)]
pub struct DeallocGref {
    pub index: u64,
    pub count: u32,
}

const _: () = assert!(size_of::<DeallocGref>() == size_of::<ioctl_gntalloc_dealloc_gref>());

pub struct MapGrantRef {
    pub index: u64,
    pub refs: Vec<GrantRef>,
}

impl MapGrantRef {
    /// The structure up to its list, which follows.
    pub fn write(refs: &[GrantRef]) -> Vec<u32> {
        let head = ioctl_gntdev_map_grant_ref {
            count: refs.len() as u32,
            ..ioctl_gntdev_map_grant_ref::ZERO
        };
        let head = &xen_abi::as_bytes(&head)[..std::mem::offset_of!(ioctl_gntdev_map_grant_ref, refs)];
        let list = refs.iter().flat_map(|grant| [grant.domid, grant.reference]);
        numbers(head).into_iter().chain(list).collect()
    }

    pub fn read(count: u32, data: Vec<u32>) -> Option<Self> {
        let list = data.get(std::mem::offset_of!(ioctl_gntdev_map_grant_ref, refs) / 4..)?;
        let refs = list.chunks_exact(2).take(count as usize);
        let refs: Vec<_> =
            refs.map(|grant| GrantRef { domid: grant[0], reference: grant[1] }).collect();
        let at = std::mem::offset_of!(ioctl_gntdev_map_grant_ref, index) / 4;
        let index = u64::from(data[at]) | u64::from(data[at + 1]) << 32;
        (refs.len() == count as usize).then_some(Self { index, refs })
    }
}

pub struct AllocGref {
    pub domid: u16,
    pub flags: u16,
    pub count: u32,
}

impl AllocGref {
    /// The structure and memory for as many references.
    pub fn write(request: AllocGref) -> Vec<u16> {
        let head = ioctl_gntalloc_alloc_gref {
            domid: request.domid,
            flags: GntallocFlags(request.flags),
            count: request.count,
            ..ioctl_gntalloc_alloc_gref::ZERO
        };
        let mut bytes = xen_abi::as_bytes(&head).to_vec();
        bytes.resize(bytes.len().max(LIST + 4 * request.count as usize), 0);
        bytes.chunks_exact(2).map(|pair| u16::from_ne_bytes([pair[0], pair[1]])).collect()
    }

    pub fn read(count: u32, data: Vec<u16>) -> Option<(u64, Vec<u32>)> {
        let bytes: Vec<u8> = data.iter().flat_map(|half| half.to_ne_bytes()).collect();
        let head = xen_abi::from_bytes::<ioctl_gntalloc_alloc_gref>(
            bytes.get(..size_of::<ioctl_gntalloc_alloc_gref>())?,
        )?;
        let list = bytes.get(LIST..LIST + 4 * count as usize)?;
        Some((head.index, numbers(list)))
    }
}

const LIST: usize = std::mem::offset_of!(ioctl_gntalloc_alloc_gref, gref_ids);

fn numbers(bytes: &[u8]) -> Vec<u32> {
    let words = bytes.chunks_exact(4);
    words.map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]])).collect()
}
