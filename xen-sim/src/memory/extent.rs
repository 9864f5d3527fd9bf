//! Limits on extents of memory.

/// Extents that an operation can count in the upper bits of its command.
pub(super) const MAX_EXTENTS: usize = (u32::MAX >> 6) as usize;

/// The order of the largest extent that a domain may ask for: 2 to that power pages.
pub(super) const fn max_order(privileged: bool) -> u32 {
    if privileged { 18 } else { 9 }
}

/// The order of the largest extent that is marked to be populated on demand.
pub(super) const MAX_ORDER: u32 = 20;
