//! Flags of memory operations.
//!
//! Upstream: `xen/include/public/memory.h`.

use crate::grant_table::grant_ref_t;
use crate::memory::{
    MemoryFlags, XENMEM_SHARING_OP_FIELD_IS_GREF_FLAG, XENMEMF_exact_node_request,
};

/// The part of `mem_flags` that asks for memory addressable with `bits` bits; 0 for any.
///
/// `XENMEMF_address_bits` of `memory.h`.
#[must_use]
pub const fn xenmemf_address_bits(bits: u8) -> MemoryFlags {
    MemoryFlags(bits as u32)
}

/// The address width, in bits, that `mem_flags` asks for; 0 for any.
///
/// `XENMEMF_get_address_bits` of `memory.h`.
#[must_use]
pub const fn xenmemf_get_address_bits(mem_flags: MemoryFlags) -> u8 {
    mem_flags.0 as u8
}

/// The part of `mem_flags` that prefers NUMA node `node`. `None` for 255, which C lets run into
/// `XENMEMF_populate_on_demand`.
///
/// `XENMEMF_node` of `memory.h`.
///
/// ```
/// # use xen_abi::macros::memory::{xenmemf_address_bits, xenmemf_get_node, xenmemf_node};
/// let flags = xenmemf_address_bits(32) | xenmemf_node(1).unwrap();
/// assert_eq!(flags.bits(), 0x220);
/// assert_eq!(xenmemf_get_node(flags), Some(1));
/// ```
#[must_use]
pub const fn xenmemf_node(node: u8) -> Option<MemoryFlags> {
    match node.checked_add(1) {
        Some(field) => Some(MemoryFlags((field as u32) << 8)),
        None => None,
    }
}

/// The NUMA node that `mem_flags` asks for, or `None` for any (C's 255).
///
/// `XENMEMF_get_node` of `memory.h`.
#[must_use]
pub const fn xenmemf_get_node(mem_flags: MemoryFlags) -> Option<u8> {
    ((mem_flags.0 >> 8) as u8).checked_sub(1)
}

/// The part of `mem_flags` that insists on NUMA node `node`; `None` for 255.
///
/// `XENMEMF_exact_node` of `memory.h`.
#[must_use]
pub const fn xenmemf_exact_node(node: u8) -> Option<MemoryFlags> {
    match xenmemf_node(node) {
        Some(flags) => Some(flags.union(XENMEMF_exact_node_request)),
        None => None,
    }
}

/// A frame field of `xen_mem_sharing_op` that holds a grant reference.
///
/// `XENMEM_SHARING_OP_FIELD_MAKE_GREF` of `memory.h`.
#[must_use]
pub const fn sharing_op_field_make_gref(gref: grant_ref_t) -> u64 {
    XENMEM_SHARING_OP_FIELD_IS_GREF_FLAG | gref.0 as u64
}

/// Whether a frame field of `xen_mem_sharing_op` holds a grant reference rather than a frame.
///
/// `XENMEM_SHARING_OP_FIELD_IS_GREF` of `memory.h`.
#[must_use]
pub const fn sharing_op_field_is_gref(field: u64) -> bool {
    field & XENMEM_SHARING_OP_FIELD_IS_GREF_FLAG != 0
}

/// The grant reference in a frame field of `xen_mem_sharing_op`, or `None` if it is a frame, or
/// wider than a reference.
///
/// `XENMEM_SHARING_OP_FIELD_GET_GREF` of `memory.h`, which neither asks for the mark nor for the
/// width.
#[must_use]
pub const fn sharing_op_field_get_gref(field: u64) -> Option<grant_ref_t> {
    let gref = field & !XENMEM_SHARING_OP_FIELD_IS_GREF_FLAG;
    if sharing_op_field_is_gref(field) && gref <= u32::MAX as u64 {
        Some(grant_ref_t(gref as u32))
    } else {
        None
    }
}

/// The `frame` of `xen_mem_acquire_resource` that is page `n` of an I/O request server's synchronous
/// ring.
///
/// `XENMEM_resource_ioreq_server_frame_ioreq` of `memory.h`.
#[must_use]
pub const fn resource_ioreq_server_frame_ioreq(n: u32) -> u64 {
    1 + n as u64
}
