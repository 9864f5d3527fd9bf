//! `GNTTABOP_set_version` and `GNTTABOP_get_version`.

use core::mem::offset_of;

use xen_abi::errno::*;
use xen_abi::grant_table::*;
use xen_abi::xen::domid_t;

use crate::error::Answer;
use crate::state::State;
use crate::state::grant_table::{Header, RESERVED};

/// An entry that survives a change of version.
type Kept = (Header, u64);

const STATUS: GrantEntryFlags = GTF_reading.union(GTF_writing);

impl State {
    pub(crate) fn set_version(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: gnttab_set_version = self.read(caller, at)?;
        let answer = self.change_version(caller, op.version);
        let version = self.caller(caller).grants.version;
        self.write(caller, at, gnttab_set_version { version })?;
        answer
    }

    fn change_version(&mut self, caller: domid_t, version: u32) -> Answer {
        if version != 1 && version != 2 {
            return Err(XEN_EINVAL);
        }
        let table = &self.caller(caller).grants;
        if version > table.max_version {
            return Err(XEN_ENOSYS);
        }
        if version == table.version {
            return Ok(0);
        }
        let pinned = table.active.range(RESERVED..).next().is_some();
        if pinned || self.caller_mut(caller).faults.take_busy() {
            return Err(XEN_EBUSY);
        }
        let kept = if version == 2 { self.leave_v1(caller)? } else { self.leave_v2(caller)? };
        let table = &mut self.caller_mut(caller).grants;
        // Entries of either version fill the frames.
        table.clear();
        table.version = version;
        for (ref_, (header, frame)) in (0..).zip(kept) {
            if let Some(entry) = table.entry(ref_) {
                entry.set_frame(frame);
                if version == 2 {
                    entry.set_status(header.flags() & STATUS);
                    entry.set_header(Header(header.0 & !u32::from(STATUS.bits())));
                } else {
                    entry.set_header(header);
                }
            }
        }
        Ok(0)
    }

    fn leave_v1(&mut self, caller: domid_t) -> Answer<Vec<Kept>> {
        let domain = self.domains.get_mut(&caller.0).ok_or(XEN_ESRCH)?;
        if domain.faults.take_no_memory() {
            return Err(XEN_ENOMEM);
        }
        domain.grants.add_status_frames(&mut self.frames, caller);
        let entry = |ref_| domain.grants.entry(ref_);
        Ok((0..RESERVED).filter_map(entry).map(|entry| (entry.header(), entry.frame())).collect())
    }

    fn leave_v2(&mut self, caller: domid_t) -> Answer<Vec<Kept>> {
        if self.caller_mut(caller).faults.take_copying() {
            return Err(XEN_EAGAIN);
        }
        let table = &self.caller(caller).grants;
        let mut kept = Vec::new();
        for entry in (0..RESERVED).filter_map(|ref_| table.entry(ref_)) {
            let (header, frame) = (entry.header(), entry.frame());
            kept.push(match header.flags() & GTF_type_mask {
                GTF_transitive => return Err(XEN_ERANGE),
                GTF_permit_access if frame > u64::from(u32::MAX) => return Err(XEN_ERANGE),
                GTF_permit_access => (header.with(entry.status()), frame),
                _ => (Header(0), 0),
            });
        }
        self.drop_status_frames(caller)?;
        Ok(kept)
    }

    /// Frees the status frames, unless another domain has them mapped.
    fn drop_status_frames(&mut self, caller: domid_t) -> Answer<()> {
        let table = &self.caller(caller).grants;
        let frames: Vec<_> = (0..table.status_frames).map(|at| table.status_mfn(at)).collect();
        let translated = self.caller(caller).is_translated();
        for mfn in &frames {
            let Some(frame) = self.frames.get(*mfn) else { continue };
            let references = frame.references;
            if let Some(gfn) = frame.gfn.filter(|_| translated) {
                self.unplace(caller, gfn);
            }
            if references > 1 {
                if translated {
                    self.caller_mut(caller).crashed =
                        Some("status frames were in use when its grant table left version 2");
                }
                return Err(XEN_EBUSY);
            }
        }
        for mfn in frames {
            self.frames.free(mfn);
        }
        self.caller_mut(caller).grants.status_frames = 0;
        Ok(())
    }

    pub(crate) fn get_version(&mut self, caller: domid_t, at: usize) -> Answer {
        let op: gnttab_get_version = self.read(caller, at)?;
        let domid = self.any_domid(caller, op.dom).ok_or(XEN_ESRCH)?;
        if !self.may_target(caller, domid) {
            return Err(XEN_EPERM);
        }
        let version = self.domain(domid).map_or(0, |domain| domain.grants.version);
        let place = at.wrapping_add(offset_of!(gnttab_get_version, version));
        self.write(caller, place, version)?;
        Ok(0)
    }
}
