//! Allocating frames to domains, and freeing them with their last reference.

use xen_abi::xen::domid_t;

use crate::state::State;
use crate::state::frames::{Frame, Mfn};

impl State {
    /// 2 to the power of `order` cleared frames for `domid`, within its limit and the machine's.
    pub(crate) fn allocate(&mut self, domid: domid_t, order: u32) -> Option<Mfn> {
        let domain = self.domain(domid)?;
        let pages = domain.pages.checked_add(1_usize.checked_shl(order)?)?;
        if domain.dying || pages > domain.max_pages {
            return None;
        }
        let more = pages - domain.pages;
        // What other domains have claimed is not available.
        if more > domain.claimed && more > self.available() {
            return None;
        }
        let mfn = self.frames.allocate(domid, order)?;
        let domain = self.domain_mut(domid)?;
        domain.pages = pages;
        domain.claimed = domain.claimed.saturating_sub(more);
        Some(mfn)
    }

    /// Frames that are neither allocated nor claimed.
    pub(crate) fn available(&self) -> usize {
        let claimed = self.domains.values().map(|domain| domain.claimed).sum();
        self.frames.unused().saturating_sub(claimed)
    }

    /// Drops a reference to a frame; the last one frees it.
    pub(crate) fn put(&mut self, mfn: Mfn) {
        let special = self.frames.get(mfn).is_some_and(|frame| frame.special);
        let owner = self.frames.release(mfn);
        self.freed(owner, special);
    }

    /// Drops the reference that a frame's owner has to it by its allocation.
    pub(crate) fn free(&mut self, mfn: Mfn) {
        let special = self.frames.get(mfn).is_some_and(|frame| frame.special);
        let owner = self.frames.free(mfn);
        self.freed(owner, special);
    }

    /// Accounts for a frame that is free now, and had that owner.
    fn freed(&mut self, owner: Option<domid_t>, special: bool) {
        if let Some(owner) = owner {
            if let Some(domain) = self.domain_mut(owner).filter(|_| !special) {
                domain.pages = domain.pages.saturating_sub(1);
            }
            self.free_if_unused(owner);
        }
    }

    /// Removes a destroyed domain once none of its frames is in use by another.
    pub(crate) fn free_if_unused(&mut self, domid: domid_t) {
        if !self.domain(domid).is_some_and(|domain| domain.destroyed) {
            return;
        }
        let in_use =
            |frame: &Frame| frame.owner == Some(domid) && (!frame.special || frame.references > 1);
        if self.frames.iter().any(|(_, frame)| in_use(frame)) {
            return;
        }
        let own = self.frames.iter().filter(|(_, frame)| frame.owner == Some(domid));
        for mfn in own.map(|(mfn, _)| mfn).collect::<Vec<Mfn>>() {
            self.frames.free(mfn);
        }
        self.domains.remove(&domid.0);
    }
}
