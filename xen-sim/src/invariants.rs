//! Invariants that hold between hypercalls, whatever guests do.

use std::collections::BTreeMap;

use xen_abi::grant_table::*;
use xen_abi::xen::xen_pfn_t;

use crate::abi::pfn_to_u64;
use crate::domain::Domain;
use crate::state::frames::Mfn;
use crate::state::pins::Pins;
use crate::state::{State, p2m};
use crate::xen::Xen;

impl Xen {
    /// Checks the invariants that hold between hypercalls:
    ///
    /// - the pins of each entry are those of the live handles for it;
    /// - each mapped frame has an owner, and the references that its mappings need;
    /// - no handle is both free and in use;
    /// - the in-use marks of each entry are those that its pins need;
    /// - no page was dropped while another domain mapped it.
    ///
    /// # Errors
    ///
    /// A description of the first invariant that does not hold.
    pub fn check_invariants(&self) -> Result<(), String> {
        let state = self.machine.lock();
        if let Some(violation) = state.violations.first() {
            return Err(violation.clone());
        }
        state.check_pins()?;
        state.check_references()?;
        state.check_handles()?;
        state.check_marks()
    }
}

impl Domain {
    /// Number of grants that the domain has mapped.
    #[must_use]
    pub fn live_mappings(&self) -> usize {
        let state = self.machine.lock();
        state.domain(self.domid).map_or(0, |domain| domain.maptrack.iter().count())
    }

    /// The pin counts of the domain's entry with that reference; zero if the entry is not in use.
    #[must_use]
    pub fn pins(&self, ref_: grant_ref_t) -> Pins {
        let state = self.machine.lock();
        let table = state.domain(self.domid).map(|domain| &domain.grants);
        let active = table.and_then(|table| table.active.get(&ref_.0));
        active.map(|active| active.pins).unwrap_or_default()
    }

    /// Number of pages of 4096 bytes that the domain has.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.machine.lock().domain(self.domid).map_or(0, |domain| domain.pages)
    }

    /// Number of references to the frame at a frame number of the domain's: one for its allocation,
    /// one for each other mapping. 0 if nothing is there.
    #[must_use]
    pub fn references(&self, frame: xen_pfn_t) -> u32 {
        let state = self.machine.lock();
        let entry = state.look_up(self.domid, pfn_to_u64(frame));
        let frame = entry.and_then(|entry| state.frames.get(entry.mfn));
        frame.map_or(0, |frame| frame.references)
    }
}

impl State {
    fn check_pins(&self) -> Result<(), String> {
        let mut wanted: BTreeMap<(u16, u32), Pins> = BTreeMap::new();
        for domain in self.domains.values() {
            for (_, mapping) in domain.maptrack.iter() {
                let pins = wanted.entry((mapping.domid.0, mapping.ref_)).or_default();
                pins.add(Pins::of_map(mapping.flags));
            }
        }
        for domain in self.domains.values() {
            for (ref_, active) in &domain.grants.active {
                let domid = domain.domid.0;
                let mapped = wanted.remove(&(domid, *ref_)).unwrap_or_default();
                if mapped != active.pins {
                    let pins = active.pins;
                    return Err(format!("d{domid} ref {ref_}: {pins:?} but {mapped:?} are mapped"));
                }
            }
        }
        match wanted.first_key_value() {
            None => Ok(()),
            Some(((domid, ref_), _)) => Err(format!("d{domid} ref {ref_}: mapped but not pinned")),
        }
    }

    fn check_references(&self) -> Result<(), String> {
        let mut wanted: BTreeMap<Mfn, u32> = BTreeMap::new();
        for domain in self.domains.values() {
            for active in domain.grants.active.values() {
                *wanted.entry(active.mfn).or_default() += active.pins.total();
            }
            for mfn in domain.vcpus.iter().flat_map(|vcpu| vcpu.areas.iter().flatten()) {
                *wanted.entry(*mfn).or_default() += 1;
            }
            let servers = domain.ioreq_servers.iter().flatten();
            for page in servers.flat_map(|server| &server.pages).filter(|p| p.gfn.is_some()) {
                *wanted.entry(page.mfn).or_default() += 1;
            }
            for mfn in domain.ports.fifo().into_iter().flat_map(|fifo| fifo.frames()) {
                *wanted.entry(mfn).or_default() += 1;
            }
            for mapped in domain.page_table.values().flatten().filter(|mapped| !mapped.granted) {
                *wanted.entry(mapped.mfn).or_default() += 1;
            }
            for (gfn, entry) in domain.p2m.iter() {
                if entry.kind == p2m::EntryKind::Foreign {
                    *wanted.entry(entry.mfn).or_default() += 1;
                }
                let frame = self.frames.get(entry.mfn);
                let owner = frame.and_then(|frame| frame.owner);
                let own = owner == Some(domain.domid);
                if owner.is_none() || (entry.kind == p2m::EntryKind::Ram && !own) {
                    let domid = domain.domid.0;
                    return Err(format!("d{domid} gfn {gfn:#x}: {owner:?} owns what is there"));
                }
            }
        }
        for (mfn, frame) in self.frames.iter() {
            let mapped = wanted.remove(&mfn).unwrap_or_default();
            let needed = mapped + u32::from(frame.allocated);
            let references = frame.references;
            if references != needed || (references > 0) != frame.owner.is_some() {
                return Err(format!("frame {:#x}: {references} references, not {needed}", mfn.0));
            }
        }
        Ok(())
    }

    fn check_handles(&self) -> Result<(), String> {
        for domain in self.domains.values() {
            let domid = domain.domid.0;
            let mut free: Vec<u32> = domain.maptrack.free().collect();
            free.sort_unstable();
            if free.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err(format!("d{domid}: a handle is free twice"));
            }
            if let Some(both) = free.iter().find(|handle| domain.maptrack.get(**handle).is_some()) {
                return Err(format!("d{domid}: handle {both} is free and in use"));
            }
            let live = domain.maptrack.iter().count();
            if free.len() + live != domain.maptrack.limit() as usize {
                return Err(format!("d{domid}: handles are lost"));
            }
        }
        Ok(())
    }

    fn check_marks(&self) -> Result<(), String> {
        for domain in self.domains.values() {
            for ref_ in 0..domain.grants.entries() {
                let Some(entry) = domain.grants.entry(ref_) else { continue };
                // In version 1 the bits mean something else in a transfer, and in what was never
                // granted they are what the guest wrote.
                let type_ = entry.header().flags() & GTF_type_mask;
                if !entry.is_v2() && type_ != GTF_permit_access {
                    continue;
                }
                let active = domain.grants.active.get(&ref_);
                let pins = active.map(|active| active.pins).unwrap_or_default();
                let reading = if pins.is_zero() { GrantEntryFlags::empty() } else { GTF_reading };
                let writing = if pins.writes() { GTF_writing } else { GrantEntryFlags::empty() };
                if entry.status() != reading | writing {
                    let (domid, status) = (domain.domid.0, entry.status());
                    return Err(format!("d{domid} ref {ref_}: status {status:?} with {pins:?}"));
                }
            }
        }
        Ok(())
    }
}
