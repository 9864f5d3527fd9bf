//! `XENMEM_add_to_physmap`, `XENMEM_add_to_physmap_batch` and `XENMEM_remove_from_physmap`.

use std::collections::VecDeque;

use xen_abi::Errno;
use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::xen::{DOMID_INVALID, DOMID_SELF, domid_t};

use crate::abi::{AREA, COMPAT, pfn_to_u64, ulong_to_u64};
use crate::config::{GuestKind, Release};
use crate::error::Answer;
use crate::state::State;
use crate::state::frames::Mfn;
use crate::state::guest_access::address;
use crate::state::p2m;

/// The number of no guest frame.
const INVALID_GFN: u64 = u64::MAX;

/// Elements that Xen reads before it places the first of them: for guests of 32 bits as many as the area has
/// space for, behind the structure.
const AHEAD: usize = if COMPAT { (AREA - 32) / 16 } else { 1 };

impl State {
    pub(crate) fn add_to_physmap(&mut self, caller: domid_t, at: usize, start: usize) -> Answer {
        if u16::try_from(start).is_err() {
            return Err(XEN_EDOM);
        }
        let op: xen_add_to_physmap = self.read(caller, at)?;
        if op.space == XENMAPSPACE_gmfn_foreign {
            return Err(XEN_ENOSYS);
        }
        let domid = self.physmap_of(caller, op.domid, op.space)?;
        let (first, gpfn) = (ulong_to_u64(op.idx), pfn_to_u64(op.gpfn));
        if gpfn == INVALID_GFN && self.release > Release::V4_14 {
            return Err(XEN_EINVAL);
        }
        if op.space != XENMAPSPACE_gmfn_range {
            self.add_one(caller, domid, op.space, first, gpfn, DOMID_INVALID)?;
            return Ok(0);
        }
        let argument = at;
        let size = u64::from(op.size);
        let start = start as u64;
        let rest = size.checked_sub(start).ok_or(XEN_EILSEQ)?;
        if gpfn.checked_add(size).and(first.checked_add(size)).is_none() {
            // 4.14 has no check for this, and finds no page there.
            let old = self.release == Release::V4_14;
            let arm = self.domain(domid).is_some_and(|domain| domain.kind == GuestKind::Arm);
            return Err(match (old, arm) {
                (false, _) => XEN_EOVERFLOW,
                (true, true) => XEN_ENOSYS,
                (true, false) => XEN_EINVAL,
            });
        }
        // Overlapping ranges go from the end that is not overwritten; before 4.20.4 always forward,
        // which loses pages.
        let overlap = gpfn > first && gpfn < first + size;
        let backwards = overlap && self.release >= Release::V4_20;
        for step in 0..rest {
            // Lossless: both are 16 bits.
            let next = XENMEM_add_to_physmap as usize | ((start + step) as usize) << 6;
            if self.interrupts(caller, step as usize, [next, argument, 0]) {
                return Ok(0);
            }
            let at = if backwards { rest - 1 - step } else { start + step };
            let (idx, gpfn) = (first + at, gpfn + at);
            self.add_one(caller, domid, XENMAPSPACE_gmfn, idx, gpfn, DOMID_INVALID)?;
        }
        Ok(0)
    }

    pub(crate) fn add_to_physmap_batch(
        &mut self,
        caller: domid_t,
        at: usize,
        start: usize,
    ) -> Answer {
        if u16::try_from(start).is_err() {
            return Err(XEN_EDOM);
        }
        let op: xen_add_to_physmap_batch = self.read(caller, at)?;
        let space = u32::from(op.space);
        if space == XENMAPSPACE_gmfn_range {
            return Err(XEN_EOPNOTSUPP);
        }
        let domid = self.physmap_of(caller, op.domid, space)?;
        let size = usize::from(op.size);
        if size <= start {
            return if size == 0 && start == 0 { Ok(0) } else { Err(XEN_EILSEQ) };
        }
        let foreign = *op.u.foreign_domid();
        if space == XENMAPSPACE_dev_mmio && *op.u.res0() != 0 {
            return Err(XEN_EOPNOTSUPP);
        }
        let argument = at;
        let mut ahead = VecDeque::new();
        for at in start..size {
            let next = XENMEM_add_to_physmap_batch as usize | at << 6;
            if self.interrupts(caller, at - start, [next, argument, 0]) {
                return Ok(0);
            }
            if ahead.is_empty() {
                for at in at..size.min(at + AHEAD) {
                    ahead.push_back(self.physmap_element(caller, &op, at)?);
                }
            }
            let Some((idx, gpfn)) = ahead.pop_front() else { return Ok(0) };
            if gpfn == INVALID_GFN && self.release > Release::V4_14 {
                return Err(XEN_EINVAL);
            }
            let added = self.add_one(caller, domid, space, idx, gpfn, foreign);
            let error = added.err().map_or(0, |Errno(number)| -(number as i32));
            self.write_at(caller, address(op.errs), at, error)?;
        }
        Ok(0)
    }

