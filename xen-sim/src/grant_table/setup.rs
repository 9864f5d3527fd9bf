//! `GNTTABOP_setup_table`, `GNTTABOP_query_size` and `GNTTABOP_get_status_frames`: the table's
//! frames.

use core::mem::offset_of;

use xen_abi::errno::*;
use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;

use crate::abi::{COMPAT, pfn, pfn_to_u64};
use crate::config::Release;
use crate::error::{Answer, Granted};
use crate::grant_table::Statuses;
use crate::state::State;
use crate::state::frames::Mfn;
use crate::state::grant_table::status_frames;
use crate::state::guest_access::address;

impl State {
    pub(crate) fn setup_table(
        &mut self,
        caller: domid_t,
        at: usize,
        count: u32,
        statuses: &mut Statuses,
    ) -> Answer {
        if COMPAT && count == 0 {
            return Ok(0);
        }
        if count != 1 {
            return Err(XEN_EINVAL);
        }
        let op: gnttab_setup_table = self.read(caller, at)?;
        self.check_array(caller, address(op.frame_list))?;
        let status = self.table_frames(caller, &op);
        let place = at.wrapping_add(offset_of!(gnttab_setup_table, status));
        self.answer(caller, place, status, statuses)
    }

    fn table_frames(&mut self, caller: domid_t, op: &gnttab_setup_table) -> Granted {
        let domid = self.table_of(caller, op.dom)?;
        let pv = !self.domain(domid).is_some_and(|domain| domain.is_translated());
        let table = self.domain(domid).map(|domain| &domain.grants).ok_or(GNTST_bad_domain)?;
        if op.nr_frames > table.max_frames {
            return Err(GNTST_general_error);
        }
        if op.nr_frames > table.frames && !self.grow_table(caller, domid, op.nr_frames) {
            return Err(GNTST_general_error);
        }
        for at in 0..op.nr_frames {
            let Some(domain) = self.domain_mut(domid) else { return Err(GNTST_bad_domain) };
            let mfn = domain.grants.shared_mfn(at);
            if pv {
                domain.grants.expose(at);
            }
            let gfn = self.table_gfn(pv, mfn);
            let written = self.write_at(caller, address(op.frame_list), at as usize, pfn(gfn));
            if COMPAT && (written.is_err() || pfn_to_u64(pfn(gfn)) != gfn) {
                // Xen has copied the status to the guest by then, and does not copy this error.
                break;
            }
            written.map_err(|_| GNTST_bad_virt_addr)?;
        }
        Ok(())
    }

    /// Grows `domid`'s table to `frames` frames, which it may have. False if there is no memory.
    pub(crate) fn grow_table(&mut self, caller: domid_t, domid: domid_t, frames: u32) -> bool {
        if self.caller_mut(caller).faults.take_no_memory() {
            return false;
        }
        let Some(domain) = self.domains.get_mut(&domid.0) else { return false };
        domain.grants.grow(&mut self.frames, domid, frames);
        true
    }

    /// The frame of entries or status words with that index; the table grows until it has one.
    pub(crate) fn table_frame(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        idx: u64,
        status: bool,
    ) -> Answer<Mfn> {
        let idx = u32::try_from(idx).map_err(|_| XEN_EINVAL)?;
        let table = &self.domain(domid).ok_or(XEN_ESRCH)?.grants;
        let have = if status { table.status_frames } else { table.frames };
        if idx >= have {
            // A status frame holds the status words of 8 frames of entries.
            let per_status = if status { 8 } else { 1 };
            let needed = idx.checked_add(1).and_then(|count| count.checked_mul(per_status));
            let needed = needed.filter(|needed| *needed <= table.max_frames).ok_or(XEN_EINVAL)?;
            if !self.grow_table(caller, domid, needed) {
                return Err(XEN_EINVAL);
            }
        }
        let table = &self.domain(domid).ok_or(XEN_ESRCH)?.grants;
        debug_assert!(!status || idx < status_frames(table.frames));
        Ok(if status { table.status_mfn(idx) } else { table.shared_mfn(idx) })
    }

    /// The number of a frame as a guest knows it: the machine frame in a PV guest, else the guest
    /// frame.
    fn table_gfn(&self, pv: bool, mfn: Mfn) -> u64 {
        if pv {
            return mfn.0;
        }
        self.frames.get(mfn).and_then(|frame| frame.gfn).unwrap_or(u64::MAX)
    }

    /// The domain whose table an operation is about, if the caller may ask.
    fn table_of(&self, caller: domid_t, domid: domid_t) -> Granted<domid_t> {
        let domid = self.any_domid(caller, domid).ok_or(GNTST_bad_domain)?;
        if self.may_target(caller, domid) { Ok(domid) } else { Err(GNTST_permission_denied) }
    }

    /// Writes the status of a single operation.
    fn answer(
        &mut self,
        caller: domid_t,
        place: usize,
        status: Granted,
        statuses: &mut Statuses,
    ) -> Answer {
        let status = status.err().unwrap_or(GNTST_okay);
        self.write(caller, place, status)?;
        statuses.push(status);
        Ok(0)
    }

    pub(crate) fn query_size(
        &mut self,
        caller: domid_t,
        at: usize,
        count: u32,
        statuses: &mut Statuses,
    ) -> Answer {
        if count != 1 {
            return Err(XEN_EINVAL);
        }
        let mut op: gnttab_query_size = self.read(caller, at)?;
        match self.table_of(caller, op.dom) {
            Ok(domid) => {
                if let Some(domain) = self.domain(domid) {
                    op.nr_frames = domain.grants.frames;
                    op.max_nr_frames = domain.grants.max_frames;
                }
                op.status = GNTST_okay;
            }
            Err(status) => op.status = status,
        }
        self.write(caller, at, op)?;
        statuses.push(op.status);
        Ok(0)
    }

    pub(crate) fn get_status_frames(
        &mut self,
        caller: domid_t,
        at: usize,
        count: u32,
        statuses: &mut Statuses,
    ) -> Answer {
        if count != 1 {
            return Err(XEN_EINVAL);
        }
        let op: gnttab_get_status_frames = self.read(caller, at)?;
        // 4.14 looked at the list's address only when it wrote to it.
        if self.release > Release::V4_14 {
            self.check_array(caller, address(op.frame_list))?;
        }
        let status = self.list_status_frames(caller, &op);
        let place = at.wrapping_add(offset_of!(gnttab_get_status_frames, status));
        self.answer(caller, place, status, statuses)
    }

    fn list_status_frames(&mut self, caller: domid_t, op: &gnttab_get_status_frames) -> Granted {
        let domid = self.table_of(caller, op.dom)?;
        let domain = self.domain(domid).ok_or(GNTST_bad_domain)?;
        if op.nr_frames > domain.grants.status_frames {
            return Err(GNTST_general_error);
        }
        for at in 0..op.nr_frames {
            let frame = self.table_gfn(!domain.is_translated(), domain.grants.status_mfn(at));
            self.write_at(caller, address(op.frame_list), at as usize, frame)
                .map_err(|_| GNTST_bad_virt_addr)?;
        }
        Ok(())
    }
}
