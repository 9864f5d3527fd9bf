//! Handles of the grants that a domain has mapped.

use std::collections::VecDeque;

use xen_abi::grant_table::GrantMapFlags;
use xen_abi::xen::domid_t;

/// Handles in a frame.
const PER_FRAME: u32 = 256;

/// A mapped grant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping {
    pub(crate) domid: domid_t,
    pub(crate) ref_: u32,
    /// `GNTMAP_*`, of which `host_map` and `device_map` say what is still mapped.
    pub(crate) flags: GrantMapFlags,
}

#[derive(Debug)]
pub(crate) struct Maptrack {
    max_frames: u32,
    mappings: Vec<Option<Mapping>>,
    /// Free handles, the next one first. The last is never used: freed ones are appended to it.
    free: VecDeque<u32>,
}

impl Maptrack {
    pub(crate) fn new(max_frames: u32) -> Self {
        Self { max_frames, mappings: Vec::new(), free: VecDeque::new() }
    }

    /// Allocates a handle.
    pub(crate) fn take(&mut self) -> Option<u32> {
        if self.free.len() > 1 {
            return self.free.pop_front();
        }
        let limit = self.limit();
        if limit / PER_FRAME >= self.max_frames {
            return None;
        }
        let more = limit + PER_FRAME;
        self.mappings.resize(more as usize, None);
        for handle in (limit + 1..more).rev() {
            self.free.push_front(handle);
        }
        Some(limit)
    }

    /// Frees a handle, which is used again after all others that are free.
    pub(crate) fn give(&mut self, handle: u32) {
        if let Some(mapping) = self.mappings.get_mut(handle as usize) {
            *mapping = None;
            self.free.push_back(handle);
        }
    }

    /// Number of handles that exist, free or not.
    pub(crate) fn limit(&self) -> u32 {
        self.mappings.len() as u32
    }

    pub(crate) fn get(&self, handle: u32) -> Option<Mapping> {
        self.mappings.get(handle as usize).copied().flatten()
    }

    pub(crate) fn set(&mut self, handle: u32, mapping: Mapping) {
        if let Some(place) = self.mappings.get_mut(handle as usize) {
            *place = Some(mapping);
        }
    }

    /// Mappings with their handles.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Mapping)> + '_ {
        (0..).zip(&self.mappings).filter_map(|(handle, mapping)| Some((handle, (*mapping)?)))
    }

    /// Free handles.
    pub(crate) fn free(&self) -> impl Iterator<Item = u32> + '_ {
        self.free.iter().copied()
    }
}
