//! `GNTTABOP_unmap_grant_ref` and `GNTTABOP_unmap_and_replace`.

use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;

use crate::config::{GuestKind, Release};
use crate::error::Granted;
use crate::state::State;
use crate::state::frames::Mfn;
use crate::state::p2m;
use crate::state::pins::Pins;

/// The arguments of both operations.
struct Unmap {
    host_addr: u64,
    dev_bus_addr: u64,
    /// The address of the mapping that replaces it; 0 for none.
    new_addr: u64,
    handle: u32,
}

impl State {
    pub(crate) fn unmap_grant_ref(
        &mut self,
        caller: domid_t,
        op: &mut gnttab_unmap_grant_ref,
    ) -> Granted {
        let gnttab_unmap_grant_ref { host_addr, dev_bus_addr, handle, .. } = *op;
        self.unmap(caller, Unmap { host_addr, dev_bus_addr, new_addr: 0, handle: handle.0 })
    }

    pub(crate) fn unmap_and_replace(
        &mut self,
        caller: domid_t,
        op: &mut gnttab_unmap_and_replace,
    ) -> Granted {
        let gnttab_unmap_and_replace { host_addr, new_addr, handle, .. } = *op;
        self.unmap(caller, Unmap { host_addr, dev_bus_addr: 0, new_addr, handle: handle.0 })
    }

    fn unmap(&mut self, caller: domid_t, unmap: Unmap) -> Granted {
        let found = self.caller(caller).maptrack.get(unmap.handle);
        let mut mapping = found.ok_or(GNTST_bad_handle)?;
        let table = self.domain(mapping.domid).map(|domain| &domain.grants);
        let active = table.and_then(|table| table.active.get(&mapping.ref_));
        let mfn = active.ok_or(GNTST_bad_handle)?.mfn;
        let device = unmap.dev_bus_addr != 0 && mapping.flags.contains(GNTMAP_device_map);
        let wrong = unmap.dev_bus_addr != 0 && unmap.dev_bus_addr != mfn.0 << 12;
        match self.release {
            Release::V4_14 if wrong => return Err(GNTST_general_error),
            _ if device && wrong => return Err(GNTST_bad_dev_addr),
            _ => {}
        }
        let mut done = mapping.flags & GNTMAP_readonly;
        if unmap.host_addr != 0 && mapping.flags.contains(GNTMAP_host_map) {
            self.unmap_host(caller, &unmap, mfn, mapping.flags)?;
            done |= GNTMAP_host_map;
        }
        if device {
            done |= GNTMAP_device_map;
        }
        mapping.flags &= !(done & !GNTMAP_readonly);
        let maptrack = &mut self.caller_mut(caller).maptrack;
        if !mapping.flags.intersects(GNTMAP_host_map | GNTMAP_device_map) {
            maptrack.give(unmap.handle);
        } else {
            maptrack.set(unmap.handle, mapping);
        }
        self.drop_mapping(mapping.domid, mapping.ref_, mfn, done);
        Ok(())
    }

    /// Removes the pins and references of the mappings in `done`, which are `GNTMAP_*`, from an
    /// entry and its frame.
    fn drop_mapping(&mut self, granter: domid_t, ref_: u32, mfn: Mfn, done: GrantMapFlags) {
        let pins = Pins::of_map(done);
        if !pins.is_zero() {
            self.unpin(granter, ref_, pins, done.contains(GNTMAP_readonly));
            for _ in 0..pins.total() {
                self.put(mfn);
            }
        }
    }

    fn unmap_host(
        &mut self,
        caller: domid_t,
        unmap: &Unmap,
        mfn: Mfn,
        flags: GrantMapFlags,
    ) -> Granted {
        let page = unmap.host_addr >> 12;
        let checks_frame = self.release > Release::V4_14;
        let domain = self.caller_mut(caller);
        if domain.is_translated() {
            if unmap.new_addr != 0 {
                return Err(GNTST_general_error);
            }
            return match (domain.p2m.get(page), domain.kind) {
                (Some(p2m::Entry { mfn: there, kind: p2m::EntryKind::Grant { .. } }), _)
                    if there == mfn =>
                {
                    domain.p2m.remove(page);
                    Ok(())
                }
                // Arm checks the frame at most, and succeeds if nothing is mapped.
                (None, GuestKind::Arm) => Ok(()),
                (Some(entry), GuestKind::Arm) if entry.mfn == mfn || !checks_frame => {
                    self.unplace(caller, page);
                    Ok(())
                }
                _ => Err(GNTST_general_error),
            };
        }
        // The replacement loses its old place even if the rest fails.
        let replacement = match unmap.new_addr {
            0 => None,
            new => domain.page_table.get_mut(&(new >> 12)).ok_or(GNTST_general_error)?.take(),
        };
        let readonly = flags.contains(GNTMAP_readonly);
        match domain.page_table.get_mut(&page) {
            Some(entry)
                if entry.is_some_and(|there| there.mfn == mfn && there.readonly == readonly) =>
            {
                *entry = replacement;
                Ok(())
            }
            _ => Err(GNTST_general_error),
        }
    }

    /// Unmaps all grants that a domain has mapped, when it is destroyed.
    pub(crate) fn drop_all_mappings(&mut self, domid: domid_t) {
        let Some(domain) = self.domain(domid) else { return };
        let mappings: Vec<_> = domain.maptrack.iter().collect();
        for (handle, mapping) in mappings {
            let granter = self.domain(mapping.domid).map(|domain| &domain.grants);
            let active = granter.and_then(|table| table.active.get(&mapping.ref_));
            let mfn = active.map(|active| active.mfn);
            if let Some(domain) = self.domain_mut(domid) {
                domain.maptrack.give(handle);
            }
            if let Some(mfn) = mfn {
                self.drop_mapping(mapping.domid, mapping.ref_, mfn, mapping.flags);
            }
        }
    }
}
