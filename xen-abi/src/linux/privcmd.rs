//! `xen/privcmd.h`.

use super::ioc;
use crate::GuestHandle;
use crate::xen::{domid_t, xen_pfn_t};
use core::ffi::c_void;

pub const IOCTL_PRIVCMD_HYPERCALL: u32 = ioc(b'P', 0, size_of::<privcmd_hypercall>());
pub const IOCTL_PRIVCMD_MMAP: u32 = ioc(b'P', 2, size_of::<privcmd_mmap>());
pub const IOCTL_PRIVCMD_MMAPBATCH: u32 = ioc(b'P', 3, size_of::<privcmd_mmapbatch>());
pub const IOCTL_PRIVCMD_MMAPBATCH_V2: u32 = ioc(b'P', 4, size_of::<privcmd_mmapbatch_v2>());
pub const IOCTL_PRIVCMD_DM_OP: u32 = ioc(b'P', 5, size_of::<privcmd_dm_op>());
pub const IOCTL_PRIVCMD_RESTRICT: u32 = ioc(b'P', 6, size_of::<domid_t>());
pub const IOCTL_PRIVCMD_MMAP_RESOURCE: u32 = ioc(b'P', 7, size_of::<privcmd_mmap_resource>());
pub const PRIVCMD_MMAPBATCH_MFN_ERROR: u32 = 0xf000_0000;
pub const PRIVCMD_MMAPBATCH_PAGED_ERROR: u32 = 0x8000_0000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct privcmd_hypercall {
    pub op: u64,
    pub arg: [u64; 5],
}

impl privcmd_hypercall {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for privcmd_hypercall {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct privcmd_mmap_entry {
    pub va: u64,
    pub mfn: u64,
    pub npages: u64,
}

impl privcmd_mmap_entry {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for privcmd_mmap_entry {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct privcmd_mmap {
    pub num: i32,
    pub dom: domid_t,
    pub _padding0: [u8; 2],
    pub entry: GuestHandle<privcmd_mmap_entry>,
}

impl privcmd_mmap {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for privcmd_mmap {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct privcmd_mmapbatch {
    pub num: i32,
    pub dom: domid_t,
    pub _padding0: [u8; 2],
    pub addr: u64,
    pub arr: GuestHandle<xen_pfn_t>,
}

impl privcmd_mmapbatch {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for privcmd_mmapbatch {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct privcmd_mmapbatch_v2 {
    pub num: u32,
    pub dom: domid_t,
    pub _padding0: [u8; 2],
    pub addr: u64,
    pub arr: GuestHandle<xen_pfn_t>,
    pub err: GuestHandle<i32>,
}

impl privcmd_mmapbatch_v2 {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for privcmd_mmapbatch_v2 {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct privcmd_dm_op_buf {
    pub uptr: GuestHandle<c_void>,
    pub size: usize,
}

impl privcmd_dm_op_buf {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for privcmd_dm_op_buf {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct privcmd_dm_op {
    pub dom: domid_t,
    pub num: u16,
    pub _padding0: [u8; 4],
    pub ubufs: GuestHandle<privcmd_dm_op_buf>,
}

impl privcmd_dm_op {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for privcmd_dm_op {}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct privcmd_mmap_resource {
    pub dom: domid_t,
    pub _padding0: [u8; 2],
    pub type_: u32,
    pub id: u32,
    pub idx: u32,
    pub num: u64,
    pub addr: u64,
}

impl privcmd_mmap_resource {
    pub const ZERO: Self = crate::zeroed();
}

// SAFETY: integers without padding.
#[allow(unsafe_code, reason = "states a fact")]
unsafe impl crate::Plain for privcmd_mmap_resource {}
