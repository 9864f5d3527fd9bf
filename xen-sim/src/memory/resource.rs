//! `XENMEM_acquire_resource`.

use core::mem::offset_of;

use xen_abi::errno::*;
use xen_abi::memory::*;
use xen_abi::xen::domid_t;

use crate::abi::{pfn, pfn_to_u64};
use crate::config::{GuestKind, Release};
use crate::error::Answer;
use crate::memory::extent::MAX_EXTENTS;
use crate::state::State;
use crate::state::frames::Mfn;
use crate::state::grant_table::status_frames;
use crate::state::guest_access::address;

/// Number of frames that Xen maps at a time.
const STRIDE: usize = 32;

impl State {
    pub(crate) fn acquire_resource(&mut self, caller: domid_t, at: usize, start: usize) -> Answer {
        // 4.14 refused translated domains on Arm as on x86.
        let domain = self.caller(caller);
        let refused =
            self.release == Release::V4_14 && domain.is_translated() && !domain.privileged;
        if refused || !self.may_map_foreign(caller) {
            return Err(XEN_EACCES);
        }
        let op: xen_mem_acquire_resource = self.read(caller, at)?;
        if op.pad != 0 {
            return Err(XEN_EINVAL);
        }
        let old = self.release == Release::V4_14;
        let list = address(op.frame_list);
        if old {
            if list == 0 {
                let answer = if op.nr_frames == 0 { Ok(STRIDE as u32) } else { Err(XEN_EINVAL) };
                return self.answer_size(caller, at, answer?);
            }
            if op.nr_frames as usize > STRIDE {
                return Err(XEN_E2BIG);
            }
        } else if op.frame.saturating_add(u64::from(op.nr_frames)) > u64::from(u32::MAX) {
            return Err(XEN_EINVAL);
        }
        self.remote(caller, op.domid)?;
        if !self.may_target(caller, op.domid) {
            return Err(XEN_EPERM);
        }
        let size = self.resource_size(op.domid, u32::from(op.type_), op.id);
        let unknown = u32::from(op.type_) > XENMEM_resource_vmtrace_buf;
        // 4.17 takes the error number for an unknown type as a number of frames.
        let size = match self.release {
            Release::V4_17 if unknown => XEN_EOPNOTSUPP.0.wrapping_neg(),
            _ => size,
        };
        if size == 0 {
            return Err(if old && op.type_ != 1 { XEN_EOPNOTSUPP } else { XEN_EINVAL });
        }
        if list == 0 {
            let asked = op.nr_frames != 0 || start != 0;
            return if asked { Err(XEN_EINVAL) } else { self.answer_size(caller, at, size) };
        }
        let count = op.nr_frames as usize;
        if count <= start || count > MAX_EXTENTS {
            return Err(XEN_EINVAL);
        }
        let mut next = start;
        while next < count {
            let continued = XENMEM_acquire_resource as usize | next << 6;
            if self.interrupts(caller, (next - start) / STRIDE, [continued, at, 0]) {
                return Ok(0);
            }
            let todo = (count - next).min(STRIDE);
            let frames =
                self.resource_frames(caller, &op, op.frame.saturating_add(next as u64), todo)?;
            self.list_frames(caller, op.domid, list, next, frames)?;
            next += todo;
        }
        Ok(0)
    }

    fn answer_size(&self, caller: domid_t, at: usize, size: u32) -> Answer {
        let place = at.wrapping_add(offset_of!(xen_mem_acquire_resource, nr_frames));
        self.write(caller, place, size)?;
        Ok(0)
    }

    /// Maximum number of frames of a resource; 0 if it does not exist.
    fn resource_size(&self, domid: domid_t, type_: u32, id: u32) -> u32 {
        let Some(domain) = self.domain(domid) else { return 0 };
        match (type_, id) {
            (XENMEM_resource_grant_table, XENMEM_resource_grant_table_id_shared) => {
                domain.grants.max_frames
            }
            (XENMEM_resource_grant_table, XENMEM_resource_grant_table_id_status)
                if domain.kind != GuestKind::Arm =>
            {
                status_frames(domain.grants.max_frames)
            }
            // One page for buffered requests, one for those of up to 128 vCPUs.
            (XENMEM_resource_ioreq_server, _) if domain.kind == GuestKind::Pvh => 2,
            _ => 0,
        }
    }

    fn resource_frames(
        &mut self,
        caller: domid_t,
        op: &xen_mem_acquire_resource,
        first: u64,
        count: usize,
    ) -> Answer<Vec<Mfn>> {
        match u32::from(op.type_) {
            XENMEM_resource_grant_table => {}
            XENMEM_resource_ioreq_server => {
                return self.ioreq_frames(caller, op.domid, op.id, first, count);
            }
            _ => return Err(XEN_EOPNOTSUPP),
        }
        let status = op.id == XENMEM_resource_grant_table_id_status;
        if status && self.domain(op.domid).is_none_or(|domain| domain.grants.version != 2) {
            return Err(XEN_EINVAL);
        }
        // The last one first, so that the table grows once.
        let frames = (0..count as u64).rev();
        let frames: Answer<Vec<Mfn>> = frames
            .map(|at| self.table_frame(caller, op.domid, first.saturating_add(at), status))
            .collect();
        let mut frames = frames?;
        frames.reverse();
        if let Some(domain) = self.domain_mut(op.domid).filter(|_| !status) {
            for at in 0..count as u64 {
                domain.grants.expose((first + at) as u32);
            }
        }
        Ok(frames)
    }

    /// Returns the frames' numbers to a PV guest; maps them at a translated guest's frames.
    fn list_frames(
        &mut self,
        caller: domid_t,
        owner: domid_t,
        list: usize,
        first: usize,
        frames: Vec<Mfn>,
    ) -> Answer<()> {
        if !self.caller(caller).is_translated() {
            for (at, mfn) in (first..).zip(frames) {
                self.write_at(caller, list, at, pfn(mfn.0))?;
            }
            return Ok(());
        }
        let mut gfns = Vec::new();
        for at in first..first + frames.len() {
            gfns.push(pfn_to_u64(self.read_at(caller, list, at)?));
        }
        for (at, (mfn, gfn)) in frames.into_iter().zip(gfns).enumerate() {
            let fails = self.caller_mut(caller).faults.take_acquire(at as u32);
            let mapped = match fails {
                true => Err(XEN_ENOMEM),
                false => self.map_foreign(caller, owner, gfn, mfn),
            };
            // Earlier frames stay mapped: the caller has to remove them.
            mapped.map_err(|errno| if at == 0 { errno } else { XEN_EIO })?;
        }
        Ok(())
    }
}