    /// An index and the frame where it is to be placed.
    fn physmap_element(
        &mut self,
        caller: domid_t,
        op: &xen_add_to_physmap_batch,
        at: usize,
    ) -> Answer<(u64, u64)> {
        if self.caller_mut(caller).faults.take_unreadable(at as u32) {
            return Err(XEN_EFAULT);
        }
        let idx = ulong_to_u64(self.read_at(caller, address(op.idxs), at)?);
        let gpfn = pfn_to_u64(self.read_at(caller, address(op.gpfns), at)?);
        Ok((idx, gpfn))
    }

    pub(crate) fn remove_from_physmap(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: xen_remove_from_physmap = self.read(caller, at)?;
        let domid = self.physmap_of(caller, op.domid, XENMAPSPACE_gmfn)?;
        let gpfn = pfn_to_u64(op.gpfn);
        self.populate_on_use(domid, gpfn);
        let there = self.look_up(domid, gpfn);
        let removable = |entry: p2m::Entry| !matches!(entry.kind, p2m::EntryKind::Grant { .. });
        if !there.is_some_and(removable) {
            return Err(XEN_ENOENT);
        }
        self.unplace(domid, gpfn);
        Ok(0)
    }

    /// The domain whose address space is to be changed, if it has one and the caller may.
    fn physmap_of(&self, caller: domid_t, domid: domid_t, space: u32) -> Answer<domid_t> {
        let domid = self.any_domid(caller, domid).ok_or(XEN_ESRCH)?;
        let domain = self.domain(domid).ok_or(XEN_ESRCH)?;
        let own_device = domid == caller && domain.privileged;
        if !domain.is_translated() || (space == XENMAPSPACE_dev_mmio && !own_device) {
            return Err(XEN_EACCES);
        }
        if self.may_target(caller, domid) { Ok(domid) } else { Err(XEN_EPERM) }
    }

    fn add_one(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        space: u32,
        idx: u64,
        gfn: u64,
        foreign: domid_t,
    ) -> Answer<()> {
        let arm = self.domain(domid).is_some_and(|domain| domain.kind == GuestKind::Arm);
        match space {
            XENMAPSPACE_shared_info if idx != 0 => Err(XEN_EINVAL),
            XENMAPSPACE_shared_info => {
                let mfn = self.domain(domid).ok_or(XEN_ESRCH)?.shared_info;
                self.add_special(domid, gfn, mfn)
            }
            XENMAPSPACE_grant_table => self.add_table_frame(caller, domid, idx, gfn),
            XENMAPSPACE_gmfn if !arm => self.move_page(domid, idx, gfn),
            XENMAPSPACE_gmfn_foreign => self.add_foreign(caller, domid, idx, gfn, foreign),
            // No device is simulated.
            XENMAPSPACE_dev_mmio if arm => Ok(()),
            _ if arm => Err(XEN_ENOSYS),
            _ => Err(XEN_EINVAL),
        }
    }

    fn add_table_frame(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        idx: u64,
        gfn: u64,
    ) -> Answer<()> {
        let table = &self.domain(domid).ok_or(XEN_ESRCH)?.grants;
        let status_bit = u64::from(XENMAPIDX_grant_table_status);
        let status = table.version == 2 && idx & status_bit != 0;
        let idx = if status { idx & !status_bit } else { idx };
        let mfn = self.table_frame(caller, domid, idx, status)?;
        if self.caller_mut(caller).faults.take_busy() {
            return Err(XEN_EBUSY);
        }
        self.add_special(domid, gfn, mfn)?;
        if let Some(domain) = self.domain_mut(domid).filter(|_| !status) {
            domain.grants.expose(idx as u32);
        }
        Ok(())
    }

