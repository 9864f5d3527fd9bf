//! `xen/gntalloc.h`.

use super::ioc;

pub const IOCTL_GNTALLOC_ALLOC_GREF: u32 = ioc(b'G', 5, size_of::<ioctl_gntalloc_alloc_gref>());
pub const IOCTL_GNTALLOC_DEALLOC_GREF: u32 = ioc(b'G', 6, size_of::<ioctl_gntalloc_dealloc_gref>());
pub const IOCTL_GNTALLOC_SET_UNMAP_NOTIFY: u32 =
    ioc(b'G', 7, size_of::<ioctl_gntalloc_unmap_notify>());
pub const GNTALLOC_FLAG_WRITABLE: u16 = 1;
pub const UNMAP_NOTIFY_CLEAR_BYTE: u32 = 1;
pub const UNMAP_NOTIFY_SEND_EVENT: u32 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntalloc_alloc_gref {
    pub domid: u16,
    pub flags: u16,
    pub count: u32,
    pub index: u64,
    pub gref_ids: [u32; 1],
    pub _padding0: [u8; 4],
}

impl ioctl_gntalloc_alloc_gref {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntalloc_alloc_gref {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntalloc_dealloc_gref {
    pub index: u64,
    pub count: u32,
    pub _padding0: [u8; 4],
}

impl ioctl_gntalloc_dealloc_gref {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntalloc_dealloc_gref {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct ioctl_gntalloc_unmap_notify {
    pub index: u64,
    pub action: u32,
    pub event_channel_port: u32,
}

impl ioctl_gntalloc_unmap_notify {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for ioctl_gntalloc_unmap_notify {}
