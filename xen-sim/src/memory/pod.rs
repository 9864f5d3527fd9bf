//! Memory that is populated on demand (x86): guest frames that get a page from the domain's cache when
//! they are first used.
//!
//! Xen may find further pages for the cache by looking for pages of zeroes. The simulator does not: a
//! domain whose cache is empty is crashed.

use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::xen::domid_t;

use crate::config::{GuestKind, Release};
use crate::error::Answer;
use crate::state::State;
use crate::state::p2m;

impl State {
    /// `XENMEM_get_pod_target` and `XENMEM_set_pod_target`.
    pub(super) fn pod_target(&mut self, caller: domid_t, at: usize, set: bool) -> Answer {
        let mut op: xen_pod_target = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.domid).ok_or(XEN_ESRCH)?;
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        if !domain.is_translated() && self.release > Release::V4_14 {
            return Err(XEN_EINVAL);
        }
        if !self.caller(caller).privileged {
            return Err(XEN_EPERM);
        }
        if set {
            if op.target_pages > domain.max_pages as u64 {
                return Err(XEN_EINVAL);
            }
            self.set_pod_target(domid, op.target_pages)?;
        }
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        op.tot_pages = domain.pages as u64;
        op.pod_cache_pages = domain.pod.cache.len() as u64;
        op.pod_entries = domain.pod.entries.len() as u64;
        self.write(caller, at, op)?;
        Ok(0)
    }

    /// Gives the cache as many pages as the target leaves for it, or as there are entries.
    fn set_pod_target(&mut self, domid: domid_t, target: u64) -> Answer<()> {
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        let (pages, entries) = (domain.pages, domain.pod.entries.len());
        let populated = pages - domain.pod.cache.len();
        // Lossless: it is not above the most pages that the domain may have.
        let target = target as usize;
        // A smaller target is for the guest's balloon driver to reach.
        if (populated > 0 && entries == 0) || domain.dying || target < pages {
            return Ok(());
        }
        let wanted = target - populated;
        let wanted = if populated > 0 { wanted.min(entries) } else { wanted };
        while self.domain(domid).is_some_and(|domain| domain.pod.cache.len() < wanted) {
            let mfn = self.allocate(domid, 0).ok_or(XEN_ENOMEM)?;
            if let Some(domain) = self.domain_mut(domid) {
                domain.pod.cache.push(mfn);
            }
        }
        self.shrink_cache(domid, wanted);
        Ok(())
    }

    /// Frees pages of the cache beyond that number.
    fn shrink_cache(&mut self, domid: domid_t, most: usize) {
        let Some(domain) = self.domain_mut(domid) else { return };
        let surplus = domain.pod.cache.split_off(most.min(domain.pod.cache.len()));
        for mfn in surplus {
            self.free(mfn);
        }
    }

    /// Marks frames of another domain to be populated on demand. False if Xen refuses.
    pub(super) fn mark_on_demand(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        gfn: u64,
        order: u32,
    ) -> bool {
        if caller == domid {
            return false;
        }
        let Some(domain) = self.domain_mut(domid) else { return false };
        match domain.kind {
            // Nothing is marked, and no error told.
            GuestKind::Pv => return true,
            GuestKind::Arm => return false,
            GuestKind::Pvh => {}
        }
        let Some(end) = gfn.checked_add(1 << order) else { return false };
        if domain.p2m.iter().any(|(at, _)| (gfn..end).contains(&at)) {
            return false;
        }
        domain.pod.entries.extend(gfn..end);
        true
    }

    /// Populates a guest frame if that is to be done on demand, because it is used now.
    pub(crate) fn populate_on_use(&mut self, domid: domid_t, gfn: u64) {
        let Some(domain) = self.domain_mut(domid) else { return };
        if domain.dying || !domain.pod.entries.contains(&gfn) {
            return;
        }
        let Some(mfn) = domain.pod.cache.pop() else {
            domain.crashed = Some("had no memory left to populate on demand");
            return;
        };
        // Forgets the entry too.
        self.insert(domid, gfn, p2m::Entry { mfn, kind: p2m::EntryKind::Ram });
    }

    /// What `XENMEM_decrease_reservation` does with a frame of a domain that has entries: true if
    /// that is all. An entry is forgotten; a page goes to the cache as long as that is too small.
    pub(super) fn decrease_on_demand(&mut self, domid: domid_t, gfn: u64) -> bool {
        let Some(domain) = self.domain_mut(domid) else { return false };
        let entries = domain.pod.entries.len();
        if entries == 0 || domain.dying {
            return false;
        }
        if domain.pod.entries.remove(&gfn) {
            self.shrink_cache(domid, entries - 1);
            return true;
        }
        let short = domain.pod.cache.len() < entries;
        let entry = self.look_up(domid, gfn);
        let Some(entry) = entry.filter(|entry| short && entry.kind == p2m::EntryKind::Ram) else {
            return false;
        };
        if self.frames.get(entry.mfn).is_none_or(|frame| frame.special || frame.references != 1) {
            return false;
        }
        self.unplace(domid, gfn);
        if let Some(view) = self.frames.view(entry.mfn) {
            view.clear();
        }
        if let Some(domain) = self.domain_mut(domid) {
            domain.pod.cache.push(entry.mfn);
        }
        true
    }
}