    /// Maps a frame of Xen's own.
    fn add_special(&mut self, domid: domid_t, gfn: u64, mfn: Mfn) -> Answer<()> {
        self.check_gfn(domid, gfn)?;
        let arm = self.domain(domid).is_some_and(|domain| domain.kind == GuestKind::Arm);
        // Since 4.22 Arm does not track where such a frame is.
        if arm && self.release < Release::V4_22 {
            let mapped = self.frames.get(mfn).and_then(|frame| frame.gfn);
            if let Some(elsewhere) = mapped {
                if self.release > Release::V4_14 {
                    return Err(XEN_EBUSY);
                }
                self.unplace(domid, elsewhere);
            }
        } else if !arm {
            self.vacate(domid, gfn, mfn)?;
        }
        if self.place(domid, gfn, mfn) { Ok(()) } else { Err(XEN_EPERM) }
    }

    /// Only 4.14 comes here with the number of no frame, once it has found what is to be put there.
    fn check_gfn(&self, domid: domid_t, gfn: u64) -> Answer<()> {
        let arm = self.domain(domid).is_some_and(|domain| domain.kind == GuestKind::Arm);
        match gfn {
            INVALID_GFN => Err(if arm { XEN_EINVAL } else { XEN_ENOENT }),
            _ => Ok(()),
        }
    }

    /// Removes what is at a guest frame number where something is to be mapped (x86). Memory of the
    /// domain's own is freed.
    fn vacate(&mut self, domid: domid_t, gfn: u64, mfn: Mfn) -> Answer<()> {
        let Some(there) = self.look_up(domid, gfn).filter(|there| there.mfn != mfn) else {
            return Ok(());
        };
        if self.frames.get(there.mfn).is_some_and(|frame| frame.special) {
            self.unplace(domid, gfn);
            return Ok(());
        }
        self.remove_page(domid, gfn)
    }

    /// Moves a page within the domain's address space (x86).
    fn move_page(&mut self, domid: domid_t, from: u64, gfn: u64) -> Answer<()> {
        self.populate_on_use(domid, from);
        let entry = self.look_up(domid, from).filter(|entry| entry.kind == p2m::EntryKind::Ram);
        let nothing = if self.release < Release::V4_20 { XEN_EINVAL } else { XEN_EACCES };
        let mfn = entry.ok_or(nothing)?.mfn;
        self.check_gfn(domid, gfn)?;
        self.vacate(domid, gfn, mfn)?;
        if self.place(domid, gfn, mfn) { Ok(()) } else { Err(XEN_EPERM) }
    }

    fn add_foreign(
        &mut self,
        caller: domid_t,
        domid: domid_t,
        idx: u64,
        gfn: u64,
        foreign: domid_t,
    ) -> Answer<()> {
        let arm = self.domain(domid).is_some_and(|domain| domain.kind == GuestKind::Arm);
        let old = self.release == Release::V4_14 || arm && self.release < Release::V4_20;
        if old && foreign == DOMID_SELF {
            return Err(XEN_EINVAL);
        }
        if !self.may_map_foreign(domid) {
            return Err(XEN_EPERM);
        }
        // Releases differ in the error number.
        if old && foreign == caller {
            return Err(if arm { XEN_ESRCH } else { XEN_EINVAL });
        }
        self.remote(caller, foreign)?;
        if foreign == domid {
            return Err(XEN_EINVAL);
        }
        if !self.may_target(domid, foreign) {
            return Err(XEN_EPERM);
        }
        self.populate_on_use(foreign, idx);
        let found = self.look_up(foreign, idx).filter(|entry| entry.kind == p2m::EntryKind::Ram);
        let mfn = found.ok_or(XEN_EINVAL)?.mfn;
        self.check_gfn(domid, gfn)?;
        if !arm {
            self.vacate(domid, gfn, mfn)?;
        }
        self.map_foreign(domid, foreign, gfn, mfn)
    }

    /// Maps a frame of another domain's, with a reference.
    pub(crate) fn map_foreign(
        &mut self,
        domid: domid_t,
        owner: domid_t,
        gfn: u64,
        mfn: Mfn,
    ) -> Answer<()> {
        if !self.frames.hold(mfn, owner) {
            return Err(XEN_EINVAL);
        }
        if self.insert(domid, gfn, p2m::Entry { mfn, kind: p2m::EntryKind::Foreign }) {
            return Ok(());
        }
        self.put(mfn);
        Err(XEN_EPERM)
    }

    /// Whether a domain may map others' frames without a grant. Before 4.20 x86 held no references
    /// to those that translated domains mapped, and refused.
    pub(crate) fn may_map_foreign(&self, domid: domid_t) -> bool {
        self.domain(domid).is_some_and(|domain| {
            domain.kind != GuestKind::Pvh || domain.privileged || self.release >= Release::V4_20
        })
    }
}
