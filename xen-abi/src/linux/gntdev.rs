//! `xen/gntdev.h`.

use super::ioc;
use crate::GuestHandle;
use crate::xen::domid_t;

pub const IOCTL_GNTDEV_MAP_GRANT_REF: u32 = ioc(b'G', 0, size_of::<ioctl_gntdev_map_grant_ref>());
pub const IOCTL_GNTDEV_UNMAP_GRANT_REF: u32 =
    ioc(b'G', 1, size_of::<ioctl_gntdev_unmap_grant_ref>());
pub const IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR: u32 =
    ioc(b'G', 2, size_of::<ioctl_gntdev_get_offset_for_vaddr>());
pub const IOCTL_GNTDEV_SET_MAX_GRANTS: u32 = ioc(b'G', 3, size_of::<ioctl_gntdev_set_max_grants>());
pub const IOCTL_GNTDEV_SET_UNMAP_NOTIFY: u32 = ioc(b'G', 7, size_of::<ioctl_gntdev_unmap_notify>());
pub const IOCTL_GNTDEV_GRANT_COPY: u32 = ioc(b'G', 8, size_of::<ioctl_gntdev_grant_copy>());
pub const IOCTL_GNTDEV_DMABUF_EXP_FROM_REFS: u32 =
    ioc(b'G', 9, size_of::<ioctl_gntdev_dmabuf_exp_from_refs>());
pub const IOCTL_GNTDEV_DMABUF_EXP_WAIT_RELEASED: u32 =
    ioc(b'G', 10, size_of::<ioctl_gntdev_dmabuf_exp_wait_released>());
pub const IOCTL_GNTDEV_DMABUF_IMP_TO_REFS: u32 =
    ioc(b'G', 11, size_of::<ioctl_gntdev_dmabuf_imp_to_refs>());
pub const IOCTL_GNTDEV_DMABUF_IMP_RELEASE: u32 =
    ioc(b'G', 12, size_of::<ioctl_gntdev_dmabuf_imp_release>());
pub const UNMAP_NOTIFY_CLEAR_BYTE: u32 = 1;
pub const UNMAP_NOTIFY_SEND_EVENT: u32 = 2;
pub const GNTDEV_DMA_FLAG_WC: u32 = 1;
pub const GNTDEV_DMA_FLAG_COHERENT: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntdev_grant_ref {
    pub domid: u32,
    pub ref_: u32,
}

impl ioctl_gntdev_grant_ref {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntdev_grant_ref {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntdev_map_grant_ref {
    pub count: u32,
    pub pad: u32,
    pub index: u64,
    pub refs: [ioctl_gntdev_grant_ref; 1],
}

impl ioctl_gntdev_map_grant_ref {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntdev_map_grant_ref {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntdev_unmap_grant_ref {
    pub index: u64,
    pub count: u32,
    pub pad: u32,
}

impl ioctl_gntdev_unmap_grant_ref {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntdev_unmap_grant_ref {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntdev_get_offset_for_vaddr {
    pub vaddr: u64,
    pub offset: u64,
    pub count: u32,
    pub pad: u32,
}

impl ioctl_gntdev_get_offset_for_vaddr {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntdev_get_offset_for_vaddr {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntdev_set_max_grants {
    pub count: u32,
}

impl ioctl_gntdev_set_max_grants {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntdev_set_max_grants {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntdev_unmap_notify {
    pub index: u64,
    pub action: u32,
    pub event_channel_port: u32,
}

impl ioctl_gntdev_unmap_notify {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntdev_unmap_notify {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntdev_grant_copy {
    pub count: u32,
    pub _padding0: [u8; 4],
    pub segments: GuestHandle<gntdev_grant_copy_segment>,
}

impl ioctl_gntdev_grant_copy {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntdev_grant_copy {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct gntdev_grant_copy_segment {
    pub source: gntdev_grant_copy_segment_source,
    pub dest: gntdev_grant_copy_segment_dest,
    pub len: u16,
    pub flags: u16,
    pub status: crate::GrantStatus,
    pub _padding0: [u8; 2],
}

impl gntdev_grant_copy_segment {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for gntdev_grant_copy_segment {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct gntdev_grant_copy_segment_source_foreign {
    pub ref_: crate::grant_table::grant_ref_t,
    pub offset: u16,
    pub domid: domid_t,
}

impl gntdev_grant_copy_segment_source_foreign {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for gntdev_grant_copy_segment_source_foreign {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct gntdev_grant_copy_segment_source {
    pub bytes: u64,
}

impl gntdev_grant_copy_segment_source {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for gntdev_grant_copy_segment_source {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntdev_dmabuf_exp_from_refs {
    pub flags: u32,
    pub count: u32,
    pub fd: u32,
    pub domid: u32,
    pub refs: [u32; 1],
}

impl ioctl_gntdev_dmabuf_exp_from_refs {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntdev_dmabuf_exp_from_refs {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntdev_dmabuf_exp_wait_released {
    pub fd: u32,
    pub wait_to_ms: u32,
}

impl ioctl_gntdev_dmabuf_exp_wait_released {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntdev_dmabuf_exp_wait_released {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntdev_dmabuf_imp_to_refs {
    pub fd: u32,
    pub count: u32,
    pub domid: u32,
    pub reserved: u32,
    pub refs: [u32; 1],
}

impl ioctl_gntdev_dmabuf_imp_to_refs {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntdev_dmabuf_imp_to_refs {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntdev_dmabuf_imp_release {
    pub fd: u32,
    pub reserved: u32,
}

impl ioctl_gntdev_dmabuf_imp_release {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntdev_dmabuf_imp_release {}

pub type gntdev_grant_copy_segment_dest = gntdev_grant_copy_segment_source;
pub type gntdev_grant_copy_segment_dest_foreign = gntdev_grant_copy_segment_source_foreign;

impl gntdev_grant_copy_segment_source {
    pub fn from_virt(virt: GuestHandle<core::ffi::c_void>) -> Self {
        Self { bytes: virt.addr() as u64 }
    }

    pub fn from_foreign(foreign: gntdev_grant_copy_segment_source_foreign) -> Self {
        let bytes = crate::from_bytes(crate::as_bytes(&foreign)).unwrap_or_default();
        Self { bytes }
    }
}
