//! x86: the entries of a machine check report.
//!
//! Upstream: `xen/include/public/arch-x86/xen-mca.h`, whose macros follow pointers. Here an entry is
//! known by its offset in `mc_info.mi_data`, in bytes from 0, and what the report says of its own
//! length is checked.

/// Bytes of `mcinfo_common`, which every entry begins with.
const COMMON_SIZE: usize = 4;

#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
const _: () = assert!(size_of::<crate::arch_x86::xen_mca::mcinfo_common>() == COMMON_SIZE);

/// Type (`MC_TYPE_*`) and size in bytes of the entry at `offset`, or `None` if it does not lie within
/// `mi_data` or is too short for its own head.
///
/// `struct mcinfo_common` of `arch-x86/xen-mca.h`.
#[must_use]
pub const fn x86_mcinfo_common(mi_data: &[u64], offset: usize) -> Option<(u16, u16)> {
    let left = size_of_val(mi_data).saturating_sub(offset);
    if left < COMMON_SIZE {
        return None;
    }
    let size = half(mi_data, offset + 2);
    if (size as usize) < COMMON_SIZE || size as usize > left {
        return None;
    }
    Some((half(mi_data, offset), size))
}

/// The offset after the entry at `offset`, where the next one begins if there is one; `None` if there
/// is no whole entry at `offset`.
///
/// `x86_mcinfo_next` of `arch-x86/xen-mca.h`.
#[must_use]
pub const fn x86_mcinfo_next(mi_data: &[u64], offset: usize) -> Option<usize> {
    match x86_mcinfo_common(mi_data, offset) {
        Some((_, size)) => Some(offset + size as usize),
        None => None,
    }
}

/// The offset of the first of `nentries` entries that is of type `mc_type`, or `None` if there is none
/// before the report ends or stops making sense.
///
/// `x86_mcinfo_lookup` of `arch-x86/xen-mca.h`.
///
/// ```
/// # use xen_abi::macros::xen_mca::x86_mcinfo_lookup;
/// // An entry of type 0 and 8 bytes, then one of type 1 and 8 bytes.
/// let mi_data = [0x0008_0000, 0x0008_0001];
/// assert_eq!(x86_mcinfo_lookup(&mi_data, 2, 1), Some(8));
/// assert_eq!(x86_mcinfo_lookup(&mi_data, 1, 1), None);
/// ```
#[must_use]
pub const fn x86_mcinfo_lookup(mi_data: &[u64], nentries: u32, mc_type: u16) -> Option<usize> {
    let (mut offset, mut left) = (0, nentries);
    // Ends with the data at the latest, since every entry has a length.
    while left > 0 {
        let Some((found, size)) = x86_mcinfo_common(mi_data, offset) else { return None };
        if found == mc_type {
            return Some(offset);
        }
        offset += size as usize;
        left -= 1;
    }
    None
}

/// The 16 bits at byte `offset`, which lies within `words` with the one after it.
const fn half(words: &[u64], offset: usize) -> u16 {
    u16::from_le_bytes([byte(words, offset), byte(words, offset + 1)])
}

const fn byte(words: &[u64], offset: usize) -> u8 {
    words[offset / 8].to_le_bytes()[offset % 8]
}
