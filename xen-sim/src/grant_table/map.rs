//! `GNTTABOP_map_grant_ref`.

use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;

use crate::config::Release;
use crate::error::Granted;
use crate::grant_table::claim::{Claim, unclaim};
use crate::state::State;
use crate::state::domain::Mapped;
use crate::state::frames::Mfn;
use crate::state::maptrack::Mapping;
use crate::state::p2m;
use crate::state::pins::{Active, Pins};

impl State {
    pub(crate) fn map_grant_ref(
        &mut self,
        caller: domid_t,
        op: &mut gnttab_map_grant_ref,
    ) -> Granted {
        if Pins::of_map(op.flags).is_zero() {
            return Err(GNTST_bad_gntref);
        }
        let pv_only = GNTMAP_device_map | GNTMAP_application_map | GNTMAP_contains_pte;
        if self.caller(caller).is_translated() && op.flags.intersects(pv_only) {
            return Err(GNTST_general_error);
        }
        // `DOMID_SELF` is not accepted, even when the granter is the caller.
        if self.domain(op.dom).is_none() {
            return Err(GNTST_bad_domain);
        }
        if !self.may_deal(caller, caller, op.dom) {
            return Err(GNTST_permission_denied);
        }
        let Some(handle) = self.take_handle(caller) else {
            return Err(if self.release < Release::V4_17 {
                GNTST_no_device_space
            } else {
                GNTST_no_space
            });
        };
        match self.map_entry(caller, op) {
            Ok(mfn) => {
                let mapping = Mapping { domid: op.dom, ref_: op.ref_.0, flags: op.flags };
                self.caller_mut(caller).maptrack.set(handle, mapping);
                op.handle = grant_handle_t(handle);
                op.dev_bus_addr = mfn.0 << 12;
                Ok(())
            }
            Err(status) => {
                self.caller_mut(caller).maptrack.give(handle);
                Err(status)
            }
        }
    }

    fn take_handle(&mut self, caller: domid_t) -> Option<u32> {
        let domain = self.caller_mut(caller);
        if domain.faults.take_no_space() { None } else { domain.maptrack.take() }
    }

    /// Pins the entry and maps its frame.
    fn map_entry(&mut self, caller: domid_t, op: &gnttab_map_grant_ref) -> Granted<Mfn> {
        let (granter, ref_) = (op.dom, op.ref_.0);
        let pins = Pins::of_map(op.flags);
        let readonly = op.flags.contains(GNTMAP_readonly);
        let table = &self.domain(granter).ok_or(GNTST_bad_domain)?.grants;
        let entry = table.entry(ref_).ok_or(GNTST_bad_gntref)?;
        let active = table.active.get(&ref_).copied();
        if let Some(active) = active {
            if active.domid != caller
                || active.pins.is_full_for(pins, self.release)
                || active.is_sub_page
            {
                return Err(GNTST_general_error);
            }
        }
        let mut held = false;
        if active.is_none_or(|active| !readonly && !active.pins.writes()) {
            let pinned = active.is_some();
            self.claim(caller, entry, Claim { claimer: caller, readonly, map: true, pinned })?;
        }
        let active = match active {
            Some(active) => active,
            None => match self.hold_frame(caller, granter, entry.frame()) {
                Ok(mfn) => {
                    held = true;
                    Active {
                        pins: Pins::default(),
                        domid: caller,
                        mfn,
                        start: 0,
                        length: 4096,
                        is_sub_page: false,
                        source: (granter, ref_),
                    }
                }
                Err(status) => {
                    unclaim(entry, Pins::default(), readonly);
                    return Err(status);
                }
            },
        };
        let mfn = active.mfn;
        if let Some(domain) = self.domain_mut(granter) {
            domain.grants.active.entry(ref_).or_insert(active).pins.add(pins);
        }
        let mut references = u32::from(held);
        let wanted = (op.flags & (GNTMAP_host_map | GNTMAP_device_map)).bits().count_ones();
        while references < wanted && self.frames.hold(mfn, granter) {
            references += 1;
        }
        let mapped = if references != wanted {
            Err(GNTST_general_error)
        } else if op.flags.contains(GNTMAP_host_map) {
            self.map_host(caller, op.host_addr, mfn, op.flags)
        } else {
            Ok(())
        };
        if let Err(status) = mapped {
            self.unpin(granter, ref_, pins, readonly);
            for _ in 0..references {
                self.put(mfn);
            }
            return Err(status);
        }
        Ok(mfn)
    }

    /// Removes pins from an entry, and the in-use bits that no other pin needs.
    pub(crate) fn unpin(&mut self, granter: domid_t, ref_: u32, pins: Pins, readonly: bool) {
        let Some(domain) = self.domain_mut(granter) else { return };
        let table = &mut domain.grants;
        let Some(active) = table.active.get_mut(&ref_) else { return };
        active.pins.subtract(pins);
        let left = active.pins;
        if left.is_zero() {
            table.active.remove(&ref_);
        }
        if let Some(entry) = table.entry(ref_) {
            unclaim(entry, left, readonly);
        }
    }

    /// Takes a reference to the frame that `domid` has at `gfn`, which must be its own memory.
    pub(crate) fn hold_frame(&mut self, caller: domid_t, domid: domid_t, gfn: u64) -> Granted<Mfn> {
        if self.caller_mut(caller).faults.take_eagain() {
            return Err(GNTST_eagain);
        }
        self.populate_on_use(domid, gfn);
        let found = self.look_up(domid, gfn).filter(|entry| entry.kind == p2m::EntryKind::Ram);
        let mfn = found.ok_or(GNTST_bad_page)?.mfn;
        if self.frames.hold(mfn, domid) { Ok(mfn) } else { Err(GNTST_bad_page) }
    }

    fn map_host(
        &mut self,
        caller: domid_t,
        host_addr: u64,
        mfn: Mfn,
        flags: GrantMapFlags,
    ) -> Granted {
        let readonly = flags.contains(GNTMAP_readonly);
        let page = host_addr >> 12;
        let domain = self.caller_mut(caller);
        if domain.is_translated() {
            // A translated guest has no page table entries that Xen could write.
            if flags & !GNTMAP_readonly != GNTMAP_host_map {
                return Err(GNTST_general_error);
            }
            let entry = p2m::Entry { mfn, kind: p2m::EntryKind::Grant { readonly } };
            return if self.insert(caller, page, entry) {
                Ok(())
            } else {
                Err(GNTST_general_error)
            };
        }
        // Page table entries have no addresses here: `GNTMAP_contains_pte` finds none.
        let mapped = Mapped { mfn, readonly, granted: true };
        if !flags.contains(GNTMAP_contains_pte) && self.set_pte(caller, page, Some(mapped)) {
            Ok(())
        } else {
            Err(GNTST_general_error)
        }
    }
}
